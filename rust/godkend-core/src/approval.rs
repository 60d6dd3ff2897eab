//! What a phone signs: one approval for one login.
//!
//! A statement arrives as serialised bytes beside its signature. The signature is verified over the
//! bytes as received, under a domain that no other kind of statement shares, and only then is each
//! field compared with what the server holds. Nothing is canonicalised. Messages and domains are
//! those of `statement.proto`.

use prost::Message;

use crate::Id;
use crate::clock::Millis;
use crate::delegation::PrincipalShown;
use crate::error::{Error, Reason, Result};
use crate::login::Login;
use crate::signature::PublicKey;
use crate::signing::{self, DocumentShown};

/// Proves possession of the device key at activation.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ActivationStatement {
    /// Which activation.
    #[prost(bytes = "vec", tag = "1")]
    pub activation_id: Vec<u8>,
    /// The server's challenge.
    #[prost(bytes = "vec", tag = "2")]
    pub challenge: Vec<u8>,
    /// The key as first sent.
    #[prost(bytes = "vec", tag = "3")]
    pub public_key: Vec<u8>,
    /// Fresh random bytes for each PIN that is chosen.
    #[prost(bytes = "vec", tag = "4")]
    pub attempt_id: Vec<u8>,
}

/// Says: I, this device, scanned this code now.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct OpenStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// The code as scanned.
    #[prost(string, tag = "2")]
    pub code: String,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

/// The decision about one login, with everything that was shown.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ApprovalStatement {
    /// Which login.
    #[prost(bytes = "vec", tag = "1")]
    pub login_id: Vec<u8>,
    /// The server's challenge for this login.
    #[prost(bytes = "vec", tag = "2")]
    pub challenge: Vec<u8>,
    /// The signing device.
    #[prost(bytes = "vec", tag = "3")]
    pub authenticator_id: Vec<u8>,
    /// Who asks, as shown.
    #[prost(string, tag = "4")]
    pub service_provider: String,
    /// What was shown.
    #[prost(string, tag = "5")]
    pub text: String,
    /// A [`Decision`].
    #[prost(int32, tag = "6")]
    pub decision: i32,
    /// A [`UserVerification`].
    #[prost(int32, tag = "7")]
    pub user_verification: i32,
    /// Fresh random bytes; each statement counts once.
    #[prost(bytes = "vec", tag = "8")]
    pub attempt_id: Vec<u8>,
    /// What is signed, as shown; none for a mere login.
    #[prost(message, optional, tag = "9")]
    pub document: Option<DocumentShown>,
    /// For whom the subscriber acts, as shown; none for themself.
    #[prost(message, optional, tag = "10")]
    pub on_behalf: Option<PrincipalShown>,
}

/// Asks for a new PIN.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PinChangeStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// Fresh random bytes; each statement counts once.
    #[prost(bytes = "vec", tag = "2")]
    pub attempt_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

/// Asks for a new PIN with a temporary one.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct PinResetStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// Fresh random bytes; each statement counts once.
    #[prost(bytes = "vec", tag = "2")]
    pub attempt_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

/// Blocks everything, or one authenticator.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct BlockStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// What is blocked; empty for everything.
    #[prost(bytes = "vec", tag = "2")]
    pub blocked_authenticator_id: Vec<u8>,
    /// Fresh random bytes; each statement counts once.
    #[prost(bytes = "vec", tag = "3")]
    pub attempt_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "4")]
    pub signed_at_ms: i64,
}

/// Asks for a page of what only its own subscriber may see.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReadStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// A [`Page`].
    #[prost(int32, tag = "2")]
    pub page: i32,
    /// How many at most; 0 for the usual number.
    #[prost(int32, tag = "3")]
    pub page_size: i32,
    /// Where the page before ended; empty for the first.
    #[prost(bytes = "vec", tag = "4")]
    pub page_token: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "5")]
    pub signed_at_ms: i64,
}

/// Says that a login was not the subscriber's.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ReportStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// The number of the login's entry in the history.
    #[prost(int64, tag = "2")]
    pub entry_seq: i64,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

/// What a page is of. The numbers are those of `Page` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Page {
    /// The history.
    History = 1,
    /// Messages in the app.
    Messages = 2,
}

/// A kind of statement: its domain and its bound.
pub trait Statement: Message + Default {
    /// What is signed before the statement, so that no statement passes for one of another kind.
    const DOMAIN: &'static [u8];
    /// The most bytes it may have.
    const BYTES_MAX: usize;
}

impl Statement for ActivationStatement {
    const DOMAIN: &'static [u8] = b"godkend activation v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for OpenStatement {
    const DOMAIN: &'static [u8] = b"godkend open v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for ApprovalStatement {
    const DOMAIN: &'static [u8] = b"godkend approval v1\0";
    const BYTES_MAX: usize = 8_192;
}

impl Statement for PinChangeStatement {
    const DOMAIN: &'static [u8] = b"godkend pin change v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for PinResetStatement {
    const DOMAIN: &'static [u8] = b"godkend pin reset v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for BlockStatement {
    const DOMAIN: &'static [u8] = b"godkend block v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for ReadStatement {
    const DOMAIN: &'static [u8] = b"godkend read v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for ReportStatement {
    const DOMAIN: &'static [u8] = b"godkend report v1\0";
    const BYTES_MAX: usize = 512;
}

/// What the subscriber decided. The numbers are those of `Decision` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Decision {
    /// Slid to approve.
    Approve = 1,
    /// Said no.
    Reject = 2,
}

/// How the phone knew its holder. The numbers are those of `UserVerification` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum UserVerification {
    /// By the PIN.
    Pin = 1,
    /// By its own biometrics.
    Biometrics = 2,
    /// Not at all; enough to reject.
    None = 3,
}

impl UserVerification {
    /// Reads a number of the proto enum.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `statement`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Pin),
            2 => Ok(Self::Biometrics),
            3 => Ok(Self::None),
            _ => Err(Error::invalid("statement", "must have a user_verification")),
        }
    }
}

/// Bytes as signed, read but not yet verified.
pub struct Signed<S> {
    /// What the bytes say, if the signature holds.
    statement: S,
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

impl<S: Statement> Signed<S> {
    /// Reads a statement.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `statement`.
    pub fn parse(bytes: Vec<u8>, signature: Vec<u8>) -> Result<Self> {
        if bytes.is_empty() || bytes.len() > S::BYTES_MAX {
            return Err(Error::invalid(
                "statement",
                format!("must be 1 to {} bytes", S::BYTES_MAX),
            ));
        }
        let statement = S::decode(bytes.as_slice()).map_err(|_| {
            Error::invalid("statement", "must be a serialised statement of its kind")
        })?;
        Ok(Self { statement, bytes, signature })
    }

    /// What the bytes claim, for looking up the key to verify them with. Nothing else may rest on it.
    #[must_use]
    pub const fn claimed(&self) -> &S {
        &self.statement
    }

    /// Verifies the signature over the bytes as received.
    ///
    /// # Errors
    /// Denied with `SIGNATURE_INVALID`.
    pub fn verify(self, key: &PublicKey) -> Result<Verified<S>> {
        key.verify(S::DOMAIN, &self.bytes, &self.signature)?;
        let Self { statement, bytes, signature } = self;
        Ok(Verified { statement, bytes, signature })
    }
}

/// A statement whose signature holds. There is no other way to make one.
pub struct Verified<S> {
    statement: S,
    bytes: Vec<u8>,
    signature: Vec<u8>,
}

impl<S> Verified<S> {
    /// What was signed.
    #[must_use]
    pub const fn statement(&self) -> &S {
        &self.statement
    }

    /// The bytes that were signed, for the history.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The signature that holds over them, for the receipt.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Reads an id out of a statement.
///
/// # Errors
/// [`Error::Invalid`] naming `statement`.
pub fn id(bytes: &[u8]) -> Result<Id> {
    bytes.try_into().map_err(|_| Error::invalid("statement", "must hold ids of 16 bytes"))
}

/// Compares each field of an approval with the login that it is for.
///
/// # Errors
/// Denied with the reason of the first field that differs; nothing is spent.
pub fn check(
    statement: &ApprovalStatement,
    login: &Login,
    authenticator_id: &Id,
    decision: Decision,
) -> Result<()> {
    let expect = |holds: bool, reason| {
        if holds { Ok(()) } else { Err(Error::denied(reason)) }
    };
    // Device and login were looked up by what the statement names; should that ever change, fail closed.
    expect(statement.authenticator_id == authenticator_id, Reason::SignatureInvalid)?;
    expect(statement.login_id == login.id, Reason::LoginNotFound)?;
    expect(statement.challenge == login.challenge, Reason::StatementWrongChallenge)?;
    expect(
        statement.service_provider == login.service_provider,
        Reason::StatementWrongServiceProvider,
    )?;
    expect(statement.text == login.text, Reason::StatementWrongText)?;
    signing::check(statement.document.as_ref(), login.document.as_ref())?;
    expect(statement.decision == decision as i32, Reason::StatementWrongDecision)
}

/// Whether a statement that carries the phone's time was made just now.
///
/// # Errors
/// Denied with `STATEMENT_EXPIRED`.
pub const fn fresh(signed_at: Millis, skew_ms: u64, now: Millis) -> Result<()> {
    if now.abs_diff(signed_at) > skew_ms {
        return Err(Error::denied(Reason::StatementExpired));
    }
    Ok(())
}
