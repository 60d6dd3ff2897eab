//! Acting for somebody else: guardians and proxies.
//!
//! Purpose: a person logs in as themself and acts for another, because a registrar has recorded that they
//! may. Invariants: the one who acts is authenticated, chooses for whom, and signs the choice; the
//! assertion names both; nobody acts by way of somebody else, for only what is recorded for the one who
//! signed is looked at (no chains); both identities must be usable, when the choice is signed and again
//! when the login is redeemed.
//!
//! A proxy is given by an adult; a guardian acts for anybody, a minor too, but for a minor not beyond the
//! day before the 18th birthday: from then on it takes a new decision. Whoever acts is a private person,
//! known to be an adult and proved at Substantial or above. Dates are days in Denmark, both inclusive.
//!
//! **Decisions**: no source gives numbers; a delegation always ends, after at most 18 years (a child's
//! whole minority), and one person acts for at most so many others, which bounds what a phone is shown.

use prost::Message;

use crate::Id;
use crate::age::{is_at_least, years};
use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::{Identity, Level, line};
use crate::policy::DelegationPolicy;

/// The scope that is every service provider.
const ANYWHERE: &str = "*";
const SCOPES_MAX: usize = 20;

/// Why somebody may act for another. The numbers are those of `DelegationKind` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// A guardian, by law or by a court.
    Guardian = 1,
    /// A proxy, by power of attorney.
    Proxy = 2,
}

impl Kind {
    /// Reads a number of the proto enum.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `kind`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Guardian),
            2 => Ok(Self::Proxy),
            _ => Err(Error::invalid("kind", "must be GUARDIAN or PROXY")),
        }
    }

    /// The name in the history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guardian => "guardian",
            Self::Proxy => "proxy",
        }
    }
}

/// Whether a login may be on somebody's behalf. The numbers are those of `Acting` in proto.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Acting {
    /// Only for oneself.
    #[default]
    No = 1,
    /// For oneself or somebody else.
    Allowed = 2,
    /// Only for somebody else.
    Required = 3,
}

impl Acting {
    /// Reads a number of the proto enum; 0 is only for oneself.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `acting`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::No),
            2 => Ok(Self::Allowed),
            3 => Ok(Self::Required),
            _ => Err(Error::invalid("acting", "must be NO, ALLOWED or REQUIRED")),
        }
    }

    /// Whether a choice, or none, is one that was asked for.
    ///
    /// # Errors
    /// Denied with `ACTING_NOT_ASKED` or `ACTING_REQUIRED`.
    pub const fn check(self, chosen: bool) -> Result<()> {
        match (self, chosen) {
            (Self::No, true) => Err(Error::denied(Reason::ActingNotAsked)),
            (Self::Required, false) => Err(Error::denied(Reason::ActingRequired)),
            _ => Ok(()),
        }
    }
}

/// That somebody may act for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// Its name in the store and in statements.
    pub id: Id,
    /// For whom.
    pub principal_id: Id,
    /// Who acts.
    pub agent_id: Id,
    /// Why they may.
    pub kind: Kind,
    /// At which service providers.
    pub scopes: Scopes,
    /// The first day.
    pub starts_on: Date,
    /// The last day.
    pub ends_on: Date,
    /// By which document or decision, as the registrar noted it.
    pub grounds: String,
    /// The client that recorded it.
    pub recorded_by: String,
    /// Who there.
    pub officer_id: String,
    /// When.
    pub recorded_at: Millis,
    /// When it was ended before its last day.
    pub ended_at: Option<Millis>,
}

impl Delegation {
    /// Whether it has neither been ended nor come to its end; it may still be to begin.
    #[must_use]
    pub fn is_open(&self, now: Millis) -> bool {
        self.ended_at.is_none() && copenhagen(now) <= self.ends_on
    }

    /// Whether this person may act by it at this service provider now.
    #[must_use]
    pub fn covers(&self, agent_id: &Id, service_provider: &str, now: Millis) -> bool {
        self.is_open(now)
            && self.starts_on <= copenhagen(now)
            && self.agent_id == *agent_id
            && self.scopes.hold(service_provider)
    }

    /// Whether it concerns this person.
    #[must_use]
    pub fn is_between(&self, identity_id: &Id) -> bool {
        [self.principal_id, self.agent_id].contains(identity_id)
    }
}

/// The service providers at which somebody may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads the names of service providers, or the one name `*` for all.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `scopes`.
    pub fn parse(names: &[String]) -> Result<Self> {
        let invalid = |bound: &str| Err(Error::invalid("scopes", bound));
        if !(1..=SCOPES_MAX).contains(&names.len()) {
            return invalid("must be 1 to 20 service providers, or *");
        }
        if names.len() > 1 && names.iter().any(|name| name == ANYWHERE) {
            return invalid("must not name service providers beside *");
        }
        let mut scopes: Vec<_> =
            names.iter().map(|name| line("scopes", name, 1, 128)).collect::<Result<_>>()?;
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Self(scopes))
    }

    fn hold(&self, service_provider: &str) -> bool {
        self.0.iter().any(|name| name == ANYWHERE || name == service_provider)
    }

    /// The names, in order.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Whether a delegation from `principal` to `agent` may be recorded today, one of them having `open` others.
///
/// # Errors
/// Denied with `DELEGATION_NOT_ALLOWED`, which of the two it is not being said, or `DELEGATIONS_TOO_MANY`;
/// [`Error::Invalid`] naming `starts_on` or `ends_on`.
pub fn check(
    it: &Delegation,
    principal: &Identity,
    agent: &Identity,
    open: usize,
    policy: &DelegationPolicy,
    now: Millis,
) -> Result<()> {
    let is_private = |who: &Identity| who.usable().is_ok() && who.organisation.is_none();
    let adult = |who: &Identity| is_at_least(who, policy.adult_years_min, now);
    let allowed = principal.id != agent.id
        && is_private(principal)
        && is_private(agent)
        && agent.proved_since().is_some()
        && agent.level >= Level::Substantial
        && adult(agent)
        && (it.kind == Kind::Guardian || adult(principal));
    if !allowed {
        return Err(Error::denied(Reason::DelegationNotAllowed));
    }
    check_dates(it, principal, policy, now)?;
    if open >= usize::try_from(policy.open_max).unwrap_or(usize::MAX) {
        return Err(Error::denied(Reason::DelegationsTooMany));
    }
    Ok(())
}

fn check_dates(
    it: &Delegation,
    principal: &Identity,
    policy: &DelegationPolicy,
    now: Millis,
) -> Result<()> {
    let invalid = |field, bound: &str| Err(Error::invalid(field, bound));
    if copenhagen(now) > it.ends_on {
        return invalid("ends_on", "must not be over");
    }
    if it.starts_on > it.ends_on {
        return invalid("starts_on", "must not be after ends_on");
    }
    if it.starts_on.days_until(it.ends_on) >= i64::from(policy.days_max) {
        return Err(Error::invalid(
            "ends_on",
            format!("must be at most {} days, the first counted, after starts_on", policy.days_max),
        ));
    }
    let adult = policy.adult_years_min;
    let minor = principal.birth_date.filter(|_| !is_at_least(principal, adult, now));
    if minor.is_some_and(|born| years(born.date(), it.ends_on) >= adult) {
        return invalid("ends_on", "must be before a minor comes of age");
    }
    Ok(())
}

/// For whom somebody acts, as a statement names it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PrincipalShown {
    /// Which delegation.
    #[prost(bytes = "vec", tag = "1")]
    pub delegation_id: Vec<u8>,
    /// The person's name, as shown.
    #[prost(string, tag = "2")]
    pub name: String,
}

/// For whom a login was approved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnBehalf {
    /// By which delegation.
    pub delegation_id: Id,
    /// The person's identity.
    pub principal_id: Id,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    /// Midnight in Copenhagen at the beginning of 2027-01-11.
    const MIDNIGHT: Millis = 1_799_622_000_000;

    fn date(text: &str) -> Date {
        Date::parse("date", text).unwrap()
    }

    fn person(id: u8, born: &str) -> Identity {
        Identity {
            id: [id; 16],
            birth_date: BirthDate::parse(born).ok(),
            level: Level::Substantial,
            is_vouched: true,
            blocked_at: None,
            ..somebody()
        }
    }

    fn delegation() -> Delegation {
        Delegation {
            id: [9; 16],
            principal_id: [1; 16],
            agent_id: [2; 16],
            kind: Kind::Proxy,
            scopes: Scopes::parse(&["tax".to_owned()]).unwrap(),
            starts_on: date("2027-01-11"),
            ends_on: date("2027-01-20"),
            grounds: "letter".to_owned(),
            recorded_by: "desk".to_owned(),
            officer_id: "kk0417".to_owned(),
            recorded_at: MIDNIGHT,
            ended_at: None,
        }
    }

    fn checked(it: &Delegation, principal: &Identity, agent: &Identity) -> Result<()> {
        check(it, principal, agent, 0, &DelegationPolicy::default(), MIDNIGHT)
    }

    const ADULT: &str = "1980-01-01";
    const NOT_ALLOWED: Error = Error::denied(Reason::DelegationNotAllowed);

    #[test]
    fn it_begins_and_ends_at_midnight_in_copenhagen() {
        let it = delegation();
        let covers = |now| it.covers(&[2; 16], "tax", now);
        let over = MIDNIGHT + 10 * 86_400_000;
        assert!(!covers(MIDNIGHT - 1) && covers(MIDNIGHT));
        assert!(covers(over - 1) && !covers(over));
        assert!(it.is_open(MIDNIGHT - 1) && it.is_open(over - 1) && !it.is_open(over));
    }

    #[test]
    fn it_covers_who_it_names_where_it_says_until_it_is_ended() {
        let it = delegation();
        assert!(it.covers(&[2; 16], "tax", MIDNIGHT));
        assert!(!it.covers(&[1; 16], "tax", MIDNIGHT), "for whom, not who");
        assert!(!it.covers(&[2; 16], "health", MIDNIGHT));
        let anywhere = Delegation { scopes: Scopes::parse(&["*".into()]).unwrap(), ..it.clone() };
        assert!(anywhere.covers(&[2; 16], "health", MIDNIGHT));
        let ended = Delegation { ended_at: Some(MIDNIGHT), ..it };
        assert!(!ended.covers(&[2; 16], "tax", MIDNIGHT));
    }

    #[test]
    fn a_proxy_is_between_adults_and_a_guardian_may_act_for_a_minor() {
        let guardian = Delegation { kind: Kind::Guardian, ..delegation() };
        let adult = person(2, ADULT);
        // On 2027-01-11: 18 that day, and 18 the day after.
        for (born, proxy) in [(ADULT, true), ("2009-01-11", true), ("2009-01-12", false)] {
            let as_proxy = checked(&delegation(), &person(1, born), &adult);
            assert_eq!(as_proxy.is_ok(), proxy, "{born}");
            let soon = Delegation { ends_on: date("2027-01-11"), ..guardian.clone() };
            assert_eq!(checked(&soon, &person(1, born), &adult), Ok(()), "{born}");
            let as_agent = checked(&guardian, &person(1, ADULT), &person(2, born));
            assert_eq!(as_agent.is_ok(), proxy, "{born}");
        }
        let unknown = person(1, "");
        assert_eq!(checked(&delegation(), &unknown, &adult), Err(NOT_ALLOWED));
        assert_eq!(checked(&guardian, &unknown, &adult), Ok(()));
        assert_eq!(checked(&guardian, &person(1, ADULT), &person(2, "")), Err(NOT_ALLOWED));
    }

    #[test]
    fn a_guardian_of_a_minor_ends_before_the_birthday() {
        let child = person(1, "2012-02-29");
        let until =
            |ends_on| Delegation { kind: Kind::Guardian, ends_on: date(ends_on), ..delegation() };
        assert!(checked(&until("2030-02-28"), &child, &person(2, ADULT)).is_ok());
        assert!(checked(&until("2030-03-01"), &child, &person(2, ADULT)).is_err());
    }

    #[test]
    fn who_is_blocked_unproved_low_or_acts_for_an_organisation_is_not_allowed() {
        let (principal, agent) = (person(1, ADULT), person(2, ADULT));
        let organisation = || Some("12345674".to_owned());
        for (principal, agent) in [
            (principal.clone(), principal.clone()),
            (Identity { blocked_at: Some(0), ..principal.clone() }, agent.clone()),
            (principal.clone(), Identity { blocked_at: Some(0), ..agent.clone() }),
            (principal.clone(), Identity { level: Level::Low, ..agent.clone() }),
            (principal.clone(), Identity { is_vouched: false, ..agent.clone() }),
            (Identity { organisation: organisation(), ..principal.clone() }, agent.clone()),
            (principal.clone(), Identity { organisation: organisation(), ..agent.clone() }),
        ] {
            assert_eq!(checked(&delegation(), &principal, &agent), Err(NOT_ALLOWED));
        }
        assert_eq!(checked(&delegation(), &principal, &agent), Ok(()));
    }

    #[test]
    fn dates_and_numbers_at_their_edges() {
        let (principal, agent) = (person(1, ADULT), person(2, ADULT));
        let spans = |starts_on, ends_on| {
            let it =
                Delegation { starts_on: date(starts_on), ends_on: date(ends_on), ..delegation() };
            let policy = DelegationPolicy { days_max: 365, ..DelegationPolicy::default() };
            check(&it, &principal, &agent, 0, &policy, MIDNIGHT).is_ok()
        };
        assert!(spans("2027-01-11", "2027-01-11"));
        assert!(!spans("2027-01-12", "2027-01-11"));
        assert!(spans("2026-06-01", "2027-01-11") && !spans("2026-06-01", "2027-01-10"));
        assert!(spans("2027-02-01", "2028-01-31") && !spans("2027-02-01", "2028-02-01"));
        let most = DelegationPolicy { open_max: 2, ..DelegationPolicy::default() };
        let beside = |open| check(&delegation(), &principal, &agent, open, &most, MIDNIGHT).is_ok();
        assert!(beside(1) && !beside(2));
    }

    #[test]
    fn scopes_at_their_edges() {
        let parse = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
            Scopes::parse(&names)
        };
        assert_eq!(parse(&["tax", "bank", "tax"]).unwrap().names(), ["bank", "tax"]);
        assert!(parse(&["*"]).unwrap().hold("anybody"));
        let (long, longer) = ("å".repeat(128), "å".repeat(129));
        assert!(parse(&[&long]).is_ok() && parse(&vec!["x"; 20]).is_ok());
        for refused in
            [vec![], vec!["*", "tax"], vec![""], vec!["a\nb"], vec![&longer], vec!["x"; 21]]
        {
            assert!(parse(&refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_choice_is_made_where_it_is_asked_for() {
        let not_asked = Err(Error::denied(Reason::ActingNotAsked));
        let required = Err(Error::denied(Reason::ActingRequired));
        assert_eq!((Acting::No.check(false), Acting::No.check(true)), (Ok(()), not_asked));
        assert_eq!((Acting::Allowed.check(false), Acting::Allowed.check(true)), (Ok(()), Ok(())));
        assert_eq!(
            (Acting::Required.check(false), Acting::Required.check(true)),
            (required, Ok(()))
        );
    }
}
