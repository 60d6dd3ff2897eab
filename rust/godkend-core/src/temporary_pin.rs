//! Temporary PINs: six digits by SMS, for one thing only, to choose a PIN with.
//!
//! Invariant: nobody gets in with a temporary PIN. It stands beside the signature of an app (or of the new
//! app of a copy) and is used up by the PIN that is chosen with it; a try is charged before it is looked at;
//! strikes, locks and a dead PIN stay as they were. Whoever redirects a phone number gets none: it goes only
//! to a number that has been the subscriber's for some days, the first one included, and a number that
//! changes ends what was on its way to the old one. A later one ends the one before it.
//!
//! It is derived from the server's key and its row's id: the store holds nothing of it, and the call that
//! orders it is not told it. Only what delivers messages is.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Id;
use crate::clock::Millis;
use crate::contact::Contact;
use crate::error::{Denial, Error, Reason, Result};
use crate::keys::Keys;
use crate::pin::{PIN_DIGITS, Pin};
use crate::policy::{TemporaryPinPolicy, after};
use crate::recovery::Means;

/// What has become of a temporary PIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum TemporaryPinState {
    /// Waits to be used.
    Issued = 1,
    /// A PIN was chosen with it.
    Used = 2,
    /// A later one, another phone number or a block ended it.
    Ended = 3,
}

/// A temporary PIN that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemporaryPin {
    /// What it is derived from.
    pub id: Id,
    /// Whose it is.
    pub identity_id: Id,
    /// What has become of it.
    pub state: TemporaryPinState,
    /// Tries that it can still bear.
    pub tries_left: u32,
    /// When it was issued.
    pub created_at: Millis,
    /// Until when it is valid.
    pub expires_at: Millis,
    /// What its issuing rested on.
    pub means: Means,
    /// Where the proof is kept, such as the number of support's case; empty for none.
    pub evidence_reference: String,
    /// The authenticator that the subscriber was signed in with; its own PIN is not to be had by it.
    pub signed_in_with: Option<Id>,
}

impl TemporaryPin {
    /// Whether a PIN may still be chosen with it.
    #[must_use]
    pub fn is_live(&self, now: Millis) -> bool {
        self.state == TemporaryPinState::Issued && self.tries_left > 0 && now < self.expires_at
    }

    /// Charges a try, before the digits are looked at.
    ///
    /// # Errors
    /// Denied with `TEMPORARY_PIN_OVER`; nothing is charged.
    pub fn charge(&mut self, now: Millis) -> Result<()> {
        if !self.is_live(now) {
            return Err(Error::denied(Reason::TemporaryPinOver));
        }
        self.tries_left -= 1;
        Ok(())
    }

    /// What to tell after a wrong try.
    #[must_use]
    pub const fn wrong(&self) -> Error {
        Error::Denied(Denial {
            reason: Reason::TemporaryPinWrong,
            retry_after_ms: None,
            attempts_left: Some(self.tries_left),
        })
    }
}

/// Whether one may be sent to this subscriber: there is a number, and it is not too new.
///
/// # Errors
/// Denied with `PHONE_NUMBER_MISSING`, or with `PHONE_NUMBER_TOO_NEW` and the time to come back.
pub fn expect_reachable(contact: &Contact, policy: &TemporaryPinPolicy, now: Millis) -> Result<()> {
    let (Some(_), Some(changed_at)) = (&contact.phone_number, contact.phone_number_changed_at)
    else {
        return Err(Error::denied(Reason::PhoneNumberMissing));
    };
    let from = after(changed_at, policy.phone_number_age_ms_min);
    match u64::try_from(from.saturating_sub(now)) {
        Ok(wait_ms @ 1..) => Err(Error::retry(Reason::PhoneNumberTooNew, wait_ms)),
        _ => Ok(()),
    }
}

/// The six digits. No `Debug`: they are for the subscriber's phone alone.
pub struct TemporaryPinText(Zeroizing<[u8; PIN_DIGITS]>);

impl TemporaryPinText {
    /// The text of the temporary PIN with this id.
    #[must_use]
    pub fn derive(keys: &Keys, id: &Id) -> Self {
        let bytes = Zeroizing::new(keys.derive(b"godkend temporary pin v1", &[id]));
        // Over 128 bits, no number of six digits is favoured by more than one part in 2^108.
        let mut number =
            bytes.iter().take(16).fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
        let mut text = Zeroizing::new([b'0'; PIN_DIGITS]);
        for digit in text.iter_mut() {
            *digit += u8::try_from(number % 10).unwrap_or(0);
            number /= 10;
        }
        Self(text)
    }

    /// The digits, for the one message that carries them.
    #[must_use]
    pub fn reveal(&self) -> String {
        String::from_utf8_lossy(&*self.0).into_owned()
    }

    /// Compares what was typed, in the same time whatever the outcome. The caller has charged a try.
    #[must_use]
    pub fn matches(&self, typed: &Pin) -> bool {
        self.0.ct_eq(typed.as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: Millis = 86_400_000;

    fn issued() -> TemporaryPin {
        TemporaryPin {
            id: [1; 16],
            identity_id: [2; 16],
            state: TemporaryPinState::Issued,
            tries_left: 3,
            created_at: 0,
            expires_at: 3_600_000,
            means: Means::Support,
            evidence_reference: "case 1".to_owned(),
            signed_in_with: None,
        }
    }

    #[test]
    fn three_tries_and_one_hour() {
        let mut pin = issued();
        for left in [2, 1, 0] {
            pin.charge(3_599_999).unwrap();
            let Error::Denied(denial) = pin.wrong() else { panic!("not denied") };
            assert_eq!(denial.attempts_left, Some(left));
        }
        assert_eq!(pin.charge(0), Err(Error::denied(Reason::TemporaryPinOver)));
        assert_eq!(issued().charge(3_600_000), Err(Error::denied(Reason::TemporaryPinOver)));
    }

    #[test]
    fn what_was_used_or_ended_is_over() {
        for state in [TemporaryPinState::Used, TemporaryPinState::Ended] {
            assert!(!TemporaryPin { state, ..issued() }.is_live(0), "{state:?}");
        }
    }

    #[test]
    fn a_number_younger_than_five_days_gets_none() {
        let policy = TemporaryPinPolicy::default();
        let contact = Contact {
            phone_number: Some("+4512345678".to_owned()),
            phone_number_changed_at: Some(7),
            ..Contact::default()
        };
        assert!(expect_reachable(&contact, &policy, 7 + 5 * DAY_MS).is_ok());
        assert_eq!(
            expect_reachable(&contact, &policy, 7 + 5 * DAY_MS - 1),
            Err(Error::retry(Reason::PhoneNumberTooNew, 1))
        );
        // A clock that was set back makes no number older.
        assert!(expect_reachable(&contact, &policy, 0).is_err());
    }

    #[test]
    fn nobody_without_a_number_gets_one() {
        let policy = TemporaryPinPolicy::default();
        let missing = Err(Error::denied(Reason::PhoneNumberMissing));
        assert_eq!(expect_reachable(&Contact::default(), &policy, DAY_MS), missing);
        let removed = Contact { phone_number_changed_at: Some(0), ..Contact::default() };
        assert_eq!(expect_reachable(&removed, &policy, 9 * DAY_MS), missing);
    }

    #[test]
    fn texts_are_six_digits_that_differ_and_match_only_themselves() {
        let keys = Keys::generate().unwrap();
        let texts: Vec<_> = (0..50).map(|n| TemporaryPinText::derive(&keys, &[n; 16])).collect();
        let distinct: std::collections::BTreeSet<_> =
            texts.iter().map(TemporaryPinText::reveal).collect();
        assert!(distinct.len() >= 49, "two of fifty may agree, once in a thousand runs");
        for text in &texts {
            let own = Pin::parse(text.reveal().as_bytes()).unwrap();
            assert!(text.matches(&own));
            let last = (text.0[5] - b'0' + 1) % 10;
            let near = format!("{}{last}", &text.reveal()[..5]);
            assert!(!text.matches(&Pin::parse(near.as_bytes()).unwrap()));
        }
    }
}
