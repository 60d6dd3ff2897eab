//! Messages from the history to whoever carries them: planned, delivered, settled.
//!
//! One worker at a time holds the lease; what another one still has in its hands when it lost the lease is
//! not written down, so that the message is delivered once more rather than not at all.

use crate::Id;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::notification::{Channel, Delivery, Lease, Message, State};
use crate::random;
use crate::store::Tx;

/// The consumer of the history that messages are made for.
pub(in crate::engine) const NOTIFIER: (&str, &str) = ("", "notifier");

/// Takes the lease, or keeps it.
pub struct TakeDelivery {
    /// Drawn at random by each process.
    pub holder: Id,
}

impl Command for TakeDelivery {
    type Outcome = bool;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<bool> {
        let held = tx.delivery_lease()?;
        let lease = Lease::asked(held, self.holder, at.policy.notification.lease_ms, at.now);
        if lease.holder == self.holder {
            tx.put_delivery_lease(&lease)?;
        }
        Ok(lease.holder == self.holder)
    }
}

/// Whether the lease is still this holder's.
fn delivers(tx: &mut dyn Tx, holder: &Id) -> Result<bool> {
    Ok(tx.delivery_lease()?.is_some_and(|lease| lease.holder == *holder))
}

/// One message that an event asks for.
pub struct Planned {
    /// The event.
    pub event_seq: i64,
    /// How it goes.
    pub channel: Channel,
}

/// Queues the messages that events ask for and moves the cursor past the events, both or neither. Where a
/// subscriber has no address for a channel, there is no message. False once the lease is somebody else's.
pub struct PlanMessages {
    /// Who delivers.
    pub holder: Id,
    /// The last event that was looked at.
    pub until_seq: i64,
    /// What to queue.
    pub planned: Vec<Planned>,
}

impl Command for PlanMessages {
    type Outcome = bool;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<bool> {
        if !delivers(tx, &self.holder)? {
            return Ok(false);
        }
        for planned in &self.planned {
            let Some(event) = tx.event(planned.event_seq)? else { continue };
            let Some(identity_id) = event.identity_id else { continue };
            let contact = tx.identity(&identity_id)?.map(|it| it.contact).unwrap_or_default();
            let reached = match planned.channel {
                Channel::Sms => contact.phone_number.is_some(),
                Channel::Email => contact.email.is_some(),
            };
            let message =
                Message::new(at.keys, event.seq, identity_id, planned.channel, None, at.now);
            if reached && tx.message(&message.id)?.is_none() {
                tx.put_message(&message)?;
            }
        }
        let (client, name) = NOTIFIER;
        if tx.consumer(client, name)?.unwrap_or(0) < self.until_seq {
            tx.put_consumer(client, name, self.until_seq, at.now)?;
        }
        Ok(true)
    }
}

/// Writes down what a delivery came to; what has become of the message, or nothing once the lease is
/// somebody else's.
pub struct SettleMessage {
    /// Who delivered.
    pub holder: Id,
    /// Which message.
    pub message_id: Id,
    /// What it came to.
    pub delivery: Delivery,
}

impl Command for SettleMessage {
    type Outcome = Option<State>;
    // Lost with the power, it is delivered once more.
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Option<State>> {
        if !delivers(tx, &self.holder)? {
            return Ok(None);
        }
        let Some(mut message) = tx.message(&self.message_id)? else { return Ok(None) };
        let draw = u64::from_be_bytes(random::array(at.random)?);
        message.settle(&self.delivery, &at.policy.notification, draw, at.now);
        tx.put_message(&message)?;
        Ok(Some(message.state))
    }
}

/// Queues a dead letter anew, and tells of it in the history.
pub struct RetryMessage {
    /// The client that asks.
    pub actor: String,
    /// Which message.
    pub message_id: Id,
}

impl Command for RetryMessage {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let message = tx.message(&self.message_id)?;
        let mut message = message.ok_or(Error::denied(Reason::MessageNotFound))?;
        message.revive(at.now)?;
        tx.put_message(&message)?;
        let detail = serde_json::json!({
            "event_seq": message.event_seq,
            "channel": message.channel.name(),
        });
        let event = NewEvent {
            kind: kind::MESSAGE_RETRIED,
            identity_id: Some(message.identity_id),
            actor: self.actor.clone(),
            detail: detail.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)
    }
}
