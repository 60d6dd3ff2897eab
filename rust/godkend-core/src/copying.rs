//! The life of a copy of the app: REQUESTED, READY, CONFIRMED, SCANNED, DONE; or STOPPED, EXPIRED.
//!
//! Whoever has somebody's phone and PIN in their hands for a moment must not walk away with a copy of the
//! app. So the old app asks for the PIN twice, an hour apart; every step is told to the subscriber, who
//! can stop it from any of their apps; and the end of it needs a temporary PIN, sent to their phone number.
//! Invariant: each step takes a copy in the state before it, and there is no other way to the next.
//!
//! Decisions, where no source gives a number: a copy may be confirmed for a day after the wait. A QR code
//! that ran out costs no new wait: the copy is READY again, and the PIN gives another code. A code with a
//! wrong user ID loses one of its tries, and with the last one it runs out. There is one copy under way for
//! each identity; as long as it is, no app of that identity begins another. A copy never outlives the right
//! of its old app: if that or the identity is blocked, it is stopped for good.

use crate::Id;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::policy::{CopyingPolicy, after};
use crate::signature::PublicKey;

/// Where a copy is. The numbers are those of `CopyState` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// The wait is on; the app may be closed.
    Requested = 1,
    /// Waits for the PIN a second time.
    Ready = 2,
    /// The old app shows a QR code.
    Confirmed = 3,
    /// A new phone has scanned it, and waits for the temporary PIN.
    Scanned = 4,
    /// The new phone is an authenticator.
    Done = 5,
    /// Ended by an app or a block.
    Stopped = 6,
    /// Its time was over.
    Expired = 7,
}

impl State {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Requested,
            2 => Self::Ready,
            3 => Self::Confirmed,
            4 => Self::Scanned,
            5 => Self::Done,
            6 => Self::Stopped,
            7 => Self::Expired,
            _ => return None,
        })
    }

    /// Whether nothing can come after it.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Stopped | Self::Expired)
    }
}

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppCopy {
    /// Its name.
    pub id: Id,
    /// Whose app is copied.
    pub identity_id: Id,
    /// The old app.
    pub authenticator_id: Id,
    /// As last stored; see [`AppCopy::state_at`].
    pub state: State,
    /// When the PIN was given the first time.
    pub requested_at: Millis,
    /// When the wait ends.
    pub ready_at: Millis,
    /// Until when the PIN may be given the second time.
    pub expires_at: Millis,
    /// What the QR code is made of, while it is confirmed.
    pub code: Option<Code>,
    /// Who scanned it.
    pub phone: Option<NewPhone>,
    /// When it was done, stopped or expired.
    pub ended_at: Option<Millis>,
}

/// A QR code that was shown. Its text is derived, by [`crate::copy_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The attempt that confirmed the copy: each confirmation has a code of its own.
    pub id: Id,
    /// Wrong user IDs that it can still bear.
    pub tries_left: u32,
    /// Until when it may be scanned.
    pub expires_at: Millis,
}

/// The phone that scanned the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPhone {
    /// Its key.
    pub public_key: PublicKey,
    /// As it gave it.
    pub device_name: String,
    /// The code that it scanned.
    pub code_id: Id,
    /// To be signed at the end.
    pub challenge: [u8; 32],
    /// Until when it may finish.
    pub expires_at: Millis,
    /// The attempt with which it finished.
    pub finished_by: Option<Id>,
}

impl AppCopy {
    /// The PIN was right for the first time.
    #[must_use]
    pub fn request(
        id: Id,
        authenticator: &Authenticator,
        policy: &CopyingPolicy,
        now: Millis,
    ) -> Self {
        let ready_at = after(now, policy.wait_ms);
        Self {
            id,
            identity_id: authenticator.identity_id,
            authenticator_id: authenticator.id,
            state: State::Requested,
            requested_at: now,
            ready_at,
            expires_at: after(ready_at, policy.window_ms),
            code: None,
            phone: None,
            ended_at: None,
        }
    }

    /// The state at a time: where waiting alone has brought it.
    #[must_use]
    pub fn state_at(&self, now: Millis) -> State {
        if self.due_at().is_none_or(|due_at| now < due_at) {
            return self.state;
        }
        match self.state {
            State::Scanned => State::Expired,
            _ if now >= self.expires_at => State::Expired,
            _ => State::Ready,
        }
    }

    /// When it moves on without anybody calling; `None` if it has ended.
    #[must_use]
    pub fn due_at(&self) -> Option<Millis> {
        match self.state {
            State::Requested => Some(self.ready_at),
            State::Ready => Some(self.expires_at),
            State::Confirmed => Some(self.code.map_or(self.ready_at, |code| code.expires_at)),
            State::Scanned => {
                Some(self.phone.as_ref().map_or(self.ready_at, |phone| phone.expires_at))
            }
            State::Done | State::Stopped | State::Expired => None,
        }
    }

    /// Moves it to where waiting alone has brought it; whether that is another state.
    pub fn pass(&mut self, now: Millis) -> bool {
        let state = self.state_at(now);
        let moved = state != self.state;
        if moved {
            self.state = state;
            self.code = None;
            self.ended_at = state.is_final().then_some(now);
        }
        moved
    }

    /// The copy, if the PIN may be given the second time.
    ///
    /// # Errors
    /// Denied with `COPY_NOT_READY` and the rest of the wait, or with the reason of its state.
    pub fn into_ready(self, now: Millis) -> Result<Ready> {
        match self.state_at(now) {
            State::Ready => Ok(Ready(self)),
            State::Requested => {
                let wait_ms = u64::try_from(self.ready_at.saturating_sub(now)).unwrap_or(0);
                Err(Error::retry(Reason::CopyNotReady, wait_ms))
            }
            other => Err(refusal(other)),
        }
    }

    /// The copy, if its code may be scanned.
    #[must_use]
    pub fn into_confirmed(self, now: Millis) -> Option<Confirmed> {
        let code = self.code.filter(|_| self.state_at(now) == State::Confirmed)?;
        Some(Confirmed { copy: self, code })
    }

    /// The copy, if the new phone may finish.
    ///
    /// # Errors
    /// Denied with the reason of its state.
    pub fn into_scanned(mut self, now: Millis) -> Result<Scanned> {
        match (self.state_at(now), self.phone.take()) {
            (State::Scanned, Some(phone)) => Ok(Scanned { copy: self, phone }),
            (state, _) => Err(refusal(state)),
        }
    }

    /// Ends it. Stopping again changes nothing.
    ///
    /// # Errors
    /// Denied with `COPY_DONE` or `COPY_EXPIRED`.
    pub fn stop(&mut self, now: Millis) -> Result<()> {
        match self.state_at(now) {
            State::Stopped => {}
            state @ (State::Done | State::Expired) => return Err(refusal(state)),
            State::Requested | State::Ready | State::Confirmed | State::Scanned => {
                self.state = State::Stopped;
                self.code = None;
                self.ended_at = Some(now);
            }
        }
        Ok(())
    }
}

/// A copy whose wait is over: the only way to confirm one.
pub struct Ready(AppCopy);

impl Ready {
    /// The PIN was right for the second time. `attempt_id` names the attempt.
    #[must_use]
    pub fn confirm(self, attempt_id: Id, policy: &CopyingPolicy, now: Millis) -> AppCopy {
        let code = Code {
            id: attempt_id,
            tries_left: policy.user_id_tries_max,
            expires_at: after(now, policy.code_life_ms),
        };
        AppCopy { state: State::Confirmed, code: Some(code), ..self.0 }
    }
}

/// A copy whose code may be scanned: the only way to a new phone.
pub struct Confirmed {
    copy: AppCopy,
    code: Code,
}

impl Confirmed {
    /// A phone showed the code with the right user ID. No other can do so again.
    #[must_use]
    pub fn scan(
        self,
        public_key: PublicKey,
        device_name: String,
        challenge: [u8; 32],
        policy: &CopyingPolicy,
        now: Millis,
    ) -> AppCopy {
        let phone = NewPhone {
            public_key,
            device_name,
            code_id: self.code.id,
            challenge,
            expires_at: after(now, policy.finish_life_ms),
            finished_by: None,
        };
        AppCopy { state: State::Scanned, code: None, phone: Some(phone), ..self.copy }
    }

    /// A phone showed the code with a wrong user ID: the last try ends the code.
    #[must_use]
    pub fn miss(self) -> AppCopy {
        let tries_left = self.code.tries_left.saturating_sub(1);
        if tries_left == 0 {
            return AppCopy { state: State::Ready, code: None, ..self.copy };
        }
        AppCopy { code: Some(Code { tries_left, ..self.code }), ..self.copy }
    }
}

/// A copy that a new phone has scanned: the only way to its end.
pub struct Scanned {
    copy: AppCopy,
    phone: NewPhone,
}

impl Scanned {
    /// The new phone gave the temporary PIN and chose its own.
    #[must_use]
    pub fn finish(self, attempt_id: Id, now: Millis) -> AppCopy {
        let phone = NewPhone { finished_by: Some(attempt_id), ..self.phone };
        AppCopy { state: State::Done, phone: Some(phone), ended_at: Some(now), ..self.copy }
    }
}

/// Why a step that needs another state is refused. What has not been confirmed or scanned is not known to
/// whoever would go on with it.
const fn refusal(state: State) -> Error {
    Error::denied(match state {
        State::Requested | State::Ready => Reason::CopyNotFound,
        State::Confirmed => Reason::CopyConfirmed,
        State::Scanned => Reason::CopyScanned,
        State::Done => Reason::CopyDone,
        State::Stopped => Reason::CopyStopped,
        State::Expired => Reason::CopyExpired,
    })
}

#[cfg(test)]
mod tests;
