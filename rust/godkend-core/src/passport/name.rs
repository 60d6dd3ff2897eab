//! Whether a name in our letters is the one that a machine readable zone holds.
//!
//! The zone has the letters A to Z: others are written as Doc 9303 part 3, section 6 says, marks above and
//! below fall away. Its words are compared without regard to order, since who registered somebody may have
//! begun with either name. Nothing is guessed: a middle name more or less is another name, and a zone
//! whose name may be cut is nobody's.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::Mrz;
use crate::identity::Identity;

/// Whether name and birth date of an identity are those of the zone.
#[must_use]
pub fn same_person(identity: &Identity, mrz: &Mrz) -> bool {
    let mut theirs: Vec<String> = mrz.name.clone();
    theirs.sort_unstable();
    !mrz.is_name_cut
        && identity.birth_date.is_some_and(|date| date.date() == mrz.birth_date)
        && words(&identity.name).is_some_and(|ours| !ours.is_empty() && ours == theirs)
}

/// The words of a name as a zone writes them, sorted; `None` if it has letters that a zone cannot write.
fn words(name: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    for character in name.nfc() {
        let letters = letters(character)?;
        if letters == " " {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push_str(&letters);
        }
    }
    words.retain(|word| !word.is_empty());
    words.sort_unstable();
    Some(words)
}

/// What a zone writes for a character: words are parted at hyphens, and apostrophes fall away.
fn letters(character: char) -> Option<String> {
    let known = match character {
        ' ' | '-' | '\u{2010}' | '\u{2011}' => " ",
        '\'' | '\u{2019}' | '.' | ',' => "",
        'Æ' | 'æ' | 'Ä' | 'ä' => "AE",
        'Ø' | 'ø' | 'Ö' | 'ö' | 'Œ' | 'œ' => "OE",
        'Å' | 'å' => "AA",
        'Ü' | 'ü' => "UE",
        'ß' | 'ẞ' => "SS",
        'Ð' | 'ð' | 'Đ' | 'đ' => "D",
        'Þ' | 'þ' => "TH",
        'Ł' | 'ł' => "L",
        'ı' => "I",
        _ => {
            let bare: String = character.nfd().filter(|&c| !is_combining_mark(c)).collect();
            let plain = bare.bytes().all(|byte| byte.is_ascii_alphabetic()) && bare.len() == 1;
            return plain.then(|| bare.to_ascii_uppercase());
        }
    };
    Some(known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::civil::Date;
    use crate::identity::tests::somebody;
    use crate::pin::BirthDate;

    fn named(words: &[&str]) -> Mrz {
        Mrz {
            is_passport: true,
            document_code: "P".to_owned(),
            issuing_state: "DNK".to_owned(),
            document_number: "212345678".to_owned(),
            nationality: "DNK".to_owned(),
            birth_date: Date::new(1990, 5, 17).unwrap(),
            expires_on: Date::new(2030, 1, 1).unwrap(),
            name: words.iter().map(|&word| word.to_owned()).collect(),
            is_name_cut: false,
        }
    }

    fn same(name: &str, words: &[&str]) -> bool {
        let mut identity = somebody();
        identity.name = name.to_owned();
        identity.birth_date = Some(BirthDate::new(1990, 5, 17).unwrap());
        same_person(&identity, &named(words))
    }

    #[test]
    fn names_are_written_as_the_standard_says() {
        assert!(same("Søren Ærø Ågård", &["AAGAARD", "SOEREN", "AEROE"]));
        assert!(same("Jürgen Groß-Müller", &["GROSS", "MUELLER", "JUERGEN"]));
        assert!(same("Anne-Sofie d'Ambrosio", &["DAMBROSIO", "ANNE", "SOFIE"]));
        assert!(same("José Núñez", &["NUNEZ", "JOSE"]));
        assert!(same("A\u{30a}se  O", &["O", "AASE"]));
    }

    #[test]
    fn another_name_is_another_persons() {
        for (name, words) in [
            ("Anna Jensen", &["JENSEN", "ANNE"][..]),
            ("Anna Jensen", &["JENSEN", "ANNA", "MARIE"]),
            ("Anna Marie Jensen", &["JENSEN", "ANNA"]),
            ("Anna Anna Jensen", &["JENSEN", "ANNA"]),
            ("Анна Jensen", &["JENSEN"]),
            ("", &[]),
        ] {
            assert!(!same(name, words), "{name}");
        }
    }

    #[test]
    fn neither_another_birth_date_nor_a_cut_name_is_taken() {
        let mut identity = somebody();
        identity.name = "Anna Jensen".to_owned();
        let mrz = named(&["JENSEN", "ANNA"]);
        assert!(!same_person(&identity, &mrz), "no birth date");
        identity.birth_date = Some(BirthDate::new(1990, 5, 18).unwrap());
        assert!(!same_person(&identity, &mrz), "another one");
        identity.birth_date = Some(BirthDate::new(1990, 5, 17).unwrap());
        assert!(same_person(&identity, &mrz));
        assert!(!same_person(&identity, &Mrz { is_name_cut: true, ..mrz }), "cut");
    }
}
