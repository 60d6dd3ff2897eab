//! Who may act for whom.

use godkend_core::engine::DelegationView;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! { DelegationView => PyDelegationView, }

/// A delegation as registrars and the two see it.
#[pyclass(name = "DelegationView", module = "godkend._core", frozen)]
pub(crate) struct PyDelegationView(DelegationView);

#[pymethods]
impl PyDelegationView {
    #[getter]
    fn delegation_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.delegation.id)
    }
    #[getter]
    fn principal_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.delegation.principal_id)
    }
    #[getter]
    fn principal_name(&self) -> &str {
        &self.0.principal_name
    }
    #[getter]
    fn agent_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.delegation.agent_id)
    }
    #[getter]
    fn agent_name(&self) -> &str {
        &self.0.agent_name
    }
    #[getter]
    fn kind(&self) -> u8 {
        self.0.delegation.kind as u8
    }
    #[getter]
    fn scopes(&self) -> Vec<String> {
        self.0.delegation.scopes.names().to_vec()
    }
    #[getter]
    fn starts_on(&self) -> String {
        self.0.delegation.starts_on.to_string()
    }
    #[getter]
    fn ends_on(&self) -> String {
        self.0.delegation.ends_on.to_string()
    }
    #[getter]
    fn grounds(&self) -> &str {
        &self.0.delegation.grounds
    }
    #[getter]
    fn recorded_by(&self) -> &str {
        &self.0.delegation.recorded_by
    }
    #[getter]
    fn officer_id(&self) -> &str {
        &self.0.delegation.officer_id
    }
    #[getter]
    fn recorded_at_ms(&self) -> i64 {
        self.0.delegation.recorded_at
    }
}
