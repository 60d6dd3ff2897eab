//! Tries by somebody who has proved nothing yet: charged to a door that is the same whoever has the name.

use super::{derive_id, draw, put_budgets};
use crate::Id;
use crate::budget::Cell;
use crate::door::Door;
use crate::engine::lane::Moment;
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::keys::Keys;
use crate::lockout::{Charge, Refusals};
use crate::login::Login;
use crate::store::Tx;

/// The refusals of a door that codes are tried at; it has no end, so none of death.
pub(super) const CODE_REFUSALS: Refusals = Refusals {
    wrong: Reason::DisplayCodeWrong,
    locked: Reason::DisplayCodeLocked,
    dead: Reason::DisplayCodeLocked,
};

/// The same of a key card's.
pub(super) const KEY_REFUSALS: Refusals =
    Refusals { wrong: Reason::KeyWrong, locked: Reason::KeyLocked, dead: Reason::KeyLocked };

/// Where codes of a typed user ID are tried.
pub(super) fn code_door(tx: &mut dyn Tx, at: &Moment<'_>, user_id_canonical: &str) -> Result<Door> {
    door(tx, at, code_door_key(at.keys, user_id_canonical))
}

/// The name of that door.
pub(in crate::engine) fn code_door_key(keys: &Keys, user_id_canonical: &str) -> Id {
    derive_id(keys, b"door code v1", &[user_id_canonical.as_bytes()])
}

/// Where keys of a typed user ID are tried.
pub(super) fn key_door(tx: &mut dyn Tx, at: &Moment<'_>, user_id_canonical: &str) -> Result<Door> {
    door(tx, at, key_door_key(at.keys, user_id_canonical))
}

/// The name of that door.
pub(in crate::engine) fn key_door_key(keys: &Keys, user_id_canonical: &str) -> Id {
    derive_id(keys, b"door key card v1", &[user_id_canonical.as_bytes()])
}

/// Where passwords of a typed user ID are tried without a code.
pub(super) fn password_door(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    user_id_canonical: &str,
) -> Result<Door> {
    let name = user_id_canonical.as_bytes();
    door(tx, at, derive_id(at.keys, b"door password v1", &[name]))
}

/// Where codes of a display are tried to activate it, by somebody who is signed in or at a desk.
pub(super) fn activation_door(tx: &mut dyn Tx, at: &Moment<'_>, display_id: &Id) -> Result<Door> {
    door(tx, at, derive_id(at.keys, b"door display activation v1", &[display_id]))
}

/// Where keys of a card are tried to activate it.
pub(super) fn card_activation_door(tx: &mut dyn Tx, at: &Moment<'_>, card_id: &Id) -> Result<Door> {
    door(tx, at, derive_id(at.keys, b"door key card activation v1", &[card_id]))
}

fn door(tx: &mut dyn Tx, at: &Moment<'_>, key: Id) -> Result<Door> {
    Ok(Door::at(key, tx.door(&key)?, &at.policy.door, at.now))
}

/// A try that is charged: its door after the strike, and the budgets after the draw.
pub(super) struct Try {
    /// The door, charged.
    pub(super) door: Door,
    /// Names the strike.
    pub(super) charge: Charge,
    drawn: [Cell; 3],
}

impl Try {
    /// Charges a try in a login. The caller writes it down, at the latest with the answer.
    ///
    /// # Errors
    /// Denied with `BUDGET_SPENT`, or as locked.
    pub(super) fn charge(
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        login: &Login,
        mut door: Door,
        says: &Refusals,
    ) -> Result<Self> {
        let budget = &at.policy.budget;
        let source = derive_id(at.keys, b"budget door source v1", &[&login.source_digest]);
        let front_end =
            derive_id(at.keys, b"budget door front-end v1", &[login.front_end.as_bytes()]);
        let overall = derive_id(at.keys, b"budget door overall v1", &[]);
        let budgets = [
            (source, budget.door_source),
            (front_end, budget.door_front_end),
            (overall, budget.door_overall),
        ];
        let drawn = draw(tx, budgets, at.now)?;
        let charge = door.charge(&at.policy.door, says, at.now)?;
        Ok(Self { door, charge, drawn })
    }

    /// Writes the strike and the draw, and tells of the wrong try.
    pub(super) fn wrong(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        wrong: NewEvent,
        says: &Refusals,
    ) -> Result<Error> {
        self.put(tx)?;
        tell_of_wrong(tx, at, &self.door, self.charge, wrong)?;
        Ok(self.door.wrong(&at.policy.door, says, at.now))
    }

    /// Writes the strike and the draw.
    pub(super) fn put(&self, tx: &mut dyn Tx) -> Result<()> {
        put_budgets(tx, &self.drawn)?;
        tx.put_door(&self.door)
    }

    /// Takes the strike back, and draws on no budget: what is right is no stranger's.
    pub(super) fn clear(mut self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<()> {
        self.door.clear(self.charge, &at.policy.door);
        tx.put_door(&self.door)
    }
}

/// Tells of a wrong try, and of the lock if this one began it: of a name that nobody has as well.
pub(super) fn tell_of_wrong(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    door: &Door,
    charge: Charge,
    wrong: NewEvent,
) -> Result<()> {
    let locked = NewEvent { kind: kind::DOOR_LOCKED, ..wrong.clone() };
    tx.append_event(wrong, at.now)?;
    if door.is_locked_by(charge, &at.policy.door) {
        tx.append_event(locked, at.now)?;
    }
    Ok(())
}

/// Whether the login was started with this user ID, and by this front-end.
///
/// # Errors
/// Denied with `LOGIN_NOT_FOUND` or `USER_ID_DIFFERS`.
pub(in crate::engine) fn expect_started_with(
    login: &Login,
    keys: &Keys,
    front_end: &str,
    user_id_canonical: &str,
) -> Result<()> {
    login.expect_started_by(front_end)?;
    let typed = super::login::user_id_digest(keys, user_id_canonical);
    if login.user_id_digest == Some(typed) {
        Ok(())
    } else {
        Err(Error::denied(Reason::UserIdDiffers))
    }
}
