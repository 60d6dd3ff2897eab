//! A parent's consent, for those who are not old enough alone.
//!
//! The officer sees in the population register that the parent holds custody, and records the consent;
//! the register itself is not godkend's. Invariant: consent is given by an adult who is known at
//! Substantial or above and not blocked, never by the child, and only while it is needed.

use crate::Id;
use crate::age::is_at_least;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::{Identity, Level};
use crate::policy::IssuingPolicy;

/// A parent's consent as an officer recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consent {
    /// Its name in the store.
    pub id: Id,
    /// The child's identity.
    pub identity_id: Id,
    /// The parent's identity.
    pub parent_id: Id,
    /// The client that recorded it.
    pub recorded_by: String,
    /// Who there.
    pub officer_id: String,
    /// When.
    pub recorded_at: Millis,
}

/// Whether this parent may consent for this child; `None` for a parent who is not known at all.
///
/// # Errors
/// Denied with `AGE_UNKNOWN` or `AGE_TOO_LOW` of the child, `CONSENT_NOT_NEEDED`, or
/// `PARENT_NOT_ALLOWED`.
pub fn check(
    child: &Identity,
    parent: Option<&Identity>,
    policy: &IssuingPolicy,
    now: Millis,
) -> Result<()> {
    if child.birth_date.is_none() {
        return Err(Error::denied(Reason::AgeUnknown));
    }
    if !is_at_least(child, policy.consent_years_min, now) {
        return Err(Error::denied(Reason::AgeTooLow));
    }
    if is_at_least(child, policy.alone_years_min, now) {
        return Err(Error::denied(Reason::ConsentNotNeeded));
    }
    let allowed = parent.is_some_and(|parent| {
        parent.id != child.id
            && parent.usable().is_ok()
            && parent.proved_since().is_some()
            && parent.level >= Level::Substantial
            && is_at_least(parent, policy.parent_years_min, now)
    });
    if allowed { Ok(()) } else { Err(Error::denied(Reason::ParentNotAllowed)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    const NOW: Millis = 1_800_000_000_000; // 2027-01-15 in Copenhagen

    fn born(date: &str) -> Identity {
        Identity { birth_date: BirthDate::parse(date).ok(), ..somebody() }
    }

    fn child(date: &str) -> Identity {
        Identity { id: [9; 16], ..born(date) }
    }

    fn asked(child: &Identity, parent: &Identity) -> Result<()> {
        check(child, Some(parent), &IssuingPolicy::default(), NOW)
    }

    #[test]
    fn consent_is_for_those_between_thirteen_and_fifteen() {
        let parent = born("1980-01-01");
        for (birth_date, expected) in [
            ("2014-01-16", Err(Error::denied(Reason::AgeTooLow))),
            ("2014-01-15", Ok(())),
            ("2012-01-16", Ok(())),
            ("2012-01-15", Err(Error::denied(Reason::ConsentNotNeeded))),
        ] {
            assert_eq!(asked(&child(birth_date), &parent), expected, "{birth_date}");
        }
        let unknown = Identity { birth_date: None, ..child("2013-01-01") };
        assert_eq!(asked(&unknown, &parent), Err(Error::denied(Reason::AgeUnknown)));
    }

    #[test]
    fn a_parent_is_an_adult_who_is_known_and_somebody_else() {
        let child = child("2013-01-01");
        assert_eq!(asked(&child, &born("2009-01-15")), Ok(()));
        let parent = born("1980-01-01");
        for refused in [
            born("2009-01-16"),
            Identity { birth_date: None, ..parent.clone() },
            Identity { id: child.id, ..parent.clone() },
            Identity { blocked_at: Some(1), ..parent.clone() },
            Identity { is_vouched: false, ..parent.clone() },
            Identity { level: Level::Low, ..parent },
        ] {
            assert_eq!(asked(&child, &refused), Err(Error::denied(Reason::ParentNotAllowed)));
        }
        let nobody = check(&child, None, &IssuingPolicy::default(), NOW);
        assert_eq!(nobody, Err(Error::denied(Reason::ParentNotAllowed)));
    }
}
