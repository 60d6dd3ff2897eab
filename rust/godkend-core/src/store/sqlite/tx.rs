//! One transaction of SQLite: statements that are prepared once, and rows one by one.

use rusqlite::{CachedStatement, Connection as Sqlite, Params};

use crate::error::Result;
use crate::event::Tip;
use crate::store::Effects;
use crate::store::row::fault;

pub(in crate::store) struct SqliteTx<'a> {
    sqlite: &'a Sqlite,
    /// What was written so far, for those who watch.
    pub(in crate::store) effects: Effects,
    /// The end of the event chain, once it has been read in this transaction.
    pub(in crate::store) tip: Option<Tip>,
}

impl<'a> SqliteTx<'a> {
    pub(super) fn new(sqlite: &'a Sqlite) -> Self {
        Self { sqlite, effects: Effects::default(), tip: None }
    }

    fn statement(&self, sql: &str) -> Result<CachedStatement<'_>> {
        self.sqlite.prepare_cached(sql).map_err(|error| fault(&error))
    }

    pub(in crate::store) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.statement(sql)?;
        let mut rows = statement.query(params).map_err(|error| fault(&error))?;
        let mut all = Vec::new();
        while let Some(row) = rows.next().map_err(|error| fault(&error))? {
            all.push(read(row)?);
        }
        Ok(all)
    }

    pub(in crate::store) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl Fn(&rusqlite::Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, read)?.pop())
    }

    pub(in crate::store) fn number(&self, sql: &str, params: impl Params) -> Result<i64> {
        let read = |row: &rusqlite::Row<'_>| row.get(0).map_err(|error| fault(&error));
        Ok(self.one(sql, params, read)?.unwrap_or(0))
    }

    pub(in crate::store) fn put(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.statement(sql)?.execute(params).map_err(|error| fault(&error))
    }
}
