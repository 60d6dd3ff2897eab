//! An attempt at a PIN or a password: charged, then checked, then settled.
//!
//! The types carry the proof. A [`Charged`] is made only by committing a strike and is the only way to a
//! hash; a [`Checked`] is made only by hashing and is the only way to settle.

use crate::Id;
use crate::authenticator::Authenticator;
use crate::engine::lane::Moment;
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::keys::Keys;
use crate::lockout::{Charge, Reached};
use crate::pin::{Arena, Params, Pin, Record, Secret};
use crate::store::Tx;

/// An attempt whose strike is committed, and whose secret may now be looked at.
pub struct Charged<S: Secret = Pin> {
    /// Whose secret: an authenticator's PIN, or the name of a password.
    holder_id: Id,
    record: Record<S>,
    version: u32,
    charge: Charge,
}

/// Charges an attempt to an authenticator that may be used. The caller writes the row.
///
/// # Errors
/// Denied as [`crate::lockout::Lockout::charge`] says. A fault if the record cannot be opened, which
/// says nothing about the PIN and must not cost a strike.
pub(super) fn charge(authenticator: &mut Authenticator, at: &Moment<'_>) -> Result<Charged> {
    let charge = authenticator.lockout.charge(&at.policy.lockout, &Pin::REFUSALS, at.now)?;
    let (id, version) = (authenticator.id, authenticator.pin_version);
    let record = Record::open(at.keys, &authenticator.pin_record, &id, version)?;
    Ok(Charged::new(id, record, version, charge))
}

impl<S: Secret> Charged<S> {
    /// Only for steps that have charged.
    pub(super) const fn new(
        holder_id: Id,
        record: Record<S>,
        version: u32,
        charge: Charge,
    ) -> Self {
        Self { holder_id, record, version, charge }
    }

    /// Whose secret it is.
    #[must_use]
    pub const fn holder_id(&self) -> &Id {
        &self.holder_id
    }

    /// The version of the secret that was charged.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Names the strike.
    pub(super) const fn charge(&self) -> Charge {
        self.charge
    }

    /// Looks at the secret.
    ///
    /// # Errors
    /// A fault if it cannot be hashed; never that the secret is wrong. The strike stays.
    pub fn check(self, arena: &mut Arena, secret: &S) -> Result<Checked<S>> {
        let right = self.record.verify(arena, secret)?;
        Ok(Checked { charged: self, right })
    }
}

/// An attempt whose secret has been looked at.
pub struct Checked<S: Secret = Pin> {
    charged: Charged<S>,
    right: bool,
}

impl<S: Secret> Checked<S> {
    /// Whether the secret was right.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.right
    }

    /// Whose secret it is.
    #[must_use]
    pub const fn charged(&self) -> &Charged<S> {
        &self.charged
    }

    /// The record made anew while the right secret is at hand, if it has fallen behind the chosen
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
        record.reseal(keys, &self.charged.holder_id, self.charged.version).map(Some)
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
    if checked.right && authenticator.pin_version == checked.charged.version {
        authenticator.lockout.clear(checked.charged.charge, &at.policy.lockout);
        return Ok(());
    }
    let lockout = &authenticator.lockout;
    let told = match lockout.reached_by(checked.charged.charge, &at.policy.lockout) {
        None => &[kind::PIN_WRONG][..],
        Some(Reached::Lock) => &[kind::PIN_WRONG, kind::PIN_LOCKED],
        Some(Reached::End) => &[kind::PIN_WRONG, kind::PIN_DEAD],
    };
    let event = |kind| NewEvent {
        kind,
        identity_id: Some(authenticator.identity_id),
        authenticator_id: Some(authenticator.id),
        login_id,
        actor: "device".to_owned(),
        ..NewEvent::default()
    };
    for kind in told {
        tx.append_event(event(kind), at.now)?;
    }
    Err(lockout.wrong(&at.policy.lockout, &Pin::REFUSALS, at.now))
}

/// The authenticator of a charged attempt, as it is now, blocked or not.
pub(super) fn charged_authenticator(tx: &mut dyn Tx, checked: &Checked) -> Result<Authenticator> {
    tx.authenticator(&checked.charged.holder_id)?
        .ok_or_else(|| Error::fault(Reason::StoreFault, "a charged authenticator is gone"))
}
