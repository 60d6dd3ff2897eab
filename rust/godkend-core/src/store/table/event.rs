//! The event chain.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx};
use crate::clock::Millis;
use crate::error::Result;
use crate::event::{Event, NewEvent, Tip};
use crate::history::is_listed;

macro_rules! columns {
    () => {
        "seq, at, kind, identity_id, authenticator_id, login_id, actor, detail, hash"
    };
}

/// The event chain.
#[allow(clippy::missing_errors_doc)]
pub trait EventRows {
    /// Adds an event to the chain.
    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()>;
    /// An event.
    fn event(&mut self, seq: i64) -> Result<Option<Event>>;
    /// Events after a number, in order.
    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>>;
    /// The number of the last event; 0 if there is none.
    fn last_event_seq(&mut self) -> Result<i64>;
}

impl EventRows for SqliteTx<'_> {
    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()> {
        let tip = match self.tip {
            Some(tip) => tip,
            None => {
                let last =
                    self.one(select!("event", "ORDER BY seq DESC LIMIT 1"), [], read_event)?;
                last.map_or_else(Tip::default, |last| Tip { seq: last.seq, hash: last.hash })
            }
        };
        let event = tip.link(event, now);
        let is_listed = is_listed(&event.kind);
        self.put(
            concat!(
                "INSERT INTO event (",
                columns!(),
                ", previous_seq) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
                 CASE WHEN ?10 THEN (SELECT last_event_seq FROM identity WHERE id = ?4) END)"
            ),
            params![
                event.seq,
                event.at,
                event.kind,
                event.identity_id,
                event.authenticator_id,
                event.login_id,
                event.actor,
                event.detail,
                event.hash,
                is_listed,
            ],
        )?;
        if is_listed && let Some(identity_id) = event.identity_id {
            self.list_event(&identity_id, event.seq)?;
        }
        self.tip = Some(Tip { seq: event.seq, hash: event.hash });
        self.effects.events = true;
        Ok(())
    }

    fn event(&mut self, seq: i64) -> Result<Option<Event>> {
        self.one(select!("event", "WHERE seq = ?1"), [seq], read_event)
    }

    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>> {
        let count_max = i64::try_from(count_max).unwrap_or(i64::MAX);
        let sql = select!("event", "WHERE seq > ?1 ORDER BY seq LIMIT ?2");
        self.all(sql, params![seq, count_max], read_event)
    }

    fn last_event_seq(&mut self) -> Result<i64> {
        self.number("SELECT coalesce(max(seq), 0) FROM event", [])
    }
}

impl EventRows for MemoryTx {
    fn append_event(&mut self, event: NewEvent, now: Millis) -> Result<()> {
        let tip = self
            .rows
            .events
            .last()
            .map_or_else(Tip::default, |last| Tip { seq: last.seq, hash: last.hash });
        let event = tip.link(event, now);
        if let Some(identity_id) = event.identity_id
            && is_listed(&event.kind)
        {
            self.rows.history.insert((identity_id, event.seq), None);
        }
        self.rows.events.push(event);
        self.effects.events = true;
        Ok(())
    }

    fn event(&mut self, seq: i64) -> Result<Option<Event>> {
        Ok(self.rows.events.iter().find(|event| event.seq == seq).cloned())
    }

    fn events_after(&mut self, seq: i64, count_max: usize) -> Result<Vec<Event>> {
        let after = self.rows.events.iter().filter(|event| event.seq > seq);
        Ok(after.take(count_max).cloned().collect())
    }

    fn last_event_seq(&mut self) -> Result<i64> {
        Ok(self.rows.events.last().map_or(0, |last| last.seq))
    }
}

pub(super) fn read_event(row: &Row<'_>) -> Result<Event> {
    let mut columns = Columns::of(row);
    Ok(Event {
        seq: columns.take()?,
        at: columns.take()?,
        kind: columns.take()?,
        identity_id: columns.take()?,
        authenticator_id: columns.take()?,
        login_id: columns.take()?,
        actor: columns.take()?,
        detail: columns.take()?,
        hash: columns.take()?,
    })
}
