//! What the bearer of a verified passport gets: evidence of who they are, and ways back.
//!
//! A way back is found by the document, if it is on record for exactly one identity. Name and birth date
//! alone find a user ID, which opens nothing; they do not find a way to a new phone, since a namesake born
//! on the same day has a passport too. Whoever has a new passport since records it signed in, or goes to a
//! desk; for the same reason a first passport is recorded without that only of somebody who is not
//! proved yet. Nobody found, several found and another birth date are one answer.

use super::recovery::signed_in_with;
use super::{
    CodeIssued, IssueActivationCode, IssueTemporaryPin, TemporaryPinIssued, derive_id, draw,
    put_budgets,
};
use crate::Id;
use crate::activation::Channel;
use crate::age;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::evidence::{Evidence, Method};
use crate::identity::Identity;
use crate::passport::{Proof, same_person};
use crate::pin::BirthDate;
use crate::recovery::{self, Means};
use crate::self_service::Session;
use crate::store::Tx;

/// Charges a verification to the client that asks for it.
pub struct ChargePassport {
    /// The client that asks.
    pub actor: String,
}

/// A verification that was charged, and may now be computed.
pub struct PassportCharged(());

impl Command for ChargePassport {
    type Outcome = PassportCharged;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<PassportCharged> {
        let budget = &at.policy.budget;
        let client = derive_id(at.keys, b"budget passport client v1", &[self.actor.as_bytes()]);
        let overall = derive_id(at.keys, b"budget passport overall v1", &[]);
        let budgets = [(client, budget.passport_client), (overall, budget.passport_overall)];
        let drawn = draw(tx, budgets, at.now)?;
        put_budgets(tx, &drawn)?;
        Ok(PassportCharged(()))
    }
}

/// Records a passport as evidence. Repeating the request gives the same evidence.
pub struct VerifyPassport {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose passport it is said to be.
    pub identity_id: Id,
    /// The subscriber's session, if they are signed in.
    pub session: Option<Session>,
    /// Whose it is.
    pub proof: Proof,
}

impl Command for VerifyPassport {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = derive_id(at.keys, b"evidence v1", &[self.actor.as_bytes(), &self.request_id]);
        if let Some(made) = tx.evidence(&id)? {
            let same = made == self.evidence(id, made.recorded_at);
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        let mut identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        identity.usable()?;
        identity.birth_date = identity.birth_date.or(Some(birth_date(&self.proof)));
        if !same_person(&identity, &self.proof.mrz) {
            return Err(not_matched());
        }
        // A passport is one person's, and a person has one identity.
        let known = tx.identities_of_document(&self.proof.document.number_digest)?;
        if known.iter().any(|known| *known != identity.id) {
            return Err(not_matched());
        }
        if known.is_empty() && identity.proved_since().is_some() {
            self.expect_signed_in(tx)?;
        }
        age::check(&identity, true, &at.policy.issuing, at.now)?;
        let evidence = self.evidence(id, at.now);
        tx.add_evidence(&evidence)?;
        identity.level = identity.level.max(evidence.level);
        identity.identified_at = identity.identified_at.or(Some(at.now));
        tx.put_identity(&identity)?;
        let detail = serde_json::json!({
            "method": evidence.method.name(),
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

impl VerifyPassport {
    /// A further document opens the ways back too: the subscriber has to say that it is theirs.
    fn expect_signed_in(&self, tx: &mut dyn Tx) -> Result<()> {
        let session = self.session.ok_or(Error::denied(Reason::SubscriberNotProved))?;
        signed_in_with(tx, &recovery::Proof::SignedIn(session), &self.identity_id).map(drop)
    }

    fn evidence(&self, id: Id, recorded_at: i64) -> Evidence {
        Evidence {
            id,
            identity_id: self.identity_id,
            recorded_by: self.actor.clone(),
            officer_id: String::new(),
            reference: self.proof.reference.clone(),
            document: self.proof.document.clone(),
            method: Method::Chip,
            witness_id: None,
            level: Method::Chip.level(),
            recorded_at,
        }
    }
}

/// Sends a temporary PIN to the phone number on record. Repeating the request changes nothing.
pub struct RecoverPin {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose passport it is.
    pub proof: Proof,
}

impl Command for RecoverPin {
    type Outcome = TemporaryPinIssued;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<TemporaryPinIssued> {
        let identity = of_document(tx, &self.proof)?.ok_or_else(not_matched)?;
        IssueTemporaryPin {
            actor: self.actor.clone(),
            request_id: self.request_id,
            identity_id: identity.id,
            proof: recovery::Proof::Evidence(Means::Passport, self.proof.reference.clone()),
        }
        .step(tx, at)
    }
}

/// Tells a user ID to whom it belongs.
pub struct RecoverUserId {
    /// The client that asks.
    pub actor: String,
    /// Whose passport it is.
    pub proof: Proof,
}

impl Command for RecoverUserId {
    type Outcome = String;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<String> {
        let identity = match of_document(tx, &self.proof)? {
            Some(identity) => identity,
            None => of_name(tx, &self.proof)?.ok_or_else(not_matched)?,
        };
        identity.usable()?;
        accepted(tx, at, &identity, &self.actor, "user_id")?;
        Ok(identity.user_id.chosen)
    }
}

/// Makes an activation code for a lost phone's owner. Repeating the request gives the same code.
pub struct RecoverApp {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// How the code reaches the subscriber.
    pub channel: Channel,
    /// The fingerprint of the key that the registrar vouches for, if any.
    pub attested_key: Option<[u8; 32]>,
    /// Whose passport it is.
    pub proof: Proof,
}

impl Command for RecoverApp {
    type Outcome = CodeIssued;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CodeIssued> {
        let identity = of_document(tx, &self.proof)?.ok_or_else(not_matched)?;
        identity.usable()?;
        let issued = IssueActivationCode {
            actor: self.actor.clone(),
            request_id: self.request_id,
            identity_id: identity.id,
            channel: self.channel,
            attested_key: self.attested_key,
            signed_in_at: None,
        }
        .step(tx, at)?;
        accepted(tx, at, &identity, &self.actor, "app")?;
        Ok(issued)
    }
}

/// The one identity that this document has proved, if it has proved any.
fn of_document(tx: &mut dyn Tx, proof: &Proof) -> Result<Option<Identity>> {
    match tx.identities_of_document(&proof.document.number_digest)?.as_slice() {
        [] => Ok(None),
        [one] => {
            let identity = tx.identity(one)?.filter(|it| it.birth_date == Some(birth_date(proof)));
            identity.ok_or_else(not_matched).map(Some)
        }
        _ => Err(not_matched()),
    }
}

/// The one identity of this name and birth date.
fn of_name(tx: &mut dyn Tx, proof: &Proof) -> Result<Option<Identity>> {
    let born = tx.identities_born_on(birth_date(proof))?;
    // Where more were born than are looked at, somebody else might have the name.
    if born.len() == crate::store::ROWS_AT_A_TIME {
        return Ok(None);
    }
    let mut named = born.into_iter().filter(|identity| same_person(identity, &proof.mrz));
    let first = named.next();
    Ok(first.filter(|_| named.next().is_none()))
}

fn birth_date(proof: &Proof) -> BirthDate {
    BirthDate::from(proof.mrz.birth_date)
}

fn accepted(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity: &Identity,
    actor: &str,
    way_back: &str,
) -> Result<()> {
    let event = NewEvent {
        kind: kind::PASSPORT_ACCEPTED,
        identity_id: Some(identity.id),
        actor: actor.to_owned(),
        detail: serde_json::json!({ "for": way_back }).to_string(),
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)
}

const fn not_matched() -> Error {
    Error::denied(Reason::PassportNotMatched)
}
