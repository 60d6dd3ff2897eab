//! Finding a forgotten user ID.

use super::recovery::evidence;
use super::{derive_id, draw, put_budgets};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::pin::BirthDate;
use crate::recovery::{Lost, Proof, expect_route};
use crate::store::Tx;

/// Tells support a user ID, by the document that proved the identity and the birth date.
///
/// Each look is charged to the client before it is taken: whoever has its token could else try the numbers
/// of documents one by one. Nobody found, several found and another birth date are one answer.
pub struct FindUserId {
    /// The client that asks.
    pub actor: String,
    /// The number of the document, digested with the server's key.
    pub number_digest: [u8; 32],
    /// As the document says it.
    pub birth_date: BirthDate,
    /// What it rests on.
    pub proof: Proof,
}

impl Command for FindUserId {
    type Outcome = String;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<String> {
        let (means, evidence_reference) = evidence(&self.proof);
        expect_route(Lost::UserId, means)?;
        self.charge(tx, at)?;
        let identity = self.find(tx)?.ok_or(Error::denied(Reason::UserIdNotFound))?;
        identity.usable()?;
        let detail = serde_json::json!({
            "means": means.name(),
            "evidence_reference": evidence_reference,
        });
        let event = NewEvent {
            kind: kind::USER_ID_FOUND,
            identity_id: Some(identity.id),
            actor: self.actor.clone(),
            detail: detail.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        Ok(identity.user_id.chosen)
    }
}

impl FindUserId {
    fn charge(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<()> {
        let budget = &at.policy.budget;
        let client = derive_id(at.keys, b"budget user id client v1", &[self.actor.as_bytes()]);
        let overall = derive_id(at.keys, b"budget user id overall v1", &[]);
        let budgets = [(client, budget.user_id_client), (overall, budget.user_id_overall)];
        let drawn = draw(tx, budgets, at.now)?;
        put_budgets(tx, &drawn)
    }

    fn find(&self, tx: &mut dyn Tx) -> Result<Option<Identity>> {
        let known = tx.identities_of_document(&self.number_digest)?;
        let &[one] = known.as_slice() else {
            return Ok(None);
        };
        Ok(tx.identity(&one)?.filter(|identity| identity.birth_date == Some(self.birth_date)))
    }
}
