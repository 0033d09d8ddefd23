//! What both sides do alike: the handshake, messages in chunks,
//! acknowledgements and pings.

use super::Error;
use super::amf0::{self, Value};
use super::chunk::{ChunkReader, ChunkWriter, Message, kind};
use super::handshake::Handshake;

/// Chunk streams of what we send.
const CONTROL: u8 = 2;
const COMMANDS: u8 = 3;
/// How much may be on its way unacknowledged.
pub const WINDOW: u32 = 2_500_000;
/// A peer that wants to hear of less than this wants it too often.
const LEAST_WINDOW: u32 = 1 << 14;

#[derive(Debug)]
pub struct Connection {
    handshake: Handshake,
    random: [u8; 32],
    reader: ChunkReader,
    writer: ChunkWriter,
    /// The peer wants to hear of so many bytes each, and has heard of some.
    window: u32,
    received: u32,
    acknowledged: u32,
    /// What waits to be sent.
    pub unsent: Vec<u8>,
}

impl Connection {
    /// One that the other side began.
    pub fn called(random: [u8; 32]) -> Self {
        Self::new(Handshake::server(), random, Vec::new())
    }

    /// One that we begin.
    pub fn calling(random: [u8; 32]) -> Self {
        let mut unsent = Vec::new();
        let handshake = Handshake::client(random, &mut unsent);
        Self::new(handshake, random, unsent)
    }

    fn new(handshake: Handshake, random: [u8; 32], unsent: Vec<u8>) -> Self {
        Self {
            handshake,
            random,
            reader: ChunkReader::default(),
            writer: ChunkWriter::default(),
            window: WINDOW,
            received: 0,
            acknowledged: 0,
            unsent,
        }
    }

    /// Goes on with the handshake; says how much of the input it took, and
    /// whether hands are shaken.
    pub fn shake_hands(&mut self, input: &[u8]) -> Result<(usize, bool), Error> {
        if self.handshake.is_done() {
            return Ok((0, true));
        }
        let used = self.handshake.input(input, self.random, &mut self.unsent)?;
        Ok((used, self.handshake.is_done()))
    }

    /// Takes the first chunk: how many bytes it had, and the message that it
    /// made whole, unless that was the connection's own. `None` when more is
    /// needed.
    pub fn take(&mut self, input: &[u8]) -> Result<Option<(usize, Option<Message>)>, Error> {
        let Some((used, message)) = self.reader.take(input)? else { return Ok(None) };
        self.count(used);
        Ok(Some((used, message.and_then(|message| self.keep(message)))))
    }

    fn count(&mut self, bytes: usize) {
        self.received = self.received.wrapping_add(bytes as u32);
        if self.received.wrapping_sub(self.acknowledged) >= self.window {
            self.acknowledged = self.received;
            self.control(kind::ACKNOWLEDGEMENT, &self.received.to_be_bytes());
        }
    }

    /// Obeys what concerns the connection alone.
    fn keep(&mut self, message: Message) -> Option<Message> {
        match (message.kind, &message.body[..]) {
            (kind::WINDOW_SIZE, body) => {
                if let Some(size) = body.first_chunk::<4>() {
                    self.window = u32::from_be_bytes(*size).clamp(LEAST_WINDOW, WINDOW);
                }
            }
            // A ping is answered with its own time (7.1.7).
            (kind::USER_CONTROL, [0, 6, time @ ..]) if time.len() == 4 => {
                let pong = [&[0, 7], time].concat();
                self.control(kind::USER_CONTROL, &pong);
            }
            _ => return Some(message),
        }
        None
    }

    pub fn command(&mut self, stream: u32, values: &[Value]) {
        self.put(COMMANDS, kind::COMMAND, stream, amf0::write(values));
    }

    pub fn control(&mut self, kind: u8, body: &[u8]) {
        self.put(CONTROL, kind, 0, body.to_vec());
    }

    fn put(&mut self, chunk_stream: u8, kind: u8, stream: u32, body: Vec<u8>) {
        self.writer.put(&mut self.unsent, chunk_stream, &Message { kind, ms: 0, stream, body });
    }
}

/// The values of a command, whose AMF3 form begins with a byte of its own and
/// goes on as AMF0.
pub fn values_of(message: &Message) -> Vec<Value> {
    match message.kind {
        kind::COMMAND_AMF3 => amf0::read(message.body.get(1..).unwrap_or_default()),
        _ => amf0::read(&message.body),
    }
}
