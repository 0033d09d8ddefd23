//! A WebRTC client for tests: a real one, over real sockets.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use str0m::change::{SdpAnswer, SdpPendingOffer};
use str0m::media::{Direction, KeyframeRequestKind, MediaKind, Mid};
use str0m::net::{Protocol, Receive, TcpType};
use str0m::rtp::{Extension, RtpWrite};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};

/// What a client offers.
#[derive(Clone, Copy)]
pub struct Options {
    pub ip: IpAddr,
    pub playout_delay: bool,
    pub audio: bool,
    /// It sends H.264 in place of receiving.
    pub publishes: bool,
    /// It sends sound of G.711 alone; its line is [`Client::video`].
    pub talks: bool,
    /// No UDP gets through.
    pub tcp: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ip: IpAddr::from([127, 0, 0, 1]),
            playout_delay: true,
            audio: false,
            publishes: false,
            talks: false,
            tcp: false,
        }
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

/// The static payload type of G.711 A-law (RFC 3551, section 6).
pub const PCMA: u8 = 8;

/// A way that bears so many packets a second and loses the others.
pub struct Narrow {
    per_second: f64,
    room: f64,
    filled: Instant,
}

impl Narrow {
    pub fn new(per_second: f64) -> Self {
        Self { per_second, room: 0.0, filled: Instant::now() }
    }

    fn bears_one(&mut self) -> bool {
        let since = self.filled.elapsed().as_secs_f64();
        self.filled = Instant::now();
        // A tenth of a second waits in a queue.
        self.room = (self.room + since * self.per_second).min(self.per_second / 10.0);
        let bears = self.room >= 1.0;
        if bears {
            self.room -= 1.0;
        }
        bears
    }
}

pub struct Client {
    pub rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    /// Set: all goes by it, each datagram behind its length (RFC 4571).
    stream: Option<TcpStream>,
    by_tcp: bool,
    unread: Vec<u8>,
    pending: Option<SdpPendingOffer>,
    pub video: Mid,
    pub packets: Vec<Packet>,
    pub connected: bool,
    pub closed: bool,
    /// Says of each arriving media datagram, counted from 0, if it is lost.
    pub lose: Box<dyn FnMut(usize) -> bool>,
    media_seen: usize,
    /// Says of each media datagram that it sends, counted from 0, if it is lost.
    pub lose_sent: Box<dyn FnMut(usize) -> bool>,
    pub lose_all: bool,
    /// The way to it bears no more pictures than that.
    pub narrow: Option<Narrow>,
    /// Datagrams that were lost so.
    pub lost: usize,
    media_sent: usize,
    /// Of media datagrams, those that went out beyond the packets written.
    pub resent: usize,
    written: usize,
    /// Key frames that it was asked for.
    pub keys_asked: usize,
    next_sequence: u64,
    /// Datagrams that arrived, for silence tests.
    pub datagrams: usize,
}

impl Client {
    /// A client and its offer.
    pub fn new(options: Options) -> (Self, String) {
        let socket = UdpSocket::bind((options.ip, 0)).expect("a socket");
        let local = socket.local_addr().expect("an address");
        let mut config = RtcConfig::new().set_rtp_mode(true).enable_pcma(true, false).enable_pcmu(true, false);
        if options.playout_delay {
            config = config.set_extension(5, Extension::PlayoutDelay);
        }
        let mut rtc = config.build(Instant::now());
        if !options.tcp {
            rtc.add_local_candidate(Candidate::host(local, "udp").expect("a candidate"));
        }
        let mut api = rtc.sdp_api();
        if options.audio {
            api.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
        }
        let sends = options.publishes || options.talks;
        let direction = if sends { Direction::SendOnly } else { Direction::RecvOnly };
        let kind = if options.talks { MediaKind::Audio } else { MediaKind::Video };
        let video = api.add_media(kind, direction, None, None, None);
        let (offer, pending) = api.apply().expect("an offer");
        let client = Self {
            rtc,
            socket,
            local,
            stream: None,
            by_tcp: options.tcp,
            unread: Vec::new(),
            pending: Some(pending),
            video,
            packets: Vec::new(),
            connected: false,
            closed: false,
            lose: Box::new(|_| false),
            media_seen: 0,
            lose_sent: Box::new(|_| false),
            lose_all: false,
            narrow: None,
            lost: 0,
            media_sent: 0,
            resent: 0,
            written: 0,
            keys_asked: 0,
            next_sequence: 1_000,
            datagrams: 0,
        };
        (client, offer.to_sdp_string())
    }

    pub fn accept(&mut self, answer: &str) {
        if self.by_tcp {
            self.connect(answer);
        }
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer that parses");
        let pending = self.pending.take().expect("one answer an offer");
        self.rtc.sdp_api().accept_answer(pending, answer).expect("an answer that fits");
    }

    /// To the first address that is told for TCP.
    fn connect(&mut self, answer: &str) {
        let line = answer.lines().find(|line| line.contains(" tcp ")).expect("a candidate of TCP");
        assert!(line.ends_with("tcptype passive"), "{line}");
        let words: Vec<&str> = line.split(' ').collect();
        let stream = TcpStream::connect(format!("{}:{}", words[4], words[5])).expect("a connection");
        self.local = stream.local_addr().expect("an address");
        let candidate = Candidate::builder().tcp().host(self.local).tcptype(TcpType::Active).build();
        self.rtc.add_local_candidate(candidate.expect("a candidate"));
        self.stream = Some(stream);
    }

    /// The next datagram, if one comes in time.
    fn read(&mut self, wait: Duration) -> Option<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 4096];
        let Some(stream) = &mut self.stream else {
            self.socket.set_read_timeout(Some(wait)).expect("a timeout");
            let (len, source) = self.socket.recv_from(&mut buffer).ok()?;
            return Some((source, buffer[..len].to_vec()));
        };
        loop {
            if let Some((head, rest)) = self.unread.split_first_chunk::<2>() {
                let length = usize::from(u16::from_be_bytes(*head));
                if let Some(datagram) = rest.get(..length).map(<[u8]>::to_vec) {
                    self.unread.drain(..2 + length);
                    return Some((stream.peer_addr().expect("an address"), datagram));
                }
            }
            stream.set_read_timeout(Some(wait)).expect("a timeout");
            match stream.read(&mut buffer).ok()? {
                0 => return None,
                len => self.unread.extend_from_slice(&buffer[..len]),
            }
        }
    }

    /// Whether the other side has ended the connection.
    pub fn hung_up(&mut self) -> bool {
        let stream = self.stream.as_mut().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).is_ok()
    }

    fn send(&mut self, datagram: &[u8], destination: SocketAddr) {
        match &mut self.stream {
            None => {
                self.socket.send_to(datagram, destination).expect("send");
            }
            Some(stream) => {
                let mut framed = (datagram.len() as u16).to_be_bytes().to_vec();
                framed.extend_from_slice(datagram);
                // The other side may have hung up by now.
                let _ = stream.write_all(&framed);
            }
        }
    }

    /// Runs the client until `done` or 10 s have passed; true when done.
    pub fn run(&mut self, mut done: impl FnMut(&Self) -> bool) -> bool {
        self.run_for(Duration::from_secs(10), &mut done)
    }

    pub fn run_for(&mut self, time: Duration, done: &mut dyn FnMut(&Self) -> bool) -> bool {
        let end = Instant::now() + time;
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
            match self.read(wait.min(Duration::from_millis(20))) {
                Some((source, datagram)) => self.receive(source, &datagram),
                None => self.rtc.handle_input(Input::Timeout(Instant::now())).expect("time passes"),
            }
        }
    }

    fn receive(&mut self, source: SocketAddr, bytes: &[u8]) {
        self.datagrams += 1;
        if is_media(bytes) {
            let index = self.media_seen;
            self.media_seen += 1;
            let sound = bytes[1] & 0x7f == PCMA;
            if (self.lose)(index) || !sound && self.narrow.as_mut().is_some_and(|narrow| !narrow.bears_one()) {
                return;
            }
        }
        let protocol = if self.stream.is_some() { Protocol::Tcp } else { Protocol::Udp };
        let receive = Receive::new(protocol, source, self.local, bytes).expect("a WebRTC datagram");
        self.rtc.handle_input(Input::Receive(Instant::now(), receive)).expect("input");
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("output") {
                Output::Timeout(at) => return at,
                Output::Transmit(t) => {
                    if is_media(&t.contents) {
                        let index = self.media_sent;
                        self.media_sent += 1;
                        self.resent = self.media_sent.saturating_sub(self.written);
                        if self.lose_all || (self.lose_sent)(index) {
                            self.lost += 1;
                            continue;
                        }
                    }
                    self.send(&t.contents, t.destination);
                }
                Output::Event(event) => self.event(event),
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Connected => self.connected = true,
            Event::Closed => self.closed = true,
            Event::KeyframeRequest(_) => self.keys_asked += 1,
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

    /// Sends the packets of one picture.
    pub fn send_picture(&mut self, packets: &[(Vec<u8>, bool)], time: u32) {
        let mid = self.video;
        let media = self.rtc.media(mid).expect("a line");
        let pt = *media.remote_pts().first().expect("a format that was agreed on");
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a stream");
        for (payload, marker) in packets {
            let sequence = self.next_sequence;
            self.next_sequence += 1;
            self.written += 1;
            let write = RtpWrite::new(pt, sequence.into(), time, Instant::now(), payload.clone());
            stream.write_rtp(write.marker(*marker).nackable(true));
        }
        self.rtc.handle_input(Input::Timeout(Instant::now())).expect("time passes");
    }

    /// What was sent cannot come again.
    pub fn forget_sent(&mut self) {
        let mid = self.video;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(mid, None).expect("a stream");
        stream.set_rtx_cache(0, Duration::ZERO, None);
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

/// Not STUN, DTLS or RTCP (RFC 5764, 5.1.2; RFC 5761, 4).
fn is_media(datagram: &[u8]) -> bool {
    (128..192).contains(&datagram[0]) && !(64..96).contains(&(datagram[1] & 0x7f))
}
