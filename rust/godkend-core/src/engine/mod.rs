//! The engine: commands through a lane, PIN attempts through a bounded pool of hashers.
//!
//! Every call submits and returns; its [`Reply`] is called once, on a thread of the engine. Malformed
//! requests never get here: the request types below are built from checked parts.

pub mod command;
pub mod lane;
mod pool;
pub mod reply;
mod shared;
mod watcher;

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use command::{
    ApproveByBiometrics, ChargeApproval, ChargePinChange, Checked, FinishActivation, LoginView,
    OpenLogin, RejectLogin, SettlePinChange,
};
use lane::{Command, Lane};
use pool::Pool;
pub use reply::{Deadline, Reply};
use shared::Shared;
pub use shared::{Observer, Stats};
use watcher::Watcher;

use crate::Id;
use crate::approval::{
    self, ActivationStatement, ApprovalStatement, OpenStatement, PinChangeStatement, Signed,
    Statement, UserVerification, Verified,
};
use crate::authenticator::Authenticator;
use crate::clock::Clock;
use crate::error::{Error, Reason, Result};
use crate::event::Event;
use crate::identity::Identity;
use crate::keys::Keys;
use crate::pin::{Arena, Pin, PinRecord, weakness};
use crate::policy::Policy;
use crate::random;
use crate::signature::PublicKey;
use crate::store::{Connection, Store, Tx};

/// Threads that verify signatures and read.
const WORKERS: usize = 2;
/// Calls that may wait for one of them.
const WORKER_QUEUE_MAX: u32 = 8_192;

type Reader = Box<dyn Connection>;

/// The running parts; dropped in the order in which work flows.
struct Parts {
    workers: Pool<Reader>,
    hashers: Pool<Arena>,
    lane: Lane,
    _watcher: Watcher,
}

/// An engine that runs.
pub struct Engine {
    shared: Arc<Shared>,
    parts: RwLock<Option<Parts>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts the threads of an engine on a store.
    ///
    /// # Errors
    /// A fault if the store, the memory for hashing or the threads cannot be had.
    pub fn start(
        store: &dyn Store,
        keys: Arc<Keys>,
        policy: Policy,
        clock: Arc<dyn Clock>,
        observer: Box<dyn Observer>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::new(policy, keys, clock, observer));
        let policy = &shared.policy;
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let hashers = match policy.engine.hashers {
            0 => 2 * cores,
            chosen => chosen as usize,
        };
        let arenas = (0..hashers)
            .map(|_| Arena::new(policy.pin.memory_kib, policy.pin.memory_kib_max))
            .collect::<Result<_>>()?;
        let readers = (0..WORKERS).map(|_| store.connect()).collect::<Result<_>>()?;
        let (lane, lane_thread) = Lane::start(&shared, store.connect()?)?;
        let (hashers, mut threads) =
            Pool::start("hasher", &shared, policy.engine.hash_queue_max, arenas)?;
        let (workers, worker_threads) = Pool::start("worker", &shared, WORKER_QUEUE_MAX, readers)?;
        threads.extend(worker_threads);
        threads.push(lane_thread);
        let (watcher, watcher_thread) = watcher::start(&shared, store.connect()?)?;
        threads.push(watcher_thread);
        let parts = Parts { workers, hashers, lane, _watcher: watcher };
        Ok(Self { shared, parts: RwLock::new(Some(parts)), threads: Mutex::new(threads) })
    }

    /// Refuses new work, finishes what was taken on, and ends the threads. Safe to repeat.
    pub fn close(&self) {
        self.shared.close();
        // Each queue ends once the last way to it is gone: workers first, for they feed the others.
        drop(self.parts.write().unwrap_or_else(PoisonError::into_inner).take());
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // A thread that panicked has already taken the engine out of health.
            let _ = thread.join();
        }
    }

    /// Whether no bug has shown itself and the engine is not closing.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.shared.is_healthy() && !self.shared.is_closing()
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.shared.stats
    }

    /// The keys, for publishing their public halves.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }

    /// From now on the observer is told of changes of this login.
    pub fn watch(&self, login_id: Id) {
        self.shared.watch(login_id);
    }

    /// No more changes of this login.
    pub fn unwatch(&self, login_id: &Id) {
        self.shared.unwatch(login_id);
    }

    /// Hands the running parts to `submit`, or answers that the engine takes no work.
    fn with_parts<T: Send + 'static>(
        &self,
        reply: Reply<T>,
        submit: impl FnOnce(&Parts, Reply<T>),
    ) {
        if !self.shared.is_healthy() {
            return reply.send(Err(Error::fault(Reason::Internal, "the engine is out of health")));
        }
        match &*self.parts.read().unwrap_or_else(PoisonError::into_inner) {
            Some(parts) => submit(parts, reply),
            None => reply.send(Err(Error::fault(Reason::Stopping, "the engine is stopping"))),
        }
    }

    /// Runs a command that needs no signature and no hash.
    pub fn submit<C: Command>(&self, command: C, deadline: Deadline, reply: Reply<C::Outcome>) {
        self.with_parts(reply, |parts, reply| parts.lane.submit(command, deadline, reply));
    }

    /// Runs a query on a worker's own connection.
    fn query<T: Send + 'static>(
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
            Ok(IdentityView { authenticators: views.collect(), identity })
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

    /// Verifies what a device signed, then goes on with `then` on the same worker.
    fn verify<S, T>(
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
        reply: Reply<command::LoginOpened>,
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
                        reply.send(shared.approve(&lane, arena, verified, &pin, deadline));
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
        let shared = Arc::clone(&self.shared);
        self.with_parts(reply, |parts, reply| {
            let (lane, hashers) = (parts.lane.clone(), parts.hashers.clone());
            parts.workers.submit(reply, move |reader, reply| {
                let verified = deadline.check().and_then(|()| {
                    let id = approval::id(&signed.claimed().authenticator_id)?;
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
                        reply.send(shared.change_pin(&lane, arena, verified, &old, &new, deadline));
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
                        .and_then(|()| shared.pin_record(arena, &pin, &authenticator_id, version));
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

impl Drop for Engine {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    /// Verifies a signature. Without a key, because the device is unknown, the same work is done and fails.
    fn verify<S: Statement>(
        &self,
        signed: Signed<S>,
        key: Option<PublicKey>,
    ) -> Result<Verified<S>> {
        self.stats.signatures.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match key {
            Some(key) => signed.verify(&key),
            None => {
                signed.verify(&PublicKey::dummy()).and(Err(Error::denied(Reason::SignatureInvalid)))
            }
        }
    }

    /// A PIN attempt from beginning to end: charge, look, settle.
    fn approve(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<ApprovalStatement>,
        pin: &Pin,
        deadline: Deadline,
    ) -> Result<LoginView> {
        let charged = lane.run(ChargeApproval { verified }, deadline)?;
        // A strike whose check is cut off here stays until a success clears it.
        deadline.check()?;
        let mut settle = charged.check(|charged| self.look(arena, charged, pin))?;
        settle.upgraded = self.upgrade(arena, settle.checked(), pin)?;
        lane.settle(settle)
    }

    fn change_pin(
        &self,
        lane: &Lane,
        arena: &mut Arena,
        verified: Verified<PinChangeStatement>,
        old: &Pin,
        new: &Pin,
        deadline: Deadline,
    ) -> Result<()> {
        let charged = lane.run(ChargePinChange { verified }, deadline)?;
        deadline.check()?;
        let checked = self.look(arena, charged, old)?;
        let pin_record = if checked.is_right() {
            let charged = checked.charged();
            let version = SettlePinChange::pin_version(charged);
            Some(self.pin_record(arena, new, charged.authenticator_id(), version)?)
        } else {
            None
        };
        lane.settle(SettlePinChange { checked, pin_record })
    }

    fn look(&self, arena: &mut Arena, charged: command::Charged, pin: &Pin) -> Result<Checked> {
        self.stats.pin_checks.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        charged.check(arena, pin)
    }

    fn upgrade(&self, arena: &mut Arena, checked: &Checked, pin: &Pin) -> Result<Option<Vec<u8>>> {
        let charged = checked.charged();
        checked.upgrade(&self.policy.pin_params()?, &self.keys, || {
            self.pin_record(arena, pin, charged.authenticator_id(), charged.pin_version())
        })
    }

    fn pin_record(
        &self,
        arena: &mut Arena,
        pin: &Pin,
        authenticator_id: &Id,
        version: u32,
    ) -> Result<Vec<u8>> {
        self.stats.pin_records.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let salt = random::array(&mut random::SystemRandom::new())?;
        let params = self.policy.pin_params()?;
        PinRecord::create(&self.keys, arena, &params, pin, salt, authenticator_id, version)
    }
}

/// Statements that name the authenticator whose key signed them.
trait SignedByAuthenticator {
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

fn refuse_weak(
    field: &'static str,
    pin: &Pin,
    birth_date: Option<crate::pin::BirthDate>,
) -> Result<()> {
    match weakness(pin, birth_date) {
        None => Ok(()),
        Some(weakness) => Err(Error::weak(field, weakness.name())),
    }
}

fn read_one<T>(reader: &mut Reader, read: impl Fn(&mut dyn Tx) -> Result<T>) -> Result<T> {
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

/// An identity as registrars and support see it.
pub struct IdentityView {
    /// The identity.
    pub identity: Identity,
    /// Its authenticators, in the order of their activation.
    pub authenticators: Vec<AuthenticatorView>,
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
