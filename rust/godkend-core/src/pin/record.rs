//! The PIN and the password as the store keeps them: Argon2id, then sealed.
//!
//! Purpose: a million PINs fall in hours to anyone who has the hashes alone; the sealing key, kept
//! apart from the store, is what protects them. Sealing (rather than mixing the key in) lets it
//! rotate without the PIN. Invariant: the seal binds the record to one holder and one
//! version of its secret, so a record that was damaged, copied to somebody else or rolled back is a
//! fault: it is never a wrong PIN, and never a right one.
//!
//! Sources: RFC 9106 (Argon2id), RFC 8452 (AES-GCM-SIV), RFC 5116 section 2.1 (associated data).

use std::marker::PhantomData;

use subtle::ConstantTimeEq;
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::{Arena, Params, Pin, Secret};
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;

const FORMAT: u8 = 1;
const SALT_LEN: usize = 16;
const TAG_LEN: usize = 32;
const LEN: usize = 1 + 3 * 4 + SALT_LEN + TAG_LEN;

/// A PIN, hashed.
pub type PinRecord = Record<Pin>;

/// An opened record, ready to be compared with a secret of its kind. Wiped when dropped.
#[derive(ZeroizeOnDrop)]
pub struct Record<S: Secret> {
    #[zeroize(skip)]
    params: Params,
    salt: [u8; SALT_LEN],
    tag: [u8; TAG_LEN],
    #[zeroize(skip)]
    key_id: String,
    #[zeroize(skip)]
    kind: PhantomData<fn(&S)>,
}

impl<S: Secret> Record<S> {
    /// Hashes `secret` and seals the result for the holder `id` and the `version` of its secret,
    /// which counts up at every change. `salt` must be random and fresh.
    ///
    /// # Errors
    /// A fault if `arena` is smaller than `params` asks, or if sealing fails.
    pub fn create(
        keys: &Keys,
        arena: &mut Arena,
        params: &Params,
        secret: &S,
        salt: [u8; SALT_LEN],
        id: &[u8; 16],
        version: u32,
    ) -> Result<Vec<u8>> {
        let mut record = Self {
            params: *params,
            salt,
            tag: [0; TAG_LEN],
            key_id: String::new(),
            kind: PhantomData,
        };
        arena.hash(params, secret.as_bytes(), &salt, b"", b"", &mut record.tag)?;
        record.reseal(keys, id, version)
    }

    /// Opens what the store holds for the holder `id` and this `version` of its secret.
    ///
    /// # Errors
    /// [`Reason::KeyFault`] if the key that sealed it is not there; [`Reason::StoreFault`] if the
    /// record is damaged, belongs to another holder or version, or holds parameters out of
    /// bounds.
    pub fn open(keys: &Keys, bytes: &[u8], id: &[u8; 16], version: u32) -> Result<Self> {
        let opened = keys.open(&associated_data::<S>(id, version), bytes)?;
        let plain: &[u8; LEN] =
            opened.plaintext.as_slice().try_into().map_err(|_| unreadable("its length"))?;
        let (&[format], rest) =
            plain.split_first_chunk::<1>().ok_or_else(|| unreadable("its length"))?;
        if format != FORMAT {
            return Err(unreadable("its format"));
        }
        let (memory_kib, rest) = number(rest)?;
        let (iterations, rest) = number(rest)?;
        let (parallelism, rest) = number(rest)?;
        // Bounded here and not only when chosen: a record must not be able to make a hash that
        // takes all memory.
        let params = Params::new(memory_kib, iterations, parallelism)
            .map_err(|_| unreadable("its parameters"))?;
        let (salt, rest) = rest.split_first_chunk().ok_or_else(|| unreadable("its length"))?;
        let tag = rest.try_into().map_err(|_| unreadable("its length"))?;
        let key_id = opened.key_id.to_owned();
        Ok(Self { params, salt: *salt, tag, key_id, kind: PhantomData })
    }

    /// Whether `secret` is the secret of this record, compared in constant time. The caller charges a
    /// strike before it asks.
    ///
    /// # Errors
    /// A fault if the hash could not be made; that says nothing about the secret.
    pub fn verify(&self, arena: &mut Arena, secret: &S) -> Result<bool> {
        let mut tag = Zeroizing::new([0; TAG_LEN]);
        arena.hash(&self.params, secret.as_bytes(), &self.salt, b"", b"", tag.as_mut_slice())?;
        Ok(tag.ct_eq(&self.tag).into())
    }

    /// A record that no secret fits, for a look that must cost what others cost.
    #[must_use]
    pub fn phantom(params: &Params, tag: [u8; TAG_LEN]) -> Self {
        let salt = [0; SALT_LEN];
        Self { params: *params, salt, tag, key_id: String::new(), kind: PhantomData }
    }

    /// What the record was hashed with.
    #[must_use]
    pub const fn params(&self) -> &Params {
        &self.params
    }

    /// Whether a success should replace the record: it was hashed with other parameters than
    /// those chosen now, or sealed with a key that is no longer the active one.
    #[must_use]
    pub fn needs_upgrade(&self, chosen: &Params, keys: &Keys) -> bool {
        self.params != *chosen || self.key_id != keys.active_seal_key_id()
    }

    /// The same hash, sealed anew with the active key: rotates the key without the secret.
    ///
    /// # Errors
    /// A fault if sealing fails.
    pub fn reseal(&self, keys: &Keys, id: &[u8; 16], version: u32) -> Result<Vec<u8>> {
        let mut plain = Zeroizing::new(Vec::with_capacity(LEN));
        plain.push(FORMAT);
        for number in
            [self.params.memory_kib(), self.params.iterations(), self.params.parallelism()]
        {
            plain.extend_from_slice(&number.to_be_bytes());
        }
        plain.extend_from_slice(&self.salt);
        plain.extend_from_slice(&self.tag);
        keys.seal(&associated_data::<S>(id, version), &plain)
    }
}

fn associated_data<S: Secret>(id: &[u8; 16], version: u32) -> Vec<u8> {
    [S::DOMAIN, id, &version.to_be_bytes()].concat()
}

fn number(bytes: &[u8]) -> Result<(u32, &[u8])> {
    bytes
        .split_first_chunk()
        .map(|(number, rest)| (u32::from_be_bytes(*number), rest))
        .ok_or_else(|| unreadable("its length"))
}

fn unreadable(what: &str) -> Error {
    Error::fault(
        Reason::StoreFault,
        format!("a record opened, but {what} is not one this version knows"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: [u8; 16] = [7; 16];
    const CHEAP: (u32, u32, u32) = (8, 1, 1);

    fn cheap() -> Params {
        Params::new(CHEAP.0, CHEAP.1, CHEAP.2).unwrap()
    }

    fn pin(digits: &[u8]) -> Pin {
        Pin::parse(digits).unwrap()
    }

    fn made(keys: &Keys, digits: &[u8]) -> Vec<u8> {
        PinRecord::create(
            keys,
            &mut Arena::new(64, 64).unwrap(),
            &cheap(),
            &pin(digits),
            [3; 16],
            &ID,
            1,
        )
        .unwrap()
    }

    fn reason(answer: Result<PinRecord>) -> Option<Reason> {
        match answer {
            Err(Error::Fault { reason, .. }) => Some(reason),
            _ => None,
        }
    }

    #[test]
    fn the_right_pin_and_only_the_right_pin_is_true() {
        let keys = Keys::generate().unwrap();
        let mut arena = Arena::new(64, 64).unwrap();
        let record = PinRecord::open(&keys, &made(&keys, b"493817"), &ID, 1).unwrap();
        assert_eq!(record.verify(&mut arena, &pin(b"493817")), Ok(true));
        assert_eq!(record.verify(&mut arena, &pin(b"493818")), Ok(false));
        assert_eq!(record.params(), &cheap());
    }

    #[test]
    fn a_swapped_or_rolled_back_record_is_a_fault() {
        let keys = Keys::generate().unwrap();
        let bytes = made(&keys, b"493817");
        assert_eq!(reason(PinRecord::open(&keys, &bytes, &[8; 16], 1)), Some(Reason::StoreFault));
        assert_eq!(reason(PinRecord::open(&keys, &bytes, &ID, 0)), Some(Reason::StoreFault));
        assert_eq!(reason(PinRecord::open(&keys, &bytes, &ID, 2)), Some(Reason::StoreFault));
    }

    #[test]
    fn a_record_sealed_with_an_unknown_key_is_a_key_fault() {
        let bytes = made(&Keys::generate().unwrap(), b"493817");
        assert_eq!(
            reason(PinRecord::open(&Keys::generate().unwrap(), &bytes, &ID, 1)),
            Some(Reason::KeyFault)
        );
    }

    #[test]
    fn a_sealed_record_with_impossible_contents_is_a_fault() {
        let keys = Keys::generate().unwrap();
        let (zeros, costly) = ([0; LEN], [[1].as_slice(), &[0xff; LEN - 1]].concat());
        let mut old = [0; LEN + 1];
        old[0] = 1;
        for plain in [&zeros[..], &costly, &old, &[], &[1]] {
            let sealed = keys.seal(&associated_data::<Pin>(&ID, 1), plain).unwrap();
            assert_eq!(reason(PinRecord::open(&keys, &sealed, &ID, 1)), Some(Reason::StoreFault));
        }
    }

    #[test]
    fn other_parameters_or_a_newer_key_ask_for_an_upgrade() {
        let old = Keys::generate().unwrap();
        let both = old.with_added_keys().unwrap();
        let bytes = made(&old, b"493817");
        let record = PinRecord::open(&both, &bytes, &ID, 1).unwrap();
        assert!(!record.needs_upgrade(&cheap(), &old));
        assert!(record.needs_upgrade(&Params::DEFAULT, &old));
        assert!(record.needs_upgrade(&cheap(), &both));

        let resealed =
            PinRecord::open(&both, &record.reseal(&both, &ID, 1).unwrap(), &ID, 1).unwrap();
        assert!(!resealed.needs_upgrade(&cheap(), &both));
        assert_eq!(resealed.verify(&mut Arena::new(64, 64).unwrap(), &pin(b"493817")), Ok(true));
    }

    #[test]
    fn two_records_of_one_pin_do_not_look_alike() {
        let keys = Keys::generate().unwrap();
        assert_ne!(made(&keys, b"493817"), made(&keys, b"493817"));
    }

    #[test]
    fn every_single_bit_flip_is_a_fault() {
        let keys = Keys::generate().unwrap();
        let bytes = made(&keys, b"493817");
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(reason(PinRecord::open(&keys, &damaged, &ID, 1)).is_some(), "bit {bit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_was_sealed_opens_for_its_id_and_version_alone(
            digits in prop::array::uniform6(b'0'..=b'9'), salt: [u8; 16], id: [u8; 16], version: u32,
            other: [u8; 16], later in 1..=u32::MAX,
        ) {
            let keys = Keys::generate().unwrap();
            let mut arena = Arena::new(64, 64).unwrap();
            let bytes = PinRecord::create(&keys, &mut arena, &cheap(), &pin(&digits), salt, &id, version).unwrap();
            let record = PinRecord::open(&keys, &bytes, &id, version).unwrap();
            prop_assert_eq!(record.verify(&mut arena, &pin(&digits)), Ok(true));
            prop_assert_eq!(reason(PinRecord::open(&keys, &bytes, &id, version.wrapping_add(later))), Some(Reason::StoreFault));
            if other != id {
                prop_assert_eq!(reason(PinRecord::open(&keys, &bytes, &other, version)), Some(Reason::StoreFault));
            }
        }

        #[test]
        fn bytes_that_are_no_record_are_a_fault_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(reason(PinRecord::open(&Keys::generate().unwrap(), &bytes, &ID, 1)).is_some());
        }

        #[test]
        fn a_shortened_or_lengthened_record_is_a_fault(cut in 0..80_usize, more in prop::collection::vec(any::<u8>(), 1..40)) {
            let keys = Keys::generate().unwrap();
            let bytes = made(&keys, b"493817");
            let shorter = &bytes[..cut.min(bytes.len() - 1)];
            prop_assert!(reason(PinRecord::open(&keys, shorter, &ID, 1)).is_some());
            prop_assert!(reason(PinRecord::open(&keys, &[bytes, more].concat(), &ID, 1)).is_some());
        }
    }
}
