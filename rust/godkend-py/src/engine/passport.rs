//! PassportService: each call checks its fields, submits, and returns.

use godkend_core::activation::Channel;
use godkend_core::engine::{Deadline, Reading};
use godkend_core::passport::{self, Checks, TrustAnchors};
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{digest, id};
use crate::error::Result;
use crate::outcome::PySession;

/// What is read and vouched for, as it is passed from Python: EF.SOD, EF.DG1, and four checks.
type Passed<'a> = (&'a [u8], &'a [u8], i32, bool, bool, &'a str);

#[pymethods]
impl PyEngine {
    fn trust(&self, trust_anchors: &str) -> Result<()> {
        self.engine.trust(TrustAnchors::parse(trust_anchors)?);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn verify_passport(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        reading: Passed<'_>,
        session: Option<&PySession>,
    ) -> Result<()> {
        let request_id = id("request_id", request_id)?;
        let identity_id = id("identity_id", identity_id)?;
        let reading = checked(actor, reading)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        let session = session.map(|session| session.0);
        self.engine.verify_passport(reading, request_id, identity_id, session, deadline, reply);
        Ok(())
    }

    fn recover_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        reading: Passed<'_>,
    ) -> Result<()> {
        let request_id = id("request_id", request_id)?;
        let reading = checked(actor, reading)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.recover_pin(reading, request_id, deadline, reply);
        Ok(())
    }

    fn recover_user_id(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        reading: Passed<'_>,
    ) -> Result<()> {
        let reading = checked(actor, reading)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.recover_user_id(reading, deadline, reply);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn recover_app(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        reading: Passed<'_>,
        channel: i32,
        attested_key: &[u8],
    ) -> Result<()> {
        let request_id = id("request_id", request_id)?;
        let channel = Channel::parse(channel)?;
        let attested_key = (!attested_key.is_empty()).then(|| digest("attested_key", attested_key));
        let attested_key = attested_key.transpose()?;
        let reading = checked(actor, reading)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.recover_app(reading, request_id, channel, attested_key, deadline, reply);
        Ok(())
    }
}

fn checked(actor: String, passed: Passed<'_>) -> Result<Reading> {
    let (security_object, data_group_1, chip_check, face, register, reference) = passed;
    passport::well_formed(security_object, data_group_1)?;
    Ok(Reading {
        actor,
        security_object: security_object.to_vec(),
        data_group_1: data_group_1.to_vec(),
        checks: Checks::parse(chip_check, face, register, reference)?,
    })
}
