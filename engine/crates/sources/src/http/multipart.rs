//! Pictures one behind the other in one answer (`multipart/x-mixed-replace`),
//! without IO.
//!
//! Cameras agree on little: boundaries are quoted or not, told with their
//! dashes or without, or not at all; lengths are missing or wrong; some
//! write no headers. So a picture's own marks decide: it begins with SOI and
//! ends with the EOI before the next boundary, or where its length says so.

/// A picture is larger only to do harm.
pub const MAX_PICTURE: usize = 16 << 20;
/// Lines in front of a picture.
const MAX_HEAD: usize = 16 << 10;
const SOI: [u8; 3] = [0xff, 0xd8, 0xff];
const EOI: [u8; 2] = [0xff, 0xd9];

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it sends parts that are no JPEG pictures")]
    NoPictures,
    #[error("a picture over 16 MB")]
    TooLarge,
}

/// Cuts a body into pictures.
#[derive(Debug)]
pub struct Multipart {
    /// With its dashes; empty where the camera told none.
    boundary: Vec<u8>,
    state: State,
    /// Of what was seen, how much needs no second look.
    searched: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Up to the picture's first bytes.
    Head,
    /// A picture that is so long, if it ends there.
    Told(usize),
    /// A picture up to its last bytes.
    Open,
}

impl Multipart {
    /// Reads the boundary out of a `Content-Type`.
    #[must_use]
    pub fn new(content_type: &str) -> Self {
        let parameters = content_type.split(';').skip(1).filter_map(|part| part.split_once('='));
        let told = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("boundary")).map(|(_, value)| value);
        let told = told.map(|value| value.trim().trim_matches('"').trim_start_matches('-')).next().unwrap_or_default();
        let boundary = if told.is_empty() { Vec::new() } else { format!("--{told}").into_bytes() };
        Self { boundary, state: State::Head, searched: 0 }
    }

    /// Takes the first picture of what came so far: the picture, if it is
    /// whole, and how many bytes are used with it.
    ///
    /// # Errors
    /// When no pictures will come.
    pub fn next<'a>(&mut self, input: &'a [u8]) -> Result<(Option<&'a [u8]>, usize), Error> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match self.state {
                State::Head => match self.head(rest)? {
                    Some(begin) => used += begin,
                    None => return Ok((None, used)),
                },
                State::Told(length) => {
                    if rest.len() < length {
                        return Ok((None, used));
                    }
                    // Some count their line's end along, some count wrong.
                    self.begin(if is_whole(&rest[..length]) { State::Head } else { State::Open });
                    if self.state == State::Head {
                        return Ok((Some(trimmed(&rest[..length])), used + length));
                    }
                }
                State::Open => return self.open(rest).map(|(picture, length)| (picture, used + length)),
            }
        }
    }

    fn begin(&mut self, state: State) {
        (self.state, self.searched) = (state, 0);
    }

    /// Where the picture begins; `None` while it has not.
    fn head(&mut self, rest: &[u8]) -> Result<Option<usize>, Error> {
        let Some(begin) = find(rest, &SOI, self.searched) else {
            self.searched = rest.len().saturating_sub(SOI.len() - 1);
            return if rest.len() < MAX_HEAD + SOI.len() { Ok(None) } else { Err(Error::NoPictures) };
        };
        if begin > MAX_HEAD {
            return Err(Error::NoPictures);
        }
        let told = length_in(&rest[..begin]).filter(|length| (SOI.len()..=MAX_PICTURE).contains(length));
        self.begin(told.map_or(State::Open, State::Told));
        Ok(Some(begin))
    }

    /// A picture without an honest length: it ends with the last EOI before a
    /// boundary or, where none is told, with the first that lines of text or
    /// another picture follow. An EOI inside belongs to a small picture in it.
    fn open<'a>(&mut self, rest: &'a [u8]) -> Result<(Option<&'a [u8]>, usize), Error> {
        let mut from = self.searched;
        while let Some(at) = find(rest, &EOI, from) {
            let end = at + EOI.len();
            match self.ends(&rest[end..]) {
                Some(true) => {
                    self.begin(State::Head);
                    return Ok((Some(&rest[..end]), end));
                }
                Some(false) => from = end,
                // What follows is not there yet.
                None => {
                    self.searched = at;
                    return if rest.len() <= MAX_PICTURE { Ok((None, 0)) } else { Err(Error::TooLarge) };
                }
            }
        }
        self.searched = from.max(rest.len().saturating_sub(EOI.len() - 1));
        if rest.len() <= MAX_PICTURE { Ok((None, 0)) } else { Err(Error::TooLarge) }
    }

    /// Whether a picture is over before `after`; `None` while too little of it
    /// is known.
    fn ends(&self, after: &[u8]) -> Option<bool> {
        let blanks = after.iter().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0 | b' ')).count();
        let after = &after[blanks..];
        if blanks > 64 {
            return Some(true);
        }
        if after.len() < SOI.len() {
            return None;
        }
        // Told or not: dashes, and the names of headers, stand in no picture there.
        if after.starts_with(&SOI) || after.starts_with(b"--") {
            return Some(true);
        }
        let bare = self.boundary.get(2..).unwrap_or_default();
        let begins_like =
            |wanted: &[u8]| !wanted.is_empty() && after.starts_with(&wanted[..wanted.len().min(after.len())]);
        let is_header = after.len() >= 8 && after[..8].eq_ignore_ascii_case(b"content-");
        if is_header || begins_like(bare) && after.len() >= bare.len() {
            return Some(true);
        }
        if after.len() < bare.len().max(8) && (begins_like(bare) || is_text(after)) { None } else { Some(false) }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

/// Whether a picture of a told length ends there.
fn is_whole(picture: &[u8]) -> bool {
    trimmed(picture).ends_with(&EOI)
}

/// Without what fills it up.
fn trimmed(picture: &[u8]) -> &[u8] {
    let filled = picture.iter().rev().take_while(|byte| matches!(byte, b'\r' | b'\n' | 0)).count();
    &picture[..picture.len() - filled]
}

/// The last length that the lines in front of a picture tell.
fn length_in(head: &[u8]) -> Option<usize> {
    let lines = head.rsplit(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let values = lines.filter_map(|line| line.split_once(':'));
    let lengths = values.filter(|(name, _)| name.trim().eq_ignore_ascii_case("content-length"));
    lengths.filter_map(|(_, value)| value.trim().parse().ok()).next()
}

fn find(data: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let first = wanted[0];
    let mut at = from;
    while let Some(step) = data.get(at..)?.iter().position(|byte| *byte == first) {
        at += step;
        let rest = &data[at..];
        if rest.len() < wanted.len() {
            return None;
        }
        if rest.starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9];
    /// With a small picture inside, as Exif has it.
    const TWO: &[u8] = &[0xff, 0xd8, 0xff, 0xe1, 0xff, 0xd8, 0xff, 0xdb, 9, 0xff, 0xd9, 7, 7, b'-', b'-', 0xff, 0xd9];

    /// The pictures of a body that comes in pieces of this size.
    fn cut(content_type: &str, body: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, Error> {
        let (mut multipart, mut pictures) = (Multipart::new(content_type), Vec::new());
        let (mut from, mut end) = (0, 0);
        while end < body.len() {
            end = (end + piece).min(body.len());
            loop {
                let (picture, used) = multipart.next(&body[from..end])?;
                pictures.extend(picture.map(<[u8]>::to_vec));
                from += used;
                if picture.is_none() {
                    break;
                }
            }
        }
        Ok(pictures)
    }

    fn part(boundary: &str, headers: &str, picture: &[u8]) -> Vec<u8> {
        [boundary.as_bytes(), b"\r\n", headers.as_bytes(), b"\r\n", picture, b"\r\n"].concat()
    }

    #[test]
    fn boundaries_and_lengths_are_taken_as_cameras_write_them() {
        let table = [
            ("multipart/x-mixed-replace; boundary=frame", "--frame", true),
            ("multipart/x-mixed-replace;boundary=\"frame\"", "--frame", true),
            ("multipart/x-mixed-replace; boundary=--frame", "--frame", true),
            ("multipart/x-mixed-replace; boundary=--frame", "----frame", false),
            ("multipart/x-mixed-replace; Boundary=frame", "frame", false),
            ("multipart/x-mixed-replace", "--whatever", false),
            ("multipart/x-mixed-replace; boundary=other", "--frame", false),
        ];
        for (content_type, boundary, with_length) in table {
            let mut body = Vec::new();
            for picture in [ONE, TWO, ONE] {
                let length = if with_length { format!("Content-Length: {}\r\n", picture.len()) } else { String::new() };
                body.extend(part(boundary, &format!("Content-Type: image/jpeg\r\n{length}"), picture));
            }
            body.extend(format!("{boundary}\r\nContent-Type: image/jpeg\r\n\r\n").into_bytes());
            for piece in [1, 2, 3, 7, body.len()] {
                let found = cut(content_type, &body, piece);
                assert_eq!(
                    found,
                    Ok(vec![ONE.to_vec(), TWO.to_vec(), ONE.to_vec()]),
                    "{content_type} {boundary} {piece}"
                );
            }
        }
    }

    #[test]
    fn wrong_lengths_are_not_believed() {
        for length in ["3", "5", "8", "999999999999", "-1", "x"] {
            let headers = format!("content-length:{length}\r\n");
            let mut body = [part("--b", &headers, ONE), part("--b", &headers, TWO)].concat();
            body.extend(b"--b\r\n\r\n");
            let found = cut("multipart/x-mixed-replace; boundary=b", &body, 4);
            assert_eq!(found, Ok(vec![ONE.to_vec(), TWO.to_vec()]), "{length}");
        }
        let padded = part("--b", &format!("Content-Length: {}\r\n", ONE.len() + 2), ONE);
        assert_eq!(cut("multipart/x-mixed-replace; boundary=b", &padded, 99), Ok(vec![ONE.to_vec()]));
    }

    #[test]
    fn pictures_without_anything_between_are_told_apart() {
        let body = [ONE, TWO, ONE, &SOI[..]].concat();
        assert_eq!(cut("multipart/x-mixed-replace", &body, 5).map(|pictures| pictures.len()), Ok(3));
    }

    #[test]
    fn what_never_becomes_a_picture_is_given_up() {
        assert_eq!(cut("multipart/x-mixed-replace", &vec![b'x'; MAX_HEAD + 3], 1000), Err(Error::NoPictures));
        let mut endless = ONE[..4].to_vec();
        endless.resize(MAX_PICTURE + 100, 1);
        assert_eq!(cut("multipart/x-mixed-replace", &endless, 1 << 20), Err(Error::TooLarge));
    }
}
