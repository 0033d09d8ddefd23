//! The two streams of a camera for one viewer: which of them his path bears,
//! and going over from one to the other.

use std::sync::Arc;
use std::time::{Duration, Instant};

use str0m::stats::MediaEgressStats;
use vms_hub::{Delivery, Hub, Next, Reader, ReaderKind, Stream, StreamKey, StreamName, Wake};
use vms_media::TrackKind;

use super::answer::{Line, ProfileLevel, covers};
use super::path::{Path, Patience, Report, Why};

/// No key frame in that time: the other stream is not there, or its groups are
/// longer than what a viewer should wait for with a bad picture.
const KEY_WITHIN: Duration = Duration::from_secs(30);

/// Whether a viewer keeps the stream that he asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Whatever his path bears.
    Always,
    /// While his path bears it; else the camera's small one.
    WhileBorne,
}

/// What a viewer may be shown of a camera, and what is known of his path.
pub struct Ladder {
    hub: Hub,
    /// What he asked for: the larger of the two.
    asked: StreamKey,
    /// What was agreed for his pictures, and the profile that the camera sent then.
    line: Line,
    profile: ProfileLevel,
    path: Path,
    turn: Option<Turn>,
    /// Totals of the packets of both kinds at the last report.
    sent: u64,
    resent: u64,
}

/// On the way to the other stream.
struct Turn {
    why: Why,
    stream: Arc<Stream>,
    /// From the shard's wake on.
    reader: Option<Reader>,
    wake: Option<Arc<dyn Wake>>,
    until: Instant,
}

/// The other stream, from its key frame on.
pub struct Landed {
    pub why: Why,
    pub stream: Arc<Stream>,
    pub reader: Reader,
    pub wake: Arc<dyn Wake>,
    pub track_index: usize,
    /// Its key frame.
    pub first: Delivery,
}

/// Why the other stream cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays {
    /// The camera has no other one.
    NoStream,
    /// Not what was agreed on with the viewer.
    Format,
    /// It shows nothing, or no key frame in time.
    NoKey,
}

impl Stays {
    pub const ALL: [Self; 3] = [Self::NoStream, Self::Format, Self::NoKey];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoStream => "no_stream",
            Self::Format => "format",
            Self::NoKey => "no_key_frame",
        }
    }
}

impl Ladder {
    /// Of a viewer who asked for `asked` and is sent it as it is.
    #[must_use]
    pub fn new(
        hub: Hub,
        asked: StreamKey,
        line: Line,
        profile: ProfileLevel,
        patience: Patience,
        now: Instant,
    ) -> Self {
        Self { hub, asked, line, profile, path: Path::new(patience, now), turn: None, sent: 0, resent: 0 }
    }

    #[must_use]
    pub fn asked(&self) -> &StreamKey {
        &self.asked
    }

    /// The stream whose key frame is waited for.
    #[must_use]
    pub fn turns_to(&self) -> Option<&StreamKey> {
        self.turn.as_ref().map(|turn| turn.stream.key())
    }

    /// Takes what the library counted: `written` packets were sent for the first
    /// time so far. True where it begins to go over.
    ///
    /// # Errors
    /// Why it should go over and stays.
    pub fn told(
        &mut self,
        stats: &MediaEgressStats,
        written: u64,
        overtaken: bool,
        now: Instant,
    ) -> Result<bool, Stays> {
        let resent = stats.packets.saturating_sub(written);
        let report = Report {
            sent: written.saturating_sub(self.sent),
            resent: resent.saturating_sub(self.resent),
            loss: f64::from(stats.loss.unwrap_or(0.0)),
            round_trip: stats.rtt.filter(|_| stats.loss.is_some()),
            overtaken,
        };
        if self.turn.as_ref().is_some_and(|turn| now >= turn.until) {
            return Err(self.stay(Stays::NoKey, now));
        }
        // Of seconds without a receiver report nothing is known but what was missed here.
        if stats.loss.is_none() && !overtaken {
            return Ok(false);
        }
        (self.sent, self.resent) = (written, resent);
        let Some(why) = self.path.judge(&report, now).filter(|_| self.turn.is_none()) else { return Ok(false) };
        let key = StreamKey { stream: why.leads_to(), ..self.asked.clone() };
        let Some(stream) = self.hub.stream(&key) else { return Err(self.stay(Stays::NoStream, now)) };
        // Of a stream that was never opened it is not known yet.
        if stream.video().is_some() && self.fitting(&stream).is_none() {
            return Err(self.stay(Stays::Format, now));
        }
        self.turn = Some(Turn { why, stream, reader: None, wake: None, until: now + KEY_WITHIN });
        Ok(true)
    }

    /// Begins to wait for the other stream's key frame; a stream that is opened
    /// for its readers alone opens by that.
    pub fn wait_by(&mut self, wake: Arc<dyn Wake>) {
        if let Some(turn) = self.turn.as_mut().filter(|turn| turn.reader.is_none()) {
            turn.reader = Some(turn.stream.subscribe(ReaderKind::Live { burst: false }, wake.clone()));
            turn.wake = Some(wake);
        }
    }

    /// Whether the shard has to wake for a stream more.
    #[must_use]
    pub fn wants_wake(&self) -> bool {
        self.turn.as_ref().is_some_and(|turn| turn.reader.is_none())
    }

    /// The other stream, once its key frame is there.
    ///
    /// # Errors
    /// Why it is not sent after all.
    pub fn landed(&mut self, now: Instant) -> Result<Option<Landed>, Stays> {
        let Some(reader) = self.turn.as_mut().and_then(|turn| turn.reader.as_mut()) else { return Ok(None) };
        let first = loop {
            match reader.next() {
                // The first picture that a reader gets is a key frame.
                Next::Frame(first) if first.frame.kind == TrackKind::Video => break first,
                Next::Frame(_) | Next::Waiting(_) | Next::TracksChanged(_) => {}
                Next::Pending => return Ok(None),
                Next::Closed(_) => return Err(self.stay(Stays::NoKey, now)),
            }
        };
        let Some(Turn { why, stream, reader: Some(reader), wake: Some(wake), .. }) = self.turn.take() else {
            return Ok(None);
        };
        let Some(track_index) = self.fitting(&stream).filter(|index| *index == usize::from(first.frame.track_index))
        else {
            return Err(self.stay(Stays::Format, now));
        };
        self.path.turned(why.leads_to(), now);
        Ok(Some(Landed { why, stream, reader, wake, track_index, first }))
    }

    /// Nothing is sent for now, or is again: nothing follows from what was told.
    pub fn rest(&mut self, now: Instant) {
        self.turn = None;
        self.path.settle(now);
    }

    fn stay(&mut self, why: Stays, now: Instant) -> Stays {
        self.turn = None;
        self.path.stayed(now);
        tracing::debug!(stream = %self.asked, why = why.as_str(), "a viewer's path asks for the other stream");
        why
    }

    /// The place of the pictures among a stream's tracks, where they are what was
    /// agreed on.
    fn fitting(&self, stream: &Stream) -> Option<usize> {
        let tracks = stream.tracks();
        let profile = stream.video_info().map(|info| info.profile_level_id);
        let index = tracks.iter().position(|track| track.kind == TrackKind::Video)?;
        let ordered = stream.video().is_some_and(|seen| !seen.reorders);
        (ordered && covers(&self.line, self.profile, &tracks[index], profile)).then_some(index)
    }
}

/// Whether a viewer of this stream may be shown another of the same camera:
/// never one who asked for the small one.
#[must_use]
pub fn has_another(asked: &StreamKey) -> bool {
    asked.stream == StreamName::Main && vms_hub::is_camera_id(&asked.camera)
}
