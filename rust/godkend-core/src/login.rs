//! The life of a login: PENDING, OPENED, APPROVED, REDEEMED; or REJECTED, EXPIRED, CANCELLED.
//!
//! Each step is a function that takes the login as it is and either moves it on or says why not. A
//! login belongs to the front-end that started it, from the first phone that opens it to that phone,
//! and is consumed once. It never knows whether the typed user ID exists: it keeps a digest of what was
//! typed, and a phone that opens it must belong to an identity of that name.

use subtle::ConstantTimeEq as _;

use crate::Id;
use crate::approval::UserVerification;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::delegation::{Acting, OnBehalf};
use crate::digest::sha256;
use crate::error::{Error, Reason, Result};
use crate::identity::Identity;
use crate::level::{self, Level, Used};
use crate::nemid::ServiceKind;
use crate::organisation;
use crate::receipt::Signature;
use crate::signing::Document;

/// Where a login is. The numbers are those of `LoginState` in proto; they only ever rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Started; no phone has opened it.
    Pending = 1,
    /// A phone shows it to its holder, or the code of a display or key card was accepted and the password comes next.
    Opened = 2,
    /// Waits to be redeemed.
    Approved = 3,
    /// The subscriber said no.
    Rejected = 4,
    /// Its time was over before it was redeemed.
    Expired = 5,
    /// Ended by its front-end, by newer logins for the same user ID, or by a block.
    Cancelled = 6,
    /// Consumed.
    Redeemed = 7,
}

impl State {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Pending,
            2 => Self::Opened,
            3 => Self::Approved,
            4 => Self::Rejected,
            5 => Self::Expired,
            6 => Self::Cancelled,
            7 => Self::Redeemed,
            _ => return None,
        })
    }

    /// Whether nothing can come after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Expired | Self::Cancelled | Self::Redeemed)
    }

    /// Why a step that needs another state is refused.
    const fn refusal(self) -> Error {
        Error::denied(match self {
            Self::Pending => Reason::LoginNotOpened,
            Self::Opened => Reason::LoginNotApproved,
            Self::Approved => Reason::LoginApproved,
            Self::Rejected => Reason::LoginRejected,
            Self::Expired => Reason::LoginExpired,
            Self::Cancelled => Reason::LoginCancelled,
            Self::Redeemed => Reason::LoginRedeemed,
        })
    }
}

/// What a login is done with. The numbers are those of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Way {
    /// A phone.
    App = 1,
    /// A code display or reader, with the password.
    Display = 2,
    /// The password alone.
    Password = 3,
    /// A key card, with the password.
    KeyCard = 4,
}

impl Way {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::App,
            2 => Self::Display,
            3 => Self::Password,
            4 => Self::KeyCard,
            _ => return None,
        })
    }

    /// The level that it may reach (AAL).
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            // Which of the two, its enrolment says.
            Self::App => Level::High,
            Self::Display => Used::Display.level(),
            Self::Password => Used::Password.level(),
            Self::KeyCard => Used::KeyCard.level(),
        }
    }

    /// Whether a one-time code comes first, and the password after it.
    #[must_use]
    pub const fn begins_with_code(self) -> bool {
        matches!(self, Self::Display | Self::KeyCard)
    }
}

/// One login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Its name.
    pub id: Id,
    /// The client that started it.
    pub front_end: String,
    /// Who asks.
    pub service_provider: String,
    /// What it is for.
    pub text: String,
    /// What is to be signed; `None` for a mere login.
    pub document: Option<Document>,
    /// Whether it may be, or must be, on somebody's behalf.
    pub acting: Acting,
    /// Whether the service provider offers a business service.
    pub business_service: bool,
    /// What the service provider is to NemID.
    pub service_kind: ServiceKind,
    /// Digest of the typed user ID in canonical form; `None` for a QR code at once.
    pub user_id_digest: Option<[u8; 32]>,
    /// Digest of where the subscriber comes from.
    pub source_digest: [u8; 16],
    /// SHA-256 of the front-end's secret.
    pub verifier_digest: [u8; 32],
    /// Repeated in the assertion.
    pub nonce: String,
    /// The lowest level that will do.
    pub level_min: Level,
    /// As last stored; see [`Login::state_at`].
    pub state: State,
    /// To be signed.
    pub challenge: [u8; 32],
    /// Whose it became when it was opened.
    pub identity_id: Option<Id>,
    /// The phone that opened it, or the display or key card whose code was accepted.
    pub authenticator_id: Option<Id>,
    /// What it is done with, once that is known.
    pub way: Option<Way>,
    /// How the approving phone knew its holder.
    pub user_verification: Option<UserVerification>,
    /// The charged attempts.
    pub attempts: Vec<Id>,
    /// When it was started.
    pub started_at: Millis,
    /// When its time is over.
    pub expires_at: Millis,
    /// When it was approved.
    pub approved_at: Option<Millis>,
    /// For whom it was approved, if not for the subscriber.
    pub on_behalf: Option<OnBehalf>,
    /// The approval as signed, if a document is.
    pub signed: Option<Signature>,
}

impl Login {
    /// The state at a time: what is not final when its time is over has expired.
    #[must_use]
    pub fn state_at(&self, now: Millis) -> State {
        if !self.state.is_final() && now >= self.expires_at { State::Expired } else { self.state }
    }

    /// How long until its time is over, in milliseconds; 0 once it is.
    #[must_use]
    pub fn expires_in_ms(&self, now: Millis) -> u64 {
        u64::try_from(self.expires_at.saturating_sub(now)).unwrap_or(0)
    }

    fn expect(&self, wanted: State, now: Millis) -> Result<()> {
        let state = self.state_at(now);
        if state == wanted { Ok(()) } else { Err(state.refusal()) }
    }

    /// A phone scanned the code. Opening again from the same phone changes nothing.
    ///
    /// # Errors
    /// Denied with `LOGIN_OPENED_ELSEWHERE` if another phone has it or another user ID was typed,
    /// `LEVEL_TOO_LOW` before the subscriber is asked, or the reason of its present state.
    pub fn open(
        &mut self,
        identity: &Identity,
        user_id_digest: &[u8; 32],
        authenticator: &Authenticator,
        now: Millis,
    ) -> Result<()> {
        if self.user_id_digest.is_some_and(|typed| typed != *user_id_digest) {
            return Err(Error::denied(Reason::LoginOpenedElsewhere));
        }
        match self.state_at(now) {
            State::Pending => {}
            State::Opened => return self.expect_opened_by(&authenticator.id, now),
            other => return Err(other.refusal()),
        }
        organisation::admit(identity, self.business_service)?;
        level::reach(identity.level, authenticator.enrolment.level, self.level_min)?;
        self.state = State::Opened;
        self.identity_id = Some(identity.id);
        self.authenticator_id = Some(authenticator.id);
        self.way = Some(Way::App);
        Ok(())
    }

    /// Whether a way may be brought into the login now: nobody has opened it, and it reaches the level.
    /// Looks at nobody's identity, so that every name is answered alike.
    ///
    /// # Errors
    /// Denied with the reason of its state, `LOGIN_OPENED_ELSEWHERE` if a phone has it, `APP_REQUIRED` for what
    /// only a phone can do, `LEVEL_TOO_LOW`, or `DISPLAY_CODE_MISSING` if the password comes after the code.
    pub fn expect_reachable(&self, way: Way, now: Millis) -> Result<()> {
        match self.state_at(now) {
            State::Pending => {}
            State::Opened => return Err(Error::denied(Reason::LoginOpenedElsewhere)),
            other => return Err(other.refusal()),
        }
        if way != Way::App && (self.document.is_some() || self.acting == Acting::Required) {
            return Err(Error::denied(Reason::AppRequired));
        }
        if way.level() >= self.level_min {
            Ok(())
        } else if way == Way::Password && self.level_min <= Way::Display.level() {
            Err(Error::denied(Reason::DisplayCodeMissing))
        } else {
            Err(Error::denied(Reason::LevelTooLow))
        }
    }

    /// The way whose code was accepted, if the password comes next.
    #[must_use]
    pub fn code_accepted(&self, now: Millis) -> Option<Way> {
        let opened = self.state_at(now) == State::Opened;
        self.way.filter(|way| opened && way.begins_with_code())
    }

    /// The code of a display or key card was right.
    ///
    /// # Errors
    /// As [`Login::expect_reachable`]; `LEVEL_TOO_LOW` also for what the identity's own level is.
    pub fn accept_code(
        &mut self,
        way: Way,
        identity: &Identity,
        by: &Id,
        now: Millis,
    ) -> Result<()> {
        self.expect_reachable(way, now)?;
        organisation::admit(identity, self.business_service)?;
        level::reach(identity.level, way.level(), self.level_min)?;
        self.state = State::Opened;
        self.way = Some(way);
        self.identity_id = Some(identity.id);
        self.authenticator_id = Some(*by);
        Ok(())
    }

    /// The password was right, after the code.
    ///
    /// # Errors
    /// Denied with the reason of its state.
    pub fn approve_behind_code(&mut self, now: Millis) -> Result<()> {
        if self.code_accepted(now).is_none() {
            return Err(self.state_at(now).refusal());
        }
        self.state = State::Approved;
        self.approved_at = Some(now);
        Ok(())
    }

    /// The password was right, and is all that was asked for.
    ///
    /// # Errors
    /// As [`Login::expect_reachable`].
    pub fn approve_by_password(&mut self, identity: &Identity, now: Millis) -> Result<()> {
        self.expect_reachable(Way::Password, now)?;
        organisation::admit(identity, self.business_service)?;
        self.state = State::Approved;
        self.way = Some(Way::Password);
        self.identity_id = Some(identity.id);
        self.approved_at = Some(now);
        Ok(())
    }

    /// Whether this phone may decide about the login now.
    ///
    /// # Errors
    /// Denied with the reason of its state, or with `LOGIN_OPENED_ELSEWHERE`.
    pub fn expect_opened_by(&self, authenticator_id: &Id, now: Millis) -> Result<()> {
        if self.authenticator_id.is_some_and(|opened_by| opened_by != *authenticator_id) {
            return Err(Error::denied(Reason::LoginOpenedElsewhere));
        }
        self.expect(State::Opened, now)
    }

    /// The subscriber approved and was verified. Callers have checked statement and PIN.
    ///
    /// # Errors
    /// As [`Login::expect_opened_by`].
    pub fn approve(&mut self, by: &Id, how: UserVerification, now: Millis) -> Result<()> {
        self.expect_opened_by(by, now)?;
        self.state = State::Approved;
        self.user_verification = Some(how);
        self.approved_at = Some(now);
        Ok(())
    }

    /// The subscriber said no.
    ///
    /// # Errors
    /// As [`Login::expect_opened_by`].
    pub fn reject(&mut self, by: &Id, now: Millis) -> Result<()> {
        self.expect_opened_by(by, now)?;
        self.state = State::Rejected;
        Ok(())
    }

    /// The front-end gave up. Cancelling again changes nothing.
    ///
    /// # Errors
    /// Denied with the reason of its state if it is approved or over.
    pub fn cancel(&mut self, now: Millis) -> Result<()> {
        match self.state_at(now) {
            State::Pending | State::Opened | State::Cancelled => {
                self.state = State::Cancelled;
                Ok(())
            }
            other => Err(other.refusal()),
        }
    }

    /// A block or a report has stopped it: ends what is not over yet, and says whether there was anything to end.
    pub fn end(&mut self, now: Millis) -> bool {
        let goes_on = !self.state_at(now).is_final();
        if goes_on {
            self.state = State::Cancelled;
        }
        goes_on
    }

    /// Consumes the approved login. Every check is mandatory.
    ///
    /// # Errors
    /// Denied with `LOGIN_NOT_FOUND` for another front-end, as if it did not exist; `VERIFIER_WRONG`;
    /// or the reason of its state.
    pub fn redeem(&mut self, front_end: &str, verifier: &[u8], now: Millis) -> Result<()> {
        self.expect_started_by(front_end)?;
        if !bool::from(sha256(verifier).ct_eq(&self.verifier_digest)) {
            return Err(Error::denied(Reason::VerifierWrong));
        }
        self.expect(State::Approved, now)?;
        self.state = State::Redeemed;
        Ok(())
    }

    /// Whether this front-end may know about the login.
    ///
    /// # Errors
    /// Denied with `LOGIN_NOT_FOUND`, as if it did not exist.
    pub fn expect_started_by(&self, front_end: &str) -> Result<()> {
        if self.front_end == front_end { Ok(()) } else { Err(Error::denied(Reason::LoginNotFound)) }
    }
}

/// Chooses which of the pending logins for one typed user ID from one source makes room for a new one:
/// the oldest, if there are as many as may be open.
///
/// Counted by source as well, because whoever knows a user ID can start logins for it: nobody ends a login
/// that was started elsewhere, or learns from their own being ended that its owner has come.
#[must_use]
pub fn displaced(pending: &[Login], open_max: u32) -> Option<&Login> {
    if pending.len() < usize::try_from(open_max).unwrap_or(usize::MAX) {
        return None;
    }
    pending.iter().min_by_key(|login| (login.started_at, login.id))
}
