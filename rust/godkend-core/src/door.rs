//! Doors that anybody can try who knows a user ID: the code of a display, and the password alone.
//!
//! Invariant: a door is counted by a keyed digest of the user ID, whoever has it or nobody. So an unknown
//! name is charged, locked and forgotten exactly as a known one, and no answer tells which it is. What a
//! stranger spends here is a door's own count: the app, and the password behind an accepted code, have
//! theirs. Three wrong tries lock it for 15 minutes, each three more for twice as long, up to a day; at
//! [`DoorPolicy::strikes_max`] (NIST SP 800-63B-4, section 3.2.2: at most 100) it stays shut until it is
//! forgotten. It is never shut for good, for then a stranger could take a display from its owner.
//! Only success, or that long time without a try, clears the count.

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Result};
use crate::lockout::{Charge, Ladder, Lockout, Refusals, Rung};
use crate::policy::{DoorPolicy, before};

/// Where one door stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Door {
    /// Names it in the store: a keyed digest.
    pub key: Id,
    /// What was charged.
    pub lockout: Lockout,
    /// When it was charged last.
    pub charged_at: Millis,
}

impl Door {
    /// A door as it stands now, given what the store holds of it.
    #[must_use]
    pub fn at(key: Id, stored: Option<Self>, policy: &DoorPolicy, now: Millis) -> Self {
        let fresh = Self { key, lockout: Lockout::default(), charged_at: now };
        stored.filter(|door| door.charged_at > before(now, policy.forgotten_ms)).unwrap_or(fresh)
    }

    /// Charges a try, before it is looked at.
    ///
    /// # Errors
    /// Denied as locked, with the time to come back; nothing is charged.
    pub fn charge(&mut self, policy: &DoorPolicy, says: &Refusals, now: Millis) -> Result<Charge> {
        let charge = self.lockout.charge(&ladder(policy), says, now)?;
        self.charged_at = now;
        Ok(charge)
    }

    /// Takes back this charge and those before it: the try was right.
    pub fn clear(&mut self, charge: Charge, policy: &DoorPolicy) {
        self.lockout.clear(charge, &ladder(policy));
    }

    /// Whether this try, which was wrong, has locked it.
    #[must_use]
    pub fn is_locked_by(&self, charge: Charge, policy: &DoorPolicy) -> bool {
        self.lockout.reached_by(charge, &ladder(policy)).is_some()
    }

    /// What to tell after a wrong try.
    #[must_use]
    pub fn wrong(&self, policy: &DoorPolicy, says: &Refusals, now: Millis) -> Error {
        self.lockout.wrong(&ladder(policy), says, now)
    }
}

/// The rungs of a door, which has no end: its last lock lasts until it is forgotten.
fn ladder(policy: &DoorPolicy) -> Ladder {
    let at = (1..).map(|nth: u32| nth.saturating_mul(policy.strikes));
    let mut locked_ms = policy.locked_ms.min(policy.locked_ms_max);
    let mut rungs: Vec<Rung> = at
        .take_while(|&strikes| strikes < policy.strikes_max)
        .map(|strikes| {
            let rung = Rung { strikes, locked_ms };
            locked_ms = locked_ms.saturating_mul(2).min(policy.locked_ms_max);
            rung
        })
        .collect();
    rungs.push(Rung { strikes: policy.strikes_max, locked_ms: policy.forgotten_ms });
    Ladder { rungs, strikes_max: u32::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Denial, Reason};

    const MINUTE_MS: Millis = 60_000;
    const DAY_MS: Millis = 24 * 60 * MINUTE_MS;
    const SAYS: Refusals = Refusals {
        wrong: Reason::DisplayCodeWrong,
        locked: Reason::DisplayCodeLocked,
        dead: Reason::DisplayCodeLocked,
    };

    fn door(now: Millis) -> Door {
        Door::at([1; 16], None, &DoorPolicy::default(), now)
    }

    fn denial(error: Error) -> Denial {
        match error {
            Error::Denied(denial) => denial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_three_lock_for_twice_as_long_up_to_a_day() {
        let policy = DoorPolicy::default();
        let (mut door, mut now) = (door(0), 0);
        for minutes in [15, 30, 60, 120, 240, 480, 960, 1_440, 1_440] {
            for left in [2, 1, 0] {
                door.charge(&policy, &SAYS, now).unwrap();
                assert_eq!(denial(door.wrong(&policy, &SAYS, now)).attempts_left, Some(left));
            }
            let wait = minutes * MINUTE_MS;
            let locked = denial(door.charge(&policy, &SAYS, now).unwrap_err());
            assert_eq!(locked.reason, Reason::DisplayCodeLocked);
            assert_eq!(locked.retry_after_ms, u64::try_from(wait).ok());
            assert!(door.charge(&policy, &SAYS, now + wait - 1).is_err());
            now += wait;
        }
    }

    #[test]
    fn at_the_last_strike_it_is_shut_until_it_is_forgotten_and_no_longer() {
        let policy = DoorPolicy::default();
        let (mut door, mut now) = (door(0), 0);
        for _ in 0..policy.strikes_max {
            door.charge(&policy, &SAYS, now).unwrap();
            now = now.max(door.lockout.locked_until_ms);
        }
        let last = door.charged_at;
        let forgotten = last + 30 * DAY_MS;
        assert_eq!(door.lockout.locked_until_ms, forgotten);
        assert!(door.charge(&policy, &SAYS, forgotten - 1).is_err());
        let later = |now| Door::at(door.key, Some(door), &policy, now).lockout.strikes();
        assert_eq!((later(forgotten - 1), later(forgotten)), (policy.strikes_max, 0));
    }

    #[test]
    fn each_third_try_locks_and_so_does_the_last_one() {
        let policy = DoorPolicy { strikes_max: 7, ..DoorPolicy::default() };
        let mut door = door(0);
        let locks: Vec<_> = (1..=7)
            .filter(|_| {
                let charge = door.charge(&policy, &SAYS, door.lockout.locked_until_ms).unwrap();
                door.is_locked_by(charge, &policy)
            })
            .collect();
        assert_eq!(locks, [3, 6, 7]);
    }

    #[test]
    fn a_success_clears_the_count_and_the_next_lock_is_the_first() {
        let policy = DoorPolicy::default();
        let mut door = door(0);
        for _ in 0..5 {
            door.charge(&policy, &SAYS, DAY_MS).ok();
        }
        let charge = door.charge(&policy, &SAYS, 2 * DAY_MS).unwrap();
        door.clear(charge, &policy);
        assert_eq!(door.lockout.strikes(), 0);
        for _ in 0..3 {
            door.charge(&policy, &SAYS, 2 * DAY_MS).unwrap();
        }
        assert_eq!(door.lockout.locked_until_ms, 2 * DAY_MS + 15 * MINUTE_MS);
    }

    #[test]
    fn the_tightest_and_the_widest_door_are_doors() {
        for (strikes, strikes_max, rungs) in [(1, 1, 1), (1, 100, 100), (10, 100, 10), (10, 5, 1)] {
            let policy = DoorPolicy { strikes, strikes_max, ..DoorPolicy::default() };
            let ladder = ladder(&policy);
            assert_eq!(ladder.rungs.len(), rungs);
            assert!(ladder.rungs.windows(2).all(|pair| pair[0].strikes < pair[1].strikes));
        }
    }
}
