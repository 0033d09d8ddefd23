//! The state of every stream, as the API lists it.

use serde::Serialize;
use vms_hub::{StreamKey, StreamStatus};
use vms_sources::{Reason, SourceStatus, State};

#[derive(Clone, Debug, Serialize)]
pub struct StreamReport {
    pub camera: String,
    pub stream: &'static str,
    pub state: State,
    pub reason: Option<Reason>,
    pub codec: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub fps: f32,
    /// Bits a second.
    pub bitrate: u64,
    pub readers: usize,
    /// Frames that readers missed and frames that never became whole.
    pub drops: u64,
    pub reconnects: u64,
    pub clock_offset_ms: Option<i64>,
    pub since_utc_us: i64,
    /// The second address plays.
    pub backup: bool,
}

impl StreamReport {
    pub fn of(key: &StreamKey, source: &SourceStatus, hub: Option<StreamStatus>) -> Self {
        let hub = hub.unwrap_or_default();
        let live = source.state == State::Live;
        Self {
            camera: key.camera.to_string(),
            stream: key.stream.as_str(),
            state: source.state,
            reason: source.reason.clone(),
            codec: hub.codec,
            width: hub.width,
            height: hub.height,
            fps: if live { (hub.fps * 10.0).round() / 10.0 } else { 0.0 },
            bitrate: if live { hub.bitrate } else { 0 },
            readers: hub.readers,
            drops: hub.drops + source.lost_frames,
            reconnects: source.reconnects,
            clock_offset_ms: source.clock_offset_ms,
            since_utc_us: source.since_utc_us,
            backup: source.backup,
        }
    }
}
