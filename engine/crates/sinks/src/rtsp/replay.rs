//! Recorded video by RTSP: the times that a player asks for, and the header
//! that tells him when each picture was taken (ONVIF Streaming Specification,
//! section 6).

use std::sync::Arc;

use rtsp_types::Request;
use rtsp_types::headers::{CSEQ, HeaderName, RANGE, REQUIRE, SCALE};
use vms_hub::StreamKey;

/// The option tag by which a player asks for the header.
const REPLAY: &str = "onvif-replay";
/// The option tag by which another node asks for [`vms_media::Stamp`]s.
const RELAY: &str = "vms-relay";
/// RTP's own header, behind the framing of interleaved packets.
const FRAMING: usize = 4;
const RTP_HEADER: usize = 12;
/// The profile of the extension, and its length in words behind that.
const PROFILE: u16 = 0xabac;
const WORDS: u16 = 3;
const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
const DAY_S: i64 = 86_400;

/// Plays what was recorded; given by whoever has it. Its calls may wait for
/// disks.
pub trait Recordings: Send + Sync {
    /// # Errors
    /// With the reason why nothing plays.
    fn open(&self, key: &StreamKey, begin: &Begin, audio: bool) -> Result<Arc<dyn Playback>, NoPlayback>;
}

/// One playback; it ends when nobody reads its stream any more.
pub trait Playback: Send + Sync {
    /// The stream that it plays into.
    fn key(&self) -> &StreamKey;

    /// # Errors
    /// Where that cannot be played.
    fn steer(&self, begin: &Begin, paused: bool) -> Result<(), NoPlayback>;

    /// When a frame was recorded, and what it begins and ends.
    fn moment(&self, track: u8, dts: i64) -> Option<Moment>;

    /// Nothing more comes until somebody seeks.
    fn is_over(&self) -> bool;

    /// The reader has taken frames: where it makes the playback wait, there may
    /// be room.
    fn taken(&self);

    fn stop(&self);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub utc_us: i64,
    /// It does not follow the frame before it.
    pub jumped: bool,
    /// A gap follows, or nothing at all.
    pub ends: bool,
    /// Nothing follows of its track.
    pub terminal: bool,
    /// Of the PLAY that it answers.
    pub cseq: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlayback {
    /// Nothing was recorded there.
    NotFound,
    /// It is asked for what cannot be played.
    Invalid,
    /// Too many play, or a disk is not there.
    Unavailable,
}

/// What a PLAY asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Begin {
    /// From where on, microseconds of UTC; else from where it is.
    pub at_us: Option<i64>,
    /// Not beyond that; backwards, not before it.
    pub until_us: Option<i64>,
    /// Negative is backwards.
    pub speed: Option<f64>,
    /// As fast as the player takes it, `Rate-Control: no`.
    pub unpaced: bool,
    /// The low bits of the request's number.
    pub cseq: u8,
}

impl Begin {
    /// `None` where the Range cannot be read.
    pub fn of(request: &Request<&[u8]>) -> Option<Self> {
        let (at_us, until_us) = match words(request, &RANGE) {
            Some(range) => read_range(range)?,
            None => (None, None),
        };
        let speed = match words(request, &SCALE) {
            Some(scale) => Some(scale.parse().ok().filter(|scale: &f64| scale.is_finite() && *scale != 0.0)?),
            None => None,
        };
        let unpaced = asks_rate(request) == Some(false);
        let cseq = words(request, &CSEQ).and_then(|cseq| cseq.parse::<u32>().ok()).unwrap_or(0) as u8;
        Some(Self { at_us, until_us, speed, unpaced, cseq })
    }

    /// The speed that is played, the nearest to what was asked for.
    #[must_use]
    pub fn speed(&self) -> f64 {
        let asked = self.speed.unwrap_or(1.0);
        asked.abs().clamp(0.125, 16.0).copysign(asked)
    }
}

pub const RATE_CONTROL: &str = "Rate-Control";

/// Whether all is to be sent in its time; `None` where the player does not say.
pub fn asks_rate(request: &Request<&[u8]>) -> Option<bool> {
    let name = HeaderName::from_static_str(RATE_CONTROL).ok()?;
    words(request, &name).map(|rate| !rate.eq_ignore_ascii_case("no"))
}

fn words<'a>(request: &'a Request<&[u8]>, name: &HeaderName) -> Option<&'a str> {
    request.header(name).map(|value| value.as_str().trim())
}

/// What a player requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Required {
    /// The time of each picture of a recording.
    pub replay: bool,
    /// Time and number of each live frame.
    pub relay: bool,
}

/// `None` where he requires what is unknown here.
pub fn requires(request: &Request<&[u8]>) -> Option<Required> {
    let mut required = Required::default();
    let Some(header) = request.header(&REQUIRE) else { return Some(required) };
    for tag in header.as_str().split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
        match tag {
            REPLAY => required.replay = true,
            RELAY => required.relay = true,
            _ => return None,
        }
    }
    Some(required)
}

type Times = (Option<i64>, Option<i64>);

/// `clock=FROM-[TO]`; any `npt` begins where the address says.
fn read_range(range: &str) -> Option<Times> {
    let range = range.split(';').next()?;
    let Some(clock) = range.strip_prefix("clock=") else {
        return range.starts_with("npt=").then_some((None, None));
    };
    let (from, to) = clock.split_once('-')?;
    let to = if to.is_empty() { None } else { Some(read_clock(to)?) };
    Some((Some(read_clock(from)?), to))
}

/// Microseconds of UTC of `20261121T070000.25Z` (RFC 2326, section 3.7), or of
/// their number itself.
pub fn read_clock(text: &str) -> Option<i64> {
    let Some(text) = text.trim().strip_suffix('Z') else { return text.trim().parse().ok().filter(|us| *us >= 0) };
    let (date, time) = text.split_once('T')?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let number = |text: &str, range: std::ops::Range<usize>| -> Option<i64> {
        text.get(range).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
    };
    if date.len() != 8 || time.len() != 6 || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month, day) = (number(date, 0..4)?, number(date, 4..6)?, number(date, 6..8)?);
    let (hour, minute, second) = (number(time, 0..2)?, number(time, 2..4)?, number(time, 4..6)?);
    let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let seconds = days_of(year, month, day) * DAY_S + hour * 3_600 + minute * 60 + second;
    fits.then_some(seconds * 1_000_000 + micros).filter(|us| *us >= 0)
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is the last one.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The other way round, to the millisecond.
pub fn write_clock(utc_us: i64) -> String {
    let (days, us) = (utc_us.div_euclid(DAY_S * 1_000_000), utc_us.rem_euclid(DAY_S * 1_000_000));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, year) = if month < 10 { (month + 3, year) } else { (month - 9, year + 1) };
    let (seconds, millis) = (us / 1_000_000, us / 1_000 % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}.{millis:03}Z", year + era * 400)
}

/// Puts the header into the first of a frame's interleaved packets.
pub fn with_header(interleaved: &[u8], moment: Moment, key: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(interleaved.len() + 16);
    let Some((framing, rest)) = interleaved.split_first_chunk::<FRAMING>() else { return interleaved.to_vec() };
    let Some((header, behind)) = rest.split_at_checked(RTP_HEADER) else { return interleaved.to_vec() };
    let length = u16::from_be_bytes([framing[2], framing[3]]).saturating_add(4 + WORDS * 4);
    out.extend_from_slice(&framing[..2]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(header);
    out[FRAMING] |= 0x10;
    out.extend_from_slice(&PROFILE.to_be_bytes());
    out.extend_from_slice(&WORDS.to_be_bytes());
    let seconds = moment.utc_us.div_euclid(1_000_000) + FROM_1900_TO_1970_S;
    let fraction = (moment.utc_us.rem_euclid(1_000_000) << 32) / 1_000_000;
    out.extend_from_slice(&(seconds as u32).to_be_bytes());
    out.extend_from_slice(&(fraction as u32).to_be_bytes());
    // C: a clean point to begin at; E: the end of a section; D: something was
    // jumped before it; T: the end of the track.
    let [c, e, d, t] = [key, moment.ends, moment.jumped, moment.terminal].map(u8::from);
    out.extend_from_slice(&[c << 7 | e << 6 | d << 5 | t << 4, moment.cseq, 0, 0]);
    out.extend_from_slice(behind);
    out
}

/// The end of a sender, interleaved: an empty report, as every compound packet
/// begins with one, and BYE (RFC 3550, sections 6.1 and 6.6).
pub fn bye(channel: u8, ssrc: u32) -> [u8; 20] {
    let mut out = [0; 20];
    out[..8].copy_from_slice(&[b'$', channel, 0, 16, 0x80, 201, 0, 1]);
    out[8..12].copy_from_slice(&ssrc.to_be_bytes());
    out[12..16].copy_from_slice(&[0x81, 203, 0, 1]);
    out[16..].copy_from_slice(&ssrc.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use rtsp_types::{Method, Version};

    use super::*;

    fn asked(headers: &[(HeaderName, &str)]) -> Request<&'static [u8]> {
        let mut builder = Request::builder(Method::Play, Version::V1_0);
        for (name, value) in headers {
            builder = builder.header(name.clone(), *value);
        }
        builder.build(&[][..])
    }

    #[test]
    fn times_are_read_as_the_standard_writes_them() {
        let table = [
            ("19700101T000000Z", Some(0)),
            ("20261121T070000Z", Some(1_795_244_400_000_000)),
            ("20261121T070000.25Z", Some(1_795_244_400_250_000)),
            ("20240229T235959.999999Z", Some(1_709_251_199_999_999)),
            ("1795244400000000", Some(1_795_244_400_000_000)),
            ("20261321T070000Z", None),
            ("20261121T250000Z", None),
            ("2026112T070000Z", None),
            ("20261121T070000.Xz", None),
            ("-5", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(read_clock(text), expected, "{text}");
        }
        for us in [0, 1_795_244_400_250_000, 1_709_251_199_999_000, 951_782_400_000_000, 4_102_444_799_000_000] {
            assert_eq!(read_clock(&write_clock(us)), Some(us), "{}", write_clock(us));
        }
    }

    #[test]
    fn a_play_says_from_where_to_where_and_how_fast() {
        let begin = |at_us, until_us, speed| Some(Begin { at_us, until_us, speed, ..Begin::default() });
        let of = |headers: &[(HeaderName, &str)]| Begin::of(&asked(headers));
        let (seven, ten_past) = (1_795_244_400_000_000, 1_795_245_000_000_000);
        assert_eq!(of(&[]), begin(None, None, None));
        assert_eq!(of(&[(RANGE, "npt=0.000-")]), begin(None, None, None));
        assert_eq!(of(&[(RANGE, "clock=20261121T070000Z-")]), begin(Some(seven), None, None));
        let both = of(&[(RANGE, "clock=20261121T070000Z-20261121T071000Z;time=x"), (SCALE, "-2.0")]);
        assert_eq!(both, begin(Some(seven), Some(ten_past), Some(-2.0)));
        for bad in ["clock=now-", "clock=20261121T070000Z", "smpte=0:10-", "clock=20261121T070000Z-x"] {
            assert_eq!(of(&[(RANGE, bad)]), None, "{bad}");
        }
        for bad in ["0", "fast", "nan"] {
            assert_eq!(of(&[(SCALE, bad)]), None, "{bad}");
        }
        let speed = |asked| Begin { speed: Some(asked), ..Begin::default() }.speed();
        assert_eq!([100.0, -0.01, 2.0].map(speed), [16.0, -0.125, 2.0]);
        let rate = HeaderName::from_static_str(RATE_CONTROL).expect("a name");
        let unpaced = |words| of(&[(rate.clone(), words), (CSEQ, "263")]).map(|begin| (begin.unpaced, begin.cseq));
        assert_eq!(["no", " No ", "yes", "maybe"].map(unpaced), [true, true, false, false].map(|no| Some((no, 7))));
    }

    #[test]
    fn what_is_required_is_known_or_refused() {
        let required = |replay| Some(Required { replay, relay: false });
        assert_eq!(requires(&asked(&[])), required(false));
        assert_eq!(requires(&asked(&[(REQUIRE, "onvif-replay")])), required(true));
        assert_eq!(requires(&asked(&[(REQUIRE, "onvif-replay, funky")])), None);
    }

    #[test]
    fn the_first_packet_says_when_its_picture_was_taken() {
        let mut packets = b"$\x02\x00\x0e".to_vec();
        packets.extend_from_slice(&[0x80, 0x60, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x65, 0x88]);
        packets.extend_from_slice(b"$\x02\x00\x01x");
        let moment = Moment { utc_us: 1_500_000, jumped: true, ends: false, terminal: false, cseq: 7 };
        let out = with_header(&packets, moment, true);
        assert_eq!(out[..4], [b'$', 2, 0, 30]);
        assert_eq!(out[4], 0x90, "an extension");
        assert_eq!(out[16..20], [0xab, 0xac, 0, 3]);
        assert_eq!(out[20..28], [0x83, 0xaa, 0x7e, 0x81, 0x80, 0, 0, 0], "NTP of 1.5 s");
        assert_eq!(out[28..32], [0b1010_0000, 7, 0, 0]);
        assert_eq!(out[32..], [0x65, 0x88, b'$', 2, 0, 1, b'x'], "and nothing else is changed");
        let later = Moment { jumped: false, ..moment };
        assert_eq!(with_header(&packets, later, false)[28], 0);
        let ends = Moment { ends: true, ..later };
        assert_eq!(with_header(&packets, ends, false)[28], 0b0100_0000, "E");
        assert_eq!(with_header(&packets, Moment { terminal: true, ..ends }, false)[28], 0b0101_0000, "E and T");
        for end in 0..16 {
            assert_eq!(with_header(&packets[..end], moment, true), packets[..end], "{end}");
        }
    }

    #[test]
    fn a_farewell_is_a_compound_packet() {
        let out = bye(3, 9);
        assert_eq!((&out[..4], out.len()), (&[b'$', 3, 0, 16][..], 20));
        assert_eq!((out[5], out[13], out[19]), (201, 203, 9));
    }
}
