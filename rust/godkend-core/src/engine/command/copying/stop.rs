//! The end of a copy before its last step: by an app, or by a block.

use super::{CopyView, end_temporary_pin, find, pass, told};
use crate::Id;
use crate::approval::{Verified, fresh, id};
use crate::copy_statement::CopyStopStatement;
use crate::copying::AppCopy;
use crate::engine::command::usable;
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::store::Tx;

/// Ends a copy, from any app of its subscriber or from the new phone. Needs no PIN. Repeating it changes
/// nothing.
pub struct StopCopy {
    /// What the app or the new phone signed.
    pub verified: Verified<CopyStopStatement>,
}

impl Command for StopCopy {
    type Outcome = CopyView;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<CopyView> {
        let statement = self.verified.statement();
        fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
        let mut copy = find(tx, at, &id(&statement.copy_id)?)?;
        let by = if statement.authenticator_id.is_empty() {
            "new phone"
        } else {
            let (authenticator, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
            if copy.identity_id != identity.id {
                return Err(Error::denied(Reason::CopyNotFound));
            }
            if copy.authenticator_id == authenticator.id { "old app" } else { "another app" }
        };
        if copy.ended_at.is_none() {
            stop(tx, at, &mut copy, "device", by)?;
        }
        copy.stop(at.now)?;
        Ok(CopyView::of(at.keys, copy, None, at.now))
    }
}

/// Stops the copies of an identity that are under way, or those of one of its apps: it is blocked.
pub(in crate::engine::command) fn stop_copies(
    tx: &mut dyn Tx,
    at: &Moment<'_>,
    identity_id: &Id,
    authenticator_id: Option<&Id>,
    actor: &str,
) -> Result<()> {
    for mut copy in tx.copies_of(identity_id)? {
        if authenticator_id.is_some_and(|only| copy.authenticator_id != *only) {
            continue;
        }
        pass(tx, at, &mut copy)?;
        if copy.ended_at.is_none() {
            stop(tx, at, &mut copy, actor, "block")?;
        }
    }
    Ok(())
}

fn stop(tx: &mut dyn Tx, at: &Moment<'_>, copy: &mut AppCopy, actor: &str, by: &str) -> Result<()> {
    copy.stop(at.now)?;
    tx.put_copy(copy)?;
    end_temporary_pin(tx, at, copy)?;
    let event = told(kind::COPY_STOPPED, copy, serde_json::json!({ "by": by }));
    tx.append_event(NewEvent { actor: actor.to_owned(), ..event }, at.now)
}
