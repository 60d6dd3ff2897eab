//! The code of a display: charged, looked at and settled in one step, for it takes no hash that is slow.
//!
//! Unknown, blocked and display-less user IDs take the same path: a phantom seed is looked at, a strike is
//! charged to the name, and an event tells of it. Within one batch steps run one after the other, so that
//! a code that comes twice is accepted once, and no more tries are looked at than the door allows.

use super::door::{CODE_REFUSALS, Try, code_door, expect_started_with};
use super::login::LoginView;
use crate::Id;
use crate::display::{Display, phantom_seed};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::identity::Identity;
use crate::login::{Login, Way};
use crate::otp::{Algorithm, Code, Factor, Generator, Progress, Tried};
use crate::store::Tx;

/// Brings the code of a display into a login. Once one is accepted, repeating changes nothing.
pub struct SubmitCode {
    /// The client that asks.
    pub front_end: String,
    /// Which login.
    pub login_id: Id,
    /// What the login was started with, in canonical form.
    pub user_id_canonical: String,
    /// What was typed.
    pub code: Code,
}

impl Command for SubmitCode {
    type Outcome = LoginView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<LoginView> {
        let mut login = tx.login(&self.login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
        expect_started_with(&login, at.keys, &self.front_end, &self.user_id_canonical)?;
        if login.code_accepted(at.now) == Some(Way::Display) {
            return Ok(LoginView::of(&login, at.now));
        }
        login.expect_reachable(Way::Display, at.now)?;
        let door = code_door(tx, at, &self.user_id_canonical)?;
        let charged = Try::charge(tx, at, &login, door, &CODE_REFUSALS)?;
        let identity = tx.identity_by_user_id(&self.user_id_canonical)?;
        let identity_id = identity.as_ref().map_or([0; 16], |identity| identity.id);
        let display = tx.active_display_of(&identity_id)?;
        let usable = identity.as_ref().filter(|identity| identity.usable().is_ok());
        match (usable, display) {
            (Some(identity), Some(mut display)) => {
                let before = display.progress;
                let right = look(&mut display, &self.code, at)?;
                if display.progress != before {
                    tx.put_display(&display)?;
                }
                if right {
                    charged.clear(tx, at)?;
                    return self.accepted(tx, at, &mut login, identity, &display);
                }
            }
            _ => look_at_nobody(&charged.door.key, &self.code, at)?,
        }
        let about = identity.map(|identity| identity.id);
        let wrong = self.event(kind::DISPLAY_CODE_WRONG, about, None);
        Err(charged.wrong(tx, at, wrong, &CODE_REFUSALS)?)
    }
}

impl SubmitCode {
    fn accepted(
        &self,
        tx: &mut dyn Tx,
        at: &Moment<'_>,
        login: &mut Login,
        identity: &Identity,
        display: &Display,
    ) -> Result<LoginView> {
        let (about, by) = (Some(identity.id), Some(display.id));
        tx.append_event(self.event(kind::DISPLAY_CODE_ACCEPTED, about, by), at.now)?;
        login.accept_code(Way::Display, identity, &display.id, at.now)?;
        tx.put_login(login)?;
        Ok(LoginView::of(login, at.now))
    }

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

/// Whether a display shows this code now. What is remembered of the try is in the display then.
///
/// # Errors
/// A fault if its seed cannot be opened, which says nothing about the code.
pub(super) fn look(display: &mut Display, code: &Code, at: &Moment<'_>) -> Result<bool> {
    let seed = display.open_seed(at.keys)?;
    let (algorithm, factor) = (display.algorithm, display.factor);
    let generator = Generator { algorithm, factor, seed: &seed };
    match generator.look(&display.progress, code, &at.policy.display, at.now) {
        Tried::Right(progress) => {
            display.progress = progress;
            Ok(true)
        }
        Tried::Wrong(progress) => {
            display.progress = progress;
            Ok(false)
        }
    }
}

/// The same work, with a seed that no display has. Whatever it comes to, it is wrong.
fn look_at_nobody(door: &Id, code: &Code, at: &Moment<'_>) -> Result<()> {
    let seed = phantom_seed(at.keys, door)?;
    let (algorithm, factor) = (Algorithm::Sha1, Factor::Counter);
    let generator = Generator { algorithm, factor, seed: &seed };
    let tried = generator.look(&Progress::default(), code, &at.policy.display, at.now);
    std::hint::black_box(tried);
    Ok(())
}
