//! A PIN attempt: charged, then checked, then settled.
//!
//! The types carry the proof. A [`Charged`] is made only by committing a strike and is the only way to a
//! hash; a [`Checked`] is made only by hashing and is the only way to settle.

use crate::Id;
use crate::authenticator::Authenticator;
use crate::engine::lane::Moment;
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::keys::Keys;
use crate::lockout::Charge;
use crate::pin::{Arena, Params, Pin, PinRecord};
use crate::store::Tx;

/// An attempt whose strike is committed, and whose PIN may now be looked at.
pub struct Charged {
    /// Whose PIN.
    authenticator_id: Id,
    pin_record: Vec<u8>,
    pin_version: u32,
    charge: Charge,
}

/// Charges an attempt to an authenticator that may be used. The caller writes the row.
pub(super) fn charge(authenticator: &mut Authenticator, at: &Moment<'_>) -> Result<Charged> {
    let charge = authenticator.lockout.charge(&at.policy.lockout, at.now)?;
    Ok(Charged {
        authenticator_id: authenticator.id,
        pin_record: authenticator.pin_record.clone(),
        pin_version: authenticator.pin_version,
        charge,
    })
}

impl Charged {
    /// Whose PIN it is.
    #[must_use]
    pub const fn authenticator_id(&self) -> &Id {
        &self.authenticator_id
    }

    /// The version of the PIN that was charged.
    #[must_use]
    pub const fn pin_version(&self) -> u32 {
        self.pin_version
    }

    /// Looks at the PIN.
    ///
    /// # Errors
    /// A fault if the record cannot be read; never that the PIN is wrong. The strike stays.
    pub fn check(self, keys: &Keys, arena: &mut Arena, pin: &Pin) -> Result<Checked> {
        let record = PinRecord::open(
            keys,
            &self.pin_record,
            &self.authenticator_id,
            self.pin_version,
        )?;
        let right = record.verify(arena, pin)?;
        Ok(Checked {
            charged: self,
            right,
            record,
        })
    }
}

/// An attempt whose PIN has been looked at.
pub struct Checked {
    charged: Charged,
    right: bool,
    record: PinRecord,
}

impl Checked {
    /// Whether the PIN was right.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.right
    }

    /// Whose PIN it is.
    #[must_use]
    pub const fn charged(&self) -> &Charged {
        &self.charged
    }

    /// Whether the record should be made anew with the parameters chosen now, while the PIN is at hand.
    #[must_use]
    pub fn needs_upgrade(&self, chosen: &Params, keys: &Keys) -> bool {
        self.right && self.record.needs_upgrade(chosen, keys)
    }
}

/// Takes the strike back if the PIN was right, else tells of it. The caller writes the row.
///
/// # Errors
/// Denied with `PIN_WRONG`. A PIN that was replaced in the meantime is no longer right.
pub(super) fn settle(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    authenticator: &mut Authenticator,
    checked: &Checked,
    login_id: Option<Id>,
) -> Result<()> {
    if checked.right && authenticator.pin_version == checked.charged.pin_version {
        authenticator
            .lockout
            .clear(checked.charged.charge, &at.policy.lockout);
        return Ok(());
    }
    let event = NewEvent {
        kind: kind::PIN_WRONG,
        identity_id: Some(authenticator.identity_id),
        authenticator_id: Some(authenticator.id),
        login_id,
        actor: "device".to_owned(),
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)?;
    Err(authenticator.lockout.wrong(&at.policy.lockout, at.now))
}

/// The authenticator of a charged attempt, as it is now, blocked or not.
pub(super) fn charged_authenticator(tx: &mut dyn Tx, checked: &Checked) -> Result<Authenticator> {
    tx.authenticator(&checked.charged.authenticator_id)?
        .ok_or_else(|| Error::fault(Reason::StoreFault, "a charged authenticator is gone"))
}
