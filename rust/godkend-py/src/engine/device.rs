//! DeviceService: each call checks its fields, submits, and returns.

use godkend_core::activation::CodeText;
use godkend_core::engine::Deadline;
use godkend_core::engine::command::BeginActivation;
use godkend_core::identity;
use godkend_core::pin::Pin;
use godkend_core::signature::PublicKey;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{id, key_algorithm, named_pin, signed};
use crate::error::Result;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn begin_activation(
        &self,
        token: u64,
        timeout_ms: u64,
        source: &str,
        request_id: &[u8],
        user_id: &str,
        activation_code: &str,
        algorithm: i32,
        public_key: &[u8],
        device_name: &str,
    ) -> Result<()> {
        let command = BeginActivation {
            source: identity::line("source", source, 1, 64)?,
            request_id: id("request_id", request_id)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
            code: CodeText::parse(activation_code)?,
            public_key: PublicKey::parse(key_algorithm(algorithm)?, public_key)?,
            device_name: identity::line("device_name", device_name, 1, 64)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn finish_activation(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
        biometrics_on: bool,
    ) -> Result<()> {
        let (signed, pin) = (signed(statement, signature)?, Pin::parse(pin.as_bytes())?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.finish_activation(signed, pin, biometrics_on, deadline, reply);
        Ok(())
    }

    fn open_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        self.engine.open_login(signed, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    fn approve_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let pin = (!pin.is_empty()).then(|| Pin::parse(pin.as_bytes())).transpose()?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(self.engine.approve_login(signed, pin, deadline, reply)?)
    }

    fn reject_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        not_me: bool,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.reject_login(signed, not_me, deadline, reply);
        Ok(())
    }

    fn change_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin_old: &str,
        pin_new: &str,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let (old, new) = (named_pin("pin_old", pin_old)?, named_pin("pin_new", pin_new)?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.change_pin(signed, old, new, deadline, reply);
        Ok(())
    }
}
