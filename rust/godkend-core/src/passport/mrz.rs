//! The machine readable zone, as EF.DG1 holds it: passports (TD3, two lines of 44) and cards (TD1, three of 30).
//!
//! Invariants: every check digit is right; the optional data, where some states write a personal number,
//! is checked and not kept. Years have two digits: a birth is the latest one that is not after today, an
//! expiry is in this century.
//!
//! Sources: ICAO Doc 9303 part 3, section 4.9 (check digits), part 4 (TD3), part 5 (TD1), part 10,
//! section 4.7.1 (EF.DG1).

use std::ops::Range;

use crate::civil::Date;
use crate::error::{Error, Result};

/// What is read of the zone. Personal: no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Mrz {
    /// Whether it is a zone of two lines, as passports have it.
    pub is_passport: bool,
    /// One or two letters: `P` and what the state adds, `I`, `A` or `C` and what the state adds.
    pub document_code: String,
    /// One to three letters: `DNK`, `D`.
    pub issuing_state: String,
    /// Letters and digits.
    pub document_number: String,
    /// Of the bearer, as `issuing_state`.
    pub nationality: String,
    /// Of the bearer.
    pub birth_date: Date,
    /// The last day on which the document is valid.
    pub expires_on: Date,
    /// The words of the primary and of the secondary identifier, in the letters A to Z.
    pub name: Vec<String>,
    /// Whether the name fills its field, so that some of it may be missing.
    pub is_name_cut: bool,
}

const TD3: usize = 88;
const TD1: usize = 90;

impl Mrz {
    /// Reads EF.DG1.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `data_group_1`.
    pub fn parse(data_group_1: &[u8], today: Date) -> Result<Self> {
        let zone = match data_group_1 {
            // Tag, length, tag of the zone, its length: each has one form only.
            [0x61, 0x5b, 0x5f, 0x1f, 0x58, zone @ ..] if zone.len() == TD3 => zone,
            [0x61, 0x5d, 0x5f, 0x1f, 0x5a, zone @ ..] if zone.len() == TD1 => zone,
            _ => return Err(malformed("a zone of 88 or 90 characters")),
        };
        let allowed = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'<');
        if !zone.iter().all(allowed) {
            return Err(malformed("a zone of A to Z, 0 to 9 and <"));
        }
        let zone = Zone(zone);
        if zone.0.len() == TD3 { zone.td3(today) } else { zone.td1(today) }
    }
}

/// Where the two forms have what both have.
struct Fields {
    nationality: Range<usize>,
    birth: Range<usize>,
    expiry: Range<usize>,
    name: Range<usize>,
}

struct Zone<'a>(&'a [u8]);

impl Zone<'_> {
    fn td3(&self, today: Date) -> Result<Mrz> {
        self.check(53, 44..53)?;
        self.check(63, 57..63)?;
        self.check(71, 65..71)?;
        self.check_optional(86, 72..86)?;
        self.check_all(87, &[44..54, 57..64, 65..87])?;
        let fields = Fields { nationality: 54..57, birth: 57..63, expiry: 65..71, name: 5..44 };
        self.mrz(self.text(44..53)?, fields, today)
    }

    fn td1(&self, today: Date) -> Result<Mrz> {
        let number = if self.at(14) == b'<' { self.long_number()? } else { self.short_number()? };
        self.check(36, 30..36)?;
        self.check(44, 38..44)?;
        self.check_all(59, &[5..30, 30..37, 38..45, 48..59])?;
        let fields = Fields { nationality: 45..48, birth: 30..36, expiry: 38..44, name: 60..90 };
        self.mrz(number, fields, today)
    }

    fn short_number(&self) -> Result<String> {
        self.check(14, 5..14)?;
        self.text(5..14)
    }

    /// A number of more than nine characters goes on in the optional data, with its check digit last.
    fn long_number(&self) -> Result<String> {
        let rest = self.bytes(15..30).iter().take_while(|&&byte| byte != b'<').count();
        let Some(digit) = rest.checked_sub(1).filter(|&rest| rest > 0).map(|rest| 15 + rest) else {
            return Err(malformed("right check digits"));
        };
        self.check_all(digit, &[5..14, 15..digit])?;
        Ok(self.text(5..14)? + &self.text(15..digit)?)
    }

    fn mrz(&self, document_number: String, fields: Fields, today: Date) -> Result<Mrz> {
        let name = self.bytes(fields.name);
        let words = name.split(|&byte| byte == b'<').filter(|word| !word.is_empty());
        let letters = |word: &&[u8]| word.iter().all(u8::is_ascii_uppercase);
        if !words.clone().all(|word| letters(&word)) || words.clone().next().is_none() {
            return Err(malformed("a name of letters"));
        }
        if document_number.is_empty() {
            return Err(malformed("a document number"));
        }
        Ok(Mrz {
            is_passport: self.0.len() == TD3,
            document_code: self.text(0..2)?,
            issuing_state: self.text(2..5)?,
            document_number,
            nationality: self.text(fields.nationality)?,
            birth_date: self.birth_date(fields.birth, today)?,
            expires_on: self.date(20, fields.expiry)?,
            name: words.map(|word| String::from_utf8_lossy(word).into_owned()).collect(),
            is_name_cut: name.last() != Some(&b'<'),
        })
    }

    fn birth_date(&self, at: Range<usize>, today: Date) -> Result<Date> {
        match self.date(20, at.clone()) {
            Ok(date) if date <= today => Ok(date),
            _ => self.date(19, at),
        }
    }

    fn date(&self, century: u16, at: Range<usize>) -> Result<Date> {
        let refused = || malformed("days of the calendar");
        let &[y1, y2, m1, m2, d1, d2] = self.bytes(at) else { return Err(refused()) };
        let two = |tens: u8, ones: u8| -> Result<u8> {
            let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
            if digits { Ok((tens - b'0') * 10 + (ones - b'0')) } else { Err(refused()) }
        };
        Date::new(century * 100 + u16::from(two(y1, y2)?), two(m1, m2)?, two(d1, d2)?)
            .ok_or_else(refused)
    }

    fn check(&self, digit: usize, over: Range<usize>) -> Result<()> {
        self.check_all(digit, std::slice::from_ref(&over))
    }

    fn check_all(&self, digit: usize, over: &[Range<usize>]) -> Result<()> {
        let over = over.iter().flat_map(|range| self.bytes(range.clone()));
        if self.at(digit) == b'0' + check_digit(over) {
            Ok(())
        } else {
            Err(malformed("right check digits"))
        }
    }

    /// Where nothing is written, nothing may stand for its check digit, 0.
    fn check_optional(&self, digit: usize, over: Range<usize>) -> Result<()> {
        let nothing = self.bytes(over.clone()).iter().all(|&byte| byte == b'<');
        if nothing && self.at(digit) == b'<' { Ok(()) } else { self.check(digit, over) }
    }

    /// A field without the fillers behind it.
    fn text(&self, at: Range<usize>) -> Result<String> {
        let text = String::from_utf8_lossy(self.bytes(at));
        let text = text.trim_end_matches('<');
        if text.contains('<') {
            return Err(malformed("fields that are filled behind their end"));
        }
        Ok(text.to_owned())
    }

    fn bytes(&self, at: Range<usize>) -> &[u8] {
        self.0.get(at).unwrap_or_default()
    }

    fn at(&self, index: usize) -> u8 {
        self.0.get(index).copied().unwrap_or(b'<')
    }
}

/// Weights 7, 3, 1 over digits, letters from A for 10, and fillers for 0; modulo 10.
fn check_digit<'a>(over: impl Iterator<Item = &'a u8>) -> u8 {
    let value = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'Z' => u32::from(byte - b'A') + 10,
        _ => 0,
    };
    let sum: u32 =
        over.zip([7, 3, 1].into_iter().cycle()).map(|(&b, weight)| value(b) * weight).sum();
    u8::try_from(sum % 10).unwrap_or(0)
}

fn malformed(what: &str) -> Error {
    Error::invalid("data_group_1", format!("must be an EF.DG1 with {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Doc 9303 part 4, appendix B, and part 5, appendix B.
    const PASSPORT: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\
                            L898902C36UTO7408122F1204159ZE184226B<<<<<10";
    const CARD: &str = "I<UTOD231458907<<<<<<<<<<<<<<<\
                        7408122F1204159UTO<<<<<<<<<<<6\
                        ERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    // Part 5, section 4.2.4: a number of more than nine characters.
    const LONG: &str = "I<UTOD23145890<7349<<<<<<<<<<<\
                        3407127M9507122UTO<<<<<<<<<<<2\
                        STEVENSON<<PETER<JOHN<<<<<<<<<";

    fn dg1(zone: &str) -> Vec<u8> {
        let length = u8::try_from(zone.len()).unwrap();
        [&[0x61, length + 3, 0x5f, 0x1f, length], zone.as_bytes()].concat()
    }

    fn read(zone: &str) -> Result<Mrz> {
        Mrz::parse(&dg1(zone), Date::new(2026, 6, 30).unwrap())
    }

    #[test]
    fn the_specimens_of_the_standard_are_read() {
        for (zone, code, number) in [(PASSPORT, "P", "L898902C3"), (CARD, "I", "D23145890")] {
            let mrz = read(zone).unwrap();
            assert_eq!(mrz.document_code, code);
            assert_eq!(mrz.issuing_state, "UTO");
            assert_eq!(mrz.document_number, number);
            assert_eq!(mrz.birth_date.to_string(), "1974-08-12");
            assert_eq!(mrz.expires_on.to_string(), "2012-04-15");
            assert_eq!(mrz.name, ["ERIKSSON", "ANNA", "MARIA"]);
            assert!(!mrz.is_name_cut);
        }
        assert_eq!(read(LONG).unwrap().document_number, "D23145890734");
    }

    #[test]
    fn a_wrong_character_anywhere_but_in_name_state_sex_and_nationality_is_noticed() {
        for (zone, unguarded) in
            [(PASSPORT, [0..44, 54..57, 64..65]), (CARD, [0..5, 37..38, 45..48])]
        {
            for at in 0..zone.len() {
                let free = unguarded.iter().any(|range| range.contains(&at))
                    || zone.len() == TD1 && at >= 60;
                // A step of one is always noticed; one of ten, as from A to K, never.
                let other = match zone.as_bytes()[at] {
                    b'9' => b'8',
                    b'Z' => b'Y',
                    b'<' => b'1',
                    other => other + 1,
                };
                let mut wrong = zone.as_bytes().to_vec();
                wrong[at] = other;
                let wrong = String::from_utf8(wrong).unwrap();
                assert!(free || read(&wrong).is_err(), "{wrong}");
            }
        }
    }

    #[test]
    fn a_birth_is_the_latest_one_that_is_not_after_today() {
        let born = |yymmdd: &str, today: (u16, u8, u8)| {
            let zone = Zone(yymmdd.as_bytes());
            let today = Date::new(today.0, today.1, today.2).unwrap();
            zone.birth_date(0..6, today).map(|date| date.to_string())
        };
        assert_eq!(born("260630", (2026, 6, 30)).unwrap(), "2026-06-30");
        assert_eq!(born("260701", (2026, 6, 30)).unwrap(), "1926-07-01");
        assert_eq!(born("000229", (2026, 6, 30)).unwrap(), "2000-02-29");
        for unknown in ["7408<<", "<<<<<<", "740230", "741301"] {
            assert!(born(unknown, (2026, 6, 30)).is_err(), "{unknown}");
        }
    }

    #[test]
    fn a_name_that_fills_its_field_may_be_cut() {
        let cut = PASSPORT.replacen("MARIA<<<<<<<<<<<<<<<<<<<", "MARIA<BIRGITTE<KIRSTINE<", 1);
        assert!(!read(&cut).unwrap().is_name_cut);
        let cut = PASSPORT.replacen("MARIA<<<<<<<<<<<<<<<<<<<", "MARIA<BIRGITTE<KIRSTINEA", 1);
        assert!(read(&cut).unwrap().is_name_cut);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = Mrz::parse(&bytes, Date::new(2026, 6, 30).unwrap());
        }

        #[test]
        fn any_zone_is_read_or_refused(zone in "[A-Z0-9<]{88}|[A-Z0-9<]{90}") {
            let _ = read(&zone);
        }
    }
}
