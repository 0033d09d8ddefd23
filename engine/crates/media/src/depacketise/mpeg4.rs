//! MPEG-4 part 2 (RFC 6416, 5): the stream's own bytes, cut anywhere.

use super::picture::Format;
use crate::bitstream::mpeg4::has_picture;

/// More headers than this in front of a picture are none.
const MOST_HEADERS: usize = 16 << 10;

#[derive(Debug, Default)]
pub struct Mpeg4 {
    /// Headers that came in a packet of their own, with a marker.
    headers: Vec<u8>,
}

impl Format for Mpeg4 {
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str> {
        if begins && !payload.starts_with(&[0, 0, 1]) {
            return Err("picture without its first packet");
        }
        picture.extend_from_slice(payload);
        Ok(())
    }

    fn finish(&mut self, picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
        let mut data = std::mem::take(&mut self.headers);
        data.extend_from_slice(&picture);
        if has_picture(&picture) {
            return Ok(Some(data));
        }
        if data.len() > MOST_HEADERS {
            return Err("no picture data");
        }
        self.headers = data;
        Ok(None)
    }

    fn forget(&mut self) {
        self.headers.clear();
    }
}
