//! Pages of the history, and what follows from a report.

use godkend_core::engine::HistoryPage;
use godkend_core::engine::command::Reported;
use godkend_core::store::Entry;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{PyEventView, bytes, object_of, optional_id};

object_of! {
    HistoryPage => PyHistoryPage,
    Reported => PyReported,
}

/// A page of the history.
#[pyclass(name = "HistoryPage", module = "godkend._core", frozen)]
pub(crate) struct PyHistoryPage(HistoryPage);

#[pymethods]
impl PyHistoryPage {
    #[getter]
    fn entries(&self) -> Vec<(PyEventView, i64)> {
        let shown = |it: &Entry| (PyEventView(it.event.clone()), it.reported_at.unwrap_or(0));
        self.0.entries.iter().map(shown).collect()
    }
    #[getter]
    fn next_page_token<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.next_page_token)
    }
    #[getter]
    fn language(&self) -> u8 {
        self.0.language as u8
    }
}

/// What follows from a report.
#[pyclass(name = "Reported", module = "godkend._core", frozen)]
pub(crate) struct PyReported(Reported);

#[pymethods]
impl PyReported {
    #[getter]
    fn advice(&self) -> u8 {
        self.0.advice as u8
    }
    #[getter]
    fn authenticator_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        optional_id(py, self.0.authenticator_id.as_ref())
    }
    #[getter]
    fn ended(&self) -> bool {
        self.0.ended
    }
}
