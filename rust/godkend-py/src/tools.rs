//! Plain functions: for start-up, for comparison with other implementations, and for benchmarks.

use std::sync::Mutex;

use godkend_core::error::{Error, Reason};
use godkend_core::pin::{Arena, Kernel, Params, Pin, weakness};
use godkend_core::policy::Policy;
use godkend_core::recovery::{ROUTES, Route};
use godkend_core::signature::PublicKey;
use godkend_core::throttle::{self, Quota};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::engine::{key_algorithm, optional_birth_date};
use crate::error::Result;

const HASH_BYTES: std::ops::RangeInclusive<usize> = 4..=64;

/// Argon2id, version 0x13 (RFC 9106), with the GIL released.
#[pyfunction]
#[pyo3(signature = (password, salt, memory_kib, iterations, parallelism, length, secret = None, associated_data = None, kernel = None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn argon2id<'py>(
    py: Python<'py>,
    password: &[u8],
    salt: &[u8],
    memory_kib: u32,
    iterations: u32,
    parallelism: u32,
    length: usize,
    secret: Option<&[u8]>,
    associated_data: Option<&[u8]>,
    kernel: Option<&str>,
) -> Result<Bound<'py, PyBytes>> {
    let kernel = chosen_kernel(kernel)?;
    let params = Params::new(memory_kib, iterations, parallelism)?;
    if !HASH_BYTES.contains(&length) {
        return Err(Error::invalid("length", "must be 4 to 64").into());
    }
    let (secret, associated_data) = (secret.unwrap_or(&[]), associated_data.unwrap_or(&[]));
    let hash = py.detach(|| {
        let mut hash = vec![0; length];
        let mut arena = Arena::new(memory_kib, memory_kib)?.with_kernel(kernel);
        arena.hash(&params, password, salt, secret, associated_data, &mut hash)?;
        Ok::<_, Error>(hash)
    })?;
    Ok(PyBytes::new(py, &hash))
}

fn chosen_kernel(name: Option<&str>) -> Result<Kernel> {
    let Some(name) = name else { return Ok(Kernel::fastest()) };
    let found = Kernel::available().into_iter().find(|kernel| kernel.name() == name);
    Ok(found.ok_or(Error::invalid("kernel", "must be one of argon2id_kernels()"))?)
}

/// The names of the kernels that this CPU can take, the fastest first.
#[pyfunction]
pub(crate) fn argon2id_kernels() -> Vec<&'static str> {
    Kernel::available().into_iter().map(Kernel::name).collect()
}

/// Why a PIN would be refused, or None.
#[pyfunction]
#[pyo3(signature = (pin, birth_date = ""))]
pub(crate) fn pin_weakness(pin: &str, birth_date: &str) -> Result<Option<&'static str>> {
    let pin = Pin::parse(pin.as_bytes())?;
    Ok(weakness(&pin, optional_birth_date(birth_date)?).map(|weakness| weakness.name()))
}

/// Verifies a device's signature over `domain || message`.
#[pyfunction]
pub(crate) fn verify_signature(
    algorithm: i32,
    public_key: &[u8],
    domain: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<()> {
    let key = PublicKey::parse(key_algorithm(algorithm)?, public_key)?;
    Ok(key.verify(domain, message, signature)?)
}

/// The whole policy as JSON.
#[pyfunction]
pub(crate) fn normalise_policy(policy: &str) -> Result<String> {
    Ok(Policy::from_json(policy)?.to_json())
}

/// Every reason that the core can give.
#[pyfunction]
pub(crate) fn recovery_routes() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let named = |route: &Route| {
        let notifies = route.notifies.unwrap_or_default();
        (route.lost.name(), route.means.name(), route.call, notifies)
    };
    ROUTES.iter().map(named).collect()
}

#[pyfunction]
pub(crate) fn reasons() -> Vec<&'static str> {
    Reason::ALL.iter().map(|reason| reason.name()).collect()
}

/// The version of the bundled SQLite.
#[pyfunction]
pub(crate) fn sqlite_version() -> &'static str {
    godkend_core::store::sqlite_version()
}

/// A keyed rate limit in memory.
#[pyclass(name = "Throttle", module = "godkend._core", frozen)]
pub(crate) struct PyThrottle(Mutex<throttle::Throttle>);

#[pymethods]
impl PyThrottle {
    #[new]
    fn new(interval_us: u64, burst: u32, keys_max: usize) -> Self {
        Self(Mutex::new(throttle::Throttle::new(Quota { interval_us, burst }, keys_max)))
    }

    fn check(&self, key: &[u8], now_us: i64) -> u64 {
        let mut throttle = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        throttle.check(key, now_us).err().unwrap_or(0)
    }
}
