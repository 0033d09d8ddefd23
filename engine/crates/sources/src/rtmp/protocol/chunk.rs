//! Messages in chunks (RTMP 1.0, section 5): several messages share one
//! connection in pieces.

use std::collections::HashMap;

use super::Error;

/// Messages are pictures at most.
const MAX_MESSAGE: usize = 16 << 20;
/// Chunk streams with a message begun; a peer needs a handful.
const MAX_STREAMS: usize = 64;
/// Of all messages begun.
const MAX_BEGUN: usize = 32 << 20;
/// Until a peer says otherwise.
const FIRST_CHUNK: usize = 128;
/// What we send, each message in one chunk nearly always.
const OUR_CHUNK: usize = 65_536;
/// A time that stands behind the header, as it does not fit into it.
const EXTENDED: u32 = 0x00ff_ffff;

/// Types of messages (5.4, 6.2, 7.1).
pub mod kind {
    pub const SET_CHUNK_SIZE: u8 = 1;
    pub const ABORT: u8 = 2;
    pub const ACKNOWLEDGEMENT: u8 = 3;
    pub const USER_CONTROL: u8 = 4;
    pub const WINDOW_SIZE: u8 = 5;
    pub const PEER_BANDWIDTH: u8 = 6;
    pub const AUDIO: u8 = 8;
    pub const VIDEO: u8 = 9;
    pub const COMMAND_AMF3: u8 = 17;
    pub const COMMAND: u8 = 20;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub kind: u8,
    pub ms: u32,
    pub stream: u32,
    pub body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Header {
    ms: u32,
    /// What a message without a time of its own adds; none after an absolute
    /// time, as senders do it, whatever 5.3.1.2.4 says.
    step: u32,
    /// The time as it stood in the header.
    told: u32,
    length: usize,
    kind: u8,
    stream: u32,
    extended: bool,
}

#[derive(Debug, Default)]
struct Begun {
    header: Header,
    body: Vec<u8>,
}

/// Puts messages together.
#[derive(Debug)]
pub struct ChunkReader {
    chunk: usize,
    streams: HashMap<u32, Begun>,
    begun: usize,
}

impl Default for ChunkReader {
    fn default() -> Self {
        Self { chunk: FIRST_CHUNK, streams: HashMap::new(), begun: 0 }
    }
}

impl ChunkReader {
    /// Takes the first chunk: how many bytes it had, and the message that it
    /// made whole. `None` when more is needed.
    pub fn take(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Message>)>, Error> {
        let Some(basic) = BasicHeader::parse(input) else { return Ok(None) };
        if !self.streams.contains_key(&basic.stream) {
            if basic.format != 0 && basic.format != 1 {
                return Err(Error::Protocol("a chunk goes on that never began"));
            }
            if self.streams.len() >= MAX_STREAMS {
                return Err(Error::Protocol("too many chunk streams"));
            }
        }
        let (header, is_new, used) = {
            let begun = self.streams.get(&basic.stream);
            let before = begun.map(|begun| begun.header).unwrap_or_default();
            // A header of its own in mid-message gives that message up.
            let is_new = basic.format < 3 || begun.is_none_or(|begun| begun.body.is_empty());
            let Some((header, used)) = basic.message_header(&input[basic.used..], before, is_new) else {
                return Ok(None);
            };
            (header, is_new, basic.used + used)
        };
        if header.length > MAX_MESSAGE {
            return Err(Error::Protocol("a message over 16 MB"));
        }
        let held = self.streams.get(&basic.stream).map_or(0, |begun| begun.body.len());
        let missing = if is_new { header.length } else { header.length.saturating_sub(held) };
        let size = missing.min(self.chunk);
        let Some(piece) = input.get(used..used + size) else { return Ok(None) };
        let begun = self.streams.entry(basic.stream).or_default();
        if is_new {
            self.begun -= begun.body.len();
            begun.body.clear();
        }
        self.begun += size;
        if self.begun > MAX_BEGUN {
            return Err(Error::Protocol("too much begun and not ended"));
        }
        begun.header = header;
        begun.body.extend_from_slice(piece);
        if begun.body.len() < header.length {
            return Ok(Some((used + size, None)));
        }
        let body = std::mem::take(&mut begun.body);
        self.begun -= body.len();
        let message = Message { kind: header.kind, ms: header.ms, stream: header.stream, body };
        self.obey(&message)?;
        Ok(Some((used + size, Some(message))))
    }

    /// Messages that concern chunks themselves.
    fn obey(&mut self, message: &Message) -> Result<(), Error> {
        let number = message.body.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
        match (message.kind, number) {
            (kind::SET_CHUNK_SIZE, Some(size)) => {
                let size = usize::try_from(size).unwrap_or(0);
                if size == 0 || size > MAX_MESSAGE {
                    return Err(Error::Protocol("chunks of no size or over 16 MB"));
                }
                self.chunk = size;
            }
            (kind::ABORT, Some(stream)) => {
                if let Some(begun) = self.streams.get_mut(&stream) {
                    self.begun -= begun.body.len();
                    begun.body.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }
}

struct BasicHeader {
    format: u8,
    stream: u32,
    used: usize,
}

impl BasicHeader {
    fn parse(input: &[u8]) -> Option<Self> {
        let first = *input.first()?;
        let (stream, used) = match first & 0x3f {
            0 => (u32::from(*input.get(1)?) + 64, 2),
            1 => (u32::from(*input.get(1)?) + 64 + 256 * u32::from(*input.get(2)?), 3),
            small => (u32::from(small), 1),
        };
        Some(Self { format: first >> 6, stream, used })
    }

    /// What the header changes of the one before it (5.3.1.2).
    fn message_header(&self, input: &[u8], before: Header, is_new: bool) -> Option<(Header, usize)> {
        let mut header = before;
        let used = [11, 7, 3, 0][usize::from(self.format)];
        let bytes = input.get(..used)?;
        let number = |at: usize| u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
        if self.format < 3 {
            header.told = number(0);
            header.extended = header.told == EXTENDED;
        }
        if self.format < 2 {
            header.length = number(3) as usize;
            header.kind = bytes[6];
        }
        if self.format == 0 {
            header.stream = u32::from_le_bytes([bytes[7], bytes[8], bytes[9], bytes[10]]);
        }
        let mut used = used;
        if header.extended {
            let time = u32::from_be_bytes(*input[used..].first_chunk::<4>()?);
            // Repeated before each further chunk; some senders leave it out.
            if self.format < 3 || time == header.told {
                header.told = time;
                used += 4;
            }
        }
        match self.format {
            0 => (header.ms, header.step) = (header.told, 0),
            1 | 2 => header.step = header.told,
            _ => {}
        }
        if is_new && self.format != 0 {
            header.ms = header.ms.wrapping_add(header.step);
        }
        Some((header, used))
    }
}

/// Cuts messages into chunks.
#[derive(Debug, Default)]
pub struct ChunkWriter {
    announced: bool,
}

impl ChunkWriter {
    /// Appends a message on a chunk stream below 64.
    pub fn put(&mut self, out: &mut Vec<u8>, chunk_stream: u8, message: &Message) {
        if !self.announced {
            self.announced = true;
            let size = Message {
                kind: kind::SET_CHUNK_SIZE,
                ms: 0,
                stream: 0,
                body: (OUR_CHUNK as u32).to_be_bytes().to_vec(),
            };
            put_message(out, 2, &size);
        }
        put_message(out, chunk_stream, message);
    }
}

fn put_message(out: &mut Vec<u8>, chunk_stream: u8, message: &Message) {
    let time = message.ms.min(EXTENDED);
    out.push(chunk_stream & 0x3f);
    out.extend(&time.to_be_bytes()[1..]);
    out.extend(&u32::try_from(message.body.len()).unwrap_or(u32::MAX).to_be_bytes()[1..]);
    out.push(message.kind);
    out.extend(message.stream.to_le_bytes());
    let extended = (time == EXTENDED).then(|| message.ms.to_be_bytes());
    out.extend(extended.iter().flatten());
    for (index, piece) in message.body.chunks(OUR_CHUNK).enumerate() {
        if index > 0 {
            out.push(0xc0 | chunk_stream & 0x3f);
            out.extend(extended.iter().flatten());
        }
        out.extend(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(reader: &mut ChunkReader, input: &[u8]) -> Result<(Vec<Message>, usize), Error> {
        let (mut at, mut messages) = (0, Vec::new());
        while let Some((used, message)) = reader.take(&input[at..])? {
            at += used;
            messages.extend(message);
        }
        Ok((messages, at))
    }

    fn message(ms: u32, length: usize) -> Message {
        Message { kind: kind::VIDEO, ms, stream: 1, body: (0..length).map(|byte| byte as u8).collect() }
    }

    #[test]
    fn messages_of_any_size_and_time_come_through() {
        let messages = [message(0, 0), message(5, 1), message(EXTENDED, OUR_CHUNK + 1), message(u32::MAX, 200_000)];
        let (mut writer, mut bytes) = (ChunkWriter::default(), Vec::new());
        messages.iter().for_each(|message| writer.put(&mut bytes, 6, message));
        let (read, used) = all(&mut ChunkReader::default(), &bytes).expect("it is sound");
        assert_eq!((&read[1..], used), (&messages[..], bytes.len()), "after the size of chunks");
        // One byte after the other gives the same.
        let mut reader = ChunkReader::default();
        let (mut from, mut slow) = (0, Vec::new());
        for end in (0..=bytes.len()).step_by(997).chain([bytes.len()]) {
            let (more, used) = all(&mut reader, &bytes[from..end]).expect("it is sound");
            from += used;
            slow.extend(more);
        }
        assert_eq!(slow, read);
    }

    /// The example of RTMP 1.0, 5.3.2.1 and 5.3.2.2.
    #[test]
    fn headers_are_shortened_as_the_standard_shows() {
        let mut bytes = vec![3, 0, 3, 0xe8, 0, 0, 32, 8, 0x39, 0x30, 0, 0];
        bytes.extend([1; 32]);
        bytes.extend([0x80 | 3, 0, 0, 20]);
        bytes.extend([2; 32]);
        for body in [3, 4] {
            bytes.push(0xc0 | 3);
            bytes.extend([body; 32]);
        }
        bytes.extend([4, 0, 3, 0xe8, 0, 1, 51, 9, 0x3a, 0x30, 0, 0]);
        bytes.extend([5; 128]);
        bytes.push(0xc0 | 4);
        bytes.extend([5; 128]);
        bytes.push(0xc0 | 4);
        bytes.extend([5; 51]);
        let (read, used) = all(&mut ChunkReader::default(), &bytes).expect("it is sound");
        assert_eq!(used, bytes.len());
        let seen: Vec<_> = read.iter().map(|m| (m.kind, m.ms, m.stream, m.body.len())).collect();
        assert_eq!(
            seen,
            [
                (8, 1000, 12345, 32),
                (8, 1020, 12345, 32),
                (8, 1040, 12345, 32),
                (8, 1060, 12345, 32),
                (9, 1000, 12346, 307)
            ]
        );
    }

    #[test]
    fn what_no_honest_peer_sends_is_refused() {
        let bad: [&[u8]; 4] = [
            &[0xc3],
            &[2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0, 0, 0, 0],
            &[2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0x7f, 0, 0, 0],
            &[2, 0, 0, 0, 0, 0, 4, kind::SET_CHUNK_SIZE, 0, 0, 0, 0, 0xff, 0, 0, 0],
        ];
        for bytes in bad {
            assert!(all(&mut ChunkReader::default(), bytes).is_err(), "{bytes:?}");
        }
        let mut reader = ChunkReader::default();
        let many: Vec<u8> = (0..=64).flat_map(|stream| [0, stream, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0]).collect();
        assert!(all(&mut reader, &many).is_err(), "one chunk stream after the other");
    }

    #[test]
    fn an_aborted_message_is_forgotten() {
        let mut reader = ChunkReader::default();
        let mut bytes = vec![4, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0];
        bytes.extend([1; 128]);
        bytes.extend([2, 0, 0, 0, 0, 0, 4, kind::ABORT, 0, 0, 0, 0, 0, 0, 0, 4]);
        bytes.extend([4, 0, 0, 0, 0, 0, 1, 9, 1, 0, 0, 0, 7]);
        let (read, _) = all(&mut reader, &bytes).expect("it is sound");
        assert_eq!(read.last().map(|message| message.body.clone()), Some(vec![7]));
        assert_eq!(reader.begun, 0);
    }
}
