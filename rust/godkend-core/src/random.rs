//! Randomness as an argument: the rules ask a [`Random`] and never the system.
//!
//! Invariant: production gives [`SystemRandom`] (the AWS-LC generator, NIST SP 800-90A); tests and
//! the simulation give [`SeededRandom`], so that a failing run can be repeated from its seed.
//! A generator that fails is a fault and takes the worker out of health: nothing falls back on
//! weaker randomness.

use aws_lc_rs::{hmac, rand};

use crate::error::{Error, Reason, Result};

/// A source of random bytes.
pub trait Random: Send {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// [`Reason::Internal`] if the generator failed; `bytes` must then not be used.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()>;
}

/// `N` random bytes, as identifiers, salts and challenges need them.
///
/// # Errors
/// [`Reason::Internal`] if the generator failed.
pub fn array<const N: usize>(random: &mut dyn Random) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// The generator for production: per thread, reseeded from the operating system.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemRandom;

impl SystemRandom {
    /// A handle; it holds no state of its own.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Random for SystemRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        rand::fill(bytes).map_err(|_| Error::fault(Reason::Internal, "the random generator failed"))
    }
}

/// A repeatable generator, **for tests and the simulation only**: whoever knows the seed knows
/// every byte. HMAC-SHA-256 over a counter, keyed with the seed.
pub struct SeededRandom {
    key: hmac::Key,
    counter: u64,
}

impl SeededRandom {
    /// The sequence that belongs to `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, &seed.to_be_bytes()), counter: 0 }
    }
}

impl Random for SeededRandom {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        for chunk in bytes.chunks_mut(32) {
            let block = hmac::sign(&self.key, &self.counter.to_be_bytes());
            self.counter = self.counter.wrapping_add(1);
            for (byte, random) in chunk.iter_mut().zip(block.as_ref()) {
                *byte = *random;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_others() -> Result<()> {
        let first: [u8; 100] = array(&mut SeededRandom::new(1))?;
        let again: [u8; 100] = array(&mut SeededRandom::new(1))?;
        let other: [u8; 100] = array(&mut SeededRandom::new(2))?;
        assert_eq!(first, again);
        assert_ne!(first, other);
        Ok(())
    }

    #[test]
    fn a_sequence_does_not_repeat_itself() -> Result<()> {
        let mut seeded = SeededRandom::new(7);
        let mut system = SystemRandom::new();
        for random in [&mut seeded as &mut dyn Random, &mut system] {
            let first: [u8; 32] = array(random)?;
            let second: [u8; 32] = array(random)?;
            assert_ne!(first, second);
        }
        Ok(())
    }
}
