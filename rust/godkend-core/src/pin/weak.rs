//! Which PINs are refused because they are guessed first.
//!
//! Purpose: an attacker who may try nine PINs tries the favourites; without them nine
//! guesses are right once in 111,000 times. Invariant: a pure function of the PIN and the birth date.
//! Sources: NIST SP 800-63B-4 section 3.1.1.2 (blocklists); the favourites are those that published
//! studies of leaked six-digit PINs and all-digit passwords name again and again (such as Markert
//! et al., "This PIN Can Be Easily Guessed", 2020).

use std::fmt;

use super::{PIN_DIGITS, Pin};
use crate::civil::Date;
use crate::error::{Error, Result};

/// What makes a PIN easy to guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Weakness {
    /// One digit six times: 111111.
    Repeat,
    /// Digits in order, up or down, also around the zero: 123456, 654321, 567890, 890123.
    Run,
    /// 121212, 123123, 123321, 112233 or 111222.
    Pattern,
    /// The subscriber's birth date in any order, or its year with its month or day.
    BirthDate,
    /// Among the most common.
    Common,
}

impl Weakness {
    /// All of them, for tests and documentation.
    pub const ALL: &[Self] =
        &[Self::Repeat, Self::Run, Self::Pattern, Self::BirthDate, Self::Common];

    /// The name as callers see it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Repeat => "repeat",
            Self::Run => "run",
            Self::Pattern => "pattern",
            Self::BirthDate => "birth_date",
            Self::Common => "common",
        }
    }
}

/// Why `pin` may not be chosen, or `None` if it may.
#[must_use]
pub fn weakness(pin: &Pin, birth_date: Option<BirthDate>) -> Option<Weakness> {
    let digits = pin.as_bytes();
    if is_repeat(digits) {
        Some(Weakness::Repeat)
    } else if is_run(digits) {
        Some(Weakness::Run)
    } else if is_pattern(digits) {
        Some(Weakness::Pattern)
    } else if birth_date.is_some_and(|date| date.resembles(digits)) {
        Some(Weakness::BirthDate)
    } else if COMMON.binary_search(&digits).is_ok() {
        Some(Weakness::Common)
    } else {
        None
    }
}

type Digits = [u8; PIN_DIGITS];

fn is_repeat(digits: &Digits) -> bool {
    digits.windows(2).all(|pair| matches!(pair, [a, b] if a == b))
}

fn is_run(digits: &Digits) -> bool {
    let steps_by = |step: u8| {
        digits.windows(2).all(|pair| matches!(pair, [a, b] if (a - b'0' + step) % 10 == b - b'0'))
    };
    // One down is nine up on the circle of ten digits.
    steps_by(1) || steps_by(9)
}

fn is_pattern(&[a, b, c, d, e, f]: &Digits) -> bool {
    let pair_thrice = (a, b) == (c, d) && (c, d) == (e, f);
    let triple_twice = (a, b, c) == (d, e, f);
    let mirrored = (a, b, c) == (f, e, d);
    let digits_twice = a == b && c == d && e == f;
    let digits_thrice = a == b && b == c && d == e && e == f;
    pair_thrice || triple_twice || mirrored || digits_twice || digits_thrice
}

/// The day somebody was born. Personal data, not a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BirthDate(Date);

impl From<Date> for BirthDate {
    fn from(date: Date) -> Self {
        Self(date)
    }
}

impl BirthDate {
    /// A date of the Gregorian calendar, 1900 to 2199.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `birth_date` if there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Result<Self> {
        Date::new(year, month, day).map(Self).ok_or_else(|| {
            Error::invalid("birth_date", "must be a day of the calendar, 1900 to 2199")
        })
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for `birth_date` if the text has another form or there is no such day.
    pub fn parse(text: &str) -> Result<Self> {
        Date::parse("birth_date", text).map(Self)
    }

    /// The day itself.
    #[must_use]
    pub const fn date(self) -> Date {
        self.0
    }

    /// Whether the digits are day, month and year (of two digits) in any of their six orders, or
    /// the whole year with the month or the day on either side.
    fn resembles(self, digits: &Digits) -> bool {
        let mut date = [0; 8];
        let Self(day) = self;
        let numbers =
            [day.year() / 100, day.year() % 100, u16::from(day.month()), u16::from(day.day())];
        for (pair, number) in date.chunks_exact_mut(2).zip(numbers) {
            for (digit, value) in pair.iter_mut().zip([number / 10, number % 10]) {
                // Two-digit numbers, so that the value is below ten and the conversion cannot fail.
                *digit = b'0' + u8::try_from(value).unwrap_or_default();
            }
        }
        let [c1, c2, y1, y2, m1, m2, d1, d2] = date;
        let (century, year, month, day) = ([c1, c2], [y1, y2], [m1, m2], [d1, d2]);
        let orders = [
            [day, month, year],
            [month, day, year],
            [year, month, day],
            [year, day, month],
            [day, year, month],
            [month, year, day],
            [century, year, month],
            [century, year, day],
            [month, century, year],
            [day, century, year],
        ];
        orders.iter().any(|order| order.as_flattened() == digits)
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Favourites that no pattern above covers: keypad walks, near-runs, years in pairs, famous
/// numbers. Sorted, for the binary search.
#[rustfmt::skip]
const COMMON: &[&Digits] = &[
    b"000001", b"000007", b"000123", b"010101", b"010203", b"012012", b"100000", b"100001",
    b"100200", b"101112", b"102030", b"102938", b"111112", b"111213", b"112112", b"112211",
    b"112345", b"112358", b"120120", b"120391", b"121314", b"122333", b"123000", b"123012",
    b"123120", b"123121", b"123124", b"123234", b"123243", b"123412", b"123450", b"123451",
    b"123455", b"123457", b"123465", b"123546", b"123654", b"123678", b"123698", b"123789",
    b"123890", b"123987", b"124578", b"131420", b"134679", b"135246", b"135790", b"135791",
    b"135798", b"141421", b"142536", b"142857", b"145236", b"147258", b"147369", b"147852",
    b"147896", b"151617", b"159357", b"159753", b"159951", b"161718", b"171819", b"181920",
    b"192837", b"198400", b"200000", b"201314", b"202122", b"222333", b"223344", b"235689",
    b"246810", b"246813", b"258369", b"258456", b"258963", b"271828", b"314159", b"321654",
    b"333444", b"357159", b"357951", b"369147", b"369258", b"369852", b"420247", b"420690",
    b"456123", b"456321", b"456789", b"456852", b"456987", b"500000", b"520131", b"654123",
    b"654456", b"666999", b"741852", b"741963", b"753159", b"753951", b"789123", b"789456",
    b"789654", b"852456", b"852741", b"852963", b"951357", b"951753", b"963258", b"963741",
    b"963852", b"987123", b"987321", b"987456", b"987789", b"998877", b"999000",
];

#[cfg(test)]
mod tests;
