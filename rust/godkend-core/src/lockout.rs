//! The ladder: what wrong PINs, or passwords, in a row lead to.
//!
//! A strike is charged before the PIN is looked at, and only a success takes strikes back: its own
//! and those charged before it. Charges that came after a success's own stay, for they were not yet
//! answered. So N simultaneous guesses are charged one by one, and evaluate exactly as many as the
//! ladder allows. Sources: NIST SP 800-63B-4, section 3.2.2 (at most 100 failures in a row); PSD2 RTS
//! article 4(3)(b) (at most 5 before a block).

use crate::clock::Millis;
use crate::error::{Denial, Error, Reason, Result};

/// One rung: this many strikes lock for that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// The strike that starts the lock.
    pub strikes: u32,
    /// How long the lock lasts, in milliseconds.
    pub locked_ms: u64,
}

/// Locks that grow longer, and an end.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ladder {
    /// The rungs, by rising strikes.
    pub rungs: Vec<Rung>,
    /// The strike that kills the PIN; at most 100 (NIST SP 800-63B-4).
    pub strikes_max: u32,
}

/// NIST SP 800-63B-4, section 3.2.2.
pub const STRIKES_MAX_MAX: u32 = 100;

impl Default for Ladder {
    fn default() -> Self {
        const HOUR_MS: u64 = 3_600_000;
        Self {
            rungs: vec![
                Rung { strikes: 3, locked_ms: HOUR_MS },
                Rung { strikes: 6, locked_ms: 24 * HOUR_MS },
            ],
            strikes_max: 9,
        }
    }
}

impl Ladder {
    /// Whether the ladder is one.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field, which is called so: first the rungs, then the most strikes.
    pub fn validate(&self, [rungs, strikes_max]: [&'static str; 2]) -> Result<()> {
        if !(1..=STRIKES_MAX_MAX).contains(&self.strikes_max) {
            return Err(Error::invalid(strikes_max, "must be 1 to 100"));
        }
        let mut below = 0;
        for rung in &self.rungs {
            if rung.strikes <= below || rung.strikes >= self.strikes_max {
                return Err(Error::invalid(
                    rungs,
                    "must have rising strikes, from 1 to less than strikes_max",
                ));
            }
            if rung.locked_ms == 0 || rung.locked_ms > 366 * 86_400_000 {
                return Err(Error::invalid(rungs, "must lock for 1 ms to 366 days"));
            }
            below = rung.strikes;
        }
        Ok(())
    }

    /// The strikes at which something happens next, after `strikes`.
    fn next(&self, strikes: u32) -> u32 {
        let rung = self.rungs.iter().map(|rung| rung.strikes).find(|&at| at > strikes);
        rung.unwrap_or(self.strikes_max)
    }
}

/// What the refusals of a secret are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusals {
    /// It is not the secret.
    pub wrong: Reason,
    /// Come back later.
    pub locked: Reason,
    /// Only a new secret helps.
    pub dead: Reason,
}

/// What a strike has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// A lock that passes.
    Lock,
    /// The end.
    End,
}

/// Where one secret stands. Counters only grow, so that a success can name what it clears.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lockout {
    /// How many attempts were ever charged.
    pub charged: u64,
    /// Up to which of them a success has cleared.
    pub cleared: u64,
    /// Until when it is locked; in the past if it is not.
    pub locked_until_ms: Millis,
}

/// Names one charge; what a success hands back to [`Lockout::clear`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge(u64);

impl Lockout {
    /// Attempts in a row that were charged and not followed by a success.
    #[must_use]
    pub fn strikes(&self) -> u32 {
        u32::try_from(self.charged.saturating_sub(self.cleared)).unwrap_or(u32::MAX)
    }

    /// Whether only a new activation helps.
    #[must_use]
    pub fn is_dead(&self, ladder: &Ladder) -> bool {
        self.strikes() >= ladder.strikes_max
    }

    /// Whether the app may be used now: a lock holds for whatever stands in for the PIN as well.
    ///
    /// # Errors
    /// Denied as dead, or as locked with the time to come back; of a PIN, `PIN_DEAD` and `PIN_LOCKED`.
    pub fn expect_open(&self, ladder: &Ladder, says: &Refusals, now: Millis) -> Result<()> {
        if self.is_dead(ladder) {
            return Err(Error::denied(says.dead));
        }
        if now < self.locked_until_ms {
            return Err(Error::retry(says.locked, self.wait_ms(now)));
        }
        Ok(())
    }

    /// Charges one attempt, before its PIN is looked at.
    ///
    /// # Errors
    /// As [`Lockout::expect_open`]; nothing is charged.
    pub fn charge(&mut self, ladder: &Ladder, says: &Refusals, now: Millis) -> Result<Charge> {
        self.expect_open(ladder, says, now)?;
        self.charged += 1;
        let strikes = self.strikes();
        if let Some(rung) = ladder.rungs.iter().find(|rung| rung.strikes == strikes) {
            let locked_ms = Millis::try_from(rung.locked_ms).unwrap_or(Millis::MAX);
            self.locked_until_ms = now.saturating_add(locked_ms);
        }
        Ok(Charge(self.charged))
    }

    /// Takes back this charge and those before it: the PIN was right.
    pub fn clear(&mut self, charge: Charge, ladder: &Ladder) {
        self.cleared = self.cleared.max(charge.0);
        if ladder.rungs.first().is_none_or(|rung| self.strikes() < rung.strikes) {
            self.locked_until_ms = 0;
        }
    }

    /// What to tell after a wrong PIN.
    #[must_use]
    pub fn wrong(&self, ladder: &Ladder, says: &Refusals, now: Millis) -> Error {
        let strikes = self.strikes();
        let locked = now < self.locked_until_ms;
        let attempts_left =
            if locked || self.is_dead(ladder) { 0 } else { ladder.next(strikes) - strikes };
        Error::Denied(Denial {
            reason: says.wrong,
            retry_after_ms: locked.then(|| self.wait_ms(now)),
            attempts_left: Some(attempts_left),
        })
    }

    /// What a strike that stays has led to. Each lock is one strike's, so that it is told of once, however
    /// many guesses are made at the same time. One that was cut off before it was settled tells nobody.
    #[must_use]
    pub fn reached_by(&self, charge: Charge, ladder: &Ladder) -> Option<Reached> {
        let strike = u32::try_from(charge.0.saturating_sub(self.cleared)).unwrap_or(u32::MAX);
        if strike == ladder.strikes_max {
            return Some(Reached::End);
        }
        ladder.rungs.iter().any(|rung| rung.strikes == strike).then_some(Reached::Lock)
    }

    fn wait_ms(&self, now: Millis) -> u64 {
        u64::try_from(self.locked_until_ms.saturating_sub(now)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pin::{Pin, Secret as _};
    use proptest::prelude::*;

    const HOUR_MS: Millis = 3_600_000;
    const NAMES: [&str; 2] = ["lockout.rungs", "lockout.strikes_max"];

    fn denied(result: Result<Charge>) -> Denial {
        match result {
            Err(Error::Denied(denial)) => denial,
            other => panic!("not denied: {other:?}"),
        }
    }

    #[test]
    fn three_lock_for_an_hour_six_for_a_day_nine_kill() {
        let ladder = Ladder::default();
        let mut lockout = Lockout::default();
        let mut now = 0;
        for wait in [HOUR_MS, 24 * HOUR_MS] {
            for _ in 0..3 {
                lockout.charge(&ladder, &Pin::REFUSALS, now).unwrap();
            }
            let denial = denied(lockout.charge(&ladder, &Pin::REFUSALS, now));
            assert_eq!(denial.reason, Reason::PinLocked);
            assert_eq!(denial.retry_after_ms, Some(u64::try_from(wait).unwrap()));
            assert!(lockout.charge(&ladder, &Pin::REFUSALS, now + wait - 1).is_err());
            now += wait;
        }
        for _ in 0..3 {
            lockout.charge(&ladder, &Pin::REFUSALS, now).unwrap();
        }
        assert_eq!(
            denied(lockout.charge(&ladder, &Pin::REFUSALS, now + 9_999 * HOUR_MS)).reason,
            Reason::PinDead
        );
    }

    #[test]
    fn the_third_guess_may_be_the_right_one() {
        let ladder = Ladder::default();
        let mut lockout = Lockout::default();
        lockout.charge(&ladder, &Pin::REFUSALS, 0).unwrap();
        lockout.charge(&ladder, &Pin::REFUSALS, 0).unwrap();
        let third = lockout.charge(&ladder, &Pin::REFUSALS, 0).unwrap();
        lockout.clear(third, &ladder);
        assert_eq!(lockout.strikes(), 0);
        assert!(lockout.charge(&ladder, &Pin::REFUSALS, 0).is_ok());
    }

    #[test]
    fn a_success_does_not_clear_what_was_charged_after_it() {
        let ladder = Ladder::default();
        let mut lockout = Lockout::default();
        let first = lockout.charge(&ladder, &Pin::REFUSALS, 0).unwrap();
        lockout.charge(&ladder, &Pin::REFUSALS, 0).unwrap();
        lockout.clear(first, &ladder);
        assert_eq!(lockout.strikes(), 1);
    }

    #[test]
    fn each_lock_is_reached_by_one_strike_and_by_none_that_a_success_took_back() {
        let ladder = Ladder::default();
        let mut lockout = Lockout::default();
        let mut reached = Vec::new();
        let mut charges = Vec::new();
        for _ in 0..9 {
            let now = lockout.locked_until_ms;
            charges.push(lockout.charge(&ladder, &Pin::REFUSALS, now).unwrap());
        }
        for (nth, charge) in charges.iter().enumerate() {
            reached.extend(lockout.reached_by(*charge, &ladder).map(|it| (nth + 1, it)));
        }
        assert_eq!(reached, [(3, Reached::Lock), (6, Reached::Lock), (9, Reached::End)]);
        lockout.clear(charges[1], &ladder);
        assert_eq!(lockout.reached_by(charges[2], &ladder), None);
        assert_eq!(lockout.reached_by(charges[0], &ladder), None);
    }

    #[test]
    fn an_impossible_ladder_is_refused() {
        let rung = |strikes| Rung { strikes, locked_ms: 1 };
        for ladder in [
            Ladder { rungs: vec![rung(3), rung(3)], strikes_max: 9 },
            Ladder { rungs: vec![rung(9)], strikes_max: 9 },
            Ladder { rungs: vec![rung(0)], strikes_max: 9 },
            Ladder { rungs: vec![], strikes_max: 101 },
            Ladder { rungs: vec![], strikes_max: 0 },
            Ladder { rungs: vec![Rung { strikes: 1, locked_ms: 0 }], strikes_max: 9 },
        ] {
            assert!(ladder.validate(NAMES).is_err(), "{ladder:?}");
        }
        assert!(Ladder { rungs: vec![], strikes_max: 100 }.validate(NAMES).is_ok());
    }

    proptest! {
        /// Whatever is charged, cleared and waited for: between two successes no more than
        /// `strikes_max` are charged, and no more than a rung allows before its lock has passed.
        #[test]
        fn no_guess_comes_free(moves in prop::collection::vec((0u8..4, 0i64..2 * HOUR_MS), 1..200)) {
            let ladder = Ladder::default();
            let mut lockout = Lockout::default();
            let (mut now, mut in_a_row, mut last) = (0, 0, None);
            for (kind, gap) in moves {
                now += gap;
                if kind == 0 {
                    if let Some(charge) = last.take() {
                        lockout.clear(charge, &ladder);
                        in_a_row = 0;
                    }
                } else if let Ok(charge) = lockout.charge(&ladder, &Pin::REFUSALS, now) {
                    in_a_row += 1;
                    last = Some(charge);
                }
                prop_assert_eq!(lockout.strikes(), in_a_row);
                prop_assert!(in_a_row <= ladder.strikes_max);
            }
        }
    }
}
