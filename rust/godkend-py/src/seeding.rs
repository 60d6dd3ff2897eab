//! A synthetic population on its way into a store, for the command line's progress bar.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use godkend_core::clock::{Clock as _, SystemClock};
use godkend_core::engine::Seeding;
use godkend_core::error::Error;
use godkend_core::password::Password;
use godkend_core::pin::Pin;
use godkend_core::policy::Policy;
use godkend_core::population::{Mark, Population};
use godkend_core::random::SystemRandom;
use godkend_core::store;
use pyo3::prelude::*;

use crate::error::Result;

/// Writes step by step; cut off at any moment, it goes on where it was.
#[pyclass(name = "Seeding", module = "godkend._core", frozen)]
pub(crate) struct PySeeding(Mutex<Seeding>);

#[pymethods]
impl PySeeding {
    #[new]
    #[pyo3(signature = (
        *, store, keys, policy, secret, identities, pins, displays_percent = 0, passwords = Vec::new()
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        store: &str,
        keys: &str,
        policy: &str,
        secret: &[u8],
        identities: u64,
        pins: Vec<String>,
        displays_percent: u8,
        passwords: Vec<String>,
    ) -> Result<Self> {
        let policy = Policy::from_json(policy)?;
        let secret = secret.try_into().map_err(|_| Error::invalid("secret", "must be 32 bytes"))?;
        let pins = pins.iter().map(|pin| Pin::parse(pin.as_bytes()));
        let pins = pins.collect::<godkend_core::error::Result<_>>()?;
        let passwords = passwords.iter().map(|password| Password::parse(password));
        let passwords = passwords.collect::<godkend_core::error::Result<_>>()?;
        let population = Population::new(secret, identities, pins)?
            .with_displays(displays_percent, passwords)?;
        let seeding = py.detach(|| {
            let (store, keys) = store::open(Path::new(store), Path::new(keys))?;
            let now = SystemClock.now_ms();
            Seeding::begin(&store, keys, &policy, population, now, &mut SystemRandom::new())
        })?;
        Ok(Self(Mutex::new(seeding)))
    }

    #[getter]
    fn written(&self, py: Python<'_>) -> u64 {
        self.with(py, |seeding| seeding.mark().written)
    }

    #[getter]
    fn identities(&self, py: Python<'_>) -> u64 {
        self.with(py, |seeding| seeding.mark().identities)
    }

    fn step(&self, py: Python<'_>) -> Result<u64> {
        let Mark { written, .. } = self.with(py, Seeding::step)?;
        Ok(written)
    }
}

impl PySeeding {
    fn with<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Seeding) -> T + Send) -> T {
        py.detach(|| work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
