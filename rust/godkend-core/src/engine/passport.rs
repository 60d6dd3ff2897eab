//! Passports: charged to the caller first, verified on a worker, and then used.

use std::sync::Arc;

use super::command::{
    ChargePassport, CodeIssued, PassportCharged, RecoverApp, RecoverPin, RecoverUserId,
    TemporaryPinIssued, VerifyPassport,
};
use super::lane::Lane;
use super::{Deadline, Engine, Reply};
use crate::Id;
use crate::activation::Channel;
use crate::error::{Error, Reason, Result};
use crate::passport::{self, Checks, Proof, TrustAnchors};
use crate::self_service::Session;

/// What a phone read of a chip, and what the registrar vouches for.
pub struct Reading {
    /// The client that asks.
    pub actor: String,
    /// EF.SOD.
    pub security_object: Vec<u8>,
    /// EF.DG1.
    pub data_group_1: Vec<u8>,
    /// What was seen beside it.
    pub checks: Checks,
}

impl Engine {
    /// Says once whose passports are believed. Until then the passport route is closed.
    pub fn trust(&self, anchors: TrustAnchors) {
        let _ = self.shared.anchors.set(anchors);
    }

    /// Charges the caller, verifies what was read, then goes on with `then` on the same worker.
    fn prove<T: Send + 'static>(
        &self,
        reading: Reading,
        deadline: Deadline,
        reply: Reply<T>,
        then: impl FnOnce(Proof, &Lane, Reply<T>) + Send + 'static,
    ) {
        let shared = Arc::clone(&self.shared);
        if shared.anchors.get().is_none_or(TrustAnchors::is_empty) {
            return reply.send(Err(Error::denied(Reason::PassportRouteClosed)));
        }
        self.with_parts(reply, |parts, reply| {
            let (lane, workers) = (parts.lane.clone(), parts.workers.clone());
            let charge = ChargePassport { actor: reading.actor.clone() };
            let charged = move |charged: Result<PassportCharged>| {
                let charged = match charged {
                    Ok(charged) => charged,
                    Err(error) => return reply.send(Err(error)),
                };
                workers.submit(reply, move |_, reply| {
                    match deadline.check().and_then(|()| shared.proof(reading, charged)) {
                        Ok(proof) => then(proof, &lane, reply),
                        Err(error) => reply.send(Err(error)),
                    }
                });
            };
            parts.lane.submit(charge, deadline, Reply::new(charged));
        });
    }

    /// Records a passport as evidence of who a subscriber is.
    pub fn verify_passport(
        &self,
        reading: Reading,
        request_id: Id,
        identity_id: Id,
        session: Option<Session>,
        deadline: Deadline,
        reply: Reply<Id>,
    ) {
        let actor = reading.actor.clone();
        self.prove(reading, deadline, reply, move |proof, lane, reply| {
            let command = VerifyPassport { actor, request_id, identity_id, session, proof };
            lane.submit(command, deadline, reply);
        });
    }

    /// Tells the bearer of a passport their user ID.
    pub fn recover_user_id(&self, reading: Reading, deadline: Deadline, reply: Reply<String>) {
        let actor = reading.actor.clone();
        self.prove(reading, deadline, reply, move |proof, lane, reply| {
            lane.submit(RecoverUserId { actor, proof }, deadline, reply);
        });
    }

    /// Sends the bearer of a passport a temporary PIN.
    pub fn recover_pin(
        &self,
        reading: Reading,
        request_id: Id,
        deadline: Deadline,
        reply: Reply<TemporaryPinIssued>,
    ) {
        let actor = reading.actor.clone();
        self.prove(reading, deadline, reply, move |proof, lane, reply| {
            lane.submit(RecoverPin { actor, request_id, proof }, deadline, reply);
        });
    }

    /// Makes an activation code for the bearer of a passport.
    pub fn recover_app(
        &self,
        reading: Reading,
        request_id: Id,
        channel: Channel,
        attested_key: Option<[u8; 32]>,
        deadline: Deadline,
        reply: Reply<CodeIssued>,
    ) {
        let actor = reading.actor.clone();
        self.prove(reading, deadline, reply, move |proof, lane, reply| {
            let command = RecoverApp { actor, request_id, channel, attested_key, proof };
            lane.submit(command, deadline, reply);
        });
    }
}

impl super::Shared {
    /// What a charged reading proves.
    fn proof(&self, reading: Reading, _charged: PassportCharged) -> Result<Proof> {
        let now = self.clock.now_ms();
        let anchors = self.anchors.get().ok_or(Error::denied(Reason::PassportRouteClosed))?;
        let Reading { security_object, data_group_1, checks, .. } = reading;
        let passport = passport::read(&security_object, &data_group_1, anchors, now)?;
        passport::accept(passport, checks, &self.policy.passport.documents, &self.keys, now)
    }
}
