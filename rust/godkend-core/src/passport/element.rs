//! DER, element by element: what was signed is kept as the bytes that were signed.
//!
//! The strict reader of the `der` crate, which knows definite, shortest lengths only; nothing here
//! recurses, and nothing is copied.

use der::{Decode as _, Reader as _, SliceReader, Tag};

/// A tag, and what it holds.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: Tag,
    /// Tag, length and value.
    pub(super) whole: &'a [u8],
    pub(super) value: &'a [u8],
}

/// The elements of a value, one after the other.
pub(super) struct Elements<'a>(SliceReader<'a>);

impl<'a> Elements<'a> {
    pub(super) fn of(value: &'a [u8]) -> der::Result<Self> {
        SliceReader::new(value).map(Self)
    }

    /// The elements of the one element that `bytes` are.
    pub(super) fn inside(bytes: &'a [u8], tag: Tag) -> der::Result<Self> {
        let mut outer = Self::of(bytes)?;
        let element = outer.take(tag)?;
        outer.end()?;
        Self::of(element.value)
    }

    /// The next element, if there is one.
    pub(super) fn next(&mut self) -> der::Result<Option<Element<'a>>> {
        if self.0.is_finished() {
            return Ok(None);
        }
        let whole = self.0.tlv_bytes()?;
        let mut inner = SliceReader::new(whole)?;
        let header = der::Header::decode(&mut inner)?;
        let value = inner.read_slice(header.length())?;
        Ok(Some(Element { tag: header.tag(), whole, value }))
    }

    /// The next element, which must have this tag.
    pub(super) fn take(&mut self, tag: Tag) -> der::Result<Element<'a>> {
        match self.next()? {
            Some(element) if element.tag == tag => Ok(element),
            Some(element) => Err(element.tag.unexpected_error(Some(tag)).into()),
            None => Err(tag.length_error().into()),
        }
    }

    /// The next element if it has this tag.
    pub(super) fn take_if(&mut self, tag: Tag) -> der::Result<Option<Element<'a>>> {
        match Tag::peek(&self.0) {
            Ok(next) if next == tag => self.take(tag).map(Some),
            _ => Ok(None),
        }
    }

    /// Returns if nothing is left.
    pub(super) fn end(mut self) -> der::Result<()> {
        match self.next()? {
            None => Ok(()),
            Some(element) => Err(element.tag.unexpected_error(None).into()),
        }
    }
}

/// `[number]`, holding elements.
pub(super) const fn context(number: u32) -> Tag {
    Tag::ContextSpecific { constructed: true, number: der::TagNumber(number) }
}
