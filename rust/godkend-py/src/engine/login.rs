//! LoginService: each call checks its fields, submits, and returns.

use godkend_core::delegation::Acting;
use godkend_core::engine::Deadline;
use godkend_core::engine::command::{
    CancelLogin, ChargePassword, RedeemLogin, StartLogin, SubmitCode,
};
use godkend_core::error::Error;
use godkend_core::identity::{self, Level};
use godkend_core::nemid::ServiceKind;
use godkend_core::otp::Code;
use godkend_core::password::Password;
use godkend_core::signing::Document;
use pyo3::prelude::*;
use zeroize::Zeroizing;

use super::PyEngine;
use super::fields::{digest, id};
use crate::error::Result;

const VERIFIER_BYTES: std::ops::RangeInclusive<usize> = 32..=64;

#[pymethods]
impl PyEngine {
    #[pyo3(signature = (token, timeout_ms, front_end, request_id, service_provider, text, user_id, verifier_digest, source, nonce, level_min, document = None, acting = 0, business_service = false, service_kind = 0))]
    #[allow(clippy::too_many_arguments)]
    fn start_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        request_id: &[u8],
        service_provider: &str,
        text: &str,
        user_id: &str,
        verifier_digest: &[u8],
        source: &str,
        nonce: &str,
        level_min: i32,
        document: Option<(Vec<u8>, String, String)>,
        acting: i32,
        business_service: bool,
        service_kind: i32,
    ) -> Result<()> {
        let document =
            document.map(|(sha256, media_type, name)| Document::parse(&sha256, &media_type, &name));
        let user_id = (!user_id.is_empty()).then(|| identity::typed_user_id(user_id));
        let command = StartLogin {
            front_end,
            request_id: id("request_id", request_id)?,
            service_provider: identity::line("service_provider", service_provider, 1, 128)?,
            text: identity::lines("text", text, 1, 1_000)?,
            document: document.transpose()?,
            acting: Acting::parse(acting)?,
            business_service,
            service_kind: ServiceKind::parse(service_kind)?,
            user_id_canonical: user_id.transpose()?,
            verifier_digest: digest("verifier_digest", verifier_digest)?,
            source: identity::line("source", source, 1, 64)?,
            nonce: identity::line("nonce", nonce, 0, 128)?,
            level_min: Level::parse("level_min", level_min)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn get_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
    ) -> Result<()> {
        let login_id = id("login_id", login_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.get_login(front_end, login_id, deadline, reply);
        Ok(())
    }

    fn submit_code(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        user_id: &str,
        one_time_code: &str,
    ) -> Result<()> {
        let command = SubmitCode {
            front_end,
            login_id: id("login_id", login_id)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
            code: Code::parse(one_time_code)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn submit_password(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        user_id: &str,
        password: &str,
    ) -> Result<()> {
        let charge = ChargePassword {
            front_end,
            login_id: id("login_id", login_id)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
        };
        let password = Password::parse(password)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.submit_password(charge, password, deadline, reply);
        Ok(())
    }

    fn cancel_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
    ) -> Result<()> {
        let command = CancelLogin { front_end, login_id: id("login_id", login_id)? };
        self.submit(token, timeout_ms, command)
    }

    fn redeem_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        verifier: &[u8],
    ) -> Result<()> {
        if !VERIFIER_BYTES.contains(&verifier.len()) {
            return Err(Error::invalid("verifier", "must be 32 to 64 bytes").into());
        }
        let verifier = Zeroizing::new(verifier.to_vec());
        let command = RedeemLogin { front_end, login_id: id("login_id", login_id)?, verifier };
        self.submit(token, timeout_ms, command)
    }
}
