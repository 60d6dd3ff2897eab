//! Budgets: when each would be full again.

use rusqlite::params;

use super::{MemoryTx, ROWS_AT_A_TIME, SqliteTx, fault, rows_at_a_time};
use crate::clock::Millis;
use crate::error::Result;

/// Budgets: when each would be full again.
#[allow(clippy::missing_errors_doc)]
pub trait BudgetRows {
    /// The arrival time of a budget in microseconds; 0 if there is none.
    fn budget(&mut self, key: &[u8; 16]) -> Result<i64>;
    /// Sets the arrival time of a budget.
    fn put_budget(&mut self, key: &[u8; 16], arrival_us: i64) -> Result<()>;
    /// Looks at some budgets after a key and removes those that are full again; the last key that was
    /// looked at, or nothing at the end.
    fn sweep_budgets(&mut self, after: &[u8; 16], now: Millis) -> Result<Option<[u8; 16]>>;
}

impl BudgetRows for SqliteTx<'_> {
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

impl BudgetRows for MemoryTx {
    fn budget(&mut self, key: &[u8; 16]) -> Result<i64> {
        Ok(self.rows.budgets.get(key).copied().unwrap_or(0))
    }

    fn put_budget(&mut self, key: &[u8; 16], arrival_us: i64) -> Result<()> {
        self.rows.budgets.insert(*key, arrival_us);
        Ok(())
    }

    fn sweep_budgets(&mut self, after: &[u8; 16], now: Millis) -> Result<Option<[u8; 16]>> {
        let looked_at: Vec<[u8; 16]> = self
            .rows
            .budgets
            .keys()
            .filter(|key| *key > after)
            .take(ROWS_AT_A_TIME)
            .copied()
            .collect();
        for key in &looked_at {
            if self.rows.budgets.get(key).is_some_and(|at| *at < now.saturating_mul(1_000)) {
                self.rows.budgets.remove(key);
            }
        }
        Ok(looked_at.last().copied())
    }
}
