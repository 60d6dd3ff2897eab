//! Document signers that their state has revoked: a key that got lost, a printer that was broken into.
//!
//! Lists are configured beside the trust anchors, as states publish them at least every 90 days (Doc 9303
//! part 12, section 5; RFC 5280 section 5). A list that is not signed by a configured anchor is refused, for
//! it would silently do nothing. **Decision**: a list whose next one is due still revokes what it names, and
//! nothing is refused because a newer one was not fetched: that would close a route for everybody, where
//! an anchor that is not believed any more can be taken out.

use std::collections::BTreeSet;

use der::{Decode as _, Encode as _, Tag};
use x509_cert::crl::TbsCertList;
use x509_cert::name::Name;

use super::certificate::{Certificate, Signed};

/// The certificates that an authority has revoked, by their serial numbers.
pub(super) struct RevocationList {
    signed: Signed,
    issuer: Name,
    serial_numbers: BTreeSet<Vec<u8>>,
}

impl RevocationList {
    pub(super) fn parse(bytes: &[u8]) -> der::Result<Self> {
        let signed = Signed::parse(bytes)?;
        let content: TbsCertList = TbsCertList::from_der(&signed.content)?;
        // What is critical and not looked at here would give the list another meaning: a part, a change.
        let extensions = content.crl_extensions.iter().flatten();
        let is_understood = extensions.into_iter().all(|extension| !extension.critical);
        if content.signature.to_der()? != signed.scheme || !is_understood {
            return Err(Tag::Sequence.value_error().into());
        }
        let revoked = content.revoked_certificates.iter().flatten();
        let serial_numbers = revoked.map(|it| it.serial_number.as_bytes().to_vec()).collect();
        Ok(Self { signed, issuer: content.issuer, serial_numbers })
    }

    /// Whether one of these authorities signed it.
    pub(super) fn is_of_one_of(&self, anchors: &[Certificate]) -> bool {
        let signed = |it: &Certificate| it.signs_lists() && self.signed.verify(it).is_ok();
        anchors.iter().any(|it| *it.subject() == self.issuer && signed(it))
    }

    /// Whether it revokes a certificate of this authority.
    pub(super) fn revokes(&self, signer: &Certificate, anchor: &Certificate) -> bool {
        self.issuer == *anchor.subject() && self.serial_numbers.contains(signer.serial_number())
    }
}
