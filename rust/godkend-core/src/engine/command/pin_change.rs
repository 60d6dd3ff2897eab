//! Replacing a PIN by a chosen one: the old one is charged and checked as in a login.

use super::attempt::{Charged, Checked, charge, charged_authenticator, settle};
use super::usable;
use crate::approval::{PinChangeStatement, Verified, fresh, id};
use crate::engine::lane::{Command, Moment};
use crate::error::Result;
use crate::event::{NewEvent, kind};
use crate::store::Tx;

/// Charges a strike for the old PIN.
pub struct ChargePinChange {
    /// What the phone signed.
    pub verified: Verified<PinChangeStatement>,
}

impl Command for ChargePinChange {
    type Outcome = Charged;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Charged> {
        let statement = self.verified.statement();
        let (mut authenticator, _) = usable(tx, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        authenticator.remember(id(&statement.attempt_id)?)?;
        let charged = charge(&mut authenticator, at)?;
        tx.put_authenticator(&authenticator)?;
        Ok(charged)
    }
}

/// Settles a checked attempt: replaces the PIN, or keeps the strike.
pub struct SettlePinChange {
    /// What the look at the old PIN showed.
    pub checked: Checked,
    /// The new PIN, hashed and sealed; `None` if the old one was wrong.
    pub pin_record: Option<Vec<u8>>,
}

impl SettlePinChange {
    /// The version that the new PIN gets.
    #[must_use]
    pub const fn pin_version(charged: &Charged) -> u32 {
        charged.version().wrapping_add(1)
    }
}

impl Command for SettlePinChange {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let mut authenticator = charged_authenticator(tx, &self.checked)?;
        settle(tx, at, &mut authenticator, &self.checked, None)?;
        tx.put_authenticator(&authenticator)?;
        usable(tx, &authenticator.id)?;
        if let Some(pin_record) = &self.pin_record {
            authenticator.pin_record.clone_from(pin_record);
            authenticator.pin_version = Self::pin_version(self.checked.charged());
            tx.put_authenticator(&authenticator)?;
            let event = NewEvent {
                kind: kind::PIN_CHANGED,
                identity_id: Some(authenticator.identity_id),
                authenticator_id: Some(authenticator.id),
                actor: "device".to_owned(),
                ..NewEvent::default()
            };
            tx.append_event(event, at.now)?;
        }
        Ok(())
    }
}
