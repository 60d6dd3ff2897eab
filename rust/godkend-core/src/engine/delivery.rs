//! What the notifier reads, and the codes that it alone is told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::command::NOTIFIER;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::activation::{Channel as Way, CodeText};
use crate::contact::Language;
use crate::error::Result;
use crate::event::Event;
use crate::notification::{Channel, Message};
use crate::store::{ROWS_AT_A_TIME, Tx};

/// Events that ask for messages.
pub struct Notices {
    /// The last event that was looked at.
    pub until_seq: i64,
    /// Whether there may be more.
    pub more: bool,
    /// Those of the kinds that were asked for.
    pub events: Vec<Event>,
}

/// A message that is to be delivered now.
pub struct Due {
    /// The message.
    pub message: Message,
    /// What it tells of.
    pub event: Event,
    /// Where it goes; empty if the subscriber is no longer reached that way.
    pub address: String,
    /// What it is written in.
    pub language: Language,
}

impl Engine {
    /// The events after a cursor that are of these kinds, some at a time. Without a cursor it goes on after
    /// the last events that messages were made for.
    pub fn read_notices(
        &self,
        after_seq: Option<i64>,
        kinds: BTreeSet<String>,
        deadline: Deadline,
        reply: Reply<Notices>,
    ) {
        self.query(deadline, reply, move |tx| {
            let (client, name) = NOTIFIER;
            let after_seq = match after_seq {
                Some(seq) => seq,
                None => tx.consumer(client, name)?.unwrap_or(0),
            };
            let events = tx.events_after(after_seq, ROWS_AT_A_TIME)?;
            Ok(Notices {
                until_seq: events.last().map_or(after_seq, |last| last.seq),
                more: events.len() == ROWS_AT_A_TIME,
                events: events.into_iter().filter(|it| kinds.contains(&it.kind)).collect(),
            })
        });
    }

    /// The messages that are due, the longest due first, with all that is needed to write them but codes.
    pub fn due_messages(&self, count_max: usize, deadline: Deadline, reply: Reply<Vec<Due>>) {
        let clock = Arc::clone(&self.shared.clock);
        self.query(deadline, reply, move |tx| {
            let due = tx.messages_due(clock.now_ms(), count_max)?;
            due.into_iter().filter_map(|message| due_of(tx, message).transpose()).collect()
        });
    }

    /// Dead letters after one, in the order of their events.
    pub fn dead_letters(
        &self,
        after: (i64, Id),
        count_max: usize,
        deadline: Deadline,
        reply: Reply<Vec<Message>>,
    ) {
        self.query(deadline, reply, move |tx| tx.dead_letters(after, count_max));
    }

    /// The text of an activation code that goes by SMS and is still good; nothing otherwise. For the
    /// notifier alone.
    pub fn reveal_activation_code(
        &self,
        code_id: Id,
        deadline: Deadline,
        reply: Reply<Option<CodeText>>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let code = tx.code(&code_id)?;
            let good =
                code.filter(|it| it.channel == Way::Sms && it.is_live(shared.clock.now_ms()));
            Ok(good.map(|it| CodeText::derive(&shared.keys, &it.id)))
        });
    }

    /// Whether this or no worker has the right to deliver now: asking for it costs a write.
    pub fn may_take_delivery(&self, holder: Id, deadline: Deadline, reply: Reply<bool>) {
        let clock = Arc::clone(&self.shared.clock);
        self.query(deadline, reply, move |tx| {
            let held = tx.delivery_lease()?;
            Ok(held.is_none_or(|it| it.holder == holder || it.expires_at <= clock.now_ms()))
        });
    }
}

fn due_of(tx: &mut dyn Tx, message: Message) -> Result<Option<Due>> {
    let Some(event) = tx.event(message.event_seq)? else { return Ok(None) };
    let contact = tx.identity(&message.identity_id)?.map(|it| it.contact).unwrap_or_default();
    let present = match message.channel {
        Channel::Sms => &contact.phone_number,
        Channel::Email => &contact.email,
    };
    let address = message.address.as_ref().or(present.as_ref()).cloned().unwrap_or_default();
    Ok(Some(Due { message, event, address, language: contact.language }))
}
