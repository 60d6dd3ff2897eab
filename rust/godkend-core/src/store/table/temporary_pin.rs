//! Temporary PINs.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, damaged};
use crate::Id;
use crate::error::Result;
use crate::recovery::Means;
use crate::temporary_pin::{TemporaryPin, TemporaryPinState};

macro_rules! columns {
    () => {
        "id, identity_id, state, tries_left, created_at, expires_at, means, evidence_reference, \
         signed_in_with"
    };
}

/// Temporary PINs.
#[allow(clippy::missing_errors_doc)]
pub trait TemporaryPinRows {
    /// A temporary PIN.
    fn temporary_pin(&mut self, id: &Id) -> Result<Option<TemporaryPin>>;
    /// The temporary PIN of an identity that is still issued: there is at most one.
    fn issued_temporary_pin_of(&mut self, identity_id: &Id) -> Result<Option<TemporaryPin>>;
    /// Adds or replaces a temporary PIN.
    fn put_temporary_pin(&mut self, pin: &TemporaryPin) -> Result<()>;
}

impl TemporaryPinRows for SqliteTx<'_> {
    fn temporary_pin(&mut self, id: &Id) -> Result<Option<TemporaryPin>> {
        self.one(select!("temporary_pin", "WHERE id = ?1"), [id], read_temporary_pin)
    }

    fn issued_temporary_pin_of(&mut self, identity_id: &Id) -> Result<Option<TemporaryPin>> {
        let sql = select!("temporary_pin", "WHERE identity_id = ?1 AND state = 1");
        self.one(sql, [identity_id], read_temporary_pin)
    }

    fn put_temporary_pin(&mut self, pin: &TemporaryPin) -> Result<()> {
        let sql = insert!(
            "temporary_pin",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO UPDATE SET \
             state = excluded.state, tries_left = excluded.tries_left"
        );
        self.put(
            sql,
            params![
                pin.id,
                pin.identity_id,
                pin.state as u8,
                pin.tries_left,
                pin.created_at,
                pin.expires_at,
                pin.means as u8,
                pin.evidence_reference,
                pin.signed_in_with,
            ],
        )?;
        Ok(())
    }
}

impl TemporaryPinRows for MemoryTx {
    fn temporary_pin(&mut self, id: &Id) -> Result<Option<TemporaryPin>> {
        Ok(self.rows.temporary_pins.get(id).cloned())
    }

    fn issued_temporary_pin_of(&mut self, identity_id: &Id) -> Result<Option<TemporaryPin>> {
        let mut all = self.rows.temporary_pins.values();
        let issued = |row: &&TemporaryPin| {
            row.identity_id == *identity_id && row.state == TemporaryPinState::Issued
        };
        Ok(all.find(issued).cloned())
    }

    fn put_temporary_pin(&mut self, pin: &TemporaryPin) -> Result<()> {
        self.rows.temporary_pins.insert(pin.id, pin.clone());
        Ok(())
    }
}

fn read_temporary_pin(row: &Row<'_>) -> Result<TemporaryPin> {
    let mut columns = Columns::of(row);
    Ok(TemporaryPin {
        id: columns.take()?,
        identity_id: columns.take()?,
        state: match columns.take::<i64>()? {
            1 => TemporaryPinState::Issued,
            2 => TemporaryPinState::Used,
            3 => TemporaryPinState::Ended,
            _ => return Err(damaged("state")),
        },
        tries_left: columns.unsigned("tries_left")?,
        created_at: columns.take()?,
        expires_at: columns.take()?,
        means: Means::from_number(columns.take()?).ok_or_else(|| damaged("means"))?,
        evidence_reference: columns.take()?,
        signed_in_with: columns.take()?,
    })
}
