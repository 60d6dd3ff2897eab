//! One conversion of the core's errors into the exceptions of `godkend.errors`, where they are
//! defined, so that their documentation and types live in Python.

use godkend_core::error::Error;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The exception that an error becomes.
pub(crate) fn exception<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyAny>> {
    let errors = py.import("godkend.errors")?;
    match error {
        Error::Invalid { field, bound, reason } => {
            errors.getattr("Invalid")?.call1((*field, bound, reason.name()))
        }
        Error::Denied(denial) => {
            let details = PyDict::new(py);
            details.set_item("retry_after_ms", denial.retry_after_ms)?;
            details.set_item("attempts_left", denial.attempts_left)?;
            errors.getattr("Denied")?.call((denial.reason.name(),), Some(&details))
        }
        Error::Fault { reason, detail, retry_after_ms } => {
            errors.getattr("Fault")?.call1((reason.name(), detail, *retry_after_ms))
        }
    }
}

/// An error on its way to Python.
pub(crate) struct Raise(Error);

impl From<Error> for Raise {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Raise> for PyErr {
    fn from(raise: Raise) -> Self {
        Python::attach(|py| match exception(py, &raise.0) {
            Ok(value) => Self::from_value(value),
            Err(error) => error,
        })
    }
}

/// What functions of this module return.
pub(crate) type Result<T> = std::result::Result<T, Raise>;
