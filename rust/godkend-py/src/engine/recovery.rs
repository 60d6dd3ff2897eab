//! RecoveryService: each call checks its fields, submits, and returns.

use godkend_core::engine::Deadline;
use godkend_core::engine::command::{FindUserId, IssueTemporaryPin};
use godkend_core::error::{Error, Result as CoreResult};
use godkend_core::evidence::{self, DocumentKind, DocumentNumber};
use godkend_core::pin::BirthDate;
use godkend_core::recovery::{Means, Proof};
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{self, id, named_pin, signed};
use crate::error::Result;
use crate::outcome::PySession;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn issue_temporary_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        evidence_reference: &str,
        session: Option<&PySession>,
    ) -> Result<()> {
        let command = IssueTemporaryPin {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            proof: proof(evidence_reference, session)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[allow(clippy::too_many_arguments)]
    fn find_user_id(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        document_kind: i32,
        document_country: &str,
        document_number: &str,
        birth_date: &str,
        evidence_reference: &str,
    ) -> Result<()> {
        let kind = DocumentKind::parse(document_kind)?;
        let country = evidence::country(document_country)?;
        let number = DocumentNumber::parse(document_number)?;
        let command = FindUserId {
            actor,
            number_digest: number.digest(self.engine.keys(), kind, &country),
            birth_date: BirthDate::parse(birth_date)?,
            proof: proof(evidence_reference, None)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn reset_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        temporary_pin: &str,
        pin_new: &str,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let temporary = named_pin("temporary_pin", temporary_pin)?;
        let new = named_pin("pin_new", pin_new)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.reset_pin(signed, temporary, new, deadline, reply);
        Ok(())
    }

    fn block_by_device(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.block_by_device(signed, deadline, reply);
        Ok(())
    }

    fn reveal_temporary_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        temporary_pin_id: &[u8],
    ) -> Result<()> {
        let temporary_pin_id = id("temporary_pin_id", temporary_pin_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.reveal_temporary_pin(temporary_pin_id, deadline, reply);
        Ok(())
    }
}

/// What a way back rests on: the subscriber's session, or else support's evidence.
fn proof(evidence_reference: &str, session: Option<&PySession>) -> CoreResult<Proof> {
    match session {
        None => fields::evidence_reference(evidence_reference)
            .map(|reference| Proof::Evidence(Means::Support, reference)),
        Some(session) if evidence_reference.is_empty() => Ok(Proof::SignedIn(session.0)),
        Some(_) => Err(Error::invalid("evidence_reference", "must be empty from self-service")),
    }
}
