//! The PIN: six digits that the subscriber chose, one per app instance.
//!
//! Invariant: a [`Pin`] has no `Debug`, `Display`, `Clone` or comparison, and is wiped when dropped;
//! the only ways on from it are [`weakness`] when it is chosen and [`PinRecord`] when it is kept or
//! checked. Source: NIST SP 800-63B-4 (activation secrets, blocklists), and the
//! fixed length in the domain's rules.

mod argon2id;
pub mod hash;
mod kernel;
pub mod record;
pub mod weak;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{Error, Reason, Result};
use crate::lockout::Refusals;

pub use hash::{Arena, Params};
pub use kernel::Kernel;
pub use record::{PinRecord, Record};
pub use weak::{BirthDate, Weakness, weakness};

/// How many digits a PIN has.
pub const PIN_DIGITS: usize = 6;

/// Exactly six ASCII digits.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Pin([u8; PIN_DIGITS]);

impl Pin {
    /// Reads a PIN as it was typed. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `pin` unless `digits` is exactly six ASCII digits.
    pub fn parse(digits: &[u8]) -> Result<Self> {
        let pin = <[u8; PIN_DIGITS]>::try_from(digits).map(Self);
        match pin {
            Ok(pin) if pin.0.iter().all(u8::is_ascii_digit) => Ok(pin),
            _ => Err(Error::invalid("pin", "must be exactly 6 digits")),
        }
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; PIN_DIGITS] {
        &self.0
    }
}

/// What somebody knows, kept as a [`Record`] and counted by a lockout.
pub trait Secret {
    /// Tells the records of one kind of secret from those of another.
    const DOMAIN: &'static [u8];
    /// What its refusals are called.
    const REFUSALS: Refusals;
    /// What is hashed.
    fn as_bytes(&self) -> &[u8];
}

impl Secret for Pin {
    const DOMAIN: &'static [u8] = b"godkend pin v1\0";
    const REFUSALS: Refusals =
        Refusals { wrong: Reason::PinWrong, locked: Reason::PinLocked, dead: Reason::PinDead };

    fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_digits_are_a_pin() -> Result<()> {
        assert_eq!(Pin::parse(b"493817")?.as_bytes(), b"493817");
        Ok(())
    }

    #[test]
    fn anything_else_is_not() {
        let arabic_digits = "\u{661}\u{662}\u{663}".as_bytes();
        for digits in [
            &b""[..],
            b"12345",
            b"1234567",
            b"12345a",
            b" 23456",
            b"12345\n",
            b"+12345",
            arabic_digits,
        ] {
            assert_eq!(
                Pin::parse(digits).err(),
                Some(Error::invalid("pin", "must be exactly 6 digits"))
            );
        }
    }
}
