//! A code display or audio code reader: from stock to its owner, and out of use again.
//!
//! Invariant: an identity has at most one active display. One that is assigned waits for a code from it,
//! which shows that it arrived; the one in use works until then, and is replaced in that moment. What is
//! lost or replaced never comes back: a seed that was out of sight is one that somebody may know.

use crate::Id;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::otp::{Algorithm, Factor, Progress, Seed};

const SERIAL_NUMBER_CHARS_MAX: usize = 40;
const SEED_DOMAIN: &[u8] = b"godkend display seed v1\0";

/// What it is. The numbers are those of `DisplayKind` in proto.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Shows its codes.
    CodeDisplay = 1,
    /// Speaks its codes.
    AudioCodeReader = 2,
}

impl Kind {
    /// Reads a number of the proto enum; 0 is a code display.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `kind`.
    pub fn parse(number: i32) -> Result<Self> {
        match number {
            0 | 1 => Ok(Self::CodeDisplay),
            2 => Ok(Self::AudioCodeReader),
            _ => Err(Error::invalid("kind", "must be CODE_DISPLAY or AUDIO_CODE_READER")),
        }
    }
}

/// Where it is. The numbers are those of `DisplayState` in proto; they only ever rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Nobody's yet.
    InStock = 1,
    /// On its way to somebody.
    Assigned = 2,
    /// In use.
    Active = 3,
    /// Reported lost.
    Lost = 4,
    /// Another one took its place.
    Replaced = 5,
}

impl State {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::InStock,
            2 => Self::Assigned,
            3 => Self::Active,
            4 => Self::Lost,
            5 => Self::Replaced,
            _ => return None,
        })
    }
}

/// A code display or audio code reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// Its name in the store, from its serial number.
    pub id: Id,
    /// What is printed on it, in capitals.
    pub serial_number: String,
    /// What it is.
    pub kind: Kind,
    /// Its hash function.
    pub algorithm: Algorithm,
    /// What it counts.
    pub factor: Factor,
    /// Its secret, sealed.
    pub seed: Vec<u8>,
    /// Where it is.
    pub state: State,
    /// Whose it is, once it is assigned.
    pub identity_id: Option<Id>,
    /// How far its codes have come.
    pub progress: Progress,
    /// When it came into stock.
    pub imported_at: Millis,
    /// When `state` became what it is.
    pub changed_at: Millis,
}

impl Display {
    /// Whether this identity may do something with it.
    ///
    /// # Errors
    /// Denied with `DISPLAY_NOT_FOUND`, as if it did not exist.
    pub fn expect_of(&self, identity_id: &Id) -> Result<()> {
        if self.identity_id.as_ref() == Some(identity_id) {
            Ok(())
        } else {
            Err(Error::denied(Reason::DisplayNotFound))
        }
    }

    /// Sends it to somebody.
    ///
    /// # Errors
    /// Denied with `DISPLAY_NOT_USABLE` unless it is in stock.
    pub fn assign(&mut self, identity_id: Id, now: Millis) -> Result<()> {
        self.expect(&[State::InStock])?;
        self.identity_id = Some(identity_id);
        self.enter(State::Assigned, now);
        Ok(())
    }

    /// Puts it into use: a code from it has come.
    ///
    /// # Errors
    /// Denied with `DISPLAY_NOT_USABLE` unless it is assigned, or in use already.
    pub fn activate(&mut self, now: Millis) -> Result<()> {
        self.expect(&[State::Assigned, State::Active])?;
        if self.state == State::Assigned {
            self.enter(State::Active, now);
        }
        Ok(())
    }

    /// Takes it out of use for good. Taking it out again changes nothing.
    pub fn retire(&mut self, state: State, now: Millis) {
        if self.state < State::Lost {
            self.enter(state, now);
        }
    }

    /// Opens its seed.
    ///
    /// # Errors
    /// A fault if it is damaged or belongs to another display.
    pub fn open_seed(&self, keys: &Keys) -> Result<Seed> {
        let opened = keys.open(&associated_data(&self.id), &self.seed)?;
        let damaged = |_| Error::fault(Reason::StoreFault, "a seed of an impossible length");
        Seed::new(opened.plaintext.to_vec()).map_err(damaged)
    }

    fn expect(&self, states: &[State]) -> Result<()> {
        if states.contains(&self.state) {
            Ok(())
        } else {
            Err(Error::denied(Reason::DisplayNotUsable))
        }
    }

    fn enter(&mut self, state: State, now: Millis) {
        self.state = state;
        self.changed_at = now;
    }
}

/// Seals a seed for the display with this id.
///
/// # Errors
/// A fault of the keys.
pub fn seal_seed(keys: &Keys, id: &Id, seed: &Seed) -> Result<Vec<u8>> {
    keys.seal(&associated_data(id), seed.as_bytes())
}

/// A seed that no display has, for a look that must cost what others cost.
///
/// # Errors
/// Never; that it could be fewer bytes than a seed has is known to the compiler only.
pub fn phantom_seed(keys: &Keys, door: &Id) -> Result<Seed> {
    Seed::new(keys.derive(b"godkend phantom seed v1", &[door]).to_vec())
}

fn associated_data(id: &Id) -> Vec<u8> {
    [SEED_DOMAIN, id].concat()
}

/// Checks a serial number; case, spaces and hyphens do not matter.
///
/// # Errors
/// [`Error::Invalid`] naming `serial_number`.
pub fn serial_number(text: &str) -> Result<String> {
    let invalid = || Error::invalid("serial_number", "must be 1 to 40 letters and digits");
    if text.len() > 4 * SERIAL_NUMBER_CHARS_MAX {
        return Err(invalid());
    }
    let serial: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let formed = (1..=SERIAL_NUMBER_CHARS_MAX).contains(&serial.len())
        && serial.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if formed { Ok(serial.to_ascii_uppercase()) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANNA: Id = [7; 16];

    fn display(keys: &Keys) -> Display {
        let seed = Seed::new(vec![1; 20]).unwrap();
        Display {
            id: [1; 16],
            serial_number: "A1".to_owned(),
            kind: Kind::CodeDisplay,
            algorithm: Algorithm::Sha1,
            factor: Factor::Counter,
            seed: seal_seed(keys, &[1; 16], &seed).unwrap(),
            state: State::InStock,
            identity_id: None,
            progress: Progress::default(),
            imported_at: 0,
            changed_at: 0,
        }
    }

    #[test]
    fn a_display_goes_from_stock_into_use_and_never_comes_back() {
        let keys = Keys::generate().unwrap();
        let mut it = display(&keys);
        assert!(it.activate(1).is_err());
        it.assign(ANNA, 1).unwrap();
        assert!(it.assign([8; 16], 2).is_err());
        it.activate(2).unwrap();
        it.activate(3).unwrap();
        assert_eq!((it.state, it.changed_at), (State::Active, 2));
        for state in [State::Lost, State::Replaced] {
            let mut it = it.clone();
            it.retire(state, 4);
            it.retire(State::Replaced, 5);
            assert_eq!((it.state, it.changed_at), (state, 4));
            assert!(it.activate(6).is_err() && it.assign(ANNA, 6).is_err());
        }
    }

    #[test]
    fn a_display_is_nobody_elses() {
        let mut it = display(&Keys::generate().unwrap());
        assert!(it.expect_of(&ANNA).is_err());
        it.assign(ANNA, 1).unwrap();
        assert!(it.expect_of(&ANNA).is_ok() && it.expect_of(&[8; 16]).is_err());
    }

    #[test]
    fn a_seed_of_another_display_is_a_fault() {
        let keys = Keys::generate().unwrap();
        let it = display(&keys);
        assert_eq!(it.open_seed(&keys).unwrap().as_bytes(), [1; 20]);
        let swapped = Display { id: [2; 16], ..it };
        assert!(matches!(swapped.open_seed(&keys), Err(Error::Fault { .. })));
    }

    #[test]
    fn serial_numbers_at_their_edges() {
        assert_eq!(serial_number("ab-12 34").unwrap(), "AB1234");
        assert!(serial_number(&"1".repeat(40)).is_ok());
        for refused in ["", "-", "1\n", "12_3", "é", &"1".repeat(41)] {
            assert!(serial_number(refused).is_err(), "{refused:?}");
        }
    }
}
