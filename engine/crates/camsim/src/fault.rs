//! What a simulated camera can do wrong.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use crate::FarmError;
use crate::spoil::{BadAnswer, BadPayload};
use crate::talk::BadTalk;

/// A fault, on a camera until it is taken back, or on one connection by
/// `?fault=KIND[:VALUE]` in its address.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// No packet more; the connection stays.
    Stall,
    /// Loses that many of a hundred packets; their numbers are missing.
    Drop { percent: f32 },
    /// Sends that many of a hundred packets after the one that follows.
    Reorder { percent: f32 },
    /// Sends each frame so much after its time.
    Delay { ms: u64 },
    /// Closes the connection so long after PLAY.
    Close { after_s: f32 },
    /// Refuses whatever password comes.
    WrongPassword,
    /// The marker on parameter sets and SEI, and not where it belongs.
    LyingMarker,
    /// No parameter sets in the SDP; with `in_band: false` none at all.
    NoParameterSets {
        #[serde(default = "yes")]
        in_band: bool,
    },
    /// Parameter sets in the SDP only.
    SetsOnlyInSdp,
    /// One of the SDP forms that cameras are known for.
    BadSdp { form: BadSdp },
    /// One of the forms of answers that cameras are known for.
    BadAnswer { form: BadAnswer },
    /// One of the forms of packets that cameras are known for.
    BadPayload { form: BadPayload },
    /// One of the forms of back channels that cameras are known for; who does
    /// not ask for it meets nothing.
    BadTalk { form: BadTalk },
    /// The camera's clock stands so much later, RTP and RTCP alike.
    ClockJump { seconds: f64 },
    /// The video is described but only audio comes.
    AudioOnly,
    /// Answers with something that is not RTSP.
    NotRtsp,
    /// Packets of 10,000 bytes.
    BigPackets,
    /// One frame that never ends.
    EndlessFrame,
    /// Packets of another session among the own ones, on the own channel and
    /// on one that nobody set up.
    ForeignPackets,
}

fn yes() -> bool {
    true
}

/// Forms of a bad SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSdp {
    /// Neither o= nor s=.
    NoOrigin,
    /// Neither v=, o= nor s=.
    NoVersion,
    /// Numbers of o= that no standard knows.
    HexOrigin,
    NegativeOrigin,
    DecimalOrigin,
    /// `c=IN c=IN IP4 0.0.0.0`.
    DoubledConnection,
    /// The video's fmtp stands in the section of a maker's own media, which
    /// has neither port nor protocol.
    StrayFmtp,
    /// Broken c=, a vendor's own media, a blank after the rtpmap, an empty
    /// fmtp, repeated s=, a line of nobody's.
    Junk,
    /// Parameter sets with start codes in front and bytes behind.
    AnnexBSets,
    /// A codec nobody knows.
    UnknownCodec,
    /// Audio alone.
    NoVideo,
    /// Not an SDP at all.
    Garbage,
}

impl Fault {
    pub(crate) const NONE: &str = "none";

    /// A fault as JSON: `{"kind": "drop", "percent": 5}`.
    pub fn from_json(text: &str) -> Result<Self, FarmError> {
        serde_json::from_str(text).map_err(|error| FarmError::BadFault(error.to_string()))
    }

    /// Reads a command's words: `none` means healthy.
    pub fn read(text: &str) -> Result<Option<Self>, FarmError> {
        if text == Self::NONE { Ok(None) } else { text.parse().map(Some) }
    }

    pub(crate) fn blocks_video(&self) -> bool {
        matches!(self, Self::Stall | Self::AudioOnly)
    }

    /// True where a client meets it only when it calls: to take effect at
    /// once it must end the sessions that run.
    pub(crate) fn is_met_on_calling(&self) -> bool {
        matches!(
            self,
            Self::WrongPassword
                | Self::NoParameterSets { .. }
                | Self::SetsOnlyInSdp
                | Self::BadSdp { .. }
                | Self::BadAnswer { .. }
                | Self::BadPayload { form: BadPayload::Adts }
                | Self::AudioOnly
                | Self::NotRtsp
        )
    }
}

/// The short form for addresses and commands: `stall`, `drop:5`,
/// `bad_sdp:no_origin`; JSON is understood too.
impl FromStr for Fault {
    type Err = FarmError;

    fn from_str(text: &str) -> Result<Self, FarmError> {
        if text.starts_with('{') {
            return Self::from_json(text);
        }
        let (kind, value) = text.split_once(':').unwrap_or((text, ""));
        let bad = || FarmError::BadFault(text.to_owned());
        let number = |default: f64| -> Result<f64, FarmError> {
            if value.is_empty() {
                return Ok(default);
            }
            value.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(bad)
        };
        Ok(match (kind, value) {
            ("drop", _) => Self::Drop { percent: number(1.0)? as f32 },
            ("reorder", _) => Self::Reorder { percent: number(1.0)? as f32 },
            ("delay", _) => Self::Delay { ms: number(200.0)?.max(0.0) as u64 },
            ("close", _) => Self::Close { after_s: number(0.0)? as f32 },
            ("clock_jump", _) => Self::ClockJump { seconds: number(60.0)? },
            ("bad_sdp", _) => Self::BadSdp { form: serde_json::from_value(value.into()).map_err(|_| bad())? },
            ("bad_answer", _) => Self::BadAnswer { form: serde_json::from_value(value.into()).map_err(|_| bad())? },
            ("bad_talk", _) => Self::BadTalk { form: serde_json::from_value(value.into()).map_err(|_| bad())? },
            ("bad_payload", _) => Self::BadPayload { form: serde_json::from_value(value.into()).map_err(|_| bad())? },
            ("no_parameter_sets", "at_all") => Self::NoParameterSets { in_band: false },
            ("no_parameter_sets", "") => Self::NoParameterSets { in_band: true },
            ("stall", "") => Self::Stall,
            ("wrong_password", "") => Self::WrongPassword,
            ("lying_marker", "") => Self::LyingMarker,
            ("sets_only_in_sdp", "") => Self::SetsOnlyInSdp,
            ("audio_only", "") => Self::AudioOnly,
            ("not_rtsp", "") => Self::NotRtsp,
            ("big_packets", "") => Self::BigPackets,
            ("endless_frame", "") => Self::EndlessFrame,
            ("foreign_packets", "") => Self::ForeignPackets,
            _ => return Err(bad()),
        })
    }
}

/// Writes what [`FromStr`] reads.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stall => f.write_str("stall"),
            Self::Drop { percent } => write!(f, "drop:{percent}"),
            Self::Reorder { percent } => write!(f, "reorder:{percent}"),
            Self::Delay { ms } => write!(f, "delay:{ms}"),
            Self::Close { after_s } => write!(f, "close:{after_s}"),
            Self::WrongPassword => f.write_str("wrong_password"),
            Self::LyingMarker => f.write_str("lying_marker"),
            Self::NoParameterSets { in_band: true } => f.write_str("no_parameter_sets"),
            Self::NoParameterSets { in_band: false } => f.write_str("no_parameter_sets:at_all"),
            Self::SetsOnlyInSdp => f.write_str("sets_only_in_sdp"),
            Self::BadSdp { form } => write!(f, "bad_sdp:{form}"),
            Self::BadAnswer { form } => write!(f, "bad_answer:{form}"),
            Self::BadTalk { form } => write!(f, "bad_talk:{form}"),
            Self::BadPayload { form } => write!(f, "bad_payload:{form}"),
            Self::ClockJump { seconds } => write!(f, "clock_jump:{seconds}"),
            Self::AudioOnly => f.write_str("audio_only"),
            Self::NotRtsp => f.write_str("not_rtsp"),
            Self::BigPackets => f.write_str("big_packets"),
            Self::EndlessFrame => f.write_str("endless_frame"),
            Self::ForeignPackets => f.write_str("foreign_packets"),
        }
    }
}

impl fmt::Display for BadSdp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A unit variant is written as its bare name.
        self.serialize(f)
    }
}

/// The faults of all streams, set from any thread. Camera `n`, counted from
/// 0, has the streams `2 * n` (main) and `2 * n + 1` (sub).
#[derive(Debug)]
pub(crate) struct Faults {
    streams: RwLock<Vec<Option<Fault>>>,
    /// False while nobody has ever set one: spares the healthy farm a lock a
    /// frame.
    any: AtomicBool,
}

impl Faults {
    pub fn new(cameras: usize) -> Arc<Self> {
        Arc::new(Self { streams: RwLock::new(vec![None; cameras * 2]), any: AtomicBool::new(false) })
    }

    /// The streams of camera `number` (from 1), or of all with 0.
    pub fn streams_of(&self, number: usize) -> Result<Range<usize>, FarmError> {
        let count = self.streams.read().len();
        match number {
            0 => Ok(0..count),
            _ if number <= count / 2 => Ok(number * 2 - 2..number * 2),
            _ => Err(FarmError::NoSuchCamera(number)),
        }
    }

    /// Sets the fault of streams that exist.
    pub fn set(&self, streams: Range<usize>, fault: Option<Fault>) {
        self.streams.write()[streams].fill(fault);
        self.any.store(true, Ordering::Release);
    }

    pub fn get(&self, stream: usize) -> Option<Fault> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.streams.read().get(stream).cloned().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_json_and_from_addresses() {
        let pairs = [
            (r#"{"kind":"stall"}"#, "stall"),
            (r#"{"kind":"drop","percent":5}"#, "drop:5"),
            (r#"{"kind":"reorder","percent":1}"#, "reorder"),
            (r#"{"kind":"delay","ms":300}"#, "delay:300"),
            (r#"{"kind":"close","after_s":10}"#, "close:10"),
            (r#"{"kind":"wrong_password"}"#, "wrong_password"),
            (r#"{"kind":"lying_marker"}"#, "lying_marker"),
            (r#"{"kind":"no_parameter_sets"}"#, "no_parameter_sets"),
            (r#"{"kind":"no_parameter_sets","in_band":false}"#, "no_parameter_sets:at_all"),
            (r#"{"kind":"sets_only_in_sdp"}"#, "sets_only_in_sdp"),
            (r#"{"kind":"bad_sdp","form":"no_origin"}"#, "bad_sdp:no_origin"),
            (r#"{"kind":"bad_sdp","form":"annex_b_sets"}"#, "bad_sdp:annex_b_sets"),
            (r#"{"kind":"bad_sdp","form":"stray_fmtp"}"#, "bad_sdp:stray_fmtp"),
            (r#"{"kind":"bad_answer","form":"one_channel"}"#, "bad_answer:one_channel"),
            (r#"{"kind":"bad_payload","form":"annex_b"}"#, "bad_payload:annex_b"),
            (r#"{"kind":"bad_talk","form":"second_track"}"#, "bad_talk:second_track"),
            (r#"{"kind":"clock_jump","seconds":-5}"#, "clock_jump:-5"),
            (r#"{"kind":"audio_only"}"#, "audio_only"),
            (r#"{"kind":"not_rtsp"}"#, "not_rtsp"),
            (r#"{"kind":"big_packets"}"#, "big_packets"),
            (r#"{"kind":"endless_frame"}"#, "endless_frame"),
            (r#"{"kind":"foreign_packets"}"#, "foreign_packets"),
        ];
        for (json, short) in pairs {
            let fault = Fault::from_json(json).expect(json);
            assert_eq!(fault, short.parse().expect(short));
            assert_eq!(fault, fault.to_string().parse().expect(short));
            assert_eq!(Fault::read(json).expect(json), Some(fault));
        }
        for bad in [
            "",
            "melt",
            "drop:x",
            "drop:nan",
            "stall:5",
            "bad_sdp:nice",
            "bad_answer:none",
            "bad_payload",
            "no_parameter_sets:x",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
        assert!(Fault::read(r#"{"kind":"drop","percent":1,"extra":1}"#).is_err());
        assert_eq!(Fault::read("none").expect("healthy"), None);
    }

    #[test]
    fn a_fault_holds_until_it_is_taken_back() {
        let faults = Faults::new(2);
        assert_eq!(faults.get(0), None);
        faults.set(faults.streams_of(1).unwrap(), Some(Fault::Stall));
        faults.set(3..4, Some(Fault::LyingMarker));
        let set: Vec<_> = (0..4).map(|stream| faults.get(stream)).collect();
        assert_eq!(set, [Some(Fault::Stall), Some(Fault::Stall), None, Some(Fault::LyingMarker)]);
        faults.set(faults.streams_of(0).unwrap(), None);
        assert!((0..4).all(|stream| faults.get(stream).is_none()));
        assert!(matches!(faults.streams_of(3), Err(FarmError::NoSuchCamera(3))));
    }
}
