//! Choosing a PIN with a temporary one, on an app whose PIN is forgotten.
//!
//! Strikes and locks stay: a temporary PIN is no success, and must not buy more guesses. A dead PIN stays
//! dead, and does not cost the temporary PIN a try.

use super::temporary_pin::{
    ChargedTemporaryPin, CheckedTemporaryPin, charge_temporary_pin, use_temporary_pin,
};
use super::usable;
use crate::Id;
use crate::approval::{PinResetStatement, Verified, fresh, id};
use crate::authenticator::Authenticator;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::pin::Pin;
use crate::store::Tx;

/// Charges a try of the temporary PIN.
pub struct ChargePinReset {
    /// What the phone signed.
    pub verified: Verified<PinResetStatement>,
}

/// A charged try, for one app.
pub struct ChargedPinReset {
    charged: ChargedTemporaryPin,
    authenticator_id: Id,
    pin_version: u32,
}

impl Command for ChargePinReset {
    type Outcome = ChargedPinReset;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ChargedPinReset> {
        let statement = self.verified.statement();
        let mut authenticator = resettable(tx, at, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        authenticator.remember(id(&statement.attempt_id)?)?;
        let (identity_id, authenticator_id) = (authenticator.identity_id, authenticator.id);
        let charged = charge_temporary_pin(tx, at, &identity_id, &authenticator_id)?;
        tx.put_authenticator(&authenticator)?;
        let pin_version = authenticator.pin_version;
        Ok(ChargedPinReset { charged, authenticator_id, pin_version })
    }
}

/// An app that may be used and whose PIN is not dead.
fn resettable(tx: &mut dyn Tx, at: &Moment<'_>, id: &Id) -> Result<Authenticator> {
    let (authenticator, _) = usable(tx, id)?;
    if authenticator.lockout.is_dead(&at.policy.lockout) {
        return Err(Error::denied(Reason::PinDead));
    }
    Ok(authenticator)
}

impl ChargedPinReset {
    /// Looks at the temporary PIN that was typed; the PIN that was chosen is hashed if it was right.
    ///
    /// # Errors
    /// What `hash` gives. The try stays charged.
    pub fn check(
        self,
        typed: &Pin,
        hash: impl FnOnce(&Id, u32) -> Result<Vec<u8>>,
    ) -> Result<SettlePinReset> {
        let Self { charged, authenticator_id, pin_version } = self;
        let checked = charged.check(typed);
        let pin_version = pin_version.wrapping_add(1);
        let hashed =
            checked.is_right().then(|| hash(&authenticator_id, pin_version)).transpose()?;
        Ok(SettlePinReset { checked, authenticator_id, pin_version, pin_record: hashed })
    }
}

/// Settles a checked try: the chosen PIN takes the place of the forgotten one, or the try stays charged.
pub struct SettlePinReset {
    checked: CheckedTemporaryPin,
    authenticator_id: Id,
    /// What the new PIN counts as.
    pin_version: u32,
    /// The new PIN, hashed and sealed; `None` if the temporary one was wrong.
    pin_record: Option<Vec<u8>>,
}

impl Command for SettlePinReset {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let Some(pin_record) = &self.pin_record else {
            return use_temporary_pin(tx, at, &self.checked, Some(self.authenticator_id));
        };
        let mut authenticator = resettable(tx, at, &self.authenticator_id)?;
        // Changed in the meantime by somebody who knew it; the record is sealed for another version.
        if authenticator.pin_version.wrapping_add(1) != self.pin_version {
            return Err(Error::denied(Reason::TemporaryPinOver));
        }
        use_temporary_pin(tx, at, &self.checked, Some(self.authenticator_id))?;
        authenticator.pin_record.clone_from(pin_record);
        authenticator.pin_version = self.pin_version;
        tx.put_authenticator(&authenticator)?;
        let event = NewEvent {
            kind: kind::PIN_RESET,
            identity_id: Some(authenticator.identity_id),
            authenticator_id: Some(authenticator.id),
            actor: "device".to_owned(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)
    }
}
