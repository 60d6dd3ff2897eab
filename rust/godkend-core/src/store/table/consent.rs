//! Parents' consents.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx};
use crate::Id;
use crate::consent::Consent;
use crate::error::Result;

macro_rules! columns {
    () => {
        "id, identity_id, parent_id, recorded_by, officer_id, recorded_at"
    };
}

/// Parents' consents.
#[allow(clippy::missing_errors_doc)]
pub trait ConsentRows {
    /// A consent by its name in the store.
    fn consent(&mut self, id: &Id) -> Result<Option<Consent>>;
    /// The consents for an identity, oldest first.
    fn consents_of(&mut self, identity_id: &Id) -> Result<Vec<Consent>>;
    /// Adds a consent; it never changes.
    fn add_consent(&mut self, consent: &Consent) -> Result<()>;
}

impl ConsentRows for SqliteTx<'_> {
    fn consent(&mut self, id: &Id) -> Result<Option<Consent>> {
        self.one(select!("consent", "WHERE id = ?1"), [id], read_consent)
    }

    fn consents_of(&mut self, identity_id: &Id) -> Result<Vec<Consent>> {
        let sql = select!("consent", "WHERE identity_id = ?1 ORDER BY recorded_at, id");
        self.all(sql, [identity_id], read_consent)
    }

    fn add_consent(&mut self, consent: &Consent) -> Result<()> {
        let sql = insert!("consent", "VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        self.put(
            sql,
            params![
                consent.id,
                consent.identity_id,
                consent.parent_id,
                consent.recorded_by,
                consent.officer_id,
                consent.recorded_at,
            ],
        )?;
        Ok(())
    }
}

impl ConsentRows for MemoryTx {
    fn consent(&mut self, id: &Id) -> Result<Option<Consent>> {
        Ok(self.rows.consents.get(id).cloned())
    }

    fn consents_of(&mut self, identity_id: &Id) -> Result<Vec<Consent>> {
        let all = self.rows.consents.values();
        let mut found: Vec<_> =
            all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        found.sort_by_key(|row| (row.recorded_at, row.id));
        Ok(found)
    }

    fn add_consent(&mut self, consent: &Consent) -> Result<()> {
        self.rows.consents.insert(consent.id, consent.clone());
        Ok(())
    }
}

fn read_consent(row: &Row<'_>) -> Result<Consent> {
    let mut columns = Columns::of(row);
    Ok(Consent {
        id: columns.take()?,
        identity_id: columns.take()?,
        parent_id: columns.take()?,
        recorded_by: columns.take()?,
        officer_id: columns.take()?,
        recorded_at: columns.take()?,
    })
}
