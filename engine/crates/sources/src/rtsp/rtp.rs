//! One track's RTP packets (RFC 3550): whose they are, how many are missing,
//! and their time.

use std::time::{Duration, Instant};

use vms_media::{RtpPacket, Stamp};

use super::reorder::{Order, Reorder};
use super::rtcp::{self, Reception, SenderReport};

/// The parts of a packet that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// Profile and content of the header extension.
    pub extension: Option<(u16, &'a [u8])>,
    pub payload: &'a [u8],
}

impl<'a> Header<'a> {
    /// Passes over contributing sources and padding (section 5.1).
    pub fn parse(packet: &'a [u8]) -> Option<Self> {
        let (&[first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3], rest) = packet.split_first_chunk::<12>()?;
        if first >> 6 != 2 {
            return None;
        }
        let mut payload = rest.get(usize::from(first & 0x0f) * 4..)?;
        let mut extension = None;
        if first & 0x10 != 0 {
            let (&[p0, p1, high, low], rest) = payload.split_first_chunk::<4>()?;
            let (content, behind) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])) * 4)?;
            extension = Some((u16::from_be_bytes([p0, p1]), content));
            payload = behind;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*payload.last()?);
            payload = payload.get(..payload.len().checked_sub(padding)?)?;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            extension,
            payload,
        })
    }
}

/// A sender silent for so long may be replaced by another.
const SILENT: Duration = Duration::from_secs(1);
/// Missing numbers beyond this are a new count (RFC 3550, appendix A.1).
const MAX_DROPOUT: u16 = 3_000;
/// Numbers so far back are late or doubled packets.
const MAX_MISORDER: u16 = 100;

/// Takes the packets of one track.
#[derive(Debug)]
pub struct Receiver {
    payload_type: u8,
    clock_rate: u32,
    /// The sender that the camera's Transport header names. Many name a wrong
    /// one, so that it is believed only once it is heard.
    announced: Option<u32>,
    sender: Option<Sender>,
    /// For UDP alone.
    reorder: Option<Reorder>,
    /// The extension that bears stamps, of another node alone.
    stamp: Option<u8>,
}

/// A packet, and the stamp of the frame that it begins.
pub type Stamped<'a> = (RtpPacket<'a>, Option<Stamp>);

/// The packets of one SSRC.
#[derive(Debug)]
struct Sender {
    ssrc: u32,
    begun: Instant,
    heard: Instant,
    /// RTP time of the last packet, extended to 64 bits.
    timestamp: i64,
    count: Count,
    transit: Option<u32>,
    /// Times 16 (appendix A.8).
    jitter: u32,
    /// NTP's middle bits of the last sender report, and when it came.
    report: Option<(u32, Instant)>,
}

impl Receiver {
    pub fn new(payload_type: u8, clock_rate: u32, announced: Option<u32>, reorders: bool) -> Self {
        let reorder = reorders.then(Reorder::default);
        Self { payload_type, clock_rate, announced, sender: None, reorder, stamp: None }
    }

    /// The same, of another node whose description names this extension.
    pub fn stamped(self, stamp: Option<u8>) -> Self {
        Self { stamp, ..self }
    }

    /// Takes a packet; gives what is in order to `out`.
    pub fn push(&mut self, packet: &[u8], now: Instant, out: &mut impl FnMut(Stamped<'_>)) {
        let Some(header) = Header::parse(packet) else { return };
        if header.payload_type != self.payload_type || !self.is_ours(&header, now) {
            return;
        }
        match self.reorder.as_mut().map(|reorder| reorder.take(header.sequence, packet, now)) {
            None | Some(Order::Now) => self.deliver(&header, now, out),
            Some(Order::Held | Order::Late) => {}
        }
        self.release(now, out);
    }

    /// Lets go of packets that have waited long enough.
    pub fn release(&mut self, now: Instant, out: &mut impl FnMut(Stamped<'_>)) {
        while let Some(packet) = self.reorder.as_mut().and_then(|reorder| reorder.pop(now)) {
            if let Some(header) = Header::parse(&packet) {
                self.deliver(&header, now, out);
            }
        }
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.reorder.as_ref()?.deadline()
    }

    /// Packets of another session come into ours: from a dead one that the
    /// camera keeps, or from another client's. The first sender stays, until
    /// the announced one is heard or it has been silent for a while.
    fn is_ours(&mut self, header: &Header<'_>, now: Instant) -> bool {
        let Some(sender) = &mut self.sender else {
            self.sender = Some(Sender::new(header, now, i64::from(header.timestamp)));
            return true;
        };
        if sender.ssrc == header.ssrc {
            sender.heard = now;
            return true;
        }
        let silent = now.saturating_duration_since(sender.heard) >= SILENT;
        if !silent && self.announced != Some(header.ssrc) {
            return false;
        }
        let timestamp = extended(sender.timestamp, header.timestamp);
        self.sender = Some(Sender::new(header, now, timestamp));
        if let Some(reorder) = &mut self.reorder {
            reorder.reset();
        }
        true
    }

    fn deliver(&mut self, header: &Header<'_>, now: Instant, out: &mut impl FnMut(Stamped<'_>)) {
        let Some(sender) = &mut self.sender else { return };
        let Some(loss) = sender.count.take(header.sequence) else { return };
        sender.timestamp = extended(sender.timestamp, header.timestamp);
        sender.measure_jitter(header.timestamp, now, self.clock_rate);
        let stamp = self.stamp.zip(header.extension).and_then(|(id, (profile, of))| Stamp::find(profile, of, id));
        out((RtpPacket { timestamp: sender.timestamp, marker: header.marker, loss, payload: header.payload }, stamp));
    }

    /// Takes an RTCP packet; answers a sender report of our own sender.
    pub fn report(&mut self, packet: &[u8], now: Instant) -> Option<SenderReport> {
        let raw = rtcp::sender_report(packet)?;
        let sender = self.sender.as_mut().filter(|sender| sender.ssrc == raw.ssrc)?;
        sender.report = Some(((raw.ntp >> 16) as u32, now));
        Some(SenderReport { timestamp: extended(sender.timestamp, raw.rtp), utc_us: rtcp::ntp_to_utc_us(raw.ntp) })
    }

    /// What to report of our sender; `None` before its first packet.
    pub fn reception(&mut self, now: Instant) -> Option<Reception> {
        let sender = self.sender.as_mut()?;
        let (fraction_lost, lost) = sender.count.losses();
        let (last_report, since_report) = match sender.report {
            Some((middle, at)) => (middle, sixteenths(now.saturating_duration_since(at))),
            None => (0, 0),
        };
        Some(Reception {
            ssrc: sender.ssrc,
            fraction_lost,
            lost,
            highest_sequence: sender.count.highest(),
            jitter: sender.jitter >> 4,
            last_report,
            since_report,
        })
    }
}

/// A span in units of 1/65536 s.
fn sixteenths(span: Duration) -> u32 {
    u32::try_from(span.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

/// `last` moved to the nearest time whose low 32 bits are `wire`.
fn extended(last: i64, wire: u32) -> i64 {
    last.wrapping_add(i64::from(wire.wrapping_sub(last as u32) as i32))
}

impl Sender {
    fn new(header: &Header<'_>, now: Instant, timestamp: i64) -> Self {
        Self {
            ssrc: header.ssrc,
            begun: now,
            heard: now,
            timestamp,
            count: Count::new(header.sequence),
            transit: None,
            jitter: 0,
            report: None,
        }
    }

    /// RFC 3550, appendix A.8.
    fn measure_jitter(&mut self, timestamp: u32, now: Instant, clock_rate: u32) {
        let since = u64::try_from((now - self.begun).as_micros()).unwrap_or(u64::MAX);
        let arrival = (since.wrapping_mul(u64::from(clock_rate)) / 1_000_000) as u32;
        let transit = arrival.wrapping_sub(timestamp);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit.wrapping_sub(before) as i32).unsigned_abs();
            self.jitter = self.jitter.wrapping_add(difference).wrapping_sub((self.jitter + 8) >> 4);
        }
    }
}

/// Sequence numbers, counted as in RFC 3550, appendix A.1.
#[derive(Debug)]
struct Count {
    /// Extended numbers: that of the first packet, and of the next one.
    first: u64,
    next: u64,
    received: u64,
    /// The number that would prove a new count.
    jumped: Option<u16>,
    /// Expected and received at the last report.
    reported: (u64, u64),
}

impl Count {
    fn new(sequence: u16) -> Self {
        let first = u64::from(sequence);
        Self { first, next: first, received: 0, jumped: None, reported: (0, 0) }
    }

    /// How many packets are missing before this one; `None` if it is to be
    /// dropped.
    fn take(&mut self, sequence: u16) -> Option<u16> {
        let ahead = sequence.wrapping_sub(self.next as u16);
        if ahead < MAX_DROPOUT {
            self.next += u64::from(ahead) + 1;
            self.received += 1;
            self.jumped = None;
            return Some(ahead);
        }
        if ahead > u16::MAX - MAX_MISORDER {
            return None;
        }
        // Two packets in a row make a new count; one is an accident.
        if self.jumped != Some(sequence) {
            self.jumped = Some(sequence.wrapping_add(1));
            return None;
        }
        *self = Self::new(sequence);
        (self.next, self.received) = (self.next + 1, 1);
        // How many are missing cannot be known, but some are.
        Some(1)
    }

    fn highest(&self) -> u32 {
        // All but the low 16 bits count the turns, from 0.
        self.next.saturating_sub(1) as u32
    }

    /// Lost since the last report, of 256, and in all (appendix A.3).
    fn losses(&mut self) -> (u8, i32) {
        let expected = self.next - self.first;
        let before = std::mem::replace(&mut self.reported, (expected, self.received));
        let expected_now = expected.saturating_sub(before.0);
        let lost_now = expected_now.saturating_sub(self.received.saturating_sub(before.1));
        let fraction = (lost_now << 8).checked_div(expected_now).unwrap_or(0);
        let lost = expected.saturating_sub(self.received);
        (u8::try_from(fraction).unwrap_or(u8::MAX), i32::try_from(lost).unwrap_or(i32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: u8 = 96;

    fn packet(ssrc: u32, sequence: u16, timestamp: u32) -> Vec<u8> {
        let mut out = vec![0x80, 0x80 | TYPE];
        out.extend_from_slice(&sequence.to_be_bytes());
        out.extend_from_slice(&timestamp.to_be_bytes());
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.push(ssrc as u8);
        out
    }

    fn receiver(announced: Option<u32>, reorders: bool) -> Receiver {
        Receiver::new(TYPE, 90_000, announced, reorders)
    }

    /// Loss, time and first byte of each packet handed on.
    fn push(receiver: &mut Receiver, packet: &[u8], now: Instant) -> Vec<(u16, i64, u8)> {
        let mut out = Vec::new();
        receiver.push(packet, now, &mut |(packet, _)| out.push((packet.loss, packet.timestamp, packet.payload[0])));
        out
    }

    #[test]
    fn padding_extension_and_contributors_are_passed_over() {
        let mut bytes = packet(7, 1, 2);
        bytes.truncate(12);
        bytes[0] = 0x80 | 0x20 | 0x10 | 2;
        bytes.extend_from_slice(&[9; 8]);
        bytes.extend_from_slice(&[0xbe, 0xde, 0, 1, 8, 8, 8, 8]);
        bytes.extend_from_slice(&[1, 2, 3, 0, 0, 3]);
        let header = Header::parse(&bytes).expect("a whole packet");
        assert_eq!((header.payload, header.marker, header.ssrc), (&[1u8, 2, 3][..], true, 7));
        for end in 0..bytes.len() - 6 {
            assert_eq!(Header::parse(&bytes[..end]), None, "{end}");
        }
        *bytes.last_mut().expect("not empty") = 200;
        assert_eq!(Header::parse(&bytes), None, "more padding than packet");
        assert_eq!(Header::parse(&[0x40; 20]), None, "another version");
    }

    #[test]
    fn numbers_that_are_missing_are_counted() {
        let now = Instant::now();
        let mut receiver = receiver(None, false);
        let losses: Vec<_> = [65_534, 65_535, 2, 3, 1, 3, 4]
            .iter()
            .map(|sequence| push(&mut receiver, &packet(7, *sequence, 0), now).first().map(|got| got.0))
            .collect();
        assert_eq!(losses, [Some(0), Some(0), Some(2), Some(0), None, None, Some(0)]);
        let reception = receiver.reception(now).expect("a sender was heard");
        assert_eq!((reception.lost, reception.highest_sequence), (2, 0x1_0004));
        assert_eq!(reception.fraction_lost, (2 * 256 / 7) as u8);
        assert_eq!(receiver.reception(now).expect("still").fraction_lost, 0, "nothing since");
    }

    #[test]
    fn a_camera_that_counts_anew_is_followed_from_its_second_packet() {
        let now = Instant::now();
        let mut receiver = receiver(None, false);
        push(&mut receiver, &packet(7, 10_000, 0), now);
        assert!(push(&mut receiver, &packet(7, 5, 0), now).is_empty());
        assert_eq!(push(&mut receiver, &packet(7, 6, 0), now).len(), 1);
        assert_eq!(push(&mut receiver, &packet(7, 7, 0), now)[0].0, 0);
    }

    #[test]
    fn another_payload_type_is_not_ours() {
        let mut other = packet(7, 1, 2);
        other[1] = 50;
        assert!(push(&mut receiver(None, false), &other, Instant::now()).is_empty());
    }

    #[test]
    fn packets_of_another_session_are_dropped() {
        let now = Instant::now();
        let mut receiver = receiver(None, false);
        assert_eq!(push(&mut receiver, &packet(7, 1, 0), now).len(), 1);
        assert!(push(&mut receiver, &packet(8, 77, 0), now).is_empty());
        assert_eq!(push(&mut receiver, &packet(7, 2, 0), now)[0].0, 0, "and cost nothing");
    }

    #[test]
    fn the_announced_sender_takes_over_from_a_stray_one() {
        let now = Instant::now();
        let mut receiver = receiver(Some(8), false);
        assert_eq!(push(&mut receiver, &packet(7, 1, 0), now).len(), 1, "cameras announce wrong ones");
        assert_eq!(push(&mut receiver, &packet(8, 1, 0), now).len(), 1);
        assert!(push(&mut receiver, &packet(7, 2, 0), now).is_empty());
    }

    #[test]
    fn a_silent_sender_is_replaced() {
        let now = Instant::now();
        for reorders in [false, true] {
            let mut receiver = receiver(None, reorders);
            push(&mut receiver, &packet(7, 1, 0), now);
            assert!(push(&mut receiver, &packet(8, 2_000, 0), now + SILENT / 2).is_empty());
            assert_eq!(push(&mut receiver, &packet(8, 2_001, 0), now + SILENT).len(), 1);
        }
    }

    #[test]
    fn times_go_on_over_their_turn() {
        let now = Instant::now();
        let mut receiver = receiver(None, false);
        let mut time = |sequence, timestamp| push(&mut receiver, &packet(7, sequence, timestamp), now)[0].1;
        assert_eq!(time(1, u32::MAX - 9), i64::from(u32::MAX - 9));
        assert_eq!(time(2, 10), i64::from(u32::MAX) + 11);
        assert_eq!(time(3, u32::MAX), i64::from(u32::MAX), "a step back stays one");
    }

    #[test]
    fn udp_packets_leave_in_order() {
        let now = Instant::now();
        let mut receiver = receiver(None, true);
        let count = |receiver: &mut Receiver, sequence| push(receiver, &packet(7, sequence, 0), now).len();
        assert_eq!([1, 3, 2, 4].map(|sequence| count(&mut receiver, sequence)), [1, 0, 2, 1]);
        assert_eq!(count(&mut receiver, 6), 0);
        let deadline = receiver.deadline().expect("one is held");
        let mut released = Vec::new();
        receiver.release(deadline, &mut |(packet, _)| released.push(packet.loss));
        assert_eq!(released, [1]);
    }

    #[test]
    fn only_the_own_senders_reports_count() {
        let now = Instant::now();
        let mut receiver = receiver(None, false);
        let mut report = vec![0x80, 200, 0, 6];
        for word in [7u32, 2_208_988_801, 0, 5_000, 1, 2] {
            report.extend_from_slice(&word.to_be_bytes());
        }
        assert_eq!(receiver.report(&report, now), None, "nobody was heard");
        push(&mut receiver, &packet(7, 1, 4_000), now);
        assert_eq!(receiver.report(&report, now), Some(SenderReport { timestamp: 5_000, utc_us: 1_000_000 }));
        let reception = receiver.reception(now + Duration::from_secs(1)).expect("a sender was heard");
        assert_eq!((reception.last_report, reception.since_report), (0x7e81_0000, 65_536));
        report[7] = 8;
        assert_eq!(receiver.report(&report, now), None);
    }

    #[test]
    fn jitter_is_that_of_the_arrivals() {
        let start = Instant::now();
        let mut receiver = receiver(None, false);
        for n in 0..200u32 {
            let late = Duration::from_millis(if n % 2 == 0 { 0 } else { 10 });
            let now = start + Duration::from_millis(u64::from(n) * 40) + late;
            push(&mut receiver, &packet(7, n as u16, n * 3_600), now);
        }
        let jitter = receiver.reception(start).expect("a sender was heard").jitter;
        assert!((850..=900).contains(&jitter), "10 ms are 900 ticks: {jitter}");
    }
}
