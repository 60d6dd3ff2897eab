//! Messages: what the notifier asks for, and what support does about dead letters.

use godkend_core::engine::Deadline;
use godkend_core::engine::command::{
    PlanMessages, Planned, RetryMessage, SettleMessage, TakeDelivery,
};
use godkend_core::error::Error;
use godkend_core::notification::{Channel, Delivery};
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::id;
use crate::error::Result;

const MESSAGES_MAX: usize = 1_000;

#[pymethods]
impl PyEngine {
    fn may_take_delivery(&self, token: u64, timeout_ms: u64, holder: &[u8]) -> Result<()> {
        let holder = id("holder", holder)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.may_take_delivery(holder, deadline, reply);
        Ok(())
    }

    fn take_delivery(&self, token: u64, timeout_ms: u64, holder: &[u8]) -> Result<()> {
        self.submit(token, timeout_ms, TakeDelivery { holder: id("holder", holder)? })
    }

    fn read_notices(
        &self,
        token: u64,
        timeout_ms: u64,
        after_seq: i64,
        kinds: Vec<String>,
    ) -> Result<()> {
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        let after_seq = (after_seq >= 0).then_some(after_seq);
        self.engine.read_notices(after_seq, kinds.into_iter().collect(), deadline, reply);
        Ok(())
    }

    fn plan_messages(
        &self,
        token: u64,
        timeout_ms: u64,
        holder: &[u8],
        until_seq: i64,
        planned: Vec<(i64, i32)>,
    ) -> Result<()> {
        let planned = planned.into_iter().map(|(event_seq, channel)| {
            Channel::parse(channel).map(|channel| Planned { event_seq, channel })
        });
        let command = PlanMessages {
            holder: id("holder", holder)?,
            until_seq,
            planned: planned.collect::<godkend_core::error::Result<_>>()?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn due_messages(&self, token: u64, timeout_ms: u64, count_max: usize) -> Result<()> {
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.due_messages(count_max.min(MESSAGES_MAX), deadline, reply);
        Ok(())
    }

    fn settle_message(
        &self,
        token: u64,
        timeout_ms: u64,
        holder: &[u8],
        message_id: &[u8],
        delivery: &str,
        failure: String,
    ) -> Result<()> {
        let delivery = match delivery {
            "taken" => Delivery::Taken,
            "overtaken" => Delivery::Overtaken,
            "failed" => Delivery::Failed(failure),
            "refused" => Delivery::Refused(failure),
            _ => {
                let bound = "must be taken, overtaken, failed or refused";
                return Err(Error::invalid("delivery", bound).into());
            }
        };
        let (holder, message_id) = (id("holder", holder)?, id("message_id", message_id)?);
        self.submit(token, timeout_ms, SettleMessage { holder, message_id, delivery })
    }

    fn reveal_activation_code(&self, token: u64, timeout_ms: u64, code_id: &[u8]) -> Result<()> {
        let code_id = id("code_id", code_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.reveal_activation_code(code_id, deadline, reply);
        Ok(())
    }

    fn dead_letters(
        &self,
        token: u64,
        timeout_ms: u64,
        after_seq: i64,
        after_id: &[u8],
        count_max: usize,
    ) -> Result<()> {
        if !(1..=MESSAGES_MAX).contains(&count_max) {
            return Err(Error::invalid("page_size", "must be 1 to 1000").into());
        }
        let after = (after_seq, id("page_token", after_id)?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.dead_letters(after, count_max, deadline, reply);
        Ok(())
    }

    fn retry_message(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        message_id: &[u8],
    ) -> Result<()> {
        let message_id = id("message_id", message_id)?;
        self.submit(token, timeout_ms, RetryMessage { actor, message_id })
    }
}
