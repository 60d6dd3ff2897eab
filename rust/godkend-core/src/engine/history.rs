//! Pages of the history.
//!
//! A page token is sealed and bound to its identity: it says nothing, and fits nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::command::{ReportLogin, Reported, Reporter, usable};
use super::query::read_one;
use super::shared::Shared;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::approval::{self, Page, ReadStatement, ReportStatement, Signed};
use crate::contact::Language;
use crate::error::{Error, Reason, Result};
use crate::history::{ROWS_LOOKED_AT_MAX, Viewer, project, since};
use crate::keys::Keys;
use crate::notification::shows_messages;
use crate::store::{Entry, Tx};

const PAGE_ENTRIES: usize = 20;
const PAGE_TOKEN_BYTES_MAX: usize = 128;

/// What is asked for.
pub struct HistoryQuery {
    /// Who looks.
    pub viewer: Viewer,
    /// Whose history.
    pub identity_id: Id,
    /// How many at most; 0 for the usual number.
    pub page_size: i32,
    /// Where the page before ended; empty for the first.
    pub page_token: Vec<u8>,
    /// Only these kinds; `None` for all.
    pub kinds: Option<BTreeSet<String>>,
}

/// What is shown.
pub struct HistoryPage {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; empty after the last.
    pub next_page_token: Vec<u8>,
    /// What the subscriber reads.
    pub language: Language,
}

impl Engine {
    /// A page of an identity's history.
    pub fn read_history(&self, query: HistoryQuery, deadline: Deadline, reply: Reply<HistoryPage>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| page(tx, &shared, &query));
    }

    /// The same for the subscriber's own phone, which signed what it asks for.
    pub fn read_own_history(
        &self,
        signed: Signed<ReadStatement>,
        page_of: Page,
        kinds: Option<BTreeSet<String>>,
        deadline: Deadline,
        reply: Reply<HistoryPage>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            parts.workers.submit(reply, move |reader, reply| {
                let read = deadline.check().and_then(|()| {
                    let id = approval::id(&signed.claimed().authenticator_id)?;
                    let key =
                        read_one(reader, |tx| Ok(tx.authenticator(&id)?.map(|it| it.public_key)))?;
                    let verified = shared.verify(signed, key)?;
                    let statement = verified.statement();
                    if statement.page != page_of as i32 {
                        return Err(Error::invalid("statement", "must name the page of the call"));
                    }
                    let (skew_ms, now) =
                        (shared.policy.login.statement_skew_ms, shared.clock.now_ms());
                    approval::fresh(statement.signed_at_ms, skew_ms, now)?;
                    read_one(reader, |tx| {
                        let (authenticator, identity) = usable(tx, &id)?;
                        let shown = authenticator.notifications_on;
                        if page_of == Page::Messages && !shows_messages(shown, &identity.contact) {
                            return Ok(HistoryPage::last(Vec::new(), identity.contact.language));
                        }
                        let query = HistoryQuery {
                            viewer: Viewer::Subscriber,
                            identity_id: identity.id,
                            page_size: statement.page_size,
                            page_token: statement.page_token.clone(),
                            kinds: kinds.clone(),
                        };
                        page(tx, &shared, &query)
                    })
                });
                reply.send(read);
            });
        });
    }

    /// Reports a login as not the subscriber's, from one of their phones.
    pub fn report_own_login(
        &self,
        signed: Signed<ReportStatement>,
        deadline: Deadline,
        reply: Reply<Reported>,
    ) {
        self.verify(signed, deadline, reply, move |verified, lane, _, reply| {
            lane.submit(ReportLogin { reporter: Reporter::Device(verified) }, deadline, reply);
        });
    }
}

fn page(tx: &mut dyn Tx, shared: &Shared, query: &HistoryQuery) -> Result<HistoryPage> {
    let policy = &shared.policy.history;
    let size_max = usize::try_from(policy.page_entries_max).unwrap_or(usize::MAX);
    let size = match usize::try_from(query.page_size) {
        Ok(0) => PAGE_ENTRIES.min(size_max),
        Ok(size) if size <= size_max => size,
        _ => return Err(Error::invalid("page_size", format!("must be 0 to {size_max}"))),
    };
    let mut before_seq = place(&shared.keys, &query.identity_id, &query.page_token)?;
    let identity =
        tx.identity(&query.identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
    let oldest = since(query.viewer, policy, shared.clock.now_ms());
    let mut entries = Vec::new();
    // Whatever is left out is looked at all the same: some at a time, and so many for one page.
    for _ in 0..ROWS_LOOKED_AT_MAX.div_ceil(size) {
        let rows = tx.history_before(&query.identity_id, before_seq, size)?;
        let is_last = rows.len() < size;
        for row in rows {
            if row.event.at < oldest {
                return Ok(HistoryPage::last(entries, identity.contact.language));
            }
            before_seq = row.event.seq;
            let wanted = query.kinds.as_ref().is_none_or(|kinds| kinds.contains(&row.event.kind));
            if let Some(event) = project(query.viewer, &row.event).filter(|_| wanted) {
                entries.push(Entry { event, reported_at: row.reported_at });
            }
            if entries.len() == size {
                break;
            }
        }
        if entries.len() == size {
            break;
        }
        if is_last {
            return Ok(HistoryPage::last(entries, identity.contact.language));
        }
    }
    let next_page_token = token(&shared.keys, &query.identity_id, before_seq)?;
    Ok(HistoryPage { entries, next_page_token, language: identity.contact.language })
}

impl HistoryPage {
    const fn last(entries: Vec<Entry>, language: Language) -> Self {
        Self { entries, next_page_token: Vec::new(), language }
    }
}

fn token(keys: &Keys, identity_id: &Id, before_seq: i64) -> Result<Vec<u8>> {
    keys.seal(&bound_to(identity_id), &before_seq.to_be_bytes())
}

/// Where a page begins.
fn place(keys: &Keys, identity_id: &Id, token: &[u8]) -> Result<i64> {
    if token.is_empty() {
        return Ok(i64::MAX);
    }
    let wrong = || Error::invalid("page_token", "must be next_page_token of a page before");
    if token.len() > PAGE_TOKEN_BYTES_MAX {
        return Err(wrong());
    }
    let opened = keys.open(&bound_to(identity_id), token).map_err(|_| wrong())?;
    let seq: [u8; 8] = opened.plaintext.as_slice().try_into().map_err(|_| wrong())?;
    Ok(i64::from_be_bytes(seq))
}

fn bound_to(identity_id: &Id) -> Vec<u8> {
    [b"history page v1\0", &identity_id[..]].concat()
}
