//! Messages to subscribers, and the right to deliver them.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, ROWS_AT_A_TIME, SqliteTx, damaged, rows_at_a_time};
use crate::Id;
use crate::clock::Millis;
use crate::error::Result;
use crate::notification::{Channel, Lease, Message, State};

macro_rules! columns {
    () => {
        "id, event_seq, identity_id, channel, address, state, tries, due_at, failure, settled_at"
    };
}

/// Messages to subscribers, and the right to deliver them.
#[allow(clippy::missing_errors_doc)]
pub trait MessageRows {
    /// A message.
    fn message(&mut self, id: &Id) -> Result<Option<Message>>;
    /// Queued messages that are due at a time, the longest due first.
    fn messages_due(&mut self, now: Millis, count_max: usize) -> Result<Vec<Message>>;
    /// Dead letters after one of an event, in the order of their events.
    fn dead_letters(&mut self, after: (i64, Id), count_max: usize) -> Result<Vec<Message>>;
    /// Adds or replaces a message.
    fn put_message(&mut self, message: &Message) -> Result<()>;
    /// Removes messages that were settled before a time, or due before it and never settled, some at a time;
    /// how many. Dead letters have a time of their own.
    fn sweep_messages(&mut self, settled_before: Millis, dead_before: Millis) -> Result<usize>;
    /// Who may deliver.
    fn delivery_lease(&mut self) -> Result<Option<Lease>>;
    /// Gives the right to deliver.
    fn put_delivery_lease(&mut self, lease: &Lease) -> Result<()>;
}

impl MessageRows for SqliteTx<'_> {
    fn message(&mut self, id: &Id) -> Result<Option<Message>> {
        self.one(select!("message", "WHERE id = ?1"), [id], read_message)
    }

    fn messages_due(&mut self, now: Millis, count_max: usize) -> Result<Vec<Message>> {
        // `state = 1` in words, so that the partial index fits; so below.
        let sql =
            select!("message", "WHERE state = 1 AND due_at <= ?1 ORDER BY due_at, id LIMIT ?2");
        self.all(sql, params![now, limit(count_max)], read_message)
    }

    fn dead_letters(&mut self, after: (i64, Id), count_max: usize) -> Result<Vec<Message>> {
        let sql = select!(
            "message",
            "WHERE state = 3 AND (event_seq, id) > (?1, ?2) ORDER BY event_seq, id LIMIT ?3"
        );
        self.all(sql, params![after.0, after.1, limit(count_max)], read_message)
    }

    fn put_message(&mut self, message: &Message) -> Result<()> {
        let sql = insert!(
            "message",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET \
             address = excluded.address, state = excluded.state, tries = excluded.tries, \
             due_at = excluded.due_at, failure = excluded.failure, settled_at = excluded.settled_at"
        );
        self.put(
            sql,
            params![
                message.id,
                message.event_seq,
                message.identity_id,
                message.channel as u8,
                message.address,
                message.state as u8,
                message.tries,
                message.due_at,
                message.failure,
                message.settled_at,
            ],
        )?;
        Ok(())
    }

    fn sweep_messages(&mut self, settled_before: Millis, dead_before: Millis) -> Result<usize> {
        let sql = "DELETE FROM message WHERE id IN (SELECT id FROM message \
                   WHERE settled_at IS NOT NULL AND settled_at < ?1 \
                   AND (state <> 3 OR settled_at < ?2) LIMIT ?3) \
                   OR id IN (SELECT id FROM message WHERE state = 1 AND due_at < ?1 LIMIT ?3)";
        self.put(sql, params![settled_before, dead_before, rows_at_a_time()])
    }

    fn delivery_lease(&mut self) -> Result<Option<Lease>> {
        let sql = "SELECT holder, expires_at FROM lease WHERE name = 'delivery'";
        self.one(sql, [], |row| {
            let mut columns = Columns::of(row);
            Ok(Lease { holder: columns.take()?, expires_at: columns.take()? })
        })
    }

    fn put_delivery_lease(&mut self, lease: &Lease) -> Result<()> {
        let sql = "INSERT INTO lease (name, holder, expires_at) VALUES ('delivery', ?1, ?2) \
                   ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
                   expires_at = excluded.expires_at";
        self.put(sql, params![lease.holder, lease.expires_at])?;
        Ok(())
    }
}

impl MessageRows for MemoryTx {
    fn message(&mut self, id: &Id) -> Result<Option<Message>> {
        Ok(self.rows.messages.get(id).cloned())
    }

    fn messages_due(&mut self, now: Millis, count_max: usize) -> Result<Vec<Message>> {
        let all = self.rows.messages.values();
        let mut due: Vec<_> =
            all.filter(|it| it.state == State::Queued && it.due_at <= now).cloned().collect();
        due.sort_by_key(|it| (it.due_at, it.id));
        due.truncate(count_max);
        Ok(due)
    }

    fn dead_letters(&mut self, after: (i64, Id), count_max: usize) -> Result<Vec<Message>> {
        let all = self.rows.messages.values();
        let mut dead: Vec<_> = all
            .filter(|it| it.state == State::Dead && (it.event_seq, it.id) > after)
            .cloned()
            .collect();
        dead.sort_by_key(|it| (it.event_seq, it.id));
        dead.truncate(count_max);
        Ok(dead)
    }

    fn put_message(&mut self, message: &Message) -> Result<()> {
        self.rows.messages.insert(message.id, message.clone());
        Ok(())
    }

    fn sweep_messages(&mut self, settled_before: Millis, dead_before: Millis) -> Result<usize> {
        let ended = |it: &Message| {
            let bound = if it.state == State::Dead { dead_before } else { settled_before };
            let queued = it.state == State::Queued && it.due_at < settled_before;
            queued || it.settled_at.is_some_and(|at| at < settled_before && at < bound)
        };
        let all = self.rows.messages.values().filter(|it| ended(it));
        let ids: Vec<_> = all.take(ROWS_AT_A_TIME).map(|it| it.id).collect();
        ids.iter().for_each(|id| drop(self.rows.messages.remove(id)));
        Ok(ids.len())
    }

    fn delivery_lease(&mut self) -> Result<Option<Lease>> {
        Ok(self.rows.delivery_lease)
    }

    fn put_delivery_lease(&mut self, lease: &Lease) -> Result<()> {
        self.rows.delivery_lease = Some(*lease);
        Ok(())
    }
}

fn limit(count_max: usize) -> i64 {
    i64::try_from(count_max).unwrap_or(i64::MAX)
}

fn read_message(row: &Row<'_>) -> Result<Message> {
    let mut columns = Columns::of(row);
    Ok(Message {
        id: columns.take()?,
        event_seq: columns.take()?,
        identity_id: columns.take()?,
        channel: Channel::parse(columns.take()?).map_err(|_| damaged("channel"))?,
        address: columns.take()?,
        state: State::from_number(columns.take()?).ok_or_else(|| damaged("state"))?,
        tries: columns.unsigned("tries")?,
        due_at: columns.take()?,
        failure: columns.take()?,
        settled_at: columns.take()?,
    })
}

/// The states that queries spell out, kept true by the compiler.
const _: () = assert!(State::Queued as u8 == 1 && State::Dead as u8 == 3);
