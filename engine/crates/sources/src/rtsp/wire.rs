//! Cuts the byte stream of a connection into messages and interleaved packets
//! (RFC 2326, section 10.12), and finds the way back after stray bytes.

use super::message::{self, Message, Parsed};

/// `$`, channel, length.
pub const FRAMING: usize = 4;
/// Requests that cameras are known to send.
const METHODS: [&str; 9] = [
    "OPTIONS ",
    "GET_PARAMETER ",
    "SET_PARAMETER ",
    "ANNOUNCE ",
    "REDIRECT ",
    "TEARDOWN ",
    "PLAY_NOTIFY ",
    "PAUSE ",
    "PLAY ",
];
const RESPONSE: &str = "RTSP/";

/// What the input begins with.
#[derive(Debug, PartialEq, Eq)]
pub enum Cut<'a> {
    Incomplete,
    /// So many bytes of line ends, which some cameras send between packets.
    Blank(usize),
    /// So many bytes of nothing known.
    Stray(usize),
    TooLong,
    Packet {
        channel: u8,
        data: &'a [u8],
    },
    Message(Message, usize),
}

/// Cuts one piece off. In doubt, `is_media` tells whether a channel and the
/// first bytes of a packet look like media of this session; a camera that is
/// in step is believed without.
pub fn cut(input: &[u8], in_step: bool, is_media: impl Fn(u8, &[u8]) -> bool) -> Cut<'_> {
    match input {
        [] => Cut::Incomplete,
        [b'$', channel, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            match rest.get(..length) {
                Some(data) if in_step || is_media(*channel, data) => Cut::Packet { channel: *channel, data },
                None if in_step || may_be_media(rest) => Cut::Incomplete,
                _ => stray(input),
            }
        }
        [b'$', ..] => Cut::Incomplete,
        [b'\r' | b'\n', ..] => Cut::Blank(input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()),
        _ if begins_message(input) => match message::parse(input) {
            Parsed::Whole(message, length) => Cut::Message(message, length),
            Parsed::Incomplete => Cut::Incomplete,
            Parsed::TooLong => Cut::TooLong,
            Parsed::Nothing => stray(input),
        },
        _ => stray(input),
    }
}

/// Could an incomplete packet be one? Out of step, a `$` may stand in the
/// middle of video, and its length must not be waited for.
fn may_be_media(begun: &[u8]) -> bool {
    // Version 2 of RTP and RTCP alike (RFC 3550, section 5.1).
    begun.first().is_none_or(|byte| byte >> 6 == 2)
}

/// True if the input begins like a message, or is too short to tell.
fn begins_message(input: &[u8]) -> bool {
    METHODS.iter().chain([&RESPONSE]).any(|start| {
        let shown = start.len().min(input.len());
        start.as_bytes()[..shown] == input[..shown]
    })
}

/// Passes over what is nothing, to where something may begin.
fn stray(input: &[u8]) -> Cut<'_> {
    let may_begin = |at: &usize| input[*at] == b'$' || begins_message(&input[*at..]);
    Cut::Stray((1..input.len()).find(may_begin).unwrap_or(input.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtsp::message::Start;

    fn any(_: u8, _: &[u8]) -> bool {
        true
    }

    /// All pieces of an input; the second value counts stray bytes.
    fn pieces(mut input: &[u8], is_media: impl Fn(u8, &[u8]) -> bool) -> (Vec<String>, usize) {
        let (mut out, mut stray, mut in_step) = (Vec::new(), 0, true);
        loop {
            let used = match cut(input, in_step, &is_media) {
                Cut::Incomplete | Cut::TooLong => return (out, stray),
                Cut::Blank(length) => length,
                Cut::Stray(length) => {
                    in_step = false;
                    stray += length;
                    length
                }
                Cut::Packet { channel, data } => {
                    in_step = true;
                    out.push(format!("{channel}:{}", data.len()));
                    FRAMING + data.len()
                }
                Cut::Message(message, length) => {
                    in_step = true;
                    out.push(match message.start {
                        Start::Response { status } => status.to_string(),
                        Start::Request { method } => method,
                    });
                    length
                }
            };
            input = &input[used..];
        }
    }

    #[test]
    fn messages_and_packets_are_told_apart() {
        let input = b"RTSP/1.0 200 OK\r\n\r\n$\x00\x00\x03abc\r\n$\x01\x00\x00OPTIONS * RTSP/1.0\r\n\r\n$\x00";
        assert_eq!(pieces(input, any), (["200", "0:3", "1:0", "OPTIONS"].map(str::to_owned).to_vec(), 0));
    }

    #[test]
    fn after_stray_bytes_the_next_packet_of_ours_is_found() {
        // A `$` in the garbage that would swallow what follows.
        let mut input = b"garbA$\x07\xff\xffage$\x09\x00\x01".to_vec();
        input.extend_from_slice(b"$\x00\x00\x04\x80aaaRTSP/1.0 200 OK\r\n\r\n");
        let ours = |channel: u8, data: &[u8]| channel < 2 && data.first().is_some_and(|byte| byte >> 6 == 2);
        let (found, stray) = pieces(&input, ours);
        assert_eq!(found, ["0:4", "200"]);
        assert_eq!(stray, 16);
    }

    #[test]
    fn a_beginning_is_waited_for_and_no_longer() {
        assert_eq!(cut(b"RTS", true, any), Cut::Incomplete);
        assert_eq!(cut(b"OPT", true, any), Cut::Incomplete);
        assert_eq!(cut(b"$\x00\x01", true, any), Cut::Incomplete);
        assert_eq!(cut(b"$\x00\x00\x09\x80a", false, any), Cut::Incomplete);
        assert_eq!(cut(b"$\x00\x00\x09\x00a", false, any), Cut::Stray(6));
        assert_eq!(cut(b"HTTP/1.1 400", true, any), Cut::Stray(12));
        assert_eq!(cut(b"RTSP/1.0 what\r\n\r\n", true, any), Cut::Stray(17));
        assert_eq!(cut(b"\r\n\r\n$", true, any), Cut::Blank(4));
        assert_eq!(cut(b"xPAUSE ", true, any), Cut::Stray(1), "as if the first byte had come alone");
    }
}
