//! How outcomes cross into asyncio: in batches, with one wake-up of the loop for all that are ready.
//!
//! Threads of the engine never take the GIL. They push an outcome and, if nobody has done so since the
//! last drain, raise an eventfd that the loop watches. The loop then takes everything at once.

use std::mem::{replace, take};
use std::os::fd::{AsRawFd as _, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godkend_core::Id;
use godkend_core::engine::{Observer, Reply};
use godkend_core::error::{Error, Reason, Result};
use godkend_core::login::State;
use rustix::event::{EventfdFlags, eventfd};

use crate::outcome::{Outcome, ToObject};

/// What is ready.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) completions: Vec<(u64, Result<Outcome>)>,
    pub(crate) changes: Vec<(Id, State)>,
    pub(crate) events_seen: bool,
    /// Whether the loop has been woken, or somebody is about to.
    woken: bool,
}

impl Ready {
    fn is_empty(&self) -> bool {
        self.completions.is_empty() && self.changes.is_empty() && !self.events_seen
    }
}

/// The meeting point of the engine's threads and the loop.
pub(crate) struct Completions {
    ready: Mutex<Ready>,
    /// Raised when something is ready that nobody has drained.
    alarm: OwnedFd,
}

impl Completions {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let alarm = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::fault(Reason::Overloaded, error))?;
        Ok(Arc::new(Self { ready: Mutex::default(), alarm }))
    }

    pub(crate) fn alarm_fd(&self) -> RawFd {
        self.alarm.as_raw_fd()
    }

    /// A reply that becomes a completion with this token.
    pub(crate) fn reply<T: ToObject>(self: &Arc<Self>, token: u64) -> Reply<T> {
        let completions = Arc::clone(self);
        Reply::new(move |outcome: Result<T>| {
            let outcome = outcome.map(|it| -> Outcome { Box::new(|py| it.to_object(py)) });
            completions.push(|ready| ready.completions.push((token, outcome)));
        })
    }

    /// Takes everything that is ready. Never blocks.
    pub(crate) fn drain(&self) -> Ready {
        // Lowered first: whoever pushes from here on either is taken below or raises it again.
        let _ = rustix::io::read(&self.alarm, &mut [0; 8]);
        take(&mut *self.lock())
    }

    /// Adds to what is ready, and wakes the loop for all of it, once until it drains.
    fn push(&self, add: impl FnOnce(&mut Ready)) {
        let mut ready = self.lock();
        add(&mut ready);
        let wakes = !ready.is_empty() && !replace(&mut ready.woken, true);
        // The loop takes the lock as soon as it wakes.
        drop(ready);
        if wakes {
            // It could only fail if it had been raised some 2^64 times.
            let _ = rustix::io::write(&self.alarm, &1_u64.to_ne_bytes());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine's view of the same meeting point.
pub(crate) struct Changes(pub(crate) Arc<Completions>);

impl Observer for Changes {
    fn login_changed(&self, login_id: &Id, state: State) {
        self.0.lock().changes.push((*login_id, state));
    }

    fn events_added(&self) {
        self.0.lock().events_seen = true;
    }

    fn told(&self) {
        self.0.push(|_| ());
    }
}
