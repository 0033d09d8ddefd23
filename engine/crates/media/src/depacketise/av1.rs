//! AV1 ("RTP Payload Format For AV1", 4): units with sizes, in pieces.

use super::picture::Format;
use crate::bitstream::av1::{Obu, TILE_GROUP, first_frame, is_left_out, leb128, put_obu};

#[derive(Debug, Default)]
pub struct Av1 {
    /// A unit whose end is still to come.
    open: Option<Vec<u8>>,
}

impl Format for Av1 {
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str> {
        let (aggregation, mut rest) = payload.split_first().ok_or("short payload")?;
        let (goes_on, stays_open) = (aggregation & 0x80 != 0, aggregation & 0x40 != 0);
        let count = usize::from(aggregation >> 4 & 3);
        if goes_on && (begins || self.open.is_none()) {
            return Err("fragment without its start");
        }
        // Nothing was lost, so a unit that does not go on is whole.
        if !goes_on && let Some(open) = self.open.take() {
            add(&open, picture)?;
        }
        let mut index = 0;
        while !rest.is_empty() {
            index += 1;
            let has_size = count == 0 || index < count;
            let (size, tail) = if has_size { leb128(rest).ok_or("bad size")? } else { (rest.len(), rest) };
            let (element, tail) = tail.split_at_checked(size).ok_or("unit cut short")?;
            rest = tail;
            self.element(element, goes_on && index == 1, stays_open && rest.is_empty(), picture)?;
        }
        if index < count { Err("fewer units than told") } else { Ok(()) }
    }

    fn finish(&mut self, mut picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str> {
        if let Some(open) = self.open.take() {
            add(&open, &mut picture)?;
        }
        match first_frame(&picture) {
            Some(_) => Ok(Some(picture)),
            None => Err("no frame header"),
        }
    }

    fn forget(&mut self) {
        self.open = None;
    }
}

impl Av1 {
    fn element(
        &mut self,
        element: &[u8],
        goes_on: bool,
        stays_open: bool,
        picture: &mut Vec<u8>,
    ) -> Result<(), &'static str> {
        if !goes_on && !stays_open {
            return add(element, picture);
        }
        let mut unit = if goes_on { self.open.take().unwrap_or_default() } else { Vec::new() };
        unit.extend_from_slice(element);
        if stays_open {
            self.open = Some(unit);
            return Ok(());
        }
        add(&unit, picture)
    }
}

/// Adds a unit, with its size. Units that carry one of their own may hide
/// others behind.
fn add(unit: &[u8], picture: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rest = unit;
    while !rest.is_empty() {
        let (obu, next) = Obu::read(rest).ok_or("not an OBU")?;
        rest = next;
        if is_left_out(obu.kind) {
            continue;
        }
        if obu.kind == TILE_GROUP && first_frame(picture).is_none() {
            return Err("picture without its frame header");
        }
        put_obu(picture, obu.header, obu.body);
    }
    Ok(())
}
