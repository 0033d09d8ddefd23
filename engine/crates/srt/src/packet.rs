//! Packets: their headers and the plain control packets (draft, section 3).

use std::fmt;

/// Bytes of every header.
pub const HEADER: usize = 16;
/// Ethernet, less the headers of IPv4, UDP and SRT.
pub const MAX_PAYLOAD: usize = 1500 - 28 - HEADER;
/// What live senders put into a packet: seven packets of MPEG-TS.
pub const LIVE_PAYLOAD: usize = 1316;

const SEQ_MASK: u32 = 0x7fff_ffff;
const CONTROL: u32 = 0x8000_0000;
/// In a loss list: the first of a range.
const RANGE: u32 = 0x8000_0000;
const MESSAGE_MASK: u32 = 0x03ff_ffff;

const HANDSHAKE: u16 = 0;
const KEEP_ALIVE: u16 = 1;
const ACK: u16 = 2;
const NAK: u16 = 3;
const SHUTDOWN: u16 = 5;
const ACK_ACK: u16 = 6;
const DROP_REQUEST: u16 = 7;
const USER: u16 = 0x7fff;
const KEY_REQUEST: u16 = 3;
const KEY_RESPONSE: u16 = 4;

/// A packet's number: 31 bits that wrap.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Seq(u32);

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Seq {
    #[must_use]
    pub fn new(raw: u32) -> Self {
        Self(raw & SEQ_MASK)
    }

    #[must_use]
    pub fn raw(self) -> u32 {
        self.0
    }

    #[must_use]
    pub fn plus(self, count: u32) -> Self {
        Self::new(self.0.wrapping_add(count))
    }

    /// How many packets `self` is ahead of `other`; negative when behind.
    #[must_use]
    pub fn ahead_of(self, other: Self) -> i32 {
        // Shifted up, so that the sign bit of 31 bits is that of 32.
        (self.0.wrapping_sub(other.0) << 1) as i32 >> 1
    }
}

/// A datagram, read.
#[derive(Clone, Copy, Debug)]
pub enum Packet<'a> {
    Data(Data<'a>),
    Control { timestamp: u32, to: u32, control: Control<'a> },
}

#[derive(Clone, Copy, Debug)]
pub struct Data<'a> {
    pub seq: Seq,
    /// 0: plain; 1: the even key; 2: the odd one.
    pub key: u8,
    pub resent: bool,
    pub message: u32,
    /// Microseconds of the sender's clock.
    pub timestamp: u32,
    pub to: u32,
    pub payload: &'a [u8],
}

/// What a full acknowledgement tells beside its position.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckDetail {
    pub rtt_us: u32,
    pub rtt_variance_us: u32,
    /// Packets that the receiver has room for.
    pub room: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Control<'a> {
    Handshake(&'a [u8]),
    KeepAlive,
    Ack {
        /// 0 for light ones, which are not answered.
        number: u32,
        /// The first packet that has not come.
        next: Seq,
        detail: Option<AckDetail>,
    },
    Nak(LossList<'a>),
    Shutdown,
    AckAck(u32),
    /// The sender has given these up.
    Drop {
        first: Seq,
        last: Seq,
    },
    KeyRequest(&'a [u8]),
    KeyResponse(&'a [u8]),
    Other,
}

/// The ranges of a loss report.
#[derive(Clone, Copy)]
pub struct LossList<'a>(&'a [u8]);

impl fmt::Debug for LossList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.ranges()).finish()
    }
}

impl<'a> LossList<'a> {
    /// First and last of each range; one that has no end, or ends before it
    /// begins, is left out.
    pub fn ranges(self) -> impl Iterator<Item = (Seq, Seq)> + 'a {
        let mut words = words(self.0);
        std::iter::from_fn(move || {
            loop {
                let first = words.next()?;
                if first & RANGE == 0 {
                    return Some((Seq(first), Seq(first)));
                }
                let (first, last) = (Seq::new(first), Seq::new(words.next()?));
                if last.ahead_of(first) >= 0 {
                    return Some((first, last));
                }
            }
        })
    }
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u32> + '_ {
    bytes.chunks_exact(4).map(|word| u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}

impl<'a> Packet<'a> {
    /// `None` for what is no packet of SRT.
    #[must_use]
    pub fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (header, body) = datagram.split_first_chunk::<HEADER>()?;
        let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (first, info, timestamp, to) = (word(0), word(4), word(8), word(12));
        if first & CONTROL == 0 {
            let key = (info >> 27 & 3) as u8;
            return (key != 3 && !body.is_empty() && body.len() <= MAX_PAYLOAD).then_some(Self::Data(Data {
                seq: Seq(first),
                key,
                resent: info >> 26 & 1 == 1,
                message: info & MESSAGE_MASK,
                timestamp,
                to,
                payload: body,
            }));
        }
        let kind = (first >> 16 & 0x7fff) as u16;
        let control = Control::parse(kind, first as u16, info, body)?;
        Some(Self::Control { timestamp, to, control })
    }

    /// The socket that a datagram is for, before all of it is read.
    #[must_use]
    pub fn destination(datagram: &[u8]) -> Option<u32> {
        Some(u32::from_be_bytes(*datagram.get(12..HEADER)?.first_chunk()?))
    }
}

impl<'a> Control<'a> {
    fn parse(kind: u16, subtype: u16, info: u32, body: &'a [u8]) -> Option<Self> {
        let mut content = words(body);
        Some(match kind {
            HANDSHAKE => Self::Handshake(body),
            KEEP_ALIVE => Self::KeepAlive,
            ACK => {
                let next = Seq::new(content.next()?);
                let detail = match (content.next(), content.next(), content.next()) {
                    (Some(rtt_us), Some(rtt_variance_us), Some(room)) => {
                        Some(AckDetail { rtt_us, rtt_variance_us, room })
                    }
                    _ => None,
                };
                Self::Ack { number: info, next, detail }
            }
            NAK => Self::Nak(LossList(body)),
            SHUTDOWN => Self::Shutdown,
            ACK_ACK => Self::AckAck(info),
            DROP_REQUEST => {
                let (first, last) = (Seq::new(content.next()?), Seq::new(content.next()?));
                if last.ahead_of(first) < 0 {
                    return None;
                }
                Self::Drop { first, last }
            }
            USER if subtype == KEY_REQUEST => Self::KeyRequest(body),
            USER if subtype == KEY_RESPONSE => Self::KeyResponse(body),
            _ => Self::Other,
        })
    }
}

/// Appends the header of a data packet that is a message of its own.
pub fn write_data_header(out: &mut Vec<u8>, data: &Data<'_>) {
    // Both message boundaries are in this packet.
    const SOLO: u32 = 3 << 30;
    let info = SOLO | u32::from(data.key) << 27 | u32::from(data.resent) << 26 | data.message & MESSAGE_MASK;
    for word in [data.seq.0, info, data.timestamp, data.to] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// A control packet to be.
#[derive(Clone, Debug)]
pub struct Outgoing {
    kind: u16,
    subtype: u16,
    info: u32,
    body: Vec<u8>,
}

impl Outgoing {
    fn new(kind: u16, info: u32, body: Vec<u8>) -> Self {
        Self { kind, subtype: 0, info, body }
    }

    pub fn handshake(body: Vec<u8>) -> Self {
        Self::new(HANDSHAKE, 0, body)
    }

    /// Packets without content carry four bytes all the same, as libsrt's do.
    pub fn keep_alive() -> Self {
        Self::new(KEEP_ALIVE, 0, vec![0; 4])
    }

    pub fn shutdown() -> Self {
        Self::new(SHUTDOWN, 0, vec![0; 4])
    }

    pub fn ack_ack(number: u32) -> Self {
        Self::new(ACK_ACK, number, vec![0; 4])
    }

    pub fn light_ack(next: Seq) -> Self {
        Self::new(ACK, 0, next.0.to_be_bytes().to_vec())
    }

    /// `rate` is packets a second, and bytes a second.
    pub fn full_ack(number: u32, next: Seq, detail: AckDetail, rate: (u32, u32)) -> Self {
        let content = [next.0, detail.rtt_us, detail.rtt_variance_us, detail.room, rate.0, 0, rate.1];
        Self::new(ACK, number, content.iter().flat_map(|word| word.to_be_bytes()).collect())
    }

    pub fn nak(ranges: &[(Seq, Seq)]) -> Self {
        let mut body = Vec::with_capacity(ranges.len() * 8);
        for (first, last) in ranges {
            if first == last {
                body.extend_from_slice(&first.0.to_be_bytes());
            } else {
                body.extend_from_slice(&(first.0 | RANGE).to_be_bytes());
                body.extend_from_slice(&last.0.to_be_bytes());
            }
        }
        Self::new(NAK, 0, body)
    }

    pub fn drop(first: Seq, last: Seq) -> Self {
        let body = [first.0, last.0].iter().flat_map(|word| word.to_be_bytes()).collect();
        Self::new(DROP_REQUEST, 0, body)
    }

    pub fn key_request(message: Vec<u8>) -> Self {
        Self { subtype: KEY_REQUEST, ..Self::new(USER, 0, message) }
    }

    pub fn key_response(message: Vec<u8>) -> Self {
        Self { subtype: KEY_RESPONSE, ..Self::new(USER, 0, message) }
    }

    /// Appends the packet.
    pub fn write(&self, out: &mut Vec<u8>, timestamp: u32, to: u32) {
        let first = CONTROL | u32::from(self.kind) << 16 | u32::from(self.subtype);
        for word in [first, self.info, timestamp, to] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        out.extend_from_slice(&self.body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(outgoing: &Outgoing) -> Vec<u8> {
        let mut out = Vec::new();
        outgoing.write(&mut out, 7, 9);
        out
    }

    #[test]
    fn numbers_wrap_after_31_bits() {
        let last = Seq::new(u32::MAX);
        assert_eq!(last.raw(), 0x7fff_ffff);
        assert_eq!(last.plus(1), Seq::new(0));
        assert_eq!(Seq::new(5).ahead_of(last), 6);
        assert_eq!(last.ahead_of(Seq::new(5)), -6);
        assert_eq!(Seq::new(0x3fff_ffff).ahead_of(Seq::new(0)), 0x3fff_ffff);
    }

    #[test]
    fn a_data_packet_is_read_as_it_was_written() {
        let data = Data {
            seq: Seq::new(0x7654_3210),
            key: 2,
            resent: true,
            message: 77,
            timestamp: 0xdead_beef,
            to: 42,
            payload: b"seven",
        };
        let mut bytes = Vec::new();
        write_data_header(&mut bytes, &data);
        bytes.extend_from_slice(data.payload);
        assert_eq!(bytes[..4], [0x76, 0x54, 0x32, 0x10]);
        assert_eq!(bytes[4] >> 6, 3, "a message of its own");
        let Some(Packet::Data(read)) = Packet::parse(&bytes) else { panic!("it is data") };
        assert_eq!((read.seq, read.key, read.resent, read.message), (data.seq, 2, true, 77));
        assert_eq!((read.timestamp, read.to, read.payload), (0xdead_beef, 42, &b"seven"[..]));
        assert_eq!(Packet::destination(&bytes), Some(42));
    }

    #[test]
    fn loss_lists_hold_packets_and_ranges() {
        let ranges = [(Seq::new(3), Seq::new(3)), (Seq::new(0x7fff_fffe), Seq::new(1))];
        let bytes = written(&Outgoing::nak(&ranges));
        let Some(Packet::Control { control: Control::Nak(list), to: 9, timestamp: 7 }) = Packet::parse(&bytes) else {
            panic!("it is a loss report")
        };
        assert_eq!(list.ranges().collect::<Vec<_>>(), ranges);
        let backwards = [0x80, 0, 0, 9, 0, 0, 0, 3, 0x80, 0, 0, 1];
        assert_eq!(LossList(&backwards).ranges().count(), 0);
    }

    #[test]
    fn acknowledgements_are_light_or_full() {
        let detail = AckDetail { rtt_us: 1, rtt_variance_us: 2, room: 3 };
        let table = [
            (Outgoing::light_ack(Seq::new(5)), 0, None),
            (Outgoing::full_ack(8, Seq::new(5), detail, (1, 2)), 8, Some(detail)),
        ];
        for (outgoing, expected, told) in table {
            match Packet::parse(&written(&outgoing)) {
                Some(Packet::Control { control: Control::Ack { number, next, detail }, .. }) => {
                    assert_eq!((number, next, detail), (expected, Seq::new(5), told));
                }
                other => panic!("not an ACK: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        let empty_data = [0; HEADER];
        let both_keys = [[0, 0, 0, 1, 0xd8, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0].as_slice(), &[1]].concat();
        let short_ack = [0x80, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let too_long = [[0; HEADER].as_slice(), &[1; MAX_PAYLOAD + 1]].concat();
        for bad in [&[][..], &[0; 15], &empty_data, &both_keys, &short_ack, &too_long] {
            assert!(Packet::parse(bad).is_none(), "{bad:?}");
        }
    }
}
