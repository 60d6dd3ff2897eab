//! The receipt of a signature: what a service provider keeps for years.
//!
//! Purpose: years later, without server or store, anybody who has the receipt, the document and the
//! issuer's published keys can check who signed what, when and with what. Invariant: the receipt holds the
//! statement as the phone signed it, the phone's signature and public key, and how that key became
//! somebody's; the server's signature covers every byte of it, and says that this key was this
//! subscriber's at that time, which is all that the phone's own signature cannot say.
//!
//! A receipt is a JSON Web Signature in the flattened JSON form (RFC 7515 section 7.2.2) by the assertion
//! key, its `kid` in the protected header; service providers keep the key set (`GetJwks`) beside it. The
//! statement names the phone, and its key is the same at every service provider: signing tells more than
//! logging in, which is why a login gives no receipt.
//!
//! Sources: RFC 7515 (JWS), RFC 7517 and RFC 8037 (keys).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use crate::assertion::{self, Claims};
use crate::authenticator::Authenticator;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::signing::Document;

const TYPE: &str = "godkend-receipt+jws";

/// A statement about a document as the phone signed it, kept with its login until that is redeemed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The bytes that were signed.
    pub statement: Vec<u8>,
    /// What the phone made of them.
    pub signature: Vec<u8>,
}

#[derive(Serialize)]
struct Receipt<'a> {
    /// What the assertion said. A part of its own, so that no receipt passes for an assertion.
    login: &'a Claims<'a>,
    text: &'a str,
    document: DocumentClaim<'a>,
    statement: String,
    signature: String,
    device: Device,
}

#[derive(Serialize)]
struct DocumentClaim<'a> {
    sha256: String,
    media_type: &'a str,
    name: &'a str,
}

/// Whose key it was that signed, and how it became theirs.
#[derive(Serialize)]
struct Device {
    key: Value,
    enrolled_level: &'static str,
    hardware_key: bool,
    /// In seconds since 1970-01-01 UTC.
    activated_at: i64,
}

#[derive(Serialize)]
struct Flattened {
    payload: String,
    protected: String,
    signature: String,
}

/// The receipt of a signature, beside the assertion with these claims.
///
/// # Errors
/// [`Reason::KeyFault`] if signing fails.
pub fn sign(
    keys: &Keys,
    claims: &Claims<'_>,
    text: &str,
    document: &Document,
    signed: &Signature,
    by: &Authenticator,
) -> Result<String> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let receipt = Receipt {
        login: claims,
        text,
        document: DocumentClaim {
            sha256: crate::digest::hex(&document.sha256),
            media_type: &document.media_type,
            name: &document.name,
        },
        statement: encode(&signed.statement),
        signature: encode(&signed.signature),
        device: Device {
            key: assertion::public_jwk(by.public_key.as_bytes()),
            enrolled_level: by.enrolment.level.name(),
            hardware_key: by.enrolment.hardware_key,
            activated_at: by.activated_at.div_euclid(1_000),
        },
    };
    let jws = assertion::jws(keys, TYPE, &receipt)?;
    let mut parts = jws.split('.').map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let (protected, payload, signature) = (part(), part(), part());
    serde_json::to_string(&Flattened { payload, protected, signature })
        .map_err(|error| Error::fault(Reason::Internal, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::level::{Enrolment, Level};
    use crate::lockout::Lockout;
    use crate::self_service;
    use crate::signature::PublicKey;

    const NOW_S: i64 = 1_800_000_000;

    fn authenticator() -> Authenticator {
        Authenticator {
            id: [2; 16],
            identity_id: [1; 16],
            device_name: "phone".to_owned(),
            public_key: PublicKey::dummy(),
            enrolment: Enrolment::of(Level::High, true),
            biometrics_on: false,
            notifications_on: true,
            pin_record: Vec::new(),
            pin_version: 1,
            lockout: Lockout::default(),
            attempts: Vec::new(),
            blocked_at: None,
            activated_at: NOW_S * 1_000 + 999,
        }
    }

    fn receipt(keys: &Keys) -> Value {
        let claims = Claims {
            iss: "https://godkend.example",
            aud: "profile",
            sub: &assertion::pairwise_subject(keys, &[1; 16], "profile"),
            act: None,
            org: None,
            acr: "",
            amr: vec![],
            nsis_loa: "High",
            nsis_ial: "High",
            nsis_aal: "High",
            auth_time: NOW_S,
            iat: NOW_S,
            exp: NOW_S + 300,
            nonce: None,
            txn: "login",
            sid: "login",
        };
        let document = Document::parse(&[7; 32], "text/plain", "Lease").unwrap();
        let signed = Signature { statement: vec![1, 2], signature: vec![3] };
        let receipt = sign(keys, &claims, "Sign", &document, &signed, &authenticator()).unwrap();
        serde_json::from_str(&receipt).unwrap()
    }

    #[test]
    fn a_receipt_holds_what_was_signed_and_whose_key_it_was() {
        let receipt = receipt(&Keys::generate().unwrap());
        let part = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(receipt[name].as_str().unwrap()).unwrap();
            serde_json::from_slice::<Value>(&bytes).unwrap()
        };
        assert_eq!(part("protected")["typ"], TYPE);
        let payload = part("payload");
        assert_eq!((&payload["statement"], &payload["signature"]), (&"AQI".into(), &"Aw".into()));
        assert_eq!(payload["document"]["sha256"], "07".repeat(32));
        assert_eq!(payload["device"]["key"]["crv"], "P-256");
        assert_eq!(payload["device"]["enrolled_level"], "High");
        assert_eq!(payload["device"]["activated_at"], NOW_S);
    }

    #[test]
    fn no_receipt_passes_for_an_assertion() {
        let keys = Keys::generate().unwrap();
        let receipt = receipt(&keys);
        let part = |name: &str| receipt[name].as_str().unwrap();
        let token = [part("protected"), part("payload"), part("signature")].join(".");
        let proved = self_service::prove(&keys, &token, &[1; 16], &[], 900_000, NOW_S * 1_000);
        assert_eq!(proved, Err(Error::denied(Reason::SubscriberNotProved)));
    }
}
