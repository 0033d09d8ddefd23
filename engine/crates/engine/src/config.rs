//! What the engine is told: its configuration at start, and the state that is
//! wished for. Unknown keys are refused.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use vms_access::{Limits, PublicKey, Revocation, Rules, StreamKeyRule};
use vms_hub::{StreamName, is_camera_id};
use vms_recording::{CallError, CallKind, CameraWish, Keep, Mode, RecordingConfig, StreamRecord};
use vms_sources::{Network, Transport};

/// The kinds of failure that the steering side knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Invalid,
    NotFound,
    Conflict,
    Unavailable,
    Internal,
}

#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub kind: Kind,
    /// For programs, where the kind does not say enough.
    pub code: Option<&'static str>,
    pub message: String,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, code: None, message: message.into() }
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        let kind = match error.kind {
            CallKind::Invalid => Kind::Invalid,
            CallKind::NotFound => Kind::NotFound,
            CallKind::Conflict => Kind::Conflict,
            CallKind::Unavailable => Kind::Unavailable,
            CallKind::Internal => Kind::Internal,
        };
        Self { kind, code: Some(error.code), message: error.message }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    pub front: FrontSection,
    pub rtsp: RtspSection,
    pub webrtc: WebRtcSection,
    /// Where publishers call by RTMP; absent: nowhere.
    #[serde(default)]
    pub rtmp: Option<RtmpSection>,
    /// Where publishers and players call by SRT; absent: nowhere.
    #[serde(default)]
    pub srt: Option<SrtSection>,
    /// Absent: HLS is at the origin alone.
    #[serde(default)]
    pub hls: Option<HlsSection>,
    #[serde(default = "default_back_off")]
    pub backoff_ms: [u64; 2],
    #[serde(default = "default_no_video")]
    pub no_video_ms: u64,
    /// How long a stream on demand stays open without viewers.
    #[serde(default = "default_linger")]
    pub linger_ms: u64,
    #[serde(default)]
    pub ring: RingSection,
    /// Worker threads of sources and RTSP readers; 0 = one a core, at most 4.
    #[serde(default)]
    pub threads: usize,
    /// Where cameras may be, as CIDRs; unset allows every address but the
    /// metadata services of clouds, which are never dialled.
    #[serde(default)]
    pub allowed_networks: Option<Vec<Network>>,
    /// Where the files of `file:` lie; unset: such addresses are refused.
    #[serde(default)]
    pub media_dir: Option<PathBuf>,
    /// Where workers that decode ask for frames; unset: they get none.
    #[serde(default)]
    pub frames_socket: Option<PathBuf>,
    /// Streams whose pictures are transcoded at once, at most; 0: none.
    #[serde(default)]
    pub max_transcodes: usize,
    /// Absent: this machine is none of an installation's.
    #[serde(default)]
    pub node: Option<NodeSection>,
    /// Absent: nothing is recorded, no volume is opened.
    #[serde(default)]
    pub recording: Option<RecordingConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FrontSection {
    pub bind: SocketAddr,
    pub api_socket: PathBuf,
    #[serde(default)]
    pub open: bool,
    /// Unset: every listener is plain.
    #[serde(default)]
    pub tls: Option<TlsSection>,
    /// A proxy of the operator's in front speaks TLS to clients.
    #[serde(default)]
    pub behind_proxy: bool,
}

/// Where it stands who this machine is among others; both are read when they are
/// there, as it may join while it runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Its key and certificate, JSON.
    pub identity: PathBuf,
    /// The certificate of the installation's authority, PEM.
    pub authority: PathBuf,
}

/// TLS of the HTTP listeners.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSection {
    /// PEM files; they are read again when they change.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Which listeners speak it.
    pub origin: bool,
    pub players: bool,
    #[serde(default)]
    pub hls: bool,
    /// Browsers are told to come by TLS alone from now on.
    pub strict_transport: bool,
    /// HTTP/3 beside it.
    #[serde(default)]
    pub http3: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RtspSection {
    pub bind: SocketAddr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RtmpSection {
    pub bind: SocketAddr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SrtSection {
    pub bind: SocketAddr,
    /// How long lost packets are waited for.
    pub latency_ms: u64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HlsSection {
    pub bind: SocketAddr,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebRtcSection {
    pub http_bind: SocketAddr,
    pub udp_bind: Vec<SocketAddr>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RingSection {
    pub stream_bytes: usize,
    pub seconds: u64,
    pub process_bytes: usize,
}

impl Default for RingSection {
    fn default() -> Self {
        Self { stream_bytes: 8 << 20, seconds: 10, process_bytes: 2 << 30 }
    }
}

fn default_back_off() -> [u64; 2] {
    [1_000, 30_000]
}

fn default_linger() -> u64 {
    10_000
}

fn default_no_video() -> u64 {
    5_000
}

impl EngineConfig {
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let config: Self = serde_json::from_slice(json)
            .map_err(|error| Error::new(Kind::Invalid, format!("engine configuration: {error}")))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Error> {
        let bad = |message: String| Err(Error::new(Kind::Invalid, message));
        let listeners = [self.front.bind, self.rtsp.bind, self.webrtc.http_bind];
        let rtmp = self.rtmp.as_ref().map(|rtmp| &rtmp.bind);
        let srt = self.srt.as_ref().map(|srt| &srt.bind);
        let hls = self.hls.as_ref().map(|hls| &hls.bind);
        let mut all = listeners.iter().chain(&self.webrtc.udp_bind).chain(rtmp).chain(srt).chain(hls);
        let foreign = all.find(|a| !a.ip().is_loopback());
        match foreign {
            Some(address) if self.front.open => {
                return bad(format!("an open server binds to loopback only, not to {address}"));
            }
            _ => {}
        }
        if self.backoff_ms[0] > self.backoff_ms[1] {
            return bad(format!("backoff_ms: {} is more than {}", self.backoff_ms[0], self.backoff_ms[1]));
        }
        if self.no_video_ms < 100 {
            return bad(format!("no_video_ms: {} where at least 100 is allowed", self.no_video_ms));
        }
        self.recording.as_ref().map_or(Ok(()), RecordingConfig::check).or_else(bad)
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DesiredState {
    pub generation: u64,
    pub cameras: Vec<Camera>,
    #[serde(default)]
    pub access: AccessWish,
}

/// Who may open streams. The cameras themselves say their city and masks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccessWish {
    pub node: String,
    pub keys: Vec<PublicKey>,
    pub stream_keys: Vec<StreamKeyRule>,
    /// Those that may also play what was recorded, by id.
    pub playback_keys: BTreeSet<String>,
    pub limits: Limits,
    pub city_limits: BTreeMap<String, u32>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    pub id: String,
    #[serde(default = "default_city")]
    pub city: String,
    #[serde(default)]
    pub name: String,
    #[serde(default = "default_enabled")]
    pub enabled: bool,
    /// Privacy masks are set.
    #[serde(default)]
    pub masked: bool,
    pub streams: BTreeMap<StreamName, StreamWish>,
    /// When its streams are recorded; one that is absent is not.
    #[serde(default)]
    pub record: BTreeMap<StreamName, StreamRecord>,
    /// How long its recordings stay.
    #[serde(default)]
    pub keep: Keep,
}

impl Camera {
    /// Whether a stream is recorded now, or is to be when something happens.
    #[must_use]
    pub fn is_recorded(&self, stream: StreamName) -> bool {
        self.record.get(&stream).is_some_and(|record| record.mode != Mode::Off)
    }

    /// Its share of recording; streams that it does not have are left out.
    #[must_use]
    pub fn recording(&self) -> CameraWish {
        let record = self.record.iter().filter(|(name, _)| self.streams.contains_key(name));
        CameraWish {
            id: self.id.clone(),
            city: self.city.clone(),
            enabled: self.enabled,
            record: record.map(|(name, record)| (*name, record.clone())).collect(),
            keep: self.keep.clone(),
        }
    }
}

fn default_city() -> String {
    "local".to_owned()
}

fn default_enabled() -> bool {
    true
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamWish {
    /// May hold a password: never shown.
    pub url: String,
    /// Plays while the first gives no video; it may hold a password too.
    #[serde(default)]
    pub backup: Option<String>,
    #[serde(default)]
    pub transport: Option<Transport>,
    /// Opened for viewers alone; unset: where it is another node's.
    #[serde(default)]
    pub on_demand: Option<bool>,
    /// `srt://` addresses that it is brought to; they may hold passphrases.
    #[serde(default)]
    pub push: Vec<String>,
}

impl StreamWish {
    /// Whether it is closed while nobody views it.
    #[must_use]
    pub fn is_on_demand(&self) -> bool {
        self.on_demand.unwrap_or_else(|| self.url.starts_with("node:"))
    }
}

impl std::fmt::Debug for StreamWish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamWish").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl DesiredState {
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        let state: Self = serde_json::from_slice(json)
            .map_err(|error| Error::new(Kind::Invalid, format!("desired state: {error}")))?;
        let mut seen = std::collections::BTreeSet::new();
        for camera in &state.cameras {
            if !is_camera_id(&camera.id) {
                return Err(Error::new(Kind::Invalid, format!("camera id {:?} is not allowed", camera.id)));
            }
            if !seen.insert(&camera.id) {
                return Err(Error::new(Kind::Invalid, format!("camera {} is there twice", camera.id)));
            }
            let waits = |stream: &StreamWish| stream.url.starts_with("publish:");
            if camera.streams.values().any(|stream| stream.backup.is_some() && waits(stream)) {
                let message =
                    format!("camera {}: a stream that waits for a publisher has no second address", camera.id);
                return Err(Error::new(Kind::Invalid, message));
            }
            if camera.streams.values().any(|stream| stream.is_on_demand() && waits(stream)) {
                let message = format!("camera {}: who calls us is not called on demand", camera.id);
                return Err(Error::new(Kind::Invalid, message));
            }
            if camera.streams.values().flat_map(|stream| &stream.push).any(|target| !target.starts_with("srt://")) {
                let message = format!("camera {}: a stream is brought to srt:// addresses alone", camera.id);
                return Err(Error::new(Kind::Invalid, message));
            }
            camera.recording().check().map_err(|message| Error::new(Kind::Invalid, message))?;
        }
        Ok(state)
    }

    /// Where cameras that speak RTSP and are switched on may be talked to: at
    /// their main stream, else at what there is.
    #[must_use]
    pub fn talk_addresses(&self) -> BTreeMap<String, String> {
        let speaks_rtsp = |stream: &&StreamWish| stream.url.starts_with("rtsp");
        let cameras = self.cameras.iter().filter(|camera| camera.enabled);
        // Main comes first in the order of names.
        cameras
            .filter_map(|camera| Some((camera.id.clone(), camera.streams.values().find(speaks_rtsp)?.url.clone())))
            .collect()
    }

    /// What decides who may open which of the cameras' streams.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let AccessWish { node, keys, stream_keys, playback_keys, limits, city_limits } = self.access.clone();
        let cities = self.cameras.iter().map(|camera| (camera.id.clone(), camera.city.clone())).collect();
        let masked = self.cameras.iter().filter(|camera| camera.masked).map(|camera| camera.id.clone()).collect();
        Rules { node, keys, stream_keys, playback_keys, limits, city_limits, cities, masked }
    }
}

/// Whose streams end.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RevocationWish {
    pub viewer: Option<String>,
    pub session: Option<String>,
    pub camera: Option<String>,
}

impl RevocationWish {
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(json).map_err(|error| Error::new(Kind::Invalid, format!("revocation: {error}")))
    }
}

impl From<RevocationWish> for Revocation {
    fn from(wish: RevocationWish) -> Self {
        Self { viewer: wish.viewer, session: wish.session, camera: wish.camera }
    }
}
