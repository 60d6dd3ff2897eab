//! Which signatures are taken, and their verification.
//!
//! RSA PKCS #1 v1.5 and PSS from 2048 bits; ECDSA on P-256, P-384, P-521, brainpoolP256r1 and
//! brainpoolP384r1; each with SHA-256, SHA-384 or SHA-512. PSS as Doc 9303 part 12, section 4.4.1 has it:
//! the mask by the same digest, the salt as long as it. Not taken: SHA-1 and SHA-224, which are too
//! weak; brainpoolP512r1, of which there is no implementation to be trusted; DSA.
//!
//! AWS-LC verifies all but the Brainpool curves, which it does not have: for these RustCrypto's are used.
//! Only public things are computed with, so that their time tells nobody anything.

use aws_lc_rs::digest::{self, digest};
use aws_lc_rs::signature::{self as aws, UnparsedPublicKey, VerificationAlgorithm};
use bp256::BrainpoolP256r1;
use bp384::BrainpoolP384r1;
use der::asn1::ObjectIdentifier;
use der::{Decode as _, Tag};
use ecdsa::signature::hazmat::PrehashVerifier as _;

use super::curve::Curve;
use super::element::{Elements, context};
use crate::error::{Error, Reason, Result};

/// A digest that proves something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Digest {
    Sha256,
    Sha384,
    Sha512,
}

impl Digest {
    /// The digest that an AlgorithmIdentifier names.
    pub(super) fn parse(identifier: &[u8]) -> Result<Self> {
        let (oid, parameters) = identified(identifier)?;
        plain(parameters)?;
        DIGESTS.iter().find(|(known, _)| *known == oid).map(|(_, it)| *it).ok_or_else(refused)
    }

    pub(super) fn of(self, bytes: &[u8]) -> digest::Digest {
        digest(self.algorithm(), bytes)
    }

    const fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

/// How something was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    RsaPkcs1(Digest),
    RsaPss(Digest),
    Ecdsa(Digest),
}

impl Scheme {
    /// The scheme that an AlgorithmIdentifier names. `beside` is the digest named beside it, in CMS: it
    /// completes a scheme that names none, and must agree with one that does.
    pub(super) fn parse(identifier: &[u8], beside: Option<Digest>) -> Result<Self> {
        let (oid, parameters) = identified(identifier)?;
        let scheme = if oid == RSA_PSS {
            Self::RsaPss(pss_digest(parameters)?)
        } else {
            plain(parameters)?;
            let named = SCHEMES.iter().find(|(known, _)| *known == oid).map(|(_, scheme)| *scheme);
            let completed = beside.filter(|_| oid == RSA).map(Self::RsaPkcs1);
            named.or(completed).ok_or_else(refused)?
        };
        let (Self::RsaPkcs1(own) | Self::RsaPss(own) | Self::Ecdsa(own)) = scheme;
        if beside.is_some_and(|digest| digest != own) { Err(refused()) } else { Ok(scheme) }
    }
}

/// A public key as a certificate holds it.
pub(super) enum PublicKey<'a> {
    /// RSAPublicKey, in DER.
    Rsa(&'a [u8]),
    /// An uncompressed point.
    Point(Curve, &'a [u8]),
}

impl<'a> PublicKey<'a> {
    /// Reads SubjectPublicKeyInfo.
    pub(super) fn parse(info: &'a [u8]) -> Result<Self> {
        let read = || -> der::Result<(&'a [u8], &'a [u8])> {
            let mut info = Elements::inside(info, Tag::Sequence)?;
            let algorithm = info.take(Tag::Sequence)?.whole;
            let key = info.take(Tag::BitString)?.value;
            info.end()?;
            // The first byte counts the bits that the last one leaves free.
            Ok((algorithm, key.strip_prefix(&[0]).ok_or_else(|| Tag::BitString.value_error())?))
        };
        let (algorithm, key) = read().map_err(malformed)?;
        let (oid, parameters) = identified(algorithm)?;
        if oid == RSA || oid == RSA_PSS {
            return Ok(Self::Rsa(key));
        }
        if oid != EC {
            return Err(refused());
        }
        let curve = Curve::parse(parameters).map_err(malformed)?.ok_or_else(refused)?;
        Ok(Self::Point(curve, key))
    }

    /// Returns if `signature` over `message` was made with this key.
    pub(super) fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
        let verified = match (self, scheme) {
            (Self::Rsa(key), Scheme::RsaPkcs1(digest)) => {
                by_aws(pkcs1(digest), key, message, signature)
            }
            (Self::Rsa(key), Scheme::RsaPss(digest)) => {
                by_aws(pss(digest), key, message, signature)
            }
            (Self::Point(Curve::BrainpoolP256r1, key), Scheme::Ecdsa(digest)) => {
                by_brainpool!(BrainpoolP256r1, key, digest.of(message).as_ref(), signature)
            }
            (Self::Point(Curve::BrainpoolP384r1, key), Scheme::Ecdsa(digest)) => {
                by_brainpool!(BrainpoolP384r1, key, digest.of(message).as_ref(), signature)
            }
            (Self::Point(curve, key), Scheme::Ecdsa(digest)) => {
                by_aws(ecdsa_on(*curve, digest).ok_or_else(refused)?, key, message, signature)
            }
            _ => None,
        };
        verified.ok_or(Error::denied(Reason::PassportNotGenuine))
    }
}

fn by_aws(
    how: &'static dyn VerificationAlgorithm,
    key: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Option<()> {
    UnparsedPublicKey::new(how, key).verify(message, signature).ok()
}

/// A digest longer than the order of the curve is cut to it, as FIPS 186-4 section 6.4 has it; a shorter
/// one is padded.
macro_rules! by_brainpool {
    ($curve:ty, $key:expr, $digest:expr, $signature:expr) => {{
        let key = ecdsa::VerifyingKey::<$curve>::from_sec1_bytes($key).ok();
        let signature = ecdsa::Signature::<$curve>::from_der($signature).ok();
        key.zip(signature).and_then(|(key, it)| key.verify_prehash($digest, &it).ok())
    }};
}
use by_brainpool;

const fn pkcs1(digest: Digest) -> &'static aws::RsaParameters {
    match digest {
        Digest::Sha256 => &aws::RSA_PKCS1_2048_8192_SHA256,
        Digest::Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
        Digest::Sha512 => &aws::RSA_PKCS1_2048_8192_SHA512,
    }
}

const fn pss(digest: Digest) -> &'static aws::RsaParameters {
    match digest {
        Digest::Sha256 => &aws::RSA_PSS_2048_8192_SHA256,
        Digest::Sha384 => &aws::RSA_PSS_2048_8192_SHA384,
        Digest::Sha512 => &aws::RSA_PSS_2048_8192_SHA512,
    }
}

const fn ecdsa_on(
    curve: Curve,
    digest: Digest,
) -> Option<&'static aws::EcdsaVerificationAlgorithm> {
    Some(match (curve, digest) {
        (Curve::P256, Digest::Sha256) => &aws::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Digest::Sha384) => &aws::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Digest::Sha512) => &aws::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Digest::Sha256) => &aws::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Digest::Sha384) => &aws::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Digest::Sha512) => &aws::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Digest::Sha256) => &aws::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Digest::Sha384) => &aws::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Digest::Sha512) => &aws::ECDSA_P521_SHA512_ASN1,
        (Curve::BrainpoolP256r1 | Curve::BrainpoolP384r1, _) => return None,
    })
}

/// RSASSA-PSS-params (RFC 4055 section 3.1).
fn pss_digest(parameters: &[u8]) -> Result<Digest> {
    let read = || -> der::Result<_> {
        let mut all = Elements::inside(parameters, Tag::Sequence)?;
        // What is left out means SHA-1 or 20 bytes.
        let digest = all.take(context(0))?.value;
        let mask = all.take(context(1))?.value;
        let salt = u32::from_der(all.take(context(2))?.value)?;
        let trailer = all.take_if(context(3))?.map_or(Ok(1), |it| u32::from_der(it.value))?;
        all.end()?;
        Ok((digest, mask, salt, trailer))
    };
    let (digest, mask, salt, trailer) = read().map_err(|_| refused())?;
    let (mask, of) = identified(mask)?;
    let digest = Digest::parse(digest)?;
    let fits = mask == MGF1
        && Digest::parse(of)? == digest
        && usize::try_from(salt) == Ok(digest.algorithm().output_len())
        && trailer == 1;
    if fits { Ok(digest) } else { Err(refused()) }
}

/// Returns if there are no parameters: none at all, or NULL.
fn plain(parameters: &[u8]) -> Result<()> {
    if matches!(parameters, [] | [5, 0]) { Ok(()) } else { Err(refused()) }
}

/// An AlgorithmIdentifier: what it names, and its parameters.
fn identified(identifier: &[u8]) -> Result<(ObjectIdentifier, &[u8])> {
    let read = || -> der::Result<_> {
        let mut parts = Elements::inside(identifier, Tag::Sequence)?;
        let oid = ObjectIdentifier::from_der(parts.take(Tag::ObjectIdentifier)?.whole)?;
        let parameters = parts.next()?.map_or(&[][..], |parameters| parameters.whole);
        parts.end()?;
        Ok((oid, parameters))
    };
    read().map_err(malformed)
}

fn malformed(_: der::Error) -> Error {
    Error::invalid("security_object", "must name its algorithms and keys in DER")
}

const fn refused() -> Error {
    Error::denied(Reason::PassportAlgorithmRefused)
}

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

const DIGESTS: [(ObjectIdentifier, Digest); 3] = [
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), Digest::Sha256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), Digest::Sha384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), Digest::Sha512),
];

const SCHEMES: [(ObjectIdentifier, Scheme); 6] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"), Scheme::RsaPkcs1(Digest::Sha256)),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12"), Scheme::RsaPkcs1(Digest::Sha384)),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13"), Scheme::RsaPkcs1(Digest::Sha512)),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), Scheme::Ecdsa(Digest::Sha256)),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3"), Scheme::Ecdsa(Digest::Sha384)),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4"), Scheme::Ecdsa(Digest::Sha512)),
];
