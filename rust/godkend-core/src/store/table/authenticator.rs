//! Authenticators.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, algorithm_number};
use crate::Id;
use crate::authenticator::Authenticator;
use crate::error::Result;
use crate::level::Enrolment;
use crate::lockout::Lockout;

macro_rules! columns {
    () => {
        "id, identity_id, device_name, key_algorithm, public_key, biometrics_on, pin_record, \
         pin_version, charged, cleared, locked_until, attempts, blocked_at, activated_at, \
         enrolled_level, hardware_key, notifications_on"
    };
}

/// Authenticators.
#[allow(clippy::missing_errors_doc)]
pub trait AuthenticatorRows {
    /// An authenticator.
    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>>;
    /// All authenticators of an identity, in the order of their activation.
    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>>;
    /// Adds or replaces an authenticator.
    fn put_authenticator(&mut self, authenticator: &Authenticator) -> Result<()>;
}

impl AuthenticatorRows for SqliteTx<'_> {
    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>> {
        self.one(select!("authenticator", "WHERE id = ?1"), [id], read_authenticator)
    }

    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>> {
        let sql = select!("authenticator", "WHERE identity_id = ?1 ORDER BY activated_at, id");
        self.all(sql, [identity_id], read_authenticator)
    }

    fn put_authenticator(&mut self, it: &Authenticator) -> Result<()> {
        let sql = insert!(
            "authenticator",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
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
                it.enrolment.level as u8,
                it.enrolment.hardware_key,
                it.notifications_on,
            ],
        )?;
        Ok(())
    }
}

impl AuthenticatorRows for MemoryTx {
    fn authenticator(&mut self, id: &Id) -> Result<Option<Authenticator>> {
        Ok(self.rows.authenticators.get(id).cloned())
    }

    fn authenticators_of(&mut self, identity_id: &Id) -> Result<Vec<Authenticator>> {
        let all = self.rows.authenticators.values();
        let mut of: Vec<_> = all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        of.sort_by_key(|row| (row.activated_at, row.id));
        Ok(of)
    }

    fn put_authenticator(&mut self, authenticator: &Authenticator) -> Result<()> {
        self.rows.authenticators.insert(authenticator.id, authenticator.clone());
        Ok(())
    }
}

fn read_authenticator(row: &Row<'_>) -> Result<Authenticator> {
    let mut columns = Columns::of(row);
    Ok(Authenticator {
        id: columns.take()?,
        identity_id: columns.take()?,
        device_name: columns.take()?,
        public_key: columns.public_key()?,
        biometrics_on: columns.take()?,
        pin_record: columns.take()?,
        pin_version: columns.unsigned("pin_version")?,
        lockout: Lockout {
            charged: columns.unsigned("charged")?,
            cleared: columns.unsigned("cleared")?,
            locked_until_ms: columns.take()?,
        },
        attempts: columns.attempts()?,
        blocked_at: columns.take()?,
        activated_at: columns.take()?,
        enrolment: Enrolment { level: columns.level()?, hardware_key: columns.take()? },
        notifications_on: columns.take()?,
    })
}
