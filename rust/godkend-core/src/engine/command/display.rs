//! The life of a code display: import, assignment, activation, loss; the next one replaces it.

use subtle::ConstantTimeEq as _;

use super::code::look;
use super::door::{CODE_REFUSALS, activation_door, code_door};
use super::password::{PasswordChosen, set_password};
use super::{derive_id, end_profile_codes, entitled, expect_session};
use crate::Id;
use crate::clock::Millis;
use crate::display::{Display, Kind, State, seal_seed};
use crate::door::Door;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::otp::{Algorithm, Code, Factor, Progress, Seed};
use crate::store::Tx;

/// Takes a display into stock. The same once more changes nothing, whatever has become of it.
pub struct ImportDisplay {
    /// Who imports.
    pub actor: String,
    /// What is printed on it, checked.
    pub serial_number: String,
    /// What it is.
    pub kind: Kind,
    /// Its hash function.
    pub algorithm: Algorithm,
    /// What it counts.
    pub factor: Factor,
    /// The counter of its next code; 0 for a clock.
    pub counter: u64,
    /// Its secret.
    pub seed: Seed,
}

/// The name of a display, by what is printed on it.
pub(in crate::engine) fn display_id(keys: &Keys, serial_number: &str) -> Id {
    derive_id(keys, b"display v1", &[serial_number.as_bytes()])
}

fn event(kind: &'static str, display: &Display, actor: &str) -> NewEvent {
    NewEvent {
        kind,
        identity_id: display.identity_id,
        authenticator_id: Some(display.id),
        actor: actor.to_owned(),
        detail: serde_json::json!({ "serial_number": display.serial_number }).to_string(),
        ..NewEvent::default()
    }
}

impl Command for ImportDisplay {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let id = display_id(at.keys, &self.serial_number);
        if let Some(known) = tx.display(&id)? {
            let seed = known.open_seed(at.keys)?;
            let same = known.kind == self.kind
                && known.algorithm == self.algorithm
                && known.factor == self.factor
                && bool::from(seed.as_bytes().ct_eq(self.seed.as_bytes()));
            return if same { Ok(id) } else { Err(Error::denied(Reason::SerialNumberTaken)) };
        }
        let display = Display {
            id,
            serial_number: self.serial_number.clone(),
            kind: self.kind,
            algorithm: self.algorithm,
            factor: self.factor,
            seed: seal_seed(at.keys, &id, &self.seed)?,
            state: State::InStock,
            identity_id: None,
            progress: Progress { next: self.counter, ..Progress::default() },
            imported_at: at.now,
            changed_at: at.now,
        };
        tx.put_display(&display)?;
        tx.append_event(event(kind::DISPLAY_IMPORTED, &display, &self.actor), at.now)?;
        Ok(id)
    }
}

/// Sends a display from stock to somebody. One that was on its way before is replaced; one in use works
/// until this one is activated. Repeating it changes nothing.
pub struct AssignDisplay {
    /// The client that asks.
    pub actor: String,
    /// Whose it will be.
    pub identity_id: Id,
    /// Which display.
    pub serial_number: String,
}

impl Command for AssignDisplay {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let identity = usable_identity(tx, &self.identity_id)?;
        let id = display_id(at.keys, &self.serial_number);
        let mut display = tx.display(&id)?.ok_or(Error::denied(Reason::DisplayNotFound))?;
        let repeated = matches!(display.state, State::Assigned | State::Active)
            && display.expect_of(&identity.id).is_ok();
        if repeated {
            return Ok(id);
        }
        entitled(tx, at, &identity)?;
        display.assign(identity.id, at.now)?;
        replace(tx, at, &identity.id, State::Assigned, &self.actor)?;
        tx.put_display(&display)?;
        tx.append_event(event(kind::DISPLAY_ASSIGNED, &display, &self.actor), at.now)?;
        Ok(id)
    }
}

/// Takes the displays of an identity that are in this state out of use.
fn replace(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity_id: &Id,
    state: State,
    actor: &str,
) -> Result<()> {
    for mut earlier in tx.displays_of(identity_id)? {
        if earlier.state == state {
            earlier.retire(State::Replaced, at.now);
            tx.put_display(&earlier)?;
            tx.append_event(event(kind::DISPLAY_REPLACED, &earlier, actor), at.now)?;
        }
    }
    Ok(())
}

pub(super) fn usable_identity(tx: &mut dyn Tx, identity_id: &Id) -> Result<Identity> {
    let identity = tx.identity(identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
    identity.usable()?;
    Ok(identity)
}

/// Puts a display into use with a code from it, which replaces the one before, and sets the password
/// beside it. With a display in use already it opens a door that a stranger locked.
pub struct ActivateDisplay {
    /// The client that asks.
    pub actor: String,
    /// Whose it is.
    pub identity_id: Id,
    /// Which display.
    pub serial_number: String,
    /// What it shows.
    pub code: Code,
    /// The password; `None` if there is one already.
    pub password: Option<PasswordChosen>,
    /// When the subscriber signed in where they do it; `None` at a desk.
    pub signed_in_at: Option<Millis>,
}

impl Command for ActivateDisplay {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let identity = usable_identity(tx, &self.identity_id)?;
        expect_session(tx, &identity.id, self.signed_in_at)?;
        let id = display_id(at.keys, &self.serial_number);
        let mut display = tx.display(&id)?.ok_or(Error::denied(Reason::DisplayNotFound))?;
        display.expect_of(&identity.id)?;
        let password = tx.password_of(&identity.id)?;
        let set_before = self.password.as_ref().map(|chosen| chosen.id);
        if password.is_none() && self.password.is_none() {
            return Err(Error::denied(Reason::PasswordNotSet));
        }
        let repeated = set_before.is_some() && password.map(|it| it.id) == set_before;
        if repeated && display.state == State::Active {
            return Ok(id);
        }
        let before = display.state;
        display.activate(at.now)?;
        self.expect_code(tx, at, &identity, &mut display, before)?;
        if before != State::Active {
            replace(tx, at, &identity.id, State::Active, &self.actor)?;
            tx.append_event(event(kind::DISPLAY_ACTIVATED, &display, &self.actor), at.now)?;
        }
        tx.put_display(&display)?;
        if let Some(chosen) = &self.password {
            set_password(tx, at, &identity.id, chosen, &self.actor, String::new())?;
        }
        Ok(id)
    }
}

impl ActivateDisplay {
    /// Charges a try at the display's own door and looks at it. A code that is right opens the door of
    /// the user ID as well.
    fn expect_code(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        identity: &Identity,
        display: &mut Display,
        before: State,
    ) -> Result<()> {
        let policy = &at.policy.door;
        let mut door = activation_door(tx, at, &display.id)?;
        let charge = door.charge(policy, &CODE_REFUSALS, at.now)?;
        if look(display, &self.code, at)? {
            door.clear(charge, policy);
            tx.put_door(&door)?;
            let login_door = code_door(tx, at, &identity.user_id.canonical)?;
            return tx.put_door(&Door::at(login_door.key, None, policy, at.now));
        }
        tx.put_door(&door)?;
        // What is remembered of the try, and nothing else.
        tx.put_display(&Display { state: before, ..display.clone() })?;
        tx.append_event(event(kind::DISPLAY_CODE_WRONG, display, &self.actor), at.now)?;
        Err(door.wrong(policy, &CODE_REFUSALS, at.now))
    }
}

/// Takes a lost display out of use for good. Repeating it changes nothing.
pub struct ReportDisplayLost {
    /// The client that asks.
    pub actor: String,
    /// Whose it was.
    pub identity_id: Id,
    /// Which display.
    pub serial_number: String,
}

impl Command for ReportDisplayLost {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let id = display_id(at.keys, &self.serial_number);
        let mut display = tx.display(&id)?.ok_or(Error::denied(Reason::DisplayNotFound))?;
        display.expect_of(&self.identity_id)?;
        let before = display.state;
        display.retire(State::Lost, at.now);
        if display.state == before {
            return Ok(());
        }
        tx.put_display(&display)?;
        end_profile_codes(tx, &self.identity_id)?;
        tx.append_event(event(kind::DISPLAY_LOST, &display, &self.actor), at.now)
    }
}
