//! RTSP messages (RFC 2326, sections 4 to 7), read leniently: blanks around
//! names and values, bare line feeds, folded lines and unknown headers are
//! all taken.

use std::fmt::Write as _;

/// Start line and headers may be so long.
pub const MAX_HEAD: usize = 16 << 10;
/// No description of a camera comes near this.
pub const MAX_BODY: usize = 64 << 10;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Response { status: u16 },
    Request { method: String },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub start: Start,
    headers: Vec<(String, String)>,
    pub body: String,
}

/// What the beginning of the input is.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    Incomplete,
    /// Head or body over its bound.
    TooLong,
    /// No start line of RTSP.
    Nothing,
    /// A message, and how many bytes it took.
    Whole(Message, usize),
}

impl Message {
    /// The first header of that name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn cseq(&self) -> Option<u32> {
        self.header("CSeq")?.parse().ok()
    }
}

pub fn parse(input: &[u8]) -> Parsed {
    let Some((head, body_at)) = split_head(input) else {
        return if input.len() > MAX_HEAD { Parsed::TooLong } else { Parsed::Incomplete };
    };
    if body_at > MAX_HEAD {
        return Parsed::TooLong;
    }
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split('\n').map(|line| line.trim_end_matches('\r'));
    let Some(start) = lines.next().and_then(start_line) else { return Parsed::Nothing };
    let mut message = Message { start, headers: headers(lines), body: String::new() };
    // Without a length there is no body; a length that is no number is none.
    let length = message.header("Content-Length").and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    if length > MAX_BODY {
        return Parsed::TooLong;
    }
    let Some(body) = input.get(body_at..body_at + length) else { return Parsed::Incomplete };
    message.body = String::from_utf8_lossy(body).into_owned();
    Parsed::Whole(message, body_at + length)
}

/// The head, and where the body begins: behind the first empty line.
fn split_head(input: &[u8]) -> Option<(&[u8], usize)> {
    let window = &input[..input.len().min(MAX_HEAD + 4)];
    let mut line_at = 0;
    for (at, _) in window.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        let line = &window[line_at..at];
        if line.is_empty() || line == b"\r" {
            return Some((&input[..line_at], at + 1));
        }
        line_at = at + 1;
    }
    None
}

fn start_line(line: &str) -> Option<Start> {
    let mut words = line.split_ascii_whitespace();
    let first = words.next()?;
    if first.starts_with("RTSP/") {
        return Some(Start::Response { status: words.next()?.parse().ok()? });
    }
    words.last().filter(|version| version.starts_with("RTSP/"))?;
    Some(Start::Request { method: first.to_owned() })
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            // A folded line goes on with the value before it.
            if let Some((_, value)) = headers.last_mut() {
                value.push(' ');
                value.push_str(line.trim());
            }
        } else if let Some((name, value)) = line.split_once(':') {
            headers.push((name.trim().to_owned(), clean_value(value.trim())));
        }
    }
    headers
}

/// A value that may be sent back in a header of ours.
fn clean_value(value: &str) -> String {
    value.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

/// An address that keeps within its word of the start line.
pub fn clean(uri: &str) -> String {
    let mut out = String::with_capacity(uri.len());
    for c in uri.chars() {
        match c {
            ' ' => out.push_str("%20"),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// Appends a request; `headers` are whole lines.
pub fn write_request(out: &mut Vec<u8>, method: &str, uri: &str, cseq: u32, user_agent: &str, headers: &str) {
    let mut text = String::with_capacity(256);
    // Writing to a String cannot fail.
    let _ = write!(text, "{method} {uri} RTSP/1.0\r\nCSeq: {cseq}\r\nUser-Agent: {user_agent}\r\n{headers}\r\n");
    out.extend_from_slice(text.as_bytes());
}

/// Appends the answer to a request of the camera's.
pub fn write_reply(out: &mut Vec<u8>, status: &str, cseq: Option<u32>) {
    let mut text = format!("RTSP/1.0 {status}\r\n");
    if let Some(cseq) = cseq {
        let _ = write!(text, "CSeq: {cseq}\r\n");
    }
    text.push_str("\r\n");
    out.extend_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> (Message, usize) {
        match parse(text.as_bytes()) {
            Parsed::Whole(message, length) => (message, length),
            other => panic!("{other:?} of {text:?}"),
        }
    }

    #[test]
    fn blanks_around_names_and_values_are_taken() {
        let (message, _) = whole("RTSP/1.0  200 OK \r\nCSeq : 3  \r\nSession:  12 34 ;timeout=60 \r\n\r\n");
        assert_eq!(message.start, Start::Response { status: 200 });
        assert_eq!((message.cseq(), message.header("session")), (Some(3), Some("12 34 ;timeout=60")));
    }

    #[test]
    fn bare_line_feeds_folded_lines_and_odd_headers_are_taken() {
        let (message, length) = whole("RTSP/1.0 401\nWWW-Authenticate: Digest a=1,\n  b=2\nno colon\n: x\n\nrest");
        assert_eq!(message.header("www-authenticate"), Some("Digest a=1, b=2"));
        assert_eq!(length, "RTSP/1.0 401\nWWW-Authenticate: Digest a=1,\n  b=2\nno colon\n: x\n\n".len());
    }

    #[test]
    fn a_body_is_as_long_as_its_header_says() {
        let text = "RTSP/1.0 200 OK\r\ncontent-length: 4\r\n\r\nv=0\nRTSP";
        let (message, length) = whole(text);
        assert_eq!((message.body.as_str(), length), ("v=0\n", text.len() - 4));
        let (message, _) = whole("RTSP/1.0 200 OK\r\nContent-Length: many\r\n\r\n");
        assert_eq!(message.body, "");
    }

    #[test]
    fn requests_of_the_camera_are_read() {
        let (message, _) = whole("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        assert_eq!(message.start, Start::Request { method: "OPTIONS".into() });
    }

    #[test]
    fn every_part_of_a_message_waits_for_the_rest() {
        let text = "RTSP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc";
        for end in 0..text.len() {
            assert_eq!(parse(&text.as_bytes()[..end]), Parsed::Incomplete, "{end}");
        }
    }

    #[test]
    fn lengths_are_bounded() {
        let head = format!("RTSP/1.0 200 OK\r\nX: {}", "x".repeat(MAX_HEAD));
        assert_eq!(parse(head.as_bytes()), Parsed::TooLong);
        assert_eq!(parse(b"RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n"), Parsed::TooLong);
    }

    #[test]
    fn what_is_no_message_is_nothing() {
        for text in ["HTTP/1.1 400 Bad Request\r\n\r\n", "RTSP/1.0 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n", "\r\n"] {
            assert_eq!(parse(text.as_bytes()), Parsed::Nothing, "{text}");
        }
    }

    #[test]
    fn no_text_of_a_camera_breaks_out_of_its_line() {
        assert_eq!(clean("rtsp://h/a b\r\nX: 1\0"), "rtsp://h/a%20bX:%201");
        let (message, _) = whole("RTSP/1.0 200 OK\r\nSession: a\rb\r\n\r\n");
        assert_eq!(message.header("Session"), Some("ab"));
    }
}
