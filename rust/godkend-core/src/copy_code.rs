//! The QR code that the old app shows to the new phone.
//!
//! It names the copy and proves it by a key that only the server has, over the copy and the attempt that
//! confirmed it: so nothing secret is stored, each confirmation has a code of its own, and no code of a
//! login passes for it nor the other way round (neither by its text nor by its key).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Id;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;

const PREFIX: &str = "godkend-copy1-";
const PROOF_BYTES: usize = 16;

/// The longest code that is looked at, in bytes.
pub const COPY_CODE_BYTES_MAX: usize = 128;

/// A QR code, shown or scanned. No `Debug`: whoever holds it can come in the new phone's place.
pub struct CopyCode {
    /// Which copy it claims to be for.
    pub copy_id: Id,
    proof: Zeroizing<[u8; PROOF_BYTES]>,
}

impl CopyCode {
    /// The code of a copy that this attempt confirmed.
    #[must_use]
    pub fn derive(keys: &Keys, copy_id: Id, attempt_id: &Id) -> Self {
        let derived = Zeroizing::new(keys.derive(b"godkend copy code v1", &[&copy_id, attempt_id]));
        let mut proof = Zeroizing::new([0; PROOF_BYTES]);
        proof.iter_mut().zip(derived.iter()).for_each(|(to, from)| *to = *from);
        Self { copy_id, proof }
    }

    /// Reads a code as it was scanned.
    ///
    /// # Errors
    /// Denied with `CODE_INVALID` for anything else.
    pub fn parse(code: &str) -> Result<Self> {
        Self::read(code).ok_or(Error::denied(Reason::CodeInvalid))
    }

    fn read(code: &str) -> Option<Self> {
        if code.len() > COPY_CODE_BYTES_MAX {
            return None;
        }
        let (copy_id, proof) = code.strip_prefix(PREFIX)?.split_once('.')?;
        let copy_id = URL_SAFE_NO_PAD.decode(copy_id).ok()?.try_into().ok()?;
        let proof = Zeroizing::new(URL_SAFE_NO_PAD.decode(proof).ok()?);
        Some(Self { copy_id, proof: Zeroizing::new(proof.as_slice().try_into().ok()?) })
    }

    /// The text, for the old app to show.
    #[must_use]
    pub fn reveal(&self) -> String {
        let proof = Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.proof));
        format!("{PREFIX}{}.{}", URL_SAFE_NO_PAD.encode(self.copy_id), *proof)
    }

    /// Compares with a code that was scanned, in the same time whatever the outcome.
    #[must_use]
    pub fn matches(&self, scanned: &Self) -> bool {
        bool::from(self.copy_id.ct_eq(&scanned.copy_id) & self.proof.ct_eq(&*scanned.proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::{QrSecret, Scanned};

    const COPY: Id = [7; 16];
    const ATTEMPT: Id = [8; 16];

    #[test]
    fn a_code_fits_its_copy_and_its_attempt_alone() {
        let keys = Keys::generate().unwrap();
        let code = CopyCode::derive(&keys, COPY, &ATTEMPT);
        let scanned = CopyCode::parse(&code.reveal()).unwrap();
        assert!(code.matches(&scanned));
        assert!(!CopyCode::derive(&keys, COPY, &[9; 16]).matches(&scanned));
        assert!(!CopyCode::derive(&keys, [9; 16], &ATTEMPT).matches(&scanned));
        assert!(!CopyCode::derive(&Keys::generate().unwrap(), COPY, &ATTEMPT).matches(&scanned));
    }

    #[test]
    fn no_code_of_a_login_passes_for_one_nor_the_other_way_round() {
        let keys = Keys::generate().unwrap();
        let code = CopyCode::derive(&keys, COPY, &ATTEMPT).reveal();
        assert!(Scanned::parse(&code).is_err());
        let secret = QrSecret::derive(&keys, &COPY);
        for of_a_login in [secret.qr_code(&COPY, 0), secret.app_link(&COPY)] {
            assert!(CopyCode::parse(&of_a_login).is_err());
            let (_, proof) = of_a_login.rsplit_once(['.', '=']).unwrap();
            let (named, _) = code.split_once('.').unwrap();
            let forged = CopyCode::parse(&format!("{named}.{proof}")).unwrap();
            assert!(!CopyCode::derive(&keys, COPY, &ATTEMPT).matches(&forged));
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let code = CopyCode::derive(&Keys::generate().unwrap(), COPY, &ATTEMPT).reveal();
        let invalid = Error::denied(Reason::CodeInvalid);
        for junk in ["", ".", PREFIX, "godkend-copy1-AAAA.AAAA", &code[1..], &format!("{code}A")] {
            assert_eq!(CopyCode::parse(junk).err(), Some(invalid.clone()), "{junk}");
        }
        assert!(CopyCode::parse(&format!("{code}{}", "A".repeat(200))).is_err());
    }
}
