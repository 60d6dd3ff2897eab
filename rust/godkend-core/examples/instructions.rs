//! What `make bench-instructions` counts: each subject of the core in a process of its own, under callgrind.
//!
//! Callgrind collects only inside [`measured`], so that what prepares a subject costs nothing. Inputs are
//! fixed, and each repetition finds the same small store, so that two runs of one program count the same.
//! Without a name it lists the subjects; with one it runs it and prints how often.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs
)]

use std::hint::black_box;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use godkend_core::Id;
use godkend_core::approval::{
    ApprovalStatement, Decision, OpenStatement, Signed, Statement, Verified, check,
};
use godkend_core::authenticator::Authenticator;
use godkend_core::challenge::QrSecret;
use godkend_core::contact::Contact;
use godkend_core::delegation::Acting;
use godkend_core::engine::command::{ApproveByBiometrics, ChargeApproval, OpenLogin, StartLogin};
use godkend_core::engine::lane::{Command, Moment};
use godkend_core::identity::{Identity, Level, UserId};
use godkend_core::keys::Keys;
use godkend_core::level::Enrolment;
use godkend_core::lockout::Lockout;
use godkend_core::login::Login;
use godkend_core::nemid::ServiceKind;
use godkend_core::pin::{Arena, Params, Pin, PinRecord};
use godkend_core::policy::Policy;
use godkend_core::random::SeededRandom;
use godkend_core::signature::{Algorithm, PublicKey};
use godkend_core::store::{Connection, MemoryStore, Store};
use godkend_core::throttle::{Quota, Throttle, decide};
use prost::Message as _;

const NOW: i64 = 1_800_000_000_000;
const PIN: &[u8] = b"493817";
const PHONE: Id = [2; 16];
const FRONT_END: &str = "front-end";
const VERIFIER: [u8; 32] = [1; 32];

/// A subject: its name, how often it is repeated, and what is repeated.
type Subject = (&'static str, u32, fn(u32));

const SUBJECTS: [Subject; 11] = [
    ("throttle decision", 1_000, throttle_decision),
    ("throttle of a key", 1_000, throttle_of_a_key),
    ("step StartLogin", 20, start),
    ("step OpenLogin", 20, open),
    ("step ChargeApproval", 20, charge),
    ("step SettleApproval", 20, settle),
    ("step ApproveByBiometrics", 20, approve),
    ("statement read and compared", 100, statement),
    ("signature of a statement, Ed25519", 5, signature),
    ("Argon2id, 256 KiB, 1 pass", 2, |times| argon2id(times, 1)),
    ("Argon2id, 256 KiB, 3 passes", 2, |times| argon2id(times, 3)),
];

/// Where callgrind collects: `--toggle-collect=*measured*`.
#[inline(never)]
fn measured<R>(work: impl FnOnce() -> R) -> R {
    black_box(work())
}

fn main() {
    let Some(name) = std::env::args().nth(1) else {
        SUBJECTS.iter().for_each(|(name, ..)| println!("{name}"));
        return;
    };
    let (_, times, run) = SUBJECTS.iter().find(|subject| subject.0 == name).expect("a subject");
    run(*times);
    println!("{times}");
}

fn throttle_decision(times: u32) {
    let quota = Quota { interval_us: 1_000, burst: 3 };
    let mut arrival_us = 0;
    for now_us in (0..i64::from(times)).map(|number| NOW + 700 * number) {
        let (state, now_us, quota) = black_box((arrival_us, now_us, quota));
        arrival_us = measured(|| decide(state, now_us, quota)).unwrap_or(arrival_us);
    }
}

fn throttle_of_a_key(times: u32) {
    let mut throttle = Throttle::new(Quota { interval_us: 1_000, burst: 3 }, 8);
    throttle.check(b"192.0.2.7", NOW).unwrap();
    for now_us in (0..i64::from(times)).map(|number| NOW + 700 * number) {
        let _ = measured(|| throttle.check(black_box(b"192.0.2.7"), now_us));
    }
}

fn start(times: u32) {
    repeat(times, |_| {}, |world| world.start());
}

fn open(times: u32) {
    repeat(times, World::start_login, |world| world.open());
}

fn charge(times: u32) {
    repeat(times, World::open_login, |world| ChargeApproval { verified: world.decision(1) });
}

fn settle(times: u32) {
    repeat(times, World::open_login, |world| {
        let command = ChargeApproval { verified: world.decision(1) };
        let charged = world.step(&command);
        let pin = Pin::parse(PIN).unwrap();
        charged.check(|charged| charged.check(&mut world.arena, &pin)).unwrap()
    });
}

fn approve(times: u32) {
    repeat(times, World::open_login, |world| ApproveByBiometrics { verified: world.decision(2) });
}

fn statement(times: u32) {
    let mut world = World::new();
    world.open_login();
    let bytes = world.statement(1).encode_to_vec();
    for _ in 0..times {
        let bytes = bytes.clone();
        measured(|| {
            let signed = Signed::<ApprovalStatement>::parse(bytes, vec![0; 64]).unwrap();
            check(signed.claimed(), world.login(), &PHONE, Decision::Approve).unwrap();
            signed
        });
    }
}

fn signature(times: u32) {
    let (key, public) = device();
    // Nothing random in it: how long a verification takes depends a little on what is verified.
    let bytes =
        ApprovalStatement { login_id: vec![7; 16], ..approval_of_nothing() }.encode_to_vec();
    let signature = key.sign(&[ApprovalStatement::DOMAIN, &bytes].concat());
    for _ in 0..times {
        let (bytes, signature) = (bytes.clone(), signature.as_ref().to_vec());
        let signed = Signed::<ApprovalStatement>::parse(bytes, signature).unwrap();
        measured(|| signed.verify(&public).unwrap());
    }
}

fn argon2id(times: u32, iterations: u32) {
    let mut arena = Arena::new(256, 256).unwrap();
    let params = Params::new(256, iterations, 1).unwrap();
    let mut tag = [0; 32];
    for _ in 0..times {
        measured(|| arena.hash(&params, PIN, &[1; 16], b"", b"", &mut tag)).unwrap();
    }
}

fn approval_of_nothing() -> ApprovalStatement {
    ApprovalStatement {
        login_id: Vec::new(),
        challenge: vec![9; 32],
        authenticator_id: PHONE.to_vec(),
        service_provider: "tax.example".to_owned(),
        text: "Log in to Tax and see your assessment for 2025".to_owned(),
        decision: Decision::Approve as i32,
        user_verification: 1,
        attempt_id: vec![3; 16],
        document: None,
        on_behalf: None,
    }
}

fn device() -> (Ed25519KeyPair, PublicKey) {
    let key = Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
    let public = PublicKey::parse(Algorithm::Ed25519, key.public_key().as_ref()).unwrap();
    (key, public)
}

/// Measures a command's step as often as told, each time in a new world that is ready for it.
fn repeat<C: Command>(times: u32, prepare: fn(&mut World), command: impl Fn(&mut World) -> C) {
    for _ in 0..times {
        let mut world = World::new();
        prepare(&mut world);
        let command = command(&mut world);
        world.measured_step(&command);
    }
}

/// One subscriber with one phone, and at most one login, in the memory store.
struct World {
    keys: Keys,
    policy: Policy,
    connection: Box<dyn Connection>,
    random: SeededRandom,
    arena: Arena,
    key: Ed25519KeyPair,
    login: Option<Login>,
}

impl World {
    fn new() -> Self {
        let keys = Keys::generate().unwrap();
        let (key, public_key) = device();
        let mut arena = Arena::new(8, 8).unwrap();
        let (params, pin) = (Params::new(8, 1, 1).unwrap(), Pin::parse(PIN).unwrap());
        let pin_record =
            PinRecord::create(&keys, &mut arena, &params, &pin, [1; 16], &PHONE, 1).unwrap();
        let identity = Identity {
            id: [1; 16],
            user_id: UserId::choose("erik").unwrap(),
            name: "Erik Hansen".to_owned(),
            birth_date: None,
            level: Level::Substantial,
            is_vouched: true,
            identified_at: None,
            organisation: None,
            contact: Contact::default(),
            blocked_at: None,
            created_at: NOW,
        };
        let phone = Authenticator {
            id: PHONE,
            identity_id: identity.id,
            device_name: "Erik's phone".to_owned(),
            public_key,
            enrolment: Enrolment::default(),
            biometrics_on: true,
            notifications_on: true,
            pin_record,
            pin_version: 1,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: NOW,
        };
        let mut connection = MemoryStore::default().connect().unwrap();
        let written = connection.write(true, &mut |tx| {
            tx.put_identity(&identity)?;
            tx.put_authenticator(&phone)
        });
        written.unwrap();
        let random = SeededRandom::new(7);
        Self { keys, policy: Policy::default(), connection, random, arena, key, login: None }
    }

    fn in_tx<C: Command>(
        &mut self,
        command: &C,
        run: fn(&C, &mut dyn godkend_core::store::Tx, &mut Moment<'_>) -> Outcome<C>,
    ) -> C::Outcome {
        let mut at =
            Moment { now: NOW, policy: &self.policy, keys: &self.keys, random: &mut self.random };
        let mut outcome = None;
        let written = self.connection.write(C::DURABLE, &mut |tx| {
            outcome = Some(run(command, tx, &mut at)?);
            Ok(())
        });
        written.unwrap();
        outcome.unwrap()
    }

    fn step<C: Command>(&mut self, command: &C) -> C::Outcome {
        self.in_tx(command, C::step)
    }

    fn measured_step<C: Command>(&mut self, command: &C) -> C::Outcome {
        self.in_tx(command, |command, tx, at| measured(|| command.step(tx, at)))
    }

    fn start(&self) -> StartLogin {
        StartLogin {
            front_end: FRONT_END.to_owned(),
            request_id: [5; 16],
            service_provider: "tax.example".to_owned(),
            text: "Log in to Tax and see your assessment for 2025".to_owned(),
            document: None,
            acting: Acting::No,
            business_service: false,
            service_kind: ServiceKind::Public,
            user_id_canonical: Some("erik".to_owned()),
            verifier_digest: godkend_core::digest::sha256(&VERIFIER),
            source: "192.0.2.7".to_owned(),
            nonce: "nonce".to_owned(),
            level_min: Level::Low,
        }
    }

    fn start_login(&mut self) {
        let id = self.step(&self.start()).login_id;
        self.read_login(id);
    }

    fn open(&self) -> OpenLogin {
        let id = self.login().id;
        let code = QrSecret::derive(&self.keys, &id).app_link(&id);
        OpenLogin {
            verified: self.signed(&OpenStatement {
                authenticator_id: PHONE.to_vec(),
                code,
                signed_at_ms: NOW,
            }),
        }
    }

    fn open_login(&mut self) {
        self.start_login();
        let id = self.step(&self.open()).login_id;
        self.read_login(id);
    }

    fn login(&self) -> &Login {
        self.login.as_ref().expect("a login that was started")
    }

    fn read_login(&mut self, id: Id) {
        let mut found = None;
        let read = self.connection.read(&mut |tx| {
            found = tx.login(&id)?;
            Ok(())
        });
        read.unwrap();
        self.login = found;
    }

    fn statement(&self, user_verification: i32) -> ApprovalStatement {
        ApprovalStatement {
            login_id: self.login().id.to_vec(),
            challenge: self.login().challenge.to_vec(),
            user_verification,
            ..approval_of_nothing()
        }
    }

    fn decision(&self, user_verification: i32) -> Verified<ApprovalStatement> {
        self.signed(&self.statement(user_verification))
    }

    fn signed<S: Statement>(&self, statement: &S) -> Verified<S> {
        let bytes = statement.encode_to_vec();
        let signature = self.key.sign(&[S::DOMAIN, &bytes].concat());
        let signed = Signed::<S>::parse(bytes, signature.as_ref().to_vec()).unwrap();
        signed.verify(&device().1).unwrap()
    }
}

type Outcome<C> = godkend_core::error::Result<<C as Command>::Outcome>;
