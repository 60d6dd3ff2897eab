//! How a subscriber can be reached: phone number, e-mail address, language.
//!
//! Invariant: whoever can redirect messages can take over an identity, so the store keeps since when
//! the phone number is what it is, and what is sent to it rests on that. Sources: ITU-T E.164 (a plus
//! sign and at most 15 digits), RFC 5321 section 4.5.3.1 (64 octets before the @, 254 in all).

use crate::clock::Millis;
use crate::error::{Error, Result};

/// The languages that subscribers are written to in. The numbers are those of `Language` in proto.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Language {
    /// Danish.
    #[default]
    Danish = 1,
    /// English.
    English = 2,
    /// German.
    German = 3,
}

impl Language {
    /// Reads a number of the proto enum; 0 is Danish.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `language`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::Danish),
            2 => Ok(Self::English),
            3 => Ok(Self::German),
            _ => Err(Error::invalid("language", "must be DANISH, ENGLISH or GERMAN")),
        }
    }
}

/// Where messages go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// In E.164 form.
    pub phone_number: Option<String>,
    /// Since when `phone_number` is what it is; `None` if it was never set.
    pub phone_number_changed_at: Option<Millis>,
    /// As the subscriber gave it.
    pub email: Option<String>,
    /// What messages are written in.
    pub language: Language,
}

impl Contact {
    /// Replaces the details; the phone number is as old as it was if it stays the same.
    pub fn replace(
        &mut self,
        phone_number: Option<String>,
        email: Option<String>,
        language: Language,
        now: Millis,
    ) {
        if self.phone_number != phone_number {
            self.phone_number = phone_number;
            self.phone_number_changed_at = Some(now);
        }
        self.email = email;
        self.language = language;
    }
}

/// Checks a phone number and removes the spaces in it; empty is none.
///
/// # Errors
/// [`Error::Invalid`] naming `phone_number`.
pub fn phone_number(text: &str) -> Result<Option<String>> {
    let solid: String = text.chars().filter(|&c| c != ' ').take(17).collect();
    if solid.is_empty() {
        return Ok(None);
    }
    let digits = solid.strip_prefix('+').unwrap_or_default();
    let dialled = (8..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    if dialled {
        Ok(Some(solid))
    } else {
        Err(Error::invalid("phone_number", "must be + and 8 to 15 digits, country code first"))
    }
}

/// Checks the form of an e-mail address; empty is none. Whether it is read shows only when it is used.
///
/// # Errors
/// [`Error::Invalid`] naming `email`.
pub fn email(text: &str) -> Result<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let fits = |part: &str, max: usize| {
        let plain = part.chars().all(|c| !c.is_whitespace() && !c.is_control());
        plain && (1..=max).contains(&part.len()) && !part.contains(['<', '>', ',', ';', '"', '\\'])
    };
    let formed = text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            fits(local, 64) && fits(domain, 253) && !domain.contains('@') && domain.contains('.')
        });
    if formed {
        Ok(Some(text.to_owned()))
    } else {
        Err(Error::invalid(
            "email",
            "must be an address such as anna@example.org, at most 254 bytes",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_at_their_edges() {
        assert_eq!(phone_number("+45 12 34 56 78").unwrap().unwrap(), "+4512345678");
        assert_eq!(phone_number("").unwrap(), None);
        for fine in ["+12345678", "+123456789012345"] {
            assert!(phone_number(fine).is_ok(), "{fine}");
        }
        for refused in [
            "+1234567",
            "+1234567890123456",
            "12345678",
            "+0123456789",
            "+45-12345678",
            "+4512345６78",
        ] {
            assert!(phone_number(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn addresses_at_their_edges() {
        assert_eq!(email("").unwrap(), None);
        let longest = format!("{}@{}.dk", "a".repeat(64), "b".repeat(186));
        for fine in ["anna@example.org", "søren@blåbær.dk", &longest] {
            assert!(email(fine).is_ok(), "{fine}");
        }
        let longer = format!("{}@{}.dk", "a".repeat(64), "b".repeat(187));
        let local = format!("{}@example.org", "a".repeat(65));
        for refused in [
            "anna",
            "@a.dk",
            "anna@",
            "a b@c.dk",
            "a@b@c.dk",
            "a@b",
            "a@b.dk\nBcc: c@d.dk",
            &longer,
            &local,
        ] {
            assert!(email(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_number_that_stays_is_as_old_as_it_was() {
        let mut contact = Contact::default();
        let number = Some("+4512345678".to_owned());
        contact.replace(number.clone(), None, Language::Danish, 1);
        contact.replace(number.clone(), Some("a@b.dk".to_owned()), Language::German, 2);
        assert_eq!(contact.phone_number_changed_at, Some(1));
        contact.replace(None, None, Language::Danish, 3);
        contact.replace(number, None, Language::Danish, 4);
        assert_eq!(contact.phone_number_changed_at, Some(4));
    }
}
