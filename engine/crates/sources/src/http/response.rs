//! What a camera answers to a GET, without IO: its head, and its body in
//! whichever form it is sent (RFC 9112).

/// A head is longer than this only to do harm.
const MAX_HEAD: usize = 32 << 10;
const MAX_HEADERS: usize = 64;
/// A chunk's size with its extensions.
const MAX_SIZE_LINE: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("it speaks no HTTP")]
    NotHttp,
    #[error("its answer is cut into chunks that are none")]
    BadChunk,
}

#[derive(Debug)]
pub struct Head {
    pub status: u16,
    headers: Vec<(String, String)>,
    /// Its length with the empty line.
    pub length: usize,
}

impl Head {
    /// Reads the head; `None` while it is not whole.
    pub fn parse(input: &[u8]) -> Result<Option<Self>, Error> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(input) {
            Ok(httparse::Status::Complete(length)) => {
                let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
                let headers = response.headers.iter();
                Ok(Some(Self {
                    status: response.code.unwrap_or(0),
                    headers: headers.map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect(),
                    length,
                }))
            }
            Ok(httparse::Status::Partial) if input.len() < MAX_HEAD => Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => Err(Error::NotHttp),
        }
    }

    /// Every value of a header, whose name is given in small letters.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// The length of its body, where it is told.
    pub fn length_of_body(&self) -> Option<usize> {
        self.get("content-length")?.parse().ok()
    }

    /// Whether the connection can be asked again once the body is over.
    pub fn keeps_alive(&self) -> bool {
        let closes = self.all("connection").any(|value| value.eq_ignore_ascii_case("close"));
        !closes && (self.length_of_body().is_some() || matches!(self.body(), Body::Chunked(_)))
    }

    /// How its body is to be read.
    pub fn body(&self) -> Body {
        let is_chunked = self.all("transfer-encoding").any(|value| value.to_ascii_lowercase().ends_with("chunked"));
        if is_chunked { Body::Chunked(Chunk::Size) } else { Body::Plain }
    }
}

/// A body that goes on until the connection ends.
#[derive(Debug)]
pub enum Body {
    Plain,
    Chunked(Chunk),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    Size,
    Data(usize),
    /// The line's end behind a chunk.
    End,
    Over,
}

impl Body {
    /// Moves what is whole of `input` to `out`; says how much was used.
    pub fn decode(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<usize, Error> {
        match self {
            Self::Plain => {
                out.extend_from_slice(input);
                Ok(input.len())
            }
            Self::Chunked(chunk) => {
                let mut used = 0;
                while let Some((taken, next)) = chunk.step(&input[used..], out)? {
                    used += taken;
                    *chunk = next;
                }
                Ok(used)
            }
        }
    }

    /// Whether the camera said that no more comes.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Chunked(Chunk::Over))
    }
}

impl Chunk {
    /// One step further, or `None` when more is needed.
    fn step(self, input: &[u8], out: &mut Vec<u8>) -> Result<Option<(usize, Self)>, Error> {
        match self {
            Self::Over => Ok(None),
            Self::Size => {
                let Some(end) = input.iter().position(|byte| *byte == b'\n') else {
                    return if input.len() < MAX_SIZE_LINE { Ok(None) } else { Err(Error::BadChunk) };
                };
                let line = std::str::from_utf8(&input[..end]).map_err(|_| Error::BadChunk)?;
                let digits = line.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(digits, 16).map_err(|_| Error::BadChunk)?;
                Ok(Some((end + 1, if size == 0 { Self::Over } else { Self::Data(size) })))
            }
            Self::Data(_) if input.is_empty() => Ok(None),
            Self::Data(size) => {
                let taken = size.min(input.len());
                out.extend_from_slice(&input[..taken]);
                Ok(Some((taken, if taken == size { Self::End } else { Self::Data(size - taken) })))
            }
            Self::End => match input {
                [b'\r', b'\n', ..] => Ok(Some((2, Self::Size))),
                [b'\n', ..] => Ok(Some((1, Self::Size))),
                [] | [b'\r'] => Ok(None),
                _ => Err(Error::BadChunk),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(stream: &[u8], piece: usize) -> Result<(Vec<u8>, bool), Error> {
        let (mut body, mut out) = (Body::Chunked(Chunk::Size), Vec::new());
        let (mut from, mut end) = (0, 0);
        while end < stream.len() {
            end = (end + piece).min(stream.len());
            from += body.decode(&stream[from..end], &mut out)?;
        }
        Ok((out, body.is_over()))
    }

    #[test]
    fn chunks_are_put_together_however_they_come() {
        let stream = b"4\r\nFLV\x01\r\n0a;name=value\r\n0123456789\r\n0\r\n\r\n";
        for piece in 1..=stream.len() {
            assert_eq!(decoded(stream, piece), Ok((b"FLV\x010123456789".to_vec(), true)), "{piece}");
        }
        assert_eq!(decoded(b"2\nab\n1\nc\n", 3), Ok((b"abc".to_vec(), false)), "some write no CR");
    }

    #[test]
    fn what_is_no_chunk_is_told() {
        for bad in [&b"x\r\n"[..], b"4\r\nabcdef", b"ffffffffffffffffff\r\n", &[b'1'; 300]] {
            assert_eq!(decoded(bad, 7).map(|_| ()), Err(Error::BadChunk));
        }
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\
            www-authenticate:  Digest realm=\"a\" \r\nTransfer-Encoding: chunked\r\n\r\nrest";
        for end in 0..text.len() - 4 {
            assert!(Head::parse(&text[..end]).expect("sound so far").is_none());
        }
        let head = Head::parse(text).expect("sound").expect("whole");
        assert_eq!((head.status, head.length), (401, text.len() - 4));
        assert_eq!(head.all("www-authenticate").count(), 2);
        assert!(matches!(head.body(), Body::Chunked(_)));
        assert_eq!(head.get("location"), None);
    }

    #[test]
    fn what_is_no_http_or_has_no_end_is_refused() {
        assert!(Head::parse(b"RTSP/1.0 200 OK\r\n\r\n").is_err());
        let mut endless = b"HTTP/1.1 200 OK\r\nX: ".to_vec();
        endless.resize(MAX_HEAD, b'x');
        assert!(Head::parse(&endless).is_err());
    }
}
