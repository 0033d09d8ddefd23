//! WebSocket frames (RFC 6455) as far as a server of media needs them: reads
//! what a client sends, writes heads. Knows no IO.

use bytes::{Buf, BytesMut};

/// A client's words are short: a signed address is the longest in them.
pub const MOST_BYTES: usize = 8 * 1024;

pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// What a client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Text(String),
    Ping(Vec<u8>),
    Close,
}

/// The client breaks the protocol: the connection ends with this code (7.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client of a WebSocket is ended with {0}")]
pub struct Broken(pub u16);

const PROTOCOL: Broken = Broken(1002);
const UNSUPPORTED: Broken = Broken(1003);
const NOT_TEXT: Broken = Broken(1007);
const TOO_BIG: Broken = Broken(1009);

/// Bytes that came, and the pieces of a message that is not whole yet.
#[derive(Debug, Default)]
pub struct Frames {
    pub bytes: BytesMut,
    pieces: Option<Vec<u8>>,
}

impl Frames {
    /// The next message, if it is there.
    ///
    /// # Errors
    /// With how the connection is to end.
    pub fn message(&mut self) -> Result<Option<Message>, Broken> {
        while let Some((last, kind, payload)) = self.frame()? {
            match (kind, &mut self.pieces) {
                (PING, _) => return Ok(Some(Message::Ping(payload))),
                (CLOSE, _) => return Ok(Some(Message::Close)),
                (PONG, _) => {}
                (TEXT, None) if last => return text(payload).map(Some),
                (TEXT, None) => self.pieces = Some(payload),
                (0, Some(pieces)) => {
                    pieces.extend_from_slice(&payload);
                    if pieces.len() > MOST_BYTES {
                        return Err(TOO_BIG);
                    }
                    if last {
                        return text(self.pieces.take().unwrap_or_default()).map(Some);
                    }
                }
                (BINARY, None) => return Err(UNSUPPORTED),
                _ => return Err(PROTOCOL),
            }
        }
        Ok(None)
    }

    /// One frame (5.2): whether it is the last of its message, its kind, its bytes.
    fn frame(&mut self) -> Result<Option<(bool, u8, Vec<u8>)>, Broken> {
        let Some(&[first, second]) = self.bytes.first_chunk::<2>() else { return Ok(None) };
        let (last, kind) = (first & 0x80 != 0, first & 0x0f);
        let control = kind & 8 != 0;
        // Extensions are not agreed on; a client masks; control frames are short and whole.
        if first & 0x70 != 0 || second & 0x80 == 0 || (control && (!last || second & 0x7f > 125)) {
            return Err(PROTOCOL);
        }
        let (length, at) = match second & 0x7f {
            126 => match self.bytes.get(2..4) {
                Some(two) => (usize::from(two[0]) << 8 | usize::from(two[1]), 4),
                None => return Ok(None),
            },
            127 => return Err(TOO_BIG),
            short => (usize::from(short), 2),
        };
        if length > MOST_BYTES {
            return Err(TOO_BIG);
        }
        if self.bytes.len() < at + 4 + length {
            return Ok(None);
        }
        self.bytes.advance(at);
        let mask = self.bytes.split_to(4);
        let masked = self.bytes.split_to(length);
        Ok(Some((last, kind, masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect())))
    }
}

fn text(payload: Vec<u8>) -> Result<Message, Broken> {
    String::from_utf8(payload).map(Message::Text).map_err(|_| NOT_TEXT)
}

/// The head of a whole message of ours, which is not masked.
#[must_use]
pub fn head(kind: u8, length: usize) -> Vec<u8> {
    let mut head = vec![0x80 | kind];
    if length < 126 {
        head.push(length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        head.push(126);
        head.extend(length.to_be_bytes());
    } else {
        head.push(127);
        head.extend((length as u64).to_be_bytes());
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client masks it.
    fn sent(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [7, 1, 200, 9];
        let mut out = vec![first];
        if payload.len() < 126 {
            out.push(0x80 | payload.len() as u8);
        } else {
            out.push(0x80 | 126);
            out.extend((payload.len() as u16).to_be_bytes());
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn all(bytes: &[u8]) -> Result<Vec<Message>, Broken> {
        let mut frames = Frames::default();
        let mut found = Vec::new();
        for byte in bytes {
            frames.bytes.extend_from_slice(&[*byte]);
            while let Some(message) = frames.message()? {
                found.push(message);
            }
        }
        Ok(found)
    }

    #[test]
    fn messages_come_whole_from_any_pieces() {
        let long = "x".repeat(300);
        let mut bytes = sent(0x81, b"one");
        bytes.extend(sent(0x01, b"tw"));
        bytes.extend(sent(0x89, b"still there"));
        bytes.extend(sent(0x8a, b"a pong"));
        bytes.extend(sent(0x80, b"o"));
        bytes.extend(sent(0x81, long.as_bytes()));
        bytes.extend(sent(0x88, &[3, 232]));
        let text = |text: &str| Message::Text(text.to_owned());
        let expected = [text("one"), Message::Ping(b"still there".to_vec()), text("two"), text(&long), Message::Close];
        assert_eq!(all(&bytes), Ok(expected.to_vec()));
    }

    #[test]
    fn what_breaks_the_protocol_ends_the_connection_with_its_code() {
        let unmasked = [0x81, 3, b'o', b'n', b'e'];
        let huge = [0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4];
        let long_control = [0x89, 0xfe, 0, 200, 1, 2, 3, 4];
        let many: Vec<u8> = std::iter::once(sent(0x01, &[b'x'; 8_000]))
            .chain(std::iter::once(sent(0x00, &[b'x'; 8_000])))
            .flatten()
            .collect();
        for (bytes, code) in [
            (unmasked.to_vec(), 1002),
            (sent(0xc1, b"compressed"), 1002),
            (sent(0x80, b"of nothing"), 1002),
            (sent(0x83, b"unknown"), 1002),
            (sent(0x09, b"in pieces"), 1002),
            (long_control.to_vec(), 1002),
            (sent(0x82, b"binary"), 1003),
            (sent(0x81, &[0xff]), 1007),
            (sent(0x81, &[b'x'; MOST_BYTES + 1]), 1009),
            (huge.to_vec(), 1009),
            (many, 1009),
        ] {
            assert_eq!(all(&bytes), Err(Broken(code)), "{:?}", &bytes[..2]);
        }
    }

    #[test]
    fn heads_have_the_shortest_form() {
        assert_eq!(head(TEXT, 5), [0x81, 5]);
        assert_eq!(head(BINARY, 126), [0x82, 126, 0, 126]);
        assert_eq!(head(BINARY, 70_000), [0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70]);
    }
}
