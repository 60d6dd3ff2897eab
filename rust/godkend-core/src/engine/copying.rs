//! What phones ask for on the way to a copy: signatures first, then the PIN as in a login.

use std::sync::Arc;

use super::attempt::attempt;
use super::command::{
    ChargeCopyConfirmation, ChargeCopyFinish, ChargeCopyRequest, CopyFinish, CopyScanned, CopyView,
    ScanCopy, StopCopy,
};
use super::device::{SignedByAuthenticator, refuse_weak};
use super::lane::Lane;
use super::query::read_one;
use super::shared::Shared;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::approval::{self, Signed, Statement, Verified};
use crate::copy_code::CopyCode;
use crate::copy_statement::{
    CopyConfirmationStatement, CopyFinishStatement, CopyQueryStatement, CopyRequestStatement,
    CopyScanStatement, CopyStopStatement,
};
use crate::error::{Error, Reason, Result};
use crate::pin::{Arena, BirthDate, Pin};
use crate::signature::PublicKey;
use crate::store::Tx;

impl Engine {
    /// The first PIN on the old app.
    pub fn request_copy(
        &self,
        signed: Signed<CopyRequestStatement>,
        pin: Pin,
        deadline: Deadline,
        reply: Reply<CopyView>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.verify(signed, deadline, reply, move |verified, lane, hashers, reply| {
            let lane = lane.clone();
            hashers.submit(reply, move |arena, reply| {
                let charge = ChargeCopyRequest { verified };
                reply.send(attempt(&lane, charge, deadline, |charged| {
                    charged.check(|charged| shared.look(arena, charged, &pin))
                }));
            });
        });
    }

    /// The second PIN on the old app, after the wait.
    pub fn confirm_copy(
        &self,
        signed: Signed<CopyConfirmationStatement>,
        pin: Pin,
        deadline: Deadline,
        reply: Reply<CopyView>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.verify(signed, deadline, reply, move |verified, lane, hashers, reply| {
            let lane = lane.clone();
            hashers.submit(reply, move |arena, reply| {
                let charge = ChargeCopyConfirmation { verified };
                reply.send(attempt(&lane, charge, deadline, |charged| {
                    charged.check(|charged| shared.look(arena, charged, &pin))
                }));
            });
        });
    }

    /// The new phone shows what it scanned.
    ///
    /// # Errors
    /// Denied with `CODE_INVALID`, or with `SIGNATURE_INVALID` if another key signs than the statement
    /// names; nothing was submitted.
    pub fn scan_copy(
        &self,
        signed: Signed<CopyScanStatement>,
        phone: NewPhone,
        deadline: Deadline,
        reply: Reply<CopyScanned>,
    ) -> Result<()> {
        let NewPhone { source, user_id_canonical, public_key, device_name } = phone;
        let code = CopyCode::parse(&signed.claimed().code)?;
        let named = PublicKey::parse(public_key.algorithm(), &signed.claimed().public_key);
        if named.as_ref() != Ok(&public_key) {
            return Err(Error::denied(Reason::SignatureInvalid));
        }
        self.verify_with(
            signed,
            deadline,
            reply,
            move |_, _| Ok(Some(public_key)),
            move |verified, lane, reply| {
                let scan =
                    ScanCopy { source, verified, code, user_id_canonical, public_key, device_name };
                lane.submit(scan, deadline, reply);
            },
        );
        Ok(())
    }

    /// The new phone gives the temporary PIN and chooses its own.
    pub fn finish_copy(
        &self,
        signed: Signed<CopyFinishStatement>,
        chosen: ChosenOnNewPhone,
        deadline: Deadline,
        reply: Reply<Id>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                let verified = deadline.check().and_then(|()| {
                    let id = approval::id(&signed.claimed().copy_id)?;
                    let (key, birth_date) = read_one(reader, |tx| new_phone(tx, &id))?.unzip();
                    let verified = shared.verify(signed, key)?;
                    refuse_weak("pin", &chosen.pin, birth_date.flatten())?;
                    Ok(verified)
                });
                match verified {
                    Err(error) => reply.send(Err(error)),
                    Ok(verified) => hashers.submit(reply, move |arena, reply| {
                        reply.send(shared.finish_copy(&lane, arena, verified, &chosen, deadline));
                    }),
                }
            });
        });
    }

    /// Ends a copy, from any app of its subscriber or from the new phone.
    pub fn stop_copy(
        &self,
        signed: Signed<CopyStopStatement>,
        deadline: Deadline,
        reply: Reply<CopyView>,
    ) {
        self.verify_with(signed, deadline, reply, key_of_either, move |verified, lane, reply| {
            lane.submit(StopCopy { verified }, deadline, reply);
        });
    }

    /// Where a copy is, for any app of its subscriber or for the new phone.
    pub fn get_copy(
        &self,
        signed: Signed<CopyQueryStatement>,
        deadline: Deadline,
        reply: Reply<CopyView>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            parts.workers.submit(reply, move |reader, reply| {
                let view = deadline.check().and_then(|()| {
                    let key = read_one(reader, |tx| key_of_either(tx, signed.claimed()))?;
                    let verified = shared.verify(signed, key)?;
                    let now = shared.clock.now_ms();
                    let skew_ms = shared.policy.login.statement_skew_ms;
                    approval::fresh(verified.statement().signed_at_ms, skew_ms, now)?;
                    read_one(reader, |tx| {
                        CopyView::find(tx, &shared.keys, verified.statement(), now)
                    })
                });
                reply.send(view);
            });
        });
    }

    /// Verifies what was signed with the key that `find` finds for it.
    fn verify_with<S, T>(
        &self,
        signed: Signed<S>,
        deadline: Deadline,
        reply: Reply<T>,
        find: impl Fn(&mut dyn Tx, &S) -> Result<Option<PublicKey>> + Send + 'static,
        then: impl FnOnce(Verified<S>, &Lane, Reply<T>) + Send + 'static,
    ) where
        S: Statement + Send + 'static,
        T: Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let lane = parts.lane.clone();
            parts.workers.submit(reply, move |reader, reply| {
                let verified = deadline.check().and_then(|()| {
                    let key = read_one(reader, |tx| find(tx, signed.claimed()))?;
                    shared.verify(signed, key)
                });
                match verified {
                    Ok(verified) => then(verified, &lane, reply),
                    Err(error) => reply.send(Err(error)),
                }
            });
        });
    }
}

/// The phone that scans, and what was typed on it.
pub struct NewPhone {
    /// Where it calls from.
    pub source: String,
    /// What was typed, in canonical form.
    pub user_id_canonical: String,
    /// The key that it made.
    pub public_key: PublicKey,
    /// As it gave it.
    pub device_name: String,
}

/// What was typed and chosen on the new phone.
pub struct ChosenOnNewPhone {
    /// From the SMS.
    pub temporary: Pin,
    /// Its own.
    pub pin: Pin,
    /// Whether biometrics may stand in for the PIN.
    pub biometrics_on: bool,
    /// Whether messages may be shown in this app.
    pub notifications_on: bool,
}

/// The key of the phone that scanned a copy, and the birth date of its subscriber.
fn new_phone(tx: &mut dyn Tx, copy_id: &Id) -> Result<Option<(PublicKey, Option<BirthDate>)>> {
    let Some(copy) = tx.copy(copy_id)? else { return Ok(None) };
    let identity = tx.identity(&copy.identity_id)?;
    let birth_date = identity.and_then(|identity| identity.birth_date);
    Ok(copy.phone.map(|phone| (phone.public_key, birth_date)))
}

impl Shared {
    fn finish_copy(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<CopyFinishStatement>,
        chosen: &ChosenOnNewPhone,
        deadline: Deadline,
    ) -> Result<Id> {
        let charged = match lane.run(ChargeCopyFinish { verified }, deadline)? {
            CopyFinish::Done(authenticator_id) => return Ok(authenticator_id),
            CopyFinish::Charged(charged) => charged,
        };
        deadline.check()?;
        let ChosenOnNewPhone { temporary, pin, biometrics_on, notifications_on } = chosen;
        let settle =
            charged.check(temporary, *biometrics_on, *notifications_on, |id, version| {
                self.record(arena, pin, id, version)
            })?;
        lane.settle(settle)
    }
}

/// Statements that an app signs, or the new phone, which has no name yet.
trait SignedByEither {
    fn authenticator_id(&self) -> &[u8];
    fn copy_id(&self) -> &[u8];
}

fn key_of_either<S: SignedByEither>(tx: &mut dyn Tx, statement: &S) -> Result<Option<PublicKey>> {
    if statement.authenticator_id().is_empty() {
        let copy = tx.copy(&approval::id(statement.copy_id())?)?;
        return Ok(copy.and_then(|copy| copy.phone).map(|phone| phone.public_key));
    }
    let id: Id = approval::id(statement.authenticator_id())?;
    Ok(tx.authenticator(&id)?.map(|it| it.public_key))
}

impl SignedByEither for CopyStopStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
    fn copy_id(&self) -> &[u8] {
        &self.copy_id
    }
}

impl SignedByEither for CopyQueryStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
    fn copy_id(&self) -> &[u8] {
        &self.copy_id
    }
}

impl SignedByAuthenticator for CopyRequestStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

impl SignedByAuthenticator for CopyConfirmationStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}
