//! An authenticator: a phone with a device key, a PIN and a lockout of its own.

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::level::Enrolment;
use crate::lockout::Lockout;
use crate::policy::IssuingPolicy;
use crate::signature::PublicKey;

/// The most attempts that the guard against replay remembers, per login and per authenticator.
///
/// A login cannot see more: each charged attempt is a strike, a success ends the login, and no ladder
/// allows more strikes in a row.
pub const ATTEMPTS_REMEMBERED: usize = crate::lockout::STRIKES_MAX_MAX as usize;

/// A phone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticator {
    /// Its name in the store and in statements.
    pub id: Id,
    /// Whose it is.
    pub identity_id: Id,
    /// As the phone gave it.
    pub device_name: String,
    /// Never changes; a new key is a new authenticator.
    pub public_key: PublicKey,
    /// How it became an authenticator.
    pub enrolment: Enrolment,
    /// Whether biometrics may stand in for the PIN.
    pub biometrics_on: bool,
    /// Whether messages may be shown in this app.
    pub notifications_on: bool,
    /// The PIN, hashed and sealed.
    pub pin_record: Vec<u8>,
    /// Counts the PINs; bound into the seal, so that an old record does not fit.
    pub pin_version: u32,
    /// Where the PIN stands.
    pub lockout: Lockout,
    /// The last charged `attempt_id`s outside logins, newest last.
    pub attempts: Vec<Id>,
    /// Since when it is blocked.
    pub blocked_at: Option<Millis>,
    /// When it was activated.
    pub activated_at: Millis,
}

impl Authenticator {
    /// Whether it may be used.
    ///
    /// # Errors
    /// Denied with `AUTHENTICATOR_BLOCKED`.
    pub const fn usable(&self) -> Result<()> {
        match self.blocked_at {
            Some(_) => Err(Error::denied(Reason::AuthenticatorBlocked)),
            None => Ok(()),
        }
    }

    /// Remembers an attempt outside logins.
    ///
    /// # Errors
    /// Denied with `STATEMENT_REPLAYED` if it was made before.
    pub fn remember(&mut self, attempt_id: Id) -> Result<()> {
        remember(&mut self.attempts, attempt_id)
    }
}

/// How many more authenticators are advised to a subscriber who has so many that may be used: one that is
/// lost must not be the only way in.
#[must_use]
pub fn advised(usable: usize, policy: &IssuingPolicy) -> u32 {
    policy.authenticators_advised.saturating_sub(u32::try_from(usable).unwrap_or(u32::MAX))
}

/// Remembers an attempt in a bounded list.
///
/// # Errors
/// Denied with `STATEMENT_REPLAYED` if the list holds it.
pub fn remember(attempts: &mut Vec<Id>, attempt_id: Id) -> Result<()> {
    if attempts.contains(&attempt_id) {
        return Err(Error::denied(Reason::StatementReplayed));
    }
    if attempts.len() >= ATTEMPTS_REMEMBERED {
        attempts.remove(0);
    }
    attempts.push(attempt_id);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_are_advised() {
        let policy = IssuingPolicy::default();
        assert_eq!([0, 1, 2, 3, 100].map(|usable| advised(usable, &policy)), [2, 1, 0, 0, 0]);
    }
}
