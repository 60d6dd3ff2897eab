//! The second PIN on the old app, after the wait: it shows a QR code.

use super::{CopyView, event, find};
use crate::Id;
use crate::approval::{Verified, fresh, id};
use crate::copy_statement::CopyConfirmationStatement;
use crate::engine::command::attempt::{Charged, Checked, charge, charged_authenticator, settle};
use crate::engine::command::usable;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::kind;
use crate::store::Tx;

/// Charges a strike for the second PIN.
pub struct ChargeCopyConfirmation {
    /// What the old app signed.
    pub verified: Verified<CopyConfirmationStatement>,
}

/// An attempt at a confirmation.
pub struct ChargedConfirmation {
    /// The only way to the hash.
    pub charged: Charged,
    copy_id: Id,
    attempt_id: Id,
}

impl Command for ChargeCopyConfirmation {
    type Outcome = ChargedConfirmation;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ChargedConfirmation> {
        let statement = self.verified.statement();
        let (mut authenticator, _) = usable(tx, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        let attempt_id = id(&statement.attempt_id)?;
        authenticator.remember(attempt_id)?;
        let copy_id = id(&statement.copy_id)?;
        let copy = find(tx, at, &copy_id)?;
        if copy.authenticator_id != authenticator.id {
            return Err(Error::denied(Reason::CopyNotFound));
        }
        copy.into_ready(at.now)?;
        let charged = charge(&mut authenticator, at)?;
        tx.put_authenticator(&authenticator)?;
        Ok(ChargedConfirmation { charged, copy_id, attempt_id })
    }
}

impl ChargedConfirmation {
    /// Looks at the PIN.
    ///
    /// # Errors
    /// As [`Charged::check`].
    pub fn check(
        self,
        look: impl FnOnce(Charged) -> Result<Checked>,
    ) -> Result<SettleCopyConfirmation> {
        Ok(SettleCopyConfirmation {
            checked: look(self.charged)?,
            copy_id: self.copy_id,
            attempt_id: self.attempt_id,
        })
    }
}

/// Settles a checked attempt: there is a code to scan, or the strike stays.
pub struct SettleCopyConfirmation {
    checked: Checked,
    copy_id: Id,
    attempt_id: Id,
}

impl Command for SettleCopyConfirmation {
    type Outcome = CopyView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CopyView> {
        let mut authenticator = charged_authenticator(tx, &self.checked)?;
        settle(tx, at, &mut authenticator, &self.checked, None)?;
        tx.put_authenticator(&authenticator)?;
        // The PIN was right; whether the copy may still be confirmed is another question.
        usable(tx, &authenticator.id)?;
        let ready = find(tx, at, &self.copy_id)?.into_ready(at.now)?;
        let copy = ready.confirm(self.attempt_id, &at.policy.copying, at.now);
        tx.put_copy(&copy)?;
        tx.append_event(event(kind::COPY_CONFIRMED, &copy), at.now)?;
        Ok(CopyView::of(at.keys, copy, Some(&authenticator.id), at.now))
    }
}
