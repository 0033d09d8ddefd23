//! RTP payloads of H.264 (RFC 6184, non-interleaved mode).

use super::video::Piece;

/// What a payload holds.
pub fn piece(payload: &[u8]) -> Piece<'_> {
    let Some(&header) = payload.first() else {
        return Piece::Bad("empty payload");
    };
    match header & 0x1f {
        1..=23 => Piece::Nal(payload),
        24 => Piece::Aggregate(&payload[1..]),
        28 => fragment(header, &payload[1..]),
        0 if starts_annexb(payload) => Piece::AnnexB(payload),
        _ => Piece::Bad("unsupported packet type"),
    }
}

fn fragment(indicator: u8, rest: &[u8]) -> Piece<'_> {
    let Some((&fu, body)) = rest.split_first() else {
        return Piece::Bad("fragment without header");
    };
    Piece::Fragment {
        start: fu & 0x80 != 0,
        end: fu & 0x40 != 0,
        header: [indicator & 0xe0 | fu & 0x1f, 0],
        header_len: 1,
        body,
    }
}

/// A start code where a NAL unit should begin.
pub fn starts_annexb(payload: &[u8]) -> bool {
    payload.starts_with(&[0, 0, 1]) || payload.starts_with(&[0, 0, 0, 1])
}
