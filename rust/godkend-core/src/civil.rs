//! Days of the calendar, and which of them it is in Denmark.
//!
//! Purpose: ages and expiry dates are days, not moments; a birthday begins at midnight where the person
//! lives. Invariant: a pure function of the time: neither the machine's zone nor a zone file is asked, so
//! that all workers agree. Sources: the Gregorian calendar in days since 1970; Directive 2000/84/EC
//! (summer time from the last Sunday of March to the last of October, both at 01:00 UTC), in Denmark an
//! hour ahead of UTC, two in summer. Should the law change, `copenhagen` is what changes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Millis;
use crate::error::{Error, Result};

const HOUR_MS: Millis = 3_600_000;
const DAY_MS: Millis = 24 * HOUR_MS;
/// The last day that is told, 2199-12-31, in days since 1970.
const DAYS_MAX: i64 = 84_005;

/// A day in the calendar; in configuration as `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// The first year accepted.
    pub const YEAR_MIN: u16 = 1900;
    /// The last year accepted.
    pub const YEAR_MAX: u16 = 2199;
    /// The first day accepted.
    pub const FIRST: Self = Self { year: Self::YEAR_MIN, month: 1, day: 1 };
    /// The last day accepted.
    pub const LAST: Self = Self { year: Self::YEAR_MAX, month: 12, day: 31 };

    /// A day that the program itself names; a test holds each to the calendar.
    pub(crate) const fn named(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// A date of the Gregorian calendar, 1900 to 2199; `None` if there is no such day.
    #[must_use]
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let known = (Self::YEAR_MIN..=Self::YEAR_MAX).contains(&year)
            && (1..=days_in_month(year, month)).contains(&day);
        known.then_some(Self { year, month, day })
    }

    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `field` if the text has another form or there is no such day.
    pub fn parse(field: &'static str, text: &str) -> Result<Self> {
        let refused =
            || Error::invalid(field, "must be a day of the calendar as YYYY-MM-DD, 1900 to 2199");
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(refused());
        };
        if ![y1, y2, y3, y4, m1, m2, d1, d2].iter().all(u8::is_ascii_digit) {
            return Err(refused());
        }
        let two = |tens: u8, ones: u8| (tens - b'0') * 10 + (ones - b'0');
        let year = u16::from(two(y1, y2)) * 100 + u16::from(two(y3, y4));
        Self::new(year, two(m1, m2), two(d1, d2)).ok_or_else(refused)
    }

    /// The year, 1900 to 2199.
    #[must_use]
    pub const fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    #[must_use]
    pub const fn month(self) -> u8 {
        self.month
    }

    /// The day of the month, 1 to 31.
    #[must_use]
    pub const fn day(self) -> u8 {
        self.day
    }

    /// The day this many days after 1970-01-01; the nearest one between then and 2199.
    fn of_days(days: i64) -> Self {
        let mut left = days.clamp(0, DAYS_MAX);
        let (mut year, mut month) = (1970, 1);
        while left >= i64::from(days_in_year(year)) {
            left -= i64::from(days_in_year(year));
            year += 1;
        }
        while left >= i64::from(days_in_month(year, month)) {
            left -= i64::from(days_in_month(year, month));
            month += 1;
        }
        // Less than a month is left, so that the conversion cannot fail.
        Self { year, month, day: u8::try_from(left + 1).unwrap_or(1) }
    }

    /// How many days a later day is away; negative for an earlier one.
    #[must_use]
    pub fn days_until(self, other: Self) -> i64 {
        other.days() - self.days()
    }

    /// Days since 1970-01-01.
    fn days(self) -> i64 {
        let years: i64 = (1970..self.year).map(|year| i64::from(days_in_year(year))).sum();
        let months: i64 =
            (1..self.month).map(|month| i64::from(days_in_month(self.year, month))).sum();
        years + months + i64::from(self.day) - 1
    }
}

impl TryFrom<String> for Date {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse("date", &text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// Which day it is in Denmark.
#[must_use]
pub fn copenhagen(now: Millis) -> Date {
    let year = Date::of_days(now.div_euclid(DAY_MS)).year;
    let summer = change(year, 3)..change(year, 10);
    let ahead_ms = if summer.contains(&now) { 2 * HOUR_MS } else { HOUR_MS };
    Date::of_days(now.saturating_add(ahead_ms).div_euclid(DAY_MS))
}

/// When the clocks are changed in a month of 31 days: its last Sunday, at 01:00 UTC.
fn change(year: u16, month: u8) -> Millis {
    let last = Date { year, month, day: 31 }.days();
    // 1970-01-01 was a Thursday, four days after a Sunday.
    let sunday = last - (last + 4).rem_euclid(7);
    sunday * DAY_MS + HOUR_MS
}

const fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

const fn days_in_year(year: u16) -> u16 {
    if is_leap(year) { 366 } else { 365 }
}

/// 0 for what is not a month, so that no day fits.
const fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors;

    #[test]
    fn it_is_the_day_that_it_is_in_copenhagen() {
        let file = vectors::read("civil/copenhagen.json");
        let vectors = file["vectors"].as_array().unwrap();
        assert!(vectors.len() > 500);
        for vector in vectors {
            let now = vector["now_ms"].as_i64().unwrap();
            assert_eq!(copenhagen(now).to_string(), vector["date"].as_str().unwrap(), "{now}");
        }
    }

    #[test]
    fn every_day_is_one_more_than_the_day_before() {
        let mut before = Date::of_days(0);
        assert_eq!(before.to_string(), "1970-01-01");
        for days in 1..=DAYS_MAX {
            let date = Date::of_days(days);
            assert!(date > before && date.days() == days, "{date}");
            assert_eq!(Date::new(date.year, date.month, date.day), Some(date));
            before = date;
        }
        assert_eq!(before.to_string(), "2199-12-31");
    }

    #[test]
    fn a_clock_that_is_far_off_tells_the_nearest_day() {
        assert_eq!(copenhagen(Millis::MIN).to_string(), "1970-01-01");
        assert_eq!(copenhagen(Millis::MAX).to_string(), "2199-12-31");
    }

    #[test]
    fn what_is_no_day_is_refused_by_name() {
        for text in ["2023-02-29", "1899-12-31", "2200-01-01", "2023-13-01", "23-01-01", "x"] {
            let refused = Date::parse("expires_on", text).unwrap_err();
            assert!(refused.to_string().starts_with("expires_on "), "{text}");
        }
        assert_eq!(Date::parse("x", "2024-02-29").unwrap(), Date::new(2024, 2, 29).unwrap());
    }
}
