//! One viewer: its WebRTC state, its place in the hub, its run of packets.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::Event;
use str0m::media::MediaTime;
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::stats::MediaEgressStats;
use vms_access::Ticket;
use vms_crowd::Place;
use vms_hub::{Delivery, Next, Reader, ReaderKind, Stream, StreamKey, Wake};
use vms_media::{Track, TrackKind};

use super::ladder::{Ladder, Landed};
use super::limits::BurstShare;
use super::link::{Context, Failed, Flow, Link};
use super::metrics::Reported;
use super::pacer::{Pacer, Timeline};
use super::session::{Outgoing, Session, keep_for_resends};
use crate::transcode::Listener;

/// How often a reported loss of the picture is answered with the whole group.
const REJOIN_EVERY: Duration = Duration::from_millis(500);
/// A connected viewer's own timers are only reports; frames drive the rest.
const IDLE_TICK: Duration = Duration::from_millis(100);
/// Packets handed to the library before it is asked to send them. Its queue
/// keeps the room for the most it ever held, half a kilobyte a packet.
const MAX_QUEUED: usize = 16;

pub struct Viewer {
    pub link: Link,
    pub stream: Arc<Stream>,
    video: Outgoing,
    audio: Option<Outgoing>,
    first_video_seq: u64,
    video_seq: u64,
    audio_seq: u64,
    timeline: Timeline,
    reader: Option<Reader>,
    /// Keeps its pictures being transcoded.
    pictures: Option<Listener>,
    /// Where its sound comes from, if not with the video.
    sound: Option<Sound>,
    /// When a video frame was sent and when it was taken, of the newest one.
    sent: Option<(Instant, i64)>,
    staged: Option<Staged>,
    catch_up: Option<CatchUp>,
    /// A frame has been handed out, so the first wait is over.
    started: bool,
    waited: bool,
    /// The viewer has hidden the picture: nothing is sent.
    paused: bool,
    /// From joining on.
    wake: Option<Arc<dyn Wake>>,
    last_rejoin: Option<Instant>,
    reported: Reported,
    /// The camera's other stream, where he may be shown that too.
    ladder: Option<Ladder>,
    /// Frames that its reader missed by the last report.
    missed: u64,
    /// Other streams' frames wake it from now on; the shard is to be told.
    moved: bool,
}

/// Sound that does not come with the pictures.
pub struct Heard {
    pub stream: Arc<Stream>,
    /// Keeps it being transcoded.
    pub listener: Option<Listener>,
}

struct Sound {
    heard: Heard,
    reader: Option<Reader>,
}

/// A frame whose packets are being written.
struct Staged {
    delivery: Delivery,
    /// It came from the sound that does not come with the pictures.
    apart: bool,
    next: usize,
    time: u32,
}

/// Held from joining until the cached group is sent.
struct CatchUp {
    pacer: Pacer,
    _share: BurstShare,
}

impl Viewer {
    #[must_use]
    pub fn new(
        id: u128,
        ufrag: String,
        session: Session,
        stream: Arc<Stream>,
        half_open: Place,
        ticket: Ticket,
        now: Instant,
    ) -> Self {
        let compress = session.video.playout_delay;
        // The library wants the first number without a roll-over.
        let video_seq = u64::from(rand::random::<u16>() >> 1);
        Self {
            link: Link::new(id, ufrag, session.rtc, half_open, ticket, IDLE_TICK, now),
            stream,
            video: session.video,
            audio: session.audio,
            first_video_seq: video_seq,
            video_seq,
            audio_seq: u64::from(rand::random::<u16>() >> 1),
            timeline: Timeline::new(compress),
            reader: None,
            pictures: None,
            sound: None,
            sent: None,
            staged: None,
            catch_up: None,
            started: false,
            waited: false,
            paused: false,
            wake: None,
            last_rejoin: None,
            reported: Reported::default(),
            ladder: None,
            missed: 0,
            moved: false,
        }
    }

    /// It is shown the camera's other stream where its path asks for that.
    #[must_use]
    pub fn climbing(self, ladder: Option<Ladder>) -> Self {
        Self { ladder, ..self }
    }

    /// Whether it ends when that stream does.
    #[must_use]
    pub fn is_of(&self, key: &StreamKey) -> bool {
        self.stream.key() == key || self.ladder.as_ref().is_some_and(|ladder| ladder.asked() == key)
    }

    /// Whether that stream's frames have to wake it.
    #[must_use]
    pub fn is_woken_by(&self, key: &StreamKey) -> bool {
        self.stream.key() == key || self.turns_to() == Some(key)
    }

    /// The other stream, while it waits for its key frame.
    #[must_use]
    pub fn turns_to(&self) -> Option<&StreamKey> {
        self.ladder.as_ref().and_then(Ladder::turns_to)
    }

    /// Whether other streams wake it than when this was asked last.
    pub fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether it has no wake yet for the stream that it waits for.
    #[must_use]
    pub fn wants_wake(&self) -> bool {
        self.ladder.as_ref().is_some_and(Ladder::wants_wake)
    }

    /// Waits for the other stream's key frame.
    pub fn wait_by(&mut self, wake: Arc<dyn Wake>) {
        if let Some(ladder) = &mut self.ladder {
            ladder.wait_by(wake);
        }
    }

    /// Its pictures are transcoded as long as it holds that.
    #[must_use]
    pub fn watching(self, pictures: Option<Listener>) -> Self {
        Self { pictures, ..self }
    }

    /// Its sound comes from there.
    #[must_use]
    pub fn hearing(self, sound: Option<Heard>) -> Self {
        Self { sound: sound.map(|heard| Sound { heard, reader: None }), ..self }
    }

    /// The library's own timers.
    pub fn tick(&mut self, context: &mut Context<'_>) -> Flow {
        if self.link.tick(context.now) { self.drain(context) } else { Flow::Close }
    }

    /// Sends what the library has ready and acts on its events.
    pub fn drain(&mut self, context: &mut Context<'_>) -> Flow {
        let mut flow = Flow::Wait;
        loop {
            match self.link.poll(context) {
                Ok(Some(event)) => flow = self.event(event, context).unwrap_or(flow),
                Ok(None) => return flow,
                Err(Failed) => return Flow::Close,
            }
        }
    }

    fn event(&mut self, event: Event, context: &mut Context<'_>) -> Option<Flow> {
        match event {
            Event::Connected => Some(Flow::Connected),
            Event::Closed => Some(Flow::Close),
            Event::KeyframeRequest(_) => self.picture_lost(context),
            Event::MediaEgressStats(stats) => {
                self.reported.count(&stats, context.counters);
                if stats.mid == self.video.mid {
                    self.consider(&stats, context);
                }
                None
            }
            _ => None,
        }
    }

    /// Judges its path by what was told of it.
    fn consider(&mut self, stats: &MediaEgressStats, context: &Context<'_>) {
        let Some(ladder) = self.ladder.as_mut().filter(|_| !self.paused) else { return };
        let missed = self.reader.as_ref().map_or(0, |reader| reader.stats().drops);
        let overtaken = missed > std::mem::replace(&mut self.missed, missed);
        match ladder.told(stats, self.video_seq - self.first_video_seq, overtaken, context.now) {
            Ok(begins) => self.moved |= begins,
            Err(stays) => {
                context.counters.stayed(stays);
                self.moved = true;
            }
        }
    }

    /// Goes over to the other stream once its key frame is there. What was sent
    /// until now has all been sent: this comes when the reader has no more.
    fn turn(&mut self, context: &Context<'_>) -> bool {
        let landed = match self.ladder.as_mut().map(|ladder| ladder.landed(context.now)) {
            Some(Ok(Some(landed))) => landed,
            Some(Err(stays)) => {
                context.counters.stayed(stays);
                self.moved = true;
                return false;
            }
            Some(Ok(None)) | None => return false,
        };
        context.counters.switched(landed.why);
        self.land(landed, context);
        true
    }

    fn land(&mut self, landed: Landed, context: &Context<'_>) {
        let Landed { stream, reader, wake, track_index, first, .. } = landed;
        let before = std::mem::replace(&mut self.stream, stream);
        let read = self.reader.replace(reader);
        self.video.track_index = track_index;
        if self.audio.is_some() && self.sound.is_none() {
            // From now on it is that of what was asked for, whichever pictures are
            // sent: so it goes on without a gap.
            self.sound = Some(Sound { heard: Heard { stream: before, listener: None }, reader: read });
        }
        if let Some(reader) = self.sound.as_mut().and_then(|sound| sound.reader.as_mut()) {
            reader.wake_by(wake.clone());
        }
        self.wake = Some(wake);
        self.missed = 0;
        self.moved = true;
        if let Some((_, utc_us)) = self.sent {
            self.timeline.follow(first.frame.rtp_time, first.frame.timing.utc_us - utc_us);
        }
        // Resends of the large pictures would only stand in the small ones' way.
        keep_for_resends(&mut self.link.rtc, &self.video, &self.stream.status());
        self.stage(first, context);
    }

    /// The viewer lost its picture: it gets the cached group again where its
    /// clock allows that, else it waits for the next key frame.
    fn picture_lost(&mut self, context: &mut Context<'_>) -> Option<Flow> {
        let recent = |at: Instant| context.now.duration_since(at) < REJOIN_EVERY;
        if self.catch_up.is_some() || self.last_rejoin.is_some_and(recent) {
            return None;
        }
        self.last_rejoin = Some(context.now);
        let pacer = self.pacer(context);
        let share = context.budget.share(pacer.bits_per_second());
        let reader = self.reader.as_mut()?;
        match share {
            Some(share) if self.timeline.compress => {
                reader.rejoin();
                self.catch_up = Some(CatchUp { pacer, _share: share });
            }
            _ => {
                reader.jump_to_key();
            }
        }
        Some(Flow::Bursting)
    }

    fn pacer(&self, context: &Context<'_>) -> Pacer {
        Pacer::new(context.burst_bits, self.stream.status().bitrate, context.now)
    }

    /// Subscribes to the stream, unless the viewer has paused it.
    pub fn join(&mut self, wake: Arc<dyn Wake>, context: &mut Context<'_>) {
        keep_for_resends(&mut self.link.rtc, &self.video, &self.stream.status());
        self.wake = Some(wake);
        if !self.paused {
            self.subscribe(context);
        }
    }

    /// Begins with the cached group if the machine's budget allows.
    fn subscribe(&mut self, context: &mut Context<'_>) {
        let Some(wake) = self.wake.clone() else { return };
        if let Some(ladder) = &mut self.ladder {
            ladder.rest(context.now);
        }
        let pacer = self.pacer(context);
        // The cached group's own times may be before what was shown already.
        let may_burst = !self.started || self.timeline.compress;
        let share = may_burst.then(|| context.budget.share(pacer.bits_per_second())).flatten();
        let burst = share.is_some();
        self.catch_up = share.map(|share| CatchUp { pacer, _share: share });
        if let Some(sound) = &mut self.sound {
            let kind = ReaderKind::Live { burst: false };
            sound.reader = Some(sound.heard.stream.subscribe(kind, wake.clone()));
        }
        self.reader = Some(self.stream.subscribe(ReaderKind::Live { burst }, wake));
    }

    /// Sends nothing, or goes on: at once from the cached group. The session
    /// lives meanwhile.
    pub fn pause(&mut self, paused: bool, context: &mut Context<'_>) -> Flow {
        if paused == self.paused {
            return Flow::Wait;
        }
        self.paused = paused;
        if let Some(ladder) = &mut self.ladder {
            ladder.rest(context.now);
            self.moved = true;
        }
        self.rest_listeners(paused);
        if paused {
            self.stop_reading();
            return Flow::Wait;
        }
        if self.wake.is_some() && !self.fits(&self.stream.tracks()) {
            return Flow::Close;
        }
        self.subscribe(context);
        Flow::Bursting
    }

    /// Nothing is converted for those alone who have paused it.
    fn rest_listeners(&mut self, paused: bool) {
        let heard = self.sound.as_mut().and_then(|sound| sound.heard.listener.as_mut());
        for listener in [self.pictures.as_mut(), heard].into_iter().flatten() {
            listener.rest(paused);
        }
    }

    fn stop_reading(&mut self) {
        (self.reader, self.staged, self.catch_up) = (None, None, None);
        if let Some(sound) = &mut self.sound {
            sound.reader = None;
        }
    }

    /// Sends what the hub has for this viewer.
    pub fn pump(&mut self, context: &mut Context<'_>) -> Flow {
        loop {
            if self.staged.is_none() {
                match self.next(context) {
                    Step::Frame => {}
                    Step::Idle => return Flow::Wait,
                    Step::Close => return Flow::Close,
                }
            }
            let written = self.write_staged(context.now);
            let flow = self.tick(context);
            if flow == Flow::Close {
                return flow;
            }
            if written == Written::Paced {
                return Flow::Bursting;
            }
        }
    }

    fn next(&mut self, context: &Context<'_>) -> Step {
        let Some(reader) = &mut self.reader else {
            return Step::Idle;
        };
        match reader.next() {
            Next::Frame(delivery) => {
                self.stage(delivery, context);
                Step::Frame
            }
            Next::Pending => {
                self.catch_up = None;
                if self.turn(context) { Step::Frame } else { self.next_sound() }
            }
            Next::Waiting(_) => {
                self.catch_up = None;
                if !self.started && !self.waited {
                    self.waited = true;
                    context.counters.joins_waited.fetch_add(1, Ordering::Relaxed);
                }
                // Sound may go on while the picture waits.
                self.next(context)
            }
            Next::TracksChanged(tracks) if self.fits(&tracks) => self.next(context),
            Next::TracksChanged(_) | Next::Closed(_) => Step::Close,
        }
    }

    /// While there is no sound there is silence; another one than was agreed on
    /// has to be negotiated anew, as with the pictures.
    fn next_sound(&mut self) -> Step {
        let Some(reader) = self.sound.as_mut().and_then(|sound| sound.reader.as_mut()) else {
            return Step::Idle;
        };
        loop {
            match reader.next() {
                Next::Frame(delivery) => {
                    let time = delivery.frame.rtp_time as u32;
                    self.staged = Some(Staged { time, delivery, apart: true, next: 0 });
                    return Step::Frame;
                }
                Next::Waiting(_) => {}
                Next::TracksChanged(tracks) if self.audio.as_ref().is_none_or(|out| carries(&tracks, out)) => {}
                Next::TracksChanged(_) => return Step::Close,
                Next::Pending | Next::Closed(_) => return Step::Idle,
            }
        }
    }

    /// Whether the camera still sends what was negotiated; if not, the browser
    /// has to negotiate anew.
    fn fits(&self, tracks: &[Track]) -> bool {
        let audio = self.audio.as_ref().filter(|_| self.sound.is_none());
        carries(tracks, &self.video) && audio.is_none_or(|out| carries(tracks, out))
    }

    fn stage(&mut self, delivery: Delivery, context: &Context<'_>) {
        let frame = &delivery.frame;
        let time = if frame.kind == TrackKind::Video {
            self.sent = Some((context.now, frame.timing.utc_us));
            if !self.started {
                self.started = true;
                if delivery.burst.is_some_and(|tag| tag.of > 1) {
                    context.counters.joins_burst.fetch_add(1, Ordering::Relaxed);
                }
            }
            self.timeline.video(frame.rtp_time, delivery.burst)
        } else {
            frame.rtp_time
        };
        // RTP carries the low 32 bits (RFC 3550, 5.1).
        self.staged = Some(Staged { time: time as u32, delivery, apart: false, next: 0 });
    }

    /// Writes some of the staged frame's packets, as many as may leave now.
    fn write_staged(&mut self, now: Instant) -> Written {
        let Some(staged) = &mut self.staged else {
            return Written::Some;
        };
        let frame = &staged.delivery.frame;
        let index = usize::from(frame.track_index);
        let video = !staged.apart && index == self.video.track_index;
        let out = match (&self.audio, video) {
            (_, true) => &self.video,
            (Some(audio), false) if audio.track_index == index && staged.apart == self.sound.is_some() => audio,
            // A track that this viewer does not take.
            _ => {
                self.staged = None;
                return Written::Some;
            }
        };
        // Players bring sound and picture together by the time that each packet
        // is said to belong to: here the time of its capture, on the scale of
        // when pictures are sent.
        let wallclock = match self.sent {
            Some((at, utc_us)) if staged.apart => moved(at, frame.timing.utc_us - utc_us).min(now),
            _ => now,
        };
        let seq = if video { &mut self.video_seq } else { &mut self.audio_seq };
        let mut api = self.link.rtc.direct_api();
        let Some(tx) = api.stream_tx(&out.ssrc) else {
            self.staged = None;
            return Written::Some;
        };
        let payloads = frame.payloads();
        for payload in payloads.iter().skip(staged.next).take(MAX_QUEUED) {
            if let Some(catch_up) = &mut self.catch_up
                && !catch_up.pacer.take(payload.bytes.len(), now)
            {
                return Written::Paced;
            }
            let mut extensions = ExtensionValues::default();
            if out.playout_delay {
                // One of the two alone would be left out.
                extensions.play_delay_min = Some(MediaTime::from_hundredths(0));
                extensions.play_delay_max = Some(MediaTime::from_hundredths(0));
            }
            tx.write_rtp(
                RtpWrite::new(out.pt.into(), (*seq).into(), staged.time, wallclock, payload.bytes.clone())
                    .marker(payload.marker)
                    .nackable(out.resends)
                    .ext_vals(extensions),
            );
            *seq += 1;
            staged.next += 1;
        }
        if staged.next == payloads.len() {
            self.staged = None;
        }
        Written::Some
    }

    /// Says goodbye, as far as the viewer can still hear it.
    pub fn close(&mut self, context: &mut Context<'_>) {
        self.stop_reading();
        self.sound = None;
        self.link.close(context);
    }
}

/// Whether a stream still has what was agreed on.
fn carries(tracks: &[Track], out: &Outgoing) -> bool {
    tracks.get(out.track_index).is_some_and(|t| t.codec == out.codec && t.clock_rate == out.clock_rate)
}

/// An instant so many microseconds later, or earlier.
fn moved(at: Instant, by_us: i64) -> Instant {
    let by = Duration::from_micros(by_us.unsigned_abs());
    if by_us < 0 { at.checked_sub(by).unwrap_or(at) } else { at + by }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// What could be written at once; more may follow.
    Some,
    /// The pacer lets no more packets leave now.
    Paced,
}

enum Step {
    Frame,
    Idle,
    Close,
}
