//! The new phone gives the temporary PIN and chooses its own: it is an authenticator.

use super::{event, expect_usable, find};
use crate::Id;
use crate::approval::{Verified, id};
use crate::authenticator::Authenticator;
use crate::copy_statement::CopyFinishStatement;
use crate::copying::{AppCopy, Scanned};
use crate::engine::command::activation::FinishActivation;
use crate::engine::command::derive_id;
use crate::engine::command::temporary_pin::{
    ChargedTemporaryPin, CheckedTemporaryPin, charge_temporary_pin, use_temporary_pin,
};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::keys::Keys;
use crate::level::Enrolment;
use crate::lockout::Lockout;
use crate::pin::Pin;
use crate::store::Tx;

/// Charges a try for the temporary PIN.
pub struct ChargeCopyFinish {
    /// What the new phone signed.
    pub verified: Verified<CopyFinishStatement>,
}

/// What the new phone has before it.
pub enum CopyFinish {
    /// It has finished with this very attempt, and repeats itself because it missed the answer.
    Done(Id),
    /// A try is charged.
    Charged(ChargedCopyFinish),
}

/// An attempt at the end.
pub struct ChargedCopyFinish {
    charged: ChargedTemporaryPin,
    copy_id: Id,
    authenticator_id: Id,
    attempt_id: Id,
}

impl Command for ChargeCopyFinish {
    type Outcome = CopyFinish;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CopyFinish> {
        let statement = self.verified.statement();
        let copy_id = id(&statement.copy_id)?;
        let attempt_id = id(&statement.attempt_id)?;
        let copy = find(tx, at, &copy_id)?;
        let challenge = copy.phone.as_ref().map(|phone| phone.challenge);
        if challenge.is_none_or(|challenge| statement.challenge != challenge) {
            return Err(Error::denied(Reason::StatementWrongChallenge));
        }
        let authenticator_id = authenticator_id(at.keys, &copy_id);
        if is_finished_by(&copy, &attempt_id) {
            return Ok(CopyFinish::Done(authenticator_id));
        }
        expect_usable(tx, &copy)?;
        let identity_id = copy.identity_id;
        copy.into_scanned(at.now)?;
        let charged = charge_temporary_pin(tx, at, &identity_id, &authenticator_id)?;
        Ok(CopyFinish::Charged(ChargedCopyFinish {
            charged,
            copy_id,
            authenticator_id,
            attempt_id,
        }))
    }
}

/// The authenticator that a copy becomes.
fn authenticator_id(keys: &Keys, copy_id: &Id) -> Id {
    derive_id(keys, b"authenticator by copy v1", &[copy_id])
}

fn is_finished_by(copy: &AppCopy, attempt_id: &Id) -> bool {
    copy.phone.as_ref().is_some_and(|phone| phone.finished_by.as_ref() == Some(attempt_id))
}

impl ChargedCopyFinish {
    /// Looks at the temporary PIN, and makes the record of the chosen one with `make` if it is right.
    ///
    /// # Errors
    /// What `make` gives. The try stays charged.
    pub fn check(
        self,
        temporary: &Pin,
        biometrics_on: bool,
        notifications_on: bool,
        make: impl FnOnce(&Id, u32) -> Result<Vec<u8>>,
    ) -> Result<SettleCopyFinish> {
        let checked = self.charged.check(temporary);
        let pin_record = if checked.is_right() {
            make(&self.authenticator_id, FinishActivation::PIN_VERSION)?
        } else {
            Vec::new()
        };
        Ok(SettleCopyFinish {
            checked,
            copy_id: self.copy_id,
            authenticator_id: self.authenticator_id,
            attempt_id: self.attempt_id,
            pin_record,
            biometrics_on,
            notifications_on,
        })
    }
}

/// Settles a checked attempt: the new phone is an authenticator, or the try stays charged.
pub struct SettleCopyFinish {
    checked: CheckedTemporaryPin,
    copy_id: Id,
    authenticator_id: Id,
    attempt_id: Id,
    /// Hashed and sealed; empty if the temporary PIN was wrong.
    pin_record: Vec<u8>,
    biometrics_on: bool,
    notifications_on: bool,
}

impl Command for SettleCopyFinish {
    type Outcome = Id;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Id> {
        let copy = find(tx, at, &self.copy_id)?;
        if is_finished_by(&copy, &self.attempt_id) {
            return Ok(self.authenticator_id);
        }
        expect_usable(tx, &copy)?;
        let scanned = copy.into_scanned(at.now)?;
        use_temporary_pin(tx, at, &self.checked, Some(self.authenticator_id))?;
        self.finish(tx, at, scanned)
    }
}

impl SettleCopyFinish {
    fn finish(&self, tx: &mut dyn Tx, at: &Moment<'_>, scanned: Scanned) -> Result<Id> {
        let copy = scanned.finish(self.attempt_id, at.now);
        let phone = copy.phone.as_ref().ok_or(Error::denied(Reason::CopyNotFound))?;
        // Nobody has vouched for the new phone's key, whatever the old one is worth.
        let enrolment = Enrolment::default();
        tx.put_authenticator(&Authenticator {
            id: self.authenticator_id,
            identity_id: copy.identity_id,
            device_name: phone.device_name.clone(),
            public_key: phone.public_key,
            enrolment,
            biometrics_on: self.biometrics_on,
            notifications_on: self.notifications_on,
            pin_record: self.pin_record.clone(),
            pin_version: FinishActivation::PIN_VERSION,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: at.now,
        })?;
        tx.put_copy(&copy)?;
        let activated = NewEvent {
            kind: kind::AUTHENTICATOR_ACTIVATED,
            identity_id: Some(copy.identity_id),
            authenticator_id: Some(self.authenticator_id),
            actor: "device".to_owned(),
            detail: serde_json::json!({ "level": enrolment.level.name() }).to_string(),
            ..NewEvent::default()
        };
        tx.append_event(activated, at.now)?;
        tx.append_event(event(kind::COPY_DONE, &copy), at.now)?;
        Ok(self.authenticator_id)
    }
}
