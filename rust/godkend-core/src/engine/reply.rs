//! How an outcome reaches whoever waits, and until when it is wanted.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};

use crate::error::{Error, Reason, Result};

/// Called once with the outcome. Dropped without it, it reports a bug: nobody waits forever.
pub struct Reply<T>(Option<Box<dyn FnOnce(Result<T>) + Send>>);

impl<T: Send + 'static> Reply<T> {
    /// A reply that calls `receive`, on a thread of the engine; it must not block.
    pub fn new(receive: impl FnOnce(Result<T>) + Send + 'static) -> Self {
        Self(Some(Box::new(receive)))
    }

    /// A reply that somebody waits for.
    #[must_use]
    pub fn channel() -> (Self, Receiver<Result<T>>) {
        let (sender, receiver) = bounded(1);
        let reply = Self::new(move |outcome| {
            // Whoever waited may have gone away.
            let _ = sender.send(outcome);
        });
        (reply, receiver)
    }

    /// Hands over the outcome.
    pub fn send(mut self, outcome: Result<T>) {
        if let Some(receive) = self.0.take() {
            receive(outcome);
        }
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if let Some(receive) = self.0.take() {
            receive(Err(Error::fault(Reason::Internal, "a call was dropped")));
        }
    }
}

/// Until when an outcome is wanted. Work whose deadline has passed is not begun.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No deadline.
    pub const NONE: Self = Self(None);

    /// A deadline `ms` from now; 0 is none.
    #[must_use]
    pub fn in_ms(ms: u64) -> Self {
        Self((ms > 0).then(|| Instant::now() + Duration::from_millis(ms)))
    }

    /// # Errors
    /// Fault with `DEADLINE_PASSED`.
    pub fn check(self) -> Result<()> {
        match self.0 {
            Some(at) if Instant::now() >= at => Err(Error::fault(
                Reason::DeadlinePassed,
                "the deadline passed before the work began",
            )),
            _ => Ok(()),
        }
    }
}
