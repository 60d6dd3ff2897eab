//! Blocking: committed first, then the logins under way are ended.
//!
//! Finding these is a walk over the few minutes of logins that are not over. It is made beside the lane, so
//! that nobody's commit waits for it, and no index has to be kept for it at each login. Nothing rests on it:
//! the block itself has stopped them, and none can be opened any more.

use std::sync::Arc;

use super::command::{BlockByDevice, EndBlockedLogins, SetBlocked};
use super::lane::Lane;
use super::query::read_one;
use super::shared::Shared;
use super::{Deadline, Engine, Reader, Reply};
use crate::Id;
use crate::approval::{self, BlockStatement, Signed};
use crate::error::Result;

impl Engine {
    /// Blocks or unblocks an identity or one of its authenticators.
    pub fn set_blocked(&self, command: SetBlocked, deadline: Deadline, reply: Reply<()>) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let lane = parts.lane.clone();
            parts.workers.submit(reply, move |reader, reply| {
                let (identity_id, blocked) = (command.identity_id, command.blocked);
                let done = lane.run(command, deadline);
                reply.send(done.and_then(|()| {
                    if blocked { shared.end_logins(&lane, reader, identity_id) } else { Ok(()) }
                }));
            });
        });
    }

    /// Blocks an identity or one of its authenticators, as one of its apps asks.
    pub fn block_by_device(
        &self,
        signed: Signed<BlockStatement>,
        deadline: Deadline,
        reply: Reply<()>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let lane = parts.lane.clone();
            parts.workers.submit(reply, move |reader, reply| {
                let blocked = deadline.check().and_then(|()| {
                    let id = approval::id(&signed.claimed().authenticator_id)?;
                    let key =
                        read_one(reader, |tx| Ok(tx.authenticator(&id)?.map(|it| it.public_key)))?;
                    let verified = shared.verify(signed, key)?;
                    lane.run(BlockByDevice { verified }, deadline)
                });
                reply.send(
                    blocked.and_then(|identity_id| shared.end_logins(&lane, reader, identity_id)),
                );
            });
        });
    }
}

impl Shared {
    /// Ends the logins that a committed block has stopped.
    fn end_logins(&self, lane: &Lane, reader: &mut Reader, identity_id: Id) -> Result<()> {
        let now = self.clock.now_ms();
        let login_ids = read_one(reader, |tx| tx.logins_under_way_of(&identity_id, now))?;
        if login_ids.is_empty() {
            return Ok(());
        }
        lane.settle(EndBlockedLogins { identity_id, login_ids })
    }
}
