//! What the ways back give.

use godkend_core::engine::command::TemporaryPinIssued;
use godkend_core::self_service::Session;
use godkend_core::temporary_pin::TemporaryPinText;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! {
    TemporaryPinIssued => PyTemporaryPinIssued,
    TemporaryPinText => PyTemporaryPinText,
}

/// A subscriber's session at a self-service site.
#[pyclass(name = "Session", module = "godkend._core", frozen)]
pub(crate) struct PySession(pub(crate) Session);

#[pymethods]
impl PySession {
    #[getter]
    fn login_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.login_id)
    }
    #[getter]
    fn signed_in_at_ms(&self) -> i64 {
        self.0.signed_in_at
    }
}

/// A temporary PIN that is on its way.
#[pyclass(name = "TemporaryPinIssued", module = "godkend._core", frozen)]
pub(crate) struct PyTemporaryPinIssued(TemporaryPinIssued);

#[pymethods]
impl PyTemporaryPinIssued {
    #[getter]
    fn temporary_pin_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
}

/// A temporary PIN for the one message that carries it.
#[pyclass(name = "TemporaryPinText", module = "godkend._core", frozen)]
pub(crate) struct PyTemporaryPinText(TemporaryPinText);

#[pymethods]
impl PyTemporaryPinText {
    #[getter]
    fn temporary_pin(&self) -> String {
        self.0.reveal()
    }
}
