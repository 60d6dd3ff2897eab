//! The history as each may see it: one projection of the event chain for the subscriber, one for support,
//! one for auditors.
//!
//! The chain is kept for good and in the order of everything that happened; a thread through it, from each
//! event that people see to the one before of the same identity, is that identity's history. A login is one
//! stitch and not one for each of its events: its redemption is in the chain alone. Invariants: an event of a
//! kind that is not in the table is shown to auditors only; of its detail each viewer sees what the table names
//! and nothing else. Support sees that somebody logged in and not where: it does not need to know to help.

use crate::clock::Millis;
use crate::event::{Event, kind};
use crate::policy::{HistoryPolicy, before};

/// The most rows that are looked at to fill one page.
pub const ROWS_LOOKED_AT_MAX: usize = 1_000;

/// Who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Viewer {
    /// The one whom it is about.
    Subscriber,
    /// Support, which has them on the telephone.
    Support,
    /// An auditor.
    Auditor,
}

/// Who sees a kind of event, and which fields of its detail.
struct Shown {
    kind: &'static str,
    subscriber: &'static [&'static str],
    support: &'static [&'static str],
}

const fn shown(
    kind: &'static str,
    subscriber: &'static [&'static str],
    support: &'static [&'static str],
) -> Shown {
    Shown { kind, subscriber, support }
}

/// The device's name, as the phone gave it.
const DEVICE: &[&str] = &["device_name"];
const DISPLAY: &[&str] = &["serial_number"];
const CARD: &[&str] = &["card_number"];
const WAY: &[&str] = &["channel"];
const LOGIN: &[&str] = &["service_provider", "user_verification", "not_me"];
const HOW: &[&str] = &["user_verification", "not_me"];
const CHANGED: &[&str] = &["phone_number", "email", "language"];

/// What subscribers and support see. Auditors see everything.
const TABLE: &[Shown] = &[
    shown(kind::IDENTITY_CREATED, &["level"], &["level"]),
    shown(kind::IDENTITY_IDENTIFIED, &["method", "level"], &["method", "level"]),
    shown(kind::CONSENT_RECORDED, &[], &[]),
    shown(kind::CONTACT_CHANGED, CHANGED, CHANGED),
    shown(kind::IDENTITY_BLOCKED, &[], &[]),
    shown(kind::IDENTITY_UNBLOCKED, &[], &[]),
    shown(kind::AUTHENTICATOR_BLOCKED, &[], &[]),
    shown(kind::AUTHENTICATOR_UNBLOCKED, &[], &[]),
    shown(kind::ACTIVATION_CODE_ISSUED, WAY, WAY),
    shown(kind::ACTIVATION_BEGUN, DEVICE, DEVICE),
    shown(kind::ACTIVATION_REFUSED, DEVICE, DEVICE),
    shown(kind::AUTHENTICATOR_ACTIVATED, &[], &[]),
    shown(kind::PIN_WRONG, &[], &[]),
    shown(kind::PIN_LOCKED, &[], &[]),
    shown(kind::PIN_DEAD, &[], &[]),
    shown(kind::PIN_CHANGED, &[], &[]),
    shown(kind::USER_ID_FOUND, &["means"], &["means", "evidence_reference"]),
    shown(kind::TEMPORARY_PIN_ISSUED, &["means"], &["means", "evidence_reference"]),
    shown(kind::TEMPORARY_PIN_WRONG, &[], &[]),
    shown(kind::PIN_RESET, &[], &[]),
    shown(kind::DISPLAY_ASSIGNED, DISPLAY, DISPLAY),
    shown(kind::DISPLAY_ACTIVATED, DISPLAY, DISPLAY),
    shown(kind::DISPLAY_REPLACED, DISPLAY, DISPLAY),
    shown(kind::DISPLAY_LOST, DISPLAY, DISPLAY),
    shown(kind::DISPLAY_CODE_WRONG, &[], &[]),
    shown(kind::KEY_CARD_ORDERED, CARD, CARD),
    shown(kind::KEY_CARD_PRINTED, CARD, CARD),
    shown(kind::KEY_CARD_ACTIVATED, CARD, CARD),
    shown(kind::KEY_CARD_USED_UP, CARD, CARD),
    shown(kind::KEY_CARD_REPLACED, CARD, CARD),
    shown(kind::KEY_CARD_LOST, CARD, CARD),
    shown(kind::KEY_WRONG, &[], &[]),
    shown(kind::NEMID_MOVED, &["level"], &["level"]),
    shown(kind::PASSWORD_WRONG, &[], &[]),
    shown(kind::PASSWORD_LOCKED, &[], &[]),
    shown(kind::PASSWORD_DEAD, &[], &[]),
    shown(kind::DOOR_LOCKED, &[], &[]),
    shown(kind::PASSWORD_SET, &["means"], &["means", "evidence_reference"]),
    shown(kind::PASSPORT_ACCEPTED, &["for"], &["for"]),
    shown(kind::COPY_REQUESTED, &[], &[]),
    shown(kind::COPY_READY, &[], &[]),
    shown(kind::COPY_CONFIRMED, &[], &[]),
    shown(kind::COPY_REFUSED, DEVICE, DEVICE),
    shown(kind::COPY_SCANNED, DEVICE, DEVICE),
    shown(kind::COPY_DONE, &[], &[]),
    shown(kind::COPY_STOPPED, &["by"], &["by"]),
    shown(kind::COPY_EXPIRED, &[], &[]),
    shown(kind::DELEGATION_RECORDED, &["kind", "role"], &["kind", "role"]),
    shown(kind::DELEGATION_ENDED, &["kind", "role"], &["kind", "role"]),
    shown(kind::LOGIN_ON_BEHALF, &["service_provider"], &[]),
    shown(kind::LOGIN_APPROVED, LOGIN, HOW),
    shown(kind::LOGIN_REJECTED, LOGIN, HOW),
    shown(kind::LOGIN_REPORTED, LOGIN, HOW),
];

/// Kinds that are in the chain alone: they are about nobody, or another event tells of it already.
const IN_THE_CHAIN_ALONE: &[&str] = &[
    kind::DISPLAY_CODE_ACCEPTED,
    kind::KEY_ACCEPTED,
    kind::LOGIN_REDEEMED,
    kind::MESSAGE_RETRIED,
    kind::POPULATION_SEEDED,
    kind::CALL_REFUSED,
    kind::DISPLAY_IMPORTED,
];

/// Whether an event belongs to the history of its subscriber.
#[must_use]
pub fn is_listed(kind: &str) -> bool {
    !IN_THE_CHAIN_ALONE.contains(&kind)
}

/// What a subscriber had best do about a login that was not theirs. The numbers are those of `Advice` in
/// proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Advice {
    /// Block the authenticator that approved it, which somebody else can use.
    BlockAuthenticator = 1,
    /// Block the whole identity: there is no single authenticator to block.
    BlockIdentity = 2,
}

impl Advice {
    /// The advice about the login that an event tells of.
    #[must_use]
    pub const fn about(event: &Event) -> Self {
        match event.authenticator_id {
            Some(_) => Self::BlockAuthenticator,
            None => Self::BlockIdentity,
        }
    }
}

/// How far back a viewer sees.
#[must_use]
pub fn since(viewer: Viewer, policy: &HistoryPolicy, now: Millis) -> Millis {
    match viewer {
        Viewer::Auditor => Millis::MIN,
        Viewer::Subscriber | Viewer::Support => before(now, policy.shown_ms),
    }
}

/// An event as a viewer may see it, or nothing.
#[must_use]
pub fn project(viewer: Viewer, event: &Event) -> Option<Event> {
    if viewer == Viewer::Auditor {
        return Some(event.clone());
    }
    let shown = TABLE.iter().find(|shown| shown.kind == event.kind)?;
    let fields = if viewer == Viewer::Subscriber { shown.subscriber } else { shown.support };
    Some(Event { detail: only(fields, &event.detail), hash: [0; 32], ..event.clone() })
}

/// The fields of a detail that are named; empty for none.
fn only(fields: &[&str], detail: &str) -> String {
    let Ok(serde_json::Value::Object(mut all)) = serde_json::from_str(detail) else {
        return String::new();
    };
    all.retain(|field, _| fields.contains(&field.as_str()));
    if all.is_empty() { String::new() } else { serde_json::Value::Object(all).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{NewEvent, Tip};

    fn event(kind: &'static str, detail: &str) -> Event {
        let new = NewEvent { kind, detail: detail.to_owned(), ..NewEvent::default() };
        Tip::default().link(new, 5)
    }

    /// Every kind that `event.rs` names, read from its source: a kind that is added is to be decided on.
    fn kinds() -> Vec<&'static str> {
        let source = include_str!("event.rs");
        let named = source.split("pub const ").skip(1);
        named.filter_map(|text| text.split("&str = \"").nth(1)?.split('"').next()).collect()
    }

    #[test]
    fn it_is_decided_of_every_kind_who_sees_it() {
        for kind in kinds() {
            let decided = TABLE.iter().any(|shown| shown.kind == kind) || !is_listed(kind);
            assert!(decided, "say in history.rs, TABLE, who may see {kind}");
        }
        assert!(kinds().len() > 15);
    }

    #[test]
    fn support_sees_that_somebody_logged_in_and_not_where() {
        let detail =
            r#"{"service_provider":"bank","statement_sha256":"ab","user_verification":"pin"}"#;
        let login = event(kind::LOGIN_APPROVED, detail);
        let seen = |viewer| project(viewer, &login).unwrap().detail;
        assert_eq!(seen(Viewer::Support), r#"{"user_verification":"pin"}"#);
        assert_eq!(
            seen(Viewer::Subscriber),
            r#"{"service_provider":"bank","user_verification":"pin"}"#
        );
        assert_eq!(seen(Viewer::Auditor), detail);
    }

    #[test]
    fn what_is_not_decided_on_is_for_auditors_alone() {
        let unknown = event("something.new", "{}");
        assert_eq!(project(Viewer::Subscriber, &unknown), None);
        assert_eq!(project(Viewer::Support, &unknown), None);
        assert_eq!(project(Viewer::Auditor, &unknown), Some(unknown));
        assert!(is_listed("something.new"));
    }

    #[test]
    fn the_history_goes_back_as_far_as_the_policy_says() {
        let policy = HistoryPolicy::default();
        let now = 1_800_000_000_000;
        assert_eq!(since(Viewer::Subscriber, &policy, now), now - 365 * 86_400_000);
        assert_eq!(since(Viewer::Auditor, &policy, now), Millis::MIN);
    }
}
