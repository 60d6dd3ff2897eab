//! Messages to subscribers: one for each event and channel, delivered at least once.
//!
//! A message is named after its event and its channel, so that one that is delivered twice, because the
//! process ended between delivering and writing it down, can be recognised as the same. Invariant: it is
//! settled once, and until then it is tried again, each wait twice as long as the one before and somewhat at
//! random, so that many that failed together do not all come back together (RFC 5321, section 4.5.4.1, asks
//! for growing waits). What is refused for good, or has failed often enough, is a dead letter that an
//! operator sees. Nothing of a message's text lies in the store.

use crate::Id;
use crate::clock::Millis;
use crate::contact::Contact;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::policy::{NotificationPolicy, after};

/// The most characters that are kept of why a delivery failed.
const FAILURE_CHARS_MAX: usize = 64;

/// How a message reaches the subscriber. What the app shows it makes out of the history itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// By SMS.
    Sms = 1,
    /// By e-mail.
    Email = 2,
}

impl Channel {
    /// Reads a number.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `channel`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Sms),
            2 => Ok(Self::Email),
            _ => Err(Error::invalid("channel", "must be SMS or EMAIL")),
        }
    }

    /// The name in the history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Email => "email",
        }
    }
}

/// Whether an app shows messages: where its subscriber has them on, and where no other way reaches them. SMS
/// and e-mail ask for no such choice, so that no phone silences what may be about itself.
#[must_use]
pub const fn shows_messages(notifications_on: bool, contact: &Contact) -> bool {
    notifications_on || (contact.phone_number.is_none() && contact.email.is_none())
}

/// What has become of a message. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// Waits for its next delivery.
    Queued = 1,
    /// Taken over by whoever carries it on.
    Delivered = 2,
    /// Given up; an operator may try again.
    Dead = 3,
    /// Overtaken: what it would say is no longer so.
    Dropped = 4,
}

impl State {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Queued,
            2 => Self::Delivered,
            3 => Self::Dead,
            4 => Self::Dropped,
            _ => return None,
        })
    }
}

/// What one delivery came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// It was taken over.
    Taken,
    /// What it would say is no longer so.
    Overtaken,
    /// It may succeed later; why it did not.
    Failed(String),
    /// It was refused for good; why.
    Refused(String),
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Derived from its event and channel.
    pub id: Id,
    /// The event that it tells of.
    pub event_seq: i64,
    /// Whom it is for.
    pub identity_id: Id,
    /// How it goes.
    pub channel: Channel,
    /// Where it goes, if not to where the subscriber is reached at its delivery.
    pub address: Option<String>,
    /// What has become of it.
    pub state: State,
    /// Deliveries that failed.
    pub tries: u32,
    /// When it is tried next.
    pub due_at: Millis,
    /// Why the last delivery failed; without addresses.
    pub failure: String,
    /// Since when it is no longer queued.
    pub settled_at: Option<Millis>,
}

impl Message {
    /// A message that is due now. Those to an address that is no longer the subscriber's have an id of
    /// their own.
    #[must_use]
    pub fn new(
        keys: &Keys,
        event_seq: i64,
        identity_id: Id,
        channel: Channel,
        address: Option<String>,
        now: Millis,
    ) -> Self {
        let elsewhere = u8::from(address.is_some());
        let parts: [&[u8]; 3] = [&event_seq.to_be_bytes(), &[channel as u8], &[elsewhere]];
        let mut id = [0; 16];
        id.iter_mut().zip(keys.derive(b"message v1", &parts)).for_each(|(to, from)| *to = from);
        Self {
            id,
            event_seq,
            identity_id,
            channel,
            address,
            state: State::Queued,
            tries: 0,
            due_at: now,
            failure: String::new(),
            settled_at: None,
        }
    }

    /// Writes down what a delivery came to; `draw` is 8 random bytes as a number. A message that is no
    /// longer queued stays as it is.
    pub fn settle(
        &mut self,
        delivery: &Delivery,
        policy: &NotificationPolicy,
        draw: u64,
        now: Millis,
    ) {
        if self.state != State::Queued {
            return;
        }
        let (failure, is_final) = match delivery {
            Delivery::Taken => return self.end(State::Delivered, now),
            Delivery::Overtaken => return self.end(State::Dropped, now),
            Delivery::Failed(failure) => (failure, false),
            Delivery::Refused(failure) => (failure, true),
        };
        self.tries = self.tries.saturating_add(1);
        self.failure = failure.chars().take(FAILURE_CHARS_MAX).collect();
        if is_final || self.tries >= policy.tries_max {
            self.end(State::Dead, now);
        } else {
            self.due_at = after(now, wait_ms(self.tries, policy, draw));
        }
    }

    fn end(&mut self, state: State, now: Millis) {
        self.state = state;
        self.settled_at = Some(now);
        if state != State::Dead {
            // Not needed any more, and not this table's to keep.
            self.address = None;
        }
    }

    /// Queues a dead letter anew, with all its tries.
    ///
    /// # Errors
    /// Denied with `MESSAGE_NOT_DEAD`.
    pub fn revive(&mut self, now: Millis) -> Result<()> {
        if self.state != State::Dead {
            return Err(Error::denied(Reason::MessageNotDead));
        }
        self.state = State::Queued;
        self.tries = 0;
        self.due_at = now;
        self.settled_at = None;
        Ok(())
    }
}

/// The wait after so many failures: doubled each time up to the longest, then between half of it and all of
/// it, as `draw` says.
fn wait_ms(tries: u32, policy: &NotificationPolicy, draw: u64) -> u64 {
    let doubled = 1_u64.checked_shl(tries.saturating_sub(1)).unwrap_or(u64::MAX);
    let longest = policy.retry_ms.saturating_mul(doubled).min(policy.retry_ms_max);
    longest - draw % (longest / 2 + 1)
}

/// The right to deliver, which one worker at a time has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who has it; drawn at random by each process.
    pub holder: Id,
    /// Until when, unless it is taken again before.
    pub expires_at: Millis,
}

impl Lease {
    /// The lease as it is once `holder` has asked for it: a worker that is gone leaves it to the next one
    /// when it expires.
    #[must_use]
    pub fn asked(held: Option<Self>, holder: Id, life_ms: u64, now: Millis) -> Self {
        match held {
            Some(held) if held.holder != holder && now < held.expires_at => held,
            _ => Self { holder, expires_at: after(now, life_ms) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Millis = 1_800_000_000_000;

    fn message() -> Message {
        Message::new(&Keys::generate().unwrap(), 7, [1; 16], Channel::Sms, None, NOW)
    }

    fn failed() -> Delivery {
        Delivery::Failed("timeout".to_owned())
    }

    #[test]
    fn a_message_is_named_after_its_event_its_channel_and_whether_it_goes_elsewhere() {
        let keys = Keys::generate().unwrap();
        let id = |seq, channel, address: Option<&str>| {
            Message::new(&keys, seq, [1; 16], channel, address.map(str::to_owned), NOW).id
        };
        let first = id(7, Channel::Sms, None);
        assert_eq!(first, id(7, Channel::Sms, None));
        for other in [
            id(8, Channel::Sms, None),
            id(7, Channel::Email, None),
            id(7, Channel::Sms, Some("+4512345678")),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn the_last_try_makes_a_dead_letter_and_the_one_before_does_not() {
        let policy = NotificationPolicy::default();
        let mut it = message();
        for tries in 1..policy.tries_max {
            it.settle(&failed(), &policy, 0, NOW);
            assert_eq!((it.state, it.tries), (State::Queued, tries));
        }
        it.settle(&failed(), &policy, 0, NOW);
        assert_eq!((it.state, it.settled_at), (State::Dead, Some(NOW)));
    }

    #[test]
    fn what_is_refused_for_good_is_dead_at_once_and_revived_with_all_its_tries() {
        let policy = NotificationPolicy::default();
        let mut it = message();
        assert_eq!(it.revive(NOW), Err(Error::denied(Reason::MessageNotDead)));
        it.settle(&Delivery::Refused("x".repeat(99)), &policy, 0, NOW);
        assert_eq!((it.state, it.failure.len()), (State::Dead, 64));
        it.revive(NOW + 1).unwrap();
        assert_eq!((it.state, it.tries, it.due_at), (State::Queued, 0, NOW + 1));
    }

    #[test]
    fn a_settled_message_stays_as_it_is() {
        let policy = NotificationPolicy::default();
        for end in [Delivery::Taken, Delivery::Overtaken, Delivery::Refused(String::new())] {
            let mut it = message();
            it.settle(&end, &policy, 0, NOW);
            let settled = it.clone();
            it.settle(&failed(), &policy, 0, NOW + 1);
            it.settle(&Delivery::Taken, &policy, 0, NOW + 1);
            assert_eq!(it, settled);
        }
    }

    #[test]
    fn an_app_is_silent_only_if_it_is_so_chosen_and_another_way_is_left() {
        let by_sms = Contact { phone_number: Some("+4512345678".to_owned()), ..Contact::default() };
        let by_email = Contact { email: Some("a@b.dk".to_owned()), ..Contact::default() };
        for reached in [&by_sms, &by_email] {
            assert!(!shows_messages(false, reached));
            assert!(shows_messages(true, reached));
        }
        assert!(shows_messages(false, &Contact::default()));
    }

    #[test]
    fn an_address_is_kept_no_longer_than_it_is_needed() {
        let policy = NotificationPolicy::default();
        let keys = Keys::generate().unwrap();
        let number = Some("+4512345678".to_owned());
        let mut it = Message::new(&keys, 7, [1; 16], Channel::Sms, number.clone(), NOW);
        it.settle(&failed(), &policy, 0, NOW);
        assert_eq!(it.address, number);
        it.settle(&Delivery::Taken, &policy, 0, NOW);
        assert_eq!(it.address, None);
    }

    #[test]
    fn a_lease_is_taken_over_when_it_expires_and_not_before() {
        let held = Lease::asked(None, [1; 16], 30_000, NOW);
        assert_eq!(held.expires_at, NOW + 30_000);
        assert_eq!(Lease::asked(Some(held), [2; 16], 30_000, NOW + 29_999), held);
        assert_eq!(Lease::asked(Some(held), [2; 16], 30_000, NOW + 30_000).holder, [2; 16]);
        assert_eq!(Lease::asked(Some(held), [1; 16], 30_000, NOW + 1).expires_at, NOW + 30_001);
    }

    proptest! {
        #[test]
        fn waits_double_within_half_and_all_of_the_longest(tries in 1_u32..200, draw: u64) {
            let policy = NotificationPolicy::default();
            let doubled = 2_u64.saturating_pow(tries - 1).saturating_mul(policy.retry_ms);
            let longest = doubled.min(policy.retry_ms_max);
            let wait = wait_ms(tries, &policy, draw);
            prop_assert!(wait <= longest && wait >= longest / 2, "{wait} of {longest}");
        }
    }
}
