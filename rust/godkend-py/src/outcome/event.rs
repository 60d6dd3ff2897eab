//! The history.

use godkend_core::event::Event;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of, optional_id};

object_of! { Event => PyEventView, }

/// One link of the event chain.
#[pyclass(name = "EventView", module = "godkend._core", frozen)]
pub(crate) struct PyEventView(pub(super) Event);

#[pymethods]
impl PyEventView {
    #[getter]
    fn seq(&self) -> i64 {
        self.0.seq
    }
    #[getter]
    fn at_ms(&self) -> i64 {
        self.0.at
    }
    #[getter]
    fn kind(&self) -> &str {
        &self.0.kind
    }
    #[getter]
    fn identity_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        optional_id(py, self.0.identity_id.as_ref())
    }
    #[getter]
    fn authenticator_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        optional_id(py, self.0.authenticator_id.as_ref())
    }
    #[getter]
    fn login_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        optional_id(py, self.0.login_id.as_ref())
    }
    #[getter]
    fn actor(&self) -> &str {
        &self.0.actor
    }
    #[getter]
    fn detail(&self) -> &str {
        &self.0.detail
    }
    #[getter]
    fn hash<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.hash)
    }
}
