//! A passport's chip, proved: ICAO Doc 9303 passive authentication.
//!
//! A phone reads two files of the chip and sends them on: EF.SOD, in which the issuing state signed the
//! digests of all the others, and EF.DG1, the machine readable zone. [`read`] proves that the state of
//! one of the configured trust anchors signed the first, and that the second is what was signed; only
//! then is there a [`Passport`]. Neither the image nor the face data is taken: of DG2 there is no more
//! than its digest among the signed ones.
//!
//! Invariants: nothing of the chip is believed before the signature over it is verified; a file that
//! somebody crafted costs a bounded time and memory; SHA-1 and keys below 2048 bits of RSA or 256 of an
//! elliptic curve prove nothing.
//!
//! What is verified here is data. That the chip is no copy, that the face is the bearer's and that the
//! register knows the passport as valid is seen where the phone's session is, and vouched for by the
//! registrar that calls: [`Checks`].
//!
//! Sources: ICAO Doc 9303 parts 3 to 5 (the zone), 10 (files), 11 (passive authentication) and 12 (its
//! certificates), 8th edition; RFC 5652 (CMS); RFC 5280.

pub mod accepted;
mod algorithm;
mod anchor;
mod certificate;
mod curve;
mod element;
mod mrz;
mod name;
mod revocation;
mod security_object;
#[cfg(test)]
mod tests;

pub use accepted::{Accepted, Checks, ChipKind, Proof, accept};
pub use anchor::TrustAnchors;
pub use mrz::Mrz;
pub use name::same_person;

use self::security_object::SecurityObject;
use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};

/// The longest EF.SOD that is read, in bytes; those of passports are 2,000 to 5,000.
pub const SECURITY_OBJECT_BYTES_MAX: usize = 16_384;

const DG1: u8 = 1;
const DG2: u8 = 2;

/// What a chip says, as its issuing state signed it.
pub struct Passport {
    /// The machine readable zone.
    pub mrz: Mrz,
    /// The state of the trust anchor, in two letters (ISO 3166-1 alpha-2).
    pub signed_by: String,
    /// The day from which its signer could sign: it was not made before that.
    pub made_from: Date,
}

/// Returns if two files have the form of EF.SOD and EF.DG1, whoever signed them: before anything is charged.
///
/// # Errors
/// [`Error::Invalid`] naming `security_object` or `data_group_1`.
pub fn well_formed(security_object: &[u8], data_group_1: &[u8]) -> Result<()> {
    Mrz::parse(data_group_1, copenhagen(Millis::MAX))?;
    object(security_object).map(drop)
}

fn object(bytes: &[u8]) -> Result<SecurityObject<'_>> {
    if bytes.len() > SECURITY_OBJECT_BYTES_MAX {
        return Err(Error::invalid("security_object", "must be at most 16384 bytes"));
    }
    SecurityObject::parse(bytes)
}

/// Verifies EF.SOD and EF.DG1 as they were read from a chip.
///
/// # Errors
/// [`Error::Invalid`] naming `security_object` or `data_group_1` for what is no such file. Denied with
/// `PASSPORT_ALGORITHM_REFUSED`, `PASSPORT_SIGNER_UNKNOWN` if no trust anchor stands behind it at this
/// time, or `PASSPORT_NOT_GENUINE` if something is not what was signed.
pub fn read(
    security_object: &[u8],
    data_group_1: &[u8],
    anchors: &TrustAnchors,
    now: Millis,
) -> Result<Passport> {
    let object = object(security_object)?;
    let mrz = Mrz::parse(data_group_1, copenhagen(now))?;
    let signer = object.signer()?;
    let anchor = anchors.issuer_of(&signer, now)?;
    object.verify(&signer)?;
    let digests = object.digests()?;
    let genuine = digests.signed(DG1, data_group_1) && digests.has(DG2);
    if !genuine {
        return Err(Error::denied(Reason::PassportNotGenuine));
    }
    // An anchor without a country is not taken in.
    let signed_by = anchor.country().unwrap_or_default();
    Ok(Passport { mrz, signed_by, made_from: signer.valid_from() })
}
