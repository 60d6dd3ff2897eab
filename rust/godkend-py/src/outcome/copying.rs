//! Copies, as the old and the new phone see them.

use godkend_core::engine::command::{CopyScanned, CopyView};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! {
    CopyView => PyCopyView,
    CopyScanned => PyCopyScanned,
}

/// Where a copy is.
#[pyclass(name = "CopyView", module = "godkend._core", frozen)]
pub(crate) struct PyCopyView(CopyView);

#[pymethods]
impl PyCopyView {
    #[getter]
    fn copy_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.copy.id)
    }
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn ready_at_ms(&self) -> i64 {
        self.0.copy.ready_at
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.copy.due_at().unwrap_or(0)
    }
    #[getter]
    fn copy_code(&self) -> String {
        self.0.code.as_ref().map_or_else(String::new, |code| code.reveal())
    }
    #[getter]
    fn device_name(&self) -> &str {
        self.0.copy.phone.as_ref().map_or("", |phone| &phone.device_name)
    }
}

/// What the new phone signs at the end.
#[pyclass(name = "CopyScanned", module = "godkend._core", frozen)]
pub(crate) struct PyCopyScanned(CopyScanned);

#[pymethods]
impl PyCopyScanned {
    #[getter]
    fn copy_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.copy_id)
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
