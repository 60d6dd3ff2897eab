//! IssuingService: each call checks its fields, submits, and returns.

use godkend_core::civil::Date;
use godkend_core::engine::Deadline;
use godkend_core::engine::command::{RecordConsent, RecordIdentification};
use godkend_core::error::Error;
use godkend_core::evidence::{self, Document, DocumentKind, DocumentNumber, Method};
use godkend_core::identity;
use godkend_core::pin::BirthDate;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::id;
use crate::error::Result;

const OFFICER_CHARS_MAX: usize = 64;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn record_identification(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        officer_id: &str,
        document_kind: i32,
        document_country: &str,
        document_number: &str,
        document_expires_on: &str,
        birth_date: &str,
        method: i32,
        witness_id: &[u8],
    ) -> Result<()> {
        let kind = DocumentKind::parse(document_kind)?;
        let country = evidence::country(document_country)?;
        let number = DocumentNumber::parse(document_number)?;
        let method = Method::parse(method)?;
        let witness_id = match (method, witness_id) {
            (Method::Witness, witness_id) => Some(id("witness_id", witness_id)?),
            (_, []) => None,
            _ => return Err(Error::invalid("witness_id", "must be empty without WITNESS").into()),
        };
        let command = RecordIdentification {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            officer_id: officer(officer_id)?,
            document: Document {
                kind,
                number_digest: number.digest(self.engine.keys(), kind, &country),
                country,
                expires_on: Date::parse("document.expires_on", document_expires_on)?,
            },
            birth_date: BirthDate::parse(birth_date)?,
            method,
            witness_id,
        };
        self.submit(token, timeout_ms, command)
    }

    #[allow(clippy::too_many_arguments)]
    fn record_consent(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        parent_id: &[u8],
        officer_id: &str,
    ) -> Result<()> {
        let command = RecordConsent {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            parent_id: id("parent_id", parent_id)?,
            officer_id: officer(officer_id)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn check_witness(&self, token: u64, timeout_ms: u64, witness_id: &[u8]) -> Result<()> {
        let witness_id = id("witness_id", witness_id)?;
        self.check_process()?;
        let deadline = Deadline::in_ms(timeout_ms);
        self.engine.check_witness(witness_id, deadline, self.completions.reply(token));
        Ok(())
    }

    fn list_evidence(&self, token: u64, timeout_ms: u64, identity_id: &[u8]) -> Result<()> {
        let identity_id = id("identity_id", identity_id)?;
        self.check_process()?;
        let deadline = Deadline::in_ms(timeout_ms);
        self.engine.list_evidence(identity_id, deadline, self.completions.reply(token));
        Ok(())
    }
}

fn officer(text: &str) -> godkend_core::error::Result<String> {
    identity::line("officer_id", text, 1, OFFICER_CHARS_MAX)
}
