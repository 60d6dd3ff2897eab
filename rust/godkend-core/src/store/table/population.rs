//! The mark of a synthetic population.

use rusqlite::Row;

use super::{Columns, MemoryTx, SqliteTx, damaged};
use crate::error::Result;
use crate::population::Mark;

/// The mark of a synthetic population.
#[allow(clippy::missing_errors_doc)]
pub trait PopulationRows {
    /// The mark of a store with a synthetic population; nothing in a real one.
    fn population(&mut self) -> Result<Option<Mark>>;
    /// Writes that mark.
    fn put_population(&mut self, mark: &Mark) -> Result<()>;
    /// Whether there is any identity.
    fn has_identities(&mut self) -> Result<bool>;
}

impl PopulationRows for SqliteTx<'_> {
    fn population(&mut self) -> Result<Option<Mark>> {
        self.one("SELECT value FROM meta WHERE key = 'population'", [], read_population)
    }

    fn put_population(&mut self, mark: &Mark) -> Result<()> {
        let sql = "INSERT INTO meta (key, value) VALUES ('population', ?1) \
                   ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        self.put(sql, [population_bytes(mark)])?;
        Ok(())
    }

    fn has_identities(&mut self) -> Result<bool> {
        Ok(self.number("SELECT EXISTS (SELECT 1 FROM identity)", [])? != 0)
    }
}

impl PopulationRows for MemoryTx {
    fn population(&mut self) -> Result<Option<Mark>> {
        Ok(self.rows.population)
    }

    fn put_population(&mut self, mark: &Mark) -> Result<()> {
        self.rows.population = Some(*mark);
        Ok(())
    }

    fn has_identities(&mut self) -> Result<bool> {
        Ok(!self.rows.identities.is_empty())
    }
}

/// The id, then both numbers, big-endian.
fn population_bytes(mark: &Mark) -> Vec<u8> {
    [&mark.population_id[..], &mark.identities.to_be_bytes(), &mark.written.to_be_bytes()].concat()
}

fn read_population(row: &Row<'_>) -> Result<Mark> {
    let bytes: Vec<u8> = Columns::of(row).take()?;
    let read = || {
        let (population_id, rest) = bytes.split_first_chunk()?;
        let (identities, written) = rest.split_first_chunk()?;
        Some(Mark {
            population_id: *population_id,
            identities: u64::from_be_bytes(*identities),
            written: u64::from_be_bytes(written.try_into().ok()?),
        })
    };
    read().ok_or_else(|| damaged("population"))
}
