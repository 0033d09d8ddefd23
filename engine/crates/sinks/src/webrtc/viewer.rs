//! One viewer: its WebRTC state, its place in the hub, its run of packets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::media::MediaTime;
use str0m::net::{Protocol, Receive};
use str0m::rtp::{ExtensionValues, RtpWrite};
use str0m::stats::MediaEgressStats;
use str0m::{Event, Input, Output, Rtc};
use vms_access::Ticket;
use vms_hub::{Delivery, Next, Reader, ReaderKind, Stream, Wake};
use vms_media::{Track, TrackKind};

use super::limits::{BurstBudget, BurstShare, HalfOpenPermit};
use super::metrics::Counters;
use super::pacer::{Pacer, Timeline};
use super::session::{Outgoing, Session, keep_for_resends, nominal};
use super::shard::Datagram;
use super::socket::{SendBatch, SharedSocket};
use crate::sound::Listener;

/// How often a reported loss of the picture is answered with the whole group.
const REJOIN_EVERY: Duration = Duration::from_millis(500);
/// A connected viewer's own timers are only reports; frames drive the rest.
const IDLE_TICK: Duration = Duration::from_millis(100);
/// Packets handed to the library before it is asked to send them. Its queue
/// keeps the room for the most it ever held, half a kilobyte a packet.
const MAX_QUEUED: usize = 16;
/// Addresses remembered of one viewer; browsers use one to four.
const MAX_ADDRESSES: usize = 16;

/// What a viewer needs from its surroundings.
pub struct Context<'a> {
    pub now: Instant,
    pub out: &'a mut SendBatch,
    pub sockets: &'a [SharedSocket],
    pub counters: &'a Counters,
    pub budget: &'a BurstBudget,
    pub burst_bits: u64,
}

/// What has become of a viewer after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing to do until something happens.
    Wait,
    /// The burst goes on at the next tick.
    Bursting,
    /// The handshake is complete: give it a reader.
    Connected,
    /// End it.
    Close,
}

/// A packet's way: the viewer's address and where it wrote to.
#[derive(Clone, Copy, Debug)]
struct Path {
    remote: SocketAddr,
    socket: usize,
    local: IpAddr,
}

pub struct Viewer {
    pub id: u128,
    pub ufrag: String,
    pub stream: Arc<Stream>,
    rtc: Rtc,
    video: Outgoing,
    audio: Option<Outgoing>,
    video_seq: u64,
    audio_seq: u64,
    timeline: Timeline,
    reader: Option<Reader>,
    /// Where its sound comes from, if not with the video.
    sound: Option<Sound>,
    /// When a video frame was sent and when it was taken, of the newest one.
    sent: Option<(Instant, i64)>,
    staged: Option<Staged>,
    catch_up: Option<CatchUp>,
    /// A frame has been handed out, so the first wait is over.
    started: bool,
    waited: bool,
    permit: Option<HalfOpenPermit>,
    /// The viewer's place; given back when the session is over.
    _ticket: Ticket,
    paths: Vec<Path>,
    pub created: Instant,
    pub last_heard: Instant,
    pub next_timeout: Instant,
    last_rejoin: Option<Instant>,
    seen: Seen,
}

/// Sound that is transcoded for this viewer and others.
struct Sound {
    listener: Listener,
    reader: Option<Reader>,
}

/// A frame whose packets are being written.
struct Staged {
    delivery: Delivery,
    /// It came from the transcoded sound.
    transcoded: bool,
    next: usize,
    time: u32,
}

/// Held from joining until the cached group is sent.
struct CatchUp {
    pacer: Pacer,
    _share: BurstShare,
}

/// Totals already added to the metrics.
#[derive(Default)]
struct Seen {
    nacks: u64,
    plis: u64,
    lost: u64,
}

impl Viewer {
    #[must_use]
    pub fn new(
        id: u128,
        ufrag: String,
        session: Session,
        stream: Arc<Stream>,
        permit: HalfOpenPermit,
        ticket: Ticket,
        now: Instant,
    ) -> Self {
        let compress = session.video.playout_delay;
        Self {
            id,
            ufrag,
            stream,
            rtc: session.rtc,
            video: session.video,
            audio: session.audio,
            // The library wants the first number without a roll-over.
            video_seq: u64::from(rand::random::<u16>() >> 1),
            audio_seq: u64::from(rand::random::<u16>() >> 1),
            timeline: Timeline::new(compress),
            reader: None,
            sound: None,
            sent: None,
            staged: None,
            catch_up: None,
            started: false,
            waited: false,
            permit: Some(permit),
            _ticket: ticket,
            paths: Vec::new(),
            created: now,
            last_heard: now,
            next_timeout: now,
            last_rejoin: None,
            seen: Seen::default(),
        }
    }

    /// Its sound comes from there.
    #[must_use]
    pub fn hearing(self, sound: Option<Listener>) -> Self {
        Self { sound: sound.map(|listener| Sound { listener, reader: None }), ..self }
    }

    #[must_use]
    pub fn half_open(&self) -> bool {
        self.permit.is_some()
    }

    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.paths.iter().map(|path| path.remote)
    }

    /// Takes a datagram; `new_address` is told of an address not seen before.
    pub fn receive(
        &mut self,
        datagram: &Datagram,
        context: &mut Context<'_>,
        new_address: impl FnOnce(SocketAddr),
    ) -> Flow {
        let socket = &context.sockets[datagram.socket];
        let local = nominal(socket.local());
        // Anyone can send anything to this port: what is not WebRTC is dropped.
        let Ok(receive) = Receive::new(Protocol::Udp, datagram.source, local, &datagram.bytes) else {
            return Flow::Wait;
        };
        let input = Input::Receive(context.now, receive);
        if !self.rtc.accepts(&input) {
            return Flow::Wait;
        }
        self.last_heard = context.now;
        if self.remember(datagram) {
            new_address(datagram.source);
        }
        if let Err(error) = self.rtc.handle_input(input) {
            tracing::debug!(%error, session = %format_args!("{:032x}", self.id), "WebRTC session failed");
            return Flow::Close;
        }
        self.drain(context)
    }

    /// True when the address is new and is kept.
    fn remember(&mut self, datagram: &Datagram) -> bool {
        let known = self.paths.iter().any(|path| path.remote == datagram.source);
        if known || self.paths.len() == MAX_ADDRESSES {
            return false;
        }
        self.paths.push(Path { remote: datagram.source, socket: datagram.socket, local: datagram.local });
        true
    }

    /// The library's own timers.
    pub fn tick(&mut self, context: &mut Context<'_>) -> Flow {
        if let Err(error) = self.rtc.handle_input(Input::Timeout(context.now)) {
            tracing::debug!(%error, "WebRTC session failed");
            return Flow::Close;
        }
        self.drain(context)
    }

    /// Sends what the library has ready and acts on its events.
    fn drain(&mut self, context: &mut Context<'_>) -> Flow {
        let mut flow = Flow::Wait;
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Transmit(transmit)) => {
                    if let Some(path) = self.path_to(transmit.destination) {
                        context.out.push(path.socket, path.local, path.remote, &transmit.contents);
                    }
                }
                Ok(Output::Timeout(at)) => {
                    // Having sent, the library asks to be called at once; the
                    // next frame does that.
                    let idle = context.now + IDLE_TICK;
                    self.next_timeout = if self.half_open() { at } else { at.max(idle) };
                    return flow;
                }
                Ok(Output::Event(event)) => flow = self.event(event, context).unwrap_or(flow),
                Err(error) => {
                    tracing::debug!(%error, "WebRTC session failed");
                    return Flow::Close;
                }
            }
            if !self.rtc.is_alive() {
                return Flow::Close;
            }
        }
    }

    fn path_to(&self, destination: SocketAddr) -> Option<Path> {
        self.paths.iter().find(|path| path.remote == destination).copied()
    }

    fn event(&mut self, event: Event, context: &mut Context<'_>) -> Option<Flow> {
        match event {
            Event::Connected => {
                self.permit = None;
                Some(Flow::Connected)
            }
            Event::Closed => Some(Flow::Close),
            Event::KeyframeRequest(_) => self.picture_lost(context),
            Event::MediaEgressStats(stats) => {
                self.count(&stats, context.counters);
                None
            }
            _ => None,
        }
    }

    fn count(&mut self, stats: &MediaEgressStats, counters: &Counters) {
        if let Some(rtt) = stats.rtt {
            counters.rtt(rtt);
        }
        if let Some(loss) = stats.loss {
            counters.loss.add((f64::from(loss) * 10_000.0) as u64);
        }
        let lost = stats.remote.as_ref().map_or(0, |remote| remote.packets_lost);
        for (total, seen, counter) in [
            (stats.nacks, &mut self.seen.nacks, &counters.nacks),
            (stats.plis, &mut self.seen.plis, &counters.plis),
            (lost, &mut self.seen.lost, &counters.lost),
        ] {
            counter.fetch_add(total.saturating_sub(*seen), Ordering::Relaxed);
            *seen = total.max(*seen);
        }
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

    /// Subscribes to the stream, catching up if the machine's budget allows.
    pub fn join(&mut self, wake: Arc<dyn Wake>, context: &mut Context<'_>) {
        keep_for_resends(&mut self.rtc, &self.video, &self.stream.status());
        let pacer = self.pacer(context);
        let share = context.budget.share(pacer.bits_per_second());
        let burst = share.is_some();
        self.catch_up = share.map(|share| CatchUp { pacer, _share: share });
        if let Some(sound) = &mut self.sound {
            let kind = ReaderKind::Live { burst: false };
            sound.reader = Some(sound.listener.stream().subscribe(kind, wake.clone()));
        }
        self.reader = Some(self.stream.subscribe(ReaderKind::Live { burst }, wake));
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
                self.next_sound()
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

    /// Sound never ends a session: while there is none, there is silence.
    fn next_sound(&mut self) -> Step {
        let Some(reader) = self.sound.as_mut().and_then(|sound| sound.reader.as_mut()) else {
            return Step::Idle;
        };
        loop {
            match reader.next() {
                Next::Frame(delivery) => {
                    let time = delivery.frame.rtp_time as u32;
                    self.staged = Some(Staged { time, delivery, transcoded: true, next: 0 });
                    return Step::Frame;
                }
                Next::Waiting(_) | Next::TracksChanged(_) => {}
                Next::Pending | Next::Closed(_) => return Step::Idle,
            }
        }
    }

    /// Whether the camera still sends what was negotiated; if not, the browser
    /// has to negotiate anew.
    fn fits(&self, tracks: &[Track]) -> bool {
        let same = |out: &Outgoing| {
            tracks.get(out.track_index).is_some_and(|t| t.codec == out.codec && t.clock_rate == out.clock_rate)
        };
        same(&self.video) && (self.sound.is_some() || self.audio.as_ref().is_none_or(same))
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
        self.staged = Some(Staged { time: time as u32, delivery, transcoded: false, next: 0 });
    }

    /// Writes some of the staged frame's packets, as many as may leave now.
    fn write_staged(&mut self, now: Instant) -> Written {
        let Some(staged) = &mut self.staged else {
            return Written::Some;
        };
        let frame = &staged.delivery.frame;
        let index = usize::from(frame.track_index);
        let video = !staged.transcoded && index == self.video.track_index;
        let out = match (&self.audio, video) {
            (_, true) => &self.video,
            (Some(audio), false) if audio.track_index == index && staged.transcoded == self.sound.is_some() => audio,
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
            Some((at, utc_us)) if staged.transcoded => moved(at, frame.timing.utc_us - utc_us).min(now),
            _ => now,
        };
        let seq = if video { &mut self.video_seq } else { &mut self.audio_seq };
        let mut api = self.rtc.direct_api();
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
        self.reader = None;
        self.sound = None;
        self.catch_up = None;
        if self.rtc.close().is_ok() {
            self.drain(context);
        }
    }
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
