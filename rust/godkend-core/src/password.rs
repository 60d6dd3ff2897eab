//! The password: what goes with a code display, what one knows beside what one has.
//!
//! Invariant: a [`Password`] has no `Debug`, `Display`, `Clone` or comparison, and is wiped when dropped;
//! the only ways on from it are [`weakness`] when it is chosen and [`PasswordRecord`] when it is kept or
//! checked. It is compared after NFKC, so that one keyboard writes what another wrote. Sources: NIST SP
//! 800-63B-4, section 3.1.1.2 (8 characters beside another factor, 64 accepted, normalisation, blocklist,
//! no rules of composition).
//!
//! The blocklist `password/common.txt` is that of Django 5.2 (`common-passwords.txt`, by Royce Williams, from
//! public leaks; BSD licence): those of its 20,000 that are ASCII and have 8 characters or more.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::identity::{canonical, resembles_cpr_number};
use crate::lockout::{Lockout, Refusals};
use crate::pin::{Record, Secret};

/// The fewest characters of a password.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// The most characters of a password.
pub const PASSWORD_CHARS_MAX: usize = 64;
/// The most bytes that are looked at: so many characters, each in several parts.
const TYPED_BYTES_MAX: usize = 16 * PASSWORD_CHARS_MAX;

static COMMON: &str = include_str!("password/common.txt");

/// A password, hashed.
pub type PasswordRecord = Record<Password>;

/// 8 to 64 characters, normalised.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// Reads a password as it was typed. The caller wipes its own copy.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `password`.
    pub fn parse(typed: &str) -> Result<Self> {
        let invalid = || Error::invalid("password", "must be 8 to 64 characters");
        if typed.len() > TYPED_BYTES_MAX {
            return Err(invalid());
        }
        // All room at once: a string that grows leaves copies behind.
        let mut password = Self(String::with_capacity(18 * TYPED_BYTES_MAX));
        password.0.extend(typed.nfkc());
        let chars = password.0.chars().count();
        if !(PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&chars) {
            return Err(invalid());
        }
        if password.0.chars().any(char::is_control) {
            return Err(Error::invalid("password", "must not contain control characters"));
        }
        Ok(password)
    }
}

impl Secret for Password {
    const DOMAIN: &'static [u8] = b"godkend password v1\0";
    const REFUSALS: Refusals = Refusals {
        wrong: Reason::PasswordWrong,
        locked: Reason::PasswordLocked,
        dead: Reason::PasswordDead,
    };

    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Refuses a password that is guessed first.
///
/// # Errors
/// [`Error::Invalid`] naming `password`, with `PASSWORD_WEAK`.
pub fn refuse_weak(password: &Password, user_id_canonical: &str) -> Result<()> {
    let weak = |why: &str| {
        Err(Error::Invalid {
            field: "password",
            bound: format!("must not be easily guessed: {why}"),
            reason: Reason::PasswordWeak,
        })
    };
    let folded = Zeroizing::new(canonical(&password.0));
    if resembles_cpr_number(&folded) {
        return weak("ten digits");
    }
    if folded.contains(user_id_canonical) {
        return weak("user_id");
    }
    if is_common(&folded) {
        return weak("common");
    }
    Ok(())
}

fn is_common(folded: &str) -> bool {
    // Some 8,000 lines, looked at once in the life of a password: 30 microseconds.
    COMMON.lines().any(|common| common == folded)
}

/// The password of an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPassword {
    /// Whose it is.
    pub identity_id: Id,
    /// The name of this password, from the request that set it; a new one is another. Bound into the
    /// seal, so that an old record does not fit.
    pub id: Id,
    /// Hashed and sealed.
    pub record: Vec<u8>,
    /// Where it stands, counted after an accepted code only: no stranger reaches it.
    pub lockout: Lockout,
    /// When it was set.
    pub set_at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weak(password: &str) -> Option<String> {
        match refuse_weak(&Password::parse(password).unwrap(), "anna") {
            Err(Error::Invalid { bound, reason: Reason::PasswordWeak, .. }) => Some(bound),
            Err(other) => panic!("{other:?}"),
            Ok(()) => None,
        }
    }

    #[test]
    fn lengths_at_their_edges_count_characters_as_they_are_compared() {
        for (password, fine) in [
            ("æøåæøåæ".to_owned(), false),
            ("æøåæøåæø".to_owned(), true),
            ("é".repeat(64), true),
            ("e\u{301}".repeat(64), true),
            ("é".repeat(65), false),
            ("ﷺ".to_owned(), true),
            ("a".repeat(100_000), false),
            ("tabulator\t".to_owned(), false),
        ] {
            assert_eq!(Password::parse(&password).is_ok(), fine, "{password:?}");
        }
    }

    #[test]
    fn one_password_is_one_however_it_is_typed() {
        let bytes = |typed| Password::parse(typed).unwrap().as_bytes().to_vec();
        assert_eq!(bytes("blåbærgrød"), bytes("bla\u{30a}bærgrød"));
        assert_eq!(bytes("ｂlåbærgrød"), bytes("blåbærgrød"));
        assert_ne!(bytes("Blåbærgrød"), bytes("blåbærgrød"));
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for (password, why) in [
            ("xxAnnaxx", "user_id"),
            ("ＡＮＮＡ-i-bakken", "user_id"),
            ("9876543210", "ten digits"),
            ("010190-1234", "ten digits"),
            ("Password1", "common"),
            ("iloveyou1", "common"),
        ] {
            assert!(weak(password).is_some_and(|bound| bound.ends_with(why)), "{password}");
        }
        for fine in ["blåbærgrød", "918273546", "98765432101", "ann-a-ved-havet"] {
            assert_eq!(weak(fine), None, "{fine}");
        }
    }

    #[test]
    fn the_list_is_in_the_form_that_is_compared() {
        assert!(COMMON.lines().count() > 8_000);
        for line in COMMON.lines() {
            assert_eq!(canonical(line), line);
            assert!(line.chars().count() >= PASSWORD_CHARS_MIN);
        }
    }
}
