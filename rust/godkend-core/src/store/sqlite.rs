//! SQLite, bundled: one file, write-ahead log, and as many processes as there are cores.
//!
//! `BEGIN IMMEDIATE` takes the write lock before anything is read. Durable transactions commit with
//! `synchronous=FULL`, so an acknowledged strike survives a power loss; those that only touch
//! short-lived rows commit without waiting for the disk. Versions before 3.51.3 can lose commits when a
//! WAL is reset, and are refused. Source: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.

mod log;
mod tx;

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection as Sqlite, OpenFlags, OptionalExtension as _, params};

use self::log::Log;
pub(super) use self::tx::SqliteTx;
use super::row::fault;
use super::{Connection, Effects, Store, Tx};
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;

/// "GKND": tells a store of godkend from any other SQLite file.
const APPLICATION_ID: i32 = 0x474b_4e44;
/// The numbered schema changes; each is applied once, in order.
const MIGRATIONS: &[&str] = &[
    include_str!("0001.sql"),
    include_str!("0002.sql"),
    include_str!("0003.sql"),
    include_str!("0004.sql"),
    include_str!("0005.sql"),
    include_str!("0006.sql"),
    include_str!("0007.sql"),
    include_str!("0008.sql"),
    include_str!("0009.sql"),
    include_str!("0010.sql"),
    include_str!("0011.sql"),
    include_str!("0012.sql"),
    include_str!("0013.sql"),
];
const SQLITE_VERSION_MIN: i32 = 3_051_003;
/// Files up to this size are checked through at the start.
const CHECKED_BYTES_MAX: u64 = 64 << 20;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often to ask for the write lock while another process holds it: it does so for a commit, which
/// is shorter than the steps of SQLite's own waiting.
const BUSY_PAUSE: Duration = Duration::from_micros(250);
const KEY_CHECK: &str = "key_check";

/// The version of the SQLite inside.
#[must_use]
pub fn sqlite_version() -> &'static str {
    rusqlite::version()
}

/// A store in one file.
pub struct SqliteStore {
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the store at `path`, or makes one there, and checks that `keys` belong to it.
    ///
    /// # Errors
    /// Fault with `STORE_FAULT` for a damaged, foreign or newer file, with `KEY_FAULT` for keys of
    /// another store; nothing is overwritten.
    pub fn open(path: &Path, keys: &Keys) -> Result<Self> {
        if rusqlite::version_number() < SQLITE_VERSION_MIN {
            return Err(Error::fault(Reason::StoreFault, "SQLite is older than 3.51.3"));
        }
        let store = Self { path: path.to_owned() };
        store.inspect()?;
        store.in_words(store.make_private())?;
        let mut sqlite = store.sqlite()?;
        store.in_words(migrate(&mut sqlite, keys))?;
        Ok(store)
    }

    /// Looks at an existing file without changing it.
    fn inspect(&self) -> Result<()> {
        let Ok(about) = std::fs::metadata(&self.path) else {
            return Ok(());
        };
        if about.len() == 0 {
            return Ok(()); // Another process has just made it.
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let look = || -> rusqlite::Result<(i32, i64, bool, String)> {
            let sqlite = Sqlite::open_with_flags(&self.path, flags)?;
            sqlite.busy_timeout(BUSY_TIMEOUT)?;
            let whole = if about.len() <= CHECKED_BYTES_MAX {
                sqlite.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?
            } else {
                "ok".to_owned()
            };
            let application_id: i32 =
                sqlite.query_row("PRAGMA application_id", [], |row| row.get(0))?;
            let version = sqlite.query_row("PRAGMA user_version", [], |row| row.get(0))?;
            let is_empty =
                sqlite.query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| {
                    row.get(0)
                })?;
            Ok((application_id, version, is_empty, whole))
        };
        let (application_id, version, is_empty, whole) =
            self.in_words(look().map_err(|error| fault(&error)))?;
        if whole != "ok" {
            return self
                .in_words(Err(Error::fault(Reason::StoreFault, format!("damaged: {whole}"))));
        }
        // A file whose creation has not been committed yet has neither number, and nothing in it; most
        // files of other programs have neither number either.
        let is_new = (application_id, version) == (0, 0) && is_empty;
        if application_id != APPLICATION_ID && !is_new {
            return self.in_words(Err(Error::fault(Reason::StoreFault, "not a store of godkend")));
        }
        self.in_words(refuse_newer(version))
    }

    /// Makes a new file for its owner alone; SQLite gives its companions the same mode.
    fn make_private(&self) -> Result<()> {
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o600).open(&self.path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                Err(Error::fault(Reason::StoreFault, error))
            }
            _ => Ok(()),
        }
    }

    fn sqlite(&self) -> Result<Sqlite> {
        let open = || -> rusqlite::Result<Sqlite> {
            let mut sqlite = Sqlite::open(&self.path)?;
            sqlite.busy_handler(Some(wait_for_lock))?;
            sqlite.set_prepared_statement_cache_capacity(64);
            let mode: String =
                sqlite.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
            if mode != "wal" {
                return Err(rusqlite::Error::InvalidParameterName(format!(
                    "write-ahead logging cannot be had here, only {mode:?}"
                )));
            }
            sqlite.pragma_update(None, "synchronous", "FULL")?;
            sqlite.pragma_update(None, "cache_size", -16_384)?;
            Ok(sqlite)
        };
        self.in_words(open().map_err(|error| fault(&error)))
    }

    /// Names the file in a fault, for the one line that an operator reads.
    fn in_words<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match error {
            Error::Fault { reason, detail, retry_after_ms } => {
                let detail = format!("store {}: {detail}", self.path.display());
                Error::Fault { reason, detail, retry_after_ms }
            }
            other => other,
        })
    }
}

impl Store for SqliteStore {
    fn connect(&self) -> Result<Box<dyn Connection>> {
        let mut sqlite = self.sqlite()?;
        let log = self.in_words(Log::of(&mut sqlite).map_err(|error| fault(&error)))?;
        Ok(Box::new(SqliteConnection { sqlite, log, durable: true }))
    }
}

fn wait_for_lock(pauses: i32) -> bool {
    std::thread::sleep(BUSY_PAUSE);
    BUSY_PAUSE.saturating_mul(pauses.unsigned_abs()) < BUSY_TIMEOUT
}

fn refuse_newer(version: i64) -> Result<()> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if version > known {
        let detail = format!("schema {version} is newer than this program, which knows {known}");
        return Err(Error::fault(Reason::StoreFault, detail));
    }
    Ok(())
}

fn migrate(sqlite: &mut Sqlite, keys: &Keys) -> Result<()> {
    let apply = |sqlite: &mut Sqlite| -> rusqlite::Result<std::result::Result<(), Error>> {
        let tx = sqlite.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let version: i64 = tx.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if let Err(newer) = refuse_newer(version) {
            return Ok(Err(newer));
        }
        let done = usize::try_from(version).unwrap_or(0);
        for migration in MIGRATIONS.iter().skip(done) {
            tx.execute_batch(migration)?;
        }
        if done < MIGRATIONS.len() {
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            let now = i64::try_from(MIGRATIONS.len()).unwrap_or(0);
            tx.pragma_update(None, "user_version", now)?;
        }
        let stored: Option<[u8; 32]> = tx
            .query_row("SELECT value FROM meta WHERE key = ?1", [KEY_CHECK], |row| row.get(0))
            .optional()?;
        match stored {
            Some(stored) if stored == keys.check_value() => {}
            Some(_) => {
                let detail = "the key file belongs to another store";
                return Ok(Err(Error::fault(Reason::KeyFault, detail)));
            }
            None if version > 0 => {
                let detail = "damaged: it has lost the mark of its keys";
                return Ok(Err(Error::fault(Reason::StoreFault, detail)));
            }
            None => {
                let insert = "INSERT INTO meta (key, value) VALUES (?1, ?2)";
                tx.execute(insert, params![KEY_CHECK, keys.check_value()])?;
            }
        }
        tx.commit()?;
        Ok(Ok(()))
    };
    apply(sqlite).map_err(|error| fault(&error))?
}

struct SqliteConnection {
    sqlite: Sqlite,
    log: Log,
    /// Whether `synchronous` is FULL now.
    durable: bool,
}

impl SqliteConnection {
    fn execute(&self, sql: &str) -> Result<()> {
        let run = || self.sqlite.prepare_cached(sql)?.raw_execute();
        run().map(|_| ()).map_err(|error| fault(&error))
    }

    fn run(&self, begin: &str, work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<Effects> {
        self.execute(begin)?;
        let mut tx = SqliteTx::new(&self.sqlite);
        // Rolls back also if `work` panics, so that the next transaction finds none open.
        let open = RollbackOnDrop(&self.sqlite);
        work(&mut tx)?;
        let effects = tx.effects;
        self.execute("COMMIT")?;
        std::mem::forget(open);
        Ok(effects)
    }
}

struct RollbackOnDrop<'a>(&'a Sqlite);

impl Drop for RollbackOnDrop<'_> {
    fn drop(&mut self) {
        if !self.0.is_autocommit() {
            // Should even this fail, the connection keeps refusing to begin: it fails closed.
            let _ = self.0.execute_batch("ROLLBACK");
        }
    }
}

impl Connection for SqliteConnection {
    fn write(
        &mut self,
        durable: bool,
        work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>,
    ) -> Result<Effects> {
        if durable != self.durable {
            let level = if durable { "FULL" } else { "NORMAL" };
            self.sqlite.pragma_update(None, "synchronous", level).map_err(|error| fault(&error))?;
            self.durable = durable;
        }
        self.run("BEGIN IMMEDIATE", work)
    }

    fn read(&mut self, work: &mut dyn FnMut(&mut dyn Tx) -> Result<()>) -> Result<()> {
        self.run("BEGIN", work).map(|_| ())
    }

    fn is_log_long(&self) -> bool {
        self.log.is_long()
    }

    fn write_log_back(&mut self) -> Result<()> {
        log::write_back(&self.sqlite).map_err(|error| fault(&error))
    }

    fn version(&mut self) -> Result<i64> {
        let mut statement =
            self.sqlite.prepare_cached("PRAGMA data_version").map_err(|error| fault(&error))?;
        statement.query_row([], |row| row.get(0)).map_err(|error| fault(&error))
    }
}
