//! Signing: a login with a document.
//!
//! Purpose: a subscriber signs what a service provider asks for, by the same exchange as a login.
//! Invariant: what was shown is what is signed. The text, the document's name, its media type and its
//! SHA-256 are in the statement that the phone signs; a statement that names no document signs nothing,
//! and one that names a document answers no mere login, so that neither passes for the other. The document
//! itself never comes here.
//!
//! Source: RFC 6838 section 4.2 (media types).

use prost::Message;

use crate::error::{Error, Reason, Result};
use crate::identity::line;

/// The most characters of a document's name.
pub const NAME_CHARS_MAX: usize = 200;
/// The most characters of each half of a media type.
const HALF_CHARS_MAX: usize = 127;

/// What is to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// What its bytes are, such as `application/pdf`.
    pub media_type: String,
    /// What people call it; shown.
    pub name: String,
}

impl Document {
    /// Reads what a front-end asks to be signed.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming `sha256`, `media_type` or `name`.
    pub fn parse(sha256: &[u8], media_type: &str, name: &str) -> Result<Self> {
        Ok(Self {
            sha256: sha256.try_into().map_err(|_| Error::invalid("sha256", "must be 32 bytes"))?,
            media_type: self::media_type(media_type)?,
            name: line("name", name, 1, NAME_CHARS_MAX)?,
        })
    }
}

/// A document as a statement names it.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct DocumentShown {
    /// SHA-256 of its bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub sha256: Vec<u8>,
    /// What its bytes are.
    #[prost(string, tag = "2")]
    pub media_type: String,
    /// As shown.
    #[prost(string, tag = "3")]
    pub name: String,
}

/// Compares what a statement signs with what was asked for.
///
/// # Errors
/// Denied with `STATEMENT_WITHOUT_DOCUMENT`, `STATEMENT_WITH_DOCUMENT` or `STATEMENT_WRONG_DOCUMENT`.
pub fn check(signed: Option<&DocumentShown>, asked: Option<&Document>) -> Result<()> {
    let reason = match (signed, asked) {
        (None, None) => return Ok(()),
        (None, Some(_)) => Reason::StatementWithoutDocument,
        (Some(_), None) => Reason::StatementWithDocument,
        (Some(signed), Some(asked)) => {
            let same = signed.sha256 == asked.sha256
                && signed.media_type == asked.media_type
                && signed.name == asked.name;
            if same {
                return Ok(());
            }
            Reason::StatementWrongDocument
        }
    };
    Err(Error::denied(reason))
}

/// Checks a media type: type, slash and subtype, without parameters.
fn media_type(text: &str) -> Result<String> {
    let formed = |half: &str| {
        let mut bytes = half.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
            && half.len() <= HALF_CHARS_MAX
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    match text.split_once('/') {
        Some((kind, subtype)) if formed(kind) && formed(subtype) => Ok(text.to_owned()),
        _ => Err(Error::invalid("media_type", "must be a type such as application/pdf")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Document {
        Document::parse(&[7; 32], "application/pdf", "Lease.pdf").unwrap()
    }

    fn shown() -> DocumentShown {
        let Document { sha256, media_type, name } = asked();
        DocumentShown { sha256: sha256.to_vec(), media_type, name }
    }

    #[test]
    fn a_statement_signs_exactly_what_was_asked_for() {
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some(&shown()), Some(&asked())), Ok(()));
        let denied = |reason| Err(Error::denied(reason));
        assert_eq!(check(None, Some(&asked())), denied(Reason::StatementWithoutDocument));
        assert_eq!(check(Some(&shown()), None), denied(Reason::StatementWithDocument));
        for other in [
            DocumentShown { sha256: vec![8; 32], ..shown() },
            DocumentShown { sha256: vec![7; 33], ..shown() },
            DocumentShown { media_type: "text/plain".to_owned(), ..shown() },
            DocumentShown { name: "Lease".to_owned(), ..shown() },
            DocumentShown::default(),
        ] {
            let checked = check(Some(&other), Some(&asked()));
            assert_eq!(checked, denied(Reason::StatementWrongDocument), "{other:?}");
        }
    }

    #[test]
    fn media_types_at_their_edges() {
        let longest = format!("{0}/{0}", "a".repeat(127));
        for fine in ["application/pdf", "a/b", "application/vnd.oasis+xml", "text/x-1", &longest] {
            assert!(media_type(fine).is_ok(), "{fine}");
        }
        let longer = format!("a/{}", "a".repeat(128));
        for refused in [
            "",
            "/",
            "pdf",
            "a/",
            "/b",
            ".a/b",
            "a/b/c",
            "a/b; charset=x",
            "a /b",
            "text/å",
            "a/b\n",
            &longer,
        ] {
            assert!(media_type(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn documents_at_their_edges() {
        let parse = |sha256: &[u8], name: &str| Document::parse(sha256, "a/b", name);
        assert!(parse(&[0; 32], &"å".repeat(200)).is_ok());
        assert!(parse(&[0; 31], "x").is_err() && parse(&[0; 33], "x").is_err());
        for name in ["", "two\nlines", "x\u{202e}fdp.exe", &"å".repeat(201)] {
            assert!(parse(&[0; 32], name).is_err(), "{name}");
        }
    }
}
