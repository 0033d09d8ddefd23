//! The state of every stream, as the API lists it.

use serde::Serialize;
use vms_hub::{StreamKey, StreamStatus};
use vms_sinks::srt::PushStatus;
use vms_sinks::transcode::Report;
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
    /// Its pictures are converted for viewers who do not take them.
    pub transcode: Option<TranscodeReport>,
    /// Where those stand that it is brought to.
    pub push: Vec<PushStatus>,
}

/// What it costs that viewers cannot take a camera's pictures.
#[derive(Clone, Debug, Serialize)]
pub struct TranscodeReport {
    pub viewers: usize,
    /// A worker is at work.
    pub works: bool,
    /// Of one core.
    pub cpu_percent: f32,
    pub memory_bytes: u64,
    /// From the camera's picture to what is made of it.
    pub delay_ms: Option<i64>,
    /// Code of why it fails.
    pub failing: Option<&'static str>,
}

impl From<&Report> for TranscodeReport {
    fn from(report: &Report) -> Self {
        let cost = report.cost.unwrap_or_default();
        Self {
            viewers: report.listeners,
            works: report.works,
            cpu_percent: cost.cpu_permille as f32 / 10.0,
            memory_bytes: cost.memory_bytes,
            delay_ms: report.delay_ms,
            failing: report.reason,
        }
    }
}

impl StreamReport {
    pub fn of(
        key: &StreamKey,
        source: &SourceStatus,
        hub: Option<StreamStatus>,
        transcode: Option<TranscodeReport>,
        push: Vec<PushStatus>,
    ) -> Self {
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
            transcode,
            push,
        }
    }
}
