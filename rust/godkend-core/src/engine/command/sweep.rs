//! Removes what has ended.

use crate::engine::lane::{Command, Moment};
use crate::error::Result;
use crate::policy::before;
use crate::store::Tx;

/// Removes logins some time after they expired, and budgets that are full again.
pub struct Sweep;

impl Command for Sweep {
    type Outcome = usize;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<usize> {
        tx.sweep(before(at.now, at.policy.login.kept_ms), at.now)
    }
}
