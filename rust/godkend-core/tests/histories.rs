//! Whose history an event belongs to: the thread through the chain, beside the model, and where it is torn.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

mod places;

use godkend_core::Id;
use godkend_core::contact::Contact;
use godkend_core::error::{Error, Reason};
use godkend_core::event::{NewEvent, kind};
use godkend_core::identity::{Identity, Level, UserId};
use godkend_core::keys::Keys;
use godkend_core::store::{Connection, MemoryStore, SqliteStore, Store};
use places::Place;
use proptest::prelude::*;
use rusqlite::Connection as Sqlite;

const NOW: i64 = 1_800_000_000_000;

/// What the schema was before the thread: a row for each event, in a table of its own.
const WITHOUT_THREAD: &str = "
    CREATE TABLE history (
        identity_id BLOB NOT NULL, seq INTEGER NOT NULL, reported_at INTEGER, PRIMARY KEY (identity_id, seq)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO history
        SELECT identity_id, seq, (SELECT reported_at FROM report WHERE event_seq = seq)
        FROM event WHERE previous_seq IS NOT NULL;
    DROP TABLE report;
    ALTER TABLE event DROP COLUMN previous_seq;
    ALTER TABLE identity DROP COLUMN last_event_seq;
    -- What came after it is made again.
    DROP TABLE key_card;
    ALTER TABLE login DROP COLUMN service_kind;
    PRAGMA user_version = 11;
";

const fn id(number: u8) -> Id {
    [number; 16]
}

fn identity(number: u8) -> Identity {
    Identity {
        id: id(number),
        user_id: UserId::choose(&format!("anna-{number}")).unwrap(),
        name: "Anna Jensen".to_owned(),
        birth_date: None,
        level: Level::Substantial,
        blocked_at: None,
        created_at: NOW,
        contact: Contact::default(),
        is_vouched: true,
        identified_at: None,
        organisation: None,
    }
}

/// Three identities, and events of theirs, of nobody, and of kinds that nobody sees.
fn tell(connection: &mut dyn Connection, events: &[(u8, bool, bool)]) {
    let told =
        connection.write(true, &mut |tx| (1..=3).try_for_each(|it| tx.put_identity(&identity(it))));
    told.unwrap();
    for &(whose, is_seen, is_reported) in events {
        let told = connection.write(true, &mut |tx| {
            let kind = if is_seen { kind::LOGIN_APPROVED } else { kind::LOGIN_REDEEMED };
            let identity_id = (whose > 0).then_some(id(whose));
            tx.append_event(NewEvent { kind, identity_id, ..NewEvent::default() }, NOW)?;
            let seq = tx.last_event_seq()?;
            let is_listed = identity_id.is_some() && is_seen;
            if is_listed && is_reported { tx.put_reported(seq, NOW) } else { Ok(()) }
        });
        told.unwrap();
    }
}

/// Every history, from every place in it and some at a time.
fn histories(connection: &mut dyn Connection, events: i64) -> Vec<Vec<(i64, Option<i64>)>> {
    let mut all = Vec::new();
    let read = connection.read(&mut |tx| {
        for whose in 0..=4 {
            for before in (0..=events + 1).chain([i64::MAX]) {
                for count_max in [1, 3, 100] {
                    let entries = tx.history_before(&id(whose), before, count_max)?;
                    all.push(entries.iter().map(|it| (it.event.seq, it.reported_at)).collect());
                }
                let entry = tx.history_entry(&id(whose), before)?;
                all.push(entry.iter().map(|it| (it.event.seq, it.reported_at)).collect());
            }
        }
        Ok(())
    });
    read.unwrap();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_history_is_what_the_model_says_wherever_one_begins(
        events in prop::collection::vec((0..=3_u8, any::<bool>(), any::<bool>()), 0..24)
    ) {
        let (place, keys) = (Place::new(), Keys::generate().unwrap());
        let count = i64::try_from(events.len()).unwrap();
        let mut model = MemoryStore::default().connect().unwrap();
        tell(model.as_mut(), &events);
        let expected = histories(model.as_mut(), count);

        let mut sqlite = SqliteStore::open(&place.store(), &keys).unwrap().connect().unwrap();
        tell(sqlite.as_mut(), &events);
        prop_assert_eq!(histories(sqlite.as_mut(), count), expected.clone());
        drop(sqlite);

        // A store of before the thread keeps what it had.
        Sqlite::open(place.store()).unwrap().execute_batch(WITHOUT_THREAD).unwrap();
        let mut migrated = SqliteStore::open(&place.store(), &keys).unwrap().connect().unwrap();
        prop_assert_eq!(histories(migrated.as_mut(), count), expected);
        let forged = Sqlite::open(place.store()).unwrap().execute("UPDATE event SET actor = 'nobody'", []);
        prop_assert!(events.is_empty() || forged.is_err(), "events can be changed after the migration");
    }
}

#[test]
fn a_torn_thread_is_a_fault_and_never_a_shorter_history_or_somebody_elses() {
    for damage in [
        "UPDATE event SET previous_seq = 2 WHERE seq = 3",
        "UPDATE event SET previous_seq = 3 WHERE seq = 3",
        "UPDATE event SET previous_seq = NULL WHERE seq = 1",
        "UPDATE identity SET last_event_seq = 2 WHERE id = x'01010101010101010101010101010101'",
        "UPDATE identity SET last_event_seq = 4 WHERE id = x'01010101010101010101010101010101'",
    ] {
        let (place, keys) = (Place::new(), Keys::generate().unwrap());
        let mut connection = SqliteStore::open(&place.store(), &keys).unwrap().connect().unwrap();
        tell(connection.as_mut(), &[(1, true, false), (2, true, false), (1, true, false)]);
        let sqlite = Sqlite::open(place.store()).unwrap();
        sqlite.execute_batch("DROP TRIGGER event_is_never_changed").unwrap();
        sqlite.execute_batch(damage).unwrap();
        let read = connection.read(&mut |tx| tx.history_before(&id(1), i64::MAX, 9).map(drop));
        assert!(matches!(read, Err(Error::Fault { reason: Reason::StoreFault, .. })), "{damage}");
    }
}
