//! Drives a lane on a store on disk with durable commands, some waiting at a time: what the engine can do when
//! nothing in front of it is the limit. `lane DIRECTORY COMMANDS WAITING` prints one line of JSON.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use godkend_core::Id;
use godkend_core::clock::SystemClock;
use godkend_core::engine::command::CreateIdentity;
use godkend_core::engine::{Deadline, Engine, Observer, Reply};
use godkend_core::error::Result;
use godkend_core::identity::{Level, UserId};
use godkend_core::login::State;
use godkend_core::policy::Policy;
use godkend_core::random::{Random as _, SystemRandom};
use godkend_core::store;

struct Nobody;
impl Observer for Nobody {
    fn login_changed(&self, _: &Id, _: State) {}
    fn events_added(&self) {}
    fn told(&self) {}
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [directory, commands, waiting] = words.as_slice() else {
        panic!("lane DIRECTORY COMMANDS WAITING");
    };
    let waiting: usize = waiting.parse().expect("a number of commands that wait");
    let todo = registrations(commands.parse().expect("a number of commands"));
    let count = todo.len();
    let engine = open(&PathBuf::from(directory));

    let begun = Instant::now();
    let mut delays = run(&engine, todo, waiting);
    let seconds = begun.elapsed().as_secs_f64();

    delays.sort_unstable();
    let at = |per_mille: usize| {
        let index = (delays.len() - 1) * per_mille / 1_000;
        delays.get(index).map_or(0.0, |delay| delay.as_secs_f64() * 1e3)
    };
    let stats = engine.stats();
    println!(
        "{}",
        serde_json::json!({
            "commands_per_s": count as f64 / seconds,
            "batches": stats.batches.load(Ordering::Relaxed),
            "log_write_backs": stats.log_write_backs.load(Ordering::Relaxed),
            "p50_ms": at(500), "p99_ms": at(990), "p999_ms": at(999), "max_ms": at(1_000),
        })
    );
}

fn open(directory: &Path) -> Engine {
    let (store, keys) =
        store::open(&directory.join("godkend.db"), &directory.join("keys.json")).unwrap();
    let policy = Policy::default();
    Engine::start(&store, Arc::new(keys), policy, Arc::new(SystemClock), Box::new(Nobody)).unwrap()
}

fn registrations(count: usize) -> Vec<CreateIdentity> {
    let mut random = SystemRandom::new();
    let registration = |number: usize| {
        let mut request_id = [0; 16];
        random.fill(&mut request_id).unwrap();
        // As people choose them: in no order of the alphabet.
        let user_id = format!("{:032x}-{number}", u128::from_be_bytes(request_id));
        CreateIdentity {
            actor: "desk".to_owned(),
            request_id,
            user_id: UserId::choose(&user_id).unwrap(),
            name: "Erik Hansen".to_owned(),
            birth_date: None,
            level: Some(Level::Substantial),
            organisation: None,
        }
    };
    (0..count).map(registration).collect()
}

/// Keeps so many commands waiting until all are done; how long each took.
fn run(engine: &Engine, todo: Vec<CreateIdentity>, waiting: usize) -> Vec<Duration> {
    let count = todo.len();
    let mut todo = todo.into_iter();
    let (done, answers) = unbounded();
    let submit = |command| {
        let (done, sent) = (done.clone(), Instant::now());
        let answer = move |outcome: Result<Id>| {
            outcome.unwrap();
            done.send(sent.elapsed()).unwrap();
        };
        engine.submit(command, Deadline::NONE, Reply::new(answer));
    };
    todo.by_ref().take(waiting).for_each(submit);
    let mut delays = Vec::with_capacity(count);
    while delays.len() < count {
        delays.push(answers.recv().unwrap());
        todo.next().into_iter().for_each(submit);
    }
    delays
}
