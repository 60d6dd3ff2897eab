//! From one app to its copy on another phone; each step is a file.

mod confirm;
mod due;
mod finish;
mod request;
mod scan;
mod stop;

pub use confirm::{ChargeCopyConfirmation, ChargedConfirmation, SettleCopyConfirmation};
pub use due::PassCopies;
pub use finish::{ChargeCopyFinish, ChargedCopyFinish, CopyFinish, SettleCopyFinish};
pub use request::{ChargeCopyRequest, ChargedRequest, SettleCopyRequest};
pub use scan::{CopyScanned, ScanCopy};
pub use stop::StopCopy;
pub(super) use stop::stop_copies;

use super::{derive_id, usable};
use crate::Id;
use crate::approval::id;
use crate::clock::Millis;
use crate::copy_code::CopyCode;
use crate::copy_statement::CopyQueryStatement;
use crate::copying::{AppCopy, State};
use crate::engine::lane::Moment;
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::keys::Keys;
use crate::store::Tx;
use crate::temporary_pin::TemporaryPinState;

/// Where a copy is, as the subscriber's apps see it.
pub struct CopyView {
    /// The copy.
    pub copy: AppCopy,
    /// Where it is now.
    pub state: State,
    /// What the old app shows, while it does.
    pub code: Option<CopyCode>,
}

impl CopyView {
    /// The copy at a time, with its code for the app that is copied and for no other.
    #[must_use]
    pub fn of(keys: &Keys, copy: AppCopy, seen_by: Option<&Id>, now: Millis) -> Self {
        let state = copy.state_at(now);
        let shows = state == State::Confirmed && seen_by == Some(&copy.authenticator_id);
        let code = copy.code.filter(|_| shows);
        Self { code: code.map(|code| CopyCode::derive(keys, copy.id, &code.id)), state, copy }
    }

    /// The copy that a signed query is about: an app sees those of its subscriber, the newest if it names
    /// none; the new phone sees the one it scanned, for its key verified the query.
    ///
    /// # Errors
    /// Denied with `COPY_NOT_FOUND`, or as an app that may not be used.
    pub fn find(
        tx: &mut dyn Tx,
        keys: &Keys,
        query: &CopyQueryStatement,
        now: Millis,
    ) -> Result<Self> {
        let not_found = || Error::denied(Reason::CopyNotFound);
        if query.authenticator_id.is_empty() {
            let copy = tx.copy(&id(&query.copy_id)?)?.ok_or_else(not_found)?;
            return Ok(Self::of(keys, copy, None, now));
        }
        let (authenticator, identity) = usable(tx, &id(&query.authenticator_id)?)?;
        let mut copies = tx.copies_of(&identity.id)?;
        if !query.copy_id.is_empty() {
            let named = id(&query.copy_id)?;
            copies.retain(|copy| copy.id == named);
        }
        let copy = copies.pop().ok_or_else(not_found)?;
        Ok(Self::of(keys, copy, Some(&authenticator.id), now))
    }
}

/// A copy, moved to where waiting alone has brought it.
///
/// # Errors
/// Denied with `COPY_NOT_FOUND`.
fn find(tx: &mut dyn Tx, at: &Moment<'_>, id: &Id) -> Result<AppCopy> {
    let mut copy = tx.copy(id)?.ok_or(Error::denied(Reason::CopyNotFound))?;
    pass(tx, at, &mut copy)?;
    Ok(copy)
}

/// Moves a copy to where waiting alone has brought it, and tells of it. Under the write lock, so that it
/// is told once.
fn pass(tx: &mut dyn Tx, at: &Moment<'_>, copy: &mut AppCopy) -> Result<()> {
    let before = copy.state;
    if !copy.pass(at.now) {
        return Ok(());
    }
    tx.put_copy(copy)?;
    match (before, copy.state) {
        (State::Requested, State::Ready) => tx.append_event(event(kind::COPY_READY, copy), at.now),
        (_, State::Expired) => {
            end_temporary_pin(tx, at, copy)?;
            tx.append_event(event(kind::COPY_EXPIRED, copy), at.now)
        }
        // A QR code ran out: its maker sees it, and the subscriber has nothing to know.
        _ => Ok(()),
    }
}

/// Whether the app that is copied may still be used: else the copy is stopped, by whatever way the block came.
fn expect_usable(tx: &mut dyn Tx, copy: &AppCopy) -> Result<()> {
    usable(tx, &copy.authenticator_id).map(drop)
}

/// The temporary PIN that is sent when a code was scanned.
fn temporary_pin_id(keys: &Keys, copy: &AppCopy) -> Option<Id> {
    let phone = copy.phone.as_ref()?;
    Some(derive_id(keys, b"temporary pin of copy v1", &[&copy.id, &phone.code_id]))
}

/// Ends the temporary PIN that was sent for a copy, and no other.
fn end_temporary_pin(tx: &mut dyn Tx, at: &Moment<'_>, copy: &AppCopy) -> Result<()> {
    let Some(id) = temporary_pin_id(at.keys, copy) else { return Ok(()) };
    let issued = tx.temporary_pin(&id)?.filter(|pin| pin.state == TemporaryPinState::Issued);
    if let Some(mut pin) = issued {
        pin.state = TemporaryPinState::Ended;
        tx.put_temporary_pin(&pin)?;
    }
    Ok(())
}

fn event(kind: &'static str, copy: &AppCopy) -> NewEvent {
    told(kind, copy, serde_json::json!({}))
}

/// An event about a copy, with more to say than its name.
fn told(kind: &'static str, copy: &AppCopy, mut detail: serde_json::Value) -> NewEvent {
    let copy_id: String = copy.id.iter().map(|byte| format!("{byte:02x}")).collect();
    if let Some(detail) = detail.as_object_mut() {
        detail.insert("copy_id".to_owned(), copy_id.into());
    }
    NewEvent {
        kind,
        identity_id: Some(copy.identity_id),
        authenticator_id: Some(copy.authenticator_id),
        actor: "device".to_owned(),
        detail: detail.to_string(),
        ..NewEvent::default()
    }
}
