//! What calls give: the core's outcomes as objects that Python reads, one file for each service.

mod copying;
mod delegation;
mod device;
mod display;
mod event;
mod history;
mod identity;
mod issuing;
mod key_card;
mod login;
mod notification;
mod recovery;

pub(crate) use copying::{PyCopyScanned, PyCopyView};
pub(crate) use delegation::PyDelegationView;
pub(crate) use device::{PyActivationBegun, PyActivationCodeIssued, PyLoginOpened};
pub(crate) use display::{PyDisplayView, PyDisplaysView, PyDoorView};
pub(crate) use event::PyEventView;
pub(crate) use history::{PyHistoryPage, PyReported};
pub(crate) use identity::{PyAuthenticatorView, PyIdentityView};
pub(crate) use issuing::{PyConsentView, PyEvidenceView, PyRecordedView};
pub(crate) use key_card::{PyKeyCardContent, PyKeyCardView, PyKeyCardsView, PyOrderedKeyCard};
pub(crate) use login::{PyLoginStarted, PyLoginView};
pub(crate) use notification::{PyDueMessage, PyMessageView, PyNotices};
pub(crate) use recovery::{PySession, PyTemporaryPinIssued, PyTemporaryPinText};

pub(crate) use login::PyRedeemed;

use godkend_core::Id;
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

/// What the engine's threads hand over: the object is made later, by the loop, which has the GIL.
pub(crate) type Outcome = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// An outcome of the core that Python can read.
pub(crate) trait ToObject: Send + 'static {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>>;
}

impl ToObject for () {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(py.None())
    }
}

impl ToObject for i64 {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.into_py_any(py)
    }
}

impl ToObject for Id {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(bytes(py, &self).into_any().unbind())
    }
}

impl ToObject for u32 {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.into_py_any(py)
    }
}

impl ToObject for String {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.into_py_any(py)
    }
}

impl<T: ToObject> ToObject for Vec<T> {
    fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let objects = self.into_iter().map(|it| it.to_object(py)).collect::<PyResult<Vec<_>>>()?;
        Ok(PyList::new(py, objects)?.into_any().unbind())
    }
}

/// The class that stands for an outcome, where it is a tuple struct around it.
macro_rules! object_of {
    ($($outcome:ty => $class:ident,)+) => {
        $(impl $crate::outcome::ToObject for $outcome {
            fn to_object(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
                pyo3::IntoPyObjectExt::into_py_any($class(self), py)
            }
        })+
    };
}
use object_of;

fn bytes<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyBytes> {
    PyBytes::new(py, bytes)
}

fn optional_id<'py>(py: Python<'py>, id: Option<&Id>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, id.map_or(&[], |id| id))
}
