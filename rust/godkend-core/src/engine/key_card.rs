//! What is asked of key cards and needs a read or a hash before its step.

use std::sync::Arc;

use super::command::{
    ActivateKeyCard, Asked, PasswordChosen, expect_key_login, expect_started_with, key_door_key,
};
use super::display::{ChosenPassword, DoorView};
use super::shared::Shared;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason};
use crate::key_card::{KeyCard, State};
use crate::nemid::{self, ServiceKind, WayIn};
use crate::otp::Code;

/// Cards that wait to be printed, on one page.
const PAGE_CARDS_MAX: usize = 100;

/// The cards of an identity, and where its door stands.
pub struct KeyCardsView {
    /// In the order in which they were ordered.
    pub cards: Vec<KeyCardView>,
    /// Where keys are tried in logins.
    pub key_door: DoorView,
}

/// A card as its owner and desks see it.
pub struct KeyCardView {
    /// The row.
    pub card: KeyCard,
    /// The number whose code shows that the card is at hand, if it was sent or is in use.
    pub activation_number: Option<u16>,
}

impl Engine {
    /// The ways in that there are now, in the order in which to show them.
    #[must_use]
    pub fn ways_in(&self, kind: ServiceKind) -> Vec<WayIn> {
        nemid::ways_in(&self.shared.policy.nemid, kind, self.shared.clock.now_ms())
    }

    /// The number of the key that a login asks for.
    pub fn key_number(
        &self,
        front_end: String,
        login_id: Id,
        user_id_canonical: String,
        deadline: Deadline,
        reply: Reply<u32>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let Shared { keys, policy, clock, .. } = &*shared;
            let login = tx.login(&login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
            expect_started_with(&login, keys, &front_end, &user_id_canonical)?;
            expect_key_login(&login, policy, clock.now_ms())?;
            let asked = Asked::of(tx, keys, policy, &login, &user_id_canonical)?;
            Ok(asked.card.number(keys, asked.key).into())
        });
    }

    /// The cards of an identity, and where its door stands.
    pub fn list_key_cards(&self, identity_id: Id, deadline: Deadline, reply: Reply<KeyCardsView>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let identity = tx.identity(&identity_id)?;
            let identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
            let Shared { keys, policy, clock, .. } = &*shared;
            let now = clock.now_ms();
            let key = key_door_key(keys, &identity.user_id.canonical);
            let key_door = DoorView::at(tx, &policy.door, key, now)?;
            let view = |card: KeyCard| {
                let at_hand = matches!(card.state, State::Sent | State::Active);
                let key = card.pick_for_activation(keys).filter(|_| at_hand);
                let activation_number = key.map(|key| card.number(keys, key));
                KeyCardView { card, activation_number }
            };
            Ok(KeyCardsView {
                cards: tx.key_cards_of(&identity_id)?.into_iter().map(view).collect(),
                key_door,
            })
        });
    }

    /// Cards that wait to be printed, after one of them or from the first on, some at a time.
    pub fn list_ordered_key_cards(
        &self,
        after: Option<Id>,
        deadline: Deadline,
        reply: Reply<Vec<KeyCard>>,
    ) {
        self.query(deadline, reply, move |tx| {
            let place = match after {
                None => (Millis::MIN, [0; 16]),
                Some(id) => {
                    let card = tx.key_card(&id)?.ok_or(Error::denied(Reason::KeyCardNotFound))?;
                    (card.ordered_at, card.id)
                }
            };
            tx.ordered_key_cards(place, PAGE_CARDS_MAX)
        });
    }

    /// Puts a card into use, with the password beside it.
    pub fn activate_key_card(
        &self,
        chosen: ChosenPassword,
        card_id: Id,
        code: Code,
        deadline: Deadline,
        reply: Reply<()>,
    ) {
        let ChosenPassword { identity_id, signed_in_at, .. } = chosen;
        let actor = chosen.actor.clone();
        self.with_hashed_password(chosen, deadline, reply, move |password: PasswordChosen| {
            ActivateKeyCard {
                actor,
                identity_id,
                card_id,
                code,
                password: Some(password),
                signed_in_at,
            }
        });
    }
}
