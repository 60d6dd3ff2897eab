//! HistoryService, and the messages in the app: each call checks its fields, submits, and returns.

use std::collections::BTreeSet;

use godkend_core::approval::Page;
use godkend_core::engine::command::{ReportLogin, Reporter};
use godkend_core::engine::{Deadline, HistoryQuery};
use godkend_core::error::Error;
use godkend_core::history::Viewer;
use pyo3::prelude::*;

use super::PyEngine;
use super::fields::{id, signed};
use crate::error::Result;

#[pymethods]
impl PyEngine {
    #[allow(clippy::too_many_arguments)]
    fn read_history(
        &self,
        token: u64,
        timeout_ms: u64,
        viewer: &str,
        identity_id: &[u8],
        page_size: i32,
        page_token: &[u8],
    ) -> Result<()> {
        let viewer = match viewer {
            "subscriber" => Viewer::Subscriber,
            "support" => Viewer::Support,
            "auditor" => Viewer::Auditor,
            _ => {
                let bound = "must be subscriber, support or auditor";
                return Err(Error::invalid("viewer", bound).into());
            }
        };
        let query = HistoryQuery {
            viewer,
            identity_id: id("identity_id", identity_id)?,
            page_size,
            page_token: page_token.to_vec(),
            kinds: None,
        };
        self.check_process()?;
        self.engine.read_history(query, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    fn read_own_history(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        self.read_own(token, timeout_ms, statement, signature, Page::History, None)
    }

    fn read_own_messages(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        kinds: Vec<String>,
    ) -> Result<()> {
        let kinds = Some(kinds.into_iter().collect());
        self.read_own(token, timeout_ms, statement, signature, Page::Messages, kinds)
    }

    fn report_login(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        entry_seq: i64,
    ) -> Result<()> {
        let identity_id = id("identity_id", identity_id)?;
        let reporter = Reporter::Site { actor, identity_id, entry_seq };
        self.submit(token, timeout_ms, ReportLogin { reporter })
    }

    fn report_own_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.report_own_login(signed, deadline, reply);
        Ok(())
    }
}

impl PyEngine {
    fn read_own(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        page: Page,
        kinds: Option<BTreeSet<String>>,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.read_own_history(signed, page, kinds, deadline, reply);
        Ok(())
    }
}
