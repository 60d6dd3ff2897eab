//! What all threads of an engine share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::Id;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::keys::Keys;
use crate::login::State;
use crate::passport::TrustAnchors;
use crate::policy::Policy;
use crate::store::Effects;

/// Told what changed, by this process or another. Called on threads of the engine; must not block.
pub trait Observer: Send + Sync {
    /// A watched login has a new state.
    fn login_changed(&self, login_id: &Id, state: State);
    /// Events may have been added.
    fn events_added(&self);
    /// That was all for now. Nobody needs to be woken before.
    fn told(&self);
}

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Stats {
    /// Argon2id computations that checked a PIN.
    pub pin_checks: AtomicU64,
    /// Argon2id computations that checked a password.
    pub password_checks: AtomicU64,
    /// Argon2id computations that made a record: chosen PINs and passwords, and upgrades.
    pub pin_records: AtomicU64,
    /// Commands committed or failed.
    pub commands: AtomicU64,
    /// Transactions that carried them.
    pub batches: AtomicU64,
    /// Signatures of devices that were verified.
    pub signatures: AtomicU64,
    /// Times that the store's log was written back beside the commits.
    pub log_write_backs: AtomicU64,
}

pub(super) struct Shared {
    pub(super) policy: Policy,
    pub(super) keys: Arc<Keys>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) stats: Stats,
    /// Whose passports are believed; nobody's until it is said.
    pub(super) anchors: OnceLock<TrustAnchors>,
    observer: Box<dyn Observer>,
    /// The watched logins, each with the state that was last told.
    watched: Mutex<HashMap<Id, State>>,
    admission: Mutex<Admission>,
    /// How long a PIN attempt took lately, in microseconds.
    attempt_us: AtomicU64,
    healthy: AtomicBool,
    closing: AtomicBool,
}

impl Shared {
    pub(super) fn new(
        policy: Policy,
        keys: Arc<Keys>,
        clock: Arc<dyn Clock>,
        observer: Box<dyn Observer>,
    ) -> Self {
        Self {
            policy,
            keys,
            clock,
            stats: Stats::default(),
            anchors: OnceLock::new(),
            observer,
            watched: Mutex::default(),
            admission: Mutex::default(),
            attempt_us: AtomicU64::new(0),
            healthy: AtomicBool::new(true),
            closing: AtomicBool::new(false),
        }
    }

    /// A bug has shown itself: no new work from here on.
    pub(super) fn out_of_health(&self) {
        self.healthy.store(false, Ordering::SeqCst);
    }

    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::SeqCst)
    }

    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Smooths how long attempts take: the last eight or so count.
    pub(super) fn attempt_took(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // Hashers may overwrite each other here; the next attempt mends it.
        let before_us = self.attempt_us.load(Ordering::Relaxed);
        let smoothed_us =
            if before_us == 0 { took_us } else { before_us - before_us / 8 + took_us / 8 };
        self.attempt_us.store(smoothed_us, Ordering::Relaxed);
    }

    pub(super) fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attempt_us(&self) -> u64 {
        self.attempt_us.load(Ordering::Relaxed)
    }

    pub(super) fn watch(&self, login_id: Id) {
        // No login is less than pending: that it was started is no change.
        self.watched().entry(login_id).or_insert(State::Pending);
    }

    pub(super) fn unwatch(&self, login_id: &Id) {
        self.watched().remove(login_id);
    }

    /// Tells the observer what a commit changed; [`Self::published`] is to follow.
    pub(super) fn publish(&self, effects: &Effects) {
        if !effects.logins.is_empty() {
            let mut watched = self.watched();
            for (login_id, state) in &effects.logins {
                // States only rise, so an older one that arrives late is not told again.
                if let Some(told) = watched.get_mut(login_id).filter(|told| **told < *state) {
                    *told = *state;
                    self.observer.login_changed(login_id, *state);
                }
            }
        }
        if effects.events {
            self.observer.events_added();
        }
    }

    /// Tells the observer that this was all.
    pub(super) fn published(&self) {
        self.observer.told();
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Id, State>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
