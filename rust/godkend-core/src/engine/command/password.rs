//! The password: set, and checked in a login.
//!
//! After an accepted code its strikes are the subscriber's own. Without one, at a front-end that asks for
//! no more than Low, they are charged to a door of the name, which is the same for names that nobody has,
//! and a phantom record is hashed for those: what a stranger spends there is nobody's.

use super::attempt::{Charged, Checked};
use super::door::{Try, expect_started_with, password_door, tell_of_wrong};
use super::login::LoginView;
use super::{derive_id, expect_session};
use crate::Id;
use crate::clock::Millis;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::lockout::{Lockout, Reached};
use crate::login::{Login, Way};
use crate::password::{Password, PasswordRecord, StoredPassword};
use crate::pin::Secret as _;
use crate::recovery::{Lost, Means, expect_route};
use crate::store::Tx;

/// Passwords are told apart by their names, which are bound into the seal.
const VERSION: u32 = 1;

/// A password as it was chosen: hashed and sealed under its name.
pub struct PasswordChosen {
    /// The name of the password.
    pub id: Id,
    /// Hashed and sealed.
    pub record: Vec<u8>,
}

/// Sets the password of an identity that has a display, or will. Repeated, the first stays.
pub struct SetPassword {
    /// The client that asks.
    pub actor: String,
    /// Whose.
    pub identity_id: Id,
    /// What is set.
    pub chosen: PasswordChosen,
    /// When the subscriber signed in where they set it; `None` at a desk or by support.
    pub signed_in_at: Option<Millis>,
    /// Where support keeps how it identified the subscriber; `None` from others.
    pub evidence_reference: Option<String>,
}

impl SetPassword {
    /// The version under which every password is sealed.
    pub const VERSION: u32 = VERSION;

    /// The name of the password that a request sets.
    #[must_use]
    pub fn password_id(keys: &Keys, actor: &str, identity_id: &Id, request_id: &Id) -> Id {
        derive_id(keys, b"password v1", &[actor.as_bytes(), identity_id, request_id])
    }
}

impl Command for SetPassword {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let identity =
            tx.identity(&self.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
        identity.usable()?;
        expect_session(tx, &identity.id, self.signed_in_at)?;
        let detail = match &self.evidence_reference {
            None => String::new(),
            Some(reference) => {
                expect_route(Lost::Password, Means::Support)?;
                serde_json::json!({
                    "means": Means::Support.name(),
                    "evidence_reference": reference,
                })
                .to_string()
            }
        };
        set_password(tx, at, &identity.id, &self.chosen, &self.actor, detail)
    }
}

/// Writes a chosen password, which has no strikes yet.
pub(super) fn set_password(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity_id: &Id,
    chosen: &PasswordChosen,
    actor: &str,
    detail: String,
) -> Result<()> {
    if tx.password_of(identity_id)?.is_some_and(|set| set.id == chosen.id) {
        return Ok(());
    }
    tx.put_password(&StoredPassword {
        identity_id: *identity_id,
        id: chosen.id,
        record: chosen.record.clone(),
        lockout: Lockout::default(),
        set_at: at.now,
    })?;
    let event = NewEvent {
        kind: kind::PASSWORD_SET,
        identity_id: Some(*identity_id),
        actor: actor.to_owned(),
        detail,
        ..NewEvent::default()
    };
    tx.append_event(event, at.now)
}

/// Charges a strike for a password that is about to be looked at.
pub struct ChargePassword {
    /// The client that asks.
    pub front_end: String,
    /// Which login.
    pub login_id: Id,
    /// What the login was started with, in canonical form.
    pub user_id_canonical: String,
}

/// An attempt at the password in a login.
pub struct ChargedPassword {
    /// The only way to the hash.
    charged: Charged<Password>,
    asked: ChargePassword,
    /// Whose password it is; nobody's, if the record is a phantom.
    identity_id: Option<Id>,
    way: Way,
}

impl Command for ChargePassword {
    type Outcome = ChargedPassword;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ChargedPassword> {
        let login = tx.login(&self.login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
        expect_started_with(&login, at.keys, &self.front_end, &self.user_id_canonical)?;
        let (charged, identity_id, way) = if let Some(way) = login.code_accepted(at.now) {
            let (charged, identity) = charge_behind_code(tx, at, &login)?;
            (charged, Some(identity.id), way)
        } else {
            let (charged, identity_id) = self.charge_alone(tx, at, &login)?;
            (charged, identity_id, Way::Password)
        };
        let asked = Self {
            front_end: self.front_end.clone(),
            login_id: self.login_id,
            user_id_canonical: self.user_id_canonical.clone(),
        };
        Ok(ChargedPassword { charged, asked, identity_id, way })
    }
}

/// Charges the subscriber's own count.
fn charge_behind_code(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    login: &Login,
) -> Result<(Charged<Password>, Identity)> {
    let identity = usable(tx, at, login)?;
    let stored = tx.password_of(&identity.id)?;
    let mut stored = stored.ok_or(Error::denied(Reason::PasswordNotSet))?;
    let ladder = &at.policy.password_lockout;
    let charge = stored.lockout.charge(ladder, &Password::REFUSALS, at.now)?;
    let record = PasswordRecord::open(at.keys, &stored.record, &stored.id, VERSION)?;
    tx.put_password(&stored)?;
    Ok((Charged::new(stored.id, record, VERSION, charge), identity))
}

impl ChargePassword {
    /// Charges the door of the name, whoever has it.
    fn charge_alone(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        login: &Login,
    ) -> Result<(Charged<Password>, Option<Id>)> {
        login.expect_reachable(Way::Password, at.now)?;
        let door = password_door(tx, at, &self.user_id_canonical)?;
        let tried = Try::charge(tx, at, login, door, &Password::REFUSALS)?;
        tried.put(tx)?;
        let identity = tx.identity_by_user_id(&self.user_id_canonical)?;
        let identity_id = identity.as_ref().map_or([0; 16], |identity| identity.id);
        let stored = tx.password_of(&identity_id)?;
        let usable = identity.filter(|identity| identity.usable().is_ok());
        let (holder, record, whose) = match (usable, stored) {
            (Some(identity), Some(stored)) => {
                let record = PasswordRecord::open(at.keys, &stored.record, &stored.id, VERSION)?;
                (stored.id, record, Some(identity.id))
            }
            _ => {
                let tag = at.keys.derive(b"godkend phantom password v1", &[&tried.door.key]);
                let record = PasswordRecord::phantom(&at.policy.pin_params()?, tag);
                (tried.door.key, record, None)
            }
        };
        Ok((Charged::new(holder, record, VERSION, tried.charge), whose))
    }
}

impl ChargedPassword {
    /// Looks at the password.
    ///
    /// # Errors
    /// As [`Charged::check`].
    pub fn check(
        self,
        look: impl FnOnce(Charged<Password>) -> Result<Checked<Password>>,
    ) -> Result<SettlePassword> {
        Ok(SettlePassword {
            checked: look(self.charged)?,
            asked: self.asked,
            identity_id: self.identity_id,
            way: self.way,
            upgraded: None,
        })
    }
}

/// Settles a checked attempt: approves the login, or keeps the strike.
pub struct SettlePassword {
    checked: Checked<Password>,
    asked: ChargePassword,
    identity_id: Option<Id>,
    way: Way,
    /// The record made anew, if its parameters had fallen behind.
    pub upgraded: Option<Vec<u8>>,
}

impl SettlePassword {
    /// What the look at the password showed.
    #[must_use]
    pub const fn checked(&self) -> &Checked<Password> {
        &self.checked
    }
}

impl Command for SettlePassword {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let (identity_id, mut stored) = match self.right_password(tx)? {
            Some(right) => right,
            None => return Err(self.wrong(tx, at)?),
        };
        let charge = self.checked.charged().charge();
        if self.way.begins_with_code() {
            stored.lockout.clear(charge, &at.policy.password_lockout);
        } else {
            let mut door = password_door(tx, at, &self.asked.user_id_canonical)?;
            door.clear(charge, &at.policy.door);
            tx.put_door(&door)?;
        }
        if let Some(upgraded) = &self.upgraded {
            stored.record.clone_from(upgraded);
        }
        tx.put_password(&stored)?;
        self.approve(tx, at, &identity_id)
    }
}

impl SettlePassword {
    /// The password, if it was right and is still the one that was looked at.
    fn right_password(&self, tx: &mut dyn Tx) -> Result<Option<(Id, StoredPassword)>> {
        let Some(identity_id) = self.identity_id.filter(|_| self.checked.is_right()) else {
            return Ok(None);
        };
        let stored = tx.password_of(&identity_id)?;
        let same = stored.filter(|it| it.id == *self.checked.charged().holder_id());
        Ok(same.map(|stored| (identity_id, stored)))
    }

    /// Keeps the strike and tells of it.
    fn wrong(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<Error> {
        let canonical = &self.asked.user_id_canonical;
        let about = tx.identity_by_user_id(canonical)?.map(|identity| identity.id);
        let wrong = self.event(kind::PASSWORD_WRONG, about, None);
        if self.way.begins_with_code() {
            return self.wrong_behind_code(tx, at, wrong);
        }
        let door = password_door(tx, at, canonical)?;
        tell_of_wrong(tx, at, &door, self.checked.charged().charge(), wrong)?;
        Ok(door.wrong(&at.policy.door, &Password::REFUSALS, at.now))
    }

    fn wrong_behind_code(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        wrong: NewEvent,
    ) -> Result<Error> {
        let (charged, ladder) = (self.checked.charged(), &at.policy.password_lockout);
        let stored = tx.password_of(&self.identity_id.unwrap_or_default())?;
        // One that was set anew in the meantime has other strikes.
        let same = stored.filter(|stored| stored.id == *charged.holder_id());
        let lockout = same.as_ref().map(|stored| stored.lockout).unwrap_or_default();
        let locked = match lockout.reached_by(charged.charge(), ladder).filter(|_| same.is_some()) {
            Some(Reached::Lock) => Some(kind::PASSWORD_LOCKED),
            Some(Reached::End) => Some(kind::PASSWORD_DEAD),
            None => None,
        };
        let locked = locked.map(|kind| NewEvent { kind, ..wrong.clone() });
        for event in [Some(wrong), locked].into_iter().flatten() {
            tx.append_event(event, at.now)?;
        }
        Ok(lockout.wrong(ladder, &Password::REFUSALS, at.now))
    }

    /// The password was right; whether the login may still be approved is another question.
    fn approve(&self, tx: &mut dyn Tx, at: &Moment<'_>, identity_id: &Id) -> Result<LoginView> {
        let login = tx.login(&self.asked.login_id)?;
        let mut login = login.ok_or(Error::denied(Reason::LoginNotFound))?;
        if self.way.begins_with_code() {
            usable(tx, at, &login)?;
            login.approve_behind_code(at.now)?;
        } else {
            let identity = tx.identity(identity_id)?;
            let identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
            identity.usable()?;
            login.approve_by_password(&identity, at.now)?;
        }
        tx.put_login(&login)?;
        let mut event = self.event(kind::LOGIN_APPROVED, login.identity_id, login.authenticator_id);
        event.detail = approval_detail(&login);
        tx.append_event(event, at.now)?;
        Ok(LoginView::of(&login, at.now))
    }

    fn event(&self, kind: &'static str, identity_id: Option<Id>, by: Option<Id>) -> NewEvent {
        NewEvent {
            kind,
            identity_id,
            authenticator_id: by,
            login_id: Some(self.asked.login_id),
            actor: self.asked.front_end.clone(),
            ..NewEvent::default()
        }
    }
}

fn approval_detail(login: &Login) -> String {
    let by = match login.way {
        Some(Way::Display) => "display",
        Some(Way::KeyCard) => "key_card",
        _ => "password",
    };
    serde_json::json!({
        "service_provider": login.service_provider,
        "user_verification": by,
    })
    .to_string()
}

/// The identity of a login that a code was accepted in, if both it and what the code came from may still be
/// used.
///
/// # Errors
/// Denied with `DISPLAY_NOT_USABLE` or `KEY_CARD_NOT_USABLE` if that is lost or replaced, with `NEMID_CLOSED`, or
/// with `IDENTITY_BLOCKED`.
pub(super) fn usable(tx: &mut dyn Tx, at: &Moment<'_>, login: &Login) -> Result<Identity> {
    let broken = || Error::fault(Reason::StoreFault, "a code that was accepted for nobody");
    let identity = tx.identity(&login.identity_id.ok_or_else(broken)?)?.ok_or_else(broken)?;
    identity.usable()?;
    if login.way == Some(Way::KeyCard) {
        super::key::expect_usable(tx, at, login)?;
        return Ok(identity);
    }
    let display = tx.active_display_of(&identity.id)?;
    if display.is_none_or(|display| Some(display.id) != login.authenticator_id) {
        return Err(Error::denied(Reason::DisplayNotUsable));
    }
    Ok(identity)
}
