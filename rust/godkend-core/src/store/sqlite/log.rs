//! The write-ahead log is written back beside the commits, not by them.
//!
//! Left alone, SQLite lets the commit that reaches 1,000 pages write all of them back, and everybody in
//! the lane waits for its syncs. Here a thread of its own writes back what a long log holds while commits
//! go on behind it. The log begins anew only when nothing in it is left over, and under load something
//! always is: so at a bound one commit writes the little that has come since. Both are passive
//! checkpoints, which wait for nobody. Source: sqlite.org/wal.html#ckpt, sqlite.org/c3ref/wal_hook.html.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use rusqlite::Connection as Sqlite;

/// From here on the log is written back; pages of 4 KiB.
const PAGES_LONG: i32 = 4_096;
/// From here on a commit writes back what is left, so that the log can begin anew.
const PAGES_MAX: i32 = 6_144;

/// How long the log was after the last commit of a connection.
pub(super) struct Log {
    pages: Arc<AtomicI32>,
}

impl Log {
    /// Follows the log of a connection, in place of SQLite's own checkpoints.
    pub(super) fn of(sqlite: &mut Sqlite) -> rusqlite::Result<Self> {
        let pages = Arc::new(AtomicI32::new(0));
        let seen = Arc::clone(&pages);
        sqlite.wal_hook(Some(move |wal: &mut rusqlite::hooks::Wal, now: i32| {
            seen.store(now, Ordering::Relaxed);
            if now >= PAGES_MAX {
                // The commit stands whatever comes of this, and the next one tries again.
                let _ = wal.checkpoint();
            }
            Ok(())
        }))?;
        Ok(Self { pages })
    }

    /// Not once a commit is to do it: only one can write back at a time, and this one must get its turn.
    pub(super) fn is_long(&self) -> bool {
        (PAGES_LONG..PAGES_MAX).contains(&self.pages.load(Ordering::Relaxed))
    }
}

/// Writes back what the log holds now. Does nothing while another connection does so.
pub(super) fn write_back(sqlite: &Sqlite) -> rusqlite::Result<()> {
    sqlite.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
}
