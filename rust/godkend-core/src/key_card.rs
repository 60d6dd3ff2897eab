//! A key card: paper with numbered one-time codes, each called a key.
//!
//! A login shows a number, and its holder types the code beside it; each key is used once, in one batch or in
//! ten years. Numbers and codes are derived from the server's key and the card's id: the store holds which
//! keys are used and nothing of any code. Invariants: an identity has at most one card in use and at most one
//! that is on its way; a card only ever moves on, so that what was lost or replaced never comes back.
//!
//! Which key a login asks for is picked by a keyed digest of the user ID and the day: it stays the same, however
//! many logins are started, until that key is used or the day is over. So whoever has seen one code of a card
//! cannot start logins until its number comes up. For a user ID that nobody has, that is blocked or has no card,
//! the same is done with the whole of an imaginary card. **What is left**: a number that changes within a day
//! tells that the user ID has a card and that somebody has just logged in with it; and who asks every day for
//! months sees that the numbers of an imaginary card come again, and those of a real one never. Both take logins
//! that are started for that user ID, which budgets bound, and neither helps to guess a code.
//!
//! Source: the public descriptions of NemID: 148 numbers of four digits, each beside a code of six. The next
//! card is ordered when 20 are left: at three logins a week some seven weeks for printer and post.

use crate::Id;
use crate::civil::Date;
use crate::clock::Millis;
use crate::error::{Error, Reason, Result};
use crate::keys::Keys;
use crate::otp::Code;
use crate::policy::KeyCardPolicy;

/// The most keys that a card can have.
pub const KEYS_MAX: u16 = 500;

/// Where a card is. The numbers are those of `KeyCardState` in proto; they only ever rise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum State {
    /// Waits to be printed.
    Ordered = 1,
    /// Printed, and on its way.
    Sent = 2,
    /// In use.
    Active = 3,
    /// Its last key was used.
    UsedUp = 4,
    /// Reported lost.
    Lost = 5,
    /// Another one took its place.
    Replaced = 6,
}

impl State {
    /// Reads a stored number.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Ordered,
            2 => Self::Sent,
            3 => Self::Active,
            4 => Self::UsedUp,
            5 => Self::Lost,
            6 => Self::Replaced,
            _ => return None,
        })
    }
}

/// Which keys of a card are used: a bit for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsedKeys(Vec<u8>);

impl UsedKeys {
    fn none(keys: u16) -> Self {
        Self(vec![0; usize::from(keys).div_ceil(8)])
    }

    /// Reads what is stored of a card with so many keys; `None` if it does not fit.
    #[must_use]
    pub fn from_stored(bytes: Vec<u8>, keys: u16) -> Option<Self> {
        (bytes.len() == usize::from(keys).div_ceil(8)).then_some(Self(bytes))
    }

    /// As it is stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    fn has(&self, key: u16) -> bool {
        let byte = self.0.get(usize::from(key / 8));
        byte.is_none_or(|byte| byte & (1 << (key % 8)) != 0)
    }

    fn add(&mut self, key: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(key / 8)) {
            *byte |= 1 << (key % 8);
        }
    }
}

/// A key card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCard {
    /// What its keys are derived from.
    pub id: Id,
    /// Whose it is.
    pub identity_id: Id,
    /// Where it is.
    pub state: State,
    /// How many keys it has.
    pub keys: u16,
    /// Which of them are used.
    pub used: UsedKeys,
    /// The request that fetched its content.
    pub printed_by: Option<Id>,
    /// When it was ordered.
    pub ordered_at: Millis,
    /// When `state` became what it is.
    pub changed_at: Millis,
}

/// A key as it is printed. No `Debug`: whoever holds it can use it.
pub struct Key {
    /// Four digits.
    pub number: u16,
    /// Six digits.
    pub code: u32,
}

impl KeyCard {
    /// A card that waits to be printed.
    #[must_use]
    pub fn ordered(id: Id, identity_id: Id, policy: &KeyCardPolicy, now: Millis) -> Self {
        Self {
            id,
            identity_id,
            state: State::Ordered,
            keys: policy.keys,
            used: UsedKeys::none(policy.keys),
            printed_by: None,
            ordered_at: now,
            changed_at: now,
        }
    }

    /// A card that nobody has, for a look that must cost what others cost.
    #[must_use]
    pub fn imaginary(keys: &Keys, door: &Id, policy: &KeyCardPolicy) -> Self {
        let tag = keys.derive(b"godkend imaginary key card v1", &[door]);
        Self::ordered(tag.first_chunk().copied().unwrap_or_default(), [0; 16], policy, 0)
    }

    /// What is printed on it to tell it from others: a letter and nine digits. It says nothing of its keys.
    #[must_use]
    pub fn card_number(&self) -> String {
        let draw = u128::from_be_bytes(self.id);
        let letter = char::from(b'A' + u8::try_from(draw % 26).unwrap_or(0));
        let digits = format!("{:09}", draw / 26 % 1_000_000_000);
        let (first, rest) = digits.split_at(3);
        let (second, third) = rest.split_at(3);
        format!("{letter}{first}-{second}-{third}")
    }

    /// Whether it is on its way to its owner.
    #[must_use]
    pub fn is_next(&self) -> bool {
        self.state < State::Active
    }

    /// Whether this identity may do something with it.
    ///
    /// # Errors
    /// Denied with `KEY_CARD_NOT_FOUND`, as if it did not exist.
    pub fn expect_of(&self, identity_id: &Id) -> Result<()> {
        if self.identity_id == *identity_id {
            Ok(())
        } else {
            Err(Error::denied(Reason::KeyCardNotFound))
        }
    }

    /// Hands its content out to be printed: to one request, as often as that one asks before the card is
    /// used. So an answer that was lost is given again, and nobody else gets a second copy.
    ///
    /// # Errors
    /// Denied with `KEY_CARD_PRINTED` for another request, or `KEY_CARD_NOT_USABLE` from its use on.
    pub fn print(&mut self, request: Id, now: Millis) -> Result<()> {
        match self.state {
            State::Ordered => {
                self.printed_by = Some(request);
                self.enter(State::Sent, now);
                Ok(())
            }
            State::Sent if self.printed_by == Some(request) => Ok(()),
            State::Sent => Err(Error::denied(Reason::KeyCardPrinted)),
            _ => Err(Error::denied(Reason::KeyCardNotUsable)),
        }
    }

    /// Puts it into use; in use already, it stays so.
    ///
    /// # Errors
    /// Denied with `KEY_CARD_NOT_USABLE` unless it was sent.
    pub fn activate(&mut self, now: Millis) -> Result<()> {
        match self.state {
            State::Sent => {
                self.enter(State::Active, now);
                Ok(())
            }
            State::Active => Ok(()),
            _ => Err(Error::denied(Reason::KeyCardNotUsable)),
        }
    }

    /// Uses a key up; the last one uses up the card.
    pub fn use_key(&mut self, key: u16, now: Millis) {
        self.used.add(key);
        if self.keys_left() == 0 {
            self.enter(State::UsedUp, now);
        }
    }

    /// Takes it out of use for good. Taking it out again changes nothing.
    pub fn retire(&mut self, state: State, now: Millis) {
        if self.state < State::UsedUp {
            self.enter(state, now);
        }
    }

    /// How many keys are unused.
    #[must_use]
    pub fn keys_left(&self) -> u16 {
        u16::try_from(self.unused().count()).unwrap_or(0)
    }

    /// The key that a login of this user ID asks for on this day; `None` if all are used.
    #[must_use]
    pub fn pick(&self, keys: &Keys, user_id_canonical: &str, day: Date) -> Option<u16> {
        let day = day.to_string();
        self.pick_by(
            &keys.derive(b"godkend key pick v1", &[user_id_canonical.as_bytes(), day.as_bytes()]),
        )
    }

    /// The key that shows that the card arrived.
    #[must_use]
    pub fn pick_for_activation(&self, keys: &Keys) -> Option<u16> {
        self.pick_by(&keys.derive(b"godkend key pick activation v1", &[&self.id]))
    }

    fn pick_by(&self, tag: &[u8; 32]) -> Option<u16> {
        let unused: Vec<u16> = self.unused().collect();
        let draw = draws(tag).next()?;
        let at = draw.checked_rem(u64::try_from(unused.len()).ok()?)?;
        unused.get(usize::try_from(at).ok()?).copied()
    }

    fn unused(&self) -> impl Iterator<Item = u16> {
        (0..self.keys).filter(|&key| !self.used.has(key))
    }

    /// The number printed beside a key.
    #[must_use]
    pub fn number(&self, keys: &Keys, key: u16) -> u16 {
        self.numbers(keys).get(usize::from(key)).copied().unwrap_or_default()
    }

    /// Whether this is the code of a key. The caller has charged a try.
    #[must_use]
    pub fn is_code(&self, keys: &Keys, key: u16, tried: &Code) -> bool {
        tried.is(self.code(keys, key))
    }

    /// What is printed, in the order of the numbers.
    #[must_use]
    pub fn content(&self, keys: &Keys) -> Vec<Key> {
        let numbers = self.numbers(keys).into_iter();
        let mut content: Vec<Key> = (0..self.keys)
            .zip(numbers)
            .map(|(key, number)| Key { number, code: self.code(keys, key) })
            .collect();
        content.sort_unstable_by_key(|key| key.number);
        content
    }

    /// Six digits. 64 bits are drawn for them, so that no code is likelier than another by more than 10^-13.
    fn code(&self, keys: &Keys, key: u16) -> u32 {
        let tag = keys.derive(b"godkend key code v1", &[&self.id, &key.to_be_bytes()]);
        let draw = draws(&tag).next().unwrap_or_default();
        u32::try_from(draw % 1_000_000).unwrap_or_default()
    }

    /// The numbers of all keys: four digits each, no two the same.
    fn numbers(&self, keys: &Keys) -> Vec<u16> {
        let mut numbers = Vec::with_capacity(usize::from(self.keys));
        for block in 0_u32.. {
            let tag = keys.derive(b"godkend key numbers v1", &[&self.id, &block.to_be_bytes()]);
            for draw in draws(&tag) {
                if numbers.len() == usize::from(self.keys) {
                    return numbers;
                }
                let number = u16::try_from(draw % 10_000).unwrap_or_default();
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
        }
        numbers
    }

    fn enter(&mut self, state: State, now: Millis) {
        self.state = state;
        self.changed_at = now;
    }
}

fn draws(tag: &[u8; 32]) -> impl Iterator<Item = u64> {
    tag.as_chunks::<8>().0.iter().map(|bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ANNA: Id = [7; 16];
    const PRINTER: Id = [8; 16];

    fn card() -> KeyCard {
        KeyCard::ordered([1; 16], ANNA, &KeyCardPolicy::default(), 0)
    }

    fn day(day: u8) -> Date {
        Date::new(2022, 8, day).unwrap()
    }

    fn code(value: u32) -> Code {
        Code::parse(&format!("{value:06}")).unwrap()
    }

    #[test]
    fn a_card_goes_from_its_order_into_use_and_never_comes_back() {
        let mut it = card();
        assert!(it.is_next() && it.activate(1).is_err());
        it.print(PRINTER, 1).unwrap();
        assert!(it.is_next());
        it.activate(2).unwrap();
        it.activate(3).unwrap();
        assert_eq!((it.state, it.changed_at, it.is_next()), (State::Active, 2, false));
        for state in [State::Lost, State::Replaced] {
            let mut it = it.clone();
            it.retire(state, 4);
            it.retire(State::Lost, 5);
            assert_eq!((it.state, it.changed_at), (state, 4));
            assert!(it.activate(6).is_err() && it.print(PRINTER, 6).is_err());
        }
    }

    #[test]
    fn its_content_is_for_one_request_until_the_card_is_used() {
        let mut it = card();
        it.print(PRINTER, 1).unwrap();
        assert_eq!(it.print(PRINTER, 2), Ok(()));
        assert_eq!(it.changed_at, 1);
        assert_eq!(it.print([9; 16], 2), Err(Error::denied(Reason::KeyCardPrinted)));
        it.activate(3).unwrap();
        assert_eq!(it.print(PRINTER, 4), Err(Error::denied(Reason::KeyCardNotUsable)));
    }

    #[test]
    fn numbers_are_distinct_and_have_four_digits_and_codes_have_six() {
        let keys = Keys::generate().unwrap();
        for size in [10, 148, KEYS_MAX] {
            let policy = KeyCardPolicy { keys: size, ..KeyCardPolicy::default() };
            let content = KeyCard::ordered([2; 16], ANNA, &policy, 0).content(&keys);
            let numbers: BTreeSet<u16> = content.iter().map(|key| key.number).collect();
            assert_eq!((content.len(), numbers.len()), (usize::from(size), usize::from(size)));
            assert!(numbers.iter().all(|&number| number < 10_000));
            assert!(content.iter().all(|key| key.code < 1_000_000));
            assert!(content.windows(2).all(|pair| pair[0].number < pair[1].number));
        }
    }

    #[test]
    fn cards_and_servers_have_nothing_in_common() {
        let keys = Keys::generate().unwrap();
        let codes = |keys: &Keys, id| {
            let policy = KeyCardPolicy::default();
            let content = KeyCard::ordered(id, ANNA, &policy, 0).content(keys);
            content.iter().map(|key| (key.number, key.code)).collect::<BTreeSet<_>>()
        };
        assert_eq!(codes(&keys, [1; 16]), codes(&keys, [1; 16]));
        assert!(codes(&keys, [1; 16]).intersection(&codes(&keys, [2; 16])).count() < 2);
        let others = Keys::generate().unwrap();
        assert!(codes(&keys, [1; 16]).intersection(&codes(&others, [1; 16])).count() < 2);
    }

    #[test]
    fn what_is_printed_is_what_is_asked_for_and_accepted() {
        let keys = Keys::generate().unwrap();
        let it = card();
        let key = it.pick(&keys, "anna", day(1)).unwrap();
        let number = it.number(&keys, key);
        let printed = it.content(&keys);
        let beside = printed.iter().find(|key| key.number == number).unwrap().code;
        assert!(it.is_code(&keys, key, &code(beside)));
        assert!(!it.is_code(&keys, key, &code((beside + 1) % 1_000_000)));
    }

    #[test]
    fn the_number_stays_until_its_key_is_used_or_the_day_is_over() {
        let keys = Keys::generate().unwrap();
        let mut it = card();
        let first = it.pick(&keys, "anna", day(1)).unwrap();
        assert_eq!(it.pick(&keys, "anna", day(1)), Some(first));
        let days: BTreeSet<_> = (1..=31).map(|at| it.pick(&keys, "anna", day(at))).collect();
        assert!(days.len() > 20, "{days:?}");
        it.use_key(first, 1);
        assert_ne!(it.pick(&keys, "anna", day(1)), Some(first));
    }

    #[test]
    fn each_key_is_asked_for_once_and_the_last_one_ends_the_card() {
        let keys = Keys::generate().unwrap();
        let mut it = card();
        it.print(PRINTER, 0).unwrap();
        it.activate(0).unwrap();
        let mut asked = BTreeSet::new();
        for left in (0..it.keys).rev() {
            assert_eq!(it.state, State::Active);
            let key = it.pick(&keys, "anna", day(1)).unwrap();
            assert!(asked.insert(key) && key < it.keys);
            it.use_key(key, 9);
            assert_eq!(it.keys_left(), left);
        }
        assert_eq!((it.state, it.changed_at), (State::UsedUp, 9));
        assert_eq!(it.pick(&keys, "anna", day(1)), None);
        assert_eq!(it.pick_for_activation(&keys), None);
    }

    #[test]
    fn what_is_stored_of_the_used_keys_fits_the_card() {
        let mut it = card();
        it.used.add(147);
        let bytes = it.used.as_bytes().to_vec();
        assert_eq!(bytes.len(), 19);
        assert_eq!(UsedKeys::from_stored(bytes.clone(), 148), Some(it.used));
        assert_eq!(UsedKeys::from_stored(bytes, 160), None);
        // A key that the card does not have counts as used.
        assert!(UsedKeys::none(10).has(16));
    }

    #[test]
    fn a_card_has_a_number_of_its_own_that_is_no_secret() {
        assert_eq!(KeyCard { id: [0; 16], ..card() }.card_number(), "A000-000-000");
        let number = card().card_number();
        assert_eq!((number.len(), number.matches('-').count()), (12, 2));
    }

    #[test]
    fn an_imaginary_card_is_a_whole_one_and_the_same_for_the_same_name() {
        let keys = Keys::generate().unwrap();
        let policy = KeyCardPolicy::default();
        let it = KeyCard::imaginary(&keys, &[3; 16], &policy);
        assert_eq!((it.keys, it.keys_left()), (148, 148));
        assert_eq!(it, KeyCard::imaginary(&keys, &[3; 16], &policy));
        assert_ne!(it.id, KeyCard::imaginary(&keys, &[4; 16], &policy).id);
    }
}
