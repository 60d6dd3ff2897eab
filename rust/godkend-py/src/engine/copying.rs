//! CopyService: each call checks its fields, submits, and returns.

use godkend_core::approval::Signed;
use godkend_core::copy_statement::CopyScanStatement;
use godkend_core::engine::{ChosenOnNewPhone, Deadline, NewPhone};
use godkend_core::error::Error;
use godkend_core::identity;
use godkend_core::pin::Pin;
use godkend_core::signature::PublicKey;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{key_algorithm, named_pin, signed};
use crate::error::Result;

#[pymethods]
impl PyEngine {
    fn request_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
    ) -> Result<()> {
        let (signed, pin) = (signed(statement, signature)?, Pin::parse(pin.as_bytes())?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.request_copy(signed, pin, deadline, reply);
        Ok(())
    }

    fn confirm_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
    ) -> Result<()> {
        let (signed, pin) = (signed(statement, signature)?, Pin::parse(pin.as_bytes())?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.confirm_copy(signed, pin, deadline, reply);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn scan_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        source: &str,
        statement: &[u8],
        signature: &[u8],
        user_id: &str,
        algorithm: i32,
        device_name: &str,
    ) -> Result<()> {
        let signed: Signed<CopyScanStatement> = signed(statement, signature)?;
        let phone = NewPhone {
            source: identity::line("source", source, 1, 64)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
            public_key: PublicKey::parse(key_algorithm(algorithm)?, &signed.claimed().public_key)
                .map_err(|_| {
                Error::invalid("statement", "must hold a key of its algorithm")
            })?,
            device_name: identity::line("device_name", device_name, 1, 64)?,
        };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(self.engine.scan_copy(signed, phone, deadline, reply)?)
    }

    #[allow(clippy::too_many_arguments)]
    fn finish_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        temporary_pin: &str,
        pin: &str,
        biometrics_on: bool,
        notifications_on: bool,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let chosen = ChosenOnNewPhone {
            temporary: named_pin("temporary_pin", temporary_pin)?,
            pin: Pin::parse(pin.as_bytes())?,
            biometrics_on,
            notifications_on,
        };
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.finish_copy(signed, chosen, deadline, reply);
        Ok(())
    }

    fn stop_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        self.engine.stop_copy(signed, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    fn get_copy(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        self.engine.get_copy(signed, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }
}
