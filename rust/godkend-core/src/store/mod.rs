//! Where state lies: one trait, SQLite behind it, and the model in memory that tests compare it with.
//!
//! A [`Connection`] belongs to one thread. Writing takes the write lock first, so that a decision
//! never rests on a stale read; what a transaction changed is reported when it is committed.

mod memory;
mod opening;
mod row;
mod sqlite;

pub use memory::MemoryStore;
pub use opening::open;
pub use sqlite::{SqliteStore, sqlite_version};

use crate::Id;
use crate::activation::Code;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::error::Result;
use crate::event::{Event, NewEvent};
use crate::identity::Identity;
use crate::login::{Login, State};
use crate::population::Mark;

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

/// How many rows one step of sweeping or of following looks at.
pub const ROWS_AT_A_TIME: usize = 1_000;

/// A login whose row was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginChange {
    /// Counts the writes of logins.
    pub number: i64,
    /// Which login.
    pub login_id: Id,
    /// Its state.
    pub state: State,
}

/// What a committed transaction changed, for those who watch.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Effects {
    /// Logins whose state was written.
    pub logins: Vec<(Id, State)>,
    /// Whether events were added.
    pub events: bool,
}

/// The rows, within one transaction. Every call can end in a fault of the store.
#[allow(clippy::missing_errors_doc)]
pub trait Tx {
    /// The mark of a store with a synthetic population; nothing in a real one.
    fn population(&mut self) -> Result<Option<Mark>>;
    /// Writes that mark.
    fn put_population(&mut self, mark: &Mark) -> Result<()>;
    /// Whether there is any identity.
    fn has_identities(&mut self) -> Result<bool>;
    /// An identity by its name in the store.
    fn identity(&mut self, id: &Id) -> Result<Option<Identity>>;
    /// An identity by the canonical form of its user ID.
    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>>;
    /// Adds or replaces an identity.
    fn put_identity(&mut self, identity: &Identity) -> Result<()>;
    /// An authenticator.
    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>>;
    /// All authenticators of an identity, in the order of their activation.
    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>>;
    /// Adds or replaces an authenticator.
    fn put_authenticator(&mut self, authenticator: &Authenticator) -> Result<()>;
    /// A code.
    fn code(&mut self, id: &Id) -> Result<Option<Code>>;
    /// The codes of an identity that are still issued.
    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>>;
    /// The code whose present activation has this id.
    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>>;
    /// Adds or replaces a code.
    fn put_code(&mut self, code: &Code) -> Result<()>;
    /// A login.
    fn login(&mut self, id: &Id) -> Result<Option<Login>>;
    /// The logins for one typed user ID from one source that are pending at a time.
    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>>;
    /// Adds or replaces a login.
    fn put_login(&mut self, login: &Login) -> Result<()>;
    /// The arrival time of a budget in microseconds; 0 if there is none.
    fn budget(&mut self, key: &[u8; 16]) -> Result<i64>;
    /// Sets the arrival time of a budget.
    fn put_budget(&mut self, key: &[u8; 16], arrival_us: i64) -> Result<()>;
    /// Adds an event to the chain.
    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()>;
    /// Events after a number, in order.
    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>>;
    /// The number of the last event; 0 if there is none.
    fn last_event_seq(&mut self) -> Result<i64>;
    /// Logins whose rows were written after the change with this number, in order, some at a time.
    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>>;
    /// The number of the last change of a login; 0 if there is none.
    fn last_login_change(&mut self) -> Result<i64>;
    /// Removes logins that expired before a time, some at a time; how many. The last one that changed
    /// stays, so that the numbers of changes never begin anew.
    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize>;
    /// Looks at some budgets after a key and removes those that are full again; the last key that was
    /// looked at, or nothing at the end.
    fn sweep_budgets(&mut self, after: &[u8; 16], now: Millis) -> Result<Option<[u8; 16]>>;
}
