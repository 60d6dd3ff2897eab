//! The engine as Python sees it: each call checks its fields, submits, and returns.

use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use godkend_core::activation::{Channel, CodeText};
use godkend_core::approval::{Signed, Statement};
use godkend_core::clock::{Clock, ManualClock, SystemClock};
use godkend_core::engine::command::{
    BeginActivation, CancelLogin, CreateIdentity, IssueActivationCode, RedeemLogin, SetBlocked,
    StartLogin,
};
use godkend_core::engine::{Deadline, Engine, IdentityKey};
use godkend_core::error::{Error, Reason};
use godkend_core::identity::{self, Level, UserId};
use godkend_core::keys::Keys;
use godkend_core::pin::{BirthDate, Pin};
use godkend_core::policy::Policy;
use godkend_core::signature::{Algorithm, PublicKey};
use godkend_core::store::{self, MemoryStore, Store};
use godkend_core::{Id, assertion};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};
use zeroize::Zeroizing;

use crate::completion::{Changes, Completions};
use crate::error::{Result, exception};

const MEMORY: &str = ":memory:";
const VERIFIER_BYTES: std::ops::RangeInclusive<usize> = 32..=64;
const EVENTS_MAX: usize = 1_000;

/// A clock that moves only when told, for tests and tours.
#[pyclass(name = "ManualClock", module = "godkend._core", frozen)]
pub(crate) struct PyManualClock(Arc<ManualClock>);

#[pymethods]
impl PyManualClock {
    #[new]
    fn new(now_ms: i64) -> Self {
        Self(Arc::new(ManualClock::new(now_ms)))
    }
    #[getter]
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
    fn advance(&self, ms: i64) {
        self.0.advance(ms);
    }
}

/// What one drain found.
#[pyclass(name = "Drained", module = "godkend._core", frozen)]
pub(crate) struct PyDrained {
    #[pyo3(get)]
    completions: Py<PyList>,
    #[pyo3(get)]
    changes: Py<PyList>,
    #[pyo3(get)]
    events_seen: bool,
}

/// Commands, lanes, hash pool and store.
#[pyclass(name = "Engine", module = "godkend._core", frozen)]
pub(crate) struct PyEngine {
    engine: Arc<Engine>,
    completions: Arc<Completions>,
    jwks: OnceLock<String>,
    /// The process that opened it: threads do not survive a fork.
    process: u32,
}

#[pymethods]
impl PyEngine {
    #[new]
    #[pyo3(signature = (*, store, keys, policy, clock = None))]
    fn new(
        py: Python<'_>,
        store: &str,
        keys: &str,
        policy: &str,
        clock: Option<&PyManualClock>,
    ) -> Result<Self> {
        let policy = Policy::from_json(policy)?;
        let clock: Arc<dyn Clock> = match clock {
            Some(manual) => Arc::clone(&manual.0) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let completions = Completions::new()?;
        let observer = Box::new(Changes(Arc::clone(&completions)));
        let engine = py.detach(|| -> godkend_core::error::Result<Engine> {
            let (store, keys): (Box<dyn Store>, Keys) = if store == MEMORY {
                (Box::new(MemoryStore::default()), Keys::generate()?)
            } else {
                let (store, keys) = store::open(Path::new(store), Path::new(keys))?;
                (Box::new(store), keys)
            };
            let keys = Arc::new(keys);
            Engine::start(store.as_ref(), keys, policy, clock, observer)
        })?;
        Ok(Self {
            engine: Arc::new(engine),
            completions,
            jwks: OnceLock::new(),
            process: std::process::id(),
        })
    }

    fn completion_fd(&self) -> i32 {
        self.completions.sleeper.as_raw_fd()
    }

    fn drain(&self, py: Python<'_>) -> PyResult<PyDrained> {
        let ready = self.completions.drain();
        let completions = PyList::empty(py);
        for (token, outcome) in ready.completions {
            let object = match outcome {
                Ok(outcome) => outcome.into_object(py)?,
                Err(error) => exception(py, &error)?.unbind(),
            };
            completions.append((token, object))?;
        }
        let changes = PyList::empty(py);
        for (login_id, state) in ready.changes {
            changes.append((PyBytes::new(py, &login_id), state as u8))?;
        }
        Ok(PyDrained {
            completions: completions.unbind(),
            changes: changes.unbind(),
            events_seen: ready.events_seen,
        })
    }

    fn close(&self, py: Python<'_>) -> Result<()> {
        self.check_process()?;
        py.detach(|| self.engine.close());
        Ok(())
    }

    fn healthy(&self) -> bool {
        self.engine.is_healthy()
    }

    fn synthetic_identities(&self) -> u64 {
        self.engine.population().map_or(0, |mark| mark.identities)
    }

    fn admit(&self, loop_late_ms: u64) -> Result<()> {
        Ok(self.engine.admit(loop_late_ms)?)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let stats = self.engine.stats();
        let dict = PyDict::new(py);
        for (name, counter) in [
            ("pin_checks", &stats.pin_checks),
            ("pin_records", &stats.pin_records),
            ("commands", &stats.commands),
            ("batches", &stats.batches),
            ("signatures", &stats.signatures),
        ] {
            dict.set_item(name, counter.load(Ordering::Relaxed))?;
        }
        Ok(dict)
    }

    fn watch(&self, login_id: &[u8]) -> Result<()> {
        self.engine.watch(id("login_id", login_id)?);
        Ok(())
    }

    fn unwatch(&self, login_id: &[u8]) -> Result<()> {
        self.engine.unwatch(&id("login_id", login_id)?);
        Ok(())
    }

    fn jwks(&self) -> &str {
        self.jwks.get_or_init(|| assertion::jwks(self.engine.keys()))
    }

    #[allow(clippy::too_many_arguments)]
    fn create_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        user_id: &str,
        name: &str,
        birth_date: &str,
        level: i32,
    ) -> Result<()> {
        let command = CreateIdentity {
            actor,
            request_id: id("request_id", request_id)?,
            user_id: UserId::choose(user_id)?,
            name: identity::name(name)?,
            birth_date: optional_birth_date(birth_date)?,
            level: Level::parse("level", level)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn get_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        identity_id: &[u8],
        user_id: &str,
    ) -> Result<()> {
        let by = match (identity_id.is_empty(), user_id.is_empty()) {
            (false, true) => IdentityKey::Id(id("identity_id", identity_id)?),
            (true, false) => IdentityKey::UserId(identity::typed_user_id(user_id)?),
            _ => {
                return Err(
                    Error::invalid("identity_id", "or user_id must be given, not both").into()
                );
            }
        };
        self.check_process()?;
        self.engine.get_identity(by, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    fn block_identity(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        identity_id: &[u8],
        authenticator_id: &[u8],
        blocked: bool,
    ) -> Result<()> {
        let one = (!authenticator_id.is_empty()).then(|| id("authenticator_id", authenticator_id));
        let command = SetBlocked {
            actor,
            identity_id: id("identity_id", identity_id)?,
            authenticator_id: one.transpose()?,
            blocked,
        };
        self.submit(token, timeout_ms, command)
    }

    fn issue_activation_code(
        &self,
        token: u64,
        timeout_ms: u64,
        actor: String,
        request_id: &[u8],
        identity_id: &[u8],
        channel: i32,
    ) -> Result<()> {
        let command = IssueActivationCode {
            actor,
            request_id: id("request_id", request_id)?,
            identity_id: id("identity_id", identity_id)?,
            channel: Channel::parse(channel)?,
        };
        self.submit(token, timeout_ms, command)
    }

    #[allow(clippy::too_many_arguments)]
    fn begin_activation(
        &self,
        token: u64,
        timeout_ms: u64,
        source: &str,
        request_id: &[u8],
        user_id: &str,
        activation_code: &str,
        algorithm: i32,
        public_key: &[u8],
        device_name: &str,
    ) -> Result<()> {
        let command = BeginActivation {
            source: identity::line("source", source, 1, 64)?,
            request_id: id("request_id", request_id)?,
            user_id_canonical: identity::typed_user_id(user_id)?,
            code: CodeText::parse(activation_code)?,
            public_key: PublicKey::parse(key_algorithm(algorithm)?, public_key)?,
            device_name: identity::line("device_name", device_name, 1, 64)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn finish_activation(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
        biometrics_on: bool,
    ) -> Result<()> {
        let (signed, pin) = (signed(statement, signature)?, Pin::parse(pin.as_bytes())?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.finish_activation(signed, pin, biometrics_on, deadline, reply);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn start_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        request_id: &[u8],
        service_provider: &str,
        text: &str,
        user_id: &str,
        verifier_digest: &[u8],
        source: &str,
        nonce: &str,
        level_min: i32,
    ) -> Result<()> {
        let user_id = (!user_id.is_empty()).then(|| identity::typed_user_id(user_id));
        let command = StartLogin {
            front_end,
            request_id: id("request_id", request_id)?,
            service_provider: identity::line("service_provider", service_provider, 1, 128)?,
            text: identity::lines("text", text, 1, 1_000)?,
            user_id_canonical: user_id.transpose()?,
            verifier_digest: verifier_digest
                .try_into()
                .map_err(|_| Error::invalid("verifier_digest", "must be 32 bytes"))?,
            source: identity::line("source", source, 1, 64)?,
            nonce: identity::line("nonce", nonce, 0, 128)?,
            level_min: Level::parse("level_min", level_min)?,
        };
        self.submit(token, timeout_ms, command)
    }

    fn get_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
    ) -> Result<()> {
        let login_id = id("login_id", login_id)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.get_login(front_end, login_id, deadline, reply);
        Ok(())
    }

    fn cancel_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
    ) -> Result<()> {
        let command = CancelLogin { front_end, login_id: id("login_id", login_id)? };
        self.submit(token, timeout_ms, command)
    }

    fn redeem_login(
        &self,
        token: u64,
        timeout_ms: u64,
        front_end: String,
        login_id: &[u8],
        verifier: &[u8],
    ) -> Result<()> {
        if !VERIFIER_BYTES.contains(&verifier.len()) {
            return Err(Error::invalid("verifier", "must be 32 to 64 bytes").into());
        }
        let verifier = Zeroizing::new(verifier.to_vec());
        let command = RedeemLogin { front_end, login_id: id("login_id", login_id)?, verifier };
        self.submit(token, timeout_ms, command)
    }

    fn open_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        self.engine.open_login(signed, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    fn approve_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin: &str,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let pin = (!pin.is_empty()).then(|| Pin::parse(pin.as_bytes())).transpose()?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(self.engine.approve_login(signed, pin, deadline, reply)?)
    }

    fn reject_login(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        not_me: bool,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.reject_login(signed, not_me, deadline, reply);
        Ok(())
    }

    fn change_pin(
        &self,
        token: u64,
        timeout_ms: u64,
        statement: &[u8],
        signature: &[u8],
        pin_old: &str,
        pin_new: &str,
    ) -> Result<()> {
        let signed = signed(statement, signature)?;
        let (old, new) = (named_pin("pin_old", pin_old)?, named_pin("pin_new", pin_new)?);
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.change_pin(signed, old, new, deadline, reply);
        Ok(())
    }

    fn read_events(
        &self,
        token: u64,
        timeout_ms: u64,
        after_seq: i64,
        count_max: usize,
    ) -> Result<()> {
        if after_seq < 0 {
            return Err(Error::invalid("after_seq", "must not be negative").into());
        }
        if !(1..=EVENTS_MAX).contains(&count_max) {
            return Err(Error::invalid("count_max", "must be 1 to 1000").into());
        }
        self.check_process()?;
        let (deadline, reply) = (Deadline::in_ms(timeout_ms), self.completions.reply(token));
        self.engine.read_events(after_seq, count_max, deadline, reply);
        Ok(())
    }
}

impl Drop for PyEngine {
    fn drop(&mut self) {
        // After a fork its threads are the parent's: leave them be, for they cannot be joined here.
        if self.process != std::process::id() {
            std::mem::forget(Arc::clone(&self.engine));
        }
    }
}

impl PyEngine {
    fn submit<C>(&self, token: u64, timeout_ms: u64, command: C) -> Result<()>
    where
        C: godkend_core::engine::lane::Command,
        C::Outcome: Into<crate::outcome::Outcome>,
    {
        self.check_process()?;
        self.engine.submit(command, Deadline::in_ms(timeout_ms), self.completions.reply(token));
        Ok(())
    }

    /// Threads and SQLite connections do not survive a fork; say so instead of hanging.
    fn check_process(&self) -> Result<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        Err(Error::fault(Reason::Internal, "an engine must not be used after a fork").into())
    }
}

fn id(field: &'static str, bytes: &[u8]) -> godkend_core::error::Result<Id> {
    bytes.try_into().map_err(|_| Error::invalid(field, "must be 16 bytes"))
}

fn signed<S: Statement>(
    statement: &[u8],
    signature: &[u8],
) -> godkend_core::error::Result<Signed<S>> {
    Signed::parse(statement.to_vec(), signature.to_vec())
}

fn named_pin(field: &'static str, pin: &str) -> godkend_core::error::Result<Pin> {
    Pin::parse(pin.as_bytes()).map_err(|_| Error::invalid(field, "must be exactly 6 digits"))
}

pub(crate) fn optional_birth_date(text: &str) -> godkend_core::error::Result<Option<BirthDate>> {
    if text.is_empty() { Ok(None) } else { BirthDate::parse(text).map(Some) }
}

pub(crate) fn key_algorithm(number: i32) -> godkend_core::error::Result<Algorithm> {
    match number {
        1 => Ok(Algorithm::P256),
        2 => Ok(Algorithm::Ed25519),
        _ => Err(Error::invalid("key_algorithm", "must be ECDSA_P256 or ED25519")),
    }
}
