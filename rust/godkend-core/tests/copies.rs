//! What comes between the charge and the settling of a copy's steps, and what comes twice: in SQLite and in
//! the model in memory alike.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

mod places;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use godkend_core::Id;
use godkend_core::approval::{Signed, Statement, Verified};
use godkend_core::authenticator::Authenticator;
use godkend_core::contact::{Contact, Language};
use godkend_core::copy_code::CopyCode;
use godkend_core::copy_statement::{
    CopyConfirmationStatement, CopyFinishStatement, CopyRequestStatement, CopyScanStatement,
    CopyStopStatement,
};
use godkend_core::copying::State;
use godkend_core::engine::command::*;
use godkend_core::engine::lane::{Command, Moment};
use godkend_core::error::{Error, Reason, Result};
use godkend_core::identity::{Identity, UserId};
use godkend_core::keys::Keys;
use godkend_core::level::{Enrolment, Level};
use godkend_core::lockout::Lockout;
use godkend_core::pin::{Arena, Params, Pin, PinRecord};
use godkend_core::policy::Policy;
use godkend_core::random::SeededRandom;
use godkend_core::signature::{Algorithm, PublicKey};
use godkend_core::store::{Connection, MemoryStore, SqliteStore, Store};
use godkend_core::temporary_pin::TemporaryPinText;
use places::Place;

const START: i64 = 1_800_000_000_000;
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const ANNA: Id = [1; 16];
const OLD: Id = [2; 16];
const PIN: &[u8] = b"493817";

struct Device {
    key: Ed25519KeyPair,
    public: PublicKey,
}

impl Device {
    fn new(seed: u8) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let public = PublicKey::parse(Algorithm::Ed25519, key.public_key().as_ref()).unwrap();
        Self { key, public }
    }

    fn signs<S: Statement>(&self, statement: &S) -> Verified<S> {
        let bytes = statement.encode_to_vec();
        let signature = self.key.sign(&[S::DOMAIN, &bytes].concat());
        let signed = Signed::<S>::parse(bytes, signature.as_ref().to_vec()).unwrap();
        signed.verify(&self.public).unwrap()
    }
}

/// Anna, her old app, and the way to a store.
struct World {
    store: Box<dyn Store>,
    connection: Box<dyn Connection>,
    keys: Keys,
    policy: Policy,
    random: SeededRandom,
    arena: Arena,
    now: i64,
    attempts: u8,
    old: Device,
    new: Device,
}

fn worlds(place: &Place) -> [World; 2] {
    let keys = Keys::generate().unwrap();
    let sqlite = SqliteStore::open(&place.store(), &keys).unwrap();
    [
        World::new(Box::new(sqlite), keys),
        World::new(Box::new(MemoryStore::default()), Keys::generate().unwrap()),
    ]
}

impl World {
    fn new(store: Box<dyn Store>, keys: Keys) -> Self {
        let mut world = Self {
            connection: store.connect().unwrap(),
            store,
            keys,
            policy: Policy::default(),
            random: SeededRandom::new(7),
            arena: Arena::new(8, 8).unwrap(),
            now: START,
            attempts: 0,
            old: Device::new(1),
            new: Device::new(2),
        };
        let authenticator = world.old_app();
        let anna = Identity {
            id: ANNA,
            user_id: UserId::choose("anna").unwrap(),
            name: "Anna Jensen".to_owned(),
            birth_date: None,
            level: Level::High,
            is_vouched: true,
            identified_at: Some(START),
            organisation: None,
            contact: Contact {
                phone_number: Some("+4512345678".to_owned()),
                phone_number_changed_at: Some(START - 5 * DAY),
                email: None,
                language: Language::Danish,
            },
            blocked_at: None,
            created_at: START,
        };
        let written = world.connection.write(true, &mut |tx| {
            tx.put_identity(&anna)?;
            tx.put_authenticator(&authenticator)
        });
        written.unwrap();
        world
    }

    fn old_app(&mut self) -> Authenticator {
        let (params, pin) = (Params::new(8, 1, 1).unwrap(), Pin::parse(PIN).unwrap());
        let record =
            PinRecord::create(&self.keys, &mut self.arena, &params, &pin, [1; 16], &OLD, 1);
        Authenticator {
            id: OLD,
            identity_id: ANNA,
            device_name: "old".to_owned(),
            public_key: self.old.public,
            enrolment: Enrolment::of(Level::High, true),
            biometrics_on: false,
            notifications_on: true,
            pin_record: record.unwrap(),
            pin_version: 1,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: START,
        }
    }

    /// Runs a command as a lane does, on a connection of its own: as any worker would.
    fn run<C: Command>(&mut self, command: &C) -> Result<C::Outcome> {
        let Self { keys, policy, random, now, .. } = self;
        let mut at = Moment { now: *now, policy, keys, random };
        let mut outcome = None;
        let written = self.store.connect().unwrap().write(C::DURABLE, &mut |tx| {
            match command.step(tx, &mut at) {
                Err(fault @ Error::Fault { .. }) => return Err(fault),
                settled => outcome = Some(settled),
            }
            Ok(())
        });
        written.unwrap();
        outcome.unwrap()
    }

    fn attempt(&mut self) -> Vec<u8> {
        self.attempts += 1;
        vec![self.attempts; 16]
    }

    fn charge_request(&mut self) -> Result<SettleCopyRequest> {
        let attempt_id = self.attempt();
        let verified = self.old.signs(&CopyRequestStatement {
            authenticator_id: OLD.to_vec(),
            attempt_id,
            signed_at_ms: self.now,
        });
        let charged = self.run(&ChargeCopyRequest { verified })?;
        charged.check(|charged| charged.check(&mut self.arena, &Pin::parse(PIN).unwrap()))
    }

    fn requested(&mut self) -> Id {
        let settle = self.charge_request().unwrap();
        let Ok(view) = self.run(&settle) else { panic!("not requested") };
        view.copy.id
    }

    fn charge_confirmation(&mut self, copy_id: Id) -> Result<SettleCopyConfirmation> {
        let attempt_id = self.attempt();
        let verified = self.old.signs(&CopyConfirmationStatement {
            authenticator_id: OLD.to_vec(),
            copy_id: copy_id.to_vec(),
            attempt_id,
            signed_at_ms: self.now,
        });
        let charged = self.run(&ChargeCopyConfirmation { verified })?;
        charged.check(|charged| charged.check(&mut self.arena, &Pin::parse(PIN).unwrap()))
    }

    /// A copy that the new phone has scanned, and the challenge to it.
    fn scanned(&mut self) -> (Id, [u8; 32]) {
        let copy_id = self.requested();
        self.now += HOUR;
        let settle = self.charge_confirmation(copy_id).unwrap();
        let Ok(view) = self.run(&settle) else { panic!("not confirmed") };
        let code = view.code.unwrap().reveal();
        let scan = ScanCopy {
            source: "home".to_owned(),
            verified: self.new.signs(&CopyScanStatement {
                code: code.clone(),
                public_key: self.new.public.as_bytes().to_vec(),
            }),
            code: CopyCode::parse(&code).unwrap(),
            user_id_canonical: "anna".to_owned(),
            public_key: self.new.public,
            device_name: "new".to_owned(),
        };
        let Ok(scanned) = self.run(&scan) else { panic!("not scanned") };
        (copy_id, scanned.challenge)
    }

    fn temporary_pin(&mut self) -> Pin {
        let mut text = None;
        let read = self.connection.read(&mut |tx| {
            let issued = tx.issued_temporary_pin_of(&ANNA)?.unwrap();
            text = Some(TemporaryPinText::derive(&self.keys, &issued.id).reveal());
            Ok(())
        });
        read.unwrap();
        Pin::parse(text.unwrap().as_bytes()).unwrap()
    }

    fn charge_finish(&mut self, copy_id: Id, challenge: [u8; 32]) -> SettleCopyFinish {
        let temporary = self.temporary_pin();
        let attempt_id = self.attempt();
        let verified = self.new.signs(&CopyFinishStatement {
            copy_id: copy_id.to_vec(),
            challenge: challenge.to_vec(),
            attempt_id,
        });
        let Ok(CopyFinish::Charged(charged)) = self.run(&ChargeCopyFinish { verified }) else {
            panic!("not charged")
        };
        charged.check(&temporary, true, true, |_, _| Ok(vec![1])).unwrap()
    }

    fn block(&mut self, whole: bool) {
        let block = SetBlocked {
            actor: "support".to_owned(),
            identity_id: ANNA,
            authenticator_id: (!whole).then_some(OLD),
            blocked: true,
        };
        self.run(&block).unwrap();
    }

    fn stop(&mut self, copy_id: Id) -> Result<CopyView> {
        let verified = self.old.signs(&CopyStopStatement {
            authenticator_id: OLD.to_vec(),
            copy_id: copy_id.to_vec(),
            signed_at_ms: self.now,
        });
        self.run(&StopCopy { verified })
    }

    fn state(&mut self, copy_id: Id) -> State {
        let mut state = None;
        let read = self.connection.read(&mut |tx| {
            state = tx.copy(&copy_id)?.map(|copy| copy.state);
            Ok(())
        });
        read.unwrap();
        state.unwrap()
    }

    fn strikes_and_apps(&mut self) -> (u32, usize) {
        let mut found = (0, 0);
        let read = self.connection.read(&mut |tx| {
            found.0 = tx.authenticator(&OLD)?.unwrap().lockout.strikes();
            found.1 = tx.authenticators_of(&ANNA)?.len();
            Ok(())
        });
        read.unwrap();
        found
    }

    /// How often something happened.
    fn count(&mut self, kind: &str) -> usize {
        let mut count = 0;
        let read = self.connection.read(&mut |tx| {
            let events = tx.events_after(0, usize::MAX)?;
            count = events.iter().filter(|event| event.kind == kind).count();
            Ok(())
        });
        read.unwrap();
        count
    }
}

fn reason<T>(result: Result<T>) -> Reason {
    match result {
        Err(Error::Denied(denial)) => denial.reason,
        _ => panic!("not denied"),
    }
}

#[test]
fn of_two_requests_that_were_charged_at_once_one_is_under_way() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let (one, other) = (world.charge_request().unwrap(), world.charge_request().unwrap());
        assert!(world.run(&other).is_ok());
        assert_eq!(reason(world.run(&one)), Reason::CopyUnderWay);
        assert_eq!(world.count("copy.requested"), 1);
        // Its PIN was right all the same.
        assert_eq!(world.strikes_and_apps().0, 0);
    }
}

#[test]
fn of_two_confirmations_that_were_charged_at_once_one_makes_a_code() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let copy_id = world.requested();
        world.now += HOUR;
        let one = world.charge_confirmation(copy_id).unwrap();
        let other = world.charge_confirmation(copy_id).unwrap();
        assert!(world.run(&one).is_ok());
        assert_eq!(reason(world.run(&other)), Reason::CopyConfirmed);
        assert_eq!(world.count("copy.confirmed"), 1);
        assert_eq!(world.strikes_and_apps().0, 0);
    }
}

#[test]
fn what_comes_while_the_second_pin_is_checked_still_ends_the_copy() {
    for (between, answer) in [
        (None, Reason::CopyStopped),
        (Some(true), Reason::IdentityBlocked),
        (Some(false), Reason::AuthenticatorBlocked),
    ] {
        let place = Place::new();
        for mut world in worlds(&place) {
            let copy_id = world.requested();
            world.now += HOUR;
            let settle = world.charge_confirmation(copy_id).unwrap();
            match between {
                None => assert!(world.stop(copy_id).is_ok()),
                Some(whole) => world.block(whole),
            }
            assert_eq!(reason(world.run(&settle)), answer);
            assert_eq!(world.state(copy_id), State::Stopped);
            assert_eq!(world.count("copy.confirmed"), 0);
        }
    }
}

#[test]
fn what_comes_while_the_temporary_pin_is_checked_still_ends_the_copy() {
    for (between, answer) in [
        (None, Reason::CopyStopped),
        (Some(true), Reason::IdentityBlocked),
        (Some(false), Reason::AuthenticatorBlocked),
    ] {
        let place = Place::new();
        for mut world in worlds(&place) {
            let (copy_id, challenge) = world.scanned();
            let settle = world.charge_finish(copy_id, challenge);
            match between {
                None => assert!(world.stop(copy_id).is_ok()),
                Some(whole) => world.block(whole),
            }
            assert_eq!(reason(world.run(&settle)), answer);
            assert_eq!(world.strikes_and_apps(), (0, 1));
            assert_eq!(world.count("copy.done"), 0);
        }
    }
}

#[test]
fn a_stop_that_comes_after_the_last_step_comes_too_late() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let (copy_id, challenge) = world.scanned();
        let settle = world.charge_finish(copy_id, challenge);
        assert!(world.run(&settle).is_ok());
        assert_eq!(reason(world.stop(copy_id)), Reason::CopyDone);
        assert_eq!((world.state(copy_id), world.strikes_and_apps()), (State::Done, (0, 2)));
    }
}

#[test]
fn of_two_ends_that_were_charged_at_once_one_makes_an_authenticator() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let (copy_id, challenge) = world.scanned();
        let one = world.charge_finish(copy_id, challenge);
        let other = world.charge_finish(copy_id, challenge);
        let Ok(authenticator_id) = world.run(&one) else { panic!("not done") };
        // The same attempt again is told the same; another one is not.
        assert_eq!(world.run(&one), Ok(authenticator_id));
        assert_eq!(reason(world.run(&other)), Reason::CopyDone);
        assert_eq!(world.count("authenticator.activated"), 1);
    }
}

#[test]
fn the_end_of_the_wait_is_told_once_whoever_of_all_workers_sees_it_first() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let copy_id = world.requested();
        world.now += HOUR - 1;
        assert_eq!(world.run(&PassCopies), Ok(false));
        assert_eq!((world.state(copy_id), world.count("copy.ready")), (State::Requested, 0));
        world.now += 1;
        for _ in 0..3 {
            assert_eq!(world.run(&PassCopies), Ok(false));
        }
        assert!(world.charge_confirmation(copy_id).is_ok());
        assert_eq!(world.count("copy.ready"), 1);
        world.now += DAY;
        for _ in 0..3 {
            world.run(&PassCopies).unwrap();
        }
        assert_eq!((world.state(copy_id), world.count("copy.expired")), (State::Expired, 1));
    }
}

#[test]
fn what_ended_is_kept_for_a_day() {
    let place = Place::new();
    for mut world in worlds(&place) {
        let copy_id = world.requested();
        assert!(world.stop(copy_id).is_ok());
        world.now += DAY;
        world.run(&PassCopies).unwrap();
        assert_eq!(world.state(copy_id), State::Stopped);
        world.now += 1;
        world.run(&PassCopies).unwrap();
        assert_eq!(reason(world.stop(copy_id)), Reason::CopyNotFound);
    }
}
