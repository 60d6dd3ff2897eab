//! The ways back: what somebody may have lost, and what gives it back to them.
//!
//! Invariant: each way rests on a proof of its own, which is named when it is taken and kept in the
//! history.

use crate::self_service::Session;

/// What a way back rests on. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Means {
    /// Support identified the subscriber: document number and questions from the register.
    Support = 1,
    /// The subscriber is signed in to a self-service site, by another authenticator.
    SignedIn = 2,
    /// A passport was read and the face compared.
    Passport = 3,
    /// The app that is being copied: its PIN, twice.
    Copying = 4,
}

impl Means {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Support,
            2 => Self::SignedIn,
            3 => Self::Passport,
            4 => Self::Copying,
            _ => return None,
        })
    }

    /// The name in the history.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Support => "support",
            Self::SignedIn => "signed_in",
            Self::Passport => "passport",
            Self::Copying => "copying",
        }
    }
}

/// The proof that a caller gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Where the proof is kept that support or a passport gave: the number of a case, never of a document.
    Evidence(Means, String),
    /// The subscriber's session at the site that asks.
    SignedIn(Session),
}
