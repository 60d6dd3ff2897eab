//! The Python face of the core. This page is the table of contents; the reference is `_core.pyi`.

// The binding's documentation is the stub that Python programmers read.
#![allow(missing_docs)]

mod completion;
mod engine;
mod error;
mod outcome;
mod passport;
mod seeding;
mod tools;

#[pyo3::pymodule]
mod _core {
    #[pymodule_export]
    use crate::engine::{PyDrained, PyEngine, PyManualClock};
    #[pymodule_export]
    use crate::outcome::{
        PyActivationBegun, PyActivationCodeIssued, PyAuthenticatorView, PyConsentView,
        PyCopyScanned, PyCopyView, PyDelegationView, PyDisplayView, PyDisplaysView, PyDoorView,
        PyDueMessage, PyEventView, PyEvidenceView, PyHistoryPage, PyIdentityView, PyKeyCardContent,
        PyKeyCardView, PyKeyCardsView, PyLoginOpened, PyLoginStarted, PyLoginView, PyMessageView,
        PyNotices, PyOrderedKeyCard, PyRecordedView, PyRedeemed, PyReported, PySession,
        PyTemporaryPinIssued, PyTemporaryPinText,
    };
    #[pymodule_export]
    use crate::passport::{PyPassportView, read_passport};
    #[pymodule_export]
    use crate::seeding::PySeeding;
    #[pymodule_export]
    use crate::tools::{
        PyThrottle, argon2id, argon2id_kernels, normalise_policy, pin_weakness, reasons,
        recovery_routes, sqlite_version, verify_signature,
    };
}
