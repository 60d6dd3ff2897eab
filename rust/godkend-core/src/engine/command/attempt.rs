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
    record: PinRecord,
    pin_version: u32,
    charge: Charge,
}

/// Charges an attempt to an authenticator that may be used. The caller writes the row.
///
/// # Errors
/// Denied as [`crate::lockout::Lockout::charge`] says. A fault if the record cannot be opened, which
/// says nothing about the PIN and must not cost a strike.
pub(super) fn charge(authenticator: &mut Authenticator, at: &Moment<'_>) -> Result<Charged> {
    let charge = authenticator.lockout.charge(&at.policy.lockout, at.now)?;
    let (id, pin_version) = (authenticator.id, authenticator.pin_version);
    let record = PinRecord::open(at.keys, &authenticator.pin_record, &id, pin_version)?;
    Ok(Charged { authenticator_id: id, record, pin_version, charge })
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
    /// A fault if it cannot be hashed; never that the PIN is wrong. The strike stays.
    pub fn check(self, arena: &mut Arena, pin: &Pin) -> Result<Checked> {
        let right = self.record.verify(arena, pin)?;
        Ok(Checked { charged: self, right })
    }
}

/// An attempt whose PIN has been looked at.
pub struct Checked {
    charged: Charged,
    right: bool,
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

    /// The record made anew while the right PIN is at hand, if it has fallen behind the chosen
    /// parameters or the newest key; only other parameters cost a hash, which `make` does.
    ///
    /// # Errors
    /// What `make` gives, or a fault of the keys.
    pub fn upgrade(
        &self,
        chosen: &Params,
        keys: &Keys,
        make: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>> {
        let record = &self.charged.record;
        if !self.right || !record.needs_upgrade(chosen, keys) {
            return Ok(None);
        }
        if record.params() != chosen {
            return make().map(Some);
        }
        record.reseal(keys, &self.charged.authenticator_id, self.charged.pin_version).map(Some)
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
        authenticator.lockout.clear(checked.charged.charge, &at.policy.lockout);
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
