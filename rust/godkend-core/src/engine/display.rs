//! What is done with code displays and passwords and needs a read or a hash before its step.

use std::sync::Arc;

use super::command::{
    ActivateDisplay, ChargePassword, LoginView, PasswordChosen, SetPassword, code_door_key,
};
use super::query::read_one;
use super::shared::Shared;
use super::{Deadline, Engine, Reader, Reply};
use crate::Id;
use crate::clock::Millis;
use crate::display::Display;
use crate::door::Door;
use crate::error::{Error, Reason, Result};
use crate::lockout::Lockout;
use crate::otp::Code;
use crate::password::{Password, refuse_weak};
use crate::pin::Arena;
use crate::policy::DoorPolicy;
use crate::store::Tx;

/// A password that somebody chooses, and the request that brings it.
pub struct ChosenPassword {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose it will be.
    pub identity_id: Id,
    /// As it was typed.
    pub password: Password,
    /// When the subscriber signed in where they choose it; `None` at a desk.
    pub signed_in_at: Option<Millis>,
}

impl Engine {
    /// Looks at the password in a login: charged before, settled after.
    pub fn submit_password(
        &self,
        charge: ChargePassword,
        password: Password,
        deadline: Deadline,
        reply: Reply<LoginView>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let lane = parts.lane.clone();
            parts.hashers.submit(reply, move |arena, reply| {
                reply.send(shared.submit_password(&lane, arena, charge, &password, deadline));
            });
        });
    }

    /// Replaces a password by a chosen one; where support asks, with where it keeps its evidence.
    pub fn set_password(
        &self,
        chosen: ChosenPassword,
        evidence_reference: Option<String>,
        deadline: Deadline,
        reply: Reply<()>,
    ) {
        let ChosenPassword { identity_id, signed_in_at, .. } = chosen;
        let actor = chosen.actor.clone();
        self.with_hashed_password(chosen, deadline, reply, move |chosen| SetPassword {
            actor,
            identity_id,
            chosen,
            signed_in_at,
            evidence_reference,
        });
    }

    /// Puts a display into use, with the password beside it.
    pub fn activate_display(
        &self,
        chosen: ChosenPassword,
        serial_number: String,
        code: Code,
        deadline: Deadline,
        reply: Reply<Id>,
    ) {
        let ChosenPassword { identity_id, signed_in_at, .. } = chosen;
        let actor = chosen.actor.clone();
        self.with_hashed_password(chosen, deadline, reply, move |password| ActivateDisplay {
            actor,
            identity_id,
            serial_number,
            code,
            password: Some(password),
            signed_in_at,
        });
    }

    /// Refuses a weak password on a worker, hashes it on a hasher, and runs the command made with it.
    pub(super) fn with_hashed_password<C: super::lane::Command>(
        &self,
        chosen: ChosenPassword,
        deadline: Deadline,
        reply: Reply<C::Outcome>,
        command: impl FnOnce(PasswordChosen) -> C + Send + 'static,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                if let Err(refused) = deadline.check().and_then(|()| expect_strong(reader, &chosen))
                {
                    return reply.send(Err(refused));
                }
                hashers.submit(reply, move |arena, reply| {
                    match deadline.check().and_then(|()| shared.hash_chosen(arena, &chosen)) {
                        Err(error) => reply.send(Err(error)),
                        Ok(hashed) => lane.submit(command(hashed), deadline, reply),
                    }
                });
            });
        });
    }
}

/// Whether a password may be chosen for this identity.
fn expect_strong(reader: &mut Reader, chosen: &ChosenPassword) -> Result<()> {
    let identity = read_one(reader, |tx| tx.identity(&chosen.identity_id))?;
    let identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
    refuse_weak(&chosen.password, &identity.user_id.canonical)
}

impl Shared {
    fn hash_chosen(&self, arena: &mut Arena, chosen: &ChosenPassword) -> Result<PasswordChosen> {
        let ChosenPassword { actor, identity_id, request_id, password, .. } = chosen;
        let id = SetPassword::password_id(&self.keys, actor, identity_id, request_id);
        let record = self.record(arena, password, &id, SetPassword::VERSION)?;
        Ok(PasswordChosen { id, record })
    }
}

/// The displays of an identity, and where its doors stand.
pub struct DisplaysView {
    /// In the order of their import.
    pub displays: Vec<Display>,
    /// Where codes are tried in logins.
    pub code_door: DoorView,
    /// Whether there is a password.
    pub password_is_set: bool,
    /// Where passwords are tried after an accepted code.
    pub password_door: DoorView,
}

/// Where tries are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorView {
    /// Wrong tries in a row.
    pub strikes: u32,
    /// Until when it is locked; 0 if it is not.
    pub locked_until_ms: Millis,
    /// Whether only a new secret helps.
    pub dead: bool,
}

impl DoorView {
    /// A door at which logins are tried.
    pub(super) fn at(tx: &mut dyn Tx, policy: &DoorPolicy, key: Id, now: Millis) -> Result<Self> {
        let door = Door::at(key, tx.door(&key)?, policy, now);
        Ok(Self::of(door.lockout, false, now))
    }

    fn of(lockout: Lockout, dead: bool, now: Millis) -> Self {
        let locked = lockout.locked_until_ms > now;
        Self {
            strikes: lockout.strikes(),
            locked_until_ms: if locked { lockout.locked_until_ms } else { 0 },
            dead,
        }
    }
}

impl Engine {
    /// The displays of an identity, and where its doors stand.
    pub fn list_displays(&self, identity_id: Id, deadline: Deadline, reply: Reply<DisplaysView>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let identity = tx.identity(&identity_id)?;
            let identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
            let Shared { keys, policy, clock, .. } = &*shared;
            let now = clock.now_ms();
            let key = code_door_key(keys, &identity.user_id.canonical);
            let code_door = DoorView::at(tx, &policy.door, key, now)?;
            let password = tx.password_of(&identity_id)?;
            let lockout = password.as_ref().map(|it| it.lockout).unwrap_or_default();
            let dead = lockout.is_dead(&policy.password_lockout);
            Ok(DisplaysView {
                displays: tx.displays_of(&identity_id)?,
                code_door,
                password_is_set: password.is_some(),
                password_door: DoorView::of(lockout, dead, now),
            })
        });
    }
}
