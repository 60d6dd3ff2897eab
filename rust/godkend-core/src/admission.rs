//! Whether one more login may start, by how long those under way still wait.
//!
//! Purpose: a login that starts and cannot finish has cost its subscriber a scan and a PIN, and the server
//! nearly as much as one that finishes. So under overload the first call is refused, at once and with a time
//! to come back, and the later calls of logins under way pass. Invariant: the rule never looks at who asks
//! or for whom, and counts against nobody. It looks at this process alone; so do the bounds it protects.

use crate::error::{Error, Result};
use crate::policy::AdmissionPolicy;

const MINUTE_MS: u64 = 60_000;

/// What is waiting in a process, as it was seen a moment ago.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// PIN attempts that wait for a hasher.
    pub attempts: u64,
    /// How long an attempt lately took on a hasher, in microseconds by the clock.
    pub attempt_us: u64,
    /// Hashers that take attempts; at least 1.
    pub hashers: u64,
    /// How late the service's event loop is, in milliseconds.
    pub loop_late_ms: u64,
}

impl Waiting {
    /// How long an attempt that came now would wait for its hasher, in milliseconds.
    #[must_use]
    pub const fn hash_wait_ms(&self) -> u64 {
        let hashers = if self.hashers == 0 { 1 } else { self.hashers };
        self.attempts.saturating_mul(self.attempt_us) / hashers / 1_000
    }
}

/// Returns if one more login may start.
///
/// # Errors
/// A fault with `OVERLOADED` and when to come back: no sooner than what waits now is done, and no later
/// than a minute. Nothing was spent.
pub fn admit(waiting: &Waiting, policy: &AdmissionPolicy) -> Result<()> {
    let (hash_wait_ms, late_ms) = (waiting.hash_wait_ms(), waiting.loop_late_ms);
    if hash_wait_ms <= policy.hash_wait_ms_max && late_ms <= policy.loop_late_ms_max {
        return Ok(());
    }
    let retry_after_ms = hash_wait_ms.max(late_ms).max(policy.retry_ms).min(MINUTE_MS);
    Err(Error::overloaded("logins under way wait too long for another to start", retry_after_ms))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Reason;

    fn policy() -> AdmissionPolicy {
        AdmissionPolicy::default()
    }

    #[test]
    fn an_idle_server_admits() {
        assert_eq!(admit(&Waiting::default(), &policy()), Ok(()));
    }

    #[test]
    fn each_bound_admits_at_it_and_refuses_above_it() {
        let policy = policy();
        let hashes =
            |attempts| Waiting { attempts, attempt_us: 1_000, hashers: 1, loop_late_ms: 0 };
        assert!(admit(&hashes(policy.hash_wait_ms_max), &policy).is_ok());
        assert!(admit(&hashes(policy.hash_wait_ms_max + 1), &policy).is_err());
        let late = |loop_late_ms| Waiting { loop_late_ms, ..Waiting::default() };
        assert!(admit(&late(policy.loop_late_ms_max), &policy).is_ok());
        assert!(admit(&late(policy.loop_late_ms_max + 1), &policy).is_err());
    }

    #[test]
    fn twice_the_hashers_wait_half_as_long() {
        let one = Waiting { attempts: 40, attempt_us: 6_000, hashers: 1, loop_late_ms: 0 };
        assert_eq!(one.hash_wait_ms(), 240);
        assert_eq!(Waiting { hashers: 2, ..one }.hash_wait_ms(), 120);
    }

    proptest! {
        #[test]
        fn a_refusal_says_when_to_come_back_and_more_waiting_never_admits(
            attempts: u32, attempt_us: u32, hashers in 0..64_u64, loop_late_ms: u32, more in 0..1_000_u64,
        ) {
            let waiting = Waiting {
                attempts: attempts.into(), attempt_us: attempt_us.into(), hashers, loop_late_ms: loop_late_ms.into(),
            };
            let worse = Waiting { attempts: waiting.attempts + more, loop_late_ms: waiting.loop_late_ms + more, ..waiting };
            match admit(&waiting, &policy()) {
                Ok(()) => {}
                Err(Error::Fault { reason: Reason::Overloaded, retry_after_ms: Some(ms), .. }) => {
                    prop_assert!((policy().retry_ms..=MINUTE_MS).contains(&ms));
                    prop_assert!(ms == MINUTE_MS || ms >= waiting.hash_wait_ms());
                    prop_assert!(admit(&worse, &policy()).is_err());
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
