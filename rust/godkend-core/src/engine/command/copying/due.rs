//! What waiting alone brings about, without anybody calling.

use super::pass;
use crate::engine::lane::{Command, Moment};
use crate::error::Result;
use crate::policy::before;
use crate::store::{ROWS_AT_A_TIME, Tx};

/// Tells of waits that are over, expires what nobody went on with, and removes what ended long ago.
///
/// Each copy moves on once: in this transaction, or in the step of a call that came before it, whichever
/// of all workers has the write lock first. What a crash cut off is done at the next sweep.
pub struct PassCopies;

impl Command for PassCopies {
    /// Whether there was more than one sweep does.
    type Outcome = bool;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<bool> {
        let due = tx.copies_due(at.now)?;
        let count = due.len();
        for mut copy in due {
            pass(tx, at, &mut copy)?;
        }
        let removed = tx.sweep_copies(before(at.now, at.policy.copying.kept_ms))?;
        Ok(count >= ROWS_AT_A_TIME || removed >= ROWS_AT_A_TIME)
    }
}
