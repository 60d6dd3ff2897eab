//! The codes that bring a login to a phone: a QR code that moves every second, and an app link.
//!
//! The front-end makes the QR codes itself from a secret that the server derives from the login's id,
//! so nothing secret is stored. A code is good for a few seconds: a picture of it sent to somebody
//! else comes too late. The seconds count from the start of the login, so that no clocks need to
//! agree. The app link does not move, and has a key of its own that no QR code reveals.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;

const TOKEN_PREFIX: &str = "godkend1-";
const LINK_PREFIX: &str = "godkend://login?token=";
const LINK_KEY: &str = "&key=";
const MAC_BYTES: usize = 16;
/// Clocks of front-ends may run a little fast.
const AHEAD_MAX_S: u64 = 1;

/// The longest code or link that is looked at, in bytes.
pub const CODE_BYTES_MAX: usize = 128;

/// The key of one login's codes.
pub struct QrSecret([u8; 32]);

impl QrSecret {
    /// The key of this login.
    #[must_use]
    pub fn derive(keys: &Keys, login_id: &Id) -> Self {
        Self(keys.derive(b"godkend qr secret v1", &[login_id]))
    }

    /// For the front-end.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The code of one second, as front-ends make it.
    #[must_use]
    pub fn qr_code(&self, login_id: &Id, second: u64) -> String {
        let mac = URL_SAFE_NO_PAD.encode(self.qr_mac(login_id, second));
        format!("{}.{second}.{mac}", qr_token(login_id))
    }

    /// The link that opens the app on the same phone.
    #[must_use]
    pub fn app_link(&self, login_id: &Id) -> String {
        let key = URL_SAFE_NO_PAD.encode(self.link_mac(login_id));
        format!("{LINK_PREFIX}{}{LINK_KEY}{key}", qr_token(login_id))
    }

    fn qr_mac(&self, login_id: &Id, second: u64) -> [u8; MAC_BYTES] {
        self.mac(&[b"godkend qr v1\0", login_id, &second.to_be_bytes()])
    }

    fn link_mac(&self, login_id: &Id) -> [u8; MAC_BYTES] {
        self.mac(&[b"godkend link v1\0", login_id])
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; MAC_BYTES] {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        parts.iter().for_each(|part| context.update(part));
        let mut mac = [0; MAC_BYTES];
        mac.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        mac
    }
}

/// What begins every QR code of a login.
#[must_use]
pub fn qr_token(login_id: &Id) -> String {
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(login_id))
}

/// A code as it was scanned, not yet checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Which login it claims to be for.
    pub login_id: Id,
    kind: Kind,
    mac: [u8; MAC_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Qr { second: u64 },
    Link,
}

impl Scanned {
    /// Reads a QR code or an app link.
    ///
    /// # Errors
    /// Denied with `CODE_INVALID` for anything else.
    pub fn parse(code: &str) -> Result<Self> {
        Self::read(code).ok_or(Error::denied(Reason::CodeInvalid))
    }

    fn read(code: &str) -> Option<Self> {
        if code.len() > CODE_BYTES_MAX {
            return None;
        }
        if let Some(rest) = code.strip_prefix(LINK_PREFIX) {
            let (token, key) = rest.split_once(LINK_KEY)?;
            return Some(Self {
                login_id: read_token(token)?,
                kind: Kind::Link,
                mac: decode(key)?,
            });
        }
        let mut parts = code.splitn(3, '.');
        let login_id = read_token(parts.next()?)?;
        let second = parts.next()?;
        // One code for one second: "07" and "+7" are not how front-ends write 7.
        if !second.bytes().all(|b| b.is_ascii_digit())
            || (second.len() > 1 && second.starts_with('0'))
        {
            return None;
        }
        let kind = Kind::Qr { second: second.parse().ok()? };
        Some(Self { login_id, kind, mac: decode(parts.next()?)? })
    }

    /// Whether this code was made for the login that started at `started_at`, and recently.
    ///
    /// # Errors
    /// Denied with `CODE_INVALID` if its key is not the login's, with `CODE_STALE` if a QR code is
    /// older than `accepted_ms`.
    pub fn check(
        &self,
        keys: &Keys,
        started_at: Millis,
        accepted_ms: u64,
        now: Millis,
    ) -> Result<()> {
        let secret = QrSecret::derive(keys, &self.login_id);
        let expected = match self.kind {
            Kind::Qr { second } => secret.qr_mac(&self.login_id, second),
            Kind::Link => secret.link_mac(&self.login_id),
        };
        if !bool::from(expected.ct_eq(&self.mac)) {
            return Err(Error::denied(Reason::CodeInvalid));
        }
        if let Kind::Qr { second } = self.kind {
            let elapsed_ms = u64::try_from(now.saturating_sub(started_at)).unwrap_or(0);
            let age_ms = elapsed_ms.saturating_sub(second.saturating_mul(1_000));
            if age_ms > accepted_ms || second > elapsed_ms / 1_000 + AHEAD_MAX_S {
                return Err(Error::denied(Reason::CodeStale));
            }
        }
        Ok(())
    }
}

fn read_token(token: &str) -> Option<Id> {
    decode(token.strip_prefix(TOKEN_PREFIX)?)
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: Id = [7; 16];
    const START: Millis = 1_000_000;

    fn check(keys: &Keys, code: &str, at: Millis) -> Result<()> {
        Scanned::parse(code)?.check(keys, START, 5_000, at)
    }

    #[test]
    fn a_code_is_good_for_five_seconds_and_one_ahead() {
        let keys = Keys::generate().unwrap();
        let code = QrSecret::derive(&keys, &LOGIN).qr_code(&LOGIN, 10);
        assert_eq!(check(&keys, &code, START + 8_999), Err(Error::denied(Reason::CodeStale)));
        assert_eq!(check(&keys, &code, START + 9_000), Ok(()));
        assert_eq!(check(&keys, &code, START + 15_000), Ok(()));
        assert_eq!(check(&keys, &code, START + 15_001), Err(Error::denied(Reason::CodeStale)));
    }

    #[test]
    fn a_link_does_not_move_and_no_code_becomes_one() {
        let keys = Keys::generate().unwrap();
        let secret = QrSecret::derive(&keys, &LOGIN);
        let link = secret.app_link(&LOGIN);
        assert_eq!(check(&keys, &link, START + 299_000), Ok(()));
        let code = secret.qr_code(&LOGIN, 0);
        let mac = code.rsplit('.').next().unwrap();
        let forged = format!("{LINK_PREFIX}{}{LINK_KEY}{mac}", qr_token(&LOGIN));
        assert_eq!(check(&keys, &forged, START), Err(Error::denied(Reason::CodeInvalid)));
    }

    #[test]
    fn another_second_login_or_key_does_not_fit() {
        let keys = Keys::generate().unwrap();
        let code = QrSecret::derive(&keys, &LOGIN).qr_code(&LOGIN, 3);
        let invalid = Err(Error::denied(Reason::CodeInvalid));
        assert_eq!(check(&keys, &code.replace(".3.", ".4."), START + 3_000), invalid);
        assert_eq!(
            check(&keys, &code.replace(&qr_token(&LOGIN), &qr_token(&[8; 16])), START + 3_000),
            invalid
        );
        assert_eq!(check(&Keys::generate().unwrap(), &code, START + 3_000), invalid);
        for junk in [
            "",
            ".",
            "..",
            &code.replace(".3.", ".03."),
            &code.replace(".3.", ".+3."),
            "godkend1-",
            "godkend1-AAAA.1.AAAA",
            "godkend://login?token=",
            &"x".repeat(200),
        ] {
            assert_eq!(check(&keys, junk, START), invalid, "{junk}");
        }
    }
}
