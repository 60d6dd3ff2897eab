//! Every number of the domain, with its default and its bounds, in one place.
//!
//! Read from JSON once at the start; unknown fields are refused. The service shows what is in force
//! with `godkend config show`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::civil::Date;
use crate::error::{Error, Result};
use crate::key_card::KEYS_MAX;
use crate::lockout::Ladder;
use crate::passport::accepted::{self, Accepted};
use crate::pin::Params;
use crate::throttle::Quota;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

macro_rules! section {
    ($(#[$doc:meta])* $name:ident, $prefix:literal {
        $($(#[$field_doc:meta])* $field:ident: $type:ty = $default:expr, in $range:expr;)+
    }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)+ }

        impl Default for $name {
            fn default() -> Self { Self { $($field: $default,)+ } }
        }

        impl $name {
            fn validate(&self) -> Result<()> {
                $(if !($range).contains(&self.$field) {
                    let range = $range;
                    return Err(Error::invalid(
                        concat!($prefix, ".", stringify!($field)),
                        format!("must be {} to {}", range.start(), range.end()),
                    ));
                })+
                Ok(())
            }
        }
    };
}

section! {
    /// What a PIN costs to check.
    PinPolicy, "pin" {
        /// Argon2id memory in KiB, which each hash worker holds.
        memory_kib: u32 = 12_288, in Params::MEMORY_KIB_MIN..=Params::MEMORY_KIB_MAX;
        /// The most memory that a record made earlier may ask of a hash worker, in KiB.
        memory_kib_max: u32 = 65_536, in Params::MEMORY_KIB_MIN..=Params::MEMORY_KIB_MAX;
        /// Argon2id passes.
        iterations: u32 = 3, in Params::ITERATIONS_MIN..=Params::ITERATIONS_MAX;
        /// Argon2id lanes.
        parallelism: u32 = 1, in Params::PARALLELISM_MIN..=Params::PARALLELISM_MAX;
    }
}

section! {
    /// The life of a login.
    LoginPolicy, "login" {
        /// How long a login lives, from start to redemption.
        life_ms: u64 = 5 * MINUTE_MS, in 1_000..=HOUR_MS;
        /// How old a QR code may be when its scan arrives.
        qr_accepted_ms: u64 = 5_000, in 1_000..=60_000;
        /// How many logins for one typed user ID may be open; one more ends the oldest.
        identifier_logins_max: u32 = 3, in 1..=100;
        /// How far a phone's clock may be off in statements that carry a time.
        statement_skew_ms: u64 = 2 * MINUTE_MS, in 1_000..=HOUR_MS;
        /// How long the row of an ended login is kept.
        kept_ms: u64 = 10 * MINUTE_MS, in 0..=30 * DAY_MS;
    }
}

section! {
    /// The way from an activation code to an activated phone.
    ActivationPolicy, "activation" {
        /// How long a code sent by SMS is valid.
        sms_life_ms: u64 = DAY_MS, in MINUTE_MS..=90 * DAY_MS;
        /// How long a code on paper is valid.
        paper_life_ms: u64 = 14 * DAY_MS, in MINUTE_MS..=90 * DAY_MS;
        /// How long a code on the profile page is valid.
        profile_life_ms: u64 = DAY_MS, in MINUTE_MS..=90 * DAY_MS;
        /// How many tries a code has.
        tries_max: u32 = 5, in 1..=100;
        /// How long a phone may take from the code to the PIN.
        life_ms: u64 = 10 * MINUTE_MS, in 10_000..=HOUR_MS;
    }
}

section! {
    /// Who gets an identity, and who may speak for whom.
    IssuingPolicy, "issuing" {
        /// The age from which one needs nobody's consent, in years.
        alone_years_min: u16 = 15, in 1..=30;
        /// The age from which one may have an identity with a parent's consent, in years.
        consent_years_min: u16 = 13, in 1..=30;
        /// The age of a parent who consents, in years.
        parent_years_min: u16 = 18, in 1..=30;
        /// The age of a witness, in years.
        witness_years_min: u16 = 18, in 1..=30;
        /// For how long a witness must have been known.
        witness_known_ms_min: u64 = 10 * DAY_MS, in 0..=3_660 * DAY_MS;
        /// How long a witness's statement counts.
        witness_window_ms: u64 = 120 * DAY_MS, in DAY_MS..=3_660 * DAY_MS;
        /// How many statements a witness may make while they count.
        witness_statements_max: u32 = 3, in 1..=100;
        /// How many authenticators a subscriber is advised to have.
        authenticators_advised: u32 = 2, in 1..=10;
    }
}

section! {
    /// Acting for somebody else.
    DelegationPolicy, "delegation" {
        /// The age from which one may act for others, and give a power of attorney, in years.
        adult_years_min: u16 = 18, in 1..=30;
        /// How many days a delegation may last, its first and its last counted: 18 years.
        days_max: u32 = 6_575, in 1..=36_525;
        /// How many delegations that are not over one person may have, given and received apart.
        open_max: u32 = 20, in 1..=100;
    }
}

section! {
    /// The way from a forgotten PIN to a chosen one.
    TemporaryPinPolicy, "temporary_pin" {
        /// How long a temporary PIN is valid.
        life_ms: u64 = HOUR_MS, in MINUTE_MS..=DAY_MS;
        /// How many tries it has.
        tries_max: u32 = 3, in 1..=10;
        /// How long the phone number that it is sent to must have been the subscriber's.
        phone_number_age_ms_min: u64 = 5 * DAY_MS, in 0..=90 * DAY_MS;
    }
}

section! {
    /// How far a code display may be from where it is expected.
    DisplayPolicy, "display" {
        /// How many codes of a counting display are accepted, from the next one on.
        counter_window: u32 = 10, in 1..=100;
        /// How many steps before and after its own a clock display's code is accepted.
        step_window: u32 = 1, in 0..=10;
        /// Among how many codes two in a row find a display again that is further off.
        resync_window: u32 = 100, in 100..=1_000;
    }
}

section! {
    /// Key cards: paper with numbered one-time codes.
    KeyCardPolicy, "key_card" {
        /// How many keys a new card has.
        keys: u16 = 148, in 10..=KEYS_MAX;
        /// At how many unused keys the next card is ordered.
        order_at: u16 = 20, in 0..=100;
    }
}

section! {
    /// The days on which NemID ends, one thing after the other, each beginning at midnight in Denmark.
    NemIdPolicy, "nemid" {
        /// From which day the app is offered before the key card.
        app_first_from: Date = Date::named(2022, 9, 22), in Date::FIRST..=Date::LAST;
        /// From which day banks take no NemID.
        banks_closed_from: Date = Date::named(2022, 10, 31), in Date::FIRST..=Date::LAST;
        /// From which day there are no new cards.
        cards_closed_from: Date = Date::named(2023, 5, 30), in Date::FIRST..=Date::LAST;
        /// The last day on which an identity moves over with its NemID.
        moving_until: Date = Date::named(2023, 6, 5), in Date::FIRST..=Date::LAST;
        /// From which day only the subscriber's own profile takes NemID.
        limited_from: Date = Date::named(2023, 6, 30), in Date::FIRST..=Date::LAST;
        /// From which day nothing takes NemID.
        closed_from: Date = Date::named(2023, 10, 31), in Date::FIRST..=Date::LAST;
        /// The age from which one has a card, in years; no consent replaces it.
        years_min: u16 = 15, in 1..=30;
    }
}

section! {
    /// What wrong tries lead to where anybody may try who knows a user ID.
    DoorPolicy, "door" {
        /// Wrong tries in a row that lock a door, and each so many more.
        strikes: u32 = 3, in 1..=10;
        /// How long the first lock lasts; each further one lasts twice as long.
        locked_ms: u64 = 15 * MINUTE_MS, in 1_000..=DAY_MS;
        /// How long a lock lasts at most.
        locked_ms_max: u64 = DAY_MS, in 1_000..=30 * DAY_MS;
        /// The wrong try in a row that locks a door until it is forgotten (NIST SP 800-63B-4: 100).
        strikes_max: u32 = 99, in 1..=100;
        /// How long after the last try a door is forgotten, whoever it is of.
        forgotten_ms: u64 = 30 * DAY_MS, in DAY_MS..=366 * DAY_MS;
    }
}

section! {
    /// The way from an app to its copy on another phone.
    CopyingPolicy, "copying" {
        /// How long the subscriber waits between the PIN and the PIN again.
        wait_ms: u64 = HOUR_MS, in MINUTE_MS..=7 * DAY_MS;
        /// How long after the wait the PIN may be given again.
        window_ms: u64 = DAY_MS, in 10 * MINUTE_MS..=30 * DAY_MS;
        /// How long a QR code may be scanned.
        code_life_ms: u64 = 3 * MINUTE_MS, in 10_000..=HOUR_MS;
        /// How many wrong user IDs a QR code bears.
        user_id_tries_max: u32 = 5, in 1..=100;
        /// How long the new phone may take from the scan to its own PIN.
        finish_life_ms: u64 = HOUR_MS, in MINUTE_MS..=DAY_MS;
        /// How long the row of an ended copy is kept, so that a phone that missed the answer is told.
        kept_ms: u64 = DAY_MS, in 0..=30 * DAY_MS;
    }
}

section! {
    /// The bounds of the work under way in one process.
    EnginePolicy, "engine" {
        /// Threads that hash, each holding `pin.memory_kib`; 0 for twice the cores.
        hashers: u32 = 0, in 0..=1_024;
        /// How far hashers step back for the other threads (nice, setpriority(2)): calls are answered, and
        /// refused, while PINs are hashed.
        hasher_nice: u8 = 10, in 0..=19;
        /// PIN attempts that may wait for a hasher.
        hash_queue_max: u32 = 1_024, in 1..=100_000;
        /// Commands that may wait for the store.
        lane_queue_max: u32 = 8_192, in 1..=1_000_000;
        /// Commands in one transaction.
        batch_max: u32 = 256, in 1..=10_000;
        /// When to come back from a full queue.
        overload_retry_ms: u64 = 500, in 1..=MINUTE_MS;
        /// How often what has ended is removed; while there is more, it goes on after every batch.
        sweep_interval_ms: u64 = 10_000, in 100..=HOUR_MS;
        /// How soon a change by another process is seen.
        watch_interval_ms: u64 = 20, in 1..=10_000;
    }
}

section! {
    /// When no more logins are started, because those under way wait too long.
    AdmissionPolicy, "admission" {
        /// How long a PIN attempt may have to wait for a hasher.
        hash_wait_ms_max: u64 = 100, in 1..=MINUTE_MS;
        /// How late the service's event loop may be.
        loop_late_ms_max: u64 = 200, in 1..=MINUTE_MS;
        /// The soonest time to come back.
        retry_ms: u64 = 1_000, in 1..=MINUTE_MS;
    }
}

section! {
    /// What self-service sites may do.
    SelfServicePolicy, "self_service" {
        /// How long ago the subscriber may have logged in to the site that acts for them.
        login_age_ms_max: u64 = 15 * MINUTE_MS, in MINUTE_MS..=HOUR_MS;
    }
}

section! {
    /// How subscribers are told what happens to their identity.
    NotificationPolicy, "notification" {
        /// How long the worker that delivers may be silent before another takes over.
        lease_ms: u64 = 30_000, in 1_000..=10 * MINUTE_MS;
        /// The wait after the first delivery that failed; each further one doubles it.
        retry_ms: u64 = 5_000, in 100..=HOUR_MS;
        /// The longest wait between two deliveries.
        retry_ms_max: u64 = HOUR_MS, in 1_000..=DAY_MS;
        /// How often a message is tried before it is a dead letter.
        tries_max: u32 = 24, in 1..=100;
        /// How long the row of a delivered message is kept.
        kept_ms: u64 = 30 * DAY_MS, in MINUTE_MS..=365 * DAY_MS;
        /// How long a dead letter is kept.
        dead_kept_ms: u64 = 90 * DAY_MS, in DAY_MS..=365 * DAY_MS;
        /// How many cursors of the history one client may keep.
        consumers_max: u32 = 16, in 1..=1_000;
    }
}

section! {
    /// What is shown of the history.
    HistoryPolicy, "history" {
        /// How far back subscribers and support see.
        shown_ms: u64 = 365 * DAY_MS, in DAY_MS..=3_650 * DAY_MS;
        /// Entries on one page.
        page_entries_max: u32 = 100, in 1..=1_000;
    }
}

/// What strangers may spend, by door and by who pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BudgetPolicy {
    /// Logins started for one source: 60 at once, then one a second.
    pub login_source: Quota,
    /// Logins started by one front-end: 2,000 at once, then 1,000 a second.
    pub login_front_end: Quota,
    /// Logins started in all: 4,000 at once, then 2,000 a second.
    pub login_overall: Quota,
    /// Activation tries from one source: 20 at once, then one every 6 minutes.
    pub activation_source: Quota,
    /// Activation tries in all: 500 at once, then 50 a second.
    pub activation_overall: Quota,
    /// User IDs looked for by one client: 100 at once, then one every 10 seconds.
    pub user_id_client: Quota,
    /// User IDs looked for in all: 1,000 at once, then one a second.
    pub user_id_overall: Quota,
    /// Temporary PINs for one identity: 3 at once, then one every 8 hours.
    pub temporary_pin_identity: Quota,
    /// Temporary PINs in all: 500 at once, then 2 a second.
    pub temporary_pin_overall: Quota,
    /// Wrong codes and passwords from one source: 30 at once, then one a minute.
    pub door_source: Quota,
    /// Wrong codes and passwords through one front-end: 500 at once, then 50 a second.
    pub door_front_end: Quota,
    /// Wrong codes and passwords in all: 1,000 at once, then 100 a second.
    pub door_overall: Quota,
    /// Passports that one client has verified: 300 at once, then 10 a second.
    pub passport_client: Quota,
    /// Passports verified in all: 1,000 at once, then 50 a second.
    pub passport_overall: Quota,
    /// QR codes of copies tried from one source: 20 at once, then one every 6 minutes.
    pub copy_source: Quota,
    /// QR codes of copies tried in all: 500 at once, then 50 a second.
    pub copy_overall: Quota,
    /// Refused calls of one client that the history keeps: 60 at once, then one a minute.
    pub refused_call_client: Quota,
}

impl Default for BudgetPolicy {
    fn default() -> Self {
        Self {
            login_source: Quota { interval_us: 1_000_000, burst: 60 },
            login_front_end: Quota { interval_us: 1_000, burst: 2_000 },
            login_overall: Quota { interval_us: 500, burst: 4_000 },
            activation_source: Quota { interval_us: 360_000_000, burst: 20 },
            activation_overall: Quota { interval_us: 20_000, burst: 500 },
            user_id_client: Quota { interval_us: 10_000_000, burst: 100 },
            user_id_overall: Quota { interval_us: 1_000_000, burst: 1_000 },
            temporary_pin_identity: Quota { interval_us: 28_800_000_000, burst: 3 },
            temporary_pin_overall: Quota { interval_us: 500_000, burst: 500 },
            door_source: Quota { interval_us: 60_000_000, burst: 30 },
            door_front_end: Quota { interval_us: 20_000, burst: 500 },
            door_overall: Quota { interval_us: 10_000, burst: 1_000 },
            passport_client: Quota { interval_us: 100_000, burst: 300 },
            passport_overall: Quota { interval_us: 20_000, burst: 1_000 },
            copy_source: Quota { interval_us: 360_000_000, burst: 20 },
            copy_overall: Quota { interval_us: 20_000, burst: 500 },
            refused_call_client: Quota { interval_us: 60_000_000, burst: 60 },
        }
    }
}

impl BudgetPolicy {
    fn validate(&self) -> Result<()> {
        for (field, quota) in [
            ("budget.login_source", self.login_source),
            ("budget.login_front_end", self.login_front_end),
            ("budget.login_overall", self.login_overall),
            ("budget.activation_source", self.activation_source),
            ("budget.activation_overall", self.activation_overall),
            ("budget.user_id_client", self.user_id_client),
            ("budget.user_id_overall", self.user_id_overall),
            ("budget.temporary_pin_identity", self.temporary_pin_identity),
            ("budget.temporary_pin_overall", self.temporary_pin_overall),
            ("budget.door_source", self.door_source),
            ("budget.door_front_end", self.door_front_end),
            ("budget.door_overall", self.door_overall),
            ("budget.passport_client", self.passport_client),
            ("budget.passport_overall", self.passport_overall),
            ("budget.copy_source", self.copy_source),
            ("budget.copy_overall", self.copy_overall),
            ("budget.refused_call_client", self.refused_call_client),
        ] {
            if !(1..=86_400_000_000).contains(&quota.interval_us)
                || !(1..=10_000_000).contains(&quota.burst)
            {
                return Err(Error::invalid(
                    field,
                    "must have interval_us 1 to 86400000000 and burst 1 to 10000000",
                ));
            }
        }
        Ok(())
    }
}

/// Which documents open the passport route.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PassportPolicy {
    /// Their states and kinds.
    pub documents: Vec<Accepted>,
}

impl Default for PassportPolicy {
    fn default() -> Self {
        Self { documents: accepted::defaults() }
    }
}

/// What an assertion says about its maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssertionPolicy {
    /// The `iss` claim; 1 to 256 characters.
    pub issuer: String,
    /// How long an assertion is valid, in milliseconds.
    pub life_ms: u64,
}

impl Default for AssertionPolicy {
    fn default() -> Self {
        Self { issuer: "https://godkend.example".to_owned(), life_ms: 5 * MINUTE_MS }
    }
}

impl AssertionPolicy {
    fn validate(&self) -> Result<()> {
        if !(1..=256).contains(&self.issuer.chars().count()) {
            return Err(Error::invalid("assertion.issuer", "must be 1 to 256 characters"));
        }
        if !(1_000..=HOUR_MS).contains(&self.life_ms) {
            return Err(Error::invalid("assertion.life_ms", "must be 1000 to 3600000"));
        }
        Ok(())
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What a PIN costs to check.
    pub pin: PinPolicy,
    /// What wrong PINs lead to.
    pub lockout: Ladder,
    /// What wrong passwords lead to, after an accepted code.
    pub password_lockout: Ladder,
    /// What wrong tries lead to where anybody may try.
    pub door: DoorPolicy,
    /// How far a code display may be off.
    pub display: DisplayPolicy,
    /// Key cards.
    pub key_card: KeyCardPolicy,
    /// The days on which NemID ends.
    pub nemid: NemIdPolicy,
    /// What strangers may spend.
    pub budget: BudgetPolicy,
    /// The life of a login.
    pub login: LoginPolicy,
    /// The way to an activated phone.
    pub activation: ActivationPolicy,
    /// Who gets an identity, and who may speak for whom.
    pub issuing: IssuingPolicy,
    /// Acting for somebody else.
    pub delegation: DelegationPolicy,
    /// The way from a forgotten PIN to a chosen one.
    pub temporary_pin: TemporaryPinPolicy,
    /// Which documents open the passport route.
    pub passport: PassportPolicy,
    /// The way to a copy of the app.
    pub copying: CopyingPolicy,
    /// What self-service sites may do.
    pub self_service: SelfServicePolicy,
    /// How subscribers are told what happens to their identity.
    pub notification: NotificationPolicy,
    /// What is shown of the history.
    pub history: HistoryPolicy,
    /// What an assertion says about its maker.
    pub assertion: AssertionPolicy,
    /// When no more logins are started.
    pub admission: AdmissionPolicy,
    /// The bounds of the work under way.
    pub engine: EnginePolicy,
}

impl Policy {
    /// Reads a policy; what is not given has its default.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field and its bound, or `policy` for what is no policy at all.
    pub fn from_json(json: &str) -> Result<Self> {
        let no_policy = |error: serde_json::Error| Error::invalid("policy", error.to_string());
        let value: Value = serde_json::from_str(json).map_err(no_policy)?;
        refuse_positional(&value)?;
        let policy: Self = serde_json::from_value(value).map_err(no_policy)?;
        policy.pin.validate()?;
        policy.pin_params()?;
        if policy.pin.memory_kib > policy.pin.memory_kib_max {
            return Err(Error::invalid("pin.memory_kib", "must not be above pin.memory_kib_max"));
        }
        policy.lockout.validate(["lockout.rungs", "lockout.strikes_max"])?;
        policy
            .password_lockout
            .validate(["password_lockout.rungs", "password_lockout.strikes_max"])?;
        policy.door.validate()?;
        policy.display.validate()?;
        policy.key_card.validate()?;
        policy.nemid.validate()?;
        policy.budget.validate()?;
        policy.login.validate()?;
        policy.activation.validate()?;
        policy.issuing.validate()?;
        policy.delegation.validate()?;
        policy.temporary_pin.validate()?;
        accepted::validate(&policy.passport.documents)?;
        policy.copying.validate()?;
        policy.self_service.validate()?;
        policy.notification.validate()?;
        policy.history.validate()?;
        policy.assertion.validate()?;
        policy.admission.validate()?;
        policy.engine.validate()?;
        Ok(policy)
    }

    /// The policy as JSON, complete.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The hash parameters for new PINs.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they do not fit together.
    pub fn pin_params(&self) -> Result<Params> {
        Params::new(self.pin.memory_kib, self.pin.iterations, self.pin.parallelism)
    }
}

/// Values are given by name: serde would also take a list and set fields by their place.
fn refuse_positional(value: &Value) -> Result<()> {
    let Value::Object(fields) = value else {
        return Err(Error::invalid("policy", "must be an object of named values"));
    };
    for (name, value) in fields {
        match value {
            Value::Array(named) if matches!(name.as_str(), "rungs" | "documents") => {
                named.iter().try_for_each(refuse_positional)?
            }
            Value::Array(_) => {
                return Err(Error::invalid("policy", format!("{name} must be given by names")));
            }
            Value::Object(_) => refuse_positional(value)?,
            _ => {}
        }
    }
    Ok(())
}

/// The sum of a time and a policy's span.
#[must_use]
pub fn after(now: crate::clock::Millis, span_ms: u64) -> crate::clock::Millis {
    now.saturating_add(i64::try_from(span_ms).unwrap_or(i64::MAX))
}

/// A time that lies a policy's span back.
#[must_use]
pub fn before(now: crate::clock::Millis, span_ms: u64) -> crate::clock::Millis {
    now.saturating_sub(i64::try_from(span_ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_the_round() {
        let policy = Policy::from_json("{}").unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!(Policy::from_json(&policy.to_json()).unwrap(), policy);
    }

    #[test]
    fn unknown_fields_and_values_out_of_range_are_named() {
        for (json, named) in [
            ("[]", "policy"),
            (r#"{"login":[1000]}"#, "login"),
            (r#"{"lockout":{"rungs":[[3,1]]}}"#, "policy"),
            (r#"{"pins":{}}"#, "pins"),
            (r#"{"login":{"life":1}}"#, "life"),
            (r#"{"login":{"life_ms":999}}"#, "login.life_ms"),
            (r#"{"login":{"life_ms":3600001}}"#, "login.life_ms"),
            (r#"{"pin":{"memory_kib":7}}"#, "memory_kib"),
            (r#"{"pin":{"memory_kib":65537}}"#, "pin.memory_kib"),
            (r#"{"activation":{"tries_max":0}}"#, "activation.tries_max"),
            (r#"{"budget":{"login_source":{"interval_us":0,"burst":1}}}"#, "budget.login_source"),
            (r#"{"lockout":{"rungs":[],"strikes_max":0}}"#, "lockout.strikes_max"),
            (r#"{"assertion":{"issuer":""}}"#, "assertion.issuer"),
            (r#"{"nemid":{"closed_from":"2023-02-29"}}"#, "day of the calendar"),
        ] {
            let error = Policy::from_json(json).unwrap_err().to_string();
            assert!(error.contains(named), "{json}: {error}");
        }
    }
}
