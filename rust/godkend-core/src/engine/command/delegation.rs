//! Recording and ending that somebody may act for another, and acting.

use super::derive_id;
use crate::Id;
use crate::approval::{ApprovalStatement, id};
use crate::civil::Date;
use crate::delegation::{self, Acting, Delegation, Kind, OnBehalf, Scopes};
use crate::digest::hex;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::login::Login;
use crate::store::Tx;

/// Records that somebody may act for another. Repeating the request changes nothing.
pub struct RecordDelegation {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// For whom.
    pub principal_id: Id,
    /// Who acts.
    pub agent_id: Id,
    /// Why they may.
    pub kind: Kind,
    /// At which service providers.
    pub scopes: Scopes,
    /// The first day.
    pub starts_on: Date,
    /// The last day.
    pub ends_on: Date,
    /// By which document or decision.
    pub grounds: String,
    /// Who saw it.
    pub officer_id: String,
}

impl Command for RecordDelegation {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = derive_id(at.keys, b"delegation v1", &[self.actor.as_bytes(), &self.request_id]);
        let delegation = |recorded_at, ended_at| Delegation {
            id,
            principal_id: self.principal_id,
            agent_id: self.agent_id,
            kind: self.kind,
            scopes: self.scopes.clone(),
            starts_on: self.starts_on,
            ends_on: self.ends_on,
            grounds: self.grounds.clone(),
            recorded_by: self.actor.clone(),
            officer_id: self.officer_id.clone(),
            recorded_at,
            ended_at,
        };
        if let Some(made) = tx.delegation(&id)? {
            let same = made == delegation(made.recorded_at, made.ended_at);
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        let made = delegation(at.now, None);
        let mut person = |id| tx.identity(id)?.ok_or(Error::denied(Reason::IdentityNotFound));
        let (principal, agent) = (person(&self.principal_id)?, person(&self.agent_id)?);
        let given = tx.delegations_from(&principal.id, at.now)?.len();
        let received = tx.delegations_to(&agent.id, at.now)?.len();
        let open = given.max(received);
        delegation::check(&made, &principal, &agent, open, &at.policy.delegation, at.now)?;
        tx.put_delegation(&made)?;
        tell(tx, at, kind::DELEGATION_RECORDED, &self.actor, &made)?;
        Ok(id)
    }
}

/// Ends that somebody may act for another. Repeating it changes nothing.
pub struct EndDelegation {
    /// The client that asks.
    pub actor: String,
    /// One of the two.
    pub identity_id: Id,
    /// Which delegation.
    pub delegation_id: Id,
}

impl Command for EndDelegation {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let found = tx.delegation(&self.delegation_id)?;
        let found = found.filter(|it| it.is_between(&self.identity_id));
        let mut delegation = found.ok_or(Error::denied(Reason::DelegationNotFound))?;
        if delegation.ended_at.is_some() {
            return Ok(());
        }
        delegation.ended_at = Some(at.now);
        tx.put_delegation(&delegation)?;
        tell(tx, at, kind::DELEGATION_ENDED, &self.actor, &delegation)
    }
}

/// Tells the history of both.
fn tell(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    kind: &'static str,
    actor: &str,
    it: &Delegation,
) -> Result<()> {
    for (whose, role) in [(it.principal_id, "principal"), (it.agent_id, "agent")] {
        let detail = serde_json::json!({
            "delegation_id": hex(&it.id),
            "kind": it.kind.name(),
            "role": role,
        });
        let event = NewEvent {
            kind,
            identity_id: Some(whose),
            actor: actor.to_owned(),
            detail: detail.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
    }
    Ok(())
}

/// For whom somebody may act in a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// By which delegation.
    pub delegation_id: Id,
    /// The person's name, to be shown and signed.
    pub name: String,
    /// Why.
    pub kind: Kind,
}

/// All for whom this subscriber may act in this login.
///
/// # Errors
/// Denied with `NOBODY_TO_ACT_FOR` if it must be on somebody's behalf.
pub(super) fn principals(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
    agent_id: &Id,
) -> Result<Vec<Principal>> {
    if login.acting == Acting::No {
        return Ok(Vec::new());
    }
    let mut principals = Vec::new();
    for it in tx.delegations_to(agent_id, at.now)? {
        if let Some(person) = authorised(tx, at, login, agent_id, &it)? {
            principals.push(Principal { delegation_id: it.id, name: person.name, kind: it.kind });
        }
    }
    if login.acting == Acting::Required && principals.is_empty() {
        return Err(Error::denied(Reason::NobodyToActFor));
    }
    Ok(principals)
}

/// For whom a statement acts, if for anybody: a choice that was asked for, of somebody who was shown.
///
/// # Errors
/// Denied with `ACTING_NOT_ASKED`, `ACTING_REQUIRED`, `DELEGATION_INVALID` or
/// `STATEMENT_WRONG_PRINCIPAL`.
pub(super) fn chosen(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    statement: &ApprovalStatement,
    login: &Login,
    agent_id: &Id,
) -> Result<Option<OnBehalf>> {
    login.acting.check(statement.on_behalf.is_some())?;
    let Some(shown) = &statement.on_behalf else { return Ok(None) };
    let delegation_id = id(&shown.delegation_id)?;
    let person = acts_for(tx, at, login, agent_id, &delegation_id)?;
    if shown.name != person.name {
        return Err(Error::denied(Reason::StatementWrongPrincipal));
    }
    Ok(Some(OnBehalf { delegation_id, principal_id: person.id }))
}

/// The person for whom this subscriber acts, if that is so now.
///
/// # Errors
/// Denied with `DELEGATION_INVALID`.
pub(super) fn acts_for(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
    agent_id: &Id,
    delegation_id: &Id,
) -> Result<Identity> {
    let person = match tx.delegation(delegation_id)? {
        Some(it) => authorised(tx, at, login, agent_id, &it)?,
        None => None,
    };
    person.ok_or(Error::denied(Reason::DelegationInvalid))
}

fn authorised(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
    agent_id: &Id,
    it: &Delegation,
) -> Result<Option<Identity>> {
    if !it.covers(agent_id, &login.service_provider, at.now) {
        return Ok(None);
    }
    Ok(tx.identity(&it.principal_id)?.filter(|person| person.usable().is_ok()))
}
