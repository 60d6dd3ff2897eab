//! The states that are believed: their country signing certificates, as an operator has configured them.
//!
//! Invariant: a certificate is an anchor because it is configured; that it is signed by itself proves
//! nothing. It has to be an authority's, and valid at the time. Between an anchor and a document signer there is
//! nothing (Doc 9303 part 12, section 3): a state's new key is configured as an anchor of its own, since
//! believing link certificates would believe what nobody here looked at.

use der::pem;

use super::certificate::{Certificate, unknown};
use super::revocation::RevocationList;
use crate::clock::Millis;
use crate::error::{Error, Result};

/// The certificates of the states that are believed, and what these have revoked.
#[derive(Default)]
pub struct TrustAnchors {
    certificates: Vec<Certificate>,
    revoked: Vec<RevocationList>,
}

impl TrustAnchors {
    /// Reads certificates and lists of revoked ones in PEM (RFC 7468), one after the other; what stands
    /// between them is passed over.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `trust_anchors` for what is no certificate of an authority and no list
    /// of one that is configured.
    pub fn parse(text: &str) -> Result<Self> {
        let mut anchors = Self::default();
        let mut lists = Vec::new();
        let (mut rest, mut number) = (text, 0);
        while let Some(begin) = rest.find("-----BEGIN ") {
            number += 1;
            let from = rest.get(begin..).unwrap_or_default();
            let one = block(from).ok_or_else(|| refused(number))?;
            match pem::decode_vec(one.as_bytes()) {
                Ok(("CERTIFICATE", bytes)) => {
                    let certificate = authority(&bytes).ok_or_else(|| refused(number))?;
                    anchors.certificates.push(certificate);
                }
                Ok(("X509 CRL", bytes)) => {
                    let list = RevocationList::parse(&bytes).map_err(|_| refused(number))?;
                    lists.push((number, list));
                }
                _ => return Err(refused(number)),
            }
            rest = from.get(one.len()..).unwrap_or_default();
        }
        // An authority may stand behind its lists.
        for (number, list) in lists {
            if !list.is_of_one_of(&anchors.certificates) {
                return Err(refused(number));
            }
            anchors.revoked.push(list);
        }
        Ok(anchors)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.certificates.len()
    }

    /// Whether nobody is believed, which closes the passport route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The anchor that signed a document signer's certificate, both of them valid now.
    pub(super) fn issuer_of(&self, signer: &Certificate, now: Millis) -> Result<&Certificate> {
        if !signer.signs_documents() || !signer.is_valid(now) {
            return Err(unknown());
        }
        let named = self.certificates.iter();
        let named = named.filter(|it| signer.names(it) && it.is_valid(now));
        // A state may have several keys at a time.
        let mut refusal = unknown();
        for anchor in named {
            match signer.verify(anchor) {
                Ok(()) if self.revoked.iter().any(|list| list.revokes(signer, anchor)) => {
                    return Err(unknown());
                }
                Ok(()) => return Ok(anchor),
                // An algorithm that is refused says more than that nobody signed.
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

/// The text from its beginning to the end of its first block.
fn block(text: &str) -> Option<&str> {
    let label = text.strip_prefix("-----BEGIN ")?.split_once("-----")?.0;
    let end = format!("-----END {label}-----");
    text.get(..text.find(&end)? + end.len())
}

fn authority(bytes: &[u8]) -> Option<Certificate> {
    let certificate = Certificate::parse(bytes).ok()?;
    let usable = certificate.signs_certificates() && certificate.country().is_some();
    usable.then_some(certificate)
}

fn refused(number: usize) -> Error {
    let bound = format!(
        "must be certificates of country signing authorities, and lists of what they revoked (PEM); number \
         {number} is not"
    );
    Error::invalid("trust_anchors", bound)
}
