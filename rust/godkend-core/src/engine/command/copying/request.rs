//! The first PIN on the old app: the wait begins.

use super::{CopyView, event, pass};
use crate::Id;
use crate::approval::{Verified, fresh, id};
use crate::copy_statement::CopyRequestStatement;
use crate::copying::AppCopy;
use crate::engine::command::attempt::{Charged, Checked, charge, charged_authenticator, settle};
use crate::engine::command::{derive_id, usable};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::kind;
use crate::identity::Identity;
use crate::store::Tx;
use crate::temporary_pin::expect_reachable;

/// Charges a strike for the first PIN.
pub struct ChargeCopyRequest {
    /// What the old app signed.
    pub verified: Verified<CopyRequestStatement>,
}

/// An attempt at a request.
pub struct ChargedRequest {
    /// The only way to the hash.
    pub charged: Charged,
    attempt_id: Id,
}

impl Command for ChargeCopyRequest {
    type Outcome = ChargedRequest;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<ChargedRequest> {
        let statement = self.verified.statement();
        let (mut authenticator, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        let attempt_id = id(&statement.attempt_id)?;
        authenticator.remember(attempt_id)?;
        expect_none_under_way(tx, at, &identity)?;
        // Else the subscriber would wait an hour to learn that the end cannot be reached.
        expect_reachable(&identity.contact, &at.policy.temporary_pin, at.now)?;
        let charged = charge(&mut authenticator, at)?;
        tx.put_authenticator(&authenticator)?;
        Ok(ChargedRequest { charged, attempt_id })
    }
}

/// Two copies at once could not be told apart by whoever is told of them.
fn expect_none_under_way(tx: &mut dyn Tx, at: &Moment<'_>, identity: &Identity) -> Result<()> {
    for mut copy in tx.copies_of(&identity.id)? {
        pass(tx, at, &mut copy)?;
        if !copy.state.is_final() {
            return Err(Error::denied(Reason::CopyUnderWay));
        }
    }
    Ok(())
}

impl ChargedRequest {
    /// Looks at the PIN.
    ///
    /// # Errors
    /// As [`Charged::check`].
    pub fn check(self, look: impl FnOnce(Charged) -> Result<Checked>) -> Result<SettleCopyRequest> {
        Ok(SettleCopyRequest { checked: look(self.charged)?, attempt_id: self.attempt_id })
    }
}

/// Settles a checked attempt: the wait begins, or the strike stays.
pub struct SettleCopyRequest {
    checked: Checked,
    attempt_id: Id,
}

impl Command for SettleCopyRequest {
    type Outcome = CopyView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CopyView> {
        let mut authenticator = charged_authenticator(tx, &self.checked)?;
        settle(tx, at, &mut authenticator, &self.checked, None)?;
        tx.put_authenticator(&authenticator)?;
        let (authenticator, identity) = usable(tx, &authenticator.id)?;
        // Another request may have been settled since this one was charged.
        expect_none_under_way(tx, at, &identity)?;
        let copy_id = derive_id(at.keys, b"app copy v1", &[&authenticator.id, &self.attempt_id]);
        let copy = AppCopy::request(copy_id, &authenticator, &at.policy.copying, at.now);
        tx.put_copy(&copy)?;
        tx.append_event(event(kind::COPY_REQUESTED, &copy), at.now)?;
        Ok(CopyView::of(at.keys, copy, Some(&authenticator.id), at.now))
    }
}
