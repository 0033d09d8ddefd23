//! Big-endian fields, read with bounds and written into a vector.

use crate::{FormatError, Hash};

/// Reads fields from the front; every field that is not whole is an error
/// that names what was being read.
pub struct Reader<'a> {
    rest: &'a [u8],
    what: &'static str,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8], what: &'static str) -> Self {
        Self { rest: data, what }
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        if count > self.rest.len() {
            return Err(FormatError::Short { what: self.what });
        }
        let (head, rest) = self.rest.split_at(count);
        self.rest = rest;
        Ok(head)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    pub fn u8(&mut self) -> Result<u8, FormatError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, FormatError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub fn u32(&mut self) -> Result<u32, FormatError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub fn u64(&mut self) -> Result<u64, FormatError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub fn i32(&mut self) -> Result<i32, FormatError> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    pub fn i64(&mut self) -> Result<i64, FormatError> {
        Ok(i64::from_be_bytes(self.array()?))
    }

    pub fn hash(&mut self) -> Result<Hash, FormatError> {
        self.array()
    }

    /// `str`: a `u8` length and that many bytes of UTF-8.
    pub fn short_text(&mut self) -> Result<String, FormatError> {
        let len = usize::from(self.u8()?);
        self.utf8(len)
    }

    /// `text`: the same with a `u16` length.
    pub fn long_text(&mut self) -> Result<String, FormatError> {
        let len = usize::from(self.u16()?);
        self.utf8(len)
    }

    fn utf8(&mut self, len: usize) -> Result<String, FormatError> {
        let bytes = self.take(len)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| FormatError::Text { what: self.what })
    }
}

/// Writes fields at the end of a vector.
pub trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    fn put_i32(&mut self, value: i32) {
        self.put(&value.to_be_bytes());
    }

    fn put_i64(&mut self, value: i64) {
        self.put(&value.to_be_bytes());
    }

    /// `str`; what does not fit into 255 bytes is left out, at a character.
    fn put_short(&mut self, text: &str) {
        let text = clip(text, usize::from(u8::MAX));
        self.put_u8(text.len() as u8);
        self.put(text.as_bytes());
    }

    /// `text`, of at most [`LONGEST_TEXT`] bytes.
    fn put_long(&mut self, text: &str) {
        let text = clip(text, LONGEST_TEXT);
        self.put_u16(text.len() as u16);
        self.put(text.as_bytes());
    }
}

/// A record has at most 65536 bytes, and a text is never all of it.
pub const LONGEST_TEXT: usize = 60_000;

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

fn clip(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_back_and_a_cut_one_is_an_error() {
        let mut out = Vec::new();
        out.put_u16(515);
        out.put_i64(-2);
        out.put_short("pátio");
        out.put_long("");
        let mut reader = Reader::new(&out, "it");
        assert_eq!((reader.u16(), reader.i64()), (Ok(515), Ok(-2)));
        assert_eq!((reader.short_text(), reader.long_text()), (Ok("pátio".into()), Ok(String::new())));
        assert_eq!(reader.u8(), Err(FormatError::Short { what: "it" }));
    }

    #[test]
    fn a_text_that_is_too_long_ends_at_a_character() {
        let mut out = Vec::new();
        out.put_short(&"é".repeat(200));
        assert_eq!(out.len(), 255);
        assert_eq!(Reader::new(&out, "it").short_text(), Ok("é".repeat(127)));
        assert_eq!(Reader::new(&[2, 0xc3, 0x28], "it").short_text(), Err(FormatError::Text { what: "it" }));
    }
}
