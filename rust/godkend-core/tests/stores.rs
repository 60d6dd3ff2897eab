//! SQLite does what the model in memory does: the same commands, at the same times, with the same
//! random bytes, give the same outcomes, the same effects and the same rows.
//!
//! PIN attempts are charged and settled as moves of their own, so that blocks, cancellations, other
//! attempts and the end of time come between the two.

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
use godkend_core::activation::{Channel, CodeText};
use godkend_core::approval::{
    ActivationStatement, ApprovalStatement, OpenStatement, PinChangeStatement, Signed, Statement,
    Verified,
};
use godkend_core::challenge::QrSecret;
use godkend_core::civil::Date;
use godkend_core::delegation::Acting;
use godkend_core::engine::command::*;
use godkend_core::engine::lane::{Command, Moment};
use godkend_core::error::{Error, Result};
use godkend_core::evidence::{Document as Shown, DocumentKind, Method};
use godkend_core::identity::{Level, UserId};
use godkend_core::keys::Keys;
use godkend_core::nemid::ServiceKind;
use godkend_core::pin::{Arena, BirthDate, Params, Pin, PinRecord};
use godkend_core::policy::Policy;
use godkend_core::random::SeededRandom;
use godkend_core::signature::{Algorithm, PublicKey};
use godkend_core::signing::{Document, DocumentShown};
use godkend_core::store::{Connection, MemoryStore, SqliteStore, Store};
use places::Place;
use proptest::prelude::*;

const START: i64 = 1_800_000_000_000;
const USER_IDS: [&str; 3] = ["anna", "bodil", "child"];
const BORN: [&str; 3] = ["1990-12-31", "1990-12-31", "2013-01-01"];
const PIN: &[u8] = b"493817";
const PIN_WRONG: &[u8] = b"837205";

/// One thing that somebody does. Small numbers choose who and what, modulo what there is.
#[derive(Debug, Clone)]
enum Move {
    Wait { ms: i64 },
    Create { who: usize, request: u8 },
    Block { phone: usize, whole: bool, blocked: bool },
    EndBlocked { phone: usize },
    Issue { who: usize, request: u8 },
    Identify { who: usize, witness: Option<usize>, request: u8 },
    Consent { who: usize, parent: usize, request: u8 },
    Begin { who: usize, phone: usize, proved: bool },
    Finish { phone: usize, attempt: u8 },
    Start { who: Option<usize>, source: u8, request: u8 },
    Open { login: usize, phone: usize },
    Charge { login: usize, phone: usize, attempt: u8, right: bool },
    Settle { which: usize },
    ChargeChange { phone: usize, attempt: u8, right: bool },
    SettleChange { which: usize },
    Biometrics { login: usize, phone: usize, attempt: u8 },
    Reject { login: usize, phone: usize, attempt: u8 },
    Cancel { login: usize },
    Redeem { login: usize },
    Sweep,
}

fn moves() -> impl Strategy<Value = Move> {
    let waits = vec![0, 1, 1_000, 1_000, 5_000, 60_000, 300_000, 600_000, 3_600_000, 86_400_000];
    let waits = prop::sample::select(waits);
    // Mostly one subscriber, one phone and the newest login, so that stories come about.
    let (who, phone) = (mostly_first(3), mostly_first(3));
    let about = (mostly_first(6), phone.clone(), any::<u8>());
    let (right, seldom) = (prop::bool::weighted(0.7), prop::bool::weighted(0.2));
    prop_oneof![
        1 => waits.prop_map(|ms| Move::Wait { ms }),
        1 => (0..3usize, 0..3u8).prop_map(|(who, request)| Move::Create { who, request }),
        1 => (phone.clone(), any::<bool>(), seldom)
            .prop_map(|(phone, whole, blocked)| Move::Block { phone, whole, blocked }),
        1 => phone.clone().prop_map(|phone| Move::EndBlocked { phone }),
        1 => (0..3usize, 0..40u8).prop_map(|(who, request)| Move::Issue { who, request }),
        1 => (0..3usize, prop::option::of(0..3usize), 0..40u8)
            .prop_map(|(who, witness, request)| Move::Identify { who, witness, request }),
        1 => (1..3usize, 0..3usize, 0..3u8)
            .prop_map(|(who, parent, request)| Move::Consent { who, parent, request }),
        2 => (who.clone(), phone.clone(), right)
            .prop_map(|(who, phone, proved)| Move::Begin { who, phone, proved }),
        2 => (phone.clone(), 0..2u8).prop_map(|(phone, attempt)| Move::Finish { phone, attempt }),
        3 => (prop::option::of(who), 0..2u8, any::<u8>())
            .prop_map(|(who, source, request)| Move::Start { who, source, request }),
        4 => about.clone().prop_map(|(login, phone, _)| Move::Open { login, phone }),
        4 => (about.clone(), right).prop_map(|((login, phone, attempt), right)| {
            Move::Charge { login, phone, attempt: attempt % 8, right }
        }),
        3 => mostly_first(3).prop_map(|which| Move::Settle { which }),
        1 => (phone, 0..64u8, right)
            .prop_map(|(phone, attempt, right)| Move::ChargeChange { phone, attempt, right }),
        1 => (0..2usize).prop_map(|which| Move::SettleChange { which }),
        1 => about.clone()
            .prop_map(|(login, phone, attempt)| Move::Biometrics { login, phone, attempt }),
        1 => about.clone()
            .prop_map(|(login, phone, attempt)| Move::Reject { login, phone, attempt }),
        1 => about.clone().prop_map(|(login, ..)| Move::Cancel { login }),
        3 => about.prop_map(|(login, ..)| Move::Redeem { login }),
        1 => Just(Move::Sweep),
    ]
}

fn mostly_first(count: usize) -> impl Strategy<Value = usize> + Clone {
    prop_oneof![4 => Just(0), 1 => 0..count]
}

struct Phone {
    key: Ed25519KeyPair,
    public: PublicKey,
    activation: Option<(Id, [u8; 32])>,
    id: Id,
}

impl Phone {
    fn new(number: u8) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[number + 1; 32]).unwrap();
        let public = PublicKey::parse(Algorithm::Ed25519, key.public_key().as_ref()).unwrap();
        Self { key, public, activation: None, id: [0; 16] }
    }

    fn signs<S: Statement>(&self, statement: &S) -> Verified<S> {
        let bytes = statement.encode_to_vec();
        let signature = self.key.sign(&[S::DOMAIN, &bytes].concat());
        let signed = Signed::<S>::parse(bytes, signature.as_ref().to_vec()).unwrap();
        signed.verify(&self.public).unwrap()
    }

    fn decides(
        &self,
        login: &Login,
        attempt: u8,
        decision: i32,
        how: i32,
    ) -> Verified<ApprovalStatement> {
        self.signs(&ApprovalStatement {
            login_id: login.id.to_vec(),
            challenge: login.challenge.to_vec(),
            authenticator_id: self.id.to_vec(),
            service_provider: "tax".to_owned(),
            text: "Log in to Tax".to_owned(),
            decision,
            user_verification: how,
            attempt_id: vec![attempt; 16],
            document: login.document.clone().map(|it| DocumentShown {
                sha256: it.sha256.to_vec(),
                media_type: it.media_type,
                name: it.name,
            }),
            on_behalf: None,
        })
    }
}

struct Login {
    id: Id,
    challenge: [u8; 32],
    document: Option<Document>,
}

/// One store, and the random bytes that its commands get.
struct Twin {
    connection: Box<dyn Connection>,
    random: SeededRandom,
}

/// Both of what one command gave.
type Both<T> = [T; 2];

struct World {
    keys: Keys,
    policy: Policy,
    now: i64,
    twins: Both<Twin>,
    arena: Arena,
    identities: [Id; 3],
    codes: [CodeText; 3],
    phones: [Phone; 3],
    logins: Vec<Login>,
    charged: Vec<(Both<ChargedApproval>, bool)>,
    charged_changes: Vec<(Both<Charged>, bool)>,
    /// Every kind of refusal and value seen, to know that the moves get somewhere.
    seen: Vec<String>,
}

fn code(text: &str) -> CodeText {
    CodeText::parse(text).unwrap()
}

impl World {
    fn new(place: &Place) -> Self {
        let keys = Keys::generate().unwrap();
        let mut policy = Policy::default();
        policy.budget.activation_source.burst = 4;
        let twin = |connection| Twin { connection, random: SeededRandom::new(7) };
        let twins = [
            twin(SqliteStore::open(&place.store(), &keys).unwrap().connect().unwrap()),
            twin(MemoryStore::default().connect().unwrap()),
        ];
        Self {
            keys,
            policy,
            now: START,
            twins,
            arena: Arena::new(8, 8).unwrap(),
            identities: [[0; 16]; 3],
            codes: [code("22222222"), code("22222222"), code("22222222")],
            phones: [0, 1, 2].map(Phone::new),
            logins: Vec::new(),
            charged: Vec::new(),
            charged_changes: Vec::new(),
            seen: Vec::new(),
        }
    }

    /// Runs a command for each store as a lane does, and compares outcomes and effects.
    fn each<C: Command>(
        &mut self,
        commands: [&C; 2],
        show: impl Fn(&C::Outcome) -> String,
    ) -> Option<Both<C::Outcome>> {
        let [left, right] = [0, 1].map(|index| {
            let twin = &mut self.twins[index];
            let mut at = Moment {
                now: self.now,
                policy: &self.policy,
                keys: &self.keys,
                random: &mut twin.random,
            };
            let mut outcome = None;
            let effects = twin.connection.write(C::DURABLE, &mut |tx| {
                match commands[index].step(tx, &mut at) {
                    Err(fault @ Error::Fault { .. }) => return Err(fault),
                    settled => outcome = Some(settled),
                }
                Ok(())
            });
            (outcome.unwrap(), effects.unwrap())
        });
        let said = |outcome: &Result<C::Outcome>| match outcome {
            Ok(value) => show(value),
            Err(error) => error.to_string(),
        };
        assert_eq!(said(&left.0), said(&right.0));
        assert_eq!(left.1, right.1, "effects");
        let kind = std::any::type_name::<C>().rsplit("::").next().unwrap_or_default();
        let how = left.0.as_ref().err().map_or("done".to_owned(), |error| {
            error.to_string().split(',').next().unwrap_or_default().to_owned()
        });
        self.seen.push(format!("{kind}: {how}"));
        Some([left.0.ok()?, right.0.ok()?])
    }

    fn both<C: Command>(
        &mut self,
        command: &C,
        show: impl Fn(&C::Outcome) -> String,
    ) -> Option<C::Outcome> {
        self.each([command, command], show).map(|[first, _]| first)
    }

    fn pin_record(&mut self, id: &Id, version: u32) -> Vec<u8> {
        let params = Params::new(8, 1, 1).unwrap();
        let pin = Pin::parse(PIN).unwrap();
        PinRecord::create(&self.keys, &mut self.arena, &params, &pin, [1; 16], id, version).unwrap()
    }

    fn make(&mut self, it: &Move) {
        match *it {
            Move::Wait { ms } => self.now += ms,
            Move::Sweep => {
                self.both(&Sweep::default(), |swept| format!("{swept:?}"));
            }
            Move::Create { .. }
            | Move::Block { .. }
            | Move::EndBlocked { .. }
            | Move::Issue { .. } => self.registrar(it),
            Move::Identify { .. } | Move::Consent { .. } => self.desk(it),
            Move::Begin { .. } | Move::Finish { .. } => self.activation(it),
            Move::Start { .. } | Move::Cancel { .. } | Move::Redeem { .. } => self.front_end(it),
            Move::ChargeChange { .. } | Move::SettleChange { .. } => self.pin_change(it),
            _ => self.phone(it),
        }
    }

    fn under_way_of(&mut self, identity_id: &Id) -> Vec<Id> {
        let now = self.now;
        let [left, right] = [0, 1].map(|index| {
            let mut found = Vec::new();
            let read = self.twins[index].connection.read(&mut |tx| {
                found = tx.logins_under_way_of(identity_id, now)?;
                Ok(())
            });
            read.unwrap();
            found
        });
        assert_eq!(left, right);
        left
    }

    fn registrar(&mut self, it: &Move) {
        match *it {
            Move::Create { who, request } => {
                let create = CreateIdentity {
                    actor: "registrar".to_owned(),
                    request_id: [request; 16],
                    user_id: UserId::choose(USER_IDS[who]).unwrap(),
                    name: "Somebody".to_owned(),
                    birth_date: BirthDate::parse(BORN[who]).ok(),
                    level: [Some(Level::Substantial), Some(Level::Low), None][who],
                    organisation: None,
                };
                if let Some(id) = self.both(&create, |id| format!("{id:?}")) {
                    self.identities[who] = id;
                }
            }
            Move::Block { phone, whole, blocked } => {
                let block = SetBlocked {
                    actor: "support".to_owned(),
                    identity_id: self.identities[phone % 2],
                    authenticator_id: (!whole).then_some(self.phones[phone].id),
                    blocked,
                };
                self.both(&block, |()| String::new());
            }
            Move::EndBlocked { phone } => {
                let identity_id = self.identities[phone % 2];
                let login_ids = self.under_way_of(&identity_id);
                self.both(&EndBlockedLogins { identity_id, login_ids }, |()| String::new());
            }
            Move::Issue { who, request } => {
                let issue = IssueActivationCode {
                    actor: "registrar".to_owned(),
                    request_id: [request; 16],
                    identity_id: self.identities[who],
                    channel: Channel::Sms,
                    attested_key: None,
                    signed_in_at: None,
                };
                let show =
                    |issued: &CodeIssued| format!("{} {}", issued.text.reveal(), issued.expires_at);
                if let Some(issued) = self.both(&issue, show) {
                    self.codes[who] = issued.text;
                }
            }
            _ => unreachable!(),
        }
    }

    fn desk(&mut self, it: &Move) {
        match *it {
            Move::Identify { who, witness, request } => {
                let identify = RecordIdentification {
                    actor: "desk".to_owned(),
                    request_id: [request; 16],
                    identity_id: self.identities[who],
                    officer_id: "officer".to_owned(),
                    document: Shown {
                        kind: DocumentKind::Passport,
                        country: "DNK".to_owned(),
                        number_digest: [7; 32],
                        expires_on: Date::new(2030, 1, 1).unwrap(),
                    },
                    birth_date: BirthDate::parse(BORN[who]).unwrap(),
                    method: witness.map_or(Method::RegisterQuestions, |_| Method::Witness),
                    witness_id: witness.map(|witness| self.identities[witness]),
                };
                self.both(&identify, |id| format!("{id:?}"));
            }
            Move::Consent { who, parent, request } => {
                let consent = RecordConsent {
                    actor: "desk".to_owned(),
                    request_id: [request; 16],
                    identity_id: self.identities[who],
                    parent_id: self.identities[parent],
                    officer_id: "officer".to_owned(),
                };
                self.both(&consent, |id| format!("{id:?}"));
            }
            _ => unreachable!(),
        }
    }

    fn activation(&mut self, it: &Move) {
        match *it {
            Move::Begin { who, phone, proved } => {
                let mut text = self.codes[who].reveal();
                if !proved {
                    let last = if text.ends_with('2') { '3' } else { '2' };
                    text.replace_range(7..8, &last.to_string());
                }
                let begin = BeginActivation {
                    source: "home".to_owned(),
                    request_id: [9; 16],
                    user_id_canonical: USER_IDS[who].to_owned(),
                    code: code(&text),
                    public_key: self.phones[phone].public,
                    device_name: "phone".to_owned(),
                };
                let show = |begun: &ActivationBegun| {
                    format!("{:?} {:?} {}", begun.activation_id, begun.challenge, begun.expires_at)
                };
                if let Some(begun) = self.both(&begin, show) {
                    self.phones[phone].activation = Some((begun.activation_id, begun.challenge));
                }
            }
            Move::Finish { phone, attempt } => {
                let Some((activation_id, challenge)) = self.phones[phone].activation else {
                    return;
                };
                let id = FinishActivation::authenticator_id(&self.keys, &activation_id);
                let statement = ActivationStatement {
                    activation_id: activation_id.to_vec(),
                    challenge: challenge.to_vec(),
                    public_key: self.phones[phone].public.as_bytes().to_vec(),
                    attempt_id: vec![attempt; 16],
                };
                let finish = FinishActivation {
                    verified: self.phones[phone].signs(&statement),
                    activation_id,
                    authenticator_id: id,
                    pin_record: self.pin_record(&id, FinishActivation::PIN_VERSION),
                    biometrics_on: phone != 1,
                };
                if let Some(id) = self.both(&finish, |id| format!("{id:?}")) {
                    self.phones[phone].id = id;
                }
            }
            _ => unreachable!(),
        }
    }

    fn front_end(&mut self, it: &Move) {
        if let Move::Start { who, source, request } = *it {
            let start = StartLogin {
                front_end: "front-end".to_owned(),
                request_id: [request; 16],
                service_provider: "tax".to_owned(),
                text: "Log in to Tax".to_owned(),
                document: (request % 3 == 0)
                    .then(|| Document::parse(&[3; 32], "text/plain", "Lease").unwrap()),
                acting: Acting::No,
                business_service: false,
                service_kind: ServiceKind::Public,
                user_id_canonical: who.map(|who| USER_IDS[who].to_owned()),
                verifier_digest: godkend_core::digest::sha256(&[1; 32]),
                source: format!("source {source}"),
                nonce: "nonce".to_owned(),
                level_min: if request % 4 == 0 { Level::Low } else { Level::Substantial },
            };
            let show = |it: &LoginStarted| {
                let secret = it.qr_secret.as_bytes();
                format!(
                    "{:?} {:?} {secret:?} {} {}",
                    it.login_id, it.state, it.elapsed_ms, it.expires_at
                )
            };
            if let Some(started) = self.both(&start, show)
                && self.logins.iter().all(|login| login.id != started.login_id)
            {
                let (id, challenge) = (started.login_id, [0; 32]);
                self.logins.insert(0, Login { id, challenge, document: start.document });
            }
            return;
        }
        let (Move::Cancel { login } | Move::Redeem { login }) = *it else { unreachable!() };
        let Some(login_id) = self.logins.get(login).map(|login| login.id) else {
            return;
        };
        let front_end = "front-end".to_owned();
        if matches!(it, Move::Cancel { .. }) {
            self.both(&CancelLogin { front_end, login_id }, |view| format!("{view:?}"));
        } else {
            let verifier = vec![1; 32].into();
            let redeem = RedeemLogin { front_end, login_id, verifier };
            // The signature of an assertion is another one each time.
            self.both(&redeem, |it| it.assertion.rsplit_once('.').unwrap().0.to_owned());
        }
    }

    fn phone(&mut self, it: &Move) {
        if let Move::Settle { which } = *it {
            if which < self.charged.len() {
                self.settle(which);
            }
            return;
        }
        let (Move::Open { login, phone }
        | Move::Charge { login, phone, .. }
        | Move::Biometrics { login, phone, .. }
        | Move::Reject { login, phone, .. }) = *it
        else {
            unreachable!()
        };
        let Some(login) = self.logins.get_mut(login) else {
            return;
        };
        let phone = &self.phones[phone];
        match *it {
            Move::Open { .. } => {
                let statement = OpenStatement {
                    authenticator_id: phone.id.to_vec(),
                    code: QrSecret::derive(&self.keys, &login.id).app_link(&login.id),
                    signed_at_ms: self.now,
                };
                let (id, verified) = (login.id, phone.signs(&statement));
                let show = |it: &LoginOpened| {
                    format!("{:?} {:?} {}", it.login_id, it.challenge, it.expires_at)
                };
                if let Some(opened) = self.both(&OpenLogin { verified }, show) {
                    let opened_login = self.logins.iter_mut().find(|login| login.id == id);
                    let opened_login = opened_login.unwrap();
                    opened_login.challenge = opened.challenge;
                    assert_eq!(opened.document, opened_login.document);
                }
            }
            Move::Charge { attempt, right, .. } => {
                let verified = phone.decides(login, attempt, 1, 1);
                let charge = ChargeApproval { verified };
                let show = |it: &ChargedApproval| format!("{:?}", it.charged.holder_id());
                if let Some(charged) = self.each([&charge, &charge], show) {
                    self.charged.push((charged, right));
                }
            }
            Move::Biometrics { attempt, .. } => {
                let verified = phone.decides(login, attempt, 1, 2);
                self.both(&ApproveByBiometrics { verified }, |view| format!("{view:?}"));
            }
            Move::Reject { attempt, .. } => {
                let verified = phone.decides(login, attempt, 2, 3);
                self.both(&RejectLogin { verified, not_me: true }, |view| format!("{view:?}"));
            }
            _ => unreachable!(),
        }
    }

    fn settle(&mut self, which: usize) {
        let (charged, right) = self.charged.remove(which);
        let pin = Pin::parse(if right { PIN } else { PIN_WRONG }).unwrap();
        let arena = &mut self.arena;
        let [left, right] =
            charged.map(|one| one.check(|charged| charged.check(arena, &pin)).unwrap());
        self.each([&left, &right], |view| format!("{view:?}"));
    }

    fn pin_change(&mut self, it: &Move) {
        match *it {
            Move::ChargeChange { phone, attempt, right } => {
                let phone = &self.phones[phone];
                let verified = phone.signs(&PinChangeStatement {
                    authenticator_id: phone.id.to_vec(),
                    attempt_id: vec![attempt; 16],
                    signed_at_ms: self.now,
                });
                let charge = ChargePinChange { verified };
                let show = |it: &Charged| format!("{:?} {}", it.holder_id(), it.version());
                if let Some(charged) = self.each([&charge, &charge], show) {
                    self.charged_changes.push((charged, right));
                }
            }
            Move::SettleChange { which } if which < self.charged_changes.len() => {
                let (charged, right) = self.charged_changes.remove(which);
                let [first, _] = &charged;
                let (id, version) = (*first.holder_id(), SettlePinChange::pin_version(first));
                let pin_record = right.then(|| self.pin_record(&id, version));
                let pin = Pin::parse(if right { PIN } else { PIN_WRONG }).unwrap();
                let arena = &mut self.arena;
                let [left, right] = charged.map(|one| SettlePinChange {
                    checked: one.check(arena, &pin).unwrap(),
                    pin_record: pin_record.clone(),
                });
                self.each([&left, &right], |()| String::new());
            }
            _ => {}
        }
    }

    /// The strikes of the first phone, in each store.
    fn strikes(&mut self) -> Both<u32> {
        let phone = self.phones[0].id;
        [0, 1].map(|index| {
            let mut strikes = 0;
            let read = self.twins[index].connection.read(&mut |tx| {
                strikes = tx.authenticator(&phone)?.unwrap().lockout.strikes();
                Ok(())
            });
            read.unwrap();
            strikes
        })
    }

    /// Every row there is, in words.
    fn rows(&mut self, index: usize) -> Vec<String> {
        let (identities, phones, logins) = (&self.identities, &self.phones, &self.logins);
        let mut rows = Vec::new();
        let read = self.twins[index].connection.read(&mut |tx| {
            for id in identities {
                rows.push(format!("{:?}", tx.identity(id)?));
                rows.push(format!("{:?}", tx.issued_codes_of(id)?));
                rows.push(format!("{:?}", tx.authenticators_of(id)?));
                rows.push(format!("{:?}", tx.evidence_of(id)?));
                rows.push(format!("{:?}", tx.statements_of(id, START)?));
                rows.push(format!("{:?}", tx.consents_of(id)?));
            }
            for (activation_id, _) in phones.iter().filter_map(|phone| phone.activation) {
                rows.push(format!("{:?}", tx.code_by_activation(&activation_id)?));
            }
            for login in logins {
                rows.push(format!("{:?}", tx.login(&login.id)?));
            }
            for event in tx.events_after(0, usize::MAX)? {
                rows.push(format!("{event:?}"));
            }
            rows.push(format!("{}", tx.last_event_seq()?));
            rows.push(format!("{:?}", tx.logins_changed(0)?));
            rows.push(format!("{}", tx.last_login_change()?));
            Ok(())
        });
        read.unwrap();
        rows
    }
}

#[test]
fn sqlite_does_what_the_model_in_memory_does() {
    let cases = ProptestConfig {
        cases: 48,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let mut runner = proptest::test_runner::TestRunner::new(cases);
    let seen_in_any = std::cell::RefCell::new(&mut seen);
    runner
        .run(&prop::collection::vec(moves(), 1..500), |moves| {
            let place = Place::new();
            let mut world = World::new(&place);
            // So that most runs get as far as a login.
            for it in [
                Move::Create { who: 0, request: 0 },
                Move::Issue { who: 0, request: 0 },
                Move::Begin { who: 0, phone: 0, proved: true },
                Move::Finish { phone: 0, attempt: 0 },
            ]
            .iter()
            .chain(&moves)
            {
                world.make(it);
            }
            assert_eq!(world.rows(0), world.rows(1));
            for what in world.seen {
                *seen_in_any.borrow_mut().entry(what).or_default() += 1;
            }
            Ok(())
        })
        .unwrap();
    for reached in [
        "SettleApproval: done",
        "SettleApproval: PIN_WRONG",
        "SettlePinChange: done",
        "RedeemLogin: done",
        "ChargeApproval: PIN_LOCKED",
        "BeginActivation: BUDGET_SPENT",
        "RecordIdentification: done",
        "RecordIdentification: WITNESS_TOO_NEW",
        "RecordConsent: done",
    ] {
        assert!(seen.contains_key(reached), "never reached {reached}: {seen:#?}");
    }
}

/// A login that waits for Anna's phone, whose PIN she has given; her strike is charged.
fn charged(place: &Place) -> World {
    let mut world = World::new(place);
    for it in [
        Move::Create { who: 0, request: 0 },
        Move::Issue { who: 0, request: 0 },
        Move::Begin { who: 0, phone: 0, proved: true },
        Move::Finish { phone: 0, attempt: 0 },
        Move::Start { who: Some(0), source: 0, request: 0 },
        Move::Open { login: 0, phone: 0 },
        Move::Charge { login: 0, phone: 0, attempt: 1, right: true },
    ] {
        world.make(&it);
    }
    assert_eq!(world.seen.last().unwrap(), "ChargeApproval: done");
    world
}

#[test]
fn what_comes_between_charge_and_settle_still_stops_the_login() {
    let block = |whole| Move::Block { phone: 0, whole, blocked: true };
    for (between, answer) in [
        (block(true), "SettleApproval: IDENTITY_BLOCKED"),
        (block(false), "SettleApproval: AUTHENTICATOR_BLOCKED"),
        (Move::Cancel { login: 0 }, "SettleApproval: LOGIN_CANCELLED"),
        (Move::Reject { login: 0, phone: 0, attempt: 2 }, "SettleApproval: LOGIN_REJECTED"),
        (Move::Wait { ms: 300_000 }, "SettleApproval: LOGIN_EXPIRED"),
        (Move::Wait { ms: 299_999 }, "SettleApproval: done"),
    ] {
        let place = Place::new();
        let mut world = charged(&place);
        world.make(&between);
        world.make(&Move::Settle { which: 0 });
        assert_eq!(world.seen.last().unwrap(), answer, "{between:?}");
        // The PIN was right all the same, and takes its strike back.
        assert_eq!(world.strikes(), [0, 0]);
    }
}

#[test]
fn a_block_between_approval_and_redemption_stops_the_assertion() {
    for (whole, answer) in [(true, "IDENTITY_BLOCKED"), (false, "AUTHENTICATOR_BLOCKED")] {
        let place = Place::new();
        let mut world = charged(&place);
        world.make(&Move::Settle { which: 0 });
        // The block alone: its logins are ended a moment later.
        world.make(&Move::Block { phone: 0, whole, blocked: true });
        world.make(&Move::Redeem { login: 0 });
        assert_eq!(world.seen.last().unwrap(), &format!("RedeemLogin: {answer}"));
        world.make(&Move::EndBlocked { phone: 0 });
        world.make(&Move::Block { phone: 0, whole, blocked: false });
        world.make(&Move::Redeem { login: 0 });
        assert_eq!(world.seen.last().unwrap(), "RedeemLogin: LOGIN_CANCELLED");
    }
}

#[test]
fn a_strike_whose_check_was_cut_off_stays_until_a_success() {
    let place = Place::new();
    let mut world = charged(&place);
    drop(world.charged.pop());
    assert_eq!(world.strikes(), [1, 1]);
    world.make(&Move::Charge { login: 0, phone: 0, attempt: 2, right: false });
    world.make(&Move::Settle { which: 0 });
    assert_eq!(world.strikes(), [2, 2]);
    world.make(&Move::Charge { login: 0, phone: 0, attempt: 3, right: true });
    world.make(&Move::Settle { which: 0 });
    assert_eq!(world.strikes(), [0, 0]);
}

#[test]
fn a_success_takes_no_strike_back_that_was_charged_after_it() {
    let place = Place::new();
    let mut world = charged(&place);
    world.make(&Move::Charge { login: 0, phone: 0, attempt: 2, right: false });
    world.make(&Move::Settle { which: 0 });
    assert_eq!(world.seen.last().unwrap(), "SettleApproval: done");
    assert_eq!(world.strikes(), [1, 1]);
}

#[test]
fn a_pin_that_was_replaced_in_the_meantime_is_wrong() {
    let place = Place::new();
    let mut world = charged(&place);
    world.make(&Move::ChargeChange { phone: 0, attempt: 2, right: true });
    world.make(&Move::SettleChange { which: 0 });
    assert_eq!(world.seen.last().unwrap(), "SettlePinChange: done");
    world.make(&Move::Settle { which: 0 });
    assert_eq!(world.seen.last().unwrap(), "SettleApproval: PIN_WRONG");
}

#[test]
fn two_approvals_of_one_login_approve_it_once() {
    let place = Place::new();
    let mut world = charged(&place);
    world.make(&Move::Charge { login: 0, phone: 0, attempt: 2, right: true });
    world.make(&Move::Settle { which: 1 });
    assert_eq!(world.seen.last().unwrap(), "SettleApproval: done");
    world.make(&Move::Settle { which: 0 });
    assert_eq!(world.seen.last().unwrap(), "SettleApproval: LOGIN_APPROVED");
}
