//! The end of NemID, the predecessor: what is allowed on which day, and where.
//!
//! Each thing ends on a day of its own, at midnight in Denmark: first the app is offered before the key card,
//! then banks take no NemID, then there are no new cards, then nobody moves over with it, then only the
//! subscriber's own profile takes it, then nothing does. Invariants: a pure function of the policy, the time
//! and what the service provider is, which its front-end's configuration says; never of who logs in, so that
//! it tells nothing about anybody; and whatever the other days are, nothing is allowed from the last one on.
//!
//! Source: the published plan of the Danish authorities. **Decision**: 30 June 2023 ends login at service
//! providers, 31 October 2023 ends everything. A card that was ordered before the last day for new ones and not
//! printed is not printed after it; one that was sent is activated. Whoever has moved over keeps NemID until it
//! ends by itself: the app may still fail them, and a lost card is reported like any other.

use crate::age;
use crate::civil::copenhagen;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::Identity;
use crate::policy::NemIdPolicy;

/// What a service provider is to NemID. The numbers are stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ServiceKind {
    /// A public service, or any other.
    #[default]
    Public = 1,
    /// A bank.
    Bank = 2,
    /// The subscriber's own profile.
    Profile = 3,
}

impl ServiceKind {
    /// Reads a number; 0 is a public service.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `service_kind`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::Public),
            2 => Ok(Self::Bank),
            3 => Ok(Self::Profile),
            _ => Err(Error::invalid("service_kind", "must be 0 to 3")),
        }
    }
}

/// A way in, as a front-end shows it. The numbers are those of `WayIn` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum WayIn {
    /// The app.
    App = 1,
    /// A code display or reader, with the password.
    Display = 2,
    /// A key card, with the password.
    KeyCard = 3,
}

/// Whether somebody may log in with a key card at such a service provider.
///
/// # Errors
/// Denied with `NEMID_CLOSED`.
pub fn expect_login(policy: &NemIdPolicy, kind: ServiceKind, now: Millis) -> Result<()> {
    let today = copenhagen(now);
    let open = match kind {
        ServiceKind::Profile => true,
        ServiceKind::Public => today < policy.limited_from,
        ServiceKind::Bank => today < policy.limited_from && today < policy.banks_closed_from,
    };
    allow(open && is_open(policy, now), Reason::NemIdClosed)
}

/// Whether cards may be ordered and printed.
///
/// # Errors
/// Denied with `KEY_CARDS_CLOSED`.
pub fn expect_new_cards(policy: &NemIdPolicy, now: Millis) -> Result<()> {
    let open = copenhagen(now) < policy.cards_closed_from;
    allow(open && is_open(policy, now), Reason::KeyCardsClosed)
}

/// Whether a card that was sent may be put into use.
///
/// # Errors
/// Denied with `NEMID_CLOSED`.
pub fn expect_open(policy: &NemIdPolicy, now: Millis) -> Result<()> {
    allow(is_open(policy, now), Reason::NemIdClosed)
}

/// Whether somebody may move over with NemID.
///
/// # Errors
/// Denied with `NEMID_MOVE_OVER`.
pub fn expect_moving(policy: &NemIdPolicy, now: Millis) -> Result<()> {
    let open = copenhagen(now) <= policy.moving_until;
    allow(open && is_open(policy, now), Reason::NemIdMoveOver)
}

/// Whether somebody is old enough for a card. Where no birth date is on record a registrar answers for the
/// age, as for everything else; a parent's consent does not help.
///
/// # Errors
/// Denied with `AGE_TOO_LOW`.
pub fn expect_old_enough(policy: &NemIdPolicy, identity: &Identity, now: Millis) -> Result<()> {
    let known = identity.birth_date.is_some();
    allow(!known || age::is_at_least(identity, policy.years_min, now), Reason::AgeTooLow)
}

/// The ways in that there are today at such a service provider, in the order in which to show them.
#[must_use]
pub fn ways_in(policy: &NemIdPolicy, kind: ServiceKind, now: Millis) -> Vec<WayIn> {
    let mut ways = vec![WayIn::App, WayIn::Display];
    if expect_login(policy, kind, now).is_ok() {
        let app_first = copenhagen(now) >= policy.app_first_from;
        ways.insert(if app_first { ways.len() } else { 0 }, WayIn::KeyCard);
    }
    ways
}

fn is_open(policy: &NemIdPolicy, now: Millis) -> bool {
    copenhagen(now) < policy.closed_from
}

fn allow(allowed: bool, reason: Reason) -> Result<()> {
    if allowed { Ok(()) } else { Err(Error::denied(reason)) }
}

#[cfg(test)]
mod tests {
    use super::ServiceKind::{Bank, Profile, Public};
    use super::*;
    use crate::civil::Date;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    /// Midnight in Copenhagen at the beginning of each day.
    const APP_FIRST: Millis = 1_663_797_600_000; // 2022-09-22, in summer
    const BANKS: Millis = 1_667_170_800_000; // 2022-10-31, the day after the clocks were put back
    const CARDS: Millis = 1_685_397_600_000; // 2023-05-30
    const MOVED: Millis = 1_686_002_400_000; // 2023-06-06
    const LIMITED: Millis = 1_688_076_000_000; // 2023-06-30
    const CLOSED: Millis = 1_698_706_800_000; // 2023-10-31

    fn policy() -> NemIdPolicy {
        NemIdPolicy::default()
    }

    fn logs_in(kind: ServiceKind, now: Millis) -> bool {
        expect_login(&policy(), kind, now).is_ok()
    }

    #[test]
    fn the_days_are_those_of_the_plan_and_begin_at_midnight_in_copenhagen() {
        for (midnight, day) in [
            (APP_FIRST, policy().app_first_from),
            (BANKS, policy().banks_closed_from),
            (CARDS, policy().cards_closed_from),
            (LIMITED, policy().limited_from),
            (CLOSED, policy().closed_from),
        ] {
            assert_eq!(copenhagen(midnight), day);
            assert!(copenhagen(midnight - 1) < day);
            assert_eq!(Date::parse("day", &day.to_string()), Ok(day));
        }
        assert_eq!(copenhagen(MOVED - 1), policy().moving_until);
    }

    #[test]
    fn banks_stop_first_then_all_others_and_the_profile_last() {
        for (kind, ends) in [(Bank, BANKS), (Public, LIMITED), (Profile, CLOSED)] {
            assert!(logs_in(kind, ends - 1) && !logs_in(kind, ends), "{kind:?}");
            assert!(!logs_in(kind, CLOSED));
        }
        let refused = expect_login(&policy(), Bank, BANKS);
        assert_eq!(refused, Err(Error::denied(Reason::NemIdClosed)));
    }

    #[test]
    fn there_are_no_new_cards_and_nobody_moves_over_after_their_days() {
        assert_eq!(expect_new_cards(&policy(), CARDS - 1), Ok(()));
        let refused = expect_new_cards(&policy(), CARDS);
        assert_eq!(refused, Err(Error::denied(Reason::KeyCardsClosed)));
        assert_eq!(expect_moving(&policy(), MOVED - 1), Ok(()));
        let refused = expect_moving(&policy(), MOVED);
        assert_eq!(refused, Err(Error::denied(Reason::NemIdMoveOver)));
        assert_eq!(expect_open(&policy(), CLOSED - 1), Ok(()));
        assert_eq!(expect_open(&policy(), CLOSED), Err(Error::denied(Reason::NemIdClosed)));
    }

    #[test]
    fn whatever_the_other_days_are_nothing_is_allowed_from_the_last_one_on() {
        let late = Date::LAST;
        let careless = NemIdPolicy {
            banks_closed_from: late,
            cards_closed_from: late,
            moving_until: late,
            limited_from: late,
            ..policy()
        };
        for (now, open) in [(CLOSED - 1, true), (CLOSED, false)] {
            for kind in [Public, Bank, Profile] {
                assert_eq!(expect_login(&careless, kind, now).is_ok(), open);
            }
            assert_eq!(expect_new_cards(&careless, now).is_ok(), open);
            assert_eq!(expect_moving(&careless, now).is_ok(), open);
        }
    }

    #[test]
    fn the_app_becomes_the_first_way_in_and_then_the_card_goes() {
        use WayIn::{App, Display, KeyCard};
        for (kind, now, ways) in [
            (Public, APP_FIRST - 1, vec![KeyCard, App, Display]),
            (Public, APP_FIRST, vec![App, Display, KeyCard]),
            (Bank, BANKS - 1, vec![App, Display, KeyCard]),
            (Bank, BANKS, vec![App, Display]),
            (Public, LIMITED, vec![App, Display]),
            (Profile, LIMITED, vec![App, Display, KeyCard]),
            (Profile, CLOSED, vec![App, Display]),
        ] {
            assert_eq!(ways_in(&policy(), kind, now), ways, "{kind:?} {now}");
        }
    }

    #[test]
    fn a_card_is_for_those_of_15_and_older() {
        let born = |text| Identity { birth_date: BirthDate::parse(text).ok(), ..somebody() };
        let refusal = |text| expect_old_enough(&policy(), &born(text), APP_FIRST);
        assert_eq!(refusal("2007-09-22"), Ok(()));
        assert_eq!(refusal("2007-09-23"), Err(Error::denied(Reason::AgeTooLow)));
        assert_eq!(expect_old_enough(&policy(), &somebody(), APP_FIRST), Ok(()));
    }
}
