//! Reading: on a worker's own connection, beside the lane.

use std::sync::Arc;

use super::command::LoginView;
use super::shared::Shared;
use super::{Deadline, Engine, Reader, Reply};
use crate::Id;
use crate::authenticator::{self, Authenticator};
use crate::consent::Consent;
use crate::delegation::Delegation;
use crate::error::{Error, Reason, Result};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::identity::Identity;
use crate::store::Tx;
use crate::temporary_pin::TemporaryPinText;
use crate::witness;

impl Engine {
    /// Runs a query on a worker's own connection.
    pub(super) fn query<T: Send + 'static>(
        &self,
        deadline: Deadline,
        reply: Reply<T>,
        read: impl Fn(&mut dyn Tx) -> Result<T> + Send + 'static,
    ) {
        self.with_parts(reply, |parts, reply| {
            parts.workers.submit(reply, move |reader, reply| {
                let outcome = deadline.check().and_then(|()| read_one(reader, read));
                reply.send(outcome);
            });
        });
    }

    /// An identity and its authenticators, by id or by canonical user ID.
    pub fn get_identity(&self, by: IdentityKey, deadline: Deadline, reply: Reply<IdentityView>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let identity = match &by {
                IdentityKey::Id(id) => tx.identity(id)?,
                IdentityKey::UserId(canonical) => tx.identity_by_user_id(canonical)?,
            };
            let identity = identity.ok_or(Error::denied(Reason::IdentityNotFound))?;
            let authenticators = tx.authenticators_of(&identity.id)?;
            let views = authenticators.into_iter().map(|it| AuthenticatorView::of(it, &shared));
            let authenticators: Vec<_> = views.collect();
            // A display is an authenticator with its password beside it.
            let display = tx.active_display_of(&identity.id)?.is_some()
                && tx.password_of(&identity.id)?.is_some();
            let phones = authenticators.iter().filter(|it| it.is_usable()).count();
            let usable = phones + usize::from(display);
            let authenticators_advised = authenticator::advised(usable, &shared.policy.issuing);
            Ok(IdentityView { identity, authenticators, authenticators_advised })
        });
    }

    /// What desks recorded of an identity, oldest first.
    pub fn list_evidence(&self, identity_id: Id, deadline: Deadline, reply: Reply<Recorded>) {
        self.query(deadline, reply, move |tx| {
            tx.identity(&identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
            let evidence = tx.evidence_of(&identity_id)?;
            Ok(Recorded { evidence, consents: tx.consents_of(&identity_id)? })
        });
    }

    /// For how many people somebody may be a witness now.
    pub fn check_witness(&self, witness_id: Id, deadline: Deadline, reply: Reply<u32>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let (policy, now) = (&shared.policy.issuing, shared.clock.now_ms());
            let witness = tx.identity(&witness_id)?;
            let witness = witness.ok_or(Error::denied(Reason::WitnessNotAllowed))?;
            let statements = tx.statements_of(&witness_id, witness::counted_after(policy, now))?;
            witness::check(&witness, None, &statements, policy, now)
        });
    }

    /// By which delegations a subscriber acts for others, and others for them, now or later.
    pub fn list_delegations(
        &self,
        identity_id: Id,
        deadline: Deadline,
        reply: Reply<Vec<DelegationView>>,
    ) {
        let clock = Arc::clone(&self.shared.clock);
        self.query(deadline, reply, move |tx| {
            tx.identity(&identity_id)?.ok_or(Error::denied(Reason::IdentityNotFound))?;
            let mut delegations = tx.delegations_to(&identity_id, clock.now_ms())?;
            delegations.extend(tx.delegations_from(&identity_id, clock.now_ms())?);
            let mut name =
                |id: &Id| Ok(tx.identity(id)?.map(|person| person.name).unwrap_or_default());
            let view = |delegation: Delegation| {
                Ok(DelegationView {
                    principal_name: name(&delegation.principal_id)?,
                    agent_name: name(&delegation.agent_id)?,
                    delegation,
                })
            };
            delegations.into_iter().map(view).collect()
        });
    }

    /// Where a login is, for the front-end that started it.
    pub fn get_login(
        &self,
        front_end: String,
        login_id: Id,
        deadline: Deadline,
        reply: Reply<LoginView>,
    ) {
        let clock = Arc::clone(&self.shared.clock);
        self.query(deadline, reply, move |tx| {
            let login = tx.login(&login_id)?.ok_or(Error::denied(Reason::LoginNotFound))?;
            login.expect_started_by(&front_end)?;
            Ok(LoginView::of(&login, clock.now_ms()))
        });
    }

    /// The digits of a temporary PIN that is still valid, for what delivers messages and nobody else.
    pub fn reveal_temporary_pin(&self, id: Id, deadline: Deadline, reply: Reply<TemporaryPinText>) {
        let shared = Arc::clone(&self.shared);
        self.query(deadline, reply, move |tx| {
            let live = tx.temporary_pin(&id)?.filter(|pin| pin.is_live(shared.clock.now_ms()));
            let pin = live.ok_or(Error::denied(Reason::TemporaryPinOver))?;
            Ok(TemporaryPinText::derive(&shared.keys, &pin.id))
        });
    }

    /// Events after a number, in order.
    pub fn read_events(
        &self,
        after_seq: i64,
        count_max: usize,
        deadline: Deadline,
        reply: Reply<Vec<Event>>,
    ) {
        self.query(deadline, reply, move |tx| tx.events_after(after_seq, count_max));
    }

    /// How far a consumer of a client has acknowledged the history; 0 if not at all.
    pub fn read_cursor(
        &self,
        client: String,
        consumer: String,
        deadline: Deadline,
        reply: Reply<i64>,
    ) {
        self.query(deadline, reply, move |tx| Ok(tx.consumer(&client, &consumer)?.unwrap_or(0)));
    }
}

pub(super) fn read_one<T>(
    reader: &mut Reader,
    read: impl Fn(&mut dyn Tx) -> Result<T>,
) -> Result<T> {
    let mut found = None;
    reader.read(&mut |tx| {
        found = Some(read(tx)?);
        Ok(())
    })?;
    found.ok_or_else(|| Error::fault(Reason::StoreFault, "a read gave nothing"))
}

/// How to find an identity.
pub enum IdentityKey {
    /// By its name in the store.
    Id(Id),
    /// By the canonical form of its user ID.
    UserId(String),
}

/// A delegation as registrars and the two see it.
pub struct DelegationView {
    /// The row.
    pub delegation: Delegation,
    /// The name of whom is acted for.
    pub principal_name: String,
    /// The name of who acts.
    pub agent_name: String,
}

/// An identity as registrars and support see it.
pub struct IdentityView {
    /// The identity.
    pub identity: Identity,
    /// Its authenticators, in the order of their activation.
    pub authenticators: Vec<AuthenticatorView>,
    /// How many more the subscriber should have.
    pub authenticators_advised: u32,
}

/// What desks recorded of an identity.
pub struct Recorded {
    /// Who identified the subscriber, and how.
    pub evidence: Vec<Evidence>,
    /// Which parents consented.
    pub consents: Vec<Consent>,
}

/// An authenticator as registrars and support see it.
pub struct AuthenticatorView {
    /// The row.
    pub authenticator: Authenticator,
    /// Until when it is locked; 0 if it is not.
    pub locked_until_ms: i64,
    /// Whether only a new activation helps.
    pub pin_dead: bool,
}

impl AuthenticatorView {
    /// Whether the subscriber can log in with it, now or once a lock has ended.
    const fn is_usable(&self) -> bool {
        self.authenticator.blocked_at.is_none() && !self.pin_dead
    }

    fn of(authenticator: Authenticator, shared: &Shared) -> Self {
        let lockout = authenticator.lockout;
        let locked = lockout.locked_until_ms > shared.clock.now_ms();
        Self {
            locked_until_ms: if locked { lockout.locked_until_ms } else { 0 },
            pin_dead: lockout.is_dead(&shared.policy.lockout),
            authenticator,
        }
    }
}
