//! Passwords, one for each identity that has one.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx};
use crate::Id;
use crate::error::Result;
use crate::lockout::Lockout;
use crate::password::StoredPassword;

macro_rules! columns {
    () => {
        "identity_id, id, record, charged, cleared, locked_until, set_at"
    };
}

/// Passwords, one for each identity that has one.
#[allow(clippy::missing_errors_doc)]
pub trait PasswordRows {
    /// The password of an identity.
    fn password_of(&mut self, identity_id: &Id) -> Result<Option<StoredPassword>>;
    /// Adds or replaces the password of an identity.
    fn put_password(&mut self, password: &StoredPassword) -> Result<()>;
}

impl PasswordRows for SqliteTx<'_> {
    fn password_of(&mut self, identity_id: &Id) -> Result<Option<StoredPassword>> {
        self.one(select!("password", "WHERE identity_id = ?1"), [identity_id], read_password)
    }

    fn put_password(&mut self, it: &StoredPassword) -> Result<()> {
        let sql = insert!(
            "password",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
             ON CONFLICT (identity_id) DO UPDATE SET id = excluded.id, record = excluded.record, \
             charged = excluded.charged, cleared = excluded.cleared, \
             locked_until = excluded.locked_until, set_at = excluded.set_at"
        );
        self.put(
            sql,
            params![
                it.identity_id,
                it.id,
                it.record,
                i64::try_from(it.lockout.charged).unwrap_or(i64::MAX),
                i64::try_from(it.lockout.cleared).unwrap_or(i64::MAX),
                it.lockout.locked_until_ms,
                it.set_at,
            ],
        )?;
        Ok(())
    }
}

impl PasswordRows for MemoryTx {
    fn password_of(&mut self, identity_id: &Id) -> Result<Option<StoredPassword>> {
        Ok(self.rows.passwords.get(identity_id).cloned())
    }

    fn put_password(&mut self, password: &StoredPassword) -> Result<()> {
        self.rows.passwords.insert(password.identity_id, password.clone());
        Ok(())
    }
}

fn read_password(row: &Row<'_>) -> Result<StoredPassword> {
    let mut columns = Columns::of(row);
    Ok(StoredPassword {
        identity_id: columns.take()?,
        id: columns.take()?,
        record: columns.take()?,
        lockout: Lockout {
            charged: columns.unsigned("charged")?,
            cleared: columns.unsigned("cleared")?,
            locked_until_ms: columns.take()?,
        },
        set_at: columns.take()?,
    })
}
