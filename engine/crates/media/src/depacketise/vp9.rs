//! VP9 (RFC 9628, 4.2): a descriptor, and a piece of a layer's frame. The
//! layers of one picture leave as one superframe.

use super::picture::Format;
use super::vp8::picture_id;
use crate::bitstream::vp9::superframe;

/// Spatial layers of a picture at most.
const MAX_LAYERS: usize = 8;

#[derive(Debug, Default)]
pub struct Vp9 {
    /// Bytes of each layer's frame so far.
    layers: Vec<usize>,
}

/// What of a descriptor matters here.
struct Piece<'a> {
    begins_layer: bool,
    body: &'a [u8],
}

impl Format for Vp9 {
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str> {
        let piece = descriptor(payload).ok_or("descriptor cut short")?;
        if begins {
            self.layers.clear();
        }
        if begins && !piece.begins_layer {
            return Err("picture without its first packet");
        }
        if piece.body.is_empty() {
            return Err("empty payload");
        }
        if piece.begins_layer {
            self.layers.push(0);
        }
        if self.layers.len() > MAX_LAYERS {
            return Err("too many layers");
        }
        if let Some(layer) = self.layers.last_mut() {
            *layer += piece.body.len();
        }
        picture.extend_from_slice(piece.body);
        Ok(())
    }

    fn finish(&mut self, picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
        Ok(Some(superframe(picture, &self.layers)))
    }

    fn forget(&mut self) {
        self.layers.clear();
    }
}

fn descriptor(payload: &[u8]) -> Option<Piece<'_>> {
    let (first, mut rest) = payload.split_first()?;
    let bit = |mask: u8| first & mask != 0;
    let (has_id, predicted, has_layers, flexible) = (bit(0x80), bit(0x40), bit(0x20), bit(0x10));
    if has_id {
        rest = picture_id(rest)?;
    }
    if has_layers {
        // Outside flexible mode TL0PICIDX follows.
        rest = rest.get(if flexible { 1 } else { 2 }..)?;
    }
    if flexible && predicted {
        rest = references(rest)?;
    }
    if bit(0x02) {
        rest = structure(rest)?;
    }
    Some(Piece { begins_layer: bit(0x08), body: rest })
}

/// Up to three reference indices; the last bit of each says that one follows.
fn references(mut rest: &[u8]) -> Option<&[u8]> {
    for _ in 0..3 {
        let (reference, tail) = rest.split_first()?;
        rest = tail;
        if reference & 1 == 0 {
            return Some(rest);
        }
    }
    None
}

/// Passes over the scalability structure (4.2.1).
fn structure(rest: &[u8]) -> Option<&[u8]> {
    let (first, mut rest) = rest.split_first()?;
    if first & 0x10 != 0 {
        rest = rest.get((usize::from(first >> 5) + 1) * 4..)?;
    }
    if first & 0x08 != 0 {
        let (count, tail) = rest.split_first()?;
        rest = tail;
        for _ in 0..*count {
            let (group, tail) = rest.split_first()?;
            rest = tail.get(usize::from(group >> 2 & 3)..)?;
        }
    }
    Some(rest)
}
