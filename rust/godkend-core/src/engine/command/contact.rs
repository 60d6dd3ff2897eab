//! Changing how a subscriber is reached.

use super::expect_session;
use super::temporary_pin::end_temporary_pin;
use crate::Id;
use crate::clock::Millis;
use crate::contact::{Contact, Language};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::notification::{Channel, Message};
use crate::store::Tx;

/// Replaces the contact details of an identity. Repeating it changes nothing.
pub struct SetContactDetails {
    /// The client that asks.
    pub actor: String,
    /// Whose.
    pub identity_id: Id,
    /// In E.164 form; `None` for none.
    pub phone_number: Option<String>,
    /// `None` for none.
    pub email: Option<String>,
    /// What messages are written in.
    pub language: Language,
    /// When the subscriber signed in, if a self-service site asks.
    pub signed_in_at: Option<Millis>,
}

impl Command for SetContactDetails {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let mut identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        // Else whoever holds a stolen phone moves, after it was blocked, the messages about it to themself.
        expect_session(tx, &identity.id, self.signed_in_at)?;
        let before = identity.contact.clone();
        identity.contact.replace(
            self.phone_number.clone(),
            self.email.clone(),
            self.language,
            at.now,
        );
        if identity.contact == before {
            return Ok(());
        }
        identity.usable()?;
        tx.put_identity(&identity)?;
        if identity.contact.phone_number != before.phone_number {
            // It was meant for the number as it was, and may not have been sent yet.
            end_temporary_pin(tx, &identity.id)?;
        }
        // Which details changed, never what they were or are: the history is kept for good.
        let changed = serde_json::json!({
            "phone_number": identity.contact.phone_number != before.phone_number,
            "email": identity.contact.email != before.email,
            "language": identity.contact.language != before.language,
        });
        let event = NewEvent {
            kind: kind::CONTACT_CHANGED,
            identity_id: Some(identity.id),
            actor: self.actor.clone(),
            detail: changed.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)?;
        tell_old_addresses(tx, at, &identity, before)
    }
}

/// Queues messages to the addresses that were replaced: whoever can redirect messages would otherwise be the
/// only one to hear of it.
fn tell_old_addresses(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity: &Identity,
    before: Contact,
) -> Result<()> {
    let event_seq = tx.last_event_seq()?;
    let mut tell = |channel, old: Option<String>, new: &Option<String>| match old {
        Some(_) if old != *new => {
            let id = identity.id;
            tx.put_message(&Message::new(at.keys, event_seq, id, channel, old, at.now))
        }
        _ => Ok(()),
    };
    tell(Channel::Sms, before.phone_number, &identity.contact.phone_number)?;
    tell(Channel::Email, before.email, &identity.contact.email)
}
