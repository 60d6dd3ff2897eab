//! Who is old enough for an identity: alone, with a parent's consent, or not yet.
//!
//! Ages are whole years on the day that it is in Denmark: a birthday begins at midnight there, whatever
//! the machine's zone. Whoever was born on 29 February is a year older on 1 March in years without that
//! day: the year is whole when 28 February has ended, and nobody gets in a day early. Without a birth
//! date nobody can say; then it takes a registrar that vouches for the person at Substantial or above,
//! and with that for their age. Source: the published rules of MitID (15 alone, 13 with a parent).

use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::{Identity, Level};
use crate::policy::IssuingPolicy;

/// How old somebody is, in whole years; 0 before their birth.
#[must_use]
pub fn years(born: Date, today: Date) -> u16 {
    let had_birthday = (today.month(), today.day()) >= (born.month(), born.day());
    (today.year() + u16::from(had_birthday)).saturating_sub(born.year() + 1)
}

/// Whether somebody is known to be at least this old.
#[must_use]
pub fn is_at_least(identity: &Identity, years_min: u16, now: Millis) -> bool {
    identity.birth_date.is_some_and(|born| years(born.date(), copenhagen(now)) >= years_min)
}

/// Whether the subscriber's age allows an authenticator, a parent's consent being recorded or not.
///
/// # Errors
/// Denied with `AGE_UNKNOWN`, `AGE_TOO_LOW` or `CONSENT_REQUIRED`.
pub fn check(
    identity: &Identity,
    consented: bool,
    policy: &IssuingPolicy,
    now: Millis,
) -> Result<()> {
    if identity.birth_date.is_none() {
        let answered_for = identity.is_vouched && identity.level >= Level::Substantial;
        return if answered_for { Ok(()) } else { Err(Error::denied(Reason::AgeUnknown)) };
    }
    if !is_at_least(identity, policy.consent_years_min, now) {
        return Err(Error::denied(Reason::AgeTooLow));
    }
    if !consented && !is_at_least(identity, policy.alone_years_min, now) {
        return Err(Error::denied(Reason::ConsentRequired));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    fn date(text: &str) -> Date {
        Date::parse("date", text).unwrap()
    }

    /// Midnight in Copenhagen at the beginning of a day in winter.
    const MIDNIGHT: Millis = 1_799_622_000_000; // 2027-01-11

    fn refusal(born: &str, consented: bool, now: Millis) -> Option<Reason> {
        let identity = Identity { birth_date: BirthDate::parse(born).ok(), ..somebody() };
        match check(&identity, consented, &IssuingPolicy::default(), now) {
            Err(Error::Denied(denial)) => Some(denial.reason),
            other => {
                other.unwrap();
                None
            }
        }
    }

    #[test]
    fn years_are_whole() {
        for (born, today, old) in [
            ("2010-06-15", "2025-06-14", 14),
            ("2010-06-15", "2025-06-15", 15),
            ("2010-06-15", "2010-06-15", 0),
            ("2010-06-15", "2010-06-14", 0),
            ("2010-06-15", "1990-06-15", 0),
            ("2012-02-29", "2027-02-28", 14),
            ("2012-02-29", "2027-03-01", 15),
            ("2012-02-29", "2028-02-28", 15),
            ("2012-02-29", "2028-02-29", 16),
            ("1900-01-01", "2199-12-31", 299),
        ] {
            assert_eq!(years(date(born), date(today)), old, "{born} on {today}");
        }
    }

    #[test]
    fn a_birthday_begins_at_midnight_in_copenhagen() {
        assert_eq!(copenhagen(MIDNIGHT).to_string(), "2027-01-11");
        assert_eq!(refusal("2012-01-11", false, MIDNIGHT), None);
        assert_eq!(refusal("2012-01-11", false, MIDNIGHT - 1), Some(Reason::ConsentRequired));
        // In summer midnight is two hours before that of UTC.
        let summer = 1_815_256_800_000; // 2027-07-11, when it is 22:00 UTC
        assert_eq!(refusal("2012-07-11", false, summer), None);
        assert_eq!(refusal("2012-07-11", false, summer - 1), Some(Reason::ConsentRequired));
    }

    #[test]
    fn ages_at_their_edges() {
        for (born, consented, expected) in [
            ("2012-01-11", false, None),
            ("2012-01-12", false, Some(Reason::ConsentRequired)),
            ("2012-01-12", true, None),
            ("2014-01-11", true, None),
            ("2014-01-11", false, Some(Reason::ConsentRequired)),
            ("2014-01-12", true, Some(Reason::AgeTooLow)),
            ("2014-01-12", false, Some(Reason::AgeTooLow)),
            ("2028-01-01", true, Some(Reason::AgeTooLow)),
        ] {
            assert_eq!(refusal(born, consented, MIDNIGHT), expected, "{born} {consented}");
        }
    }

    #[test]
    fn without_a_birth_date_a_registrar_answers_for_the_age() {
        let unknown = |level, is_vouched| {
            let identity = Identity { birth_date: None, level, is_vouched, ..somebody() };
            check(&identity, true, &IssuingPolicy::default(), MIDNIGHT)
        };
        assert_eq!(unknown(Level::Substantial, true), Ok(()));
        for (level, is_vouched) in [(Level::Low, true), (Level::High, false)] {
            assert_eq!(unknown(level, is_vouched), Err(Error::denied(Reason::AgeUnknown)));
        }
    }
}
