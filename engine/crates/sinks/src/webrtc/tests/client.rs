//! A WebRTC client for tests: a real one, over real sockets.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// What a client offers.
#[derive(Clone, Copy)]
pub struct Options {
    pub ip: IpAddr,
    pub playout_delay: bool,
    pub audio: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { ip: IpAddr::from([127, 0, 0, 1]), playout_delay: true, audio: false }
    }
}

/// One RTP packet as the player would get it.
#[derive(Clone, Debug)]
pub struct Packet {
    pub seq: u64,
    pub time: u32,
    pub marker: bool,
    pub pt: u8,
    pub payload: Vec<u8>,
    pub delay: Option<(u64, u64)>,
}

pub struct Client {
    pub rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    pub video: Mid,
    pub packets: Vec<Packet>,
    pub connected: bool,
    pub closed: bool,
    /// Says of each arriving media datagram, counted from 0, if it is lost.
    pub lose: Box<dyn FnMut(usize) -> bool>,
    media_seen: usize,
    /// Datagrams that arrived, for silence tests.
    pub datagrams: usize,
}

impl Client {
    /// A client and its offer.
    pub fn new(options: Options) -> (Self, String) {
        let socket = UdpSocket::bind((options.ip, 0)).expect("a socket");
        let local = socket.local_addr().expect("an address");
        let mut config = RtcConfig::new().set_rtp_mode(true).enable_pcma(true, false);
        if options.playout_delay {
            config = config.set_extension(5, Extension::PlayoutDelay);
        }
        let mut rtc = config.build(Instant::now());
        rtc.add_local_candidate(Candidate::host(local, "udp").expect("a candidate"));
        let mut api = rtc.sdp_api();
        if options.audio {
            api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        let video = api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        let (offer, pending) = api.apply().expect("an offer");
        let client = Self {
            rtc,
            socket,
            local,
            pending: Some(pending),
            video,
            packets: Vec::new(),
            connected: false,
            closed: false,
            lose: Box::new(|_| false),
            media_seen: 0,
            datagrams: 0,
        };
        (client, offer.to_sdp_string())
    }

    pub fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer that parses");
        let pending = self.pending.take().expect("one answer an offer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("an answer that fits");
    }

    /// Runs the client until `done` or 10 s have passed; true when done.
    pub fn run(&mut self, mut done: impl FnMut(&Self) -> bool) -> bool {
        self.run_for(Duration::from_secs(10), &mut done)
    }

    pub fn run_for(&mut self, time: Duration, done: &mut dyn FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + time;
        let mut buffer = [0; 2048];
        loop {
            let timeout = self.drain();
            if done(self) {
                return true;
            }
            let now = Instant::now();
            if now >= end {
                return false;
            }
            // A zero timeout would mean none.
            let wait = timeout.min(end).saturating_duration_since(now).max(Duration::from_micros(100));
            self.socket.set_read_timeout(Some(wait.min(Duration::from_millis(20)))).expect("a timeout");
            match self.socket.recv_from(&mut buffer) {
                Ok((len, source)) => self.receive(source, &buffer[..len]),
                Err(_) => self.rtc.handle_input(Input::Timeout(Instant::now())).expect("time passes"),
            }
        }
    }

    fn receive(&mut self, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        let media = (128..192).contains(&bytes[0]) && !(64..96).contains(&(bytes[1] & 0x7f));
        if media {
            let index = self.media_seen;
            self.media_seen += 1;
            if (self.lose)(index) {
                return;
            }
        }
        let receive = Receive::new(Protocol::Udp, source, self.local, bytes).expect("a WebRTC datagram");
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).expect("input");
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("output") {
                Output::Timeout(at) => return at,
                Output::Transmit(t) => {
                    self.socket.send_to(&t.contents, t.destination).expect("send");
                }
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.closed = true,
            Event::RtpPacket(packet) => {
                let extensions = &packet.header.ext_vals;
                let hundredths = |t: str0m::media::MediaTime| t.numer() * 100 / u64::from(t.frequency().get());
                self.packets.push(Packet {
                    seq: *packet.seq_no,
                    time: packet.header.timestamp,
                    marker: packet.header.marker,
                    pt: *packet.header.payload_type,
                    payload: packet.payload.to_vec(),
                    delay: extensions.play_delay_min.map(hundredths).zip(extensions.play_delay_max.map(hundredths)),
                });
            }
            _ => {}
        }
    }

    pub fn ask_for_key(&mut self) {
        let mid = self.video;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_rx_by_mid(mid, None).expect("a stream");
        stream.request_keyframe(KeyframeRequestKind::Pli);
        self.rtc.handle_input(Input::Timeout(Instant::now())).expect("time passes");
    }

    /// Video packets in order of their numbers, each once.
    pub fn in_order(&self) -> Vec<Packet> {
        let mut packets = self.packets.clone();
        packets.sort_by_key(|p| p.seq);
        packets.dedup_by_key(|p| p.seq);
        packets
    }

    /// Complete frames: RTP time and number of packets, by the marker.
    pub fn frames(&self) -> Vec<(u32, usize)> {
        let mut frames = Vec::new();
        let mut count = 0;
        for packet in self.in_order() {
            count += 1;
            if packet.marker {
                frames.push((packet.time, count));
                count = 0;
            }
        }
        frames
    }
}
