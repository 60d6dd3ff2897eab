//! What strangers may spend: per source, per front-end, and overall.
//!
//! Whoever only knows a user ID spends from these and never from the subscriber's own tries, so that
//! nobody can be locked out from outside. A request is allowed only if every budget it draws on
//! allows it, and then draws on all; a refused request draws on none.

use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::throttle::{Quota, decide};

/// The state of one budget: its key in the store, its quota, and its arrival time so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// Names the budget in the store.
    pub key: [u8; 16],
    /// What it allows.
    pub quota: Quota,
    /// The theoretical arrival time in microseconds; 0 if there is none.
    pub arrival_us: i64,
}

/// Draws on all of `cells` or on none.
///
/// # Errors
/// Denied with `BUDGET_SPENT` and the time after which all of them allow it.
pub fn spend<const N: usize>(mut cells: [Cell; N], now: Millis) -> Result<[Cell; N]> {
    let now_us = now.saturating_mul(1_000);
    let mut wait_us = 0;
    for cell in &mut cells {
        match decide(cell.arrival_us, now_us, cell.quota) {
            Ok(arrival_us) => cell.arrival_us = arrival_us,
            Err(wait) => wait_us = wait_us.max(wait),
        }
    }
    if wait_us > 0 {
        return Err(Error::retry(Reason::BudgetSpent, wait_us.div_ceil(1_000)));
    }
    Ok(cells)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(interval_us: u64, burst: u32) -> Cell {
        Cell { key: [0; 16], quota: Quota { interval_us, burst }, arrival_us: 0 }
    }

    #[test]
    fn a_refusal_draws_on_nothing_and_keeps_its_promise() {
        let (wide, narrow) = (cell(1, 1_000), cell(60_000_000, 1));
        let [wide, narrow] = spend([wide, narrow], 0).unwrap();
        let before = wide;
        let Err(Error::Denied(denial)) = spend([wide, narrow], 1) else { panic!("allowed") };
        assert_eq!((denial.reason, denial.retry_after_ms), (Reason::BudgetSpent, Some(59_999)));
        assert_eq!(wide, before);
        assert!(spend([wide, narrow], 59_999).is_err());
        assert!(spend([wide, narrow], 60_000).is_ok());
    }
}
