//! An identity, and the rules of its user ID.
//!
//! User IDs are compared in one canonical form: Unicode NFKC, case folded, and NFKC again (UAX #31,
//! R5; Unicode 3.13, D146). Counting and looking up use nothing else, so that `Anna`, `ANNA` and
//! the full-width form are one name with one count.

use unicode_normalization::UnicodeNormalization as _;

use crate::Id;
use crate::clock::Millis;
use crate::contact::Contact;
use crate::error::{Error, Reason, Result};
pub use crate::level::Level;
use crate::pin::BirthDate;

/// The fewest characters of a user ID.
pub const USER_ID_CHARS_MIN: usize = 4;
/// The most characters of a user ID.
pub const USER_ID_CHARS_MAX: usize = 60;
const NAME_CHARS_MAX: usize = 200;

/// A subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name in the store.
    pub id: Id,
    /// What the subscriber chose, and what it is compared by.
    pub user_id: UserId,
    /// For people to read.
    pub name: String,
    /// If known; PINs may not resemble it.
    pub birth_date: Option<BirthDate>,
    /// How well the identity was proved (IAL).
    pub level: Level,
    /// Whether the registrar that registered it answers for who it is.
    pub is_vouched: bool,
    /// Since when there is evidence of who it is, if there is any.
    pub identified_at: Option<Millis>,
    /// The CVR number of the organisation that it acts for; `None` for a private identity.
    pub organisation: Option<String>,
    /// How the subscriber can be reached.
    pub contact: Contact,
    /// Since when it is blocked.
    pub blocked_at: Option<Millis>,
    /// When it was registered.
    pub created_at: Millis,
}

impl Identity {
    /// Whether anything may be done with it.
    ///
    /// # Errors
    /// Denied with `IDENTITY_BLOCKED`.
    pub const fn usable(&self) -> Result<()> {
        match self.blocked_at {
            Some(_) => Err(Error::denied(Reason::IdentityBlocked)),
            None => Ok(()),
        }
    }

    /// Since when somebody answers for who it is; `None` if nobody does.
    #[must_use]
    pub const fn proved_since(&self) -> Option<Millis> {
        if self.is_vouched { Some(self.created_at) } else { self.identified_at }
    }
}

/// A user ID as chosen and as compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserId {
    /// As the subscriber wrote it.
    pub chosen: String,
    /// As it is compared.
    pub canonical: String,
}

impl UserId {
    /// Checks a user ID that somebody wants to have.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `user_id`: 4 to 60 characters, no space at either end, nothing
    /// invisible, not ten digits, and nothing that resembles a CPR number.
    pub fn choose(chosen: &str) -> Result<Self> {
        let invalid = |bound: &str| Err(Error::invalid("user_id", bound));
        if chosen.len() > 4 * USER_ID_CHARS_MAX {
            return invalid("must be 4 to 60 characters");
        }
        let canonical = canonical(chosen);
        let normalised: String = chosen.nfkc().collect();
        for form in [&canonical, &normalised] {
            if !(USER_ID_CHARS_MIN..=USER_ID_CHARS_MAX).contains(&form.chars().count()) {
                return invalid("must be 4 to 60 characters");
            }
        }
        if normalised.trim() != normalised {
            return invalid("must not begin or end with a space");
        }
        if normalised.chars().any(is_invisible) {
            return invalid("must not contain control or invisible characters");
        }
        if resembles_cpr_number(&canonical) {
            return invalid("must not be ten digits or resemble a CPR number");
        }
        Ok(Self { chosen: chosen.to_owned(), canonical })
    }
}

/// The form in which user IDs are compared; for what somebody typed, valid or not.
///
/// Folding and normalising once each is not stable for a few characters, hence the second round.
#[must_use]
pub fn canonical(typed: &str) -> String {
    let fold = |text: &str| caseless::default_case_fold_str(&text.nfkc().collect::<String>());
    fold(&fold(typed)).nfkc().collect()
}

/// Bounds a user ID that somebody typed to find an identity.
///
/// # Errors
/// [`Error::Invalid`] naming `user_id`.
pub fn typed_user_id(typed: &str) -> Result<String> {
    let canonical =
        if typed.len() > 4 * USER_ID_CHARS_MAX { String::new() } else { canonical(typed) };
    if (1..=USER_ID_CHARS_MAX).contains(&canonical.chars().count()) {
        Ok(canonical)
    } else {
        Err(Error::invalid("user_id", "must be 1 to 60 characters"))
    }
}

/// Checks a subscriber's name.
///
/// # Errors
/// [`Error::Invalid`] naming `name`.
pub fn name(name: &str) -> Result<String> {
    line("name", name, 1, NAME_CHARS_MAX)
}

/// Checks one line that people read: bounded, and without control, invisible or direction-changing
/// characters, which would show something else than what is signed.
///
/// # Errors
/// [`Error::Invalid`] naming `field`.
pub fn line(field: &'static str, text: &str, chars_min: usize, chars_max: usize) -> Result<String> {
    if text.contains('\n') {
        return Err(Error::invalid(field, "must be one line"));
    }
    lines(field, text, chars_min, chars_max)
}

/// As [`line`], but of several lines.
///
/// # Errors
/// [`Error::Invalid`] naming `field`.
pub fn lines(
    field: &'static str,
    text: &str,
    chars_min: usize,
    chars_max: usize,
) -> Result<String> {
    if text.len() > 4 * chars_max || !(chars_min..=chars_max).contains(&text.chars().count()) {
        return Err(Error::invalid(
            field,
            format!("must be {chars_min} to {chars_max} characters"),
        ));
    }
    if text.chars().any(|c| c != '\n' && is_invisible(c)) {
        return Err(Error::invalid(field, "must not contain control or invisible characters"));
    }
    Ok(text.to_owned())
}

/// Ten digits in a row, or six that are a date and four more however they are set apart.
pub(crate) fn resembles_cpr_number(canonical: &str) -> bool {
    let is_separator = |c: char| {
        c.is_whitespace()
            || matches!(c, '-' | '.' | '/' | '_' | '\u{2010}'..='\u{2015}' | '\u{2212}')
    };
    let digits: Vec<u32> =
        canonical.chars().filter(|&c| !is_separator(c)).map_while(|c| c.to_digit(10)).collect();
    let solid = canonical.chars().filter(|&c| !is_separator(c)).count();
    let &[d1, d2, m1, m2, _, _, _, _, _, _] = digits.as_slice() else {
        return false;
    };
    if solid != digits.len() {
        return false;
    }
    // Replacement CPR numbers add 60 to the day.
    let day = (d1 * 10 + d2) % 60;
    let dated = (1..=31).contains(&day) && (1..=12).contains(&(m1 * 10 + m2));
    dated || canonical.chars().count() == digits.len()
}

/// Characters that a reader cannot see and that would make two names look alike.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A subscriber for whom a registrar vouches.
    pub(crate) fn somebody() -> Identity {
        Identity {
            id: [1; 16],
            user_id: UserId::choose("somebody").unwrap(),
            name: "Somebody".to_owned(),
            birth_date: None,
            level: Level::Substantial,
            is_vouched: true,
            identified_at: None,
            organisation: None,
            contact: Contact::default(),
            blocked_at: None,
            created_at: 0,
        }
    }

    #[test]
    fn case_and_width_make_no_difference() {
        let anna = UserId::choose("Anna").unwrap().canonical;
        for same in ["anna", "ANNA", "Ａｎｎａ"] {
            assert_eq!(UserId::choose(same).unwrap().canonical, anna, "{same}");
        }
        assert_eq!(canonical("Straße"), canonical("STRASSE"));
    }

    #[test]
    fn lengths_at_their_edges() {
        assert!(UserId::choose("abc").is_err());
        assert!(UserId::choose("abcd").is_ok());
        assert!(UserId::choose(&"å".repeat(60)).is_ok());
        assert!(UserId::choose(&"å".repeat(61)).is_err());
        assert!(UserId::choose(&"a".repeat(100_000)).is_err());
    }

    #[test]
    fn what_resembles_a_cpr_number_is_refused() {
        for refused in [
            "0101901234",
            "010190-1234",
            "010190 1234",
            "01-01-90-1234",
            "０１０１９０-１２３４",
            "311299-0000",
            "610190-1234",
            "9999999999",
            "010190‐1234",
        ] {
            assert!(UserId::choose(refused).is_err(), "{refused}");
        }
        for fine in
            ["991399-1234", "010190-12345", "anna010190", "123456789", "99999999999", "0101901234x"]
        {
            assert!(UserId::choose(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn spaces_at_the_ends_and_invisible_characters_are_refused() {
        for refused in
            [" anna", "anna ", "an\u{200b}na", "an\u{202e}na", "anna\n", "an\0na", "\u{3000}anna"]
        {
            assert!(UserId::choose(refused).is_err(), "{refused:?}");
        }
        assert!(UserId::choose("anna maria").is_ok());
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_stable(typed in "\\PC{0,60}") {
            let once = canonical(&typed);
            prop_assert_eq!(canonical(&once), once);
        }
    }
}
