//! Copies of the app on their way to another phone.

use rusqlite::{Row, params};

use super::{
    Columns, MemoryTx, ROWS_AT_A_TIME, SqliteTx, algorithm_number, damaged, rows_at_a_time,
};
use crate::Id;
use crate::clock::Millis;
use crate::copying::{AppCopy, Code, NewPhone, State};
use crate::error::Result;

macro_rules! columns {
    () => {
        "id, identity_id, authenticator_id, state, requested_at, ready_at, expires_at, ended_at, \
         code_id, code_tries_left, code_expires_at, challenge, key_algorithm, public_key, \
         device_name, scanned_code_id, finish_by, finished_by"
    };
}

const PUT_COPY: &str = concat!(
    "INSERT INTO app_copy (",
    columns!(),
    ", due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, \
     ?18, ?19) \
     ON CONFLICT (id) DO UPDATE SET state = excluded.state, ended_at = excluded.ended_at, \
     code_id = excluded.code_id, code_tries_left = excluded.code_tries_left, \
     code_expires_at = excluded.code_expires_at, challenge = excluded.challenge, \
     key_algorithm = excluded.key_algorithm, public_key = excluded.public_key, \
     device_name = excluded.device_name, scanned_code_id = excluded.scanned_code_id, \
     finish_by = excluded.finish_by, finished_by = excluded.finished_by, due_at = excluded.due_at"
);

/// Copies of the app on their way to another phone.
#[allow(clippy::missing_errors_doc)]
pub trait CopyRows {
    /// A copy.
    fn copy(&mut self, id: &Id) -> Result<Option<AppCopy>>;
    /// The copies of an identity, the newest last.
    fn copies_of(&mut self, identity_id: &Id) -> Result<Vec<AppCopy>>;
    /// Copies that have moved on at a time, some at a time, the longest due first.
    fn copies_due(&mut self, now: Millis) -> Result<Vec<AppCopy>>;
    /// Adds or replaces a copy.
    fn put_copy(&mut self, copy: &AppCopy) -> Result<()>;
    /// Removes copies that ended before a time, some at a time; how many.
    fn sweep_copies(&mut self, ended_before: Millis) -> Result<usize>;
}

impl CopyRows for SqliteTx<'_> {
    fn copy(&mut self, id: &Id) -> Result<Option<AppCopy>> {
        self.one(select!("app_copy", "WHERE id = ?1"), [id], read_copy)
    }

    fn copies_of(&mut self, identity_id: &Id) -> Result<Vec<AppCopy>> {
        let sql = select!("app_copy", "WHERE identity_id = ?1 ORDER BY requested_at, id");
        self.all(sql, [identity_id], read_copy)
    }

    fn copies_due(&mut self, now: Millis) -> Result<Vec<AppCopy>> {
        let sql = select!("app_copy", "WHERE due_at <= ?1 ORDER BY due_at, id LIMIT ?2");
        self.all(sql, params![now, rows_at_a_time()], read_copy)
    }

    fn put_copy(&mut self, copy: &AppCopy) -> Result<()> {
        let (code, phone) = (copy.code.as_ref(), copy.phone.as_ref());
        self.put(
            PUT_COPY,
            params![
                copy.id,
                copy.identity_id,
                copy.authenticator_id,
                copy.state as u8,
                copy.requested_at,
                copy.ready_at,
                copy.expires_at,
                copy.ended_at,
                code.map(|it| it.id),
                code.map(|it| it.tries_left),
                code.map(|it| it.expires_at),
                phone.map(|it| it.challenge),
                phone.map(|it| algorithm_number(it.public_key.algorithm())),
                phone.map(|it| it.public_key.as_bytes()),
                phone.map(|it| &it.device_name),
                phone.map(|it| it.code_id),
                phone.map(|it| it.expires_at),
                phone.and_then(|it| it.finished_by),
                copy.due_at(),
            ],
        )?;
        Ok(())
    }

    fn sweep_copies(&mut self, ended_before: Millis) -> Result<usize> {
        let sql = "DELETE FROM app_copy WHERE id IN \
                   (SELECT id FROM app_copy WHERE ended_at < ?1 LIMIT ?2)";
        self.put(sql, params![ended_before, rows_at_a_time()])
    }
}

impl CopyRows for MemoryTx {
    fn copy(&mut self, id: &Id) -> Result<Option<AppCopy>> {
        Ok(self.rows.copies.get(id).cloned())
    }

    fn copies_of(&mut self, identity_id: &Id) -> Result<Vec<AppCopy>> {
        let all = self.rows.copies.values();
        let mut of: Vec<_> = all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        of.sort_by_key(|row| (row.requested_at, row.id));
        Ok(of)
    }

    fn copies_due(&mut self, now: Millis) -> Result<Vec<AppCopy>> {
        let is_due = |row: &&AppCopy| row.due_at().is_some_and(|due_at| due_at <= now);
        let mut due: Vec<_> = self.rows.copies.values().filter(is_due).cloned().collect();
        due.sort_by_key(|row| (row.due_at(), row.id));
        due.truncate(ROWS_AT_A_TIME);
        Ok(due)
    }

    fn put_copy(&mut self, copy: &AppCopy) -> Result<()> {
        self.rows.copies.insert(copy.id, copy.clone());
        Ok(())
    }

    fn sweep_copies(&mut self, ended_before: Millis) -> Result<usize> {
        let before = self.rows.copies.len();
        self.rows.copies.retain(|_, row| row.ended_at.is_none_or(|at| at >= ended_before));
        Ok(before - self.rows.copies.len())
    }
}

fn read_copy(row: &Row<'_>) -> Result<AppCopy> {
    let mut columns = Columns::of(row);
    Ok(AppCopy {
        id: columns.take()?,
        identity_id: columns.take()?,
        authenticator_id: columns.take()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
        requested_at: columns.take()?,
        ready_at: columns.take()?,
        expires_at: columns.take()?,
        ended_at: columns.take()?,
        code: read_code(&mut columns)?,
        phone: match columns.take::<Option<[u8; 32]>>()? {
            None => None,
            Some(challenge) => Some(NewPhone {
                challenge,
                public_key: columns.public_key()?,
                device_name: columns.take()?,
                code_id: columns.take()?,
                expires_at: columns.take()?,
                finished_by: columns.take()?,
            }),
        },
    })
}

fn read_code(columns: &mut Columns<'_, '_>) -> Result<Option<Code>> {
    let id: Option<Id> = columns.take()?;
    let tries_left: Option<i64> = columns.take()?;
    let expires_at: Option<Millis> = columns.take()?;
    match (id, tries_left, expires_at) {
        (None, None, None) => Ok(None),
        (Some(id), Some(tries_left), Some(expires_at)) => {
            let tries_left = u32::try_from(tries_left).map_err(|_| damaged("code_tries_left"))?;
            Ok(Some(Code { id, tries_left, expires_at }))
        }
        _ => Err(damaged("code_id")),
    }
}
