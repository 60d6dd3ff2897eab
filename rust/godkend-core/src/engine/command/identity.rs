//! Registering.

use super::derive_id;
use crate::Id;
use crate::contact::Contact;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::{Identity, Level, UserId};
use crate::pin::BirthDate;
use crate::store::Tx;

/// Registers a subscriber. Repeating the request gives the same identity.
pub struct CreateIdentity {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// What the subscriber chose.
    pub user_id: UserId,
    /// For people to read.
    pub name: String,
    /// If known.
    pub birth_date: Option<BirthDate>,
    /// How well the identity was proved, by a registrar that vouches for it; `None` for one that is yet to
    /// be identified at a desk.
    pub level: Option<Level>,
    /// The CVR number of the organisation that it acts for, if it does.
    pub organisation: Option<String>,
}

impl Command for CreateIdentity {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = derive_id(at.keys, b"identity v1", &[self.actor.as_bytes(), &self.request_id]);
        if let Some(made) = tx.identity(&id)? {
            let same = self.made(&made);
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        if tx.population()?.is_some() {
            return Err(Error::denied(Reason::SyntheticStore));
        }
        if tx.identity_by_user_id(&self.user_id.canonical)?.is_some() {
            return Err(Error::denied(Reason::UserIdTaken));
        }
        tx.put_identity(&Identity {
            id,
            user_id: self.user_id.clone(),
            name: self.name.clone(),
            birth_date: self.birth_date,
            level: self.level.unwrap_or(Level::Low),
            is_vouched: self.level.is_some(),
            identified_at: None,
            organisation: self.organisation.clone(),
            contact: Contact::default(),
            blocked_at: None,
            created_at: at.now,
        })?;
        let event = NewEvent {
            kind: kind::IDENTITY_CREATED,
            identity_id: Some(id),
            actor: self.actor.clone(),
            detail: serde_json::json!({ "level": self.level.map(Level::name) }).to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(id)
    }
}

impl CreateIdentity {
    /// Whether this request made that identity, whatever a desk has recorded since.
    fn made(&self, made: &Identity) -> bool {
        let identified = made.identified_at.is_some();
        let level = self.level.unwrap_or(Level::Low);
        made.user_id == self.user_id
            && made.name == self.name
            && made.is_vouched == self.level.is_some()
            && made.organisation == self.organisation
            && (made.level == level || identified && made.level > level)
            && (made.birth_date == self.birth_date || identified && self.birth_date.is_none())
    }
}
