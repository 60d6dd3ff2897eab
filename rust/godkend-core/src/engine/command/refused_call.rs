//! Keeping that a client asked for what is not its to ask.
//!
//! A client whose token was taken, or that was set up wrongly, shows itself first by calls outside its role. The
//! refusal does not wait for this: it is told, not asked. A budget for each client bounds how much of the history
//! such calls can fill; those beyond it are in the log and the metrics alone.

use super::{derive_id, draw, put_budgets};
use crate::engine::lane::{Command, Moment};
use crate::error::Result;
use crate::event::{NewEvent, kind};
use crate::store::Tx;

/// Keeps that a call was refused.
pub struct RecordRefusedCall {
    /// The client that called.
    pub client: String,
    /// What it may do.
    pub role: String,
    /// What it called: service and method.
    pub method: String,
    /// Why not.
    pub reason: String,
}

impl Command for RecordRefusedCall {
    type Outcome = ();
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<()> {
        let key = derive_id(at.keys, b"budget refused call client v1", &[self.client.as_bytes()]);
        let drawn = draw(tx, [(key, at.policy.budget.refused_call_client)], at.now)?;
        put_budgets(tx, &drawn)?;
        let detail = serde_json::json!({
            "method": self.method,
            "reason": self.reason,
            "role": self.role,
        });
        let event = NewEvent {
            kind: kind::CALL_REFUSED,
            actor: self.client.clone(),
            detail: detail.to_string(),
            ..NewEvent::default()
        };
        tx.append_event(event, at.now)
    }
}
