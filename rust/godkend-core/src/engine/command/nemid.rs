//! Moving over: somebody who is signed in with NemID gets the app.

use super::activation::CodeIssued;
use super::{IssueActivationCode, derive_id};
use crate::Id;
use crate::activation::Channel;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::evidence::{Document, DocumentKind, DocumentNumber, Evidence, Method};
use crate::login::{State, Way};
use crate::nemid;
use crate::self_service::Session;
use crate::store::Tx;

/// Records that a subscriber moves over with their NemID, and makes the activation code for their app. Repeating
/// the request gives the same code.
pub struct MoveFromNemId {
    /// The self-service site that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Who moves.
    pub identity_id: Id,
    /// How they are signed in.
    pub session: Session,
}

impl Command for MoveFromNemId {
    type Outcome = CodeIssued;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CodeIssued> {
        nemid::expect_moving(&at.policy.nemid, at.now)?;
        let card_id = self.expect_nemid_login(tx)?;
        // It expects of the subscriber what any activation code does, and nothing is written before it.
        let code = IssueActivationCode {
            actor: self.actor.clone(),
            request_id: self.request_id,
            identity_id: self.identity_id,
            channel: Channel::Profile,
            attested_key: None,
            signed_in_at: Some(self.session.signed_in_at),
        };
        let issued = code.step(tx, at)?;
        self.record(tx, at, &card_id)?;
        Ok(issued)
    }
}

impl MoveFromNemId {
    /// The card that the subscriber is signed in with. Its login is asked and not the assertion, which says of
    /// a display the same.
    fn expect_nemid_login(&self, tx: &mut dyn Tx) -> Result<Id> {
        let login = tx.login(&self.session.login_id)?.filter(|login| {
            login.state == State::Redeemed
                && login.way == Some(Way::KeyCard)
                && login.identity_id == Some(self.identity_id)
        });
        let card_id = login.and_then(|login| login.authenticator_id);
        card_id.ok_or(Error::denied(Reason::NemIdLoginRequired))
    }

    /// Keeps the evidence: NemID is the document, and its card the number.
    fn record(&self, tx: &mut dyn Tx, at: &Moment<'_>, card_id: &Id) -> Result<()> {
        let parts: [&[u8]; 2] = [self.actor.as_bytes(), &self.request_id];
        let id = derive_id(at.keys, b"evidence nemid v1", &parts);
        if tx.evidence(&id)?.is_some() {
            return Ok(());
        }
        let (kind, country) = (DocumentKind::NemId, "DNK");
        let number = DocumentNumber::parse(&super::hex(card_id))?;
        let evidence = Evidence {
            id,
            identity_id: self.identity_id,
            recorded_by: self.actor.clone(),
            officer_id: String::new(),
            reference: String::new(),
            document: Document {
                kind,
                country: country.to_owned(),
                number_digest: number.digest(at.keys, kind, country),
                expires_on: at.policy.nemid.closed_from,
            },
            method: Method::NemId,
            witness_id: None,
            level: Method::NemId.level(),
            recorded_at: at.now,
        };
        tx.add_evidence(&evidence)?;
        let identity = tx.identity(&self.identity_id)?;
        let mut identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
        identity.level = identity.level.max(evidence.level);
        identity.identified_at = identity.identified_at.or(Some(at.now));
        tx.put_identity(&identity)?;
        let event = NewEvent {
            kind: kind::NEMID_MOVED,
            identity_id: Some(identity.id),
            authenticator_id: Some(*card_id),
            login_id: Some(self.session.login_id),
            actor: self.actor.clone(),
            detail: serde_json::json!({ "level": evidence.level.name() }).to_string(),
        };
        tx.append_event(event, at.now)
    }
}
