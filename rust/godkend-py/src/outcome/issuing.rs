//! What desks recorded.

use godkend_core::consent::Consent;
use godkend_core::engine::Recorded;
use godkend_core::evidence::Evidence;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of, optional_id};

object_of! { Recorded => PyRecordedView, }

/// What desks recorded of an identity.
#[pyclass(name = "RecordedView", module = "godkend._core", frozen)]
pub(crate) struct PyRecordedView(Recorded);

#[pymethods]
impl PyRecordedView {
    #[getter]
    fn evidence(&self) -> Vec<PyEvidenceView> {
        self.0.evidence.iter().cloned().map(PyEvidenceView).collect()
    }
    #[getter]
    fn consents(&self) -> Vec<PyConsentView> {
        self.0.consents.iter().cloned().map(PyConsentView).collect()
    }
}

/// Evidence as registrars and auditors see it.
#[pyclass(name = "EvidenceView", module = "godkend._core", frozen)]
pub(crate) struct PyEvidenceView(Evidence);

#[pymethods]
impl PyEvidenceView {
    #[getter]
    fn evidence_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn recorded_by(&self) -> &str {
        &self.0.recorded_by
    }
    #[getter]
    fn officer_id(&self) -> &str {
        &self.0.officer_id
    }
    #[getter]
    fn document_kind(&self) -> u8 {
        self.0.document.kind as u8
    }
    #[getter]
    fn document_country(&self) -> &str {
        &self.0.document.country
    }
    #[getter]
    fn document_expires_on(&self) -> String {
        self.0.document.expires_on.to_string()
    }
    #[getter]
    fn method(&self) -> u8 {
        self.0.method as u8
    }
    #[getter]
    fn witness_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        optional_id(py, self.0.witness_id.as_ref())
    }
    #[getter]
    fn level(&self) -> u8 {
        self.0.level as u8
    }
    #[getter]
    fn reference(&self) -> &str {
        &self.0.reference
    }
    #[getter]
    fn recorded_at_ms(&self) -> i64 {
        self.0.recorded_at
    }
}

/// A parent's consent as registrars and auditors see it.
#[pyclass(name = "ConsentView", module = "godkend._core", frozen)]
pub(crate) struct PyConsentView(Consent);

#[pymethods]
impl PyConsentView {
    #[getter]
    fn consent_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn parent_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.parent_id)
    }
    #[getter]
    fn recorded_by(&self) -> &str {
        &self.0.recorded_by
    }
    #[getter]
    fn officer_id(&self) -> &str {
        &self.0.officer_id
    }
    #[getter]
    fn recorded_at_ms(&self) -> i64 {
        self.0.recorded_at
    }
}
