//! Doors that anybody can try: how often each was tried in vain.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, ROWS_AT_A_TIME, SqliteTx, rows_at_a_time};
use crate::Id;
use crate::clock::Millis;
use crate::door::Door;
use crate::error::Result;
use crate::lockout::Lockout;

macro_rules! columns {
    () => {
        "key, charged, cleared, locked_until, charged_at"
    };
}

/// Doors that anybody can try.
#[allow(clippy::missing_errors_doc)]
pub trait DoorRows {
    /// A door that was tried.
    fn door(&mut self, key: &Id) -> Result<Option<Door>>;
    /// Adds or replaces a door.
    fn put_door(&mut self, door: &Door) -> Result<()>;
    /// Removes doors that were last charged at a time or before, some at a time; how many.
    fn sweep_doors(&mut self, charged_until: Millis) -> Result<usize>;
}

impl DoorRows for SqliteTx<'_> {
    fn door(&mut self, key: &Id) -> Result<Option<Door>> {
        self.one(select!("door", "WHERE key = ?1"), [key], read_door)
    }

    fn put_door(&mut self, it: &Door) -> Result<()> {
        let sql = insert!(
            "door",
            "VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (key) DO UPDATE SET charged = excluded.charged, \
             cleared = excluded.cleared, locked_until = excluded.locked_until, \
             charged_at = excluded.charged_at"
        );
        self.put(
            sql,
            params![
                it.key,
                i64::try_from(it.lockout.charged).unwrap_or(i64::MAX),
                i64::try_from(it.lockout.cleared).unwrap_or(i64::MAX),
                it.lockout.locked_until_ms,
                it.charged_at,
            ],
        )?;
        Ok(())
    }

    fn sweep_doors(&mut self, charged_until: Millis) -> Result<usize> {
        let sql = "DELETE FROM door WHERE key IN \
                   (SELECT key FROM door WHERE charged_at <= ?1 LIMIT ?2)";
        self.put(sql, params![charged_until, rows_at_a_time()])
    }
}

impl DoorRows for MemoryTx {
    fn door(&mut self, key: &Id) -> Result<Option<Door>> {
        Ok(self.rows.doors.get(key).copied())
    }

    fn put_door(&mut self, door: &Door) -> Result<()> {
        self.rows.doors.insert(door.key, *door);
        Ok(())
    }

    fn sweep_doors(&mut self, charged_until: Millis) -> Result<usize> {
        let doors = self.rows.doors.values();
        let old: Vec<Id> = doors
            .filter(|door| door.charged_at <= charged_until)
            .take(ROWS_AT_A_TIME)
            .map(|door| door.key)
            .collect();
        self.rows.doors.retain(|key, _| !old.contains(key));
        Ok(old.len())
    }
}

fn read_door(row: &Row<'_>) -> Result<Door> {
    let mut columns = Columns::of(row);
    Ok(Door {
        key: columns.take()?,
        lockout: Lockout {
            charged: columns.unsigned("charged")?,
            cleared: columns.unsigned("cleared")?,
            locked_until_ms: columns.take()?,
        },
        charged_at: columns.take()?,
    })
}
