//! Who may be a witness: somebody who tells a desk, in place of the population register, that a person is
//! who they say.
//!
//! Invariant: an identity that was got by deceit does not beget others: a witness is of age, has been
//! known for a while, is known at Substantial or above, and speaks for few. A statement counts until it
//! is as old as the window is long, so that no turn of a month makes three more; one from the future
//! counts too, because a clock that was set back must not forget it.

use crate::Id;
use crate::age::is_at_least;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::{Identity, Level};
use crate::policy::{IssuingPolicy, after, before};

/// From when on a witness's statements count.
#[must_use]
pub fn counted_after(policy: &IssuingPolicy, now: Millis) -> Millis {
    before(now, policy.witness_window_ms)
}

/// Returns for how many people `witness` may speak, if for this one. `statements` are the times of those that they made
/// after [`counted_after`], oldest first. `None` for a person who is not known yet.
///
/// # Errors
/// Denied with `WITNESS_NOT_ALLOWED` for the person themself, or somebody blocked or not known well
/// enough; with `WITNESS_TOO_YOUNG`, `WITNESS_TOO_NEW` or `WITNESS_TOO_OFTEN`, the latter two with the
/// time to come back.
pub fn check(
    witness: &Identity,
    person: Option<&Id>,
    statements: &[Millis],
    policy: &IssuingPolicy,
    now: Millis,
) -> Result<u32> {
    let known_since = witness.proved_since().filter(|_| witness.level >= Level::Substantial);
    let known_since =
        known_since.filter(|_| witness.usable().is_ok() && Some(&witness.id) != person);
    let known_since = known_since.ok_or(Error::denied(Reason::WitnessNotAllowed))?;
    if !is_at_least(witness, policy.witness_years_min, now) {
        return Err(Error::denied(Reason::WitnessTooYoung));
    }
    let until = |time: Millis| u64::try_from(time.saturating_sub(now)).unwrap_or(0);
    let known_long = after(known_since, policy.witness_known_ms_min);
    if now < known_long {
        return Err(Error::retry(Reason::WitnessTooNew, until(known_long)));
    }
    // With the oldest of the last so many forgotten, there is room for one more.
    let most = usize::try_from(policy.witness_statements_max).unwrap_or(usize::MAX);
    match statements.len().checked_sub(most).and_then(|passed| statements.get(passed)) {
        Some(&oldest) => {
            let forgotten = after(oldest, policy.witness_window_ms);
            Err(Error::retry(Reason::WitnessTooOften, until(forgotten)))
        }
        None => Ok(u32::try_from(most - statements.len()).unwrap_or(u32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    const DAY: Millis = 86_400_000;
    const NOW: Millis = 1_800_000_000_000; // 2027-01-15 in Copenhagen
    const PERSON: Id = [9; 16];

    fn witness() -> Identity {
        Identity {
            birth_date: BirthDate::parse("2009-01-15").ok(),
            created_at: NOW - 10 * DAY,
            ..somebody()
        }
    }

    fn asked(witness: &Identity, statements: &[Millis], now: Millis) -> Result<u32> {
        check(witness, Some(&PERSON), statements, &IssuingPolicy::default(), now)
    }

    #[test]
    fn a_witness_is_of_age() {
        assert_eq!(asked(&witness(), &[], NOW), Ok(3));
        for birth_date in [BirthDate::parse("2009-01-16").ok(), None] {
            let young = Identity { birth_date, ..witness() };
            assert_eq!(asked(&young, &[], NOW), Err(Error::denied(Reason::WitnessTooYoung)));
        }
    }

    #[test]
    fn a_witness_has_been_known_for_ten_days() {
        assert_eq!(asked(&witness(), &[], NOW), Ok(3));
        assert_eq!(asked(&witness(), &[], NOW - 1), Err(Error::retry(Reason::WitnessTooNew, 1)));
        // Known is who was proved, not who was registered.
        let desk = |identified_at| Identity { is_vouched: false, identified_at, ..witness() };
        assert_eq!(asked(&desk(Some(NOW - 10 * DAY)), &[], NOW), Ok(3));
        let late = asked(&desk(Some(NOW - 10 * DAY + 5)), &[], NOW);
        assert_eq!(late, Err(Error::retry(Reason::WitnessTooNew, 5)));
        assert_eq!(asked(&desk(None), &[], NOW), Err(Error::denied(Reason::WitnessNotAllowed)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_known_longer() {
        let hour = 3_600_000;
        let known = Identity { created_at: NOW + hour, ..witness() };
        let wait = u64::try_from(10 * DAY + hour).unwrap();
        assert_eq!(asked(&known, &[], NOW), Err(Error::retry(Reason::WitnessTooNew, wait)));
        let often = asked(&witness(), &[NOW + hour; 3], NOW);
        let wait = u64::try_from(120 * DAY + hour).unwrap();
        assert_eq!(often, Err(Error::retry(Reason::WitnessTooOften, wait)));
    }

    #[test]
    fn three_times_in_a_moving_window() {
        let window = 120 * DAY;
        assert_eq!(counted_after(&IssuingPolicy::default(), NOW), NOW - window);
        assert_eq!(asked(&witness(), &[NOW - 2, NOW - 1], NOW), Ok(1));
        let thrice = [NOW - window + 7, NOW - 2, NOW - 1];
        assert_eq!(asked(&witness(), &thrice, NOW), Err(Error::retry(Reason::WitnessTooOften, 7)));
        // The window had been wider, or the most higher: two must be forgotten.
        let four = [NOW - window + 5, NOW - window + 7, NOW - 2, NOW - 1];
        assert_eq!(asked(&witness(), &four, NOW), Err(Error::retry(Reason::WitnessTooOften, 7)));
    }

    #[test]
    fn neither_the_person_nor_the_blocked_nor_the_unproved_are_witnesses() {
        for refused in [
            Identity { id: PERSON, ..witness() },
            Identity { blocked_at: Some(NOW - 1), ..witness() },
            Identity { level: Level::Low, ..witness() },
            Identity { is_vouched: false, ..witness() },
        ] {
            assert_eq!(asked(&refused, &[], NOW), Err(Error::denied(Reason::WitnessNotAllowed)));
        }
    }
}
