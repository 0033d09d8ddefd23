//! One client of one stream: its numbers, and the way its packets take.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Buf, Bytes, BytesMut};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

use crate::audio::Sound;
use crate::fault::Fault;
use crate::mangle;
use crate::scene::{Scene, SceneFrame, Stamp, VIDEO_TYPE, put_packet};
use crate::spoil::BadPayload;

/// What a client may leave unread before frames are dropped.
const MAX_BACKLOG: usize = 4 << 20;
/// Sender reports come this often.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// UDP packets sent at once: a receive buffer of the usual size takes them.
const UDP_BURST: usize = 24;
/// Seconds from 1900 to 1970, for NTP.
const NTP_OFFSET: u64 = 2_208_988_800;
const VIDEO_RATE: f64 = 90_000.0;
/// Tells the audio's packets from the video's in the queue for UDP.
const AUDIO_UDP_CHANNEL: u8 = 2;

/// A client's connection, shared by its requests and its media.
pub struct Connection {
    pub stream: TcpStream,
    backlog: RefCell<BytesMut>,
    pub closed: CancellationToken,
}

impl Connection {
    pub fn new(stream: TcpStream, closed: CancellationToken) -> Rc<Self> {
        Rc::new(Self { stream, backlog: RefCell::default(), closed })
    }

    /// Sends `bytes` whole and in order; what the client does not take at
    /// once waits.
    pub fn send(&self, bytes: &[u8]) {
        let mut backlog = self.backlog.borrow_mut();
        let mut rest = bytes;
        if backlog.is_empty() {
            rest = &bytes[self.try_write(bytes)..];
        }
        backlog.extend_from_slice(rest);
    }

    /// True once nothing waits any more.
    pub fn pump(&self) -> bool {
        let mut backlog = self.backlog.borrow_mut();
        let written = self.try_write(&backlog);
        backlog.advance(written);
        backlog.is_empty()
    }

    fn try_write(&self, bytes: &[u8]) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        match self.stream.try_write(bytes) {
            Ok(written) => written,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(_) => {
                // The client is gone; its task ends with the token.
                self.closed.cancel();
                bytes.len()
            }
        }
    }

    /// Closes at once, though a session may still hold on to it.
    pub fn shut_down(&self) {
        let socket = socket2::SockRef::from(&self.stream);
        if let Err(error) = socket.shutdown(std::net::Shutdown::Both) {
            tracing::trace!(%error, "the client closed first");
        }
    }

    fn is_full(&self) -> bool {
        self.backlog.borrow().len() > MAX_BACKLOG
    }
}

/// Where a track's packets go.
#[derive(Clone)]
pub enum Transport {
    /// The first of two channels in the connection.
    Tcp {
        channel: u8,
    },
    Udp {
        rtp: SocketAddr,
        rtcp: SocketAddr,
        sockets: Rc<(UdpSocket, UdpSocket)>,
    },
}

impl Transport {
    /// Sends a packet by UDP: RTP on even channels, RTCP on odd ones.
    fn send(&self, channel: u8, packet: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Udp { rtp, sockets, .. } if channel.is_multiple_of(2) => sockets.0.try_send_to(packet, *rtp),
            Self::Udp { rtcp, sockets, .. } => sockets.1.try_send_to(packet, *rtcp),
            Self::Tcp { .. } => Err(std::io::ErrorKind::Unsupported.into()),
        }
    }
}

/// The numbers of one track.
struct TrackState {
    transport: Transport,
    /// Of the packets in their interleaved form.
    channel: u8,
    /// Where it is the audio's track.
    sound: Sound,
    /// Ticks a second.
    rate: f64,
    seq: u16,
    ssrc: u32,
    base: u32,
    sent_packets: u32,
    sent_bytes: u32,
    next_report: Option<Instant>,
}

/// One playing client.
pub struct Session {
    pub connection: Rc<Connection>,
    /// From the client's own address; goes before the camera's.
    fault: Option<Fault>,
    /// What held when the client called.
    met: Option<Fault>,
    video: RefCell<Option<TrackState>>,
    audio: RefCell<Option<TrackState>>,
    started: Cell<Option<Instant>>,
    waits_for_key: Cell<bool>,
    endless_begun: Cell<bool>,
    delayed: RefCell<VecDeque<(Instant, Vec<u8>)>>,
    udp_queue: RefCell<BytesMut>,
    rng: RefCell<SmallRng>,
}

/// What a tick hands to each session of a stream.
pub struct Tick<'a> {
    pub scene: &'a Scene,
    pub frame: &'a SceneFrame,
    pub number: u64,
    pub sei: &'a Bytes,
    pub utc_us: i64,
    pub now: Instant,
}

impl Session {
    pub fn new(connection: Rc<Connection>, fault: Option<Fault>, met: Option<Fault>, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            connection,
            fault,
            met,
            video: RefCell::default(),
            audio: RefCell::default(),
            started: Cell::default(),
            waits_for_key: Cell::new(true),
            endless_begun: Cell::default(),
            delayed: RefCell::default(),
            udp_queue: RefCell::default(),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
        })
    }

    /// Adds a track; answers its SSRC, or `None` where it should go another
    /// way than the other track does.
    pub fn set_up(&self, sound: Option<Sound>, transport: Transport) -> Option<u32> {
        let audio = sound.is_some();
        let (slot, other) = if audio { (&self.audio, &self.video) } else { (&self.video, &self.audio) };
        let is_udp = matches!(transport, Transport::Udp { .. });
        if other.borrow().as_ref().is_some_and(|other| matches!(other.transport, Transport::Udp { .. }) != is_udp) {
            return None;
        }
        let channel = match transport {
            Transport::Tcp { channel } => channel,
            Transport::Udp { .. } => {
                if audio {
                    AUDIO_UDP_CHANNEL
                } else {
                    0
                }
            }
        };
        let rate = sound.map_or(VIDEO_RATE, Sound::rate);
        let (seq, ssrc, base) = self.rng.borrow_mut().random();
        *slot.borrow_mut() = Some(TrackState {
            transport,
            channel,
            sound: sound.unwrap_or_default(),
            rate,
            seq,
            ssrc,
            base,
            sent_packets: 0,
            sent_bytes: 0,
            next_report: None,
        });
        Some(ssrc)
    }

    pub fn start(&self, now: Instant) {
        self.waits_for_key.set(true);
        self.started.set(Some(now));
    }

    /// The fault that counts for this client.
    pub fn fault(&self, of_camera: Option<Fault>) -> Option<Fault> {
        self.fault.clone().or(of_camera)
    }

    /// Sends one frame; true when something is left to be pumped.
    pub fn tick(&self, tick: &Tick<'_>, of_camera: Option<Fault>, scratch: &mut Vec<u8>) -> bool {
        let fault = self.fault(of_camera);
        if self.is_ended_by(fault.as_ref(), tick.now) {
            self.connection.closed.cancel();
            return false;
        }
        scratch.clear();
        if fault != Some(Fault::Stall) && !self.is_full() {
            self.write_audio(tick, fault.as_ref(), scratch);
        }
        if !fault.as_ref().is_some_and(Fault::blocks_video) && self.wants(tick.frame) {
            self.write_video(tick, fault.as_ref(), scratch);
        }
        self.send(fault.as_ref(), scratch);
        self.pump(tick.now)
    }

    /// Sends what a tick has written, at once or later.
    fn send(&self, fault: Option<&Fault>, wire: &[u8]) {
        if wire.is_empty() {
            return;
        }
        let delay = match fault {
            Some(Fault::Delay { ms }) => Duration::from_millis(*ms),
            _ => Duration::ZERO,
        };
        if delay.is_zero() && self.delayed.borrow().is_empty() {
            self.emit(wire);
        } else {
            // Not of the tick, which may be older than the clock that the frame bears.
            self.delayed.borrow_mut().push_back((Instant::now() + delay, wire.to_vec()));
        }
    }

    fn is_ended_by(&self, fault: Option<&Fault>, now: Instant) -> bool {
        match (fault, self.started.get()) {
            (Some(Fault::Close { after_s }), Some(started)) => (now - started).as_secs_f32() >= *after_s,
            (Some(fault), _) => fault.is_met_on_calling() && self.met.as_ref() != Some(fault),
            (None, _) => false,
        }
    }

    /// A client begins at a key frame, and again after it could not follow.
    fn wants(&self, frame: &SceneFrame) -> bool {
        if self.is_full() {
            self.waits_for_key.set(true);
            return false;
        }
        if self.waits_for_key.get() {
            self.waits_for_key.set(!frame.key);
        }
        !self.waits_for_key.get()
    }

    fn is_full(&self) -> bool {
        self.connection.is_full() || self.udp_queue.borrow().len() > MAX_BACKLOG
    }

    fn write_video(&self, tick: &Tick<'_>, fault: Option<&Fault>, out: &mut Vec<u8>) {
        if let Some(track) = self.video.borrow_mut().as_mut() {
            match fault {
                Some(fault) => self.write_faulty(track, tick, fault, out),
                None => write_healthy(track, tick, 0.0, out),
            }
        }
    }

    fn write_faulty(&self, track: &mut TrackState, tick: &Tick<'_>, fault: &Fault, out: &mut Vec<u8>) {
        match fault {
            Fault::ClockJump { seconds } => return write_healthy(track, tick, *seconds, out),
            Fault::Delay { .. } | Fault::Close { .. } | Fault::BadSdp { .. } | Fault::BadAnswer { .. } => {
                return write_healthy(track, tick, 0.0, out);
            }
            _ => {}
        }
        report(track, tick, 0.0, out);
        let endless = *fault == Fault::EndlessFrame;
        let stamp = stamp(track, if endless { 0 } else { tick.number }, tick.scene, 0.0);
        let mut rng = self.rng.borrow_mut();
        let packets = mangle::packets(tick.scene, tick.frame, tick.sei, fault, &mut *rng);
        let first = track.seq;
        let own = packets.iter().filter(|(_, packet)| !packet.foreign);
        track.seq = first.wrapping_add(own.count() as u16);
        for (place, mut packet) in packets {
            if packet.lost {
                continue;
            }
            if endless && !self.endless_begun.replace(true) {
                packet.payload = begun(&packet.payload);
            }
            let mut seq = first.wrapping_add(place);
            let mut stamp = stamp;
            if packet.early {
                stamp.timestamp = stamp.timestamp.wrapping_sub(1);
            }
            if packet.foreign {
                stamp.ssrc ^= 0x5555_5555;
                put_packet(out, stamp, &mut seq, VIDEO_TYPE, true, &packet.payload);
                stamp.channel = stamp.channel.wrapping_add(20);
                put_packet(out, stamp, &mut seq, VIDEO_TYPE, false, &packet.payload);
                continue;
            }
            put_packet(out, stamp, &mut seq, VIDEO_TYPE, packet.marker, &packet.payload);
            count(track, packet.payload.len());
        }
    }

    /// Appends the sound of a frame's time, on the same clock as the frame.
    fn write_audio(&self, tick: &Tick<'_>, fault: Option<&Fault>, out: &mut Vec<u8>) {
        let mut audio = self.audio.borrow_mut();
        let Some(track) = audio.as_mut() else { return };
        let jump_s = match fault {
            Some(Fault::ClockJump { seconds }) => *seconds,
            _ => 0.0,
        };
        report(track, tick, jump_s, out);
        let begin = stamp(track, 0, tick.scene, jump_s);
        let sound = track.sound;
        let adts = fault == Some(&Fault::BadPayload { form: BadPayload::Adts });
        for packet in sound.packets_of(tick.number, tick.scene.fps) {
            let timestamp = begin.timestamp.wrapping_add((packet * sound.samples()) as u32);
            let utc_us = tick.utc_us + sound.after_frame_us(packet, tick.number, tick.scene.fps);
            let payload = sound.payload(utc_us, adts);
            put_packet(out, Stamp { timestamp, ..begin }, &mut track.seq, sound.payload_type(), false, payload);
            count(track, payload.len());
        }
    }

    /// Sends interleaved packets the way the client asked for.
    fn emit(&self, wire: &[u8]) {
        if self.is_udp() {
            self.udp_queue.borrow_mut().extend_from_slice(wire);
        } else {
            self.connection.send(wire);
        }
    }

    /// Both tracks go the same way.
    fn is_udp(&self) -> bool {
        let by_udp = |slot: &RefCell<Option<TrackState>>| {
            slot.borrow().as_ref().is_some_and(|track| matches!(track.transport, Transport::Udp { .. }))
        };
        by_udp(&self.video) || by_udp(&self.audio)
    }

    /// Sends what is due of what waits; true when more is left.
    pub fn pump(&self, now: Instant) -> bool {
        loop {
            let due = {
                let mut delayed = self.delayed.borrow_mut();
                delayed.pop_front_if(|(due, _)| *due <= now)
            };
            let Some((_, wire)) = due else { break };
            self.emit(&wire);
        }
        let sent = self.connection.pump();
        let udp_left = self.pump_udp();
        !sent || udp_left || !self.delayed.borrow().is_empty()
    }

    fn pump_udp(&self) -> bool {
        let mut queue = self.udp_queue.borrow_mut();
        if queue.is_empty() {
            return false;
        }
        for _ in 0..UDP_BURST {
            let Some([_, channel, hi, lo]) = queue.first_chunk::<4>().copied() else {
                break;
            };
            let len = usize::from(u16::from_be_bytes([hi, lo]));
            let of_audio = channel & !1 == AUDIO_UDP_CHANNEL;
            let track = if of_audio { self.audio.borrow() } else { self.video.borrow() };
            let sent = track.as_ref().map(|track| track.transport.send(channel, &queue[4..4 + len]));
            if let Some(Err(error)) = &sent
                && error.kind() == std::io::ErrorKind::WouldBlock
            {
                return true;
            }
            // Any other error is UDP's way of losing a packet.
            queue.advance(4 + len);
        }
        !queue.is_empty()
    }
}

/// Sets the start bit of a fragment.
fn begun(payload: &[u8]) -> Bytes {
    let mut bytes = payload.to_vec();
    let at = if bytes[0] == 49 << 1 { 2 } else { 1 };
    bytes[at] |= 0x80;
    bytes.into()
}

fn stamp(track: &TrackState, number: u64, scene: &Scene, jump_s: f64) -> Stamp {
    let seconds = number as f64 / scene.fps + jump_s;
    let ticks = (seconds * track.rate).round() as i64;
    Stamp { channel: track.channel, timestamp: track.base.wrapping_add(ticks as u32), ssrc: track.ssrc }
}

fn count(track: &mut TrackState, bytes: usize) {
    track.sent_packets = track.sent_packets.wrapping_add(1);
    track.sent_bytes = track.sent_bytes.wrapping_add(bytes as u32);
}

fn write_healthy(track: &mut TrackState, tick: &Tick<'_>, jump_s: f64, out: &mut Vec<u8>) {
    report(track, tick, jump_s, out);
    let stamp = stamp(track, tick.number, tick.scene, jump_s);
    let before = track.seq;
    let from = out.len();
    tick.frame.write(tick.sei, out, stamp, &mut track.seq);
    let packets = track.seq.wrapping_sub(before);
    track.sent_packets = track.sent_packets.wrapping_add(u32::from(packets));
    let bytes = out.len() - from - usize::from(packets) * crate::scene::FRAMING;
    track.sent_bytes = track.sent_bytes.wrapping_add(bytes as u32);
}

/// Appends an RTCP sender report when one is due (RFC 3550 section 6.4.1).
fn report(track: &mut TrackState, tick: &Tick<'_>, jump_s: f64, out: &mut Vec<u8>) {
    if track.next_report.is_some_and(|due| tick.now < due) {
        return;
    }
    track.next_report = Some(tick.now + REPORT_EVERY);
    let utc_us = tick.utc_us + (jump_s * 1e6) as i64;
    let seconds = utc_us.div_euclid(1_000_000) as u64 + NTP_OFFSET;
    let fraction = ((utc_us.rem_euclid(1_000_000) as u64) << 32) / 1_000_000;
    let stamp = stamp(track, tick.number, tick.scene, jump_s);
    out.extend_from_slice(&[b'$', stamp.channel + 1, 0, 28]);
    out.extend_from_slice(&[0x80, 200, 0, 6]);
    for word in [stamp.ssrc, seconds as u32, fraction as u32, stamp.timestamp, track.sent_packets, track.sent_bytes] {
        out.extend_from_slice(&word.to_be_bytes());
    }
}
