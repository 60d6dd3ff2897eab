//! Removes what has ended, some at a time.

use crate::engine::lane::{Command, Moment};
use crate::error::Result;
use crate::policy::before;
use crate::store::{ROWS_AT_A_TIME, Tx};

/// Removes logins some time after they expired, budgets that are full again, doors that are forgotten, and
/// messages some time after they were settled or should have been, for where nobody delivers they never are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sweep {
    /// The last budget that was looked at.
    pub budgets_after: [u8; 16],
}

/// What a sweep left to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Where the next sweep goes on among the budgets.
    pub budgets_after: [u8; 16],
    /// Whether there was more than one sweep removes.
    pub more: bool,
}

impl Command for Sweep {
    type Outcome = Swept;
    const DURABLE: bool = false;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Swept> {
        let logins = tx.sweep_logins(before(at.now, at.policy.login.kept_ms))?;
        let last_budget = tx.sweep_budgets(&self.budgets_after, at.now)?;
        let doors = tx.sweep_doors(before(at.now, at.policy.door.forgotten_ms))?;
        let kept = &at.policy.notification;
        let (settled, dead) = (before(at.now, kept.kept_ms), before(at.now, kept.dead_kept_ms));
        let messages = tx.sweep_messages(settled, dead)?;
        Ok(Swept {
            budgets_after: last_budget.unwrap_or_default(),
            more: logins.max(doors).max(messages) >= ROWS_AT_A_TIME || last_budget.is_some(),
        })
    }
}
