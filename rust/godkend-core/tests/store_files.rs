//! What a store refuses, what it keeps, and what it undoes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod places;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use godkend_core::Id;
use godkend_core::activation::{self, Activation, Code, CodeState};
use godkend_core::approval::UserVerification;
use godkend_core::authenticator::Authenticator;
use godkend_core::civil::Date;
use godkend_core::consent::Consent;
use godkend_core::contact::{Contact, Language};
use godkend_core::copying::{self, AppCopy, NewPhone};
use godkend_core::delegation::{Acting, Delegation, Kind as DelegationKind, OnBehalf, Scopes};
use godkend_core::display::{self, Display};
use godkend_core::door::Door;
use godkend_core::error::{Error, Reason, Result};
use godkend_core::event::{NewEvent, kind};
use godkend_core::evidence::{Document, DocumentKind, Evidence, Method};
use godkend_core::identity::{Identity, Level, UserId};
use godkend_core::key_card::{KeyCard, State as CardState, UsedKeys};
use godkend_core::keys::Keys;
use godkend_core::level::Enrolment;
use godkend_core::lockout::Lockout;
use godkend_core::login::{Login, State, Way};
use godkend_core::nemid::ServiceKind;
use godkend_core::notification::{Channel, Lease, Message, State as MessageState};
use godkend_core::otp::{Algorithm as OtpAlgorithm, Factor, Progress};
use godkend_core::password::StoredPassword;
use godkend_core::pin::BirthDate;
use godkend_core::receipt::Signature;
use godkend_core::recovery::Means;
use godkend_core::signature::{Algorithm, PublicKey};
use godkend_core::signing;
use godkend_core::store::{Connection, Entry, MemoryStore, SqliteStore, Store, Tx};
use godkend_core::temporary_pin::{TemporaryPin, TemporaryPinState};
use places::Place;
use rusqlite::Connection as Sqlite;

const NOW: i64 = 1_800_000_000_000;

fn identity(id: Id, user_id: &str) -> Identity {
    Identity {
        id,
        user_id: UserId::choose(user_id).unwrap(),
        name: "Anna Jensen".to_owned(),
        birth_date: Some(BirthDate::new(1990, 12, 31).unwrap()),
        level: Level::High,
        is_vouched: false,
        identified_at: Some(NOW + 3),
        organisation: Some("24256790".to_owned()),
        contact: Contact {
            phone_number: Some("+4512345678".to_owned()),
            phone_number_changed_at: Some(NOW - 2),
            email: Some("anna@example.org".to_owned()),
            language: Language::German,
        },
        blocked_at: Some(NOW),
        created_at: NOW - 1,
    }
}

fn public_key() -> PublicKey {
    let key = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    PublicKey::parse(Algorithm::Ed25519, key.public_key().as_ref()).unwrap()
}

fn authenticator() -> Authenticator {
    Authenticator {
        id: [2; 16],
        identity_id: [1; 16],
        device_name: "Anna's phone".to_owned(),
        public_key: public_key(),
        enrolment: Enrolment { level: Level::High, hardware_key: true },
        biometrics_on: true,
        notifications_on: false,
        pin_record: vec![1, 2, 3],
        pin_version: 4,
        lockout: Lockout { charged: 7, cleared: 5, locked_until_ms: NOW + 9 },
        attempts: vec![[3; 16], [4; 16]],
        blocked_at: Some(NOW),
        activated_at: NOW - 2,
    }
}

fn code() -> Code {
    Code {
        id: [5; 16],
        identity_id: [1; 16],
        channel: activation::Channel::Paper,
        state: CodeState::Issued,
        tries_left: 4,
        created_at: NOW,
        expires_at: NOW + 1,
        attested_key: Some([9; 32]),
        activation: Some(Activation {
            id: [6; 16],
            challenge: [7; 32],
            public_key: public_key(),
            device_name: "Anna's phone".to_owned(),
            expires_at: NOW + 2,
            finished_by: Some([8; 16]),
        }),
    }
}

fn copy() -> AppCopy {
    AppCopy {
        id: [10; 16],
        identity_id: [1; 16],
        authenticator_id: [2; 16],
        state: copying::State::Confirmed,
        requested_at: NOW,
        ready_at: NOW + 1,
        expires_at: NOW + 2,
        code: Some(copying::Code { id: [11; 16], tries_left: 3, expires_at: NOW + 3 }),
        phone: Some(NewPhone {
            public_key: public_key(),
            device_name: "Anna's new phone".to_owned(),
            code_id: [12; 16],
            challenge: [13; 32],
            expires_at: NOW + 4,
            finished_by: Some([14; 16]),
        }),
        ended_at: Some(NOW + 5),
    }
}

fn login() -> Login {
    Login {
        id: [9; 16],
        front_end: "front-end".to_owned(),
        service_provider: "tax".to_owned(),
        text: "Log in to Tax".to_owned(),
        user_id_digest: Some([1; 32]),
        source_digest: [1; 16],
        verifier_digest: [2; 32],
        nonce: "nonce".to_owned(),
        level_min: Level::Low,
        state: State::Approved,
        challenge: [3; 32],
        identity_id: Some([1; 16]),
        authenticator_id: Some([2; 16]),
        way: Some(Way::App),
        user_verification: Some(UserVerification::Biometrics),
        attempts: vec![[4; 16]],
        started_at: NOW,
        expires_at: NOW + 1,
        approved_at: Some(NOW + 1),
        document: Some(signing::Document {
            sha256: [5; 32],
            media_type: "application/pdf".to_owned(),
            name: "Lease.pdf".to_owned(),
        }),
        acting: Acting::Required,
        business_service: true,
        service_kind: ServiceKind::Profile,
        on_behalf: Some(OnBehalf { delegation_id: [11; 16], principal_id: [12; 16] }),
        signed: Some(Signature { statement: vec![1, 2], signature: vec![3] }),
    }
}

fn evidence() -> Evidence {
    Evidence {
        id: [10; 16],
        identity_id: [1; 16],
        recorded_by: "desk".to_owned(),
        officer_id: "officer 7".to_owned(),
        reference: "case 3".to_owned(),
        document: Document {
            kind: DocumentKind::DrivingLicence,
            country: "DNK".to_owned(),
            number_digest: [4; 32],
            expires_on: Date::new(2031, 5, 4).unwrap(),
        },
        method: Method::Witness,
        witness_id: Some([11; 16]),
        level: Level::Substantial,
        recorded_at: NOW,
    }
}

fn consent() -> Consent {
    Consent {
        id: [12; 16],
        identity_id: [1; 16],
        parent_id: [11; 16],
        recorded_by: "desk".to_owned(),
        officer_id: "officer 7".to_owned(),
        recorded_at: NOW,
    }
}

fn temporary_pin() -> TemporaryPin {
    TemporaryPin {
        id: [8; 16],
        identity_id: [1; 16],
        state: TemporaryPinState::Issued,
        tries_left: 3,
        created_at: NOW,
        expires_at: NOW + 1,
        means: Means::SignedIn,
        evidence_reference: "case 1".to_owned(),
        signed_in_with: Some([2; 16]),
    }
}

fn display() -> Display {
    Display {
        id: [10; 16],
        serial_number: "A1".to_owned(),
        kind: display::Kind::AudioCodeReader,
        algorithm: OtpAlgorithm::Sha256,
        factor: Factor::Time { period_s: 60 },
        seed: vec![1, 2, 3],
        state: display::State::Active,
        identity_id: Some([1; 16]),
        progress: Progress { next: 7, drift: -2, resync: Some(9) },
        imported_at: NOW - 2,
        changed_at: NOW - 1,
    }
}

fn key_card() -> KeyCard {
    KeyCard {
        id: [13; 16],
        identity_id: [1; 16],
        state: CardState::Active,
        keys: 12,
        used: UsedKeys::from_stored(vec![5, 1], 12).unwrap(),
        printed_by: Some([14; 16]),
        ordered_at: NOW - 2,
        changed_at: NOW - 1,
    }
}

fn ordered_key_card() -> KeyCard {
    let state = CardState::Ordered;
    KeyCard { id: [14; 16], state, printed_by: None, ordered_at: NOW, ..key_card() }
}

fn password() -> StoredPassword {
    StoredPassword {
        identity_id: [1; 16],
        id: [11; 16],
        record: vec![4, 5, 6],
        lockout: Lockout { charged: 3, cleared: 2, locked_until_ms: NOW + 1 },
        set_at: NOW,
    }
}

fn door() -> Door {
    let lockout = Lockout { charged: 5, cleared: 1, locked_until_ms: NOW + 2 };
    Door { key: [12; 16], lockout, charged_at: NOW }
}

fn delegation() -> Delegation {
    Delegation {
        id: [11; 16],
        principal_id: [12; 16],
        agent_id: [1; 16],
        kind: DelegationKind::Proxy,
        scopes: Scopes::parse(&["bank".to_owned(), "tax".to_owned()]).unwrap(),
        starts_on: Date::new(2027, 1, 1).unwrap(),
        ends_on: Date::new(2028, 2, 29).unwrap(),
        grounds: "letter of 2026-12-01".to_owned(),
        recorded_by: "desk".to_owned(),
        officer_id: "kk0417".to_owned(),
        recorded_at: NOW,
        ended_at: None,
    }
}

fn event() -> NewEvent {
    NewEvent {
        kind: kind::PIN_WRONG,
        identity_id: Some([1; 16]),
        authenticator_id: Some([2; 16]),
        login_id: None,
        actor: "device".to_owned(),
        detail: String::new(),
    }
}

fn message() -> Message {
    Message {
        id: [10; 16],
        event_seq: 1,
        identity_id: [1; 16],
        channel: Channel::Email,
        address: Some("old@example.org".to_owned()),
        state: MessageState::Queued,
        tries: 3,
        due_at: NOW,
        failure: "timeout".to_owned(),
        settled_at: None,
    }
}

fn dead_letter() -> Message {
    let state = MessageState::Dead;
    Message { id: [11; 16], state, settled_at: Some(NOW), ..message() }
}

const LEASE: Lease = Lease { holder: [12; 16], expires_at: NOW };

/// One row of each kind.
fn fill(connection: &mut dyn Connection, durable: bool) {
    let filled = connection.write(durable, &mut |tx| {
        tx.put_identity(&identity([1; 16], "anna"))?;
        tx.put_authenticator(&authenticator())?;
        tx.put_code(&code())?;
        tx.add_evidence(&evidence())?;
        tx.add_consent(&consent())?;
        tx.put_temporary_pin(&temporary_pin())?;
        tx.put_copy(&copy())?;
        tx.put_login(&login())?;
        tx.put_display(&display())?;
        tx.put_key_card(&key_card())?;
        tx.put_key_card(&ordered_key_card())?;
        tx.put_password(&password())?;
        tx.put_door(&door())?;
        tx.put_delegation(&delegation())?;
        tx.put_budget(&[1; 16], 5)?;
        tx.put_message(&message())?;
        tx.put_message(&dead_letter())?;
        tx.put_delivery_lease(&LEASE)?;
        tx.put_consumer("auditor", "archive", 7, NOW)?;
        tx.append_event(event(), NOW)?;
        tx.put_reported(1, NOW)
    });
    filled.unwrap();
}

/// Looks at every row in every way there is.
fn look(tx: &mut dyn Tx) -> Result<()> {
    assert_eq!(tx.identity(&[1; 16])?, Some(identity([1; 16], "anna")));
    assert_eq!(tx.identity_by_user_id("anna")?, Some(identity([1; 16], "anna")));
    assert_eq!(tx.authenticator(&[2; 16])?, Some(authenticator()));
    assert_eq!(tx.authenticators_of(&[1; 16])?, vec![authenticator()]);
    assert_eq!(tx.code(&[5; 16])?, Some(code()));
    assert_eq!(tx.issued_codes_of(&[1; 16])?, vec![code()]);
    assert_eq!(tx.code_by_activation(&[6; 16])?, Some(code()));
    assert_eq!(tx.evidence(&[10; 16])?, Some(evidence()));
    assert_eq!(tx.evidence_of(&[1; 16])?, vec![evidence()]);
    assert_eq!(tx.identities_of_document(&[4; 32])?, vec![[1; 16]]);
    assert_eq!(tx.identities_of_document(&[5; 32])?, Vec::<[u8; 16]>::new());
    assert_eq!(tx.statements_of(&[11; 16], NOW - 1)?, vec![NOW]);
    assert!(tx.statements_of(&[11; 16], NOW)?.is_empty());
    assert_eq!(tx.consent(&[12; 16])?, Some(consent()));
    assert_eq!(tx.temporary_pin(&[8; 16])?, Some(temporary_pin()));
    assert_eq!(tx.issued_temporary_pin_of(&[1; 16])?, Some(temporary_pin()));
    assert_eq!(tx.copy(&[10; 16])?, Some(copy()));
    assert_eq!(tx.copies_of(&[1; 16])?, vec![copy()]);
    assert_eq!(tx.copies_due(NOW + 3)?, vec![copy()]);
    assert_eq!(tx.copies_due(NOW + 2)?, vec![]);
    assert_eq!(tx.consents_of(&[1; 16])?, vec![consent()]);
    assert_eq!(tx.login(&[9; 16])?, Some(login()));
    assert_eq!(tx.display(&[10; 16])?, Some(display()));
    assert_eq!(tx.displays_of(&[1; 16])?, vec![display()]);
    assert_eq!(tx.active_display_of(&[1; 16])?, Some(display()));
    assert_eq!(tx.key_card(&[13; 16])?, Some(key_card()));
    assert_eq!(tx.key_cards_of(&[1; 16])?, vec![key_card(), ordered_key_card()]);
    assert_eq!(tx.active_key_card_of(&[1; 16])?, Some(key_card()));
    assert_eq!(tx.ordered_key_cards((NOW, [13; 16]), 9)?, vec![ordered_key_card()]);
    assert_eq!(tx.ordered_key_cards((NOW, [14; 16]), 9)?, vec![]);
    assert_eq!(tx.password_of(&[1; 16])?, Some(password()));
    assert_eq!(tx.door(&[12; 16])?, Some(door()));
    assert_eq!(tx.delegation(&[11; 16])?, Some(delegation()));
    assert_eq!(tx.delegations_to(&[1; 16], NOW)?, vec![delegation()]);
    assert_eq!(tx.delegations_from(&[12; 16], NOW)?, vec![delegation()]);
    assert_eq!(tx.delegations_to(&[12; 16], NOW)?, vec![]);
    // Its last day is over in Denmark.
    assert_eq!(tx.delegations_from(&[12; 16], 1_835_478_000_000 - 1)?, vec![delegation()]);
    assert_eq!(tx.delegations_from(&[12; 16], 1_835_478_000_000)?, vec![]);
    assert_eq!(tx.budget(&[1; 16])?, 5);
    assert_eq!(tx.last_login_change()?, 1);
    assert_eq!(tx.logins_changed(0)?[0].login_id, [9; 16]);
    assert_eq!(tx.last_event_seq()?, 1);
    assert_eq!(tx.events_after(0, 9)?[0].kind, kind::PIN_WRONG);
    assert_eq!(tx.event(1)?.as_ref(), tx.events_after(0, 9)?.first());
    assert_eq!(tx.message(&[10; 16])?, Some(message()));
    assert_eq!(tx.messages_due(NOW, 9)?, vec![message()]);
    assert_eq!(tx.messages_due(NOW - 1, 9)?, vec![]);
    assert_eq!(tx.dead_letters((0, [0; 16]), 9)?, vec![dead_letter()]);
    assert_eq!(tx.dead_letters((1, [11; 16]), 9)?, vec![]);
    assert_eq!(tx.delivery_lease()?, Some(LEASE));
    assert_eq!(tx.consumer("auditor", "archive")?, Some(7));
    assert_eq!(tx.consumer("auditor", "other")?, None);
    assert_eq!(tx.consumers_of("auditor")?, 1);
    let entry = Entry { event: tx.event(1)?.unwrap(), reported_at: Some(NOW) };
    assert_eq!(tx.history_entry(&[1; 16], 1)?, Some(entry.clone()));
    assert_eq!(tx.history_before(&[1; 16], 2, 9)?, vec![entry]);
    assert_eq!(tx.history_before(&[1; 16], 1, 9)?, vec![]);
    assert_eq!(tx.history_before(&[2; 16], 2, 9)?, vec![]);
    Ok(())
}

fn open(path: &Path, keys: &Keys) -> Box<dyn Connection> {
    SqliteStore::open(path, keys).unwrap().connect().unwrap()
}

/// Both kinds of store, new, each with two connections.
fn pairs(place: &Place) -> [[Box<dyn Connection>; 2]; 2] {
    let sqlite = SqliteStore::open(&place.store(), &Keys::generate().unwrap()).unwrap();
    let memory = MemoryStore::default();
    let two = |store: &dyn Store| [store.connect().unwrap(), store.connect().unwrap()];
    [two(&sqlite), two(&memory)]
}

fn refusal(path: &Path, keys: &Keys) -> (Reason, String) {
    match SqliteStore::open(path, keys) {
        Err(Error::Fault { reason, detail, .. }) => (reason, detail),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn a_row_comes_back_as_it_was_put_whether_synced_or_not() {
    for durable in [true, false] {
        let place = Place::new();
        for [mut one, mut other] in pairs(&place) {
            fill(one.as_mut(), durable);
            other.read(&mut look).unwrap();
        }
    }
}

#[test]
fn a_damaged_row_is_a_fault_and_never_another_value() {
    for damage in [
        "UPDATE identity SET level = 0",
        "UPDATE identity SET birth_date = '1990-02-31'",
        "UPDATE authenticator SET key_algorithm = 3",
        "UPDATE authenticator SET public_key = x'00'",
        "UPDATE authenticator SET pin_version = -1",
        "UPDATE authenticator SET pin_version = 4294967296",
        "UPDATE authenticator SET charged = -1",
        "UPDATE authenticator SET cleared = -1",
        "UPDATE authenticator SET attempts = x'00'",
        "UPDATE authenticator SET identity_id = x'01'",
        "UPDATE authenticator SET enrolled_level = 0",
        "UPDATE code SET attested_key = x'00'",
        "UPDATE code SET state = 5",
        "UPDATE code SET channel = 4",
        "UPDATE code SET tries_left = -1",
        "UPDATE code SET activation_challenge = x'00'",
        "UPDATE code SET activation_challenge = NULL",
        "UPDATE code SET finished_by = x'00'",
        "UPDATE evidence SET document_kind = 6",
        "UPDATE evidence SET document_number_digest = x'00'",
        "UPDATE evidence SET document_expires_on = '2031-02-29'",
        "UPDATE evidence SET method = 5",
        "UPDATE evidence SET witness_id = x'00'",
        "UPDATE evidence SET level = 0",
        "UPDATE consent SET parent_id = x'00'",
        "UPDATE temporary_pin SET state = 4",
        "UPDATE temporary_pin SET means = 7",
        "UPDATE temporary_pin SET tries_left = -1",
        "UPDATE temporary_pin SET signed_in_with = x'00'",
        "UPDATE app_copy SET state = 0",
        "UPDATE app_copy SET state = 8",
        "UPDATE app_copy SET code_id = x'00'",
        "UPDATE app_copy SET code_id = NULL",
        "UPDATE app_copy SET code_tries_left = -1",
        "UPDATE app_copy SET code_expires_at = NULL",
        "UPDATE app_copy SET challenge = x'00'",
        "UPDATE app_copy SET public_key = NULL",
        "UPDATE app_copy SET device_name = NULL",
        "UPDATE app_copy SET scanned_code_id = NULL",
        "UPDATE app_copy SET finished_by = x'00'",
        "UPDATE login SET state = 0",
        "UPDATE login SET state = 8",
        "UPDATE login SET level_min = 4",
        "UPDATE login SET challenge = x'00'",
        "UPDATE login SET verifier_digest = x'00'",
        "UPDATE login SET user_id_digest = x'00'",
        "UPDATE login SET authenticator_id = x'00'",
        "UPDATE login SET user_verification = 4",
        "UPDATE login SET attempts = x'0000'",
        "UPDATE login SET way = 5",
        "UPDATE login SET service_kind = 4",
        "UPDATE display SET kind = 3",
        "UPDATE display SET algorithm = 3",
        "UPDATE display SET period_s = 301",
        "UPDATE display SET state = 6",
        "UPDATE display SET identity_id = x'00'",
        "UPDATE display SET next = -1",
        "UPDATE display SET resync = -1",
        "UPDATE key_card SET state = 7 WHERE state = 3",
        "UPDATE key_card SET keys = -1",
        "UPDATE key_card SET keys = 65536",
        "UPDATE key_card SET used = x'00'",
        "UPDATE key_card SET printed_by = x'00'",
        "UPDATE key_card SET identity_id = x'00'",
        "UPDATE password SET id = x'00'",
        "UPDATE password SET charged = -1",
        "UPDATE door SET charged = -1",
        "UPDATE door SET cleared = -1",
        "UPDATE message SET channel = 3",
        "UPDATE message SET state = 0 WHERE id = x'0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a'",
        "UPDATE message SET tries = -1",
        "UPDATE message SET identity_id = x'00'",
        "UPDATE lease SET holder = x'00'",
        "UPDATE login SET document_sha256 = x'00'",
        "UPDATE login SET document_name = NULL",
        "UPDATE login SET statement_signature = NULL",
        "UPDATE login SET acting = 4",
        "UPDATE login SET delegation_id = x'00'",
        "UPDATE login SET principal_id = NULL",
        "UPDATE delegation SET kind = 3",
        "UPDATE delegation SET scopes = ''",
        "UPDATE delegation SET starts_on = '2027-02-30'",
        "UPDATE delegation SET ends_on = 'x'",
        "UPDATE delegation SET agent_id = x'00'",
        "DROP TRIGGER event_is_never_changed; UPDATE event SET hash = x'00'",
    ] {
        let place = Place::new();
        let keys = Keys::generate().unwrap();
        let mut connection = open(&place.store(), &keys);
        fill(connection.as_mut(), true);
        Sqlite::open(place.store()).unwrap().execute_batch(damage).unwrap();
        // Not `look` itself: it would stop at the first difference instead of the fault.
        let fault = |read: fn(&mut dyn Tx) -> Result<()>| {
            matches!(
                connection.read(&mut { read }),
                Err(Error::Fault { reason: Reason::StoreFault, .. })
            )
        };
        let faults = [
            (|tx| tx.identity(&[1; 16]).map(drop)) as fn(&mut dyn Tx) -> Result<()>,
            |tx| tx.authenticator(&[2; 16]).map(drop),
            |tx| tx.code(&[5; 16]).map(drop),
            |tx| tx.evidence(&[10; 16]).map(drop),
            |tx| tx.consent(&[12; 16]).map(drop),
            |tx| tx.temporary_pin(&[8; 16]).map(drop),
            |tx| tx.copy(&[10; 16]).map(drop),
            |tx| tx.login(&[9; 16]).map(drop),
            |tx| tx.display(&[10; 16]).map(drop),
            |tx| tx.key_card(&[13; 16]).map(drop),
            |tx| tx.password_of(&[1; 16]).map(drop),
            |tx| tx.door(&[12; 16]).map(drop),
            |tx| tx.delegation(&[11; 16]).map(drop),
            |tx| tx.events_after(0, 9).map(drop),
            |tx| tx.message(&[10; 16]).map(drop),
            |tx| tx.delivery_lease().map(drop),
        ]
        .map(fault);
        assert_eq!(faults.iter().filter(|&&fault| fault).count(), 1, "{damage}: {faults:?}");
    }
}

#[test]
fn what_is_settled_is_swept_when_its_time_is_over_and_dead_letters_at_theirs() {
    let place = Place::new();
    for [mut one, _] in pairs(&place) {
        fill(one.as_mut(), true);
        let queued = Message { due_at: NOW + 5, ..message() };
        let swept = one.write(true, &mut |tx| {
            tx.put_message(&queued)?;
            tx.put_message(&Message {
                id: [13; 16],
                state: MessageState::Delivered,
                settled_at: Some(NOW),
                ..message()
            })?;
            assert_eq!(tx.sweep_messages(NOW, NOW)?, 0);
            assert_eq!(tx.sweep_messages(NOW + 1, NOW)?, 1);
            assert_eq!(tx.message(&[13; 16])?, None);
            assert_eq!(tx.sweep_messages(NOW + 1, NOW + 1)?, 1);
            assert_eq!(tx.message(&[11; 16])?, None);
            // Nobody has carried it in all that time.
            assert_eq!(tx.sweep_messages(NOW + 5, NOW + 5)?, 0);
            assert_eq!(tx.message(&[10; 16])?, Some(queued.clone()));
            assert_eq!(tx.sweep_messages(NOW + 6, NOW + 6)?, 1);
            assert_eq!(tx.message(&[10; 16])?, None);
            Ok(())
        });
        swept.unwrap();
    }
}

#[test]
fn events_are_neither_changed_nor_removed() {
    let place = Place::new();
    let mut connection = open(&place.store(), &Keys::generate().unwrap());
    fill(connection.as_mut(), true);
    let sqlite = Sqlite::open(place.store()).unwrap();
    for forgery in ["UPDATE event SET actor = 'nobody'", "DELETE FROM event"] {
        let refused = sqlite.execute(forgery, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{refused}");
    }
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let place = Place::new();
    let keys = Keys::generate().unwrap();
    drop(open(&place.store(), &keys));
    let sqlite = Sqlite::open(place.store()).unwrap();
    sqlite.pragma_update(None, "user_version", 1_000).unwrap();
    drop(sqlite);
    let before = std::fs::read(place.store()).unwrap();
    let (reason, detail) = refusal(&place.store(), &keys);
    assert_eq!(reason, Reason::StoreFault);
    assert!(detail.contains("newer"), "{detail}");
    assert_eq!(std::fs::read(place.store()).unwrap(), before);
}

#[test]
fn a_file_of_somebody_else_is_refused_and_left_alone() {
    let keys = Keys::generate().unwrap();
    let somebody_elses = |sql: &str| {
        let place = Place::new();
        Sqlite::open(place.store()).unwrap().execute_batch(sql).unwrap();
        place
    };
    let text = Place::new();
    std::fs::write(text.store(), "Dear diary, ".repeat(1_000)).unwrap();
    for place in [
        text,
        somebody_elses("PRAGMA application_id = 1; CREATE TABLE song (name TEXT)"),
        somebody_elses("PRAGMA user_version = 1; CREATE TABLE song (name TEXT)"),
        // Most files of SQLite have neither number.
        somebody_elses("CREATE TABLE song (name TEXT)"),
    ] {
        let before = std::fs::read(place.store()).unwrap();
        assert_eq!(refusal(&place.store(), &keys).0, Reason::StoreFault);
        assert!(std::fs::read(place.store()).unwrap() == before, "changed");
    }
}

#[test]
fn a_damaged_file_is_refused() {
    let place = Place::new();
    let keys = Keys::generate().unwrap();
    let mut connection = open(&place.store(), &keys);
    fill(connection.as_mut(), true);
    drop(connection);
    let mut bytes = std::fs::read(place.store()).unwrap();
    assert!(bytes.len() > 3 * 4_096, "the rows are in the file, not in its log");
    bytes[4_096..3 * 4_096].fill(0xff);
    std::fs::write(place.store(), &bytes).unwrap();
    assert_eq!(refusal(&place.store(), &keys).0, Reason::StoreFault);
}

#[test]
fn keys_of_another_store_are_refused_and_the_store_stays_its_owners() {
    let place = Place::new();
    let keys = Keys::generate().unwrap();
    let mut connection = open(&place.store(), &keys);
    fill(connection.as_mut(), true);
    drop(connection);
    let before = std::fs::read(place.store()).unwrap();
    let (reason, detail) = refusal(&place.store(), &Keys::generate().unwrap());
    assert_eq!((reason, detail.contains("another store")), (Reason::KeyFault, true));
    assert_eq!(std::fs::read(place.store()).unwrap(), before);
    open(&place.store(), &keys).read(&mut look).unwrap();
}

#[test]
fn a_store_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let mut connection = open(&place.store(), &Keys::generate().unwrap());
    fill(connection.as_mut(), true);
    for file in std::fs::read_dir(place.store().parent().unwrap()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_fault_undoes_everything_its_transaction_wrote() {
    let place = Place::new();
    for [mut one, mut other] in pairs(&place) {
        let fault = Error::fault(Reason::KeyFault, "no");
        let written = one.write(true, &mut |tx| {
            tx.put_identity(&identity([2; 16], "bodil"))?;
            tx.append_event(event(), NOW)?;
            Err(fault.clone())
        });
        assert_eq!(written, Err(fault));
        fill(one.as_mut(), true);
        other.read(&mut look).unwrap();
        let nothing = other.read(&mut |tx| {
            assert_eq!(tx.identity(&[2; 16])?, None);
            Ok(())
        });
        nothing.unwrap();
    }
}

#[test]
fn a_panic_undoes_everything_and_the_connection_goes_on() {
    let place = Place::new();
    for [mut one, mut other] in pairs(&place) {
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            one.write(true, &mut |tx| {
                tx.put_identity(&identity([2; 16], "bodil"))?;
                tx.append_event(event(), NOW)?;
                std::panic::resume_unwind(Box::new("a bug"))
            })
        }));
        assert!(panicked.is_err());
        other
            .write(true, &mut |tx| {
                assert_eq!(tx.last_event_seq()?, 0);
                Ok(())
            })
            .unwrap();
        fill(one.as_mut(), true);
        other.read(&mut look).unwrap();
    }
}

fn charge(tx: &mut dyn Tx, between: &mut dyn FnMut()) -> Result<()> {
    let mut it = tx.authenticator(&[2; 16])?.unwrap();
    between();
    it.lockout.charged += 1;
    tx.put_authenticator(&it)
}

#[test]
fn no_decision_rests_on_a_stale_read() {
    let place = Place::new();
    for [mut one, mut other] in pairs(&place) {
        fill(one.as_mut(), true);
        let (begin, begun) = std::sync::mpsc::channel();
        let (done, other_is_done) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                begun.recv().unwrap();
                other.write(true, &mut |tx| charge(tx, &mut || ())).unwrap();
                done.send(()).unwrap();
            });
            let charged = one.write(true, &mut |tx| {
                charge(tx, &mut || {
                    begin.send(()).unwrap();
                    // The other one must wait for this one; it gets time enough to show that it does not.
                    let early = other_is_done.recv_timeout(Duration::from_millis(200));
                    assert!(early.is_err(), "a commit between a read and its write");
                })
            });
            charged.unwrap();
        });
        let read = one.read(&mut |tx| {
            let charged = tx.authenticator(&[2; 16])?.unwrap().lockout.charged;
            assert_eq!(charged, authenticator().lockout.charged + 2);
            Ok(())
        });
        read.unwrap();
    }
}

#[test]
fn a_commit_elsewhere_changes_the_version() {
    let place = Place::new();
    for [mut one, mut other] in pairs(&place) {
        let before = other.version().unwrap();
        assert_eq!(other.version().unwrap(), before, "by itself it stays");
        fill(one.as_mut(), false);
        assert_ne!(other.version().unwrap(), before);
    }
}
