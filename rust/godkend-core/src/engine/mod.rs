//! The engine: commands through a lane, PIN attempts through a bounded pool of hashers.
//!
//! Every call submits and returns; its [`Reply`] is called once, on a thread of the engine. Malformed
//! requests never get here: the request types below are built from checked parts.

mod attempt;
mod blocking;
pub mod command;
mod copying;
mod delivery;
mod device;
mod display;
mod history;
mod key_card;
pub mod lane;
mod log_writer;
mod passport;
mod pool;
mod query;
pub mod reply;
mod seeding;
mod shared;
mod watcher;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Instant;

pub use copying::{ChosenOnNewPhone, NewPhone};
pub use delivery::{Due, Notices};
pub use display::{ChosenPassword, DisplaysView, DoorView};
pub use history::{HistoryPage, HistoryQuery};
pub use key_card::{KeyCardView, KeyCardsView};
use lane::{Command, Lane};
use log_writer::LogWriter;
pub use passport::Reading;
use pool::Pool;
pub use query::{AuthenticatorView, DelegationView, IdentityKey, IdentityView, Recorded};
pub use reply::{Deadline, Reply};
pub use seeding::Seeding;
use shared::Shared;
pub use shared::{Observer, Stats};
use watcher::Watcher;

use crate::Id;
use crate::admission::Waiting;
use crate::clock::Clock;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::pin::Arena;
use crate::policy::Policy;
use crate::population::Mark;
use crate::self_service::{self, Session};
use crate::store::{Connection, Store};

/// Threads that verify signatures and read.
const WORKERS: usize = 2;
/// Calls that may wait for one of them.
const WORKER_QUEUE_MAX: u32 = 8_192;

type Reader = Box<dyn Connection>;

/// The running parts; dropped in the order in which work flows.
struct Parts {
    workers: Pool<Reader>,
    hashers: Pool<Arena>,
    lane: Lane,
    _watcher: Watcher,
}

/// An engine that runs.
pub struct Engine {
    shared: Arc<Shared>,
    parts: RwLock<Option<Parts>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Closed after all others: connections that close at the same moment would each leave it to the
    /// other to write the log back into the file.
    last: Mutex<Option<Reader>>,
    hashers: u64,
    started: Instant,
    /// The mark of its store at the start.
    population: Option<Mark>,
}

impl Engine {
    /// Starts the threads of an engine on a store.
    ///
    /// # Errors
    /// A fault if the store, the memory for hashing or the threads cannot be had.
    pub fn start(
        store: &dyn Store,
        keys: Arc<Keys>,
        policy: Policy,
        clock: Arc<dyn Clock>,
        observer: Box<dyn Observer>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::new(policy, keys, clock, observer));
        let policy = &shared.policy;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let hashers = match policy.engine.hashers {
            0 => 2 * cores,
            chosen => chosen as usize,
        };
        let hashers_count = hashers as u64;
        let arenas = (0..hashers)
            .map(|_| Arena::new(policy.pin.memory_kib, policy.pin.memory_kib_max))
            .collect::<Result<_>>()?;
        let readers = (0..WORKERS).map(|_| store.connect()).collect::<Result<_>>()?;
        let mut last = store.connect()?;
        let mut population = None;
        last.read(&mut |tx| {
            population = tx.population()?;
            Ok(())
        })?;
        let (log, log_thread) = LogWriter::start(&shared, store.connect()?)?;
        let (lane, lane_thread) = Lane::start(&shared, store.connect()?, log)?;
        let (hashers, mut threads) = Pool::start(
            "hasher",
            &shared,
            policy.engine.hash_queue_max,
            arenas,
            policy.engine.hasher_nice,
        )?;
        let (workers, worker_threads) =
            Pool::start("worker", &shared, WORKER_QUEUE_MAX, readers, 0)?;
        threads.extend(worker_threads);
        threads.extend([lane_thread, log_thread]);
        let (watcher, watcher_thread) = watcher::start(&shared, store.connect()?)?;
        threads.push(watcher_thread);
        let parts = Parts { workers, hashers, lane, _watcher: watcher };
        Ok(Self {
            shared,
            parts: RwLock::new(Some(parts)),
            threads: Mutex::new(threads),
            last: Mutex::new(Some(last)),
            hashers: hashers_count,
            started: Instant::now(),
            population,
        })
    }

    /// Refuses new work, finishes what was taken on, and ends the threads. Safe to repeat.
    pub fn close(&self) {
        self.shared.close();
        // Each queue ends once the last way to it is gone: workers first, for they feed the others.
        drop(self.parts.write().unwrap_or_else(PoisonError::into_inner).take());
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has already taken the engine out of health.
            let _ = thread.join();
        }
        drop(self.last.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Whether no bug has shown itself and the engine is not closing.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.shared.is_healthy() && !self.shared.is_closing()
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// The keys, for publishing their public halves.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// The mark of a store that held a synthetic population when it was opened.
    #[must_use]
    pub const fn population(&self) -> Option<Mark> {
        self.population
    }

    /// Returns if one more login may start, the service's event loop being so late.
    ///
    /// # Errors
    /// A fault with `OVERLOADED`, by [`crate::admission`].
    pub fn admit(&self, loop_late_ms: u64) -> Result<()> {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        // Without parts it is closing, which the call itself will be told.
        let attempts = parts.as_ref().map_or(0, |parts| parts.hashers.waiting() as u64);
        let waiting = Waiting {
            attempts,
            attempt_us: self.shared.attempt_us(),
            hashers: self.hashers,
            loop_late_ms,
        };
        let now_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared.admission().admit(&waiting, &self.shared.policy.admission, now_us)
    }

    /// The session in which the subscriber is signed in to one of these service providers; none named means
    /// any.
    ///
    /// # Errors
    /// Denied with `SUBSCRIBER_NOT_PROVED`, by [`crate::self_service`].
    pub fn prove_subscriber(
        &self,
        assertion: &str,
        identity_id: &Id,
        service_providers: &[String],
    ) -> Result<Session> {
        let Shared { keys, policy, clock, .. } = &*self.shared;
        let age_ms_max = policy.self_service.login_age_ms_max;
        let now = clock.now_ms();
        self_service::prove(keys, assertion, identity_id, service_providers, age_ms_max, now)
    }

    /// The id of the login that a front-end's request to start one makes, or has made.
    #[must_use]
    pub fn login_id(&self, front_end: &str, request_id: &Id) -> Id {
        command::StartLogin::login_id(&self.shared.keys, front_end, request_id)
    }

    /// From now on the observer is told of changes of this login.
    pub fn watch(&self, login_id: Id) {
        self.shared.watch(login_id);
    }

    /// No more changes of this login.
    pub fn unwatch(&self, login_id: &Id) {
        self.shared.unwatch(login_id);
    }

    /// Hands the running parts to `submit`, or answers that the engine takes no work.
    fn with_parts<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        submit: impl FnOnce(&Parts, Reply<T>),
    ) {
        if !self.shared.is_healthy() {
            return reply.send(Err(Error::fault(Reason::Internal, "the engine is out of health")));
        }
        match &*self.parts.read().unwrap_or_else(PoisonError::into_inner) {
            Some(parts) => submit(parts, reply),
            None => reply.send(Err(Error::fault(Reason::Stopping, "the engine is stopping"))),
        }
    }

    /// Runs a command that needs no signature and no hash.
    pub fn submit<C: Command>(&self, command: C, deadline: Deadline, reply: Reply<C::Outcome>) {
        self.with_parts(reply, |parts, reply| parts.lane.submit(command, deadline, reply));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}
