//! Levels of assurance: what a login is worth.
//!
//! A login's level is the lower of how well the identity was proved (IAL) and how the login was
//! authenticated (AAL). Invariant: the level that is claimed comes from what was really used, and a login
//! that cannot reach the front-end's minimum is refused before the subscriber is asked for anything.
//!
//! | Used in the login | AAL |
//! |---|---|
//! | password alone | Low |
//! | one-time code of a display or reader, with password | Substantial |
//! | key of a key card, with password | Substantial |
//! | app: device key with PIN or biometrics | Substantial |
//! | app enrolled at High | High |
//!
//! An app is enrolled at High if, when it is activated, its identity is proved at High and the registrar
//! that issued the code has vouched for **this** key: that it verified the phone's attestation of a key
//! held by hardware. Any other key that comes with the same code is enrolled at Substantial, and so is
//! every app of which nothing is known.
//!
//! Sources: NSIS 2.0.1 section 3 and Commission Implementing Regulation (EU) 2015/1502 (levels), RFC 8176
//! (names of methods).

use crate::approval::UserVerification;
use crate::error::{Error, Reason, Result};

/// NSIS assurance levels, in order. The numbers are those of `AssuranceLevel` in proto.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// NSIS Low.
    Low = 1,
    /// NSIS Substantial.
    #[default]
    Substantial = 2,
    /// NSIS High.
    High = 3,
}

impl Level {
    /// Reads a number of the proto enum; 0 is Substantial.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `field`.
    pub fn parse(field: &'static str, number: i32) -> Result<Self> {
        match number {
            1 => Ok(Self::Low),
            0 | 2 => Ok(Self::Substantial),
            3 => Ok(Self::High),
            _ => Err(Error::invalid(field, "must be LOW, SUBSTANTIAL or HIGH")),
        }
    }

    /// The name in assertions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "Low",
            Self::Substantial => "Substantial",
            Self::High => "High",
        }
    }

    /// The class of a login of this level, for `acr`.
    #[must_use]
    pub const fn urn(self) -> &'static str {
        match self {
            Self::Low => "urn:godkend:nsis:low",
            Self::Substantial => "urn:godkend:nsis:substantial",
            Self::High => "urn:godkend:nsis:high",
        }
    }
}

/// How an app became an authenticator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Enrolment {
    /// The level that it authenticates at.
    pub level: Level,
    /// Whether a registrar has vouched that hardware holds its key.
    pub hardware_key: bool,
}

impl Enrolment {
    /// The enrolment of an app of an identity that was proved at `identity`.
    #[must_use]
    pub const fn of(identity: Level, hardware_key: bool) -> Self {
        let level = match (identity, hardware_key) {
            (Level::High, true) => Level::High,
            _ => Level::Substantial,
        };
        Self { level, hardware_key }
    }
}

/// What a login was authenticated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Used {
    /// An app, and how it knew its holder.
    App(Enrolment, UserVerification),
    /// The one-time code of a display or reader, and the password.
    Display,
    /// The key of a key card, and the password.
    KeyCard,
    /// The password alone.
    Password,
}

impl Used {
    /// The level that it authenticates at (AAL).
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::App(enrolment, UserVerification::Pin | UserVerification::Biometrics) => {
                enrolment.level
            }
            Self::Display | Self::KeyCard => Level::Substantial,
            Self::App(_, UserVerification::None) | Self::Password => Level::Low,
        }
    }

    /// Its names in `amr`. Of a key of which nothing is known only its possession is claimed (`pop`); which
    /// biometrics a phone used it does not tell (`user`).
    #[must_use]
    pub fn methods(self) -> Vec<&'static str> {
        match self {
            Self::App(enrolment, how) => {
                let key = if enrolment.hardware_key { "hwk" } else { "pop" };
                match how {
                    UserVerification::Pin => vec![key, "pin", "mfa"],
                    UserVerification::Biometrics => vec![key, "user", "mfa"],
                    UserVerification::None => vec![key],
                }
            }
            Self::Display | Self::KeyCard => vec!["otp", "pwd", "mfa"],
            Self::Password => vec!["pwd"],
        }
    }
}

/// The level of a login of an identity proved at `identity` and authenticated at `authenticated`, if it is
/// enough.
///
/// # Errors
/// Denied with `LEVEL_TOO_LOW` below `least`.
pub fn reach(identity: Level, authenticated: Level, least: Level) -> Result<Level> {
    let reached = identity.min(authenticated);
    if reached < least { Err(Error::denied(Reason::LevelTooLow)) } else { Ok(reached) }
}

#[cfg(test)]
mod tests {
    use super::Level::{High, Low, Substantial};
    use super::UserVerification::{Biometrics, None, Pin};
    use super::*;

    #[test]
    fn an_app_is_enrolled_at_high_with_a_high_identity_and_a_vouched_key_and_not_otherwise() {
        for identity in [Low, Substantial, High] {
            for hardware_key in [false, true] {
                let enrolled = Enrolment::of(identity, hardware_key);
                let expected = if identity == High && hardware_key { High } else { Substantial };
                assert_eq!(enrolled, Enrolment { level: expected, hardware_key }, "{identity:?}");
            }
        }
        assert_eq!(Enrolment::default(), Enrolment { level: Substantial, hardware_key: false });
    }

    #[test]
    fn each_way_of_logging_in_has_its_level_and_its_names() {
        let (plain, high) = (Enrolment::default(), Enrolment::of(High, true));
        for (used, level, methods) in [
            (Used::Password, Low, vec!["pwd"]),
            (Used::Display, Substantial, vec!["otp", "pwd", "mfa"]),
            (Used::KeyCard, Substantial, vec!["otp", "pwd", "mfa"]),
            (Used::App(plain, Pin), Substantial, vec!["pop", "pin", "mfa"]),
            (Used::App(plain, Biometrics), Substantial, vec!["pop", "user", "mfa"]),
            (Used::App(high, Pin), High, vec!["hwk", "pin", "mfa"]),
            (Used::App(high, Biometrics), High, vec!["hwk", "user", "mfa"]),
            (Used::App(high, None), Low, vec!["hwk"]),
        ] {
            assert_eq!((used.level(), used.methods()), (level, methods), "{used:?}");
        }
    }

    #[test]
    fn a_login_reaches_the_lower_of_the_two_and_no_less_than_was_asked() {
        let levels = [Low, Substantial, High];
        for identity in levels {
            for authenticated in levels {
                let lower = identity.min(authenticated);
                for least in levels {
                    let reached = reach(identity, authenticated, least);
                    assert_eq!(reached.ok(), (lower >= least).then_some(lower));
                }
            }
        }
    }

    #[test]
    fn levels_are_read_and_named() {
        for (number, level) in [(0, Substantial), (1, Low), (2, Substantial), (3, High)] {
            assert_eq!(Level::parse("level", number), Ok(level));
            assert_eq!(level.urn(), format!("urn:godkend:nsis:{}", level.name().to_lowercase()));
        }
        assert!(Level::parse("level", 4).is_err() && Level::parse("level", -1).is_err());
    }
}
