//! Reporting a login as not one's own.

use super::usable;
use crate::Id;
use crate::approval::{ReportStatement, Verified, fresh, id};
use crate::engine::lane::{Command, Moment};
use crate::error::{Error, Reason, Result};
use crate::event::{NewEvent, kind};
use crate::history::{Advice, Viewer, since};
use crate::store::Tx;

/// Who reports.
pub enum Reporter {
    /// A self-service site, for the subscriber who is signed in to it.
    Site {
        /// The client that asks.
        actor: String,
        /// Whose login.
        identity_id: Id,
        /// The number of its entry.
        entry_seq: i64,
    },
    /// One of the subscriber's phones.
    Device(Verified<ReportStatement>),
}

/// Marks an approved login as not its subscriber's, tells of it, and ends it if it was not redeemed yet.
/// Repeating it changes nothing.
pub struct ReportLogin {
    /// Who reports which login.
    pub reporter: Reporter,
}

/// What follows from a report.
pub struct Reported {
    /// What to do next.
    pub advice: Advice,
    /// What to block; `None` for the whole identity.
    pub authenticator_id: Option<Id>,
    /// Whether the login ended by it.
    pub ended: bool,
}

impl Command for ReportLogin {
    type Outcome = Reported;
    const DURABLE: bool = true;

    fn step(&self, tx: &mut dyn Tx, at: &mut Moment<'_>) -> Result<Reported> {
        let (actor, identity_id, entry_seq) = self.reporter(tx, at)?;
        let oldest = since(Viewer::Subscriber, &at.policy.history, at.now);
        let entry = tx.history_entry(&identity_id, entry_seq)?;
        let entry = entry
            .filter(|it| it.event.kind == kind::LOGIN_APPROVED && it.event.at >= oldest)
            .ok_or(Error::denied(Reason::EntryNotFound))?;
        let event = entry.event;
        let mut reported = Reported {
            advice: Advice::about(&event),
            authenticator_id: event.authenticator_id,
            ended: false,
        };
        if entry.reported_at.is_some() {
            return Ok(reported);
        }
        if let Some(login_id) = event.login_id
            && let Some(mut login) = tx.login(&login_id)?
            && login.end(at.now)
        {
            tx.put_login(&login)?;
            reported.ended = true;
        }
        tx.put_reported(entry_seq, at.now)?;
        let report = NewEvent {
            kind: kind::LOGIN_REPORTED,
            identity_id: Some(identity_id),
            authenticator_id: event.authenticator_id,
            login_id: event.login_id,
            actor,
            detail: event.detail,
        };
        tx.append_event(report, at.now)?;
        Ok(reported)
    }
}

impl ReportLogin {
    /// Who it is, whose login, and which.
    fn reporter(&self, tx: &mut dyn Tx, at: &Moment<'_>) -> Result<(String, Id, i64)> {
        match &self.reporter {
            Reporter::Site { actor, identity_id, entry_seq } => {
                Ok((actor.clone(), *identity_id, *entry_seq))
            }
            Reporter::Device(verified) => {
                let statement = verified.statement();
                let (_, identity) = usable(tx, &id(&statement.authenticator_id)?)?;
                fresh(statement.signed_at_ms, at.policy.login.statement_skew_ms, at.now)?;
                Ok(("device".to_owned(), identity.id, statement.entry_seq))
            }
        }
    }
}
