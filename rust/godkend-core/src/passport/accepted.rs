//! Which documents open the passport route, and what has to be vouched for beside what was verified.
//!
//! Passports of Denmark, which Greenlandic and Faroese ones are: their zone says `DNK` too, whatever the
//! cover says (Council of the EU, PRADO, DNK-AO-04002). German identity cards made after 2 August 2021,
//! when Regulation (EU) 2019/1157 gave cards their present chip. A zone does not say when a document was
//! made; its signer's certificate, which is proved, says before which day it was not. So a card of the
//! first weeks, which an older signer may still have signed, is refused. Others as configured.
//!
//! Invariants: the state of the zone is the one that signed, so that none vouches for another's
//! documents; the bearer is its national, which the bearer of an alien's or a refugee's passport is not. What
//! nobody vouches for is not there: a copied chip, another's face and a stolen passport all have right
//! signatures.

use serde::{Deserialize, Serialize};

use super::{Mrz, Passport};
use crate::civil::Date;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::evidence::{Document, DocumentKind, DocumentNumber};
use crate::identity;
use crate::keys::Keys;

/// The most kinds of documents that can be accepted.
const DOCUMENTS_MAX: usize = 300;

/// A kind of document that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The issuing state as zones name it: three letters, or `D`.
    pub state: String,
    /// The same state as its certificates name it: two letters.
    pub signer: String,
    /// What it is.
    pub kind: ChipKind,
    /// The day after which it must have been made, `YYYY-MM-DD`; empty for whenever.
    #[serde(default)]
    pub made_after: String,
}

/// Documents with a chip and a machine readable zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChipKind {
    /// A passport.
    Passport,
    /// An identity card.
    IdentityCard,
}

impl ChipKind {
    /// What a zone says it is of.
    fn of(mrz: &Mrz) -> Option<Self> {
        match (mrz.is_passport, mrz.document_code.as_bytes()) {
            (true, [b'P', ..]) => Some(Self::Passport),
            (false, b"I" | b"ID") => Some(Self::IdentityCard),
            _ => None,
        }
    }

    /// The name in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passport => "passport",
            Self::IdentityCard => "identity_card",
        }
    }

    const fn document_kind(self) -> DocumentKind {
        match self {
            Self::Passport => DocumentKind::Passport,
            Self::IdentityCard => DocumentKind::IdentityCard,
        }
    }
}

/// The documents that are accepted without being told.
#[must_use]
pub fn defaults() -> Vec<Accepted> {
    let accepted = |state: &str, signer: &str, kind, made_after: &str| Accepted {
        state: state.to_owned(),
        signer: signer.to_owned(),
        kind,
        made_after: made_after.to_owned(),
    };
    vec![
        accepted("DNK", "DK", ChipKind::Passport, ""),
        accepted("D", "DE", ChipKind::IdentityCard, "2021-08-02"),
    ]
}

/// Checks what an operator has configured.
///
/// # Errors
/// [`Error::Invalid`] naming `passport.documents`.
pub fn validate(documents: &[Accepted]) -> Result<()> {
    let capitals = |text: &str| text.bytes().all(|byte| byte.is_ascii_uppercase());
    let formed = |it: &Accepted| {
        (it.state == "D" || it.state.len() == 3 && capitals(&it.state))
            && it.signer.len() == 2
            && capitals(&it.signer)
            && (it.made_after.is_empty() || Date::parse("made_after", &it.made_after).is_ok())
    };
    if documents.len() <= DOCUMENTS_MAX && documents.iter().all(formed) {
        return Ok(());
    }
    Err(Error::invalid(
        "passport.documents",
        "must be at most 300, each with state (three capital letters, or D), signer (two), kind and \
         made_after (YYYY-MM-DD, or empty)",
    ))
}

/// What the registrar vouches for: all of it was seen, and well.
pub struct Checks {
    reference: String,
}

impl Checks {
    /// Takes what a registrar says that it has seen: by `ChipCheck` of proto, how the chip showed that it is
    /// no copy (Doc 9303 part 11, section 6); whether the face is the bearer's; whether the register knows
    /// the document as valid.
    ///
    /// # Errors
    /// Denied with `PASSPORT_CHECKS_MISSING` if anything was not seen, or not well. [`Error::Invalid`]
    /// naming `chip_check` or `evidence_reference`.
    pub fn parse(chip_check: i32, face: bool, register: bool, reference: &str) -> Result<Self> {
        if !matches!(chip_check, 0..=2) {
            let bound = "must be CHIP_AUTHENTICATION or ACTIVE_AUTHENTICATION";
            return Err(Error::invalid("chip_check", bound));
        }
        if chip_check == 0 || !face || !register {
            return Err(Error::denied(Reason::PassportChecksMissing));
        }
        let reference = identity::line("evidence_reference", reference, 1, 100)?;
        Ok(Self { reference })
    }
}

/// Who somebody is, by the chip of their document.
pub struct Proof {
    /// The document, as evidence keeps it.
    pub document: Document,
    /// What else the zone says.
    pub mrz: Mrz,
    /// Where the registrar keeps what it saw.
    pub reference: String,
}

/// Which of the accepted kinds a document is, if its bearer is a national of the state that made it.
///
/// # Errors
/// Denied with `PASSPORT_NOT_ACCEPTED`.
pub fn kind(passport: &Passport, documents: &[Accepted]) -> Result<ChipKind> {
    let refused = || Error::denied(Reason::PassportNotAccepted);
    let mrz = &passport.mrz;
    let kind = ChipKind::of(mrz).ok_or_else(refused)?;
    let fits = |it: &&Accepted| {
        it.kind == kind && it.state == mrz.issuing_state && it.signer == passport.signed_by
    };
    let accepted = documents.iter().find(fits).ok_or_else(refused)?;
    let after = Date::parse("made_after", &accepted.made_after).ok();
    if after.is_some_and(|day| passport.made_from <= day) || mrz.nationality != mrz.issuing_state {
        return Err(refused());
    }
    Ok(kind)
}

/// Takes a document that was verified as proof of who its bearer is.
///
/// # Errors
/// Denied with `PASSPORT_NOT_ACCEPTED` or `DOCUMENT_EXPIRED`.
pub fn accept(
    passport: Passport,
    checks: Checks,
    documents: &[Accepted],
    keys: &Keys,
    now: Millis,
) -> Result<Proof> {
    let kind = kind(&passport, documents)?.document_kind();
    let mrz = passport.mrz;
    let country = if mrz.issuing_state == "D" { "DEU" } else { &mrz.issuing_state };
    let number = DocumentNumber::parse(&mrz.document_number)?;
    let document = Document {
        kind,
        country: country.to_owned(),
        number_digest: number.digest(keys, kind, country),
        expires_on: mrz.expires_on,
    };
    document.check(now)?;
    Ok(Proof { document, mrz, reference: checks.reference })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = 1_800_000_000_000; // 2027-01-15 in Copenhagen

    fn day(text: &str) -> Date {
        Date::parse("day", text).unwrap()
    }

    fn passport() -> Passport {
        let mrz = Mrz {
            is_passport: true,
            document_code: "P".to_owned(),
            issuing_state: "DNK".to_owned(),
            document_number: "212345678".to_owned(),
            nationality: "DNK".to_owned(),
            birth_date: day("1990-05-17"),
            expires_on: day("2030-01-01"),
            name: vec!["JENSEN".to_owned(), "ANNA".to_owned()],
            is_name_cut: false,
        };
        Passport { mrz, signed_by: "DK".to_owned(), made_from: day("2020-01-01") }
    }

    fn card(made_from: &str) -> Passport {
        let mut card = passport();
        card.mrz.is_passport = false;
        card.mrz.document_code = "ID".to_owned();
        card.mrz.issuing_state = "D".to_owned();
        card.mrz.nationality = "D".to_owned();
        card.signed_by = "DE".to_owned();
        card.made_from = day(made_from);
        card
    }

    fn accepted(passport: Passport) -> Result<Document> {
        let checks = Checks::parse(1, true, true, "case 1").unwrap();
        let keys = Keys::generate().unwrap();
        accept(passport, checks, &defaults(), &keys, NOW).map(|proof| proof.document)
    }

    #[test]
    fn a_danish_passport_is_accepted_until_the_end_of_its_last_day() {
        assert_eq!(accepted(passport()).unwrap().country, "DNK");
        let expiring = |on: &str| {
            let mut passport = passport();
            passport.mrz.expires_on = day(on);
            accepted(passport).map(|_| ())
        };
        assert_eq!(expiring("2027-01-15"), Ok(()));
        assert_eq!(expiring("2027-01-14"), Err(Error::denied(Reason::DocumentExpired)));
    }

    #[test]
    fn a_german_card_is_accepted_if_its_signer_began_after_2_august_2021() {
        let refused = Err(Error::denied(Reason::PassportNotAccepted));
        assert_eq!(accepted(card("2021-08-02")), refused);
        assert_eq!(accepted(card("2021-08-03")).unwrap().country, "DEU");
    }

    #[test]
    fn no_state_vouches_for_anothers_document_and_none_for_who_is_not_its_national() {
        let refused = Err(Error::denied(Reason::PassportNotAccepted));
        for change in [
            (|it| it.signed_by = "DE".to_owned()) as fn(&mut Passport),
            |it| it.mrz.issuing_state = "D".to_owned(),
            |it| it.mrz.issuing_state = "SWE".to_owned(),
            |it| it.mrz.nationality = "XXA".to_owned(),
            |it| it.mrz.document_code = "V".to_owned(),
            |it| it.mrz.is_passport = false,
        ] {
            let mut other = passport();
            change(&mut other);
            assert_eq!(accepted(other), refused);
        }
        let mut permit = card("2025-01-01");
        permit.mrz.document_code = "IR".to_owned();
        assert_eq!(accepted(permit), refused);
    }

    #[test]
    fn what_nobody_vouches_for_is_not_there() {
        assert!(Checks::parse(1, true, true, "case 1").is_ok());
        assert!(Checks::parse(2, true, true, "case 1").is_ok());
        let missing = Some(Error::denied(Reason::PassportChecksMissing));
        for (chip, face, register) in [(0, true, true), (1, false, true), (1, true, false)] {
            assert_eq!(Checks::parse(chip, face, register, "case 1").err(), missing);
        }
        for (chip, reference) in [(3, "case 1"), (-1, "case 1"), (1, ""), (1, &"x".repeat(101))] {
            let refused = Checks::parse(chip, true, true, reference).err();
            assert!(matches!(refused, Some(Error::Invalid { .. })), "{chip} {reference}");
        }
    }

    #[test]
    fn what_can_be_configured_is_bounded() {
        let one = |state: &str, signer: &str, made_after: &str| {
            let (state, signer) = (state.to_owned(), signer.to_owned());
            let made_after = made_after.to_owned();
            vec![Accepted { state, signer, kind: ChipKind::Passport, made_after }]
        };
        assert!(validate(&defaults()).is_ok());
        assert!(validate(&one("SWE", "SE", "2024-02-29")).is_ok());
        assert!(validate(&vec![defaults()[0].clone(); 300]).is_ok());
        for refused in [
            one("SE", "SE", ""),
            one("swe", "SE", ""),
            one("SWE", "SWE", ""),
            one("SWE", "se", ""),
            one("SWE", "SE", "2023-02-29"),
            vec![defaults()[0].clone(); 301],
        ] {
            assert!(validate(&refused).is_err(), "{refused:?}");
        }
    }
}
