//! How far consumers have followed the history.

use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::store::Tx;

/// Moves a consumer's cursor; it never goes back.
pub struct AckEvents {
    /// The client that asks; each has consumers of its own.
    pub client: String,
    /// Which of them.
    pub consumer: String,
    /// The last event that is done with.
    pub seq: i64,
}

impl Command for AckEvents {
    type Outcome = i64;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<i64> {
        // One that lies ahead would skip what nobody has seen yet.
        if !(1..=tx.last_event_seq()?).contains(&self.seq) {
            return Err(Error::invalid("seq", "must be the number of an event"));
        }
        let acked = tx.consumer(&self.client, &self.consumer)?;
        if let Some(acked) = acked.filter(|acked| *acked >= self.seq) {
            return Ok(acked);
        }
        let consumers_max = at.policy.notification.consumers_max;
        if acked.is_none() && tx.consumers_of(&self.client)? >= consumers_max {
            return Err(Error::denied(Reason::ConsumersFull));
        }
        tx.put_consumer(&self.client, &self.consumer, self.seq, at.now)?;
        Ok(self.seq)
    }
}
