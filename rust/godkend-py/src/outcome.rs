//! What calls give: the core's outcomes as classes that Python reads.

use godkend_core::activation::CodeText;
use godkend_core::engine::command::{
    ActivationBegun, CodeIssued, LoginOpened, LoginStarted, LoginView,
};
use godkend_core::engine::{AuthenticatorView, IdentityView};
use godkend_core::event::Event;
use godkend_core::{Id, challenge};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// Any outcome.
pub(crate) enum Outcome {
    Nothing,
    Id(Id),
    Assertion(String),
    Identity(Box<IdentityView>),
    Code(CodeIssued),
    Begun(ActivationBegun),
    Started(LoginStarted),
    Opened(LoginOpened),
    Login(LoginView),
    Events(Vec<Event>),
}

macro_rules! outcomes {
    ($($type:ty => $variant:expr,)+) => {
        $(impl From<$type> for Outcome {
            fn from(value: $type) -> Self { $variant(value) }
        })+
    };
}

outcomes! {
    Id => Outcome::Id,
    String => Outcome::Assertion,
    IdentityView => |view| Outcome::Identity(Box::new(view)),
    CodeIssued => Outcome::Code,
    ActivationBegun => Outcome::Begun,
    LoginStarted => Outcome::Started,
    LoginOpened => Outcome::Opened,
    LoginView => Outcome::Login,
    Vec<Event> => Outcome::Events,
}

impl From<()> for Outcome {
    fn from((): ()) -> Self {
        Self::Nothing
    }
}

impl Outcome {
    /// The Python object for it.
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self {
            Self::Nothing => Ok(py.None()),
            Self::Id(id) => Ok(PyBytes::new(py, &id).into_any().unbind()),
            Self::Assertion(assertion) => assertion.into_py_any(py),
            Self::Identity(view) => PyIdentityView(*view).into_py_any(py),
            Self::Code(code) => {
                PyActivationCodeIssued { text: code.text, expires_at_ms: code.expires_at }
                    .into_py_any(py)
            }
            Self::Begun(begun) => PyActivationBegun(begun).into_py_any(py),
            Self::Started(started) => PyLoginStarted(started).into_py_any(py),
            Self::Opened(opened) => PyLoginOpened(opened).into_py_any(py),
            Self::Login(view) => PyLoginView(view).into_py_any(py),
            Self::Events(events) => {
                let events = events.into_iter().map(PyEventView);
                Ok(PyList::new(
                    py,
                    events.map(|it| it.into_py_any(py)).collect::<PyResult<Vec<_>>>()?,
                )?
                .into_any()
                .unbind())
            }
        }
    }
}

fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, bytes)
}

fn optional_id<'py>(py: Python<'py>, id: Option<&Id>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, id.map_or(&[], |id| id))
}

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
    fn blocked(&self) -> bool {
        self.0.identity.blocked_at.is_some()
    }
    #[getter]
    fn created_at_ms(&self) -> i64 {
        self.0.identity.created_at
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

/// What the front-end needs to show codes.
#[pyclass(name = "LoginStarted", module = "godkend._core", frozen)]
pub(crate) struct PyLoginStarted(LoginStarted);

#[pymethods]
impl PyLoginStarted {
    #[getter]
    fn login_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.login_id)
    }
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn qr_token(&self) -> String {
        challenge::qr_token(&self.0.login_id)
    }
    #[getter]
    fn qr_secret<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, self.0.qr_secret.as_bytes())
    }
    #[getter]
    fn app_link(&self) -> String {
        self.0.qr_secret.app_link(&self.0.login_id)
    }
    #[getter]
    fn elapsed_ms(&self) -> u64 {
        self.0.elapsed_ms
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
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
}

/// Where a login is now.
#[pyclass(name = "LoginView", module = "godkend._core", frozen)]
pub(crate) struct PyLoginView(LoginView);

#[pymethods]
impl PyLoginView {
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn expires_at_ms(&self) -> i64 {
        self.0.expires_at
    }
    #[getter]
    fn expires_in_ms(&self) -> u64 {
        self.0.expires_in_ms
    }
}

/// One link of the event chain.
#[pyclass(name = "EventView", module = "godkend._core", frozen)]
pub(crate) struct PyEventView(Event);

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
