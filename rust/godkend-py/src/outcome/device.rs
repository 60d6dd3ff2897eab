//! What a phone is told on its way from a code to an approval.

use godkend_core::activation::CodeText;
use godkend_core::engine::command::{ActivationBegun, CodeIssued, LoginOpened, Principal};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{ToObject, bytes, object_of};

object_of! {
    ActivationBegun => PyActivationBegun,
    LoginOpened => PyLoginOpened,
}

impl ToObject for CodeIssued {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        PyActivationCodeIssued { text: self.text, expires_at_ms: self.expires_at }.into_py_any(py)
    }
}

/// A code to hand out.
#[pyclass(name = "ActivationCodeIssued", module = "godkend._core", frozen)]
pub(crate) struct PyActivationCodeIssued {
    text: CodeText,
    #[pyo3(get)]
    expires_at_ms: i64,
}

#[pymethods]
impl PyActivationCodeIssued {
    #[getter]
    fn activation_code(&self) -> String {
        self.text.reveal()
    }
}

/// What the phone signs to prove its key.
#[pyclass(name = "ActivationBegun", module = "godkend._core", frozen)]
pub(crate) struct PyActivationBegun(ActivationBegun);

#[pymethods]
impl PyActivationBegun {
    #[getter]
    fn activation_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.activation_id)
    }
    #[getter]
    fn challenge<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.challenge)
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
}

/// What the phone shows and signs.
#[pyclass(name = "LoginOpened", module = "godkend._core", frozen)]
pub(crate) struct PyLoginOpened(LoginOpened);

#[pymethods]
impl PyLoginOpened {
    #[getter]
    fn login_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.login_id)
    }
    #[getter]
    fn challenge<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.challenge)
    }
    #[getter]
    fn service_provider(&self) -> &str {
        &self.0.service_provider
    }
    #[getter]
    fn text(&self) -> &str {
        &self.0.text
    }
    #[getter]
    fn acting(&self) -> u8 {
        self.0.acting as u8
    }
    #[getter]
    fn principals<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyBytes>, &str, u8)> {
        let of = |it: &'_ Principal| bytes(py, &it.delegation_id);
        self.0.principals.iter().map(|it| (of(it), it.name.as_str(), it.kind as u8)).collect()
    }
    #[getter]
    fn document<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyBytes>, &str, &str)> {
        let document = self.0.document.as_ref()?;
        Some((bytes(py, &document.sha256), &document.media_type, &document.name))
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
}
