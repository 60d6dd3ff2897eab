//! Logins, whose writes are numbered so that other processes can follow them.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, ROWS_AT_A_TIME, SqliteTx, damaged, fault, rows_at_a_time};
use crate::Id;
use crate::approval::UserVerification;
use crate::clock::Millis;
use crate::delegation::{Acting, OnBehalf};
use crate::error::Result;
use crate::login::{Login, State, Way};
use crate::nemid::ServiceKind;
use crate::receipt::Signature;
use crate::signing::Document;

macro_rules! columns {
    () => {
        "id, front_end, service_provider, text, user_id_digest, source_digest, verifier_digest, \
         nonce, level_min, state, challenge, identity_id, authenticator_id, user_verification, \
         attempts, started_at, expires_at, approved_at, way, document_sha256, document_media_type, \
         document_name, statement, statement_signature, acting, business_service, delegation_id, \
         principal_id, service_kind"
    };
}

/// Writes of logins are numbered, under the write lock, so that other processes can follow them.
const PUT_LOGIN: &str = concat!(
    "INSERT INTO login (",
    columns!(),
    ", changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
     ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, (SELECT coalesce(max(changed), 0) + 1 FROM login)) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, \
     identity_id = excluded.identity_id, authenticator_id = excluded.authenticator_id, \
     user_verification = excluded.user_verification, attempts = excluded.attempts, \
     approved_at = excluded.approved_at, way = excluded.way, statement = excluded.statement, \
     statement_signature = excluded.statement_signature, \
     delegation_id = excluded.delegation_id, principal_id = excluded.principal_id, changed = excluded.changed"
);

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

/// Logins, whose writes are numbered so that other processes can follow them.
#[allow(clippy::missing_errors_doc)]
pub trait LoginRows {
    /// A login.
    fn login(&mut self, id: &Id) -> Result<Option<Login>>;
    /// The logins for one typed user ID from one source that are pending at a time.
    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>>;
    /// The logins of an identity that may not be over at a time. Walks over all whose time is not over.
    fn logins_under_way_of(&mut self, identity_id: &Id, now: Millis) -> Result<Vec<Id>>;
    /// Adds or replaces a login.
    fn put_login(&mut self, login: &Login) -> Result<()>;
    /// Logins whose rows were written after the change with this number, in order, some at a time.
    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>>;
    /// The number of the last change of a login; 0 if there is none.
    fn last_login_change(&mut self) -> Result<i64>;
    /// Removes logins that expired before a time, some at a time; how many. The last one that changed
    /// stays, so that the numbers of changes never begin anew.
    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize>;
}

impl LoginRows for SqliteTx<'_> {
    fn login(&mut self, id: &Id) -> Result<Option<Login>> {
        self.one(select!("login", "WHERE id = ?1"), [id], read_login)
    }

    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>> {
        // `state = 1` in words, so that the partial index fits.
        let sql = select!(
            "login",
            "WHERE user_id_digest = ?1 AND source_digest = ?2 AND expires_at > ?3 AND state = 1"
        );
        self.all(sql, params![user_id_digest, source_digest, now], read_login)
    }

    fn logins_under_way_of(&mut self, identity_id: &Id, now: Millis) -> Result<Vec<Id>> {
        let sql = "SELECT id FROM login WHERE expires_at > ?1 AND identity_id = ?2 ORDER BY id";
        let read = |row: &Row<'_>| row.get(0).map_err(|error| fault(&error));
        self.all(sql, params![now, identity_id], read)
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        let (document, signed) = (login.document.as_ref(), login.signed.as_ref());
        self.put(
            PUT_LOGIN,
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
                login.way.map(|way| way as u8),
                document.map(|it| it.sha256),
                document.map(|it| &it.media_type),
                document.map(|it| &it.name),
                signed.map(|it| &it.statement),
                signed.map(|it| &it.signature),
                login.acting as u8,
                login.business_service,
                login.on_behalf.map(|it| it.delegation_id),
                login.on_behalf.map(|it| it.principal_id),
                login.service_kind as u8,
            ],
        )?;
        self.effects.logins.push((login.id, login.state));
        Ok(())
    }

    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>> {
        let sql =
            "SELECT changed, id, state FROM login WHERE changed > ?1 ORDER BY changed LIMIT ?2";
        self.all(sql, params![after, rows_at_a_time()], read_login_change)
    }

    fn last_login_change(&mut self) -> Result<i64> {
        self.number("SELECT coalesce(max(changed), 0) FROM login", [])
    }

    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize> {
        let sql = "DELETE FROM login WHERE id IN (SELECT id FROM login \
                   WHERE expires_at < ?1 AND changed < (SELECT max(changed) FROM login) LIMIT ?2)";
        self.put(sql, params![expired_before, rows_at_a_time()])
    }
}

impl LoginRows for MemoryTx {
    fn login(&mut self, id: &Id) -> Result<Option<Login>> {
        Ok(self.rows.logins.get(id).cloned())
    }

    fn pending_logins(
        &mut self,
        user_id_digest: &[u8; 32],
        source_digest: &[u8; 16],
        now: Millis,
    ) -> Result<Vec<Login>> {
        let pending = self.rows.logins.values().filter(|login| {
            login.user_id_digest.as_ref() == Some(user_id_digest)
                && login.source_digest == *source_digest
                && login.state == State::Pending
                && login.expires_at > now
        });
        Ok(pending.cloned().collect())
    }

    fn logins_under_way_of(&mut self, identity_id: &Id, now: Millis) -> Result<Vec<Id>> {
        let under_way = self
            .rows
            .logins
            .values()
            .filter(|login| login.expires_at > now && login.identity_id == Some(*identity_id));
        Ok(under_way.map(|login| login.id).collect())
    }

    fn put_login(&mut self, login: &Login) -> Result<()> {
        self.effects.logins.push((login.id, login.state));
        self.rows.login_changes += 1;
        self.rows.changed.insert(login.id, self.rows.login_changes);
        self.rows.logins.insert(login.id, login.clone());
        Ok(())
    }

    fn logins_changed(&mut self, after: i64) -> Result<Vec<LoginChange>> {
        let changed = self.rows.changed.iter().filter(|(_, number)| **number > after);
        let mut changes: Vec<_> = changed
            .filter_map(|(id, &number)| {
                let state = self.rows.logins.get(id)?.state;
                Some(LoginChange { number, login_id: *id, state })
            })
            .collect();
        changes.sort_by_key(|change| change.number);
        changes.truncate(ROWS_AT_A_TIME);
        Ok(changes)
    }

    fn last_login_change(&mut self) -> Result<i64> {
        Ok(self.rows.login_changes)
    }

    fn sweep_logins(&mut self, expired_before: Millis) -> Result<usize> {
        let before = self.rows.logins.len();
        let (changed, last) = (&self.rows.changed, self.rows.login_changes);
        self.rows.logins.retain(|id, login| {
            login.expires_at >= expired_before || changed.get(id) == Some(&last)
        });
        let logins = &self.rows.logins;
        self.rows.changed.retain(|id, _| logins.contains_key(id));
        Ok(before - logins.len())
    }
}

fn read_login(row: &Row<'_>) -> Result<Login> {
    let mut columns = Columns::of(row);
    let mut login = Login {
        id: columns.take()?,
        front_end: columns.take()?,
        service_provider: columns.take()?,
        text: columns.take()?,
        user_id_digest: columns.take()?,
        source_digest: columns.take()?,
        verifier_digest: columns.take()?,
        nonce: columns.take()?,
        level_min: columns.level()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
        challenge: columns.take()?,
        identity_id: columns.take()?,
        authenticator_id: columns.take()?,
        user_verification: match columns.take::<Option<i32>>()? {
            None => None,
            Some(number) => {
                Some(UserVerification::parse(number).map_err(|_| damaged("user_verification"))?)
            }
        },
        attempts: columns.attempts()?,
        started_at: columns.take()?,
        expires_at: columns.take()?,
        approved_at: columns.take()?,
        way: match columns.take::<Option<i64>>()? {
            None => None,
            Some(number) => Some(Way::from_number(number).ok_or_else(|| damaged("way"))?),
        },
        document: None,
        acting: Acting::No,
        business_service: false,
        service_kind: ServiceKind::Public,
        on_behalf: None,
        signed: None,
    };
    if let (Some(sha256), media_type, name) = (columns.take()?, columns.take()?, columns.take()?) {
        let whole = |text: Option<String>| text.ok_or_else(|| damaged("document"));
        let (media_type, name) = (whole(media_type)?, whole(name)?);
        login.document = Some(Document { sha256, media_type, name });
    }
    if let (Some(statement), signature) = (columns.take()?, columns.take::<Option<_>>()?) {
        let signature = signature.ok_or_else(|| damaged("statement_signature"))?;
        login.signed = Some(Signature { statement, signature });
    }
    login.acting = Acting::parse(columns.take()?).map_err(|_| damaged("acting"))?;
    login.business_service = columns.take()?;
    if let (Some(delegation_id), principal_id) = (columns.take()?, columns.take::<Option<_>>()?) {
        let principal_id = principal_id.ok_or_else(|| damaged("principal_id"))?;
        login.on_behalf = Some(OnBehalf { delegation_id, principal_id });
    }
    login.service_kind =
        ServiceKind::parse(columns.take()?).map_err(|_| damaged("service_kind"))?;
    Ok(login)
}

fn read_login_change(row: &Row<'_>) -> Result<LoginChange> {
    let mut columns = Columns::of(row);
    Ok(LoginChange {
        number: columns.take()?,
        login_id: columns.take()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
    })
}

/// The only state a query spells out, kept true by the compiler.
const _: () = assert!(State::Pending as u8 == 1);
