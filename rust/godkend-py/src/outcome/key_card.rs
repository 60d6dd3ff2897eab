//! Key cards, as their owner, desks and the printer see them.

use godkend_core::engine::command::KeyCardContent;
use godkend_core::engine::{KeyCardView, KeyCardsView};
use godkend_core::key_card::KeyCard;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::{PyDoorView, bytes, object_of};

object_of! {
    KeyCardsView => PyKeyCardsView,
    KeyCardContent => PyKeyCardContent,
    KeyCard => PyOrderedKeyCard,
}

/// The cards of an identity, and where its door stands.
#[pyclass(name = "KeyCardsView", module = "godkend._core", frozen)]
pub(crate) struct PyKeyCardsView(KeyCardsView);

#[pymethods]
impl PyKeyCardsView {
    #[getter]
    fn cards(&self) -> Vec<PyKeyCardView> {
        let view = |it: &KeyCardView| PyKeyCardView(it.card.clone(), it.activation_number);
        self.0.cards.iter().map(view).collect()
    }
    #[getter]
    fn key_door(&self) -> PyDoorView {
        PyDoorView(self.0.key_door)
    }
}

/// A card as its owner and desks see it.
#[pyclass(name = "KeyCardView", module = "godkend._core", frozen)]
pub(crate) struct PyKeyCardView(KeyCard, Option<u16>);

#[pymethods]
impl PyKeyCardView {
    #[getter]
    fn card_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn card_number(&self) -> String {
        self.0.card_number()
    }
    #[getter]
    fn state(&self) -> u8 {
        self.0.state as u8
    }
    #[getter]
    fn keys_left(&self) -> u16 {
        self.0.keys_left()
    }
    #[getter]
    fn activation_number(&self) -> Option<u16> {
        self.1
    }
    #[getter]
    fn changed_at_ms(&self) -> i64 {
        self.0.changed_at
    }
}

/// A card that waits to be printed.
#[pyclass(name = "OrderedKeyCard", module = "godkend._core", frozen)]
pub(crate) struct PyOrderedKeyCard(KeyCard);

#[pymethods]
impl PyOrderedKeyCard {
    #[getter]
    fn card_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.id)
    }
    #[getter]
    fn identity_id<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        bytes(py, &self.0.identity_id)
    }
    #[getter]
    fn card_number(&self) -> String {
        self.0.card_number()
    }
    #[getter]
    fn ordered_at_ms(&self) -> i64 {
        self.0.ordered_at
    }
}

/// What is printed.
#[pyclass(name = "KeyCardContent", module = "godkend._core", frozen)]
pub(crate) struct PyKeyCardContent(KeyCardContent);

#[pymethods]
impl PyKeyCardContent {
    #[getter]
    fn card_number(&self) -> &str {
        &self.0.card_number
    }
    #[getter]
    fn keys(&self) -> Vec<(String, String)> {
        let text = |key: &godkend_core::key_card::Key| {
            (format!("{:04}", key.number), format!("{:06}", key.code))
        };
        self.0.keys.iter().map(text).collect()
    }
    #[getter]
    fn language(&self) -> u8 {
        self.0.language as u8
    }
}
