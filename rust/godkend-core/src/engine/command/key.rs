//! The key of a key card in a login: charged, looked at and used up in one step, as a display's code is.
//!
//! Unknown and card-less user IDs take the same path with an imaginary card. Of somebody who is blocked the
//! card goes on to be asked for, so that a block does not show, and no code of it is right. A key is used up
//! before the password is looked at; the last keys order the next card.

use super::door::{KEY_REFUSALS, Try, expect_started_with, key_door, key_door_key};
use super::key_card::spend;
use super::login::LoginView;
use crate::Id;
use crate::civil::copenhagen;
use crate::clock::Millis;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::key_card::{KeyCard, State};
use crate::keys::Keys;
use crate::login::{Login, Way};
use crate::nemid;
use crate::otp::Code;
use crate::policy::Policy;
use crate::store::Tx;

/// Brings the code of a key into a login. Once one is accepted, repeating changes nothing.
pub struct SubmitKey {
    /// The client that asks.
    pub front_end: String,
    /// Which login.
    pub login_id: Id,
    /// What the login was started with, in canonical form.
    pub user_id_canonical: String,
    /// What was typed.
    pub code: Code,
}

/// Whether a login can be done with a key card now. Looks at nobody's identity.
pub(in crate::engine) fn expect_key_login(
    login: &Login,
    policy: &Policy,
    now: Millis,
) -> Result<()> {
    login.expect_reachable(Way::KeyCard, now)?;
    nemid::expect_login(&policy.nemid, login.service_kind, now)
}

/// The key that a login asks for.
pub(in crate::engine) struct Asked {
    /// The card of whoever has the name, or an imaginary one.
    pub card: KeyCard,
    /// Which of its keys.
    pub key: u16,
    identity: Option<Identity>,
    is_real: bool,
}

impl Asked {
    /// By the day on which the login was started, so that midnight does not change what is asked for.
    pub(in crate::engine) fn of(
        tx: &mut dyn Tx,
        keys: &Keys,
        policy: &Policy,
        login: &Login,
        user_id_canonical: &str,
    ) -> Result<Self> {
        let identity = tx.identity_by_user_id(user_id_canonical)?;
        let identity_id = identity.as_ref().map_or([0; 16], |identity| identity.id);
        let card = tx.active_key_card_of(&identity_id)?;
        let door = key_door_key(keys, user_id_canonical);
        let imaginary = KeyCard::imaginary(keys, &door, &policy.key_card);
        let is_real = card.is_some();
        let card = card.unwrap_or(imaginary);
        let key = card.pick(keys, user_id_canonical, copenhagen(login.started_at));
        let broken = || Error::fault(Reason::StoreFault, "a card in use without a key");
        Ok(Self { key: key.ok_or_else(broken)?, card, identity, is_real })
    }

    /// Looks at a try, and gives whose it is if it is right.
    fn look(&self, keys: &Keys, tried: &Code) -> Option<&Identity> {
        let is_right = self.card.is_code(keys, self.key, tried);
        let usable = self.identity.as_ref().filter(|identity| identity.usable().is_ok());
        usable.filter(|_| is_right && self.is_real)
    }
}

impl Command for SubmitKey {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let mut login = tx.login(&self.login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
        expect_started_with(&login, at.keys, &self.front_end, &self.user_id_canonical)?;
        if login.code_accepted(at.now) == Some(Way::KeyCard) {
            return Ok(LoginView::of(&login, at.now));
        }
        expect_key_login(&login, at.policy, at.now)?;
        let door = key_door(tx, at, &self.user_id_canonical)?;
        let charged = Try::charge(tx, at, &login, door, &KEY_REFUSALS)?;
        let asked = Asked::of(tx, at.keys, at.policy, &login, &self.user_id_canonical)?;
        if let Some(identity) = asked.look(at.keys, &self.code) {
            charged.clear(tx, at)?;
            let (about, by) = (Some(identity.id), Some(asked.card.id));
            tx.append_event(self.event(kind::KEY_ACCEPTED, about, by), at.now)?;
            spend(tx, at, &mut asked.card.clone(), asked.key, &self.front_end)?;
            login.accept_code(Way::KeyCard, identity, &asked.card.id, at.now)?;
            tx.put_login(&login)?;
            return Ok(LoginView::of(&login, at.now));
        }
        let about = asked.identity.map(|identity| identity.id);
        let wrong = self.event(kind::KEY_WRONG, about, None);
        Err(charged.wrong(tx, at, wrong, &KEY_REFUSALS)?)
    }
}

impl SubmitKey {
    fn event(&self, kind: &'static str, identity_id: Option<Id>, by: Option<Id>) -> NewEvent {
        NewEvent {
            kind,
            identity_id,
            authenticator_id: by,
            login_id: Some(self.login_id),
            actor: self.front_end.clone(),
            ..NewEvent::default()
        }
    }
}

/// Whether the card whose key was accepted in a login may still be used there: it is in use, or that key was its
/// last one.
///
/// # Errors
/// Denied with `NEMID_CLOSED` or `KEY_CARD_NOT_USABLE`.
pub(super) fn expect_usable(tx: &mut dyn Tx, at: &Moment<'_>, login: &Login) -> Result<()> {
    nemid::expect_login(&at.policy.nemid, login.service_kind, at.now)?;
    let card = tx.key_card(&login.authenticator_id.unwrap_or_default())?;
    let usable = card.is_some_and(|card| matches!(card.state, State::Active | State::UsedUp));
    if usable { Ok(()) } else { Err(Error::denied(Reason::KeyCardNotUsable)) }
}
