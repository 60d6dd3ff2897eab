//! Approving and rejecting.

use super::attempt::{Charged, Checked, charge, charged_authenticator, settle};
use super::login::LoginView;
use super::{delegation, usable};
use crate::Id;
use crate::approval::{self, ApprovalStatement, Decision, UserVerification, Verified, id};
use crate::authenticator::{Authenticator, remember};
use crate::delegation::OnBehalf;
use crate::digest::{hex, sha256};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::login::Login;
use crate::pin::{Pin, Secret as _};
use crate::receipt::Signature;
use crate::store::Tx;

/// Finds the login that a statement decides about and checks everything but the PIN. The attempt is
/// remembered in the login; the caller writes the row.
fn decide(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    verified: &Verified<ApprovalStatement>,
    decision: Decision,
) -> Result<(Login, Authenticator, Decided)> {
    let statement = verified.statement();
    let (authenticator, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
    let login = tx.login(&id(&statement.login_id)?)?;
    let mut login = login.ok_or(Error::denied(Reason::LoginNotFound))?;
    approval::check(statement, &login, &authenticator.id, decision)?;
    UserVerification::parse(statement.user_verification)?;
    remember(&mut login.attempts, id(&statement.attempt_id)?)?;
    login.expect_opened_by(&authenticator.id, at.now)?;
    let on_behalf = match decision {
        Decision::Approve => delegation::chosen(tx, at, statement, &login, &identity.id)?,
        Decision::Reject => None,
    };
    let decided = Decided::by(verified, &login, on_behalf);
    Ok((login, authenticator, decided))
}

/// What is kept of a statement once it is decided by.
struct Decided {
    statement_sha256: [u8; 32],
    /// All of it, if it signs a document.
    signed: Option<Signature>,
    /// For whom, if not for the subscriber.
    on_behalf: Option<OnBehalf>,
}

impl Decided {
    fn by(
        verified: &Verified<ApprovalStatement>,
        login: &Login,
        on_behalf: Option<OnBehalf>,
    ) -> Self {
        let signed = || Signature {
            statement: verified.bytes().to_vec(),
            signature: verified.signature().to_vec(),
        };
        Self {
            statement_sha256: sha256(verified.bytes()),
            signed: login.document.is_some().then(signed),
            on_behalf,
        }
    }

    /// What the history keeps of a decision: the digests of what was signed.
    fn event(&self, kind: &'static str, login: &Login, extra: serde_json::Value) -> NewEvent {
        let mut detail = serde_json::json!({
            "service_provider": login.service_provider,
            "statement_sha256": hex(&self.statement_sha256),
        });
        if let Some(detail) = detail.as_object_mut() {
            if let Some(document) = &login.document {
                detail.insert("document_sha256".to_owned(), hex(&document.sha256).into());
            }
            detail.extend(extra.as_object().cloned().unwrap_or_default());
        }
        NewEvent {
            kind,
            identity_id: login.identity_id,
            authenticator_id: login.authenticator_id,
            login_id: Some(login.id),
            actor: "device".to_owned(),
            detail: detail.to_string(),
        }
    }
}

fn approved(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &mut Login,
    authenticator_id: &Id,
    how: UserVerification,
    decided: &Decided,
) -> Result<LoginView> {
    login.approve(authenticator_id, how, at.now)?;
    login.signed.clone_from(&decided.signed);
    login.on_behalf = decided.on_behalf;
    tx.put_login(login)?;
    let by = match how {
        UserVerification::Pin => "pin",
        UserVerification::Biometrics => "biometrics",
        UserVerification::None => "none",
    };
    let extra = serde_json::json!({ "user_verification": by });
    tx.append_event(decided.event(kind::LOGIN_APPROVED, login, extra), at.now)?;
    if let Some(on_behalf) = decided.on_behalf {
        tell_principal(tx, at, login, &on_behalf)?;
    }
    Ok(LoginView::of(login, at.now))
}

/// Whoever is acted for learns of it in their own history.
fn tell_principal(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
    on_behalf: &OnBehalf,
) -> Result<()> {
    let detail = serde_json::json!({
        "service_provider": login.service_provider,
        "delegation_id": hex(&on_behalf.delegation_id),
    });
    let event = NewEvent {
        kind: kind::LOGIN_ON_BEHALF,
        identity_id: Some(on_behalf.principal_id),
        login_id: Some(login.id),
        actor: "device".to_owned(),
        detail: detail.to_string(),
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)
}

/// Approves a login with a key that the phone's biometrics released.
pub struct ApproveByBiometrics {
    /// What the phone signed.
    pub verified: Verified<ApprovalStatement>,
}

impl Command for ApproveByBiometrics {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let (mut login, authenticator, decided) =
            decide(tx, at, &self.verified, Decision::Approve)?;
        if !authenticator.biometrics_on {
            return Err(Error::denied(Reason::BiometricsOff));
        }
        authenticator.lockout.expect_open(&at.policy.lockout, &Pin::REFUSALS, at.now)?;
        let how = UserVerification::Biometrics;
        approved(tx, at, &mut login, &authenticator.id, how, &decided)
    }
}

/// Ends an opened login.
pub struct RejectLogin {
    /// What the phone signed.
    pub verified: Verified<ApprovalStatement>,
    /// The subscriber did not start this login.
    pub not_me: bool,
}

impl Command for RejectLogin {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let (mut login, authenticator, decided) = decide(tx, at, &self.verified, Decision::Reject)?;
        login.reject(&authenticator.id, at.now)?;
        tx.put_login(&login)?;
        let extra = serde_json::json!({ "not_me": self.not_me });
        tx.append_event(decided.event(kind::LOGIN_REJECTED, &login, extra), at.now)?;
        Ok(LoginView::of(&login, at.now))
    }
}

/// Charges a strike for a PIN that is about to be looked at.
pub struct ChargeApproval {
    /// What the phone signed.
    pub verified: Verified<ApprovalStatement>,
}

/// An attempt at a login.
pub struct ChargedApproval {
    /// The only way to the hash.
    pub charged: Charged,
    login_id: Id,
    decided: Decided,
}

impl Command for ChargeApproval {
    type Outcome = ChargedApproval;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ChargedApproval> {
        let (login, mut authenticator, decided) =
            decide(tx, at, &self.verified, Decision::Approve)?;
        let charged = charge(&mut authenticator, at)?;
        tx.put_authenticator(&authenticator)?;
        tx.put_login(&login)?;
        Ok(ChargedApproval { charged, login_id: login.id, decided })
    }
}

impl ChargedApproval {
    /// Looks at the PIN.
    ///
    /// # Errors
    /// As [`Charged::check`].
    pub fn check(self, look: impl FnOnce(Charged) -> Result<Checked>) -> Result<SettleApproval> {
        Ok(SettleApproval {
            checked: look(self.charged)?,
            login_id: self.login_id,
            decided: self.decided,
            upgraded: None,
        })
    }
}

/// Settles a checked attempt: approves, or keeps the strike.
pub struct SettleApproval {
    checked: Checked,
    login_id: Id,
    decided: Decided,
    /// The PIN record made anew, if its parameters had fallen behind.
    pub upgraded: Option<Vec<u8>>,
}

impl SettleApproval {
    /// What the look at the PIN showed.
    #[must_use]
    pub const fn checked(&self) -> &Checked {
        &self.checked
    }
}

impl Command for SettleApproval {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let mut authenticator = charged_authenticator(tx, &self.checked)?;
        settle(tx, at, &mut authenticator, &self.checked, Some(self.login_id))?;
        if let Some(upgraded) = &self.upgraded {
            authenticator.pin_record.clone_from(upgraded);
        }
        tx.put_authenticator(&authenticator)?;
        // The PIN was right; whether the login may still be approved is another question.
        let (_, identity) = usable(tx, &authenticator.id)?;
        let login = tx.login(&self.login_id)?;
        let mut login = login.ok_or(Error::denied(Reason::LoginNotFound))?;
        if let Some(OnBehalf { delegation_id, .. }) = self.decided.on_behalf {
            delegation::acts_for(tx, at, &login, &identity.id, &delegation_id)?;
        }
        let how = UserVerification::Pin;
        approved(tx, at, &mut login, &authenticator.id, how, &self.decided)
    }
}
