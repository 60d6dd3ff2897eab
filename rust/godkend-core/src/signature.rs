//! Device keys: what a phone's secure hardware signs, verified.
//!
//! Purpose: an activated device proves itself by a signature over `domain || message`, with ECDSA
//! P-256 and SHA-256 (FIPS 186-5, as secure enclaves and Android Keystore make it, DER encoded) or
//! Ed25519 (RFC 8032). Invariant: a key that could verify what its owner never signed (off the
//! curve, of small order) is refused when the device is activated, and a device that is unknown
//! is verified against [`PublicKey::dummy`], so that it takes the same path and the same time.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, UnparsedPublicKey};

use crate::error::{Error, Reason, Result};

/// What a device signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; signatures in DER.
    P256,
    /// Ed25519.
    Ed25519,
}

impl Algorithm {
    /// All of them, for tests and configuration.
    pub const ALL: &[Self] = &[Self::P256, Self::Ed25519];

    /// The name on the wire and in the store.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P256",
            Self::Ed25519 => "ED25519",
        }
    }

    /// The longest signature there is: 72 bytes of DER (RFC 3279 section 2.2.3 with two 33-byte
    /// integers), or 64 bytes.
    #[must_use]
    pub const fn signature_len_max(self) -> usize {
        match self {
            Self::P256 => 72,
            Self::Ed25519 => 64,
        }
    }
}

/// The public key of a device, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(Point);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Point {
    P256([u8; P256_LEN]),
    Ed25519([u8; ED25519_LEN]),
}

impl PublicKey {
    /// Reads a key as a device sends it or as [`PublicKey::as_bytes`] stored it.
    ///
    /// P-256: the uncompressed point (65 bytes, SEC 1 section 2.3.3) or SubjectPublicKeyInfo
    /// (91 bytes of DER, RFC 5480). Ed25519: the key (32 bytes) or SubjectPublicKeyInfo (44 bytes
    /// of DER, RFC 8410).
    ///
    /// # Errors
    /// [`Error::Invalid`] for `public_key` if it has another form, is no point of the curve
    /// (P-256), or is not canonical or of small order (Ed25519).
    pub fn parse(algorithm: Algorithm, bytes: &[u8]) -> Result<Self> {
        match algorithm {
            Algorithm::P256 => parse_p256(bytes),
            Algorithm::Ed25519 => parse_ed25519(bytes),
        }
    }

    /// Reads a key that [`PublicKey::parse`] checked before it was stored. Its form alone is looked at:
    /// a point off the curve verifies nothing.
    #[must_use]
    pub fn from_stored(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        Some(Self(match algorithm {
            Algorithm::P256 => Point::P256(bytes.try_into().ok()?),
            Algorithm::Ed25519 => Point::Ed25519(bytes.try_into().ok()?),
        }))
    }

    /// A valid key whose private key nobody knows: the point whose x is SHA-256 of
    /// `godkend dummy device key v1` and a zero byte, with the smaller y. P-256, as nearly all
    /// phones; an Ed25519 device differs in time, which tells nothing to who cannot guess its id.
    #[must_use]
    pub const fn dummy() -> Self {
        Self(Point::P256(DUMMY))
    }

    /// What it verifies.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Point::P256(_) => Algorithm::P256,
            Point::Ed25519(_) => Algorithm::Ed25519,
        }
    }

    /// 65 bytes (P-256, the uncompressed point) or 32 (Ed25519): the form to store and compare.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Point::P256(point) => point,
            Point::Ed25519(point) => point,
        }
    }

    /// SHA-256 of its SubjectPublicKeyInfo: what attestations, certificates and pins name keys by
    /// (RFC 7469 section 2.4).
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        crate::digest::sha256_of_parts([self.spki_head(), self.as_bytes()])
    }

    const fn spki_head(&self) -> &'static [u8] {
        match self.0 {
            Point::P256(_) => P256_SPKI,
            Point::Ed25519(_) => ED25519_SPKI,
        }
    }

    /// Returns if `signature` over `domain || message` was made with this key. `domain` says what
    /// is signed and ends in a zero byte, so that no message of one kind is one of another.
    ///
    /// # Errors
    /// Denied with [`Reason::SignatureInvalid`]; why is not said.
    pub fn verify(&self, domain: &[u8], message: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() > self.algorithm().signature_len_max() {
            return Err(Error::denied(Reason::SignatureInvalid));
        }
        match &self.0 {
            Point::P256(point) => {
                // Hashed in two pieces: the message is not copied.
                let mut context = digest::Context::new(&digest::SHA256);
                context.update(domain);
                context.update(message);
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
                    .verify_digest(&context.finish(), signature)
            }
            // Ed25519 reads what it signs twice, so it has to lie in one piece.
            Point::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point)
                .verify(&[domain, message].concat(), signature),
        }
        .map_err(|_| Error::denied(Reason::SignatureInvalid))
    }
}

fn parse_p256(bytes: &[u8]) -> Result<PublicKey> {
    const FORM: &str = "must be a P-256 point of 65 bytes or its SubjectPublicKeyInfo of 91 bytes";
    let point = bytes.strip_prefix(P256_SPKI).unwrap_or(bytes);
    let point: [u8; P256_LEN] = point.try_into().map_err(|_| refused(FORM))?;
    if point.first() != Some(&UNCOMPRESSED) {
        return Err(refused(FORM));
    }
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
        .parse()
        .map_err(|_| refused("must be a point of the curve P-256"))?;
    Ok(PublicKey(Point::P256(point)))
}

fn parse_ed25519(bytes: &[u8]) -> Result<PublicKey> {
    let point = if bytes.len() == ED25519_LEN {
        bytes
    } else {
        bytes.strip_prefix(ED25519_SPKI).unwrap_or_default()
    };
    let point: [u8; ED25519_LEN] = point.try_into().map_err(|_| {
        refused("must be an Ed25519 key of 32 bytes or its SubjectPublicKeyInfo of 44 bytes")
    })?;
    let mut y = point;
    // The top bit is the sign of x; a point and its negative have the same order.
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    if SMALL_ORDER.contains(&y) || !is_canonical(&y) {
        return Err(refused("must be a canonical Ed25519 key that is not of small order"));
    }
    Ok(PublicKey(Point::Ed25519(point)))
}

/// Whether y, little-endian, is below p = 2^255 - 19 (RFC 8032 section 5.1.3).
fn is_canonical(y: &[u8; ED25519_LEN]) -> bool {
    let [low, middle @ .., high] = y;
    *high != 0x7f || *low < 0xed || middle.iter().any(|byte| *byte != 0xff)
}

fn refused(bound: &str) -> Error {
    Error::invalid("public_key", bound)
}

const P256_LEN: usize = 65;
const ED25519_LEN: usize = 32;
const UNCOMPRESSED: u8 = 4;

/// The DER before the point: SEQUENCE, id-ecPublicKey, prime256v1, BIT STRING (RFC 5480).
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The DER before the key: SEQUENCE, id-Ed25519, BIT STRING (RFC 8410).
const ED25519_SPKI: &[u8] =
    &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// The y of every point whose order divides the cofactor 8, canonical and without the sign of x.
/// With such a key one signature fits almost any message.
const SMALL_ORDER: [[u8; ED25519_LEN]; 5] = [
    // y = 0, order 4
    [0; 32],
    // y = 1, order 1
    [
        0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0,
    ],
    // order 8, twice
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    // y = -1, order 2
    [
        0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0x7f,
    ],
];

const DUMMY: [u8; P256_LEN] = [
    0x04, 0x4d, 0x62, 0x50, 0x84, 0x6e, 0xbe, 0x19, 0x93, 0x81, 0x47, 0x75, 0x9c, 0x64, 0x6b, 0x89,
    0xc6, 0x0c, 0x11, 0x6d, 0x3a, 0xf5, 0x95, 0xad, 0x1d, 0x6e, 0x62, 0x54, 0x7a, 0xa3, 0xe5, 0xc4,
    0xf3, 0x3e, 0x97, 0xa1, 0xaf, 0xff, 0x63, 0x2a, 0xb3, 0x42, 0x4a, 0x89, 0xd5, 0xc9, 0x6a, 0xfc,
    0xcf, 0x0c, 0x17, 0x8f, 0x81, 0xcf, 0xb5, 0x46, 0xac, 0x7b, 0x8d, 0x44, 0x04, 0x0f, 0x10, 0x4d,
    0x8c,
];

#[cfg(test)]
mod tests;
