//! Code displays and passwords, as the desk and their owner see them.

use godkend_core::display::Display;
use godkend_core::engine::{DisplaysView, DoorView};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! { DisplaysView => PyDisplaysView, }

/// The displays of an identity, and where its doors stand.
#[pyclass(name = "DisplaysView", module = "godkend._core", frozen)]
pub(crate) struct PyDisplaysView(DisplaysView);

#[pymethods]
impl PyDisplaysView {
    #[getter]
    fn displays(&self) -> Vec<PyDisplayView> {
        self.0.displays.iter().cloned().map(PyDisplayView).collect()
    }
    #[getter]
    fn code_door(&self) -> PyDoorView {
        PyDoorView(self.0.code_door)
    }
    #[getter]
    fn password_is_set(&self) -> bool {
        self.0.password_is_set
    }
    #[getter]
    fn password_door(&self) -> PyDoorView {
        PyDoorView(self.0.password_door)
    }
}

/// A code display or audio code reader.
#[pyclass(name = "DisplayView", module = "godkend._core", frozen)]
pub(crate) struct PyDisplayView(Display);

#[pymethods]
impl PyDisplayView {
    #[getter]
    fn display_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn serial_number(&self) -> &str {
        &self.0.serial_number
    }
    #[getter]
    fn kind(&self) -> u8 {
        self.0.kind as u8
    }
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn changed_at_ms(&self) -> i64 {
        self.0.changed_at
    }
}

/// Where tries are counted.
#[pyclass(name = "DoorView", module = "godkend._core", frozen)]
pub(crate) struct PyDoorView(pub(super) DoorView);

#[pymethods]
impl PyDoorView {
    #[getter]
    fn strikes(&self) -> u32 {
        self.0.strikes
    }
    #[getter]
    fn locked_until_ms(&self) -> i64 {
        self.0.locked_until_ms
    }
    #[getter]
    fn dead(&self) -> bool {
        self.0.dead
    }
}
