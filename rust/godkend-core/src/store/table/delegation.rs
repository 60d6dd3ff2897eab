//! Who may act for whom.

use rusqlite::{Row, params};

use super::{Columns, MemoryTx, SqliteTx, damaged};
use crate::Id;
use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::delegation::{Delegation, Kind, Scopes};
use crate::error::Result;

macro_rules! columns {
    () => {
        "id, principal_id, agent_id, kind, scopes, starts_on, ends_on, grounds, recorded_by, \
         officer_id, recorded_at, ended_at"
    };
}

/// Who may act for whom.
#[allow(clippy::missing_errors_doc)]
pub trait DelegationRows {
    /// A delegation by its name in the store.
    fn delegation(&mut self, id: &Id) -> Result<Option<Delegation>>;
    /// Those by which somebody may act, now or later, oldest first.
    fn delegations_to(&mut self, agent_id: &Id, now: Millis) -> Result<Vec<Delegation>>;
    /// Those by which others may act for somebody, now or later, oldest first.
    fn delegations_from(&mut self, principal_id: &Id, now: Millis) -> Result<Vec<Delegation>>;
    /// Adds a delegation, or ends one.
    fn put_delegation(&mut self, delegation: &Delegation) -> Result<()>;
}

impl DelegationRows for SqliteTx<'_> {
    fn delegation(&mut self, id: &Id) -> Result<Option<Delegation>> {
        self.one(select!("delegation", "WHERE id = ?1"), [id], read_delegation)
    }

    fn delegations_to(&mut self, agent_id: &Id, now: Millis) -> Result<Vec<Delegation>> {
        let sql = select!(
            "delegation",
            "WHERE agent_id = ?1 AND ends_on >= ?2 AND ended_at IS NULL ORDER BY recorded_at, id"
        );
        self.all(sql, params![agent_id, copenhagen(now).to_string()], read_delegation)
    }

    fn delegations_from(&mut self, principal_id: &Id, now: Millis) -> Result<Vec<Delegation>> {
        let sql = select!(
            "delegation",
            "WHERE principal_id = ?1 AND ends_on >= ?2 AND ended_at IS NULL \
             ORDER BY recorded_at, id"
        );
        self.all(sql, params![principal_id, copenhagen(now).to_string()], read_delegation)
    }

    fn put_delegation(&mut self, it: &Delegation) -> Result<()> {
        let sql = insert!(
            "delegation",
            "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) \
             ON CONFLICT (id) DO UPDATE SET ended_at = excluded.ended_at"
        );
        self.put(
            sql,
            params![
                it.id,
                it.principal_id,
                it.agent_id,
                it.kind as u8,
                it.scopes.names().join("\n"),
                it.starts_on.to_string(),
                it.ends_on.to_string(),
                it.grounds,
                it.recorded_by,
                it.officer_id,
                it.recorded_at,
                it.ended_at,
            ],
        )?;
        Ok(())
    }
}

impl DelegationRows for MemoryTx {
    fn delegation(&mut self, id: &Id) -> Result<Option<Delegation>> {
        Ok(self.rows.delegations.get(id).cloned())
    }

    fn delegations_to(&mut self, agent_id: &Id, now: Millis) -> Result<Vec<Delegation>> {
        Ok(self.open_delegations(now, |it| it.agent_id == *agent_id))
    }

    fn delegations_from(&mut self, principal_id: &Id, now: Millis) -> Result<Vec<Delegation>> {
        Ok(self.open_delegations(now, |it| it.principal_id == *principal_id))
    }

    fn put_delegation(&mut self, delegation: &Delegation) -> Result<()> {
        self.rows.delegations.insert(delegation.id, delegation.clone());
        Ok(())
    }
}

impl MemoryTx {
    fn open_delegations(&self, now: Millis, of: impl Fn(&Delegation) -> bool) -> Vec<Delegation> {
        let all = self.rows.delegations.values();
        let mut open: Vec<_> = all.filter(|it| it.is_open(now) && of(it)).cloned().collect();
        open.sort_by_key(|it| (it.recorded_at, it.id));
        open
    }
}

fn read_delegation(row: &Row<'_>) -> Result<Delegation> {
    let mut columns = Columns::of(row);
    let date = |text: String, column| Date::parse("date", &text).map_err(|_| damaged(column));
    Ok(Delegation {
        id: columns.take()?,
        principal_id: columns.take()?,
        agent_id: columns.take()?,
        kind: Kind::parse(columns.take()?).map_err(|_| damaged("kind"))?,
        scopes: {
            let names: Vec<_> = columns.take::<String>()?.lines().map(str::to_owned).collect();
            Scopes::parse(&names).map_err(|_| damaged("scopes"))?
        },
        starts_on: date(columns.take()?, "starts_on")?,
        ends_on: date(columns.take()?, "ends_on")?,
        grounds: columns.take()?,
        recorded_by: columns.take()?,
        officer_id: columns.take()?,
        recorded_at: columns.take()?,
        ended_at: columns.take()?,
    })
}
