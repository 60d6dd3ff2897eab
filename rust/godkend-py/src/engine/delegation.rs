//! DelegationService: each call checks its fields, submits, and returns.

use godkend_core::civil::Date;
use godkend_core::delegation::{Kind, Scopes};
use godkend_core::engine::Deadline;
use godkend_core::engine::command::{EndDelegation, RecordDelegation};
use godkend_core::identity::line;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::id;
use crate::error::Result;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn record_delegation(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        principal_id: &[u8],
        agent_id: &[u8],
        kind: i32,
        scopes: Vec<String>,
        starts_on: &str,
        ends_on: &str,
        grounds: &str,
        officer_id: &str,
    ) -> Result<()> {
        let command = RecordDelegation {
            actor,
            request_id: id("request_id", request_id)?,
            principal_id: id("principal_id", principal_id)?,
            agent_id: id("agent_id", agent_id)?,
            kind: Kind::parse(kind)?,
            scopes: Scopes::parse(&scopes)?,
            starts_on: Date::parse("starts_on", starts_on)?,
            ends_on: Date::parse("ends_on", ends_on)?,
            grounds: line("grounds", grounds, 1, 200)?,
            officer_id: line("officer_id", officer_id, 1, 64)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn end_delegation(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        delegation_id: &[u8],
    ) -> Result<()> {
        let command = EndDelegation {
            actor,
            identity_id: id("identity_id", identity_id)?,
            delegation_id: id("delegation_id", delegation_id)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn list_delegations(&self, token: u64, timeout_ms: u64, identity_id: &[u8]) -> Result<()> {
        let identity_id = id("identity_id", identity_id)?;
        self.check_process()?;
        let deadline = Deadline::in_ms(timeout_ms);
        self.engine.list_delegations(identity_id, deadline, self.completions.reply(token));
        Ok(())
    }
}
