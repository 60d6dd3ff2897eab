//! How outcomes cross into asyncio: in batches, with one wake-up of the loop for all that are ready.
//!
//! Threads of the engine never take the GIL. They push an outcome and, if nobody has done so since the
//! last drain, write one byte to a pipe that the loop watches. The loop then takes everything at once.

use std::io::{PipeReader, PipeWriter, Read, Write};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godkend_core::Id;
use godkend_core::engine::{Observer, Reply};
use godkend_core::error::{Error, Reason, Result};
use godkend_core::login::State;

use crate::outcome::{Outcome, ToObject};

/// What is ready.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) completions: Vec<(u64, Result<Outcome>)>,
    pub(crate) changes: Vec<(Id, State)>,
    pub(crate) events_seen: bool,
    /// Whether a byte lies in the pipe.
    woken: bool,
}

/// The meeting point of the engine's threads and the loop.
pub(crate) struct Completions {
    ready: Mutex<Ready>,
    waker: PipeWriter,
    pub(crate) sleeper: PipeReader,
}

impl Completions {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let (sleeper, waker) =
            std::io::pipe().map_err(|error| Error::fault(Reason::Overloaded, error))?;
        Ok(Arc::new(Self { ready: Mutex::default(), waker, sleeper }))
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
        let mut ready = self.lock();
        if ready.woken {
            // Exactly one byte is in the pipe, so that this read does not block.
            let mut byte = [0];
            let _ = (&self.sleeper).read(&mut byte);
        }
        take(&mut ready)
    }

    fn push(&self, add: impl FnOnce(&mut Ready)) {
        let mut ready = self.lock();
        add(&mut ready);
        if !ready.woken {
            ready.woken = true;
            // One byte fits into an empty pipe; a closed one has nobody to wake.
            let _ = (&self.waker).write(&[1]);
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
        self.0.push(|ready| ready.changes.push((*login_id, state)));
    }

    fn events_added(&self) {
        self.0.push(|ready| ready.events_seen = true);
    }
}
