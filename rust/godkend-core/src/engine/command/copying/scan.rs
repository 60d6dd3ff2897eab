//! The new phone shows the QR code and the user ID that was typed.

use super::{expect_usable, find, temporary_pin_id, told};
use crate::Id;
use crate::approval::Verified;
use crate::budget::Cell;
use crate::clock::Millis;
use crate::copy_code::CopyCode;
use crate::copy_statement::CopyScanStatement;
use crate::copying::{AppCopy, Confirmed, NewPhone, State};
use crate::engine::command::temporary_pin::{Order, issue};
use crate::engine::command::{derive_id, draw, put_budgets};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::kind;
use crate::identity::Identity;
use crate::random;
use crate::recovery::Means;
use crate::signature::PublicKey;
use crate::store::Tx;

/// Trades a scanned QR code and a user ID for a challenge. Every way in which they do not fit takes the
/// same path to the same answer.
pub struct ScanCopy {
    /// Where the new phone calls from.
    pub source: String,
    /// What the new phone signed with its new key.
    pub verified: Verified<CopyScanStatement>,
    /// The code in it.
    pub code: CopyCode,
    /// What was typed, in canonical form.
    pub user_id_canonical: String,
    /// The key that signed.
    pub public_key: PublicKey,
    /// As the phone gave it.
    pub device_name: String,
}

/// What the new phone signs at the end.
pub struct CopyScanned {
    /// Names the copy.
    pub copy_id: Id,
    /// To be signed.
    pub challenge: [u8; 32],
    /// Until when the phone may finish.
    pub expires_at: Millis,
}

impl Command for ScanCopy {
    type Outcome = CopyScanned;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CopyScanned> {
        let drawn = self.draw(tx, at)?;
        let copy = self.find(tx, at)?;
        // Derived and compared even if there is no such copy, so that every answer costs the same.
        let code_id = copy.as_ref().and_then(code_id).unwrap_or_default();
        let proved = CopyCode::derive(at.keys, self.code.copy_id, &code_id).matches(&self.code);
        if let Some(copy) = copy.filter(|_| proved) {
            let identity = tx.identity(&copy.identity_id)?;
            let named =
                identity.filter(|identity| identity.user_id.canonical == self.user_id_canonical);
            if named.is_some() && self.repeats(&copy) {
                return scanned(&copy);
            }
            match (named, copy.into_confirmed(at.now)) {
                (Some(identity), Some(confirmed)) => {
                    return self.scan(tx, at, confirmed, &identity);
                }
                (None, Some(confirmed)) => self.miss(tx, at, confirmed)?,
                (_, None) => {}
            }
        }
        put_budgets(tx, &drawn)?;
        Err(Error::denied(Reason::CopyCodeWrong))
    }
}

impl ScanCopy {
    /// What the budgets would be after this try; written only if it is wrong, since whoever shows the
    /// right code is no stranger.
    fn draw(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<[Cell; 2]> {
        let budget = &at.policy.budget;
        let source = derive_id(at.keys, b"budget copy source v1", &[self.source.as_bytes()]);
        let overall = derive_id(at.keys, b"budget copy overall v1", &[]);
        draw(tx, [(source, budget.copy_source), (overall, budget.copy_overall)], at.now)
    }

    /// The copy that the code names, unless its old app may no longer be used.
    fn find(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<Option<AppCopy>> {
        let found = find(tx, at, &self.code.copy_id);
        let usable = |copy| expect_usable(tx, &copy).map(|()| copy);
        match found.and_then(usable) {
            Ok(copy) => Ok(Some(copy)),
            Err(Error::Denied(_)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Whether this phone has scanned already and repeats itself, because it missed the answer.
    fn repeats(&self, copy: &AppCopy) -> bool {
        copy.state == State::Scanned
            && copy.phone.as_ref().is_some_and(|phone| {
                phone.public_key == self.public_key && phone.device_name == self.device_name
            })
    }

    fn scan(
        &self,
        tx: &mut dyn Tx,
        at: &mut Moment<'_>,
        confirmed: Confirmed,
        identity: &Identity,
    ) -> Result<CopyScanned> {
        let challenge = random::array(at.random)?;
        let device_name = self.device_name.clone();
        let policy = &at.policy.copying;
        let copy = confirmed.scan(self.public_key, device_name, challenge, policy, at.now);
        // First, so that the code can be scanned again if none can be sent.
        send_temporary_pin(tx, at, &copy, identity)?;
        tx.put_copy(&copy)?;
        self.tell(tx, at, kind::COPY_SCANNED, &copy)?;
        scanned(&copy)
    }

    fn miss(&self, tx: &mut dyn Tx, at: &Moment<'_>, confirmed: Confirmed) -> Result<()> {
        let copy = confirmed.miss();
        tx.put_copy(&copy)?;
        self.tell(tx, at, kind::COPY_REFUSED, &copy)
    }

    fn tell(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        kind: &'static str,
        copy: &AppCopy,
    ) -> Result<()> {
        let detail = serde_json::json!({ "device_name": self.device_name });
        tx.append_event(told(kind, copy, detail), at.now)
    }
}

/// Sends the temporary PIN to the subscriber's phone number. Not for the old app: whoever holds it might
/// choose a new PIN with it there.
fn send_temporary_pin(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    copy: &AppCopy,
    identity: &Identity,
) -> Result<()> {
    let order = Order {
        id: temporary_pin_id(at.keys, copy).unwrap_or_default(),
        actor: "device",
        means: Means::Copying,
        evidence_reference: "",
        signed_in_with: Some(copy.authenticator_id),
    };
    issue(tx, at, identity, &order).map(drop)
}

/// The code that is shown, or was scanned.
fn code_id(copy: &AppCopy) -> Option<Id> {
    let scanned = copy.phone.as_ref().map(|phone| phone.code_id);
    copy.code.map(|code| code.id).or(scanned)
}

fn scanned(copy: &AppCopy) -> Result<CopyScanned> {
    let phone = copy.phone.as_ref().ok_or(Error::denied(Reason::CopyCodeWrong))?;
    let NewPhone { challenge, expires_at, .. } = *phone;
    Ok(CopyScanned { copy_id: copy.id, challenge, expires_at })
}
