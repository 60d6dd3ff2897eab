//! Columns of SQLite into types. A row that does not fit its type is a fault of the store.

use rusqlite::Row;
use rusqlite::types::FromSql;

use crate::Id;
use crate::error::{Error, Reason, Result};
use crate::identity::Level;
use crate::signature::{Algorithm, PublicKey};

pub(super) fn fault(error: &rusqlite::Error) -> Error {
    Error::fault(Reason::StoreFault, error)
}

pub(super) fn damaged(column: &str) -> Error {
    Error::fault(Reason::StoreFault, format!("damaged row: {column}"))
}

/// Reads columns one after the other.
pub(super) struct Columns<'a, 'b> {
    row: &'a Row<'b>,
    next: usize,
}

impl<'a, 'b> Columns<'a, 'b> {
    pub(super) const fn of(row: &'a Row<'b>) -> Self {
        Self { row, next: 0 }
    }

    pub(super) fn take<T: FromSql>(&mut self) -> Result<T> {
        let column = self.next;
        self.next += 1;
        self.row.get(column).map_err(|error| fault(&error))
    }

    pub(super) fn unsigned<T: TryFrom<i64>>(&mut self, column: &str) -> Result<T> {
        T::try_from(self.take::<i64>()?).map_err(|_| damaged(column))
    }

    pub(super) fn level(&mut self) -> Result<Level> {
        match self.take::<i64>()? {
            1 => Ok(Level::Low),
            2 => Ok(Level::Substantial),
            3 => Ok(Level::High),
            _ => Err(damaged("level")),
        }
    }

    pub(super) fn public_key(&mut self) -> Result<PublicKey> {
        let algorithm = algorithm(self.take()?).ok_or_else(|| damaged("key_algorithm"))?;
        let bytes: Vec<u8> = self.take()?;
        PublicKey::from_stored(algorithm, &bytes).ok_or_else(|| damaged("public_key"))
    }

    pub(super) fn attempts(&mut self) -> Result<Vec<Id>> {
        let bytes: Vec<u8> = self.take()?;
        let (ids, rest) = bytes.as_chunks::<16>();
        if rest.is_empty() { Ok(ids.to_vec()) } else { Err(damaged("attempts")) }
    }
}

pub(super) const fn algorithm_number(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::P256 => 1,
        Algorithm::Ed25519 => 2,
    }
}

const fn algorithm(number: i64) -> Option<Algorithm> {
    match number {
        1 => Some(Algorithm::P256),
        2 => Some(Algorithm::Ed25519),
        _ => None,
    }
}
