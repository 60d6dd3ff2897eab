//! Identities and their phones, as the desk sees them.

use godkend_core::Id;
use godkend_core::engine::{AuthenticatorView, IdentityView};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{bytes, object_of};

object_of! { IdentityView => PyIdentityView, }

/// An identity as registrars and support see it.
#[pyclass(name = "IdentityView", module = "godkend._core", frozen)]
pub(crate) struct PyIdentityView(IdentityView);

#[pymethods]
impl PyIdentityView {
    #[getter]
    fn identity_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.identity.id)
    }
    #[getter]
    fn user_id(&self) -> &str {
        &self.0.identity.user_id.chosen
    }
    #[getter]
    fn name(&self) -> &str {
        &self.0.identity.name
    }
    #[getter]
    fn level(&self) -> u8 {
        self.0.identity.level as u8
    }
    #[getter]
    fn organisation_number(&self) -> &str {
        self.0.identity.organisation.as_deref().unwrap_or_default()
    }
    #[getter]
    fn blocked(&self) -> bool {
        self.0.identity.blocked_at.is_some()
    }
    #[getter]
    fn created_at_ms(&self) -> i64 {
        self.0.identity.created_at
    }
    #[getter]
    fn phone_number(&self) -> &str {
        self.0.identity.contact.phone_number.as_deref().unwrap_or_default()
    }
    #[getter]
    fn phone_number_changed_at_ms(&self) -> i64 {
        self.0.identity.contact.phone_number_changed_at.unwrap_or(0)
    }
    #[getter]
    fn email(&self) -> &str {
        self.0.identity.contact.email.as_deref().unwrap_or_default()
    }
    #[getter]
    fn language(&self) -> u8 {
        self.0.identity.contact.language as u8
    }
    #[getter]
    fn proved_since_ms(&self) -> i64 {
        self.0.identity.proved_since().unwrap_or(0)
    }
    #[getter]
    fn authenticators_advised(&self) -> u32 {
        self.0.authenticators_advised
    }
    #[getter]
    fn authenticators(&self) -> Vec<PyAuthenticatorView> {
        self.0.authenticators.iter().map(PyAuthenticatorView::of).collect()
    }
}

/// A phone as registrars and support see it.
#[pyclass(name = "AuthenticatorView", module = "godkend._core", frozen)]
pub(crate) struct PyAuthenticatorView {
    authenticator_id: Id,
    #[pyo3(get)]
    device_name: String,
    #[pyo3(get)]
    blocked: bool,
    #[pyo3(get)]
    biometrics_on: bool,
    #[pyo3(get)]
    enrolled_level: u8,
    #[pyo3(get)]
    hardware_key: bool,
    #[pyo3(get)]
    notifications_on: bool,
    #[pyo3(get)]
    strikes: u32,
    #[pyo3(get)]
    locked_until_ms: i64,
    #[pyo3(get)]
    pin_dead: bool,
    #[pyo3(get)]
    activated_at_ms: i64,
}

impl PyAuthenticatorView {
    fn of(view: &AuthenticatorView) -> Self {
        let row = &view.authenticator;
        Self {
            authenticator_id: row.id,
            device_name: row.device_name.clone(),
            blocked: row.blocked_at.is_some(),
            biometrics_on: row.biometrics_on,
            enrolled_level: row.enrolment.level as u8,
            hardware_key: row.enrolment.hardware_key,
            notifications_on: row.notifications_on,
            strikes: row.lockout.strikes(),
            locked_until_ms: view.locked_until_ms,
            pin_dead: view.pin_dead,
            activated_at_ms: row.activated_at,
        }
    }
}

#[pymethods]
impl PyAuthenticatorView {
    #[getter]
    fn authenticator_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.authenticator_id)
    }
}
