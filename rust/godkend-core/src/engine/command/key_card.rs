//! The life of a key card: order, print, activation, its last key, loss.

use super::display::usable_identity;
use super::door::{KEY_REFUSALS, card_activation_door, key_door};
use super::password::{PasswordChosen, set_password};
use super::{derive_id, end_profile_codes, entitled, expect_session};
use crate::Id;
use crate::clock::Millis;
use crate::contact::Language;
use crate::door::Door;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::key_card::{Key, KeyCard, State};
use crate::nemid;
use crate::otp::Code;
use crate::store::Tx;

fn event(kind: &'static str, card: &KeyCard, actor: &str) -> NewEvent {
    NewEvent {
        kind,
        identity_id: Some(card.identity_id),
        authenticator_id: Some(card.id),
        actor: actor.to_owned(),
        detail: serde_json::json!({ "card_number": card.card_number() }).to_string(),
        ..NewEvent::default()
    }
}

fn card_of(tx: &mut dyn Tx, card_id: &Id, identity_id: &Id) -> Result<KeyCard> {
    let card = tx.key_card(card_id)?.ok_or(Error::denied(Reason::KeyCardNotFound))?;
    card.expect_of(identity_id)?;
    Ok(card)
}

fn next_of(tx: &mut dyn Tx, identity_id: &Id) -> Result<Option<KeyCard>> {
    Ok(tx.key_cards_of(identity_id)?.into_iter().find(KeyCard::is_next))
}

/// Orders a card for somebody. One in use works until this one is activated. Repeating the request gives the
/// same card.
pub struct OrderKeyCard {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Whose it will be.
    pub identity_id: Id,
    /// When the subscriber signed in where they order it; `None` at a desk.
    pub signed_in_at: Option<Millis>,
}

impl Command for OrderKeyCard {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let parts: [&[u8]; 2] = [self.actor.as_bytes(), &self.request_id];
        let id = derive_id(at.keys, b"key card v1", &parts);
        if let Some(made) = tx.key_card(&id)? {
            let same = made.identity_id == self.identity_id;
            return if same { Ok(id) } else { Err(Error::denied(Reason::RequestIdReused)) };
        }
        nemid::expect_new_cards(&at.policy.nemid, at.now)?;
        let identity = usable_identity(tx, &self.identity_id)?;
        expect_session(tx, &identity.id, self.signed_in_at)?;
        entitled(tx, at, &identity)?;
        nemid::expect_old_enough(&at.policy.nemid, &identity, at.now)?;
        if next_of(tx, &identity.id)?.is_some() {
            return Err(Error::denied(Reason::KeyCardUnderWay));
        }
        order(tx, at, id, identity.id, &self.actor)?;
        Ok(id)
    }
}

fn order(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    id: Id,
    identity_id: Id,
    actor: &str,
) -> Result<KeyCard> {
    let card = KeyCard::ordered(id, identity_id, &at.policy.key_card, at.now);
    tx.put_key_card(&card)?;
    tx.append_event(event(kind::KEY_CARD_ORDERED, &card, actor), at.now)?;
    Ok(card)
}

/// Uses a key up. Few that are left order the next card, once, as long as there are new ones; the last one makes
/// way for a next one that was sent.
pub(super) fn spend(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    card: &mut KeyCard,
    key: u16,
    actor: &str,
) -> Result<()> {
    card.use_key(key, at.now);
    tx.put_key_card(card)?;
    let left = card.keys_left();
    let next = next_of(tx, &card.identity_id)?;
    let new_cards = nemid::expect_new_cards(&at.policy.nemid, at.now).is_ok();
    if next.is_none() && left <= at.policy.key_card.order_at && new_cards {
        let id = derive_id(at.keys, b"key card next v1", &[&card.id, &left.to_be_bytes()]);
        order(tx, at, id, card.identity_id, actor)?;
    }
    if card.state != State::UsedUp {
        return Ok(());
    }
    tx.append_event(event(kind::KEY_CARD_USED_UP, card, actor), at.now)?;
    if let Some(mut next) = next.filter(|next| next.state == State::Sent) {
        next.activate(at.now)?;
        tx.put_key_card(&next)?;
        tx.append_event(event(kind::KEY_CARD_ACTIVATED, &next, actor), at.now)?;
    }
    Ok(())
}

/// Hands the content of an ordered card to whoever prints and sends it. The same request again gets it again,
/// until the card is used; each time is in the history.
pub struct PrintKeyCard {
    /// The client that asks.
    pub actor: String,
    /// Names the request.
    pub request_id: Id,
    /// Which card.
    pub card_id: Id,
}

/// What is printed.
pub struct KeyCardContent {
    /// What tells the card from others.
    pub card_number: String,
    /// In the order of their numbers.
    pub keys: Vec<Key>,
    /// What its owner reads.
    pub language: Language,
}

impl Command for PrintKeyCard {
    type Outcome = KeyCardContent;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<KeyCardContent> {
        nemid::expect_new_cards(&at.policy.nemid, at.now)?;
        let card = tx.key_card(&self.card_id)?;
        let mut card = card.ok_or(Error::denied(Reason::KeyCardNotFound))?;
        let identity = usable_identity(tx, &card.identity_id)?;
        let parts: [&[u8]; 2] = [self.actor.as_bytes(), &self.request_id];
        card.print(derive_id(at.keys, b"key card print v1", &parts), at.now)?;
        tx.put_key_card(&card)?;
        tx.append_event(event(kind::KEY_CARD_PRINTED, &card, &self.actor), at.now)?;
        Ok(KeyCardContent {
            card_number: card.card_number(),
            keys: card.content(at.keys),
            language: identity.contact.language,
        })
    }
}

/// Puts a card into use with the key that shows that it arrived, which replaces the one before, and sets the
/// password beside it. With a card in use already it opens a door that a stranger locked.
pub struct ActivateKeyCard {
    /// The client that asks.
    pub actor: String,
    /// Whose it is.
    pub identity_id: Id,
    /// Which card.
    pub card_id: Id,
    /// What is printed beside the number that was asked for.
    pub code: Code,
    /// The password; `None` if there is one already.
    pub password: Option<PasswordChosen>,
    /// When the subscriber signed in where they do it; `None` at a desk.
    pub signed_in_at: Option<Millis>,
}

impl Command for ActivateKeyCard {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        nemid::expect_open(&at.policy.nemid, at.now)?;
        let identity = usable_identity(tx, &self.identity_id)?;
        expect_session(tx, &identity.id, self.signed_in_at)?;
        let mut card = card_of(tx, &self.card_id, &identity.id)?;
        let set = tx.password_of(&identity.id)?.map(|password| password.id);
        let chosen = self.password.as_ref().map(|password| password.id);
        if set.is_none() && chosen.is_none() {
            return Err(Error::denied(Reason::PasswordNotSet));
        }
        if chosen.is_some() && set == chosen && card.state == State::Active {
            return Ok(());
        }
        let was_active = card.state == State::Active;
        card.activate(at.now)?;
        let key = self.expect_code(tx, at, &identity, &card)?;
        if !was_active {
            if let Some(mut before) = tx.active_key_card_of(&identity.id)? {
                before.retire(State::Replaced, at.now);
                tx.put_key_card(&before)?;
                tx.append_event(event(kind::KEY_CARD_REPLACED, &before, &self.actor), at.now)?;
            }
            tx.append_event(event(kind::KEY_CARD_ACTIVATED, &card, &self.actor), at.now)?;
        }
        spend(tx, at, &mut card, key, &self.actor)?;
        if let Some(chosen) = &self.password {
            set_password(tx, at, &identity.id, chosen, &self.actor, String::new())?;
        }
        Ok(())
    }
}

impl ActivateKeyCard {
    /// Charges a try at the card's own door and looks at it. A code that is right opens the door of the user ID
    /// as well.
    fn expect_code(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        identity: &Identity,
        card: &KeyCard,
    ) -> Result<u16> {
        let policy = &at.policy.door;
        let asked = card.pick_for_activation(at.keys);
        let key = asked.ok_or(Error::denied(Reason::KeyCardNotUsable))?;
        let mut door = card_activation_door(tx, at, &card.id)?;
        let charge = door.charge(policy, &KEY_REFUSALS, at.now)?;
        if card.is_code(at.keys, key, &self.code) {
            door.clear(charge, policy);
            tx.put_door(&door)?;
            let login_door = key_door(tx, at, &identity.user_id.canonical)?;
            tx.put_door(&Door::at(login_door.key, None, policy, at.now))?;
            return Ok(key);
        }
        tx.put_door(&door)?;
        tx.append_event(event(kind::KEY_WRONG, card, &self.actor), at.now)?;
        Err(door.wrong(policy, &KEY_REFUSALS, at.now))
    }
}

/// Takes a lost card out of use for good, whether it was on its way or in use. Repeating it changes nothing.
pub struct ReportKeyCardLost {
    /// The client that asks.
    pub actor: String,
    /// Whose it was.
    pub identity_id: Id,
    /// Which card.
    pub card_id: Id,
}

impl Command for ReportKeyCardLost {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let mut card = card_of(tx, &self.card_id, &self.identity_id)?;
        let before = card.state;
        card.retire(State::Lost, at.now);
        if card.state == before {
            return Ok(());
        }
        tx.put_key_card(&card)?;
        end_profile_codes(tx, &self.identity_id)?;
        tx.append_event(event(kind::KEY_CARD_LOST, &card, &self.actor), at.now)
    }
}
