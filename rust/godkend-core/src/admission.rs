//! Whether one more login may start, by how long those under way will wait.
//!
//! Purpose: a login that starts and cannot finish has cost its subscriber a scan and a PIN, and the server
//! nearly as much as one that finishes. So under overload the first call is refused, at once and with a time
//! to come back, and the later calls of logins under way pass. Invariant: the rule never looks at who asks
//! or for whom, and counts against nobody. It looks at this process alone; so do the bounds it protects.
//!
//! What waits for a hasher is seen; what was admitted a moment ago and is still on its way there is not,
//! and in a flood that is many. So each admitted login counts as the attempts that a login lately led to,
//! for the short time that a phone which acts at once takes. People who think longer come one by one.

use crate::error::{Error, Result};
use crate::policy::AdmissionPolicy;

const MINUTE_MS: u64 = 60_000;
/// How long an admitted login counts as on its way: halved after each such time.
const ON_ITS_WAY_US: u64 = 20_000;
/// Over how many logins the share that lead to attempts is smoothed.
const LOGINS_SMOOTHED: f64 = 64.0;

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

/// What is remembered from one decision to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Admission {
    /// Attempts that are on their way from logins admitted lately.
    on_their_way: f64,
    /// Attempts that a login leads to: 0 if all use biometrics, over 1 if PINs are wrong.
    attempts_per_login: f64,
    decided_us: u64,
}

impl Admission {
    /// A login led to a PIN attempt.
    pub fn attempted(&mut self) {
        self.attempts_per_login += 1.0 / LOGINS_SMOOTHED;
    }

    /// Returns if one more login may start, and counts it; `now_us` is of a clock that never goes back.
    ///
    /// # Errors
    /// A fault with `OVERLOADED` and when to come back: no sooner than what waits now is done, and no later
    /// than a minute. Nothing was spent.
    pub fn admit(
        &mut self,
        waiting: &Waiting,
        policy: &AdmissionPolicy,
        now_us: u64,
    ) -> Result<()> {
        let halvings = now_us.saturating_sub(self.decided_us) as f64 / ON_ITS_WAY_US as f64;
        self.on_their_way *= (-halvings).exp2();
        self.decided_us = now_us;
        let (hash_wait_ms, late_ms) = (self.hash_wait_ms(waiting), waiting.loop_late_ms);
        if hash_wait_ms > policy.hash_wait_ms_max || late_ms > policy.loop_late_ms_max {
            let retry_after_ms = hash_wait_ms.max(late_ms).max(policy.retry_ms).min(MINUTE_MS);
            let why = "logins under way wait too long for another to start";
            return Err(Error::overloaded(why, retry_after_ms));
        }
        self.on_their_way += self.attempts_per_login;
        self.attempts_per_login *= 1.0 - 1.0 / LOGINS_SMOOTHED;
        Ok(())
    }

    /// How long the attempt of a login that starts now would wait for its hasher.
    fn hash_wait_ms(&self, waiting: &Waiting) -> u64 {
        let attempts = waiting.attempts as f64 + self.on_their_way;
        // Whole milliseconds are precise enough, and a cast of what is too large ends at the largest.
        (attempts * waiting.attempt_us as f64 / waiting.hashers.max(1) as f64 / 1e3) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Reason;

    const SECOND_US: u64 = 1_000_000;

    fn policy() -> AdmissionPolicy {
        AdmissionPolicy::default()
    }

    fn hashes(attempts: u64) -> Waiting {
        Waiting { attempts, attempt_us: 1_000, hashers: 1, loop_late_ms: 0 }
    }

    fn admits(waiting: &Waiting) -> bool {
        Admission::default().admit(waiting, &policy(), 0).is_ok()
    }

    #[test]
    fn an_idle_server_admits() {
        assert!(admits(&Waiting::default()));
    }

    #[test]
    fn each_bound_admits_at_it_and_refuses_above_it() {
        let policy = policy();
        assert!(admits(&hashes(policy.hash_wait_ms_max)));
        assert!(!admits(&hashes(policy.hash_wait_ms_max + 1)));
        let late = |loop_late_ms| Waiting { loop_late_ms, ..Waiting::default() };
        assert!(admits(&late(policy.loop_late_ms_max)));
        assert!(!admits(&late(policy.loop_late_ms_max + 1)));
    }

    #[test]
    fn twice_the_hashers_wait_half_as_long() {
        let bound = policy().hash_wait_ms_max;
        assert!(!admits(&hashes(2 * bound)));
        assert!(admits(&Waiting { hashers: 2, ..hashes(2 * bound) }));
    }

    /// Logins that each lead to an attempt, `apart_us` from each other, while nothing is seen waiting.
    fn admitted(count: u64, apart_us: u64, with_pins: bool) -> u64 {
        let mut admission = Admission::default();
        let waiting = Waiting { attempts: 0, attempt_us: 10_000, hashers: 1, loop_late_ms: 0 };
        for second in 0..500 {
            admission.admit(&waiting, &policy(), second * SECOND_US).unwrap();
            if with_pins {
                admission.attempted();
            }
        }
        let began_us = 1_000 * SECOND_US;
        (0..count)
            .filter(|login| {
                admission.admit(&waiting, &policy(), began_us + login * apart_us).is_ok()
            })
            .count() as u64
    }

    #[test]
    fn a_flood_is_not_admitted_before_it_is_seen_waiting() {
        let at_once = policy().hash_wait_ms_max / 10 + 1;
        let flooded = admitted(1_000, 1, true);
        assert!((at_once..at_once + 3).contains(&flooded), "{flooded}");
    }

    #[test]
    fn who_comes_one_by_one_and_who_needs_no_hash_is_admitted() {
        assert_eq!(admitted(1_000, 20_000, true), 1_000);
        assert_eq!(admitted(1_000, 1, false), 1_000);
    }

    proptest! {
        #[test]
        fn a_refusal_says_when_to_come_back_and_more_waiting_never_admits(
            attempts: u32, attempt_us: u32, hashers in 0..64_u64, loop_late_ms: u32, more in 0..1_000_u64,
        ) {
            let waiting = Waiting {
                attempts: attempts.into(), attempt_us: attempt_us.into(), hashers, loop_late_ms: loop_late_ms.into(),
            };
            let worse = Waiting {
                attempts: waiting.attempts + more, loop_late_ms: waiting.loop_late_ms + more, ..waiting
            };
            match Admission::default().admit(&waiting, &policy(), 0) {
                Ok(()) => {}
                Err(Error::Fault { reason: Reason::Overloaded, retry_after_ms: Some(ms), .. }) => {
                    prop_assert!((policy().retry_ms..=MINUTE_MS).contains(&ms));
                    prop_assert!(ms == MINUTE_MS || ms >= waiting.loop_late_ms);
                    prop_assert!(!admits(&worse));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
