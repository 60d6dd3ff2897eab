//! Starting, opening, cancelling and redeeming logins.

use super::delegation::{Principal, acts_for, principals};
use super::{derive_id, draw, put_budgets, usable};
use crate::Id;
use crate::approval::{OpenStatement, Verified, fresh, id};
use crate::assertion::{self, Act, Claims, Organisation};
use crate::authenticator::Authenticator;
use crate::challenge::{QrSecret, Scanned};
use crate::clock::Millis;
use crate::delegation::{Acting, OnBehalf};
use crate::digest::hex;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::level::{self, Level, Used};
use crate::login::{Login, State, Way, displaced};
use crate::nemid::ServiceKind;
use crate::organisation;
use crate::policy::after;
use crate::random;
use crate::receipt;
use crate::signing::Document;
use crate::store::Tx;

/// Starts a login. Repeating the request gives the same login. The user ID is never looked up here: every
/// one that could be typed takes the same path.
pub struct StartLogin {
    /// The client that asks.
    pub front_end: String,
    /// Names the request.
    pub request_id: Id,
    /// Who asks.
    pub service_provider: String,
    /// What it is for.
    pub text: String,
    /// What is to be signed, if anything.
    pub document: Option<Document>,
    /// Whether it may be, or must be, on somebody's behalf.
    pub acting: Acting,
    /// Whether the service provider offers a business service.
    pub business_service: bool,
    /// What the service provider is to NemID.
    pub service_kind: ServiceKind,
    /// What the subscriber typed, in canonical form, if anything.
    pub user_id_canonical: Option<String>,
    /// SHA-256 of the front-end's secret.
    pub verifier_digest: [u8; 32],
    /// Where the subscriber comes from.
    pub source: String,
    /// Repeated in the assertion.
    pub nonce: String,
    /// The lowest level that will do.
    pub level_min: Level,
}

/// What the front-end needs to show codes.
pub struct LoginStarted {
    /// The login.
    pub login_id: Id,
    /// Where it is now.
    pub state: State,
    /// The key of its codes.
    pub qr_secret: QrSecret,
    /// How long ago it started.
    pub elapsed_ms: u64,
    /// When its time is over.
    pub expires_at: Millis,
    /// How long until then; 0 once over.
    pub expires_in_ms: u64,
}

/// Where a login is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginView {
    /// Its state.
    pub state: State,
    /// When its time is over.
    pub expires_at: Millis,
    /// How long until then; 0 once over.
    pub expires_in_ms: u64,
}

impl LoginView {
    /// The view of a login at a time.
    #[must_use]
    pub fn of(login: &Login, now: Millis) -> Self {
        Self {
            state: login.state_at(now),
            expires_at: login.expires_at,
            expires_in_ms: login.expires_in_ms(now),
        }
    }
}

/// The digest under which a typed user ID is kept.
pub(super) fn user_id_digest(keys: &Keys, canonical: &str) -> [u8; 32] {
    keys.derive(b"user id v1", &[canonical.as_bytes()])
}

impl Command for StartLogin {
    type Outcome = LoginStarted;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginStarted> {
        let login_id = Self::login_id(at.keys, &self.front_end, &self.request_id);
        let source = derive_id(at.keys, b"budget login source v1", &[self.source.as_bytes()]);
        let user_id = self.user_id_canonical.as_ref().map(|it| user_id_digest(at.keys, it));
        if let Some(login) = tx.login(&login_id)? {
            return self.resumed(&login, user_id, source, at);
        }
        self.spend_budgets(tx, at, source)?;
        if let Some(user_id) = user_id {
            let pending = tx.pending_logins(&user_id, &source, at.now)?;
            let open_max = at.policy.login.identifier_logins_max;
            if let Some(oldest) = displaced(&pending, open_max) {
                let mut oldest = oldest.clone();
                oldest.cancel(at.now)?;
                tx.put_login(&oldest)?;
            }
        }
        let login = Login {
            id: login_id,
            front_end: self.front_end.clone(),
            service_provider: self.service_provider.clone(),
            text: self.text.clone(),
            document: self.document.clone(),
            acting: self.acting,
            business_service: self.business_service,
            service_kind: self.service_kind,
            user_id_digest: user_id,
            source_digest: source,
            verifier_digest: self.verifier_digest,
            nonce: self.nonce.clone(),
            level_min: self.level_min,
            state: State::Pending,
            challenge: random::array(at.random)?,
            identity_id: None,
            authenticator_id: None,
            way: None,
            user_verification: None,
            attempts: Vec::new(),
            started_at: at.now,
            expires_at: after(at.now, at.policy.login.life_ms),
            approved_at: None,
            on_behalf: None,
            signed: None,
        };
        tx.put_login(&login)?;
        Ok(Self::started(&login, at))
    }
}

impl StartLogin {
    /// The id of the login that a front-end's request makes, known before it is made: so it can be
    /// watched from its first moment.
    #[must_use]
    pub fn login_id(keys: &Keys, front_end: &str, request_id: &Id) -> Id {
        derive_id(keys, b"login v1", &[front_end.as_bytes(), request_id])
    }

    fn spend_budgets(&self, tx: &mut dyn Tx, at: &Moment<'_>, source: Id) -> Result<()> {
        let budget = &at.policy.budget;
        let front_end =
            derive_id(at.keys, b"budget login front-end v1", &[self.front_end.as_bytes()]);
        let overall = derive_id(at.keys, b"budget login overall v1", &[]);
        let budgets = [
            (source, budget.login_source),
            (front_end, budget.login_front_end),
            (overall, budget.login_overall),
        ];
        let drawn = draw(tx, budgets, at.now)?;
        put_budgets(tx, &drawn)
    }

    fn resumed(
        &self,
        login: &Login,
        user_id: Option<[u8; 32]>,
        source: Id,
        at: &Moment<'_>,
    ) -> Result<LoginStarted> {
        let same = login.front_end == self.front_end
            && login.service_provider == self.service_provider
            && login.text == self.text
            && login.document == self.document
            && login.acting == self.acting
            && login.business_service == self.business_service
            && login.service_kind == self.service_kind
            && login.user_id_digest == user_id
            && login.source_digest == source
            && login.verifier_digest == self.verifier_digest
            && login.nonce == self.nonce
            && login.level_min == self.level_min;
        if same {
            Ok(Self::started(login, at))
        } else {
            Err(Error::denied(Reason::RequestIdReused))
        }
    }

    fn started(login: &Login, at: &Moment<'_>) -> LoginStarted {
        LoginStarted {
            login_id: login.id,
            state: login.state_at(at.now),
            qr_secret: QrSecret::derive(at.keys, &login.id),
            elapsed_ms: u64::try_from(at.now.saturating_sub(login.started_at)).unwrap_or(0),
            expires_at: login.expires_at,
            expires_in_ms: login.expires_in_ms(at.now),
        }
    }
}

/// Binds a login to the phone that scanned its code.
pub struct OpenLogin {
    /// What the phone signed.
    pub verified: Verified<OpenStatement>,
}

/// What the phone shows and signs.
pub struct LoginOpened {
    /// The login.
    pub login_id: Id,
    /// To be signed.
    pub challenge: [u8; 32],
    /// Who asks.
    pub service_provider: String,
    /// What it is for.
    pub text: String,
    /// What is to be signed, if anything.
    pub document: Option<Document>,
    /// Whether it may be, or must be, on somebody's behalf.
    pub acting: Acting,
    /// For whom the subscriber may act, if that is asked.
    pub principals: Vec<Principal>,
    /// When its time is over.
    pub expires_at: Millis,
}

impl Command for OpenLogin {
    type Outcome = LoginOpened;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginOpened> {
        let statement = self.verified.statement();
        let (authenticator, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        let scanned = Scanned::parse(&statement.code)?;
        let mut login = tx.login(&scanned.login_id)?.ok_or(Error::denied(Reason::CodeInvalid))?;
        scanned.check(at.keys, login.started_at, at.policy.login.qr_accepted_ms, at.now)?;
        let before = login.state;
        let user_id = user_id_digest(at.keys, &identity.user_id.canonical);
        login.open(&identity, &user_id, &authenticator, at.now)?;
        let principals = principals(tx, at, &login, &identity.id)?;
        if login.state != before {
            tx.put_login(&login)?;
        }
        Ok(LoginOpened {
            login_id: login.id,
            challenge: login.challenge,
            service_provider: login.service_provider,
            text: login.text,
            document: login.document,
            acting: login.acting,
            principals,
            expires_at: login.expires_at,
        })
    }
}

/// Ends a login that is not approved yet. Repeating it changes nothing.
pub struct CancelLogin {
    /// The client that asks.
    pub front_end: String,
    /// Which login.
    pub login_id: Id,
}

impl Command for CancelLogin {
    type Outcome = LoginView;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let mut login = tx.login(&self.login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
        login.expect_started_by(&self.front_end)?;
        login.cancel(at.now)?;
        tx.put_login(&login)?;
        Ok(LoginView::of(&login, at.now))
    }
}

/// Consumes an approved login and gives its assertion, signed before the commit: were the signing key to
/// fail, nothing would be consumed.
pub struct RedeemLogin {
    /// The client that asks.
    pub front_end: String,
    /// Which login.
    pub login_id: Id,
    /// The secret that the login started with.
    pub verifier: zeroize::Zeroizing<Vec<u8>>,
}

/// What a login ends in.
pub struct Redeemed {
    /// The signed token.
    pub assertion: String,
    /// If a document was signed, what to keep for years.
    pub receipt: Option<String>,
}

impl Command for RedeemLogin {
    type Outcome = Redeemed;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Redeemed> {
        let mut login = tx.login(&self.login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
        login.redeem(&self.front_end, &self.verifier, at.now)?;
        // A block that came after the approval still stops it.
        let (identity, used, phone) = approver(tx, at, &login)?;
        if login.identity_id != Some(identity.id) {
            return Err(Error::fault(Reason::StoreFault, "a login approved by another's phone"));
        }
        organisation::admit(&identity, login.business_service)?;
        let principal_id = match login.on_behalf {
            Some(OnBehalf { delegation_id, .. }) => {
                acts_for(tx, at, &login, &identity.id, &delegation_id)?.id
            }
            None => identity.id,
        };
        let redeemed = Self::redeemed(&login, &identity, &principal_id, phone.as_ref(), used, at)?;
        tx.put_login(&login)?;
        let event = NewEvent {
            kind: kind::LOGIN_REDEEMED,
            identity_id: Some(identity.id),
            authenticator_id: login.authenticator_id,
            login_id: Some(login.id),
            actor: self.front_end.clone(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(redeemed)
    }
}

/// Who approved a login, if what they did it with may still be used.
fn approver(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
) -> Result<(Identity, Used, Option<Authenticator>)> {
    let unapproved = || Error::denied(Reason::LoginNotApproved);
    match login.way {
        Some(Way::App) => {
            let phone = login.authenticator_id.ok_or_else(unapproved)?;
            let (authenticator, identity) = usable(tx, &phone)?;
            let verified = login.user_verification.ok_or_else(unapproved)?;
            Ok((identity, Used::App(authenticator.enrolment, verified), Some(authenticator)))
        }
        Some(Way::Display) => Ok((super::password::usable(tx, at, login)?, Used::Display, None)),
        Some(Way::KeyCard) => Ok((super::password::usable(tx, at, login)?, Used::KeyCard, None)),
        Some(Way::Password) => {
            let identity = tx.identity(&login.identity_id.ok_or_else(unapproved)?)?;
            let identity = identity.ok_or_else(unapproved)?;
            identity.usable()?;
            Ok((identity, Used::Password, None))
        }
        None => Err(unapproved()),
    }
}

impl RedeemLogin {
    fn redeemed(
        login: &Login,
        identity: &Identity,
        principal_id: &Id,
        phone: Option<&Authenticator>,
        used: Used,
        at: &Moment<'_>,
    ) -> Result<Redeemed> {
        // Asked again: the level that is claimed is never below the one that was asked for.
        let reached = level::reach(identity.level, used.level(), login.level_min)?;
        let login_id = hex(&login.id);
        let life_s = i64::try_from(at.policy.assertion.life_ms / 1_000).unwrap_or(0);
        let now_s = at.now.div_euclid(1_000);
        let subject = |id| assertion::pairwise_subject(at.keys, id, &login.service_provider);
        let claims = Claims {
            iss: &at.policy.assertion.issuer,
            aud: &login.service_provider,
            sub: &subject(principal_id),
            act: login.on_behalf.map(|_| Act { sub: subject(&identity.id) }),
            org: identity.organisation.as_deref().map(|cvr| Organisation { cvr }),
            acr: reached.urn(),
            amr: used.methods(),
            nsis_loa: reached.name(),
            nsis_ial: identity.level.name(),
            nsis_aal: used.level().name(),
            auth_time: login.approved_at.unwrap_or(at.now).div_euclid(1_000),
            iat: now_s,
            exp: now_s.saturating_add(life_s),
            nonce: (!login.nonce.is_empty()).then_some(login.nonce.as_str()),
            txn: &login_id,
            sid: &login_id,
        };
        let receipt = match (&login.document, &login.signed, phone) {
            (None, None, _) => None,
            (Some(document), Some(signed), Some(phone)) => {
                Some(receipt::sign(at.keys, &claims, &login.text, document, signed, phone)?)
            }
            _ => return Err(Error::fault(Reason::StoreFault, "a signature without its document")),
        };
        Ok(Redeemed { assertion: assertion::sign(at.keys, &claims)?, receipt })
    }
}
