//! Where state lies: one trait, SQLite behind it, and the model in memory that tests compare it with.
//!
//! A [`Connection`] belongs to one thread. Writing takes the write lock first, so that a decision
//! never rests on a stale read; what a transaction changed is reported when it is committed.

mod memory;
mod opening;
mod row;
mod sqlite;
mod table;

pub use memory::MemoryStore;
pub use opening::open;
pub use sqlite::{SqliteStore, sqlite_version};
pub use table::*;

use crate::Id;
use crate::error::Result;
use crate::login::State;

/// A place that keeps state. Shared by all threads; each opens its own connection.
pub trait Store: Send + Sync {
    /// Opens a connection.
    ///
    /// # Errors
    /// Fault if the store cannot be opened.
    fn connect(&self) -> Result<Box<dyn Connection>>;
}

/// One thread's way to the store.
pub trait Connection: Send {
    /// Runs `work` in a transaction that holds the write lock from its beginning, and commits it.
    /// If `durable`, the commit survives a power loss; otherwise it survives the process.
    ///
    /// # Errors
    /// What `work` gives, or a fault of the store; then nothing has changed.
    fn write(
        &mut self,
        durable: bool,
        work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>,
    ) -> Result<Effects>;

    /// Runs `work` on one unchanging view of the state; it must not write.
    ///
    /// # Errors
    /// What `work` gives, or a fault of the store.
    fn read(&mut self, work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()>;

    /// Whether what was committed here has made the log so long that it wants to be written back.
    fn is_log_long(&self) -> bool;

    /// Writes the log back into its file, and keeps nobody from committing meanwhile.
    ///
    /// # Errors
    /// A fault of the store; then the log is as it was.
    fn write_log_back(&mut self) -> Result<()>;

    /// A number that changes whenever another connection, of any process, has committed.
    ///
    /// # Errors
    /// A fault of the store.
    fn version(&mut self) -> Result<i64>;
}

/// What a committed transaction changed, for those who watch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Effects {
    /// Logins whose state was written.
    pub logins: Vec<(Id, State)>,
    /// Whether events were added.
    pub events: bool,
}
