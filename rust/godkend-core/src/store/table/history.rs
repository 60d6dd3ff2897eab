//! Whose history an event belongs to: one row for each event that people see.

use rusqlite::{Row, params};

use super::event::read_event;
use super::{MemoryTx, SqliteTx, fault};
use crate::Id;
use crate::clock::Millis;
use crate::error::Result;
use crate::event::Event;

/// An event of somebody's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The event.
    pub event: Event,
    /// When the subscriber reported it as not theirs.
    pub reported_at: Option<Millis>,
}

/// Whose history an event belongs to: one row for each event that people see.
#[allow(clippy::missing_errors_doc)]
pub trait HistoryRows {
    /// The entries of an identity before an event, the newest first.
    fn history_before(
        &mut self,
        identity_id: &Id,
        seq: i64,
        count_max: usize,
    ) -> Result<Vec<Entry>>;
    /// One entry of an identity.
    fn history_entry(&mut self, identity_id: &Id, seq: i64) -> Result<Option<Entry>>;
    /// Marks an entry as reported.
    fn put_reported(&mut self, identity_id: &Id, seq: i64, at: Millis) -> Result<()>;
}

/// The columns of an event, then when it was reported.
macro_rules! entry {
    ($rest:literal) => {
        concat!(
            "SELECT event.seq, event.at, event.kind, event.identity_id, event.authenticator_id, \
             event.login_id, event.actor, event.detail, event.hash, history.reported_at \
             FROM history JOIN event ON event.seq = history.seq WHERE history.identity_id = ?1 AND ",
            $rest
        )
    };
}

impl SqliteTx<'_> {
    /// Lists an event that was just added.
    pub(super) fn list_event(&self, identity_id: &Id, seq: i64) -> Result<()> {
        self.put(
            "INSERT INTO history (identity_id, seq) VALUES (?1, ?2)",
            params![identity_id, seq],
        )?;
        Ok(())
    }
}

impl HistoryRows for SqliteTx<'_> {
    fn history_before(
        &mut self,
        identity_id: &Id,
        seq: i64,
        count_max: usize,
    ) -> Result<Vec<Entry>> {
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let sql = entry!("history.seq < ?2 ORDER BY history.seq DESC LIMIT ?3");
        self.all(sql, params![identity_id, seq, count_max], read_entry)
    }

    fn history_entry(&mut self, identity_id: &Id, seq: i64) -> Result<Option<Entry>> {
        self.one(entry!("history.seq = ?2"), params![identity_id, seq], read_entry)
    }

    fn put_reported(&mut self, identity_id: &Id, seq: i64, at: Millis) -> Result<()> {
        let sql = "UPDATE history SET reported_at = ?3 WHERE identity_id = ?1 AND seq = ?2";
        self.put(sql, params![identity_id, seq, at])?;
        Ok(())
    }
}

impl HistoryRows for MemoryTx {
    fn history_before(
        &mut self,
        identity_id: &Id,
        seq: i64,
        count_max: usize,
    ) -> Result<Vec<Entry>> {
        let earlier = self.rows.history.range((*identity_id, 0)..(*identity_id, seq)).rev();
        Ok(earlier.take(count_max).filter_map(|(key, at)| self.entry(key.1, *at)).collect())
    }

    fn history_entry(&mut self, identity_id: &Id, seq: i64) -> Result<Option<Entry>> {
        let listed = self.rows.history.get(&(*identity_id, seq));
        Ok(listed.and_then(|reported_at| self.entry(seq, *reported_at)))
    }

    fn put_reported(&mut self, identity_id: &Id, seq: i64, at: Millis) -> Result<()> {
        self.rows.history.insert((*identity_id, seq), Some(at));
        Ok(())
    }
}

impl MemoryTx {
    fn entry(&self, seq: i64, reported_at: Option<Millis>) -> Option<Entry> {
        let event = self.rows.events.iter().find(|event| event.seq == seq)?;
        Some(Entry { event: event.clone(), reported_at })
    }
}

fn read_entry(row: &Row<'_>) -> Result<Entry> {
    let reported_at = row.get(9).map_err(|error| fault(&error))?;
    Ok(Entry { event: read_event(row)?, reported_at })
}
