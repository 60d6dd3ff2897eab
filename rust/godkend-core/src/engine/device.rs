//! What phones ask for: their signature is verified first, on a worker, and costs a stranger no hash.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::command::{
    ApproveByBiometrics, FinishActivation, LoginOpened, LoginView, OpenLogin, RejectLogin,
};
use super::lane::Lane;
use super::pool::Pool;
use super::query::read_one;
use super::shared::Shared;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::approval::{
    self, ActivationStatement, ApprovalStatement, OpenStatement, PinChangeStatement,
    PinResetStatement, ReportStatement, Signed, Statement, UserVerification, Verified,
};
use crate::error::{Error, Reason, Result};
use crate::pin::{Arena, BirthDate, Pin, weakness};
use crate::signature::PublicKey;

impl Engine {
    /// Verifies what a device signed, then goes on with `then` on the same worker.
    pub(super) fn verify<S, T>(
        &self,
        signed: Signed<S>,
        deadline: Deadline,
        reply: Reply<T>,
        then: impl FnOnce(Verified<S>, &Lane, &Pool<Arena>, Reply<T>) + Send + 'static,
    ) where
        S: Statement + SignedByAuthenticator + Send + 'static,
        T: Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                let verified = deadline.check().and_then(|()| {
                    let id = approval::id(signed.claimed().authenticator_id())?;
                    let key =
                        read_one(reader, |tx| Ok(tx.authenticator(&id)?.map(|it| it.public_key)))?;
                    shared.verify(signed, key)
                });
                match verified {
                    Ok(verified) => then(verified, &lane, &hashers, reply),
                    Err(error) => reply.send(Err(error)),
                }
            });
        });
    }

    /// Binds a login to the phone that scanned its code.
    pub fn open_login(
        &self,
        signed: Signed<OpenStatement>,
        deadline: Deadline,
        reply: Reply<LoginOpened>,
    ) {
        self.verify(signed, deadline, reply, move |verified, lane, _, reply| {
            lane.submit(OpenLogin { verified }, deadline, reply);
        });
    }

    /// Ends an opened login.
    pub fn reject_login(
        &self,
        signed: Signed<ApprovalStatement>,
        not_me: bool,
        deadline: Deadline,
        reply: Reply<LoginView>,
    ) {
        self.verify(signed, deadline, reply, move |verified, lane, _, reply| {
            lane.submit(RejectLogin { verified, not_me }, deadline, reply);
        });
    }

    /// Approves an opened login, with the PIN exactly if the statement says so.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `pin` or `statement`; nothing was submitted.
    pub fn approve_login(
        &self,
        signed: Signed<ApprovalStatement>,
        pin: Option<Pin>,
        deadline: Deadline,
        reply: Reply<LoginView>,
    ) -> Result<()> {
        match (UserVerification::parse(signed.claimed().user_verification)?, pin) {
            (UserVerification::Biometrics, None) => {
                self.verify(signed, deadline, reply, move |verified, lane, _, reply| {
                    lane.submit(ApproveByBiometrics { verified }, deadline, reply);
                });
                Ok(())
            }
            (UserVerification::Pin, Some(pin)) => {
                let shared = Arc::clone(&self.shared);
                self.verify(signed, deadline, reply, move |verified, lane, hashers, reply| {
                    let lane = lane.clone();
                    hashers.submit(reply, move |arena, reply| {
                        shared.approve(&lane, arena, verified, &pin, deadline, reply);
                    });
                });
                Ok(())
            }
            (UserVerification::Pin, None) => Err(Error::invalid("pin", "must be exactly 6 digits")),
            (UserVerification::Biometrics, Some(_)) => {
                Err(Error::invalid("pin", "must be empty if biometrics were used"))
            }
            (UserVerification::None, _) => {
                Err(Error::invalid("statement", "must say PIN or BIOMETRICS to approve"))
            }
        }
    }

    /// Replaces a PIN by a chosen one.
    pub fn change_pin(
        &self,
        signed: Signed<PinChangeStatement>,
        old: Pin,
        new: Pin,
        deadline: Deadline,
        reply: Reply<()>,
    ) {
        self.choose_pin(signed, new, deadline, reply, move |shared, lane, arena, verified, new| {
            shared.change_pin(lane, arena, verified, &old, new, deadline)
        });
    }

    /// Replaces a forgotten PIN by a chosen one, with a temporary PIN.
    pub fn reset_pin(
        &self,
        signed: Signed<PinResetStatement>,
        temporary: Pin,
        new: Pin,
        deadline: Deadline,
        reply: Reply<()>,
    ) {
        self.choose_pin(signed, new, deadline, reply, move |shared, lane, arena, verified, new| {
            shared.reset_pin(lane, arena, verified, &temporary, new, deadline)
        });
    }

    /// Verifies what a device signed, refuses a weak new PIN, and goes on with `then` on a hasher's thread.
    fn choose_pin<S>(
        &self,
        signed: Signed<S>,
        new: Pin,
        deadline: Deadline,
        reply: Reply<()>,
        then: impl FnOnce(&Shared, &Lane, &mut Arena, Verified<S>, &Pin) -> Result<()> + Send + 'static,
    ) where
        S: Statement + SignedByAuthenticator + Send + 'static,
    {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                let verified = deadline.check().and_then(|()| {
                    let id = approval::id(signed.claimed().authenticator_id())?;
                    let found = read_one(reader, |tx| {
                        let Some(authenticator) = tx.authenticator(&id)? else {
                            return Ok(None);
                        };
                        let identity = tx.identity(&authenticator.identity_id)?;
                        Ok(Some((authenticator.public_key, identity.and_then(|it| it.birth_date))))
                    })?;
                    let (key, birth_date) = found.unzip();
                    let verified = shared.verify(signed, key)?;
                    refuse_weak("pin_new", &new, birth_date.flatten())?;
                    Ok(verified)
                });
                match verified {
                    Err(error) => reply.send(Err(error)),
                    Ok(verified) => hashers.submit(reply, move |arena, reply| {
                        reply.send(then(&shared, &lane, arena, verified, &new));
                    }),
                }
            });
        });
    }

    /// Makes a phone an authenticator: proves its key, refuses weak PINs, hashes the chosen one.
    pub fn finish_activation(
        &self,
        signed: Signed<ActivationStatement>,
        pin: Pin,
        biometrics_on: bool,
        deadline: Deadline,
        reply: Reply<Id>,
    ) {
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                let admitted = deadline.check().and_then(|()| {
                    let id = approval::id(&signed.claimed().activation_id)?;
                    let now = shared.clock.now_ms();
                    let under_way = read_one(reader, |tx| FinishActivation::find(tx, &id, now))?;
                    let verified = shared.verify(signed, Some(under_way.activation.public_key))?;
                    under_way.check(verified.statement())?;
                    refuse_weak("pin", &pin, under_way.identity.birth_date)?;
                    Ok((id, verified, under_way.is_finished()))
                });
                let (activation_id, verified, is_finished) = match admitted {
                    Ok(admitted) => admitted,
                    Err(error) => return reply.send(Err(error)),
                };
                let authenticator_id =
                    FinishActivation::authenticator_id(&shared.keys, &activation_id);
                if is_finished {
                    return reply.send(Ok(authenticator_id));
                }
                hashers.submit(reply, move |arena, reply| {
                    let version = FinishActivation::PIN_VERSION;
                    let hashed = deadline
                        .check()
                        .and_then(|()| shared.record(arena, &pin, &authenticator_id, version));
                    match hashed {
                        Err(error) => reply.send(Err(error)),
                        Ok(pin_record) => {
                            let finish = FinishActivation {
                                verified,
                                activation_id,
                                authenticator_id,
                                pin_record,
                                biometrics_on,
                            };
                            lane.submit(finish, deadline, reply);
                        }
                    }
                });
            });
        });
    }
}

impl Shared {
    /// Verifies a signature. Without a key, because the device is unknown, the same work is done and fails.
    pub(super) fn verify<S: Statement>(
        &self,
        signed: Signed<S>,
        key: Option<PublicKey>,
    ) -> Result<Verified<S>> {
        self.stats.signatures.fetch_add(1, Ordering::Relaxed);
        match key {
            Some(key) => signed.verify(&key),
            None => {
                signed.verify(&PublicKey::dummy()).and(Err(Error::denied(Reason::SignatureInvalid)))
            }
        }
    }
}

/// Statements that name the authenticator whose key signed them.
pub(super) trait SignedByAuthenticator {
    fn authenticator_id(&self) -> &[u8];
}

impl SignedByAuthenticator for OpenStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

impl SignedByAuthenticator for ApprovalStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

impl SignedByAuthenticator for ReportStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

impl SignedByAuthenticator for PinChangeStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

impl SignedByAuthenticator for PinResetStatement {
    fn authenticator_id(&self) -> &[u8] {
        &self.authenticator_id
    }
}

pub(super) fn refuse_weak(
    field: &'static str,
    pin: &Pin,
    birth_date: Option<BirthDate>,
) -> Result<()> {
    match weakness(pin, birth_date) {
        None => Ok(()),
        Some(weakness) => Err(Error::weak(field, weakness.name())),
    }
}
