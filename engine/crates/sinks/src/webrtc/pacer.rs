//! How fast a joining viewer catches up, and at what RTP times: pure.

use std::time::{Duration, Instant};

use vms_hub::BurstTag;

/// A burst may run ahead of its rate by this much, so that a loop that wakes
/// late does not slow it.
const DEPTH: Duration = Duration::from_millis(4);

/// The clock of pictures, a second.
const VIDEO_TICKS: i64 = 90_000;

/// A bucket of bytes for one viewer's burst.
#[derive(Clone, Copy, Debug)]
pub struct Pacer {
    bytes_per_second: f64,
    available: f64,
    refilled: Instant,
}

impl Pacer {
    /// `configured` and `stream` are bits a second. Never under twice the
    /// stream's rate, or the viewer would not catch up.
    #[must_use]
    pub fn new(configured: u64, stream: u64, now: Instant) -> Self {
        let bits = configured.max(stream.saturating_mul(2)).max(1);
        let bytes_per_second = bits as f64 / 8.0;
        Self { bytes_per_second, available: bytes_per_second * DEPTH.as_secs_f64(), refilled: now }
    }

    /// Whether a packet may leave now; takes its bytes if so. The bucket may
    /// go below zero by one packet, which the next refill pays.
    pub fn take(&mut self, bytes: usize, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.refilled).as_secs_f64();
        self.refilled = now;
        let depth = self.bytes_per_second * DEPTH.as_secs_f64();
        self.available = (self.available + elapsed * self.bytes_per_second).min(depth);
        if self.available <= 0.0 {
            return false;
        }
        self.available -= bytes as f64;
        true
    }

    #[must_use]
    pub fn bits_per_second(&self) -> u64 {
        (self.bytes_per_second * 8.0) as u64
    }
}

/// RTP times of one viewer's video, in one run that never goes back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeline {
    /// The viewer negotiated playout delay, so frames one tick apart are shown
    /// as fast as they are decoded.
    pub compress: bool,
    last: Option<i64>,
    /// The newest frame's time by its stream, on the viewer's scale.
    own: i64,
    /// From the scale of the stream that is sent to the viewer's, once there was
    /// another stream.
    shift: Option<i64>,
}

impl Timeline {
    #[must_use]
    pub fn new(compress: bool) -> Self {
        Self { compress, ..Self::default() }
    }

    /// Another stream follows with its frame of `rtp_time`, which was taken so
    /// long after the newest one, or before it.
    pub fn follow(&mut self, rtp_time: i64, after_us: i64) {
        self.shift = Some(self.own + after_us * VIDEO_TICKS / 1_000_000 - rtp_time);
    }

    /// RTP time of a frame; `rtp_time` is its own.
    pub fn video(&mut self, rtp_time: i64, burst: Option<BurstTag>) -> i64 {
        let shift = self.shift.unwrap_or(0);
        self.own = rtp_time + shift;
        let time = match burst {
            // A group sent again after a loss continues where the viewer is, still
            // before the next live frame.
            Some(tag) if self.compress => self.forward(tag.compressed_time() + shift),
            // What the other stream took at the same time was shown already.
            _ if self.shift.is_some() => self.forward(self.own),
            _ => self.own,
        };
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        time
    }

    fn forward(&self, time: i64) -> i64 {
        self.last.map_or(time, |last| time.max(last + 1))
    }
}
