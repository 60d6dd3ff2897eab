//! What desks recorded of who somebody is.

use std::collections::BTreeSet;

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, damaged, fault};
use crate::Id;
use crate::civil::Date;
use crate::clock::Millis;
use crate::error::Result;
use crate::evidence::{Document, DocumentKind, Evidence, Method};

macro_rules! columns {
    () => {
        "id, identity_id, recorded_by, officer_id, document_kind, document_country, \
         document_number_digest, document_expires_on, method, witness_id, level, recorded_at, \
         reference"
    };
}

/// What desks recorded of who somebody is.
#[allow(clippy::missing_errors_doc)]
pub trait EvidenceRows {
    /// Evidence by its name in the store.
    fn evidence(&mut self, id: &Id) -> Result<Option<Evidence>>;
    /// The evidence of an identity, oldest first.
    fn evidence_of(&mut self, identity_id: &Id) -> Result<Vec<Evidence>>;
    /// When this witness spoke for somebody, after a time, oldest first.
    fn statements_of(&mut self, witness_id: &Id, after: Millis) -> Result<Vec<Millis>>;
    /// Whom this document has proved, each once; of several, two are enough.
    fn identities_of_document(&mut self, number_digest: &[u8; 32]) -> Result<Vec<Id>>;
    /// Adds evidence; it never changes.
    fn add_evidence(&mut self, evidence: &Evidence) -> Result<()>;
}

impl EvidenceRows for SqliteTx<'_> {
    fn evidence(&mut self, id: &Id) -> Result<Option<Evidence>> {
        self.one(select!("evidence", "WHERE id = ?1"), [id], read_evidence)
    }

    fn evidence_of(&mut self, identity_id: &Id) -> Result<Vec<Evidence>> {
        let sql = select!("evidence", "WHERE identity_id = ?1 ORDER BY recorded_at, id");
        self.all(sql, [identity_id], read_evidence)
    }

    fn statements_of(&mut self, witness_id: &Id, after: Millis) -> Result<Vec<Millis>> {
        let sql = "SELECT recorded_at FROM evidence WHERE witness_id = ?1 AND recorded_at > ?2 \
                   ORDER BY recorded_at";
        let read = |row: &Row<'_>| row.get(0).map_err(|error| fault(&error));
        self.all(sql, params![witness_id, after], read)
    }

    fn identities_of_document(&mut self, number_digest: &[u8; 32]) -> Result<Vec<Id>> {
        let sql = "SELECT DISTINCT identity_id FROM evidence WHERE document_number_digest = ?1 \
                   ORDER BY identity_id LIMIT 2";
        let read = |row: &Row<'_>| row.get(0).map_err(|error| fault(&error));
        self.all(sql, [number_digest], read)
    }

    fn add_evidence(&mut self, evidence: &Evidence) -> Result<()> {
        let sql =
            insert!("evidence", "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)");
        self.put(
            sql,
            params![
                evidence.id,
                evidence.identity_id,
                evidence.recorded_by,
                evidence.officer_id,
                evidence.document.kind as u8,
                evidence.document.country,
                evidence.document.number_digest,
                evidence.document.expires_on.to_string(),
                evidence.method as u8,
                evidence.witness_id,
                evidence.level as u8,
                evidence.recorded_at,
                evidence.reference,
            ],
        )?;
        Ok(())
    }
}

impl EvidenceRows for MemoryTx {
    fn evidence(&mut self, id: &Id) -> Result<Option<Evidence>> {
        Ok(self.rows.evidence.get(id).cloned())
    }

    fn evidence_of(&mut self, identity_id: &Id) -> Result<Vec<Evidence>> {
        let all = self.rows.evidence.values();
        let mut found: Vec<_> =
            all.filter(|row| row.identity_id == *identity_id).cloned().collect();
        found.sort_by_key(|row| (row.recorded_at, row.id));
        Ok(found)
    }

    fn statements_of(&mut self, witness_id: &Id, after: Millis) -> Result<Vec<Millis>> {
        let all = self.rows.evidence.values();
        let spoken = all.filter(|row| row.witness_id == Some(*witness_id));
        let mut times: Vec<_> =
            spoken.map(|row| row.recorded_at).filter(|&time| time > after).collect();
        times.sort_unstable();
        Ok(times)
    }

    fn identities_of_document(&mut self, number_digest: &[u8; 32]) -> Result<Vec<Id>> {
        let all = self.rows.evidence.values();
        let by_it = all.filter(|row| row.document.number_digest == *number_digest);
        let identities: BTreeSet<Id> = by_it.map(|row| row.identity_id).collect();
        Ok(identities.into_iter().take(2).collect())
    }

    fn add_evidence(&mut self, evidence: &Evidence) -> Result<()> {
        self.rows.evidence.insert(evidence.id, evidence.clone());
        Ok(())
    }
}

fn read_evidence(row: &Row<'_>) -> Result<Evidence> {
    let mut columns = Columns::of(row);
    Ok(Evidence {
        id: columns.take()?,
        identity_id: columns.take()?,
        recorded_by: columns.take()?,
        officer_id: columns.take()?,
        document: Document {
            kind: DocumentKind::of_stored(columns.take()?)
                .ok_or_else(|| damaged("document_kind"))?,
            country: columns.take()?,
            number_digest: columns.take()?,
            expires_on: {
                let text: String = columns.take()?;
                Date::parse("expires_on", &text).map_err(|_| damaged("document_expires_on"))?
            },
        },
        method: Method::of_stored(columns.take()?).ok_or_else(|| damaged("method"))?,
        witness_id: columns.take()?,
        level: columns.level()?,
        recorded_at: columns.take()?,
        reference: columns.take()?,
    })
}
