//! What can be done: one type for each command, with the step that decides it.
//!
//! A step reads the rows it names, applies the rules, and writes what changed; rules live in files of
//! their own. Ids of what a command makes are derived from its `request_id`, so that a repeated
//! command finds what the first one made.

mod activation;
mod attempt;
mod blocking;
mod code;
mod contact;
mod copying;
mod decision;
mod delegation;
mod display;
mod door;
mod event;
mod history;
mod identity;
mod issuing;
mod key;
mod key_card;
mod login;
mod nemid;
mod notification;
mod passport;
mod password;
mod pin_change;
mod pin_reset;
mod recovery;
mod refused_call;
mod sweep;
mod temporary_pin;
mod user_id;

pub use activation::{
    ActivationBegun, BeginActivation, CodeIssued, FinishActivation, IssueActivationCode, UnderWay,
};
pub use attempt::{Charged, Checked};
pub use blocking::{BlockByDevice, EndBlockedLogins, SetBlocked};
pub use code::SubmitCode;
pub use contact::SetContactDetails;
pub use copying::{
    ChargeCopyConfirmation, ChargeCopyFinish, ChargeCopyRequest, ChargedConfirmation,
    ChargedCopyFinish, ChargedRequest, CopyFinish, CopyScanned, CopyView, PassCopies, ScanCopy,
    SettleCopyConfirmation, SettleCopyFinish, SettleCopyRequest, StopCopy,
};
pub use decision::{
    ApproveByBiometrics, ChargeApproval, ChargedApproval, RejectLogin, SettleApproval,
};
pub use delegation::{EndDelegation, Principal, RecordDelegation};
pub(super) use display::display_id;
pub use display::{ActivateDisplay, AssignDisplay, ImportDisplay, ReportDisplayLost};
pub(super) use door::{code_door_key, expect_started_with, key_door_key};
pub use event::AckEvents;
pub use history::{ReportLogin, Reported, Reporter};
pub use identity::CreateIdentity;
pub use issuing::{RecordConsent, RecordIdentification};
pub use key::SubmitKey;
pub(super) use key::{Asked, expect_key_login};
pub use key_card::{
    ActivateKeyCard, KeyCardContent, OrderKeyCard, PrintKeyCard, ReportKeyCardLost,
};
pub use login::{
    CancelLogin, LoginOpened, LoginStarted, LoginView, OpenLogin, RedeemLogin, Redeemed, StartLogin,
};
pub use nemid::MoveFromNemId;
pub(super) use notification::NOTIFIER;
pub use notification::{PlanMessages, Planned, RetryMessage, SettleMessage, TakeDelivery};
pub use passport::{
    ChargePassport, PassportCharged, RecoverApp, RecoverPin, RecoverUserId, VerifyPassport,
};
pub use password::{ChargePassword, ChargedPassword, PasswordChosen, SetPassword, SettlePassword};
pub use pin_change::{ChargePinChange, SettlePinChange};
pub use pin_reset::{ChargePinReset, ChargedPinReset, SettlePinReset};
pub use refused_call::RecordRefusedCall;
pub use sweep::{Sweep, Swept};
pub use temporary_pin::{
    ChargedTemporaryPin, CheckedTemporaryPin, IssueTemporaryPin, TemporaryPinIssued,
};
pub use user_id::FindUserId;

use super::lane;
use crate::Id;
use crate::activation::CodeState;
use crate::age;
use crate::authenticator::Authenticator;
use crate::budget::{Cell, spend};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::Identity;
use crate::keys::Keys;
use crate::self_service;
use crate::store::Tx;
use crate::throttle::Quota;

/// The first 16 bytes of a derived key, as an id.
fn derive_id(keys: &Keys, label: &'static [u8], parts: &[&[u8]]) -> Id {
    let derived = keys.derive(label, parts);
    let mut id = [0; 16];
    id.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
    id
}

/// An id as details of events hold it.
fn hex(id: &Id) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What budgets would be after one more draw on each. The caller writes them, or not.
///
/// # Errors
/// Denied with `BUDGET_SPENT`.
fn draw<const N: usize>(
    tx: &mut dyn Tx,
    budgets: [([u8; 16], Quota); N],
    now: Millis,
) -> Result<[Cell; N]> {
    let mut cells = budgets.map(|(key, quota)| Cell { key, quota, arrival_us: 0 });
    for cell in &mut cells {
        cell.arrival_us = tx.budget(&cell.key)?;
    }
    spend(cells, now)
}

fn put_budgets(tx: &mut dyn Tx, drawn: &[Cell]) -> Result<()> {
    drawn.iter().try_for_each(|cell| tx.put_budget(&cell.key, cell.arrival_us))
}

/// Whether somebody answers for who this is, and they are old enough for an authenticator.
///
/// # Errors
/// Denied with `IDENTITY_NOT_PROVED`, or as [`age::check`] says.
fn entitled(tx: &mut dyn Tx, at: &lane::Moment<'_>, identity: &Identity) -> Result<()> {
    if identity.proved_since().is_none() {
        return Err(Error::denied(Reason::IdentityNotProved));
    }
    let consented = !tx.consents_of(&identity.id)?.is_empty();
    age::check(identity, consented, &at.policy.issuing, at.now)
}

/// An authenticator that may be used, and its identity. Its device has proved its key.
///
/// # Errors
/// Denied with `AUTHENTICATOR_BLOCKED` or `IDENTITY_BLOCKED`.
pub(super) fn usable(tx: &mut dyn Tx, authenticator_id: &Id) -> Result<(Authenticator, Identity)> {
    let authenticator = tx.authenticator(authenticator_id)?;
    let authenticator = authenticator.ok_or(Error::denied(Reason::SignatureInvalid))?;
    authenticator.usable()?;
    let identity = tx.identity(&authenticator.identity_id)?;
    let identity = identity
        .ok_or_else(|| Error::fault(Reason::StoreFault, "an authenticator without its identity"))?;
    identity.usable()?;
    Ok((authenticator, identity))
}

/// Expects that no authenticator was taken out of use since the subscriber signed in; `None` at a desk, where
/// nobody is signed in.
///
/// # Errors
/// Denied with `SUBSCRIBER_NOT_PROVED`.
fn expect_session(tx: &mut dyn Tx, identity_id: &Id, signed_in_at: Option<Millis>) -> Result<()> {
    let Some(signed_in_at) = signed_in_at else {
        return Ok(());
    };
    let (authenticators, displays) =
        (tx.authenticators_of(identity_id)?, tx.displays_of(identity_id)?);
    let key_cards = tx.key_cards_of(identity_id)?;
    self_service::check_session(&authenticators, &displays, &key_cards, signed_in_at)
}

/// Ends the codes that were asked for on the profile page, when an authenticator is taken out of use.
fn end_profile_codes(tx: &mut dyn Tx, identity_id: &Id) -> Result<()> {
    for mut code in tx.issued_codes_of(identity_id)? {
        if code.ends_with_an_authenticator() {
            code.state = CodeState::Ended;
            tx.put_code(&code)?;
        }
    }
    Ok(())
}
