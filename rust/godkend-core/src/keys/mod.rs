//! The keys that are kept apart from the store: to seal, to derive, to sign.
//!
//! Invariant: a key has no `Debug`, `Display` or log form and never leaves this module but into the
//! cryptographic library; errors name a key by its id. The newest key of each use is the active
//! one; older ones still open what they sealed and are still published. Callers see what a key
//! does and not what it is, so that a KMS or a PKCS#11 module can take this one's place.
//!
//! Sources: RFC 8452 (AES-256-GCM-SIV, which forgives a repeated nonce), RFC 2104 (HMAC), RFC 7518
//! section 3.4 (ES256), RFC 8037 (EdDSA).

mod file;

use aws_lc_rs::aead::{self, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use crate::error::{Error, Reason, Result};

/// Every key of a key file, ready for use. Shared between threads by reference.
///
/// The **first** `mac` key, not the newest, makes [`Keys::derive`] and [`Keys::check_value`]:
/// what it derives is written down for good (a relying party's subject identifiers, the store's
/// check value), so that a second `mac` key changes nothing and replacing the first makes every
/// subscriber a stranger to every service provider. It protects no stored secret, which is what
/// makes rotating the `seal` keys enough.
pub struct Keys {
    seal: Vec<SealKey>,
    mac: hmac::Key,
    sign: Vec<SignKey>,
    #[cfg(test)]
    entries: Vec<file::Entry>,
}

/// What [`Keys::open`] found.
pub struct Opened<'a> {
    /// What was sealed; wiped when dropped.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The id of the key that sealed it.
    pub key_id: &'a str,
}

impl Keys {
    /// New keys, in memory only: for tests, and for a file that does not exist yet.
    ///
    /// # Errors
    /// [`Reason::KeyFault`] if the random generator fails.
    pub fn generate() -> Result<Self> {
        Self::from_entries(file::fresh()?)
    }

    /// What tells whether a key file belongs to a store: equal for the same first `mac` key, and
    /// saying nothing about it. Kept in the store, compared at the start.
    #[must_use]
    pub fn check_value(&self) -> [u8; 32] {
        self.derive(b"godkend key check v1", &[])
    }

    /// 32 bytes that only these keys can tell, a different function for each `label`:
    /// HMAC-SHA-256 over the label, a zero byte, and each part after its length (32 bits,
    /// big-endian), so that no two lists of parts look the same. A label holds no zero byte.
    #[must_use]
    pub fn derive(&self, label: &'static [u8], parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(label);
        context.update(b"\0");
        for part in parts {
            // A part of 4 GiB cannot come in through any message; its length would still be told apart.
            context.update(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
            context.update(part);
        }
        let mut derived = [0; 32];
        for (byte, tag) in derived.iter_mut().zip(context.sign().as_ref()) {
            *byte = *tag;
        }
        derived
    }

    /// Seals `plaintext` with the active key and a random nonce, bound to `associated_data`, which
    /// is not stored and must be given again to open.
    ///
    /// The sealed form: format (1 byte, 1), length of the key id (1 byte), key id, nonce
    /// (12 bytes), ciphertext, tag (16 bytes).
    ///
    /// # Errors
    /// [`Reason::KeyFault`] if the library refuses, which it has no reason to.
    pub fn seal(&self, associated_data: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
        let key = self.active_seal_key()?;
        let id_len =
            u8::try_from(key.id.len()).map_err(|error| Error::fault(Reason::KeyFault, error))?;
        let mut body = Vec::with_capacity(plaintext.len() + aead::MAX_TAG_LEN);
        body.extend_from_slice(plaintext);
        let nonce =
            key.key.seal_in_place_append_tag(Aad::from(associated_data), &mut body).map_err(
                |_| Error::fault(Reason::KeyFault, format!("sealing with key {} failed", key.id)),
            )?;
        Ok([&[SEALED_FORMAT, id_len], key.id.as_bytes(), nonce.as_ref(), &body].concat())
    }

    /// Opens what [`Keys::seal`] sealed under the same `associated_data`.
    ///
    /// # Errors
    /// [`Reason::KeyFault`] if the key it names is not there; [`Reason::StoreFault`] if it is
    /// damaged or was sealed for something else.
    pub fn open(&self, associated_data: &[u8], sealed: &[u8]) -> Result<Opened<'_>> {
        let damaged =
            || Error::fault(Reason::StoreFault, "a sealed record is damaged or belongs elsewhere");
        let (&[format, id_len], rest) = sealed.split_first_chunk().ok_or_else(damaged)?;
        let (id, rest) = rest.split_at_checked(usize::from(id_len)).ok_or_else(damaged)?;
        let (nonce, body) = rest.split_first_chunk::<{ aead::NONCE_LEN }>().ok_or_else(damaged)?;
        if format != SEALED_FORMAT {
            return Err(damaged());
        }
        let key = self.seal.iter().find(|key| key.id.as_bytes() == id).ok_or_else(|| {
            // The id comes from the store: quoted, cut short by its own length byte, never trusted.
            Error::fault(
                Reason::KeyFault,
                format!(
                    "a record is sealed with key {:?}, which is not in the key file",
                    String::from_utf8_lossy(id)
                ),
            )
        })?;
        let mut plaintext = Zeroizing::new(body.to_vec());
        let len = key
            .key
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(associated_data),
                plaintext.as_mut_slice(),
            )
            .map_err(|_| damaged())?
            .len();
        plaintext.truncate(len);
        Ok(Opened { plaintext, key_id: &key.id })
    }

    /// The id of the key that seals now; records that name another are sealed anew when touched.
    #[must_use]
    pub fn active_seal_key_id(&self) -> &str {
        self.seal.last().map_or("", |key| key.id.as_str())
    }

    /// The key that signs assertions now.
    pub(crate) fn active_sign_key(&self) -> Result<&SignKey> {
        self.sign
            .last()
            .ok_or_else(|| Error::fault(Reason::KeyFault, "there is no key to sign with"))
    }

    /// Every key whose signatures are still good, oldest first.
    pub(crate) fn sign_keys(&self) -> &[SignKey] {
        &self.sign
    }

    fn active_seal_key(&self) -> Result<&SealKey> {
        self.seal
            .last()
            .ok_or_else(|| Error::fault(Reason::KeyFault, "there is no key to seal with"))
    }

    /// These keys and a new one of each use after them, as an operator adds them to the file.
    #[cfg(test)]
    pub(crate) fn with_added_keys(&self) -> Result<Self> {
        Self::from_entries(self.entries.iter().cloned().chain(file::fresh()?).collect())
    }

    /// These keys and a new one to sign EdDSA.
    #[cfg(test)]
    pub(crate) fn with_eddsa(&self) -> Result<Self> {
        Self::from_entries(self.entries.iter().cloned().chain([file::fresh_eddsa()?]).collect())
    }
}

const SEALED_FORMAT: u8 = 1;

struct SealKey {
    id: String,
    key: RandomizedNonceKey,
}

/// A key that signs assertions, with its public half.
pub(crate) struct SignKey {
    id: String,
    pair: SignPair,
}

enum SignPair {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
}

impl SignKey {
    /// The `kid`.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The `alg` of RFC 7518 section 3.1 and RFC 8037 section 3.1.
    pub(crate) const fn algorithm(&self) -> &'static str {
        match self.pair {
            SignPair::Es256(_) => file::ES256,
            SignPair::EdDsa(_) => file::EDDSA,
        }
    }

    /// 65 bytes (an uncompressed point) for ES256, 32 for EdDSA.
    pub(crate) fn public_key(&self) -> &[u8] {
        match &self.pair {
            SignPair::Es256(pair) => pair.public_key().as_ref(),
            SignPair::EdDsa(pair) => pair.public_key().as_ref(),
        }
    }

    /// 64 bytes: r and s for ES256 (RFC 7518 section 3.4), R and S for EdDSA.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        let signature = match &self.pair {
            SignPair::Es256(pair) => pair.sign(&SystemRandom::new(), message),
            SignPair::EdDsa(pair) => pair.try_sign(message),
        };
        let failed =
            || Error::fault(Reason::KeyFault, format!("signing with key {} failed", self.id));
        signature.map_err(|_| failed())?.as_ref().try_into().map_err(|_| failed())
    }
}

#[cfg(test)]
mod tests;
