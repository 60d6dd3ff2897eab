//! Whose history an event belongs to: a thread through the chain of events.
//!
//! An identity names its last event that people see, and each such event the one before it. The rows that this
//! writes are being written anyway, or have just been read: a row for each event in a table of its own, in the
//! order of identities, cost every durable command a page more, and a fifth of the rate.

use rusqlite::{Row, params};

use super::event::read_event;
use super::{MemoryTx, SqliteTx, damaged, fault};
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

/// Whose history an event belongs to.
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
    fn put_reported(&mut self, seq: i64, at: Millis) -> Result<()>;
}

impl SqliteTx<'_> {
    /// Makes an event that was just added the last one of its identity.
    pub(super) fn list_event(&self, identity_id: &Id, seq: i64) -> Result<()> {
        let sql = "UPDATE identity SET last_event_seq = ?2 WHERE id = ?1";
        self.put(sql, params![identity_id, seq])?;
        Ok(())
    }

    /// An entry, and the number of the one before it.
    fn link(&self, identity_id: &Id, seq: i64) -> Result<Option<(Entry, i64)>> {
        let sql = "SELECT event.seq, at, kind, identity_id, authenticator_id, login_id, actor, detail, hash, \
                   previous_seq, report.reported_at \
                   FROM event LEFT JOIN report ON report.event_seq = event.seq \
                   WHERE event.seq = ?1 AND identity_id = ?2 AND previous_seq IS NOT NULL";
        self.one(sql, params![seq, identity_id], read_link)
    }
}

impl HistoryRows for SqliteTx<'_> {
    fn history_before(
        &mut self,
        identity_id: &Id,
        seq: i64,
        count_max: usize,
    ) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut next = match self.link(identity_id, seq)? {
            Some((_, previous)) => previous,
            None => {
                self.number("SELECT last_event_seq FROM identity WHERE id = ?1", [identity_id])?
            }
        };
        while next > 0 && entries.len() < count_max {
            let (entry, previous) =
                self.link(identity_id, next)?.ok_or_else(|| damaged("previous_seq"))?;
            if previous >= next {
                return Err(damaged("previous_seq"));
            }
            next = previous;
            if entry.event.seq < seq {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    fn history_entry(&mut self, identity_id: &Id, seq: i64) -> Result<Option<Entry>> {
        Ok(self.link(identity_id, seq)?.map(|(entry, _)| entry))
    }

    fn put_reported(&mut self, seq: i64, at: Millis) -> Result<()> {
        self.put("INSERT INTO report (event_seq, reported_at) VALUES (?1, ?2)", params![seq, at])?;
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

    fn put_reported(&mut self, seq: i64, at: Millis) -> Result<()> {
        let entries = self.rows.history.iter_mut().filter(|((_, listed), _)| *listed == seq);
        entries.for_each(|(_, reported_at)| *reported_at = Some(at));
        Ok(())
    }
}

impl MemoryTx {
    fn entry(&self, seq: i64, reported_at: Option<Millis>) -> Option<Entry> {
        let event = self.rows.events.iter().find(|event| event.seq == seq)?;
        Some(Entry { event: event.clone(), reported_at })
    }
}

fn read_link(row: &Row<'_>) -> Result<(Entry, i64)> {
    let column = |error: rusqlite::Error| fault(&error);
    let (previous, reported_at) = (row.get(9).map_err(column)?, row.get(10).map_err(column)?);
    Ok((Entry { event: read_event(row)?, reported_at }, previous))
}
