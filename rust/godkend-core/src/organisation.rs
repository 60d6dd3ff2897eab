//! Business identities: a person who acts for an organisation.
//!
//! Purpose: an organisation's people, also those who are in no population register, log in for it with an
//! identity of its own, known by the organisation's CVR number. Invariant: a business identity logs in at
//! business services alone, so that a job never opens a private mailbox; a private identity is what it
//! was and logs in anywhere. Which service providers are business services is said by the configuration
//! of the front-end, not by who asks.
//!
//! Source: the Danish business register's number: eight digits, the first not zero, whose sum weighted
//! with 2, 7, 6, 5, 4, 3, 2, 1 is a multiple of 11.

use crate::error::{Error, Reason, Result};
use crate::identity::Identity;

const WEIGHTS: [u32; 8] = [2, 7, 6, 5, 4, 3, 2, 1];

/// Checks a CVR number; empty is a private identity.
///
/// # Errors
/// [`Error::Invalid`] naming `organisation_number`.
pub fn number(text: &str) -> Result<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = (text.len() == WEIGHTS.len() && !text.starts_with('0'))
        .then(|| text.bytes().map(|byte| byte.is_ascii_digit().then(|| u32::from(byte - b'0'))))
        .and_then(Iterator::collect::<Option<Vec<_>>>);
    let sum = |digits: &Vec<u32>| digits.iter().zip(WEIGHTS).map(|(&it, by)| it * by).sum::<u32>();
    if digits.as_ref().map(sum).is_some_and(|sum| sum.is_multiple_of(11)) {
        Ok(Some(text.to_owned()))
    } else {
        Err(Error::invalid("organisation_number", "must be a CVR number: 8 digits that check"))
    }
}

/// Whether this identity may log in at a service that is, or is not, a business service.
///
/// # Errors
/// Denied with `BUSINESS_SERVICES_ONLY`.
pub const fn admit(identity: &Identity, business_service: bool) -> Result<()> {
    match &identity.organisation {
        Some(_) if !business_service => Err(Error::denied(Reason::BusinessServicesOnly)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::tests::somebody;

    #[test]
    fn cvr_numbers_check() {
        assert_eq!(number(""), Ok(None));
        // Of companies, as published.
        for fine in ["24256790", "22756214", "61126228", "10000009"] {
            assert_eq!(number(fine).unwrap().as_deref(), Some(fine));
        }
        for refused in [
            "24256791",
            "24256799",
            "42256790",
            "2425679",
            "242567900",
            "00000000",
            "05432104",
            "2425679x",
            "２４２５６７９０",
            " 24256790",
        ] {
            assert!(number(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn every_single_wrong_digit_is_noticed() {
        for place in 0..8 {
            for digit in "0123456789".chars() {
                let mut text: Vec<char> = "24256790".chars().collect();
                text[place] = digit;
                let text: String = text.into_iter().collect();
                assert_eq!(number(&text).is_ok(), text == "24256790", "{text}");
            }
        }
    }

    #[test]
    fn a_business_identity_logs_in_at_business_services_alone() {
        let private = somebody();
        let business = Identity { organisation: Some("24256790".to_owned()), ..somebody() };
        assert!(admit(&private, false).is_ok() && admit(&private, true).is_ok());
        assert!(admit(&business, true).is_ok());
        assert_eq!(admit(&business, false), Err(Error::denied(Reason::BusinessServicesOnly)));
    }
}
