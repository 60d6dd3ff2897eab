//! Whether the subscriber is signed in to the self-service site that acts for them.
//!
//! A self-service site has a token of its own, which says that it is one and nothing about who sits
//! before it. So each of its calls also shows the assertion that the subscriber's login there ended in:
//! signed by this instance, for that site, about the identity that the call names. Invariant: a site that
//! was broken into can act only for those who are signed in to it. The assertion's own end (`exp`) is for
//! the moment of logging in; here the age of the login counts, which bounds the session.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;

use crate::Id;
use crate::assertion::pairwise_subject;
use crate::authenticator::Authenticator;
use crate::clock::Millis;
use crate::display::{Display, State as DisplayState};
use crate::error::{Error, Reason, Result};
use crate::key_card::{KeyCard, State as CardState};
use crate::keys::Keys;

/// The longest assertion that is looked at, in bytes; those of godkend are some 800.
const BYTES_MAX: usize = 4_096;

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
}

#[derive(Deserialize)]
struct Claims {
    aud: String,
    sub: String,
    act: Option<Value>,
    nsis_loa: String,
    auth_time: i64,
    txn: String,
}

/// A subscriber's session at a self-service site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The login that it began with.
    pub login_id: Id,
    /// When that was approved, rounded down to the second.
    pub signed_in_at: Millis,
}

/// The session that `assertion` began, if it was made here for one of `service_providers`, about this
/// identity, by a login at Substantial or above that is not older than `age_ms_max`. No service provider
/// named means any.
///
/// # Errors
/// Denied with `SUBSCRIBER_NOT_PROVED`, whatever it is that does not fit.
pub fn prove(
    keys: &Keys,
    assertion: &str,
    identity_id: &Id,
    service_providers: &[String],
    age_ms_max: u64,
    now: Millis,
) -> Result<Session> {
    let claims = read(keys, assertion).ok_or(Error::denied(Reason::SubscriberNotProved))?;
    let subject = pairwise_subject(keys, identity_id, &claims.aud);
    let signed_in_at = claims.auth_time.saturating_mul(1_000);
    let age_ms = now.saturating_sub(signed_in_at);
    let fits = (service_providers.is_empty() || service_providers.contains(&claims.aud))
        && bool::from(subject.as_bytes().ct_eq(claims.sub.as_bytes()))
        // Whoever acts for somebody at a site gets no hold of that person's identity itself.
        && claims.act.is_none()
        && matches!(claims.nsis_loa.as_str(), "Substantial" | "High")
        && u64::try_from(age_ms).is_ok_and(|age_ms| age_ms <= age_ms_max);
    let session = login_id(&claims.txn).map(|login_id| Session { login_id, signed_in_at });
    session.filter(|_| fits).ok_or(Error::denied(Reason::SubscriberNotProved))
}

/// The login that a transaction names, in hexadecimal digits.
fn login_id(txn: &str) -> Option<Id> {
    let mut id = [0; 16];
    let (pairs, rest) = txn.as_bytes().as_chunks::<2>();
    if pairs.len() != id.len() || !rest.is_empty() {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

/// Whether who signed in then may still add an authenticator: a login from before one was taken out of use may
/// have been the thief's, who would come back with a phone of their own.
///
/// # Errors
/// Denied with `SUBSCRIBER_NOT_PROVED` if one was blocked, or reported lost, since.
pub fn check_session(
    authenticators: &[Authenticator],
    displays: &[Display],
    key_cards: &[KeyCard],
    signed_in_at: Millis,
) -> Result<()> {
    let blocked_at = authenticators.iter().filter_map(|it| it.blocked_at);
    let lost = displays.iter().filter(|it| it.state == DisplayState::Lost);
    let lost_at = lost.map(|it| it.changed_at);
    let cards = key_cards.iter().filter(|it| it.state == CardState::Lost);
    let mut out_of_use = blocked_at.chain(lost_at).chain(cards.map(|it| it.changed_at));
    if out_of_use.any(|at| at >= signed_in_at) {
        return Err(Error::denied(Reason::SubscriberNotProved));
    }
    Ok(())
}

/// The claims of an assertion whose signature is by one of these keys.
fn read(keys: &Keys, assertion: &str) -> Option<Claims> {
    if assertion.len() > BYTES_MAX {
        return None;
    }
    let (signed, signature) = assertion.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let header: Header = serde_json::from_slice(&part(header)?).ok()?;
    let key = keys.sign_keys().iter().find(|key| key.id() == header.kid)?;
    let (signed, signature) = (signed.as_bytes(), part(signature)?);
    // By the key's own algorithm: the header only has to agree.
    let verified = match key.algorithm() {
        other if other != header.alg => return None,
        "ES256" => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key())
            .verify(signed, &signature),
        _ => UnparsedPublicKey::new(&ED25519, key.public_key()).verify(signed, &signature),
    };
    verified.ok()?;
    serde_json::from_slice(&part(claims)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assertion::{self, Claims as Asserted};
    use crate::lockout::Lockout;
    use crate::signature::{Algorithm, PublicKey};
    use aws_lc_rs::signature::KeyPair as _;

    const WHO: Id = [7; 16];
    const NOW: Millis = 1_800_000_000_000;
    const AGE_MS_MAX: u64 = 900_000;

    fn phone() -> Authenticator {
        let key = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&[1; 32]).unwrap();
        Authenticator {
            id: [1; 16],
            identity_id: WHO,
            device_name: "phone".to_owned(),
            public_key: PublicKey::parse(Algorithm::Ed25519, key.public_key().as_ref()).unwrap(),
            biometrics_on: false,
            notifications_on: true,
            pin_record: Vec::new(),
            pin_version: 1,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: 0,
            enrolment: crate::level::Enrolment::default(),
        }
    }

    fn display() -> Display {
        Display {
            id: [2; 16],
            serial_number: "1".to_owned(),
            kind: crate::display::Kind::CodeDisplay,
            algorithm: crate::otp::Algorithm::Sha1,
            factor: crate::otp::Factor::Counter,
            seed: Vec::new(),
            state: DisplayState::InStock,
            identity_id: Some(WHO),
            progress: crate::otp::Progress::default(),
            imported_at: 0,
            changed_at: 0,
        }
    }

    fn key_card() -> KeyCard {
        KeyCard::ordered([3; 16], WHO, &crate::policy::KeyCardPolicy::default(), 0)
    }

    fn asserted(keys: &Keys, aud: &str, level: &str, auth_time_ms: Millis) -> String {
        let claims = Asserted {
            iss: "https://godkend.example",
            aud,
            sub: &assertion::pairwise_subject(keys, &WHO, aud),
            act: None,
            org: None,
            acr: "",
            amr: vec![],
            nsis_loa: level,
            nsis_ial: level,
            nsis_aal: level,
            auth_time: auth_time_ms / 1_000,
            iat: auth_time_ms / 1_000,
            exp: auth_time_ms / 1_000 + 300,
            nonce: None,
            txn: "0a0b0c0d0e0f00010203040506070809",
            sid: "",
        };
        assertion::sign(keys, &claims).unwrap()
    }

    fn proved(keys: &Keys, assertion: &str, who: &Id, now: Millis) -> bool {
        prove(keys, assertion, who, &["profile".to_owned()], AGE_MS_MAX, now).is_ok()
    }

    #[test]
    fn the_signed_in_subscriber_is_proved_and_nobody_else() {
        for keys in [Keys::generate().unwrap(), Keys::generate().unwrap().with_eddsa().unwrap()] {
            let mine = asserted(&keys, "profile", "Substantial", NOW);
            assert!(proved(&keys, &mine, &WHO, NOW));
            assert!(!proved(&keys, &mine, &[8; 16], NOW), "somebody else");
            assert!(!proved(&keys, &asserted(&keys, "tax", "High", NOW), &WHO, NOW), "elsewhere");
            assert!(!proved(&keys, &asserted(&keys, "profile", "Low", NOW), &WHO, NOW), "too low");
            assert!(!proved(&Keys::generate().unwrap(), &mine, &WHO, NOW), "another instance");
        }
    }

    #[test]
    fn a_login_before_a_block_adds_no_authenticator() {
        let blocked_at = |blocked_at| Authenticator { blocked_at, ..phone() };
        let display = |state, changed_at| Display { state, changed_at, ..display() };
        assert_eq!(check_session(&[], &[], &[], NOW), Ok(()));
        let before = [blocked_at(None), blocked_at(Some(NOW - 1))];
        let known = [display(DisplayState::Lost, NOW - 1), display(DisplayState::Active, NOW)];
        let card = |state, changed_at| KeyCard { state, changed_at, ..key_card() };
        let cards = [card(CardState::Lost, NOW - 1), card(CardState::UsedUp, NOW)];
        assert_eq!(check_session(&before, &known, &cards, NOW), Ok(()));
        for since in [NOW, NOW + 1] {
            let blocked = check_session(&[blocked_at(Some(since))], &[], &[], NOW);
            let lost = check_session(&before, &[display(DisplayState::Lost, since)], &[], NOW);
            let card = check_session(&before, &[], &[card(CardState::Lost, since)], NOW);
            for refused in [blocked, lost, card] {
                assert_eq!(refused, Err(Error::denied(Reason::SubscriberNotProved)));
            }
        }
    }

    #[test]
    fn a_session_ends() {
        let keys = Keys::generate().unwrap();
        let mine = asserted(&keys, "profile", "Substantial", NOW);
        let age_max = Millis::try_from(AGE_MS_MAX).unwrap();
        assert!(proved(&keys, &mine, &WHO, NOW + age_max));
        assert!(!proved(&keys, &mine, &WHO, NOW + age_max + 1));
        assert!(!proved(&keys, &mine, &WHO, NOW - 1), "from the future");
    }

    #[test]
    fn what_is_no_assertion_proves_nobody() {
        let keys = Keys::generate().unwrap();
        let mine = asserted(&keys, "profile", "Substantial", NOW);
        let (signed, signature) = mine.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"x"}"#);
        let long = format!("{signed}.{}", "A".repeat(BYTES_MAX));
        for forged in [
            "",
            "..",
            &format!("{signed}."),
            &format!("{none}.{claims}."),
            &format!("{header}.{}.{signature}", &claims[4..]),
            &long,
        ] {
            assert!(!proved(&keys, forged, &WHO, NOW), "{forged}");
        }
    }
}
