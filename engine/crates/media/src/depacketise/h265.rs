//! RTP payloads of H.265 (RFC 7798, without decoding order numbers).

use super::h264::starts_annexb;
use super::video::Piece;

/// What a payload holds.
pub fn piece(payload: &[u8]) -> Piece<'_> {
    let [h0, h1, rest @ ..] = payload else {
        return Piece::Bad("short payload");
    };
    if starts_annexb(payload) {
        return Piece::AnnexB(payload);
    }
    match h0 >> 1 & 0x3f {
        0..=47 => Piece::Nal(payload),
        48 => Piece::Aggregate(rest),
        49 => {
            let Some((&fu, body)) = rest.split_first() else {
                return Piece::Bad("fragment without header");
            };
            Piece::Fragment {
                start: fu & 0x80 != 0,
                end: fu & 0x40 != 0,
                header: [h0 & 0x81 | (fu & 0x3f) << 1, *h1],
                header_len: 2,
                body,
            }
        }
        _ => Piece::Bad("unsupported packet type"),
    }
}
