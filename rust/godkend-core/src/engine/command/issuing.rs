//! At a desk: who somebody is, and a parent's consent.

use super::derive_id;
use crate::Id;
use crate::consent::{self, Consent};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::evidence::{Document, Evidence, Method};
use crate::identity::Identity;
use crate::pin::BirthDate;
use crate::store::Tx;
use crate::{age, witness};

/// Records who identified a subscriber, and how. Repeating the request gives the same evidence.
pub struct RecordIdentification {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Who was identified.
    pub identity_id: Id,
    /// Who identified them.
    pub officer_id: String,
    /// By which document.
    pub document: Document,
    /// As the document says it.
    pub birth_date: BirthDate,
    /// How the person was matched with it.
    pub method: Method,
    /// The witness's identity, exactly if the method is a witness.
    pub witness_id: Option<Id>,
}

impl Command for RecordIdentification {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = derive_id(at.keys, b"evidence v1", &[self.actor.as_bytes(), &self.request_id]);
        let mut identity = identity(tx, &self.identity_id)?;
        if let Some(made) = tx.evidence(&id)? {
            let same = made == self.evidence(id, made.recorded_at)
                && identity.birth_date == Some(self.birth_date);
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        self.document.check(at.now)?;
        if identity.birth_date.is_some_and(|known| known != self.birth_date) {
            return Err(Error::denied(Reason::BirthDateDiffers));
        }
        identity.birth_date = Some(self.birth_date);
        // Nothing is kept of those who are too young; whether a parent consents can be said later.
        age::check(&identity, true, &at.policy.issuing, at.now)?;
        if let Some(witness_id) = self.witness_id {
            self.check_witness(tx, at, &witness_id)?;
        }
        let evidence = self.evidence(id, at.now);
        tx.add_evidence(&evidence)?;
        identity.level = identity.level.max(evidence.level);
        identity.identified_at = identity.identified_at.or(Some(at.now));
        tx.put_identity(&identity)?;
        let detail = serde_json::json!({
            "officer_id": self.officer_id,
            "method": self.method.name(),
            "level": evidence.level.name(),
        });
        let event = NewEvent {
            kind: kind::IDENTITY_IDENTIFIED,
            identity_id: Some(identity.id),
            actor: self.actor.clone(),
            detail: detail.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(id)
    }
}

impl RecordIdentification {
    fn evidence(&self, id: Id, recorded_at: i64) -> Evidence {
        Evidence {
            id,
            identity_id: self.identity_id,
            recorded_by: self.actor.clone(),
            officer_id: self.officer_id.clone(),
            reference: String::new(),
            document: self.document.clone(),
            method: self.method,
            witness_id: self.witness_id,
            level: self.method.level(),
            recorded_at,
        }
    }

    fn check_witness(&self, tx: &mut dyn Tx, at: &Moment<'_>, witness_id: &Id) -> Result<()> {
        let policy = &at.policy.issuing;
        let known = tx.identity(witness_id)?.ok_or(Error::denied(Reason::WitnessNotAllowed))?;
        let statements = tx.statements_of(witness_id, witness::counted_after(policy, at.now))?;
        witness::check(&known, Some(&self.identity_id), &statements, policy, at.now).map(drop)
    }
}

/// Records that a parent consents. Repeating the request changes nothing.
pub struct RecordConsent {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// The child's identity.
    pub identity_id: Id,
    /// The parent's identity.
    pub parent_id: Id,
    /// Who saw the parent consent.
    pub officer_id: String,
}

impl Command for RecordConsent {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = derive_id(at.keys, b"consent v1", &[self.actor.as_bytes(), &self.request_id]);
        let consent = |recorded_at| Consent {
            id,
            identity_id: self.identity_id,
            parent_id: self.parent_id,
            recorded_by: self.actor.clone(),
            officer_id: self.officer_id.clone(),
            recorded_at,
        };
        if let Some(made) = tx.consent(&id)? {
            let same = made == consent(made.recorded_at);
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        let child = identity(tx, &self.identity_id)?;
        child.usable()?;
        let parent = tx.identity(&self.parent_id)?;
        consent::check(&child, parent.as_ref(), &at.policy.issuing, at.now)?;
        tx.add_consent(&consent(at.now))?;
        let event = NewEvent {
            kind: kind::CONSENT_RECORDED,
            identity_id: Some(child.id),
            actor: self.actor.clone(),
            detail: serde_json::json!({ "officer_id": self.officer_id }).to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(id)
    }
}

fn identity(tx: &mut dyn Tx, id: &Id) -> Result<Identity> {
    tx.identity(id)?.ok_or(Error::denied(Reason::IdentityNotFound))
}
