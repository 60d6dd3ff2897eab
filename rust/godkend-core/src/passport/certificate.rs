//! A document signer's certificate, and a state's: what Doc 9303 part 12 asks of them, and whether one
//! signed the other.

use der::asn1::ObjectIdentifier;
use der::{Decode as _, Encode as _, Tag};
use x509_cert::TbsCertificate;
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectKeyIdentifier,
};
use x509_cert::name::Name;

use super::algorithm::{PublicKey, Scheme};
use super::element::Elements;
use crate::civil::{Date, copenhagen};
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};

const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");

/// What an authority signed, a certificate or a list: the bytes that were signed, and by which scheme.
pub(super) struct Signed {
    pub(super) content: Vec<u8>,
    pub(super) scheme: Vec<u8>,
    signature: Vec<u8>,
}

impl Signed {
    pub(super) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let mut parts = Elements::inside(bytes, Tag::Sequence)?;
        let content = parts.take(Tag::Sequence)?.whole.to_vec();
        let scheme = parts.take(Tag::Sequence)?.whole.to_vec();
        let signature = parts.take(Tag::BitString)?.value;
        parts.end()?;
        let signature = signature.strip_prefix(&[0]).unwrap_or_default().to_vec();
        Ok(Self { content, scheme, signature })
    }

    /// Returns if `issuer` signed it.
    pub(super) fn verify(&self, issuer: &Certificate) -> Result<()> {
        let scheme = Scheme::parse(&self.scheme, None)?;
        issuer.key()?.verify(scheme, &self.content, &self.signature)
    }
}

/// A certificate, and the bytes that were signed of it.
pub(super) struct Certificate {
    signed: Signed,
    content: TbsCertificate,
    /// SubjectPublicKeyInfo.
    key: Vec<u8>,
}

impl Certificate {
    pub(super) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let signed = Signed::parse(bytes)?;
        let content = TbsCertificate::from_der(&signed.content)?;
        // RFC 5280 section 4.1.1.2: the name of the scheme stands inside and outside the signed part.
        if content.signature().to_der()? != signed.scheme {
            return Err(Tag::Sequence.value_error().into());
        }
        Ok(Self { signed, key: content.subject_public_key_info().to_der()?, content })
    }

    pub(super) fn issuer(&self) -> &Name {
        self.content.issuer()
    }

    pub(super) fn subject(&self) -> &Name {
        self.content.subject()
    }

    pub(super) fn serial_number(&self) -> &[u8] {
        self.content.serial_number().as_bytes()
    }

    /// What a signature or another certificate may name its key by.
    pub(super) fn key_identifier(&self) -> Option<Vec<u8>> {
        let found = self.content.get_extension::<SubjectKeyIdentifier>().ok()??;
        Some(found.1.0.as_bytes().to_vec())
    }

    /// Whether it says that `other` issued it, by name or by key: some states write one name in two ways.
    /// Only the signature proves it.
    pub(super) fn names(&self, other: &Self) -> bool {
        let by_key = || {
            let found = self.content.get_extension::<AuthorityKeyIdentifier>().ok()??;
            Some(found.1.key_identifier?.as_bytes().to_vec())
        };
        self.issuer() == other.subject()
            || by_key().is_some_and(|key| Some(key) == other.key_identifier())
    }

    pub(super) fn key(&self) -> Result<PublicKey<'_>> {
        PublicKey::parse(&self.key)
    }

    /// Whether this key may sign what chips hold: no authority, and no signer of lists or of seals, which
    /// have an extended key usage.
    pub(super) fn signs_documents(&self) -> bool {
        let digital = |usage: KeyUsage| usage.digital_signature();
        self.usage().is_some_and(digital)
            && !self.is_authority()
            && matches!(self.content.get_extension::<ExtendedKeyUsage>(), Ok(None))
            && self.is_understood()
    }

    /// Whether this key may sign certificates.
    pub(super) fn signs_certificates(&self) -> bool {
        let certificates = |usage: KeyUsage| usage.key_cert_sign();
        self.usage().is_some_and(certificates) && self.is_authority() && self.is_understood()
    }

    /// Whether this key may sign lists of revoked certificates.
    pub(super) fn signs_lists(&self) -> bool {
        self.usage().is_some_and(|usage| usage.crl_sign())
    }

    pub(super) fn is_valid(&self, now: Millis) -> bool {
        let validity = self.content.validity();
        let ms = |time: &x509_cert::time::Time| time.to_unix_duration().as_millis();
        let now = u128::try_from(now).unwrap_or(0);
        // RFC 5280 section 4.1.2.5: both ends included, to the second.
        ms(&validity.not_before) <= now && now < ms(&validity.not_after) + 1_000
    }

    /// The day on which it becomes valid.
    pub(super) fn valid_from(&self) -> Date {
        let from = self.content.validity().not_before.to_unix_duration().as_millis();
        copenhagen(Millis::try_from(from).unwrap_or(Millis::MAX))
    }

    /// Returns if `issuer` signed this certificate.
    pub(super) fn verify(&self, issuer: &Self) -> Result<()> {
        self.signed.verify(issuer)
    }

    /// Whose it is, in two capital letters.
    pub(super) fn country(&self) -> Option<String> {
        let names = self.subject().iter().filter(|part| part.oid == COUNTRY);
        let mut countries = names.map(|part| part.value.value().to_ascii_uppercase());
        let country = countries.next().filter(|country| country.len() == 2)?;
        countries.next().is_none().then(|| String::from_utf8(country).ok())?
    }

    fn usage(&self) -> Option<KeyUsage> {
        self.content.get_extension::<KeyUsage>().ok()?.map(|(_, usage)| usage)
    }

    /// Damaged constraints are an authority to nobody, and no signer's.
    fn is_authority(&self) -> bool {
        match self.content.get_extension::<BasicConstraints>() {
            Ok(found) => found.is_some_and(|(_, constraints)| constraints.ca),
            Err(_) => true,
        }
    }

    /// Whether there is nothing critical that is not looked at here (RFC 5280 section 4.2).
    fn is_understood(&self) -> bool {
        use der::oid::AssociatedOid as _;
        let known = [KeyUsage::OID, BasicConstraints::OID];
        self.content
            .extensions()
            .is_none_or(|all| all.iter().all(|it| !it.critical || known.contains(&it.extn_id)))
    }
}

/// The error of a certificate in EF.SOD that cannot be read.
pub(super) fn malformed(_: der::Error) -> Error {
    Error::invalid("security_object", "must hold its signer's certificate in DER")
}

/// The error of a chain that ends in no trust anchor.
pub(super) const fn unknown() -> Error {
    Error::denied(Reason::PassportSignerUnknown)
}
