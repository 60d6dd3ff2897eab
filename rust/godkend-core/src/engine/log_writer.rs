//! Writes the store's log back while the lane goes on: a commit that did it would keep everybody waiting.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, bounded};

use super::shared::Shared;
use crate::error::{Error, Reason, Result};
use crate::store::Connection;

/// The way to the thread that writes the log back; it ends when this is gone.
pub(super) struct LogWriter {
    wake: Sender<()>,
}

impl LogWriter {
    pub(super) fn start(
        shared: &Arc<Shared>,
        mut connection: Box<dyn Connection>,
    ) -> Result<(Self, JoinHandle<()>)> {
        let shared = Arc::clone(shared);
        let (wake, woken) = bounded(1);
        let thread = Builder::new()
            .name("godkend-log".to_owned())
            .spawn(move || {
                for () in woken {
                    // What cannot be written back now stays in the log, and is tried again.
                    if connection.write_log_back().is_ok() {
                        shared.stats.log_write_backs.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
            .map_err(|error| Error::fault(Reason::Overloaded, error))?;
        Ok((Self { wake }, thread))
    }

    /// Asks for it; once more while it is under way, and no further.
    pub(super) fn write_back(&self) {
        let _ = self.wake.try_send(());
    }
}
