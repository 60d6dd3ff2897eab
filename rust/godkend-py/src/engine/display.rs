//! DisplayService: each call checks its fields, submits, and returns.

use godkend_core::display::{self, Kind};
use godkend_core::engine::command::{
    ActivateDisplay, AssignDisplay, ImportDisplay, ReportDisplayLost,
};
use godkend_core::engine::{ChosenPassword, Deadline};
use godkend_core::otp::{Algorithm, Code, Factor, Seed};
use godkend_core::password::Password;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{self, id};
use crate::error::Result;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn import_display(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        serial_number: &str,
        kind: i32,
        algorithm: i32,
        period_s: u32,
        counter: u64,
        seed: &[u8],
    ) -> Result<()> {
        let command = ImportDisplay {
            actor,
            serial_number: display::serial_number(serial_number)?,
            kind: Kind::parse(kind)?,
            algorithm: Algorithm::parse(algorithm)?,
            factor: Factor::parse(period_s)?,
            counter,
            seed: Seed::new(seed.to_vec())?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn list_displays(&self, token: u64, timeout_ms: u64, identity_id: &[u8]) -> Result<()> {
        let identity_id = id("identity_id", identity_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.list_displays(identity_id, deadline, reply);
        Ok(())
    }

    fn assign_display(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        serial_number: &str,
    ) -> Result<()> {
        let command = AssignDisplay {
            actor,
            identity_id: id("identity_id", identity_id)?,
            serial_number: display::serial_number(serial_number)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[pyo3(signature = (
        token, timeout_ms, actor, request_id, identity_id, serial_number, one_time_code, password,
        signed_in_at_ms = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn activate_display(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        serial_number: &str,
        one_time_code: &str,
        password: &str,
        signed_in_at_ms: Option<i64>,
    ) -> Result<()> {
        let signed_in_at = signed_in_at_ms;
        let request_id = id("request_id", request_id)?;
        let identity_id = id("identity_id", identity_id)?;
        let serial_number = display::serial_number(serial_number)?;
        let code = Code::parse(one_time_code)?;
        if password.is_empty() {
            let command = ActivateDisplay {
                actor,
                identity_id,
                serial_number,
                code,
                password: None,
                signed_in_at,
            };
            return self.submit(token, timeout_ms, command);
        }
        let password = Password::parse(password)?;
        let chosen = ChosenPassword { actor, request_id, identity_id, password, signed_in_at };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.activate_display(chosen, serial_number, code, deadline, reply);
        Ok(())
    }

    fn report_display_lost(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        serial_number: &str,
    ) -> Result<()> {
        let command = ReportDisplayLost {
            actor,
            identity_id: id("identity_id", identity_id)?,
            serial_number: display::serial_number(serial_number)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[pyo3(signature = (
        token, timeout_ms, actor, request_id, identity_id, password, signed_in_at_ms = None,
        evidence_reference = None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn set_password(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        password: &str,
        signed_in_at_ms: Option<i64>,
        evidence_reference: Option<&str>,
    ) -> Result<()> {
        let chosen = ChosenPassword {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            password: Password::parse(password)?,
            signed_in_at: signed_in_at_ms,
        };
        let evidence_reference = evidence_reference.map(fields::evidence_reference).transpose()?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.set_password(chosen, evidence_reference, deadline, reply);
        Ok(())
    }
}
