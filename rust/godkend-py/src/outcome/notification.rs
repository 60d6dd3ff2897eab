//! Messages on their way.

use godkend_core::activation::CodeText;
use godkend_core::engine::{Due, Notices};
use godkend_core::notification::{Message, State};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{PyEventView, ToObject, bytes, object_of};

object_of! {
    Message => PyMessageView,
    Notices => PyNotices,
    Due => PyDueMessage,
}

impl ToObject for bool {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.into_py_any(py)
    }
}

impl ToObject for Option<State> {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.map(|state| state as u8).into_py_any(py)
    }
}

impl ToObject for Option<CodeText> {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.map(|text| text.reveal()).into_py_any(py)
    }
}

/// Events that ask for messages.
#[pyclass(name = "Notices", module = "godkend._core", frozen)]
pub(crate) struct PyNotices(Notices);

#[pymethods]
impl PyNotices {
    #[getter]
    fn until_seq(&self) -> i64 {
        self.0.until_seq
    }
    #[getter]
    fn more(&self) -> bool {
        self.0.more
    }
    #[getter]
    fn events(&self) -> Vec<PyEventView> {
        self.0.events.iter().cloned().map(PyEventView).collect()
    }
}

/// A message that is to be delivered now.
#[pyclass(name = "DueMessage", module = "godkend._core", frozen)]
pub(crate) struct PyDueMessage(Due);

#[pymethods]
impl PyDueMessage {
    #[getter]
    fn message_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.message.id)
    }
    #[getter]
    fn channel(&self) -> u8 {
        self.0.message.channel as u8
    }
    #[getter]
    fn event(&self) -> PyEventView {
        PyEventView(self.0.event.clone())
    }
    #[getter]
    fn address(&self) -> &str {
        &self.0.address
    }
    #[getter]
    fn language(&self) -> u8 {
        self.0.language as u8
    }
}

/// A message as support sees it.
#[pyclass(name = "MessageView", module = "godkend._core", frozen)]
pub(crate) struct PyMessageView(Message);

#[pymethods]
impl PyMessageView {
    #[getter]
    fn message_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn event_seq(&self) -> i64 {
        self.0.event_seq
    }
    #[getter]
    fn identity_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.identity_id)
    }
    #[getter]
    fn channel(&self) -> u8 {
        self.0.channel as u8
    }
    #[getter]
    fn tries(&self) -> u32 {
        self.0.tries
    }
    #[getter]
    fn failure(&self) -> &str {
        &self.0.failure
    }
    #[getter]
    fn settled_at_ms(&self) -> i64 {
        self.0.settled_at.unwrap_or(0)
    }
}
