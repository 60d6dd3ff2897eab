//! Fields of calls as checked parts.

use godkend_core::Id;
use godkend_core::approval::{Signed, Statement};
use godkend_core::error::{Error, Result};
use godkend_core::identity;
use godkend_core::pin::{BirthDate, Pin};
use godkend_core::signature::Algorithm;

pub(super) fn id(field: &'static str, bytes: &[u8]) -> Result<Id> {
    bytes.try_into().map_err(|_| Error::invalid(field, "must be 16 bytes"))
}

pub(super) fn digest(field: &'static str, bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::invalid(field, "must be 32 bytes"))
}

/// Where support keeps how it identified a subscriber.
pub(super) fn evidence_reference(text: &str) -> Result<String> {
    identity::line("evidence_reference", text, 1, 100)
}

pub(super) fn signed<S: Statement>(statement: &[u8], signature: &[u8]) -> Result<Signed<S>> {
    Signed::parse(statement.to_vec(), signature.to_vec())
}

pub(super) fn named_pin(field: &'static str, pin: &str) -> Result<Pin> {
    Pin::parse(pin.as_bytes()).map_err(|_| Error::invalid(field, "must be exactly 6 digits"))
}

pub(crate) fn optional_birth_date(text: &str) -> Result<Option<BirthDate>> {
    if text.is_empty() { Ok(None) } else { BirthDate::parse(text).map(Some) }
}

pub(crate) fn key_algorithm(number: i32) -> Result<Algorithm> {
    match number {
        1 => Ok(Algorithm::P256),
        2 => Ok(Algorithm::Ed25519),
        _ => Err(Error::invalid("key_algorithm", "must be ECDSA_P256 or ED25519")),
    }
}
