//! Sender reports read, receiver reports written (RFC 3550, section 6).

/// A sender report's clocks, as they stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawReport {
    pub ssrc: u32,
    /// Seconds since 1900 in 32.32 fixed point.
    pub ntp: u64,
    pub rtp: u32,
}

/// What a camera's clock showed at an RTP time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SenderReport {
    /// Extended as the times of the packets are.
    pub timestamp: i64,
    pub utc_us: i64,
}

/// What a receiver tells of a sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    pub ssrc: u32,
    /// Of 256, since the last report.
    pub fraction_lost: u8,
    /// Since the beginning; 24 bits are told.
    pub lost: i32,
    pub highest_sequence: u32,
    /// In RTP ticks.
    pub jitter: u32,
    /// Middle 32 bits of the last sender report's NTP time.
    pub last_report: u32,
    /// Since that report, in 1/65536 s.
    pub since_report: u32,
}

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const CNAME: u8 = 1;

/// True for RTCP, on whichever channel it comes: its types are RTP's 72 to 95
/// with the marker, which no camera uses (RFC 5761, section 4).
pub fn is_rtcp(data: &[u8]) -> bool {
    data.get(1).is_some_and(|kind| (200..=223).contains(kind))
}

/// The first sender report of a compound packet.
pub fn sender_report(mut data: &[u8]) -> Option<RawReport> {
    while let [first, kind, high, low, rest @ ..] = data {
        let length = usize::from(u16::from_be_bytes([*high, *low])) * 4;
        if first >> 6 != 2 || rest.len() < length {
            return None;
        }
        let body = &rest[..length];
        if *kind == SENDER_REPORT && body.len() >= 16 {
            let word = |at: usize| u32::from_be_bytes([body[at], body[at + 1], body[at + 2], body[at + 3]]);
            let ntp = u64::from(word(4)) << 32 | u64::from(word(8));
            return Some(RawReport { ssrc: word(0), ntp, rtp: word(12) });
        }
        data = &rest[length..];
    }
    None
}

/// NTP counts from 1900 in 32.32 fixed point (RFC 5905, section 6).
pub fn ntp_to_utc_us(ntp: u64) -> i64 {
    const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
    let seconds = i64::from((ntp >> 32) as u32) - FROM_1900_TO_1970_S;
    let fraction = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    seconds * 1_000_000 + i64::try_from(fraction).unwrap_or(0)
}

/// Appends a compound packet: a report on one sender, or on none yet, and our
/// name, which every compound packet must have (section 6.1).
pub fn write_receiver_report(out: &mut Vec<u8>, own_ssrc: u32, of: Option<&Reception>) {
    let (count, words) = if of.is_some() { (1, 7u16) } else { (0, 1) };
    out.extend_from_slice(&[0x80 | count, RECEIVER_REPORT]);
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(&own_ssrc.to_be_bytes());
    if let Some(of) = of {
        out.extend_from_slice(&of.ssrc.to_be_bytes());
        let lost = of.lost.clamp(-0x80_0000, 0x7f_ffff).to_be_bytes();
        out.extend_from_slice(&[of.fraction_lost, lost[1], lost[2], lost[3]]);
        for word in [of.highest_sequence, of.jitter, of.last_report, of.since_report] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }
    out.extend_from_slice(&[0x81, SOURCE_DESCRIPTION, 0, 3]);
    out.extend_from_slice(&own_ssrc.to_be_bytes());
    // The name, and zeros up to the next word, at least one.
    out.extend_from_slice(&[CNAME, 3, b'v', b'm', b's', 0, 0, 0]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_packet() -> Vec<u8> {
        let mut packet = vec![0x80, SENDER_REPORT, 0, 6];
        for word in [7u32, 2_208_988_801, 0x8000_0000, 90_000, 1, 2] {
            packet.extend_from_slice(&word.to_be_bytes());
        }
        packet
    }

    #[test]
    fn a_sender_report_is_found_behind_other_packets() {
        let mut compound = vec![0x81, SOURCE_DESCRIPTION, 0, 1, 0, 0, 0, 7];
        compound.extend_from_slice(&report_packet());
        let report = sender_report(&compound).expect("it is the second");
        assert_eq!((report.ssrc, report.rtp, ntp_to_utc_us(report.ntp)), (7, 90_000, 1_500_000));
    }

    #[test]
    fn broken_packets_have_no_report() {
        let whole = report_packet();
        for end in 0..whole.len() {
            assert_eq!(sender_report(&whole[..end]), None, "{end}");
        }
        assert_eq!(sender_report(&[0x80, SENDER_REPORT, 0, 1, 0, 0, 0, 7]), None);
        assert_eq!(sender_report(&[0x00; 64]), None);
    }

    #[test]
    fn ntp_time_counts_from_1900() {
        assert_eq!(ntp_to_utc_us(2_208_988_800 << 32), 0);
    }

    #[test]
    fn a_receiver_report_has_the_lengths_it_names() {
        for of in [None, Some(Reception { ssrc: 9, lost: -1, ..Reception::default() })] {
            let mut out = Vec::new();
            write_receiver_report(&mut out, 1, of.as_ref());
            assert_eq!(out.len() % 4, 0);
            let first = usize::from(u16::from_be_bytes([out[2], out[3]])) * 4 + 4;
            assert_eq!((out[0] & 31, out[1]), (u8::from(of.is_some()), RECEIVER_REPORT));
            assert_eq!(out[first + 1], SOURCE_DESCRIPTION);
            let second = usize::from(u16::from_be_bytes([out[first + 2], out[first + 3]])) * 4 + 4;
            assert_eq!(first + second, out.len());
        }
    }
}
