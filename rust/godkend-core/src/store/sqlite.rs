//! SQLite, bundled: one file, write-ahead log, and as many processes as there are cores.
//!
//! `BEGIN IMMEDIATE` takes the write lock before anything is read. Durable transactions commit with
//! `synchronous=FULL`, so an acknowledged strike survives a power loss; those that only touch
//! short-lived rows commit without waiting for the disk. Versions before 3.51.3 can lose commits when a
//! WAL is reset, and are refused. Source: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{
    CachedStatement, Connection as Sqlite, OpenFlags, OptionalExtension as _, Params, params,
};

use super::row::{self, algorithm_number, fault};
use super::{Connection, Effects, LoginChange, ROWS_AT_A_TIME, Store, Tx};
use crate::Id;
use crate::activation::{Code, CodeState};
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::event::{Event, NewEvent, Tip};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::login::{Login, State};

/// "GKND": tells a store of godkend from any other SQLite file.
const APPLICATION_ID: i32 = 0x474b_4e44;
/// The numbered schema changes; each is applied once, in order.
const MIGRATIONS: &[&str] = &[include_str!("0001.sql")];
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
        Ok(Box::new(SqliteConnection { sqlite: self.sqlite()?, durable: true }))
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
        let mut tx = SqliteTx { sqlite: &self.sqlite, effects: Effects::default(), tip: None };
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

    fn version(&mut self) -> Result<i64> {
        let mut statement =
            self.sqlite.prepare_cached("PRAGMA data_version").map_err(|error| fault(&error))?;
        statement.query_row([], |row| row.get(0)).map_err(|error| fault(&error))
    }
}

struct SqliteTx<'a> {
    sqlite: &'a Sqlite,
    effects: Effects,
    /// The end of the event chain, once it has been read in this transaction.
    tip: Option<Tip>,
}

impl SqliteTx<'_> {
    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.sqlite.prepare_cached(sql).map_err(|error| fault(&error))
    }

    fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params).map_err(|error| fault(&error))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|error| fault(&error))? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, read)?.pop())
    }

    fn number(&self, sql: &str) -> Result<i64> {
        let read = |row: &rusqlite::Row<'_>| row.get(0).map_err(|error| fault(&error));
        Ok(self.one(sql, [], read)?.unwrap_or(0))
    }

    fn put(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.statement(sql)?.execute(params).map_err(|error| fault(&error))
    }
}

macro_rules! columns {
    (identity) => {
        "id, user_id, user_id_canonical, name, birth_date, level, blocked_at, created_at"
    };
    (authenticator) => {
        "id, identity_id, device_name, key_algorithm, public_key, biometrics_on, pin_record, \
         pin_version, charged, cleared, locked_until, attempts, blocked_at, activated_at"
    };
    (code) => {
        "id, identity_id, channel, state, tries_left, created_at, expires_at, activation_id, \
         activation_challenge, key_algorithm, public_key, device_name, activation_expires_at, \
         finished_by"
    };
    (login) => {
        "id, front_end, service_provider, text, user_id_digest, source_digest, verifier_digest, \
         nonce, level_min, state, challenge, identity_id, authenticator_id, user_verification, \
         attempts, started_at, expires_at, approved_at"
    };
    (event) => {
        "seq, at, kind, identity_id, authenticator_id, login_id, actor, detail, hash"
    };
}

macro_rules! select {
    ($table:ident, $rest:literal) => {
        concat!("SELECT ", columns!($table), " FROM ", stringify!($table), " ", $rest)
    };
}

macro_rules! insert {
    ($table:ident, $rest:literal) => {
        concat!("INSERT INTO ", stringify!($table), " (", columns!($table), ") ", $rest)
    };
}

/// Writes of logins are numbered, under the write lock, so that other processes can follow them.
const PUT_LOGIN: &str = concat!(
    "INSERT INTO login (",
    columns!(login),
    ", changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
     ?18, (SELECT coalesce(max(changed), 0) + 1 FROM login)) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
     identity_id = excluded.identity_id, authenticator_id = excluded.authenticator_id, \
     user_verification = excluded.user_verification, attempts = excluded.attempts, \
     approved_at = excluded.approved_at, changed = excluded.changed"
);

impl Tx for SqliteTx<'_> {
    fn identity(&mut self, id: &Id) -> Result<Option<Identity>> {
        self.one(select!(identity, "WHERE id = ?1"), [id], row::identity)
    }

    fn identity_by_user_id(&mut self, canonical: &str) -> Result<Option<Identity>> {
        self.one(select!(identity, "WHERE user_id_canonical = ?1"), [canonical], row::identity)
    }

    fn put_identity(&mut self, identity: &Identity) -> Result<()> {
        let sql = insert!(
            identity,
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (id) DO UPDATE SET \
             user_id = excluded.user_id, user_id_canonical = excluded.user_id_canonical, \
             name = excluded.name, birth_date = excluded.birth_date, level = excluded.level, \
             blocked_at = excluded.blocked_at"
        );
        self.put(
            sql,
            params![
                identity.id,
                identity.user_id.chosen,
                identity.user_id.canonical,
                identity.name,
                identity.birth_date.map(|date| date.to_string()),
                identity.level as u8,
                identity.blocked_at,
                identity.created_at,
            ],
        )?;
        Ok(())
    }

    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>> {
        self.one(select!(authenticator, "WHERE id = ?1"), [id], row::authenticator)
    }

    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>> {
        let sql = select!(authenticator, "WHERE identity_id = ?1 ORDER BY activated_at, id");
        self.all(sql, [identity_id], row::authenticator)
    }

    fn put_authenticator(&mut self, it: &Authenticator) -> Result<()> {
        let sql = insert!(
            authenticator,
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT (id) DO UPDATE SET pin_record = excluded.pin_record, \
             pin_version = excluded.pin_version, charged = excluded.charged, \
             cleared = excluded.cleared, locked_until = excluded.locked_until, \
             attempts = excluded.attempts, blocked_at = excluded.blocked_at"
        );
        self.put(
            sql,
            params![
                it.id,
                it.identity_id,
                it.device_name,
                algorithm_number(it.public_key.algorithm()),
                it.public_key.as_bytes(),
                it.biometrics_on,
                it.pin_record,
                it.pin_version,
                i64::try_from(it.lockout.charged).unwrap_or(i64::MAX),
                i64::try_from(it.lockout.cleared).unwrap_or(i64::MAX),
                it.lockout.locked_until_ms,
                it.attempts.as_flattened(),
                it.blocked_at,
                it.activated_at,
            ],
        )?;
        Ok(())
    }

    fn code(&mut self, id: &Id) -> Result<Option<Code>> {
        self.one(select!(code, "WHERE id = ?1"), [id], row::code)
    }

    fn issued_codes_of(&mut self, identity_id: &Id) -> Result<Vec<Code>> {
        let sql = select!(code, "WHERE identity_id = ?1 AND state = ?2 ORDER BY id");
        self.all(sql, params![identity_id, CodeState::Issued as u8], row::code)
    }

    fn code_by_activation(&mut self, activation_id: &Id) -> Result<Option<Code>> {
        self.one(select!(code, "WHERE activation_id = ?1"), [activation_id], row::code)
    }

    fn put_code(&mut self, code: &Code) -> Result<()> {
        let sql = insert!(
            code,
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
             tries_left = excluded.tries_left, activation_id = excluded.activation_id, \
             activation_challenge = excluded.activation_challenge, \
             key_algorithm = excluded.key_algorithm, public_key = excluded.public_key, \
             device_name = excluded.device_name, \
             activation_expires_at = excluded.activation_expires_at, \
             finished_by = excluded.finished_by"
        );
        let activation = code.activation.as_ref();
        self.put(
            sql,
            params![
                code.id,
                code.identity_id,
                code.channel as u8,
                code.state as u8,
                code.tries_left,
                code.created_at,
                code.expires_at,
                activation.map(|it| it.id),
                activation.map(|it| it.challenge),
                activation.map(|it| algorithm_number(it.public_key.algorithm())),
                activation.map(|it| it.public_key.as_bytes()),
                activation.map(|it| &it.device_name),
                activation.map(|it| it.expires_at),
                activation.and_then(|it| it.finished_by),
            ],
        )?;
        Ok(())
    }

    fn login(&mut self, id: &Id) -> Result<Option<Login>> {
        self.one(select!(login, "WHERE id = ?1"), [id], row::login)
    }

    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>> {
        // `state = 1` in words, so that the partial index fits.
        let sql = select!(
            login,
            "WHERE user_id_digest = ?1 AND source_digest = ?2 AND expires_at > ?3 AND state = 1"
        );
        self.all(sql, params![user_id_digest, source_digest, now], row::login)
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        let sql = PUT_LOGIN;
        self.put(
            sql,
            params![
                login.id,
                login.front_end,
                login.service_provider,
                login.text,
                login.user_id_digest,
                login.source_digest,
                login.verifier_digest,
                login.nonce,
                login.level_min as u8,
                login.state as u8,
                login.challenge,
                login.identity_id,
                login.authenticator_id,
                login.user_verification.map(|how| how as u8),
                login.attempts.as_flattened(),
                login.started_at,
                login.expires_at,
                login.approved_at,
            ],
        )?;
        self.effects.logins.push((login.id, login.state));
        Ok(())
    }

    fn budget(&mut self, key: &[u8; 16]) -> Result<i64> {
        let sql = "SELECT arrival_us FROM budget WHERE key = ?1";
        let read = |row: &rusqlite::Row<'_>| row.get(0).map_err(|error| fault(&error));
        Ok(self.one(sql, [key], read)?.unwrap_or(0))
    }

    fn put_budget(&mut self, key: &[u8; 16], arrival_us: i64) -> Result<()> {
        let sql = "INSERT INTO budget (key, arrival_us) VALUES (?1, ?2) \
                   ON CONFLICT (key) DO UPDATE SET arrival_us = excluded.arrival_us";
        self.put(sql, params![key, arrival_us])?;
        Ok(())
    }

    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()> {
        let tip = match self.tip {
            Some(tip) => tip,
            None => {
                let last = self.one(select!(event, "ORDER BY seq DESC LIMIT 1"), [], row::event)?;
                last.map_or_else(Tip::default, |last| Tip { seq: last.seq, hash: last.hash })
            }
        };
        let event = tip.link(event, now);
        self.put(
            insert!(event, "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
            params![
                event.seq,
                event.at,
                event.kind,
                event.identity_id,
                event.authenticator_id,
                event.login_id,
                event.actor,
                event.detail,
                event.hash,
            ],
        )?;
        self.tip = Some(Tip { seq: event.seq, hash: event.hash });
        self.effects.events = true;
        Ok(())
    }

    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>> {
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let sql = select!(event, "WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        self.all(sql, params![seq, count_max], row::event)
    }

    fn last_event_seq(&mut self) -> Result<i64> {
        self.number("SELECT coalesce(max(seq), 0) FROM event")
    }

    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>> {
        let sql =
            "SELECT changed, id, state FROM login WHERE changed > ?1 ORDER BY changed LIMIT ?2";
        self.all(sql, params![after, rows_at_a_time()], row::login_change)
    }

    fn last_login_change(&mut self) -> Result<i64> {
        self.number("SELECT coalesce(max(changed), 0) FROM login")
    }

    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize> {
        let sql = "DELETE FROM login WHERE id IN (SELECT id FROM login \
                   WHERE expires_at < ?1 AND changed < (SELECT max(changed) FROM login) LIMIT ?2)";
        self.put(sql, params![expired_before, rows_at_a_time()])
    }

    fn sweep_budgets(&mut self, after: &[u8; 16], now: Millis) -> Result<Option<[u8; 16]>> {
        let last = "SELECT max(key) FROM \
                    (SELECT key FROM budget WHERE key > ?1 ORDER BY key LIMIT ?2)";
        let read = |row: &rusqlite::Row<'_>| row.get(0).map_err(|error| fault(&error));
        let last: Option<[u8; 16]> =
            self.one(last, params![after, rows_at_a_time()], read)?.flatten();
        if let Some(last) = last {
            let full = "DELETE FROM budget WHERE key > ?1 AND key <= ?2 AND arrival_us < ?3";
            self.put(full, params![after, last, now.saturating_mul(1_000)])?;
        }
        Ok(last)
    }
}

fn rows_at_a_time() -> i64 {
    i64::try_from(ROWS_AT_A_TIME).unwrap_or(i64::MAX)
}

/// The only state a query spells out, kept true by the compiler.
const _: () = assert!(State::Pending as u8 == 1);
