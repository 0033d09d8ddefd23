//! A small raw RTSP client: it reads and writes bytes, so that nothing of the
//! farm's own code tests the farm.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use vms_camsim::{Farm, FarmConfig};
use vms_media::{AccessUnit, Codec, Depacketiser, DropReason, RtpPacket};

/// Longer than any test takes that passes.
pub const PATIENCE: Duration = Duration::from_secs(10);

pub fn vector(name: &str) -> PathBuf {
    PathBuf::from(format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR")))
}

/// Eight times as fast as a real farm, so that tests are short.
pub fn config(cameras: usize) -> FarmConfig {
    FarmConfig {
        bind: std::net::Ipv4Addr::LOCALHOST.into(),
        port: 0,
        cameras,
        main: vector("camera.h264"),
        sub: vector("camera.h265"),
        main_fps: 200.0,
        sub_fps: 200.0,
        audio: false,
        sound: vms_camsim::Sound::default(),
        user: None,
    }
}

pub fn farm() -> Farm {
    Farm::start(config(3)).expect("a farm")
}

pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// An RTP or RTCP packet with the channel it came on.
#[derive(Clone, Debug)]
pub struct Packet {
    pub channel: u8,
    pub bytes: Vec<u8>,
}

impl Packet {
    pub fn marker(&self) -> bool {
        self.bytes[1] & 0x80 != 0
    }

    pub fn seq(&self) -> u16 {
        u16::from_be_bytes([self.bytes[2], self.bytes[3]])
    }

    pub fn timestamp(&self) -> u32 {
        self.word(4)
    }

    pub fn ssrc(&self) -> u32 {
        self.word(8)
    }

    pub fn word(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    pub fn payload(&self) -> &[u8] {
        &self.bytes[12..]
    }
}

pub struct Client {
    pub stream: TcpStream,
    pub url: String,
    cseq: u32,
    buffer: Vec<u8>,
}

impl Client {
    pub fn connect(url: &str) -> Self {
        let host = url.strip_prefix("rtsp://").and_then(|rest| rest.split('/').next()).expect("an RTSP address");
        let stream = TcpStream::connect(host).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        Self { stream, url: url.to_owned(), cseq: 0, buffer: Vec::new() }
    }

    pub fn send(&mut self, method: &str, uri: &str, headers: &str) {
        self.cseq += 1;
        let request = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n{headers}\r\n", self.cseq);
        self.stream.write_all(request.as_bytes()).expect("a request sent");
    }

    pub fn request(&mut self, method: &str, uri: &str, headers: &str) -> Answer {
        self.send(method, uri, headers);
        self.answer().expect("an answer")
    }

    /// A request with `text/parameters` as its body.
    pub fn parameters(&mut self, method: &str, uri: &str, body: &str) -> Answer {
        let length = body.len();
        self.cseq += 1;
        let head = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\nContent-Length: {length}\r\n", self.cseq);
        let request = format!("{head}Content-Type: text/parameters\r\n\r\n{body}");
        self.stream.write_all(request.as_bytes()).expect("a request sent");
        self.answer().expect("an answer")
    }

    /// More bytes; false when the camera has closed.
    fn fill(&mut self) -> bool {
        let mut chunk = [0; 65_536];
        match self.stream.read(&mut chunk) {
            Ok(0) => false,
            Ok(read) => {
                self.buffer.extend_from_slice(&chunk[..read]);
                true
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => self.fill(),
            Err(error) => panic!("nothing came: {error}"),
        }
    }

    fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill() {
                return None;
            }
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// The next answer; packets before it are passed over.
    pub fn answer(&mut self) -> Option<Answer> {
        loop {
            if self.buffer.is_empty() && !self.fill() {
                return None;
            }
            if self.buffer[0] == b'$' {
                self.packet()?;
                continue;
            }
            if let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") {
                let head = String::from_utf8(self.take(end + 4)?).expect("text");
                return self.finish(&head);
            }
            if !self.fill() {
                return None;
            }
        }
    }

    fn finish(&mut self, head: &str) -> Option<Answer> {
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = String::from_utf8(self.take(length)?).expect("text");
        Some(Answer { status, headers, body })
    }

    /// The next interleaved packet; `None` when the camera has closed.
    pub fn packet(&mut self) -> Option<Packet> {
        let head = self.take(4)?;
        assert_eq!(head[0], b'$');
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        Some(Packet { channel: head[1], bytes: self.take(len)? })
    }

    /// Reads on until nothing comes for 100 ms; false when the camera closes
    /// instead.
    pub fn falls_silent(&mut self) -> bool {
        self.stream.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let mut chunk = [0; 65_536];
        let silent = loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => break false,
                Ok(_) => {}
                Err(error) => break error.kind() == std::io::ErrorKind::WouldBlock,
            }
        };
        self.buffer.clear();
        self.stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
        silent
    }

    pub fn describe(&mut self) -> String {
        let url = self.url.clone();
        let answer = self.request("DESCRIBE", &url, "Accept: application/sdp\r\n");
        assert_eq!(answer.status, 200);
        answer.body
    }

    /// DESCRIBE, SETUP and PLAY of the first track over TCP.
    pub fn play(url: &str) -> Self {
        let mut client = Self::connect(url);
        client.describe();
        client.set_up(0, "RTP/AVP/TCP;unicast;interleaved=0-1");
        let url = client.url.clone();
        assert_eq!(client.request("PLAY", &url, "Range: npt=0-\r\n").status, 200);
        client
    }

    pub fn set_up(&mut self, track: usize, transport: &str) -> Answer {
        let uri = format!("{}/trackID={track}", self.url);
        let answer = self.request("SETUP", &uri, &format!("Transport: {transport}\r\n"));
        assert_eq!(answer.status, 200, "{transport}");
        answer
    }

    /// The next RTP packets of the video, without RTCP.
    pub fn video(&mut self, count: usize) -> Vec<Packet> {
        let mut packets = Vec::new();
        while packets.len() < count {
            let packet = self.packet().expect("the camera goes on");
            if packet.channel == 0 {
                packets.push(packet);
            }
        }
        packets
    }
}

/// Puts packets together again, counting what is missing.
pub struct Assembler {
    depacketiser: Depacketiser,
    last_seq: Option<u16>,
    pub lost: u32,
    pub units: Vec<AccessUnit>,
    pub drops: Vec<DropReason>,
}

impl Assembler {
    pub fn new(codec: &Codec, fmtp: &str) -> Self {
        Self {
            depacketiser: Depacketiser::new(codec, 90_000, 0, fmtp).expect("a known codec"),
            last_seq: None,
            lost: 0,
            units: Vec::new(),
            drops: Vec::new(),
        }
    }

    pub fn push(&mut self, packet: &Packet) {
        let gap = self.last_seq.map_or(0, |last| packet.seq().wrapping_sub(last).wrapping_sub(1));
        self.last_seq = Some(packet.seq());
        self.lost += u32::from(gap);
        let packet = RtpPacket {
            timestamp: i64::from(packet.timestamp()),
            marker: packet.marker(),
            loss: gap,
            payload: packet.payload(),
        };
        self.depacketiser.push(packet, &mut self.units, &mut self.drops);
    }

    /// Reads until so many frames have come.
    pub fn read(&mut self, client: &mut Client, frames: usize) {
        while self.units.len() < frames {
            for packet in client.video(1) {
                self.push(&packet);
            }
        }
    }
}

/// A pair of UDP sockets, the first on an even port.
pub fn udp_pair() -> (UdpSocket, UdpSocket) {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let port = rtp.local_addr().expect("an address").port();
        if port.is_multiple_of(2)
            && let Ok(rtcp) = UdpSocket::bind(("127.0.0.1", port + 1))
        {
            for socket in [&rtp, &rtcp] {
                socket.set_read_timeout(Some(PATIENCE)).expect("a time limit");
            }
            return (rtp, rtcp);
        }
    }
}

/// Waits until the farm's own thread has done what was asked.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "{what} does not come true");
        std::thread::sleep(Duration::from_millis(2));
    }
}
