//! Logins, as their front-end sees them.

use godkend_core::challenge;
use godkend_core::engine::command::{LoginStarted, LoginView, Redeemed};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! {
    LoginStarted => PyLoginStarted,
    LoginView => PyLoginView,
    Redeemed => PyRedeemed,
}

/// What the front-end needs to show codes.
#[pyclass(name = "LoginStarted", module = "godkend._core", frozen)]
pub(crate) struct PyLoginStarted(LoginStarted);

#[pymethods]
impl PyLoginStarted {
    #[getter]
    fn login_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.login_id)
    }
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn qr_token(&self) -> String {
        challenge::qr_token(&self.0.login_id)
    }
    #[getter]
    fn qr_secret<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.qr_secret.as_bytes())
    }
    #[getter]
    fn app_link(&self) -> String {
        self.0.qr_secret.app_link(&self.0.login_id)
    }
    #[getter]
    fn elapsed_ms(&self) -> u64 {
        self.0.elapsed_ms
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
    #[getter]
    fn expires_in_ms(&self) -> u64 {
        self.0.expires_in_ms
    }
}

/// Where a login is now.
#[pyclass(name = "LoginView", module = "godkend._core", frozen)]
pub(crate) struct PyLoginView(LoginView);

#[pymethods]
impl PyLoginView {
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
    #[getter]
    fn expires_in_ms(&self) -> u64 {
        self.0.expires_in_ms
    }
}

/// What a login ends in.
#[pyclass(name = "Redeemed", module = "godkend._core", frozen)]
pub(crate) struct PyRedeemed(Redeemed);

#[pymethods]
impl PyRedeemed {
    #[getter]
    fn assertion(&self) -> &str {
        &self.0.assertion
    }
    #[getter]
    fn receipt(&self) -> Option<&str> {
        self.0.receipt.as_deref()
    }
}
