//! What the old and the new phone sign on the way to a copy, as [`crate::approval`] verifies it.
//!
//! Each step has a domain of its own, so that no statement of one step, or of a login, passes for another.
//! Messages and domains are those of `statement.proto`.

use prost::Message;

use crate::approval::Statement;

/// Asks, from the old app, for a copy on another phone.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyRequestStatement {
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

/// Says, from the old app, after the wait: I still want this copy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyConfirmationStatement {
    /// The signing device.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// Which copy.
    #[prost(bytes = "vec", tag = "2")]
    pub copy_id: Vec<u8>,
    /// Fresh random bytes; each statement counts once.
    #[prost(bytes = "vec", tag = "3")]
    pub attempt_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "4")]
    pub signed_at_ms: i64,
}

/// Says, from the new phone: I, with this key, scanned this code.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyScanStatement {
    /// The code as scanned.
    #[prost(string, tag = "1")]
    pub code: String,
    /// The key that signs.
    #[prost(bytes = "vec", tag = "2")]
    pub public_key: Vec<u8>,
}

/// Proves, at the end, possession of the new phone's key.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyFinishStatement {
    /// Which copy.
    #[prost(bytes = "vec", tag = "1")]
    pub copy_id: Vec<u8>,
    /// The server's challenge.
    #[prost(bytes = "vec", tag = "2")]
    pub challenge: Vec<u8>,
    /// Fresh random bytes for each attempt.
    #[prost(bytes = "vec", tag = "3")]
    pub attempt_id: Vec<u8>,
}

/// Asks where a copy is.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyQueryStatement {
    /// The signing device; empty for the new phone.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// Which copy; empty for the newest of the signing device's subscriber.
    #[prost(bytes = "vec", tag = "2")]
    pub copy_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

/// Ends a copy.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct CopyStopStatement {
    /// The signing device; empty for the new phone.
    #[prost(bytes = "vec", tag = "1")]
    pub authenticator_id: Vec<u8>,
    /// Which copy.
    #[prost(bytes = "vec", tag = "2")]
    pub copy_id: Vec<u8>,
    /// The phone's clock.
    #[prost(int64, tag = "3")]
    pub signed_at_ms: i64,
}

impl Statement for CopyRequestStatement {
    const DOMAIN: &'static [u8] = b"godkend copy request v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for CopyConfirmationStatement {
    const DOMAIN: &'static [u8] = b"godkend copy confirmation v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for CopyScanStatement {
    const DOMAIN: &'static [u8] = b"godkend copy scan v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for CopyFinishStatement {
    const DOMAIN: &'static [u8] = b"godkend copy finish v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for CopyQueryStatement {
    const DOMAIN: &'static [u8] = b"godkend copy query v1\0";
    const BYTES_MAX: usize = 512;
}

impl Statement for CopyStopStatement {
    const DOMAIN: &'static [u8] = b"godkend copy stop v1\0";
    const BYTES_MAX: usize = 512;
}
