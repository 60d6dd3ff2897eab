//! Evidence of who somebody is: which officer identified them, by which document, and how it was matched.
//!
//! An identity is proved in one of two ways. A registrar that has identified the person elsewhere *vouches*
//! when it registers them, with the level it answers for, and keeps the evidence itself. Or they are
//! registered unproved, and a desk records here what it saw; until then no activation code is made.
//! Invariants: an expired document proves nobody; of its number only a keyed digest is kept, which can
//! be compared and not read; new evidence raises a level and never lowers one.
//!
//! Source: Implementing Regulation (EU) 2015/1502, annex 2.1.2, which NSIS follows: photo identification
//! beside the register or a witness is Substantial. High takes proof that the document is genuine, which
//! an officer's eye is not and a chip is ([`crate::passport`]).

use crate::Id;
use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::Level;
use crate::keys::Keys;

const NUMBER_CHARS_MAX: usize = 32;

/// Documents with a photo. The numbers are those of `DocumentKind` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum DocumentKind {
    /// A passport.
    Passport = 1,
    /// An identity card of a state.
    IdentityCard = 2,
    /// A driving licence.
    DrivingLicence = 3,
    /// A residence permit.
    ResidencePermit = 4,
    /// NemID: no desk is shown it.
    NemId = 5,
}

impl DocumentKind {
    /// Reads a number of the store, where there is also what no desk can say.
    #[must_use]
    pub fn of_stored(number: i32) -> Option<Self> {
        if number == Self::NemId as i32 { Some(Self::NemId) } else { Self::parse(number).ok() }
    }

    /// Reads a number of the proto enum, as desks say it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `document.kind`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Passport),
            2 => Ok(Self::IdentityCard),
            3 => Ok(Self::DrivingLicence),
            4 => Ok(Self::ResidencePermit),
            _ => Err(Error::invalid(
                "document.kind",
                "must be PASSPORT, IDENTITY_CARD, DRIVING_LICENCE or RESIDENCE_PERMIT",
            )),
        }
    }
}

/// How the person was matched with the document. The numbers are those of `IdentificationMethod` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Method {
    /// They answered questions from the population register.
    RegisterQuestions = 1,
    /// A witness spoke for them.
    Witness = 2,
    /// Their face, with the one on the document's chip.
    Chip = 3,
    /// They signed in with NemID: its key card and its password.
    NemId = 4,
}

impl Method {
    /// Reads a number of the proto enum, as desks say it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `method`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::RegisterQuestions),
            2 => Ok(Self::Witness),
            _ => Err(Error::invalid("method", "must be REGISTER_QUESTIONS or WITNESS")),
        }
    }

    /// Reads a number of the store, where there is also what no desk can say.
    #[must_use]
    pub fn of_stored(number: i32) -> Option<Self> {
        let of_no_desk = [Self::Chip, Self::NemId].into_iter().find(|it| *it as i32 == number);
        of_no_desk.or_else(|| Self::parse(number).ok())
    }

    /// The name in the history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterQuestions => "register_questions",
            Self::Witness => "witness",
            Self::Chip => "chip",
            Self::NemId => "nemid",
        }
    }

    /// How well the identity is proved by it, beside a document with a photo.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::RegisterQuestions | Self::Witness | Self::NemId => Level::Substantial,
            Self::Chip => Level::High,
        }
    }
}

/// What is kept of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// What it is.
    pub kind: DocumentKind,
    /// Who issued it, in three letters (ISO 3166-1 alpha-3).
    pub country: String,
    /// Its number, digested with the server's key.
    pub number_digest: [u8; 32],
    /// The last day on which it is valid.
    pub expires_on: Date,
}

impl Document {
    /// Whether it proves anything today.
    ///
    /// # Errors
    /// Denied with `DOCUMENT_EXPIRED`.
    pub fn check(&self, now: Millis) -> Result<()> {
        if copenhagen(now) <= self.expires_on {
            Ok(())
        } else {
            Err(Error::denied(Reason::DocumentExpired))
        }
    }
}

/// Checks a country.
///
/// # Errors
/// [`Error::Invalid`] naming `document.country`.
pub fn country(text: &str) -> Result<String> {
    if text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_uppercase()) {
        Ok(text.to_owned())
    } else {
        Err(Error::invalid("document.country", "must be three capital letters, such as DNK"))
    }
}

/// A document's number as it is compared: capitals and digits, whatever stands between them.
#[derive(Clone, PartialEq, Eq)]
pub struct DocumentNumber(String);

impl DocumentNumber {
    /// Reads what an officer typed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `document.document_number`.
    pub fn parse(text: &str) -> Result<Self> {
        let solid = text.bytes().filter(|byte| !matches!(byte, b' ' | b'-' | b'.' | b'/' | b'<'));
        let solid: Vec<u8> = solid.take(NUMBER_CHARS_MAX + 1).collect();
        let fits = (1..=NUMBER_CHARS_MAX).contains(&solid.len())
            && solid.iter().all(u8::is_ascii_alphanumeric);
        match String::from_utf8(solid) {
            Ok(number) if fits => Ok(Self(number.to_ascii_uppercase())),
            _ => Err(Error::invalid(
                "document.document_number",
                "must be 1 to 32 letters and digits",
            )),
        }
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self, keys: &Keys, kind: DocumentKind, country: &str) -> [u8; 32] {
        let parts: [&[u8]; 3] = [&[kind as u8], country.as_bytes(), self.0.as_bytes()];
        keys.derive(b"document number v1", &parts)
    }
}

/// What a desk or a chip showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Its name in the store.
    pub id: Id,
    /// Who was identified.
    pub identity_id: Id,
    /// The client that recorded it.
    pub recorded_by: String,
    /// Who there; empty where nobody sat at a desk.
    pub officer_id: String,
    /// Where that client keeps what it saw of a chip; empty for desks.
    pub reference: String,
    /// The document.
    pub document: Document,
    /// How the person was matched with it.
    pub method: Method,
    /// The witness's identity, if there was one.
    pub witness_id: Option<Id>,
    /// How well it proves the identity.
    pub level: Level,
    /// When.
    pub recorded_at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000; // 2027-01-15 in Copenhagen

    #[test]
    fn a_document_is_good_to_the_end_of_its_last_day_in_copenhagen() {
        let document = Document {
            kind: DocumentKind::Passport,
            country: "DNK".to_owned(),
            number_digest: [0; 32],
            expires_on: Date::new(2027, 1, 15).unwrap(),
        };
        let midnight = 1_800_054_000_000;
        for now in [NOW, midnight - 1] {
            assert_eq!(document.check(now), Ok(()));
        }
        let expired = Err(Error::denied(Reason::DocumentExpired));
        assert_eq!(document.check(midnight), expired);
    }

    #[test]
    fn numbers_are_compared_without_what_stands_between() {
        let keys = Keys::generate().unwrap();
        let digest = |text: &str, kind, country| {
            DocumentNumber::parse(text).unwrap().digest(&keys, kind, country)
        };
        let passport = |text: &str| digest(text, DocumentKind::Passport, "DNK");
        assert_eq!(passport("21 23-45678<"), passport("212345678"));
        assert_eq!(passport("ab1"), passport("AB1"));
        for other in [
            passport("212345679"),
            digest("212345678", DocumentKind::IdentityCard, "DNK"),
            digest("212345678", DocumentKind::Passport, "SWE"),
        ] {
            assert_ne!(other, passport("212345678"));
        }
        assert!(DocumentNumber::parse(&"1".repeat(32)).is_ok());
        for refused in ["", " - ", "æ", "1\n", &"1".repeat(33)] {
            assert!(DocumentNumber::parse(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_country_is_three_capitals() {
        assert_eq!(country("DNK").unwrap(), "DNK");
        for refused in ["", "DK", "dnk", "DNKX", "D<K"] {
            assert!(country(refused).is_err(), "{refused}");
        }
    }
}
