//! A synthetic population: subscribers who are nobody, for tests of a size that no country lends.
//!
//! Purpose: everything about subscriber `index` follows from one secret, so that whoever has the secret can
//! play any of millions of phones without a file of their keys. Invariant: a store holds a synthetic
//! population or real identities, never both; [`Mark`] tells which, and is written before the first row.
//!
//! The derivation, which `godkend.population` repeats in Python: HMAC-SHA-256 (RFC 2104) keyed with the
//! secret, over a label, a zero byte and the index (64 bits, big-endian). A device key is a P-256 scalar by
//! rejection (FIPS 186-5 A.2.2): a byte that counts up follows the index until the scalar is in range.
//! Ids begin with the index's place in the population, so that rows are written in the order of their keys,
//! and spread over all keys that there are.
//!
//! A share of the subscribers also have a code display and a password, spread evenly: of `p` per cent,
//! subscriber `i` has display number `i * p / 100` if that is another number for `i + 1`. Of four displays
//! three follow a clock and the fourth counts; every second one uses SHA-256.

use aws_lc_rs::agreement::{self, ECDH_P256};
use aws_lc_rs::hmac;

use crate::Id;
use crate::error::{Error, Reason, Result};
use crate::identity::UserId;
use crate::otp::{self, Factor, Seed};
use crate::password::Password;
use crate::pin::Pin;
use crate::signature::{Algorithm, PublicKey};

/// The most identities of a population: more would need longer user IDs.
pub const IDENTITIES_MAX: u64 = 99_999_999;
/// The most PINs that a population shares, and the most passwords; each is hashed once.
pub const PINS_MAX: usize = 256;
/// The step of the displays that follow a clock, in seconds.
pub const PERIOD_S: u32 = 30;
const IDENTITY: &[u8] = b"godkend synthetic identity v1";
const AUTHENTICATOR: &[u8] = b"godkend synthetic authenticator v1";
const DEVICE_KEY: &[u8] = b"godkend synthetic device key v1";
const DISPLAY_SEED: &[u8] = b"godkend synthetic display seed v1";
const PASSWORD: &[u8] = b"godkend synthetic password v1";
const NAME: &[u8] = b"godkend synthetic population v2";

/// What is written in a store with a synthetic population.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Names the population, and tells nothing of its secret.
    pub population_id: Id,
    /// How many there are to be.
    pub identities: u64,
    /// How many of them are written, in the order of their index.
    pub written: u64,
}

/// Subscribers `0..identities`, by one secret.
pub struct Population {
    secret: hmac::Key,
    identities: u64,
    pins: Vec<Pin>,
    displays_percent: u8,
    passwords: Vec<Password>,
}

/// What a display of a population is made of.
pub struct SyntheticDisplay {
    /// What is printed on it.
    pub serial_number: String,
    /// Its hash function.
    pub algorithm: otp::Algorithm,
    /// What it counts, from 0.
    pub factor: Factor,
    /// Its secret.
    pub seed: Seed,
}

impl Population {
    /// A population of `identities` by `secret`; subscriber `index` has the PIN `index % pins.len()`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `identities` (1 to 99,999,999) or `pins` (1 to 256).
    pub fn new(secret: &[u8; 32], identities: u64, pins: Vec<Pin>) -> Result<Self> {
        if !(1..=IDENTITIES_MAX).contains(&identities) {
            return Err(Error::invalid("identities", "must be 1 to 99999999"));
        }
        if !(1..=PINS_MAX).contains(&pins.len()) {
            return Err(Error::invalid("pins", "must be 1 to 256"));
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(Self { secret, identities, pins, displays_percent: 0, passwords: Vec::new() })
    }

    /// The same, with displays for so many of a hundred; number `n` has the password `n % passwords.len()`
    /// beside it.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `displays_percent` (0 to 100) or `passwords` (1 to 256, none without
    /// displays).
    pub fn with_displays(self, displays_percent: u8, passwords: Vec<Password>) -> Result<Self> {
        if displays_percent > 100 {
            return Err(Error::invalid("displays_percent", "must be 0 to 100"));
        }
        let least = usize::from(displays_percent > 0);
        if !(least..=PINS_MAX * least).contains(&passwords.len()) {
            return Err(Error::invalid("passwords", "must be 1 to 256, and none without displays"));
        }
        Ok(Self { displays_percent, passwords, ..self })
    }

    /// The mark of a store in which nothing of it is written yet.
    #[must_use]
    pub fn mark(&self) -> Mark {
        let share = Some(self.displays_percent);
        let population_id = first_half(self.derive(NAME, self.identities, share));
        Mark { population_id, identities: self.identities, written: 0 }
    }

    /// The PINs, in order.
    #[must_use]
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// The passwords, in order.
    #[must_use]
    pub fn passwords(&self) -> &[Password] {
        &self.passwords
    }

    /// `synthetic-00000042`: nobody can take it for a person.
    ///
    /// # Errors
    /// None that a test has met: the form is one that [`UserId::choose`] takes.
    pub fn user_id(index: u64) -> Result<UserId> {
        UserId::choose(&format!("synthetic-{index:08}"))
    }

    /// The name in the store of subscriber `index`.
    #[must_use]
    pub fn identity_id(&self, index: u64) -> Id {
        self.placed_id(IDENTITY, index)
    }

    /// The phone of subscriber `index`.
    #[must_use]
    pub fn authenticator_id(&self, index: u64) -> Id {
        self.placed_id(AUTHENTICATOR, index)
    }

    /// The public half of that phone's key.
    ///
    /// # Errors
    /// [`Reason::Internal`] if no scalar was in range, which happens once in 2^32 to the power of 256.
    pub fn public_key(&self, index: u64) -> Result<PublicKey> {
        let none = || Error::fault(Reason::Internal, "no device key could be derived");
        let scalars = (0..=u8::MAX).map(|count| self.derive(DEVICE_KEY, index, Some(count)));
        let key = scalars
            .filter_map(|scalar| agreement::PrivateKey::from_private_key(&ECDH_P256, &scalar).ok())
            .next()
            .ok_or_else(none)?;
        PublicKey::parse(Algorithm::P256, key.compute_public_key().map_err(|_| none())?.as_ref())
    }

    /// The number of the display that subscriber `index` has, if they have one.
    #[must_use]
    pub fn display_number(&self, index: u64) -> Option<u64> {
        let before = |index: u64| index * u64::from(self.displays_percent) / 100;
        (before(index + 1) > before(index)).then(|| before(index))
    }

    /// The display of subscriber `index`, with this number.
    ///
    /// # Errors
    /// None that a test has met: the seed has a length that [`Seed::new`] takes.
    pub fn display(&self, index: u64, number: u64) -> Result<SyntheticDisplay> {
        Ok(SyntheticDisplay {
            serial_number: format!("SYNTHETIC{index:08}"),
            algorithm: if number.is_multiple_of(2) {
                otp::Algorithm::Sha1
            } else {
                otp::Algorithm::Sha256
            },
            factor: if number % 4 == 3 {
                Factor::Counter
            } else {
                Factor::Time { period_s: PERIOD_S }
            },
            seed: Seed::new(self.derive(DISPLAY_SEED, index, None).to_vec())?,
        })
    }

    /// The name of that subscriber's password.
    #[must_use]
    pub fn password_id(&self, index: u64) -> Id {
        self.placed_id(PASSWORD, index)
    }

    fn placed_id(&self, label: &[u8], index: u64) -> Id {
        let place = (u128::from(index) << 64) / u128::from(self.identities);
        let [_, _, _, _, _, _, _, _, rest @ ..] = first_half(self.derive(label, index, None));
        let [_, _, _, _, _, _, _, _, place @ ..] = place.to_be_bytes();
        let mut id = [0; 16];
        id.iter_mut()
            .zip(place.into_iter().chain(rest))
            .for_each(|(to, from): (&mut u8, u8)| *to = from);
        id
    }

    fn derive(&self, label: &[u8], index: u64, count: Option<u8>) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.secret);
        context.update(label);
        context.update(b"\0");
        context.update(&index.to_be_bytes());
        context.update(count.as_slice());
        let mut derived = [0; 32];
        derived.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        derived
    }
}

fn first_half(derived: [u8; 32]) -> Id {
    let mut id = [0; 16];
    id.iter_mut().zip(derived).for_each(|(to, from)| *to = from);
    id
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn population(secret: u8, identities: u64) -> Population {
        Population::new(&[secret; 32], identities, vec![Pin::parse(b"493817").unwrap()]).unwrap()
    }

    fn password() -> Password {
        Password::parse("rabarbergrød 8").unwrap()
    }

    #[test]
    fn rows_come_in_the_order_of_their_keys_and_spread_over_all_of_them() {
        let of = population(1, 1_000);
        for id in [Population::identity_id, Population::authenticator_id] {
            let ids: Vec<Id> = (0..1_000).map(|index| id(&of, index)).collect();
            assert!(ids.is_sorted());
            assert_eq!(ids.iter().map(|id| id[0]).collect::<BTreeSet<_>>().len(), 256);
        }
        assert!((0..1_000).map(|index| Population::user_id(index).unwrap().canonical).is_sorted());
    }

    #[test]
    fn another_secret_is_another_population() {
        let (one, other) = (population(1, 10), population(2, 10));
        for index in 0..10 {
            assert_ne!(one.authenticator_id(index), other.authenticator_id(index));
            assert_ne!(one.public_key(index).unwrap(), other.public_key(index).unwrap());
        }
        assert_ne!(one.mark().population_id, other.mark().population_id);
        assert_ne!(one.mark().population_id, population(1, 11).mark().population_id);
        let with = population(1, 10).with_displays(1, vec![password()]).unwrap();
        assert_ne!(one.mark().population_id, with.mark().population_id);
    }

    #[test]
    fn displays_are_as_many_as_told_numbered_in_order_and_spread_evenly() {
        for (percent, many) in [(0, 0), (1, 10), (7, 70), (10, 100), (99, 990), (100, 1_000)] {
            let passwords = (0..many.min(1)).map(|_| password()).collect();
            let of = population(1, 1_000).with_displays(percent, passwords).unwrap();
            let numbers: Vec<u64> =
                (0..1_000).filter_map(|index| of.display_number(index)).collect();
            assert_eq!(numbers, (0..many).collect::<Vec<_>>());
            let first = (0..500).filter_map(|index| of.display_number(index)).count() as u64;
            assert_eq!(first, many / 2);
        }
    }

    #[test]
    fn three_of_four_displays_follow_a_clock_and_no_two_share_a_seed() {
        let of = population(1, 100).with_displays(100, vec![password()]).unwrap();
        let displays: Vec<_> = (0..4).map(|index| of.display(index, index).unwrap()).collect();
        let periods: Vec<u32> = displays.iter().map(|it| it.factor.period_s()).collect();
        assert_eq!(periods, [30, 30, 30, 0]);
        let seeds: BTreeSet<_> = displays.iter().map(|it| it.seed.as_bytes()).collect();
        assert_eq!(seeds.len(), 4);
    }

    #[test]
    fn bounds_are_named() {
        let pins = |count: usize| (0..count).map(|_| Pin::parse(b"493817").unwrap()).collect();
        for (identities, count, field) in [
            (0, 1, "identities"),
            (IDENTITIES_MAX + 1, 1, "identities"),
            (1, 0, "pins"),
            (1, 257, "pins"),
        ] {
            let named = Population::new(&[1; 32], identities, pins(count)).err();
            assert!(matches!(named, Some(Error::Invalid { field: it, .. }) if it == field));
        }
        for (percent, count, field) in [
            (101, 1, "displays_percent"),
            (1, 0, "passwords"),
            (1, 257, "passwords"),
            (0, 1, "passwords"),
        ] {
            let passwords = (0..count).map(|_| password()).collect();
            let named = population(1, 1).with_displays(percent, passwords).err();
            assert!(matches!(named, Some(Error::Invalid { field: it, .. }) if it == field));
        }
        assert!(Population::new(&[1; 32], IDENTITIES_MAX, pins(256)).is_ok());
        assert!(Population::user_id(IDENTITIES_MAX).is_ok());
    }
}
