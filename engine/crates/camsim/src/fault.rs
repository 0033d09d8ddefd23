//! What a simulated camera can do wrong.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::RwLock;
use serde::Deserialize;

use crate::FarmError;

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
    /// Packets of another session among the own ones.
    ForeignPackets,
}

fn yes() -> bool {
    true
}

/// Forms of a bad SDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadSdp {
    /// Neither o= nor s=.
    NoOrigin,
    /// Broken c=, a vendor's own media, a blank after the rtpmap, an empty
    /// fmtp, repeated s=.
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
    /// A fault as JSON: `{"kind": "drop", "percent": 5}`.
    pub fn from_json(text: &str) -> Result<Self, FarmError> {
        serde_json::from_str(text).map_err(|error| FarmError::BadFault(error.to_string()))
    }

    pub(crate) fn blocks_video(&self) -> bool {
        matches!(self, Self::Stall | Self::AudioOnly)
    }
}

/// The short form for an address: `stall`, `drop:5`, `bad_sdp:no_origin`.
impl FromStr for Fault {
    type Err = FarmError;

    fn from_str(text: &str) -> Result<Self, FarmError> {
        let (kind, value) = text.split_once(':').unwrap_or((text, ""));
        let bad = || FarmError::BadFault(text.to_owned());
        let number = |default: f64| -> Result<f64, FarmError> {
            if value.is_empty() {
                return Ok(default);
            }
            value.parse().map_err(|_| bad())
        };
        Ok(match kind {
            "stall" => Self::Stall,
            "drop" => Self::Drop { percent: number(1.0)? as f32 },
            "reorder" => Self::Reorder { percent: number(1.0)? as f32 },
            "delay" => Self::Delay { ms: number(200.0)?.max(0.0) as u64 },
            "close" => Self::Close { after_s: number(0.0)? as f32 },
            "wrong_password" => Self::WrongPassword,
            "lying_marker" => Self::LyingMarker,
            "no_parameter_sets" => Self::NoParameterSets { in_band: value != "at_all" },
            "sets_only_in_sdp" => Self::SetsOnlyInSdp,
            "bad_sdp" => Self::BadSdp { form: serde_json::from_value(value.into()).map_err(|_| bad())? },
            "clock_jump" => Self::ClockJump { seconds: number(60.0)? },
            "audio_only" => Self::AudioOnly,
            "not_rtsp" => Self::NotRtsp,
            "big_packets" => Self::BigPackets,
            "endless_frame" => Self::EndlessFrame,
            "foreign_packets" => Self::ForeignPackets,
            _ => return Err(bad()),
        })
    }
}

/// The faults of all cameras, set from any thread.
#[derive(Debug)]
pub(crate) struct Faults {
    cameras: RwLock<Vec<Option<Fault>>>,
    /// False while nobody has ever set one: spares the healthy farm a lock a
    /// frame.
    any: AtomicBool,
}

impl Faults {
    pub fn new(cameras: usize) -> Arc<Self> {
        Arc::new(Self { cameras: RwLock::new(vec![None; cameras]), any: AtomicBool::new(false) })
    }

    /// Sets the fault of camera `number` (from 1), or of all with 0.
    pub fn set(&self, number: usize, fault: Option<Fault>) -> Result<(), FarmError> {
        let mut cameras = self.cameras.write();
        if number == 0 {
            cameras.fill(fault);
        } else {
            let slot = cameras.get_mut(number - 1).ok_or(FarmError::NoSuchCamera(number))?;
            *slot = fault;
        }
        self.any.store(true, Ordering::Release);
        Ok(())
    }

    pub fn get(&self, camera: usize) -> Option<Fault> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        self.cameras.read().get(camera).cloned().flatten()
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
        }
        for bad in ["", "melt", "drop:x", "bad_sdp:nice"] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
        assert!(Fault::from_json(r#"{"kind":"drop","percent":1,"extra":1}"#).is_err());
    }

    #[test]
    fn a_fault_holds_until_it_is_taken_back() {
        let faults = Faults::new(2);
        assert_eq!(faults.get(0), None);
        faults.set(1, Some(Fault::Stall)).unwrap();
        assert_eq!((faults.get(0), faults.get(1)), (Some(Fault::Stall), None));
        faults.set(0, None).unwrap();
        assert_eq!(faults.get(0), None);
        assert!(matches!(faults.set(3, None), Err(FarmError::NoSuchCamera(3))));
    }
}
