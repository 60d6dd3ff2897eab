//! Temporary PINs: ordered, charged, and used up by the PIN that is chosen with them.

use super::recovery::{evidence, signed_in_with};
use super::{derive_id, draw, put_budgets};
use crate::Id;
use crate::clock::Millis;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::pin::Pin;
use crate::policy::after;
use crate::recovery::{Lost, Means, Proof, expect_route};
use crate::store::Tx;
use crate::temporary_pin::{TemporaryPin, TemporaryPinState, TemporaryPinText, expect_reachable};

/// Sends a temporary PIN to the subscriber's phone and ends an earlier one. Repeating the request changes
/// nothing.
pub struct IssueTemporaryPin {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose.
    pub identity_id: Id,
    /// What it rests on.
    pub proof: Proof,
}

/// A temporary PIN that is on its way.
#[derive(Debug, Clone, Copy)]
pub struct TemporaryPinIssued {
    /// Names it, and says nothing about its digits.
    pub id: Id,
    /// Until when it is valid.
    pub expires_at: Millis,
}

impl Command for IssueTemporaryPin {
    type Outcome = TemporaryPinIssued;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<TemporaryPinIssued> {
        let identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        let (means, evidence_reference) = evidence(&self.proof);
        expect_route(Lost::Pin, means)?;
        let signed_in_with = signed_in_with(tx, &self.proof, &identity.id)?;
        let parts: [&[u8]; 2] = [self.actor.as_bytes(), &self.request_id];
        let order = Order {
            id: derive_id(at.keys, b"temporary pin id v1", &parts),
            actor: &self.actor,
            means,
            evidence_reference,
            signed_in_with,
        };
        issue(tx, at, &identity, &order)
    }
}

/// What a temporary PIN is issued on.
pub(super) struct Order<'a> {
    /// Its name; the same one again gives the same temporary PIN.
    pub id: Id,
    /// Who asks.
    pub actor: &'a str,
    /// What it rests on.
    pub means: Means,
    /// Where the proof is kept; empty for none.
    pub evidence_reference: &'a str,
    /// The authenticator that the subscriber is signed in with, if that is the proof.
    pub signed_in_with: Option<Id>,
}

/// Issues a temporary PIN.
///
/// # Errors
/// Denied with `REQUEST_ID_REUSED`, `IDENTITY_BLOCKED`, `PHONE_NUMBER_MISSING`, `PHONE_NUMBER_TOO_NEW` or
/// `BUDGET_SPENT`; nothing is written.
pub(super) fn issue(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity: &Identity,
    order: &Order<'_>,
) -> Result<TemporaryPinIssued> {
    if let Some(made) = tx.temporary_pin(&order.id)? {
        let same = made.identity_id == identity.id
            && made.means == order.means
            && made.evidence_reference == order.evidence_reference
            && made.signed_in_with == order.signed_in_with;
        return if same { Ok(issued(&made)) } else { Err(Error::denied(Reason::RequestIdReused)) };
    }
    identity.usable()?;
    expect_reachable(&identity.contact, &at.policy.temporary_pin, at.now)?;
    let of_identity = derive_id(at.keys, b"budget temporary pin identity v1", &[&identity.id]);
    let overall = derive_id(at.keys, b"budget temporary pin overall v1", &[]);
    let budget = &at.policy.budget;
    let budgets =
        [(of_identity, budget.temporary_pin_identity), (overall, budget.temporary_pin_overall)];
    let drawn = draw(tx, budgets, at.now)?;
    put_budgets(tx, &drawn)?;
    end_temporary_pin(tx, &identity.id)?;
    let pin = TemporaryPin {
        id: order.id,
        identity_id: identity.id,
        state: TemporaryPinState::Issued,
        tries_left: at.policy.temporary_pin.tries_max,
        created_at: at.now,
        expires_at: after(at.now, at.policy.temporary_pin.life_ms),
        means: order.means,
        evidence_reference: order.evidence_reference.to_owned(),
        signed_in_with: order.signed_in_with,
    };
    tx.put_temporary_pin(&pin)?;
    let id: String = pin.id.iter().map(|byte| format!("{byte:02x}")).collect();
    let detail = serde_json::json!({
        "temporary_pin_id": id,
        "means": pin.means.name(),
        "evidence_reference": pin.evidence_reference,
    });
    let event = NewEvent {
        kind: kind::TEMPORARY_PIN_ISSUED,
        identity_id: Some(identity.id),
        authenticator_id: pin.signed_in_with,
        actor: order.actor.to_owned(),
        detail: detail.to_string(),
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)?;
    Ok(issued(&pin))
}

fn issued(pin: &TemporaryPin) -> TemporaryPinIssued {
    TemporaryPinIssued { id: pin.id, expires_at: pin.expires_at }
}

/// Ends the temporary PIN that an identity may have.
pub(super) fn end_temporary_pin(tx: &mut dyn Tx, identity_id: &Id) -> Result<()> {
    if let Some(mut pin) = tx.issued_temporary_pin_of(identity_id)? {
        pin.state = TemporaryPinState::Ended;
        tx.put_temporary_pin(&pin)?;
    }
    Ok(())
}

/// A try whose charge is committed, and whose digits may now be looked at.
pub struct ChargedTemporaryPin {
    id: Id,
    text: TemporaryPinText,
}

/// Charges a try of the temporary PIN of an identity. `by` is the app that it is for.
///
/// # Errors
/// Denied with `TEMPORARY_PIN_OVER` if there is none, or `OTHER_AUTHENTICATOR_NEEDED` if it was ordered by
/// that app; nothing is charged.
pub(super) fn charge_temporary_pin(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity_id: &Id,
    by: &Id,
) -> Result<ChargedTemporaryPin> {
    let pin = tx.issued_temporary_pin_of(identity_id)?;
    let mut pin = pin.ok_or(Error::denied(Reason::TemporaryPinOver))?;
    if pin.signed_in_with == Some(*by) {
        return Err(Error::denied(Reason::OtherAuthenticatorNeeded));
    }
    pin.charge(at.now)?;
    tx.put_temporary_pin(&pin)?;
    Ok(ChargedTemporaryPin { id: pin.id, text: TemporaryPinText::derive(at.keys, &pin.id) })
}

impl ChargedTemporaryPin {
    /// Looks at what was typed.
    #[must_use]
    pub fn check(self, typed: &Pin) -> CheckedTemporaryPin {
        CheckedTemporaryPin { id: self.id, right: self.text.matches(typed) }
    }
}

/// A try that has been looked at.
pub struct CheckedTemporaryPin {
    id: Id,
    right: bool,
}

impl CheckedTemporaryPin {
    /// Whether it was right.
    #[must_use]
    pub const fn is_right(&self) -> bool {
        self.right
    }
}

/// Uses the temporary PIN up if it was right, else tells of the wrong try. The caller goes on to what was
/// chosen with it only if this returns.
///
/// # Errors
/// Denied with `TEMPORARY_PIN_WRONG` and the tries left, or with `TEMPORARY_PIN_OVER` if it was used or ended
/// in the meantime.
pub(super) fn use_temporary_pin(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    checked: &CheckedTemporaryPin,
    authenticator_id: Option<Id>,
) -> Result<()> {
    let pin = tx.temporary_pin(&checked.id)?;
    let mut pin =
        pin.ok_or_else(|| Error::fault(Reason::StoreFault, "a charged temporary PIN is gone"))?;
    if !checked.right {
        let event = NewEvent {
            kind: kind::TEMPORARY_PIN_WRONG,
            identity_id: Some(pin.identity_id),
            authenticator_id,
            actor: "device".to_owned(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        return Err(pin.wrong());
    }
    if pin.state != TemporaryPinState::Issued {
        return Err(Error::denied(Reason::TemporaryPinOver));
    }
    pin.state = TemporaryPinState::Used;
    tx.put_temporary_pin(&pin)
}
