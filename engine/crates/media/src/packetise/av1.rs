//! AV1 ("RTP Payload Format For AV1", 4.4): the units of a picture one after
//! the other, each piece with its size, cut wherever a packet is full.
//!
//! A browser that gets no dependency descriptor takes a packet that begins and
//! ends with whole units for a picture of its own. So no packet but the last
//! ends where a unit does.

use crate::bitstream::av1::{HAS_SIZE, Obu, SEQUENCE_HEADER, is_key, is_left_out, leb128_len, obus, put_leb128};

use super::MAX_PAYLOAD;

const GOES_ON: u8 = 0x80;
const STAYS_OPEN: u8 = 0x40;
const NEW_SEQUENCE: u8 = 0x08;
/// A size and a header: less room is of no use to the next unit.
const LEAST_ROOM: usize = 3;

/// Calls `emit(prefix, body)` for each packet.
pub fn packets(data: &[u8], emit: &mut impl FnMut(&[u8], &[u8])) {
    let mut units = obus(data).filter(|obu| !is_left_out(obu.kind)).peekable();
    // A decoder may begin with a key frame and its sequence header.
    let begins = is_key(data) && obus(data).any(|obu| obu.kind == SEQUENCE_HEADER);
    let mut packet = vec![if begins { NEW_SEQUENCE } else { 0 }];
    while let Some(unit) = units.next() {
        put_unit(&unit, units.peek().is_none(), &mut packet, emit);
    }
}

/// Adds a unit to the packet, and lets go each that is full, and the last.
fn put_unit(unit: &Obu<'_>, is_last: bool, packet: &mut Vec<u8>, emit: &mut impl FnMut(&[u8], &[u8])) {
    // The header without a size: the packet tells it.
    let mut header = vec![unit.header[0] & !HAS_SIZE];
    header.extend_from_slice(&unit.header[1..]);
    let mut rest = unit.body;
    if MAX_PAYLOAD - packet.len() < LEAST_ROOM {
        // Only behind a unit without a body, which cannot be cut.
        emit(packet, &[]);
        packet.clear();
        packet.push(0);
    }
    loop {
        let (length, room) = (header.len() + rest.len(), MAX_PAYLOAD - packet.len());
        let told = leb128_len(length) + length;
        let ends = told <= room && (is_last || rest.is_empty() || told + LEAST_ROOM <= room);
        // One byte less than there is, where no other would follow.
        let most = if ends { length } else { (room - leb128_len(room)).min(length - 1).max(header.len()) };
        let (piece, tail) = rest.split_at(most - header.len());
        put_leb128(packet, most);
        packet.append(&mut header);
        rest = tail;
        if ends && !is_last {
            packet.extend_from_slice(piece);
            return;
        }
        if !ends {
            packet[0] |= STAYS_OPEN;
        }
        emit(packet, piece);
        if ends {
            return;
        }
        packet.clear();
        packet.push(GOES_ON);
    }
}
