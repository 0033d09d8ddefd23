//! VP8 (RFC 7741, 4.2): a descriptor, and a piece of the frame.

use super::picture::Format;

#[derive(Debug, Default)]
pub struct Vp8;

impl Format for Vp8 {
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str> {
        let (starts, body) = descriptor(payload).ok_or("descriptor cut short")?;
        if begins && !starts {
            return Err("picture without its first packet");
        }
        if body.is_empty() {
            return Err("empty payload");
        }
        picture.extend_from_slice(body);
        Ok(())
    }

    fn finish(&mut self, picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
        Ok(Some(picture))
    }

    fn forget(&mut self) {}
}

/// Whether the frame's first partition begins here, and what follows the
/// descriptor.
fn descriptor(payload: &[u8]) -> Option<(bool, &[u8])> {
    let (first, mut rest) = payload.split_first()?;
    // S, and partition 0.
    let starts = first & 0x10 != 0 && first & 0x0f == 0;
    if first & 0x80 != 0 {
        let (more, tail) = rest.split_first()?;
        rest = tail;
        if more & 0x80 != 0 {
            rest = picture_id(rest)?;
        }
        if more & 0x40 != 0 {
            rest = rest.get(1..)?;
        }
        if more & 0x30 != 0 {
            rest = rest.get(1..)?;
        }
    }
    Some((starts, rest))
}

/// Passes over a number of 7 or 15 bits; so it stands in VP9's descriptor too.
pub fn picture_id(rest: &[u8]) -> Option<&[u8]> {
    let long = rest.first()? & 0x80 != 0;
    rest.get(if long { 2 } else { 1 }..)
}
