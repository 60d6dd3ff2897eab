//! Activation codes: eight characters on the way from a registrar to a phone.
//!
//! The first three characters *name* the code and the other five *prove* it. A try costs the code
//! one of its tries only if it names it. So somebody who knows a user ID and nothing else spends the
//! budgets of strangers, needs thousands of tries to use up one of the subscriber's, and is never
//! told which part was wrong; and whoever holds the name of a code has five tries at the 31^5
//! values of its proof.
//!
//! A code is derived from the server's key and its row's id. The store holds nothing of it.

use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::policy::ActivationPolicy;
use crate::signature::PublicKey;

/// Digits and capitals that nobody takes for one another: no 0 O, 1 I L.
const ALPHABET: &[u8; 31] = b"23456789ABCDEFGHJKMNPQRSTUVWXYZ";
const CODE_CHARS: usize = 8;
const NAME_CHARS: usize = 3;

/// How a code reaches the subscriber. The numbers are those of `ActivationChannel` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// By SMS.
    Sms = 1,
    /// On paper.
    Paper = 2,
    /// On the profile page.
    Profile = 3,
}

impl Channel {
    /// Reads a number of the proto enum; 0 is SMS.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `channel`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::Sms),
            2 => Ok(Self::Paper),
            3 => Ok(Self::Profile),
            _ => Err(Error::invalid("channel", "must be SMS, PAPER or PROFILE")),
        }
    }

    /// The name in the history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Paper => "paper",
            Self::Profile => "profile",
        }
    }

    /// Whether a code may be made this way: on the profile page for a subscriber who is signed in there, at
    /// `signed_in_at`, and by the other ways for a registrar, who is not.
    ///
    /// # Errors
    /// Denied with `ACTIVATION_CHANNEL_FORBIDDEN`.
    pub fn check(self, signed_in_at: Option<Millis>) -> Result<()> {
        if (self == Self::Profile) == signed_in_at.is_some() {
            Ok(())
        } else {
            Err(Error::denied(Reason::ActivationChannelForbidden))
        }
    }

    /// How long a code sent this way is valid.
    #[must_use]
    pub const fn life_ms(self, policy: &ActivationPolicy) -> u64 {
        match self {
            Self::Sms => policy.sms_life_ms,
            Self::Paper => policy.paper_life_ms,
            Self::Profile => policy.profile_life_ms,
        }
    }
}

/// What has become of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CodeState {
    /// Waits for a phone.
    Issued = 1,
    /// A phone was activated with it.
    Used = 2,
    /// A later code took its place, or a block ended it.
    Replaced = 3,
    /// An authenticator was taken out of use, and the code with it.
    Ended = 4,
}

/// A code that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    /// What the code is derived from.
    pub id: Id,
    /// Whose it is.
    pub identity_id: Id,
    /// How it reaches the subscriber.
    pub channel: Channel,
    /// What has become of it.
    pub state: CodeState,
    /// Wrong tries that it can still bear.
    pub tries_left: u32,
    /// When it was issued.
    pub created_at: Millis,
    /// Until when it is valid.
    pub expires_at: Millis,
    /// The fingerprint of the key that the registrar vouches for: hardware holds it.
    pub attested_key: Option<[u8; 32]>,
    /// The phone that gave the code last.
    pub activation: Option<Activation>,
}

/// A phone between the code and the PIN.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activation {
    /// Names it to the phone.
    pub id: Id,
    /// To be signed.
    pub challenge: [u8; 32],
    /// The key that the phone will use.
    pub public_key: PublicKey,
    /// As the phone gave it.
    pub device_name: String,
    /// Until when the phone may finish.
    pub expires_at: Millis,
    /// The attempt with which it finished.
    pub finished_by: Option<Id>,
}

impl Code {
    /// Whether it ends when an authenticator is blocked or reported lost: whoever asked for it on the profile
    /// page may have signed in with what was stolen. A code from a desk is the subscriber's way back, and
    /// stays.
    #[must_use]
    pub fn ends_with_an_authenticator(&self) -> bool {
        self.channel == Channel::Profile && self.state == CodeState::Issued
    }

    /// Whether a phone may still be activated with it.
    #[must_use]
    pub fn is_live(&self, now: Millis) -> bool {
        self.state == CodeState::Issued && self.tries_left > 0 && now < self.expires_at
    }

    /// Whether the registrar has vouched for this very key.
    #[must_use]
    pub fn vouches_for(&self, key: &PublicKey) -> bool {
        self.attested_key.is_some_and(|attested| attested == key.fingerprint())
    }
}

/// The eight characters. No `Debug`: whoever holds them can activate a phone.
pub struct CodeText(Zeroizing<[u8; CODE_CHARS]>);

/// What a try says about a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Names and proves it.
    Proved,
    /// Names it, but the proof is wrong: costs a try.
    Named,
    /// Names another.
    Other,
}

impl CodeText {
    /// The text of the code with this id.
    #[must_use]
    pub fn derive(keys: &Keys, id: &Id) -> Self {
        let bytes = Zeroizing::new(keys.derive(b"godkend activation code v1", &[id]));
        let mut text = Zeroizing::new([b'2'; CODE_CHARS]);
        // 248 is the largest multiple of 31 in a byte; what lies above would favour some characters.
        let fair = bytes.iter().filter(|&&byte| byte < 248);
        for (to, byte) in text.iter_mut().zip(fair) {
            if let Some(&character) = ALPHABET.get(usize::from(byte % 31)) {
                *to = character;
            }
        }
        Self(text)
    }

    /// Reads what somebody typed; case, spaces and hyphens do not matter.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `activation_code`.
    pub fn parse(typed: &str) -> Result<Self> {
        let invalid = || Error::invalid("activation_code", "must be 8 letters and digits");
        let mut text = Zeroizing::new([0; CODE_CHARS]);
        let mut length = 0;
        for byte in typed.bytes().filter(|byte| !matches!(byte, b' ' | b'-')) {
            if !byte.is_ascii_alphanumeric() {
                return Err(invalid());
            }
            *text.get_mut(length).ok_or_else(invalid)? = byte.to_ascii_uppercase();
            length += 1;
        }
        if length == CODE_CHARS { Ok(Self(text)) } else { Err(invalid()) }
    }

    /// The characters, for the one who hands them out.
    #[must_use]
    pub fn reveal(&self) -> String {
        String::from_utf8_lossy(&*self.0).into_owned()
    }

    /// Compares a try with this code, in the same time whatever the outcome.
    #[must_use]
    pub fn matches(&self, tried: &Self) -> Match {
        let (name, proof) = self.0.split_at(NAME_CHARS);
        let (tried_name, tried_proof) = tried.0.split_at(NAME_CHARS);
        let named = name.ct_eq(tried_name);
        let proved = named & proof.ct_eq(tried_proof);
        match (bool::from(named), bool::from(proved)) {
            (_, true) => Match::Proved,
            (true, false) => Match::Named,
            (false, false) => Match::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_name_and_the_rest_prove() {
        let code = CodeText::parse("ABC23456").unwrap();
        let tried = |typed| code.matches(&CodeText::parse(typed).unwrap());
        assert_eq!(tried("abc2-3456"), Match::Proved);
        assert_eq!(tried("ABC23457"), Match::Named);
        assert_eq!(tried("ABD23456"), Match::Other);
    }

    #[test]
    fn the_profile_is_for_the_signed_in_and_the_other_ways_for_registrars() {
        for (channel, by_registrar) in
            [(Channel::Sms, true), (Channel::Paper, true), (Channel::Profile, false)]
        {
            assert_eq!(channel.check(None).is_ok(), by_registrar, "{channel:?}");
            assert_eq!(channel.check(Some(0)).is_ok(), !by_registrar, "{channel:?}");
        }
    }

    #[test]
    fn codes_are_of_the_alphabet_and_differ() {
        let keys = Keys::generate().unwrap();
        let texts: Vec<String> =
            (0..100).map(|n| CodeText::derive(&keys, &[n; 16]).reveal()).collect();
        assert!(texts.iter().all(|text| text.bytes().all(|byte| ALPHABET.contains(&byte))));
        let distinct: std::collections::BTreeSet<_> = texts.iter().collect();
        assert_eq!(distinct.len(), 100);
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for typed in ["", "ABC2345", "ABC234567", "ABC2345!", "ÆBC23456", "--------"] {
            assert!(CodeText::parse(typed).is_err(), "{typed}");
        }
    }
}
