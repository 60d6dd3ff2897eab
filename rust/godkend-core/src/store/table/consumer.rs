//! How far consumers have followed the history.

use rusqlite::params;

use super::{Columns, MemoryTx, SqliteTx};
use crate::clock::Millis;
use crate::error::Result;

/// How far consumers have followed the history; `client` is empty for godkend's own.
#[allow(clippy::missing_errors_doc)]
pub trait ConsumerRows {
    /// The last event that a consumer has acknowledged.
    fn consumer(&mut self, client: &str, name: &str) -> Result<Option<i64>>;
    /// How many consumers a client has.
    fn consumers_of(&mut self, client: &str) -> Result<u32>;
    /// Writes down how far a consumer has come.
    fn put_consumer(&mut self, client: &str, name: &str, seq: i64, now: Millis) -> Result<()>;
}

impl ConsumerRows for SqliteTx<'_> {
    fn consumer(&mut self, client: &str, name: &str) -> Result<Option<i64>> {
        let sql = "SELECT seq FROM consumer WHERE client = ?1 AND name = ?2";
        self.one(sql, [client, name], |row| Columns::of(row).take())
    }

    fn consumers_of(&mut self, client: &str) -> Result<u32> {
        let sql = "SELECT count(*) FROM consumer WHERE client = ?1";
        let count = self.one(sql, [client], |row| Columns::of(row).unsigned("count"))?;
        Ok(count.unwrap_or(0))
    }

    fn put_consumer(&mut self, client: &str, name: &str, seq: i64, now: Millis) -> Result<()> {
        let sql = "INSERT INTO consumer (client, name, seq, acked_at) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (client, name) DO UPDATE SET seq = excluded.seq, \
                   acked_at = excluded.acked_at";
        self.put(sql, params![client, name, seq, now])?;
        Ok(())
    }
}

impl ConsumerRows for MemoryTx {
    fn consumer(&mut self, client: &str, name: &str) -> Result<Option<i64>> {
        Ok(self.rows.consumers.get(&(client.to_owned(), name.to_owned())).copied())
    }

    fn consumers_of(&mut self, client: &str) -> Result<u32> {
        let of_client = self.rows.consumers.keys().filter(|(owner, _)| owner == client).count();
        Ok(u32::try_from(of_client).unwrap_or(u32::MAX))
    }

    fn put_consumer(&mut self, client: &str, name: &str, seq: i64, _now: Millis) -> Result<()> {
        self.rows.consumers.insert((client.to_owned(), name.to_owned()), seq);
        Ok(())
    }
}
