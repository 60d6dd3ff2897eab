//! EF.SOD: the digests of the chip's files, signed by a document signer.
//!
//! CMS SignedData (RFC 5652) as Doc 9303 part 10, section 4.6.2 narrows it down: one signer, whose
//! certificate is included, over signed attributes.

use der::asn1::{Int, ObjectIdentifier};
use der::{Decode as _, Tag};
use subtle::ConstantTimeEq as _;
use x509_cert::name::Name;

use super::algorithm::{Digest, Scheme};
use super::certificate::{Certificate, malformed as no_certificate, unknown};
use super::element::{Element, Elements, context};
use crate::error::{Error, Reason, Result};

/// `[APPLICATION 23]`, the tag of the file.
const FILE: Tag = Tag::Application { constructed: true, number: der::TagNumber(23) };
/// A chip has 16 data groups.
const DATA_GROUPS_MAX: usize = 16;
const CERTIFICATES_MAX: usize = 4;

const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
const LDS_SECURITY_OBJECT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.23.136.1.1.1");
const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");

/// EF.SOD, taken apart; nothing of it is proved yet.
pub(super) struct SecurityObject<'a> {
    /// LDSSecurityObject, which is signed by its digest in the attributes.
    content: &'a [u8],
    certificates: &'a [u8],
    signer: Element<'a>,
    digest: &'a [u8],
    /// What follows the tag of the signed attributes.
    attributes: Element<'a>,
    scheme: &'a [u8],
    signature: &'a [u8],
}

impl<'a> SecurityObject<'a> {
    pub(super) fn parse(file: &'a [u8]) -> Result<Self> {
        Self::read(file).map_err(malformed)
    }

    fn read(file: &'a [u8]) -> der::Result<Self> {
        let mut file = Elements::inside(file, FILE)?;
        let mut info = Elements::of(file.take(Tag::Sequence)?.value)?;
        file.end()?;
        info.object(SIGNED_DATA)?;
        let signed = info.take(context(0))?.value;
        info.end()?;
        let mut signed = Elements::inside(signed, Tag::Sequence)?;
        signed.take(Tag::Integer)?;
        signed.take(Tag::Set)?;
        let mut content = Elements::of(signed.take(Tag::Sequence)?.value)?;
        content.object(LDS_SECURITY_OBJECT)?;
        let octets = content.take(context(0))?.value;
        content.end()?;
        let mut octets = Elements::of(octets)?;
        let content = octets.take(Tag::OctetString)?.value;
        octets.end()?;
        let certificates = signed.take(context(0))?.value;
        signed.take_if(context(1))?;
        let mut signers = Elements::of(signed.take(Tag::Set)?.value)?;
        signed.end()?;
        let mut one = Elements::of(signers.take(Tag::Sequence)?.value)?;
        signers.end()?;
        one.take(Tag::Integer)?;
        let signer = one.next()?.ok_or_else(|| Tag::Sequence.length_error())?;
        let digest = one.take(Tag::Sequence)?.whole;
        let attributes = one.take(context(0))?;
        let scheme = one.take(Tag::Sequence)?.whole;
        let signature = one.take(Tag::OctetString)?.value;
        one.take_if(context(1))?;
        one.end()?;
        Ok(Self { content, certificates, signer, digest, attributes, scheme, signature })
    }

    /// The certificate of whoever is said to have signed.
    pub(super) fn signer(&self) -> Result<Certificate> {
        let mut certificates = Elements::of(self.certificates).map_err(malformed)?;
        for _ in 0..CERTIFICATES_MAX {
            let Some(one) = certificates.next().map_err(malformed)? else { break };
            let certificate = Certificate::parse(one.whole).map_err(no_certificate)?;
            if self.names(&certificate).map_err(malformed)? {
                return Ok(certificate);
            }
        }
        Err(unknown())
    }

    fn names(&self, certificate: &Certificate) -> der::Result<bool> {
        let by_key = Tag::ContextSpecific { constructed: false, number: der::TagNumber(0) };
        if self.signer.tag == by_key {
            return Ok(certificate.key_identifier().as_deref() == Some(self.signer.value));
        }
        let mut named = Elements::inside(self.signer.whole, Tag::Sequence)?;
        let issuer = Name::from_der(named.take(Tag::Sequence)?.whole)?;
        let serial_number = Int::from_der(named.take(Tag::Integer)?.whole)?;
        named.end()?;
        let same_number = serial_number.as_bytes() == certificate.serial_number();
        Ok(same_number && issuer == *certificate.issuer())
    }

    /// Returns if the signer signed the attributes, and these are about the content.
    pub(super) fn verify(&self, signer: &Certificate) -> Result<()> {
        let digest = Digest::parse(self.digest)?;
        let scheme = Scheme::parse(self.scheme, Some(digest))?;
        // Signed is the SET that the attributes are, not the [0] that they are written as (RFC 5652
        // section 5.4).
        let mut attributes = self.attributes.whole.to_vec();
        if let Some(tag) = attributes.first_mut() {
            *tag = 0x31;
        }
        signer.key()?.verify(scheme, &attributes, self.signature)?;
        let (content_type, message_digest) = self.signed_attributes().map_err(malformed)?;
        let about_this = ObjectIdentifier::from_der(content_type) == Ok(LDS_SECURITY_OBJECT)
            && bool::from(digest.of(self.content).as_ref().ct_eq(message_digest));
        if about_this { Ok(()) } else { Err(Error::denied(Reason::PassportNotGenuine)) }
    }

    /// The content type and the digest, each of which is there once, with one value.
    fn signed_attributes(&self) -> der::Result<(&'a [u8], &'a [u8])> {
        let (mut content_type, mut message_digest) = (None, None);
        let mut all = Elements::of(self.attributes.value)?;
        while let Some(attribute) = all.next()? {
            let mut parts = Elements::inside(attribute.whole, Tag::Sequence)?;
            let kind = ObjectIdentifier::from_der(parts.take(Tag::ObjectIdentifier)?.whole)?;
            let mut values = Elements::of(parts.take(Tag::Set)?.value)?;
            parts.end()?;
            let known = match kind {
                CONTENT_TYPE => content_type.replace(values.take(Tag::ObjectIdentifier)?.whole),
                MESSAGE_DIGEST => message_digest.replace(values.take(Tag::OctetString)?.value),
                _ => continue,
            };
            values.end()?;
            if known.is_some() {
                return Err(Tag::Set.value_error().into());
            }
        }
        content_type.zip(message_digest).ok_or_else(|| Tag::Set.length_error().into())
    }

    /// The digests of the chip's files.
    pub(super) fn digests(&self) -> Result<Digests<'a>> {
        let (algorithm, groups) = self.read_digests().map_err(malformed)?;
        Ok(Digests { algorithm: Digest::parse(algorithm)?, groups })
    }

    fn read_digests(&self) -> der::Result<(&'a [u8], Groups<'a>)> {
        let mut object = Elements::inside(self.content, Tag::Sequence)?;
        object.take(Tag::Integer)?;
        let algorithm = object.take(Tag::Sequence)?.whole;
        let mut all = Elements::of(object.take(Tag::Sequence)?.value)?;
        let mut groups = Vec::new();
        while let Some(one) = all.next()? {
            let mut parts = Elements::inside(one.whole, Tag::Sequence)?;
            let number = u8::from_der(parts.take(Tag::Integer)?.whole)?;
            let digest = parts.take(Tag::OctetString)?.value;
            parts.end()?;
            let again = groups.iter().any(|(known, _)| *known == number);
            if again || groups.len() == DATA_GROUPS_MAX {
                return Err(Tag::Sequence.value_error().into());
            }
            groups.push((number, digest));
        }
        Ok((algorithm, groups))
    }
}

impl Elements<'_> {
    fn object(&mut self, expected: ObjectIdentifier) -> der::Result<()> {
        let found = ObjectIdentifier::from_der(self.take(Tag::ObjectIdentifier)?.whole)?;
        if found == expected { Ok(()) } else { Err(Tag::ObjectIdentifier.value_error().into()) }
    }
}

/// The numbers of the data groups, and their digests.
type Groups<'a> = Vec<(u8, &'a [u8])>;

/// The digests of the chip's files.
pub(super) struct Digests<'a> {
    algorithm: Digest,
    groups: Groups<'a>,
}

impl Digests<'_> {
    /// Whether this file is the one that was signed.
    pub(super) fn signed(&self, number: u8, file: &[u8]) -> bool {
        let digest = self.algorithm.of(file);
        let mut named = self.groups.iter().filter(|(known, _)| *known == number);
        named.any(|(_, signed)| bool::from(digest.as_ref().ct_eq(signed)))
    }

    /// Whether the chip has this file.
    pub(super) fn has(&self, number: u8) -> bool {
        self.groups.iter().any(|(known, _)| *known == number)
    }
}

fn malformed(_: der::Error) -> Error {
    Error::invalid("security_object", "must be an EF.SOD: DER, with one signer and its certificate")
}
