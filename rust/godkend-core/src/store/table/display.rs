//! Code displays and audio code readers.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, damaged};
use crate::Id;
use crate::display::{Display, Kind, State};
use crate::error::Result;
use crate::otp::{Algorithm, Factor, Progress};

macro_rules! columns {
    () => {
        "id, serial_number, kind, algorithm, period_s, seed, state, identity_id, next, drift, \
         resync, imported_at, changed_at"
    };
}

/// Code displays and audio code readers.
#[allow(clippy::missing_errors_doc)]
pub trait DisplayRows {
    /// A display.
    fn display(&mut self, id: &Id) -> Result<Option<Display>>;
    /// The displays that were ever an identity's, in the order of their import.
    fn displays_of(&mut self, identity_id: &Id) -> Result<Vec<Display>>;
    /// The display that an identity uses.
    fn active_display_of(&mut self, identity_id: &Id) -> Result<Option<Display>>;
    /// Adds or replaces a display.
    fn put_display(&mut self, display: &Display) -> Result<()>;
}

impl DisplayRows for SqliteTx<'_> {
    fn display(&mut self, id: &Id) -> Result<Option<Display>> {
        self.one(select!("display", "WHERE id = ?1"), [id], read_display)
    }

    fn displays_of(&mut self, identity_id: &Id) -> Result<Vec<Display>> {
        let sql = select!("display", "WHERE identity_id = ?1 ORDER BY imported_at, id");
        self.all(sql, [identity_id], read_display)
    }

    fn active_display_of(&mut self, identity_id: &Id) -> Result<Option<Display>> {
        // `state = 3` in words, so that the partial index fits.
        let sql = select!("display", "WHERE identity_id = ?1 AND state = 3");
        self.one(sql, [identity_id], read_display)
    }

    fn put_display(&mut self, it: &Display) -> Result<()> {
        let sql = insert!(
            "display",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
             ON CONFLICT (id) DO UPDATE SET seed = excluded.seed, state = excluded.state, \
             identity_id = excluded.identity_id, next = excluded.next, drift = excluded.drift, \
             resync = excluded.resync, changed_at = excluded.changed_at"
        );
        let number = |counter: u64| i64::try_from(counter).unwrap_or(i64::MAX);
        self.put(
            sql,
            params![
                it.id,
                it.serial_number,
                it.kind as u8,
                it.algorithm as u8,
                it.factor.period_s(),
                it.seed,
                it.state as u8,
                it.identity_id,
                number(it.progress.next),
                it.progress.drift,
                it.progress.resync.map(number),
                it.imported_at,
                it.changed_at,
            ],
        )?;
        Ok(())
    }
}

impl DisplayRows for MemoryTx {
    fn display(&mut self, id: &Id) -> Result<Option<Display>> {
        Ok(self.rows.displays.get(id).cloned())
    }

    fn displays_of(&mut self, identity_id: &Id) -> Result<Vec<Display>> {
        let all = self.rows.displays.values();
        let mut of: Vec<_> =
            all.filter(|row| row.identity_id.as_ref() == Some(identity_id)).cloned().collect();
        of.sort_by_key(|row| (row.imported_at, row.id));
        Ok(of)
    }

    fn active_display_of(&mut self, identity_id: &Id) -> Result<Option<Display>> {
        let of = self.displays_of(identity_id)?;
        Ok(of.into_iter().find(|row| row.state == State::Active))
    }

    fn put_display(&mut self, display: &Display) -> Result<()> {
        self.rows.displays.insert(display.id, display.clone());
        Ok(())
    }
}

fn read_display(row: &Row<'_>) -> Result<Display> {
    let mut columns = Columns::of(row);
    Ok(Display {
        id: columns.take()?,
        serial_number: columns.take()?,
        kind: Kind::parse(columns.take()?).map_err(|_| damaged("kind"))?,
        algorithm: Algorithm::parse(columns.take()?).map_err(|_| damaged("algorithm"))?,
        factor: Factor::parse(columns.unsigned("period_s")?).map_err(|_| damaged("period_s"))?,
        seed: columns.take()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
        identity_id: columns.take()?,
        progress: Progress {
            next: columns.unsigned("next")?,
            drift: columns.take()?,
            resync: match columns.take::<Option<i64>>()? {
                None => None,
                Some(at) => Some(u64::try_from(at).map_err(|_| damaged("resync"))?),
            },
        },
        imported_at: columns.take()?,
        changed_at: columns.take()?,
    })
}

/// The only state a query spells out, kept true by the compiler.
const _: () = assert!(State::Active as u8 == 3);
