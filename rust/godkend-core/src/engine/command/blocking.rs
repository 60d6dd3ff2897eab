//! Blocking and unblocking.
//!
//! From its commit on, a block stops every later step of whatever is under way, for each step looks
//! whether its app and its identity may be used. What waits is ended besides, so that it cannot go on after
//! an unblocking, and so that who watches a login sees it end.

use super::copying::stop_copies;
use super::temporary_pin::end_temporary_pin;
use super::{end_profile_codes, usable};
use crate::Id;
use crate::activation::CodeState;
use crate::approval::{BlockStatement, Verified, fresh, id};
use crate::authenticator::Authenticator;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::login::Login;
use crate::store::Tx;

/// Blocks or unblocks an identity or one of its authenticators. Repeating it changes nothing.
pub struct SetBlocked {
    /// The client that asks.
    pub actor: String,
    /// Whose.
    pub identity_id: Id,
    /// Only this authenticator; `None` for everything.
    pub authenticator_id: Option<Id>,
    /// Blocked, or not.
    pub blocked: bool,
}

impl Command for SetBlocked {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        set_blocked(tx, at, identity, self.authenticator_id, self.blocked, &self.actor)
    }
}

/// Blocks the whole identity or one of its authenticators, as one of its own apps asks.
///
/// The app's signature is enough, without its PIN: who has lost a phone may have forgotten the PIN of the
/// other, and a lock must not delay a block. All that a thief wins by it is their own end.
pub struct BlockByDevice {
    /// What the phone signed.
    pub verified: Verified<BlockStatement>,
}

impl Command for BlockByDevice {
    /// Whose identity it is.
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let statement = self.verified.statement();
        let (mut authenticator, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        let one = match statement.blocked_authenticator_id.as_slice() {
            [] => None,
            bytes => Some(id(bytes)?),
        };
        authenticator.remember(id(&statement.attempt_id)?)?;
        tx.put_authenticator(&authenticator)?;
        let identity_id = identity.id;
        set_blocked(tx, at, identity, one, true, "device")?;
        Ok(identity_id)
    }
}

fn set_blocked(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    mut identity: Identity,
    authenticator_id: Option<Id>,
    blocked: bool,
    actor: &str,
) -> Result<()> {
    let blocked_at = blocked.then_some(at.now);
    let kind = match authenticator_id {
        None if identity.blocked_at.is_some() == blocked => return Ok(()),
        None => {
            identity.blocked_at = blocked_at;
            tx.put_identity(&identity)?;
            if blocked {
                end_what_was_sent(tx, &identity.id)?;
                kind::IDENTITY_BLOCKED
            } else {
                kind::IDENTITY_UNBLOCKED
            }
        }
        Some(id) => {
            let mut authenticator = authenticator_of(tx, &identity.id, &id)?;
            if authenticator.blocked_at.is_some() == blocked {
                return Ok(());
            }
            authenticator.blocked_at = blocked_at;
            tx.put_authenticator(&authenticator)?;
            if blocked {
                end_profile_codes(tx, &identity.id)?;
                kind::AUTHENTICATOR_BLOCKED
            } else {
                kind::AUTHENTICATOR_UNBLOCKED
            }
        }
    };
    let identity_id = identity.id;
    let event = NewEvent {
        kind,
        identity_id: Some(identity_id),
        authenticator_id,
        actor: actor.to_owned(),
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)?;
    if blocked {
        stop_copies(tx, at, &identity_id, authenticator_id.as_ref(), actor)?;
    }
    Ok(())
}

fn authenticator_of(tx: &mut dyn Tx, identity_id: &Id, id: &Id) -> Result<Authenticator> {
    let found = tx.authenticator(id)?.filter(|it| it.identity_id == *identity_id);
    found.ok_or(Error::denied(Reason::AuthenticatorNotFound))
}

/// Codes and temporary PINs may be in the wrong hands by now, and must not open anything after an unblocking.
fn end_what_was_sent(tx: &mut dyn Tx, identity_id: &Id) -> Result<()> {
    for mut code in tx.issued_codes_of(identity_id)? {
        code.state = CodeState::Ended;
        tx.put_code(&code)?;
    }
    end_temporary_pin(tx, identity_id)
}

/// Ends the logins of an identity that a block has stopped. Repeating it changes nothing.
pub struct EndBlockedLogins {
    /// Whose.
    pub identity_id: Id,
    /// Those that were under way when the block was committed.
    pub login_ids: Vec<Id>,
}

impl Command for EndBlockedLogins {
    type Outcome = ();
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let identity = tx.identity(&self.identity_id)?;
        let is_blocked = identity.is_none_or(|identity| identity.blocked_at.is_some());
        for login_id in &self.login_ids {
            let Some(mut login) = tx.login(login_id)? else {
                continue;
            };
            let stopped = is_blocked || is_opened_by_blocked(tx, &login)?;
            if stopped && login.end(at.now) {
                tx.put_login(&login)?;
            }
        }
        Ok(())
    }
}

fn is_opened_by_blocked(tx: &mut dyn Tx, login: &Login) -> Result<bool> {
    let Some(id) = login.authenticator_id else {
        return Ok(false);
    };
    Ok(tx.authenticator(&id)?.is_some_and(|it| it.blocked_at.is_some()))
}
