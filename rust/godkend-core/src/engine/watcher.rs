//! Learns what other processes changed. The store is all that workers share.
//!
//! SQLite counts the commits of other connections; looking at the count costs less than a microsecond, and
//! only when it has moved are the watched logins read.

use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use super::shared::Shared;
use crate::error::{Error, Reason, Result};
use crate::store::{Connection, Effects};

pub(super) fn start(
    shared: &Arc<Shared>,
    mut connection: Box<dyn Connection>,
) -> Result<JoinHandle<()>> {
    let shared = Arc::clone(shared);
    let interval = Duration::from_millis(shared.policy.engine.watch_interval_ms);
    let watch = move || {
        let (mut version, mut seq) = (None, 0);
        while !shared.is_closing() {
            // A store that cannot be read now is tried again; calls meet the same fault and say so.
            if let Ok(now) = connection.version()
                && version != Some(now)
                && let Ok(effects) = changes(&shared, connection.as_mut(), &mut seq)
            {
                version = Some(now);
                shared.publish(&effects);
            }
            std::thread::sleep(interval);
        }
    };
    Builder::new()
        .name("godkend-watcher".to_owned())
        .spawn(watch)
        .map_err(|error| Error::fault(Reason::Overloaded, error))
}

/// Where the watched logins are now, and whether there are events after `seq`, which moves on.
fn changes(shared: &Shared, connection: &mut dyn Connection, seq: &mut i64) -> Result<Effects> {
    let watched = shared.watched_ids();
    let now = shared.clock.now_ms();
    let mut effects = Effects::default();
    connection.read(&mut |tx| {
        for id in &watched {
            if let Some(login) = tx.login(id)? {
                effects.logins.push((*id, login.state_at(now)));
            }
        }
        let last = tx.last_event_seq()?;
        effects.events = last > *seq;
        *seq = last;
        Ok(())
    })?;
    Ok(effects)
}
