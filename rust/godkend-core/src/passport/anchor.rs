//! The states that are believed: their country signing certificates, as an operator has configured them.
//!
//! Invariant: a certificate is an anchor because it is configured; that it is signed by itself proves
//! nothing. It has to be an authority's, and valid at the time. Between an anchor and a document signer there is
//! nothing (Doc 9303 part 12, section 3): a state's new key is configured as an anchor of its own, since
//! believing link certificates would believe what nobody here looked at.

use der::pem;

use super::certificate::{Certificate, unknown};
use crate::clock::Millis;
use crate::error::{Error, Result};

const LABEL: &str = "CERTIFICATE";
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of the states that are believed.
#[derive(Default)]
pub struct TrustAnchors(Vec<Certificate>);

impl TrustAnchors {
    /// Reads certificates in PEM (RFC 7468), one after the other; what stands between them is passed over.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `trust_anchors` for what is no certificate of an authority.
    pub fn parse(text: &str) -> Result<Self> {
        let mut anchors = Vec::new();
        let mut rest = text;
        while let Some(begin) = rest.find(BEGIN) {
            let from = rest.get(begin..).unwrap_or_default();
            let end = from.find(END).map(|end| end + END.len());
            let one = end.and_then(|end| from.get(..end)).ok_or_else(|| refused(anchors.len()))?;
            anchors.push(anchor(one).ok_or_else(|| refused(anchors.len()))?);
            rest = from.get(one.len()..).unwrap_or_default();
        }
        Ok(Self(anchors))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody is believed, which closes the passport route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The anchor that signed a document signer's certificate, both of them valid now.
    pub(super) fn issuer_of(&self, signer: &Certificate, now: Millis) -> Result<&Certificate> {
        if !signer.signs_documents() || !signer.is_valid(now) {
            return Err(unknown());
        }
        let named = self.0.iter().filter(|it| signer.names(it) && it.is_valid(now));
        // A state may have several keys at a time.
        let mut refusal = unknown();
        for anchor in named {
            match signer.verify(anchor) {
                Ok(()) => return Ok(anchor),
                // An algorithm that is refused says more than that nobody signed.
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

fn anchor(pem: &str) -> Option<Certificate> {
    let (label, bytes) = pem::decode_vec(pem.as_bytes()).ok()?;
    let certificate = Certificate::parse(&bytes).ok().filter(|_| label == LABEL)?;
    let usable = certificate.signs_certificates() && certificate.country().is_some();
    usable.then_some(certificate)
}

fn refused(before: usize) -> Error {
    let number = before + 1;
    let bound = format!(
        "must be certificates (PEM) of country signing authorities; number {number} is not"
    );
    Error::invalid("trust_anchors", bound)
}
