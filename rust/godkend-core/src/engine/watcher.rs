//! Learns what other processes changed. The store is all that workers share.
//!
//! SQLite counts the commits of other connections, and looking at the count costs less than a
//! microsecond. When it has moved, the changes of logins since the last look are read, however many are
//! watched, in short transactions: a long one would keep the write-ahead log from ever beginning anew.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};

use super::shared::Shared;
use crate::error::{Error, Reason, Result};
use crate::store::{Connection, Effects, ROWS_AT_A_TIME};

pub(super) fn start(
    shared: &Arc<Shared>,
    mut connection: Box<dyn Connection>,
) -> Result<(Watcher, JoinHandle<()>)> {
    let shared = Arc::clone(shared);
    let interval = Duration::from_millis(shared.policy.engine.watch_interval_ms);
    let mut seen = Seen::default();
    connection.read(&mut |tx| {
        seen = Seen { login_change: tx.last_login_change()?, event_seq: tx.last_event_seq()? };
        Ok(())
    })?;
    let (alive, stopped) = bounded(0);
    let watch = move || {
        let mut version = None;
        while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
            // A store that cannot be read now is tried again; calls meet the same fault and say so.
            if let Ok(now) = connection.version()
                && version != Some(now)
                && follow(&shared, connection.as_mut(), &mut seen).is_ok()
            {
                version = Some(now);
            }
        }
    };
    let thread = Builder::new()
        .name("godkend-watcher".to_owned())
        .spawn(watch)
        .map_err(|error| Error::fault(Reason::Overloaded, error))?;
    Ok((Watcher { _alive: alive }, thread))
}

/// Keeps the watcher's thread running; it ends when this is gone.
pub(super) struct Watcher {
    _alive: Sender<()>,
}

/// How far the changes have been followed.
#[derive(Default, Clone, Copy)]
struct Seen {
    login_change: i64,
    event_seq: i64,
}

/// Tells of everything that has changed since `seen`, which moves on.
fn follow(shared: &Shared, connection: &mut dyn Connection, seen: &mut Seen) -> Result<()> {
    loop {
        let (mut changes, mut event_seq) = (Vec::new(), 0);
        connection.read(&mut |tx| {
            changes = tx.logins_changed(seen.login_change)?;
            event_seq = tx.last_event_seq()?;
            Ok(())
        })?;
        if let Some(last) = changes.last() {
            seen.login_change = last.number;
        }
        let logins = changes.iter().map(|change| (change.login_id, change.state)).collect();
        let events = event_seq > seen.event_seq;
        seen.event_seq = event_seq;
        shared.publish(&Effects { logins, events });
        shared.published();
        if changes.len() < ROWS_AT_A_TIME {
            return Ok(());
        }
    }
}
