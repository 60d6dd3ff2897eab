//! The ways back: what somebody has lost, what gives it back to them, and who is told.
//!
//! Invariant: each way rests on a proof of its own, which is named in the history, and each is told to the
//! subscriber on all channels by the event that it leaves; a key card once it is printed, for cards are also
//! ordered without anybody asking. [`ROUTES`] is the whole of it; who may make the calls stands in the service's
//! table of roles, and what is told in that of notices, which a test compares with this one.

use crate::error::{Error, Reason, Result};
use crate::event::kind;
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
    /// An officer at a desk identified the subscriber.
    Desk = 5,
    /// The signature of one of the subscriber's own apps.
    Device = 6,
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
            5 => Self::Desk,
            6 => Self::Device,
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
            Self::Desk => "desk",
            Self::Device => "device",
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

/// What may be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The user ID.
    UserId,
    /// The PIN of an app that is still there.
    Pin,
    /// The password of a display or reader.
    Password,
    /// A key card.
    KeyCard,
    /// An app, or the phone that it was on.
    App,
    /// Whatever is in somebody else's hands now.
    Stolen,
    /// The use of what was blocked.
    Blocked,
}

impl Lost {
    /// The name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UserId => "user_id",
            Self::Pin => "pin",
            Self::Password => "password",
            Self::KeyCard => "key_card",
            Self::App => "app",
            Self::Stolen => "stolen",
            Self::Blocked => "blocked",
        }
    }
}

/// One way back.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// What was lost.
    pub lost: Lost,
    /// What the way rests on.
    pub means: Means,
    /// The call that begins it.
    pub call: &'static str,
    /// The event by which the subscriber is told; `None` if nothing changes and nobody else is told anything.
    pub notifies: Option<&'static str>,
}

const fn route(lost: Lost, means: Means, call: &'static str, notifies: &'static str) -> Route {
    Route { lost, means, call, notifies: Some(notifies) }
}

/// Every way back there is.
pub const ROUTES: &[Route] = &[
    route(Lost::UserId, Means::Passport, "PassportService/RecoverUserId", kind::PASSPORT_ACCEPTED),
    route(Lost::UserId, Means::Support, "RecoveryService/FindUserId", kind::USER_ID_FOUND),
    Route {
        lost: Lost::UserId,
        means: Means::SignedIn,
        call: "IdentityService/GetIdentity",
        notifies: None,
    },
    route(
        Lost::Pin,
        Means::Support,
        "RecoveryService/OrderTemporaryPin",
        kind::TEMPORARY_PIN_ISSUED,
    ),
    route(
        Lost::Pin,
        Means::SignedIn,
        "RecoveryService/OrderTemporaryPin",
        kind::TEMPORARY_PIN_ISSUED,
    ),
    route(Lost::Pin, Means::Passport, "PassportService/RecoverPin", kind::TEMPORARY_PIN_ISSUED),
    route(Lost::Password, Means::SignedIn, "DisplayService/SetPassword", kind::PASSWORD_SET),
    route(Lost::Password, Means::Support, "DisplayService/SetPassword", kind::PASSWORD_SET),
    route(Lost::Password, Means::Desk, "DisplayService/SetPassword", kind::PASSWORD_SET),
    route(Lost::KeyCard, Means::SignedIn, "KeyCardService/OrderKeyCard", kind::KEY_CARD_ORDERED),
    route(Lost::KeyCard, Means::Desk, "KeyCardService/OrderKeyCard", kind::KEY_CARD_ORDERED),
    route(Lost::App, Means::Passport, "PassportService/RecoverApp", kind::ACTIVATION_CODE_ISSUED),
    route(
        Lost::App,
        Means::SignedIn,
        "IdentityService/IssueActivationCode",
        kind::ACTIVATION_CODE_ISSUED,
    ),
    route(
        Lost::App,
        Means::Desk,
        "IdentityService/IssueActivationCode",
        kind::ACTIVATION_CODE_ISSUED,
    ),
    route(Lost::Stolen, Means::Device, "RecoveryService/BlockByDevice", kind::IDENTITY_BLOCKED),
    route(Lost::Stolen, Means::SignedIn, "IdentityService/BlockIdentity", kind::IDENTITY_BLOCKED),
    route(Lost::Stolen, Means::Support, "IdentityService/BlockIdentity", kind::IDENTITY_BLOCKED),
    route(Lost::Stolen, Means::Desk, "IdentityService/BlockIdentity", kind::IDENTITY_BLOCKED),
    route(Lost::Blocked, Means::Desk, "IdentityService/UnblockIdentity", kind::IDENTITY_UNBLOCKED),
];

/// Whether there is such a way back.
///
/// # Errors
/// Denied with `ROLE_FORBIDDEN`.
pub fn expect_route(lost: Lost, means: Means) -> Result<()> {
    let found = ROUTES.iter().any(|route| route.lost == lost && route.means == means);
    if found { Ok(()) } else { Err(Error::denied(Reason::RoleForbidden)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(lost: Lost) -> Vec<Means> {
        ROUTES.iter().filter(|route| route.lost == lost).map(|route| route.means).collect()
    }

    #[test]
    fn the_table_is_the_domains() {
        use Means::{Desk, Device, Passport, SignedIn, Support};
        assert_eq!(ways(Lost::UserId), [Passport, Support, SignedIn]);
        assert_eq!(ways(Lost::Pin), [Support, SignedIn, Passport]);
        assert_eq!(ways(Lost::Password), [SignedIn, Support, Desk]);
        assert_eq!(ways(Lost::KeyCard), [SignedIn, Desk]);
        assert_eq!(ways(Lost::App), [Passport, SignedIn, Desk]);
        assert_eq!(ways(Lost::Stolen), [Device, SignedIn, Support, Desk]);
        assert_eq!(ways(Lost::Blocked), [Desk]);
    }

    #[test]
    fn only_a_desk_unblocks_and_support_opens_no_new_phone() {
        assert!(expect_route(Lost::Blocked, Means::Support).is_err());
        assert!(expect_route(Lost::App, Means::Support).is_err());
        assert!(expect_route(Lost::Pin, Means::Support).is_ok());
    }

    #[test]
    fn whatever_changes_something_is_told() {
        for route in ROUTES {
            assert!(route.notifies.is_some() || route.lost == Lost::UserId, "{route:?}");
        }
    }

    #[test]
    fn a_stored_number_comes_back() {
        for number in 1..=6 {
            let means = Means::from_number(number).unwrap();
            assert_eq!(means as i64, number);
        }
        assert_eq!(Means::from_number(7), None);
    }
}
