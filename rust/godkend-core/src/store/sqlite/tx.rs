//! The rows of SQLite within one transaction.

use rusqlite::{CachedStatement, Connection as Sqlite, Params, params};

use crate::Id;
use crate::activation::{Code, CodeState};
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::error::Result;
use crate::event::{Event, NewEvent, Tip};
use crate::identity::Identity;
use crate::login::{Login, State};
use crate::population::Mark;
use crate::store::row::{self, algorithm_number, fault};
use crate::store::{Effects, LoginChange, ROWS_AT_A_TIME, Tx};

pub(super) struct SqliteTx<'a> {
    sqlite: &'a Sqlite,
    /// What was written so far, for those who watch.
    pub(super) effects: Effects,
    /// The end of the event chain, once it has been read in this transaction.
    tip: Option<Tip>,
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(sqlite: &'a Sqlite) -> Self {
        Self { sqlite, effects: Effects::default(), tip: None }
    }

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
    fn population(&mut self) -> Result<Option<Mark>> {
        self.one("SELECT value FROM meta WHERE key = 'population'", [], row::population)
    }

    fn put_population(&mut self, mark: &Mark) -> Result<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ('population', ?1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.put(sql, [row::population_bytes(mark)])?;
        Ok(())
    }

    fn has_identities(&mut self) -> Result<bool> {
        Ok(self.number("SELECT EXISTS (SELECT 1 FROM identity)")? != 0)
    }

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
