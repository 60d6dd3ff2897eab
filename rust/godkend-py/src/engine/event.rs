//! EventService: each call checks its fields, submits, and returns.

use godkend_core::engine::command::{AckEvents, RecordRefusedCall};
use godkend_core::engine::{Deadline, Reply};
use godkend_core::error::Error;
use godkend_core::identity;
use pyo3::prelude::*;

use super::PyEngine;
use crate::error::Result;

const EVENTS_MAX: usize = 1_000;
const CONSUMER_CHARS_MAX: usize = 64;

#[pymethods]
impl PyEngine {
    fn read_events(
        &self,
        token: u64,
        timeout_ms: u64,
        after_seq: i64,
        count_max: usize,
    ) -> Result<()> {
        if after_seq < 0 {
            return Err(Error::invalid("after_seq", "must not be negative").into());
        }
        if !(1..=EVENTS_MAX).contains(&count_max) {
            return Err(Error::invalid("count_max", "must be 1 to 1000").into());
        }
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.read_events(after_seq, count_max, deadline, reply);
        Ok(())
    }

    fn read_cursor(
        &self,
        token: u64,
        timeout_ms: u64,
        client: String,
        consumer: &str,
    ) -> Result<()> {
        let consumer = identity::line("consumer", consumer, 1, CONSUMER_CHARS_MAX)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.read_cursor(client, consumer, deadline, reply);
        Ok(())
    }

    fn ack_events(
        &self,
        token: u64,
        timeout_ms: u64,
        client: String,
        consumer: &str,
        seq: i64,
    ) -> Result<()> {
        let consumer = identity::line("consumer", consumer, 1, CONSUMER_CHARS_MAX)?;
        self.submit(token, timeout_ms, AckEvents { client, consumer, seq })
    }

    fn record_refused_call(
        &self,
        client: String,
        role: String,
        method: String,
        reason: String,
    ) -> Result<()> {
        self.check_process()?;
        let command = RecordRefusedCall { client, role, method, reason };
        // Nobody waits: the call is refused whether this is kept or not.
        self.engine.submit(command, Deadline::NONE, Reply::new(drop));
        Ok(())
    }
}
