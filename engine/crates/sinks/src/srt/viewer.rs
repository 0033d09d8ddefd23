//! One who watches: frames of the hub become MPEG-TS, a frame at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use vms_hub::{Delivery, Next, Reader};
use vms_media::{Track, TrackKind, TsMuxer};
use vms_srt::{Connection, LIVE_PAYLOAD};

/// A viewer that loses packets because it takes too little, for so long on
/// end, is let go.
const TOO_SLOW_AFTER: Duration = Duration::from_secs(10);
/// Losses further apart than this are no row.
const ROW: Duration = Duration::from_secs(3);
/// Sound may be so far off the picture's time before it is set anew.
const MOST_OFF: i64 = 90_000 / 25;

pub struct Viewer {
    reader: Reader,
    audio: bool,
    tracks: Arc<[Track]>,
    muxer: Option<TsMuxer>,
    /// From UTC in ticks of 90 kHz to the picture's time.
    from_utc: Option<i64>,
    bytes: Vec<u8>,
    /// Packets given up so far; since when they are, and when last.
    dropped: u64,
    slow: Option<(Instant, Instant)>,
}

/// What became of a viewer's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pumped {
    Goes,
    Ended,
    TooSlow,
    /// MPEG-TS carries none of its video.
    NotCarried,
}

impl Viewer {
    #[must_use]
    pub fn new(reader: Reader, audio: bool) -> Self {
        let tracks = reader.stream().tracks();
        let muxer = TsMuxer::new(&tracks, audio);
        Self { reader, audio, tracks, muxer, from_utc: None, bytes: Vec::new(), dropped: 0, slow: None }
    }

    /// Hands all frames that wait to the connection.
    pub fn pump(&mut self, connection: &mut Connection, now: Instant) -> Pumped {
        loop {
            match self.reader.next() {
                Next::Frame(delivery) => self.send(&delivery, connection, now),
                Next::Waiting(_) => {}
                Next::Pending => break,
                Next::TracksChanged(tracks) => {
                    self.muxer = TsMuxer::new(&tracks, self.audio);
                    self.tracks = tracks;
                    self.from_utc = None;
                }
                Next::Closed(_) => return Pumped::Ended,
            }
        }
        if self.muxer.is_none() && !self.tracks.is_empty() {
            return Pumped::NotCarried;
        }
        if self.is_too_slow(connection.stats().dropped_to_send, now) { Pumped::TooSlow } else { Pumped::Goes }
    }

    fn is_too_slow(&mut self, dropped: u64, now: Instant) -> bool {
        if dropped > self.dropped {
            self.dropped = dropped;
            let since =
                self.slow.filter(|(_, last)| now.saturating_duration_since(*last) < ROW).map(|(since, _)| since);
            self.slow = Some((since.unwrap_or(now), now));
        }
        self.slow.is_some_and(|(since, last)| last.saturating_duration_since(since) >= TOO_SLOW_AFTER)
    }

    fn send(&mut self, delivery: &Delivery, connection: &mut Connection, now: Instant) {
        let frame = &delivery.frame;
        let index = usize::from(frame.track_index);
        let (Some(muxer), Some(track)) = (&mut self.muxer, self.tracks.get(index)) else { return };
        if !muxer.carries(index) {
            return;
        }
        let utc = frame.timing.utc_us * 9 / 100;
        let rate = i64::from(track.clock_rate);
        let (pts, dts) = if frame.kind == TrackKind::Video {
            let own = frame.rtp_time * 90_000 / rate;
            let off = own - utc;
            if self.from_utc.is_none_or(|known| (known - off).abs() > MOST_OFF) {
                self.from_utc = Some(off);
            }
            match delivery.burst {
                // Shown at once: all of the group up to now.
                Some(burst) => (burst.compressed_time() * 90_000 / rate, burst.compressed_time() * 90_000 / rate),
                None => (own, own - (frame.pts - frame.dts) * 90_000 / rate),
            }
        } else {
            // Sound is timed by the picture, whatever its own clock says.
            let Some(from_utc) = self.from_utc else { return };
            (utc + from_utc, utc + from_utc)
        };
        self.bytes.clear();
        muxer.write(index, frame.key, pts, dts, &frame.data, &mut self.bytes);
        for payload in self.bytes.chunks(LIVE_PAYLOAD) {
            // What finds no room is lost for this viewer: it is too slow.
            if !connection.send(payload, now) {
                break;
            }
        }
    }
}
