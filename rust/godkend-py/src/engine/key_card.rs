//! KeyCardService: each call checks its fields, submits, and returns.

use godkend_core::engine::command::{
    ActivateKeyCard, MoveFromNemId, OrderKeyCard, PrintKeyCard, ReportKeyCardLost, SubmitKey,
};
use godkend_core::engine::{ChosenPassword, Deadline};
use godkend_core::identity;
use godkend_core::nemid::ServiceKind;
use godkend_core::otp::Code;
use godkend_core::password::Password;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::id;
use crate::error::Result;
use crate::outcome::PySession;

#[pymethods]
impl PyEngine {
    fn ways_in(&self, service_kind: i32) -> Result<Vec<u8>> {
        let kind = ServiceKind::parse(service_kind)?;
        Ok(self.engine.ways_in(kind).into_iter().map(|way| way as u8).collect())
    }

    fn key_number(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        user_id: &str,
    ) -> Result<()> {
        let login_id = id("login_id", login_id)?;
        let user_id = identity::typed_user_id(user_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.key_number(front_end, login_id, user_id, deadline, reply);
        Ok(())
    }

    fn submit_key(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        user_id: &str,
        one_time_code: &str,
    ) -> Result<()> {
        let command = SubmitKey {
            front_end,
            login_id: id("login_id", login_id)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
            code: Code::parse(one_time_code)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[pyo3(signature = (token, timeout_ms, actor, request_id, identity_id, signed_in_at_ms = None))]
    fn order_key_card(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        signed_in_at_ms: Option<i64>,
    ) -> Result<()> {
        let command = OrderKeyCard {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            signed_in_at: signed_in_at_ms,
        };
        self.submit(token, timeout_ms, command)
    }

    fn list_key_cards(&self, token: u64, timeout_ms: u64, identity_id: &[u8]) -> Result<()> {
        let identity_id = id("identity_id", identity_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.list_key_cards(identity_id, deadline, reply);
        Ok(())
    }

    fn list_ordered_key_cards(
        &self,
        token: u64,
        timeout_ms: u64,
        after_card_id: &[u8],
    ) -> Result<()> {
        let after = match after_card_id {
            [] => None,
            bytes => Some(id("after_card_id", bytes)?),
        };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.list_ordered_key_cards(after, deadline, reply);
        Ok(())
    }

    fn print_key_card(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        card_id: &[u8],
    ) -> Result<()> {
        let command = PrintKeyCard {
            actor,
            request_id: id("request_id", request_id)?,
            card_id: id("card_id", card_id)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[pyo3(signature = (
        token, timeout_ms, actor, request_id, identity_id, card_id, one_time_code, password,
        signed_in_at_ms = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn activate_key_card(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        card_id: &[u8],
        one_time_code: &str,
        password: &str,
        signed_in_at_ms: Option<i64>,
    ) -> Result<()> {
        let signed_in_at = signed_in_at_ms;
        let request_id = id("request_id", request_id)?;
        let identity_id = id("identity_id", identity_id)?;
        let card_id = id("card_id", card_id)?;
        let code = Code::parse(one_time_code)?;
        if password.is_empty() {
            let command =
                ActivateKeyCard { actor, identity_id, card_id, code, password: None, signed_in_at };
            return self.submit(token, timeout_ms, command);
        }
        let password = Password::parse(password)?;
        let chosen = ChosenPassword { actor, request_id, identity_id, password, signed_in_at };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.activate_key_card(chosen, card_id, code, deadline, reply);
        Ok(())
    }

    fn report_key_card_lost(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        card_id: &[u8],
    ) -> Result<()> {
        let command = ReportKeyCardLost {
            actor,
            identity_id: id("identity_id", identity_id)?,
            card_id: id("card_id", card_id)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn move_from_nemid(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        session: &PySession,
    ) -> Result<()> {
        let command = MoveFromNemId {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            session: session.0,
        };
        self.submit(token, timeout_ms, command)
    }
}
