//! The engine as Python sees it; the calls of each service have a file of their own.

mod copying;
mod delegation;
mod device;
mod display;
mod event;
mod fields;
mod history;
mod identity;
mod issuing;
mod key_card;
mod login;
mod notification;
mod passport;
mod recovery;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use godkend_core::assertion;
use godkend_core::clock::{Clock, ManualClock, SystemClock};
use godkend_core::engine::{Deadline, Engine};
use godkend_core::error::{Error, Reason};
use godkend_core::keys::Keys;
use godkend_core::policy::Policy;
use godkend_core::store::{self, MemoryStore, Store};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use self::fields::id;
pub(crate) use self::fields::{key_algorithm, optional_birth_date};
use crate::completion::{Changes, Completions};
use crate::error::{Result, exception};
use crate::outcome::PySession;

const MEMORY: &str = ":memory:";

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
        self.completions.alarm_fd()
    }

    fn drain(&self, py: Python<'_>) -> PyResult<PyDrained> {
        let ready = self.completions.drain();
        let completions = PyList::empty(py);
        for (token, outcome) in ready.completions {
            let object = match outcome {
                Ok(outcome) => outcome(py)?,
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
            ("password_checks", &stats.password_checks),
            ("pin_records", &stats.pin_records),
            ("commands", &stats.commands),
            ("batches", &stats.batches),
            ("signatures", &stats.signatures),
        ] {
            dict.set_item(name, counter.load(Ordering::Relaxed))?;
        }
        Ok(dict)
    }

    fn login_id<'py>(
        &self,
        py: Python<'py>,
        front_end: &str,
        request_id: &[u8],
    ) -> Result<Bound<'py, PyBytes>> {
        let login_id = self.engine.login_id(front_end, &id("request_id", request_id)?);
        Ok(PyBytes::new(py, &login_id))
    }

    fn watch(&self, login_id: &[u8]) -> Result<()> {
        self.engine.watch(id("login_id", login_id)?);
        Ok(())
    }

    fn unwatch(&self, login_id: &[u8]) -> Result<()> {
        self.engine.unwatch(&id("login_id", login_id)?);
        Ok(())
    }

    fn prove_subscriber(
        &self,
        assertion: &str,
        identity_id: &[u8],
        service_providers: Vec<String>,
    ) -> Result<PySession> {
        let identity_id = id("identity_id", identity_id)?;
        let session = self.engine.prove_subscriber(assertion, &identity_id, &service_providers)?;
        Ok(PySession(session))
    }

    fn jwks(&self) -> &str {
        self.jwks.get_or_init(|| assertion::jwks(self.engine.keys()))
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
        C::Outcome: crate::outcome::ToObject,
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
