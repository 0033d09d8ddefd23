//! What players get by RTSP: one engine plays what another one shows, by every
//! transport; and what the port makes of bytes that are no RTSP.

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{PATIENCE, Pair, code, engine, engine_with_tls, farm, until, wish, wish_by};
use vms_camsim::Farm;
use vms_engine::{Engine, StreamReport};
use vms_sources::State;

/// A camera, the engine that shows it, and one that plays it.
struct Chain {
    _farm: Farm,
    shows: Engine,
    plays: Engine,
}

impl Chain {
    fn new(shows: Engine) -> Self {
        let farm = farm(None);
        shows.apply(&wish(1, &farm.url(1, false), true)).expect("a new state");
        until(&shows, "live", is_live);
        Self { _farm: farm, shows, plays: engine() }
    }

    fn rtsp(&self) -> SocketAddr {
        self.shows.addresses().rtsp
    }

    fn play(&self, generation: u64, address: &str, transport: &str) -> StreamReport {
        self.plays.apply(&wish_by(generation, address, transport, true)).expect("a new state");
        until(&self.plays, &format!("{address} by {transport}"), is_live)
    }

    fn sent(&self) -> u64 {
        let metrics = self.shows.metrics();
        let line = metrics.lines().find(|line| line.starts_with("vms_rtsp_sent_bytes_total")).expect("it is counted");
        line.rsplit(' ').next().and_then(|count| count.parse().ok()).expect("a number")
    }
}

fn is_live(report: &StreamReport) -> bool {
    report.state == State::Live && report.width.is_some() && report.fps > 20.0
}

#[test]
fn a_stream_is_played_by_tcp_udp_and_tls_on_one_port() {
    let pair = Pair::new("tls");
    let chain = Chain::new(engine_with_tls(&pair));
    let port = chain.rtsp();
    let played = [
        chain.play(1, &format!("rtsp://{port}/gate"), "tcp"),
        chain.play(2, &format!("rtsp://{port}/gate"), "udp"),
        chain.play(3, &format!("rtsps://{port}/gate"), "tcp"),
        // Nothing goes beside TLS.
        chain.play(4, &format!("rtsps://{port}/gate"), "udp"),
    ];
    assert!(played.iter().all(|report| report.width == Some(160)), "{played:?}");
}

/// How many pictures FFmpeg decodes of the first second.
fn decoded(address: &str, transport: &str) -> usize {
    let told = Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", transport, "-read_intervals", "%+1"])
        .args(["-select_streams", "v", "-show_entries", "frame=pict_type", "-of", "csv=p=0", address])
        .output()
        .expect("ffprobe is missing: scripts/require.sh ffmpeg");
    assert!(told.status.success(), "{address} by {transport}: {}", String::from_utf8_lossy(&told.stderr));
    String::from_utf8_lossy(&told.stdout).lines().count()
}

#[test]
fn ffmpeg_plays_it_by_every_transport() {
    let pair = Pair::new("ffmpeg");
    let chain = Chain::new(engine_with_tls(&pair));
    let port = chain.rtsp();
    for (scheme, transport) in [("rtsp", "tcp"), ("rtsp", "udp"), ("rtsps", "tcp")] {
        let pictures = decoded(&format!("{scheme}://{port}/gate"), transport);
        assert!(pictures >= 20, "{scheme} by {transport}: {pictures} pictures");
    }
}

/// Says a request and reads its answer, which has no body.
fn ask(stream: &mut TcpStream, request: &str) -> String {
    stream.write_all(request.as_bytes()).expect("it listens");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        assert_eq!(stream.read(&mut byte).expect("an answer"), 1, "{:?}", String::from_utf8_lossy(&answer));
        answer.push(byte[0]);
    }
    String::from_utf8(answer).expect("text")
}

#[test]
fn media_by_udp_go_to_the_player_itself_until_he_leaves() {
    let chain = Chain::new(engine());
    let url = format!("rtsp://{}/gate", chain.rtsp());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    let port = socket.local_addr().expect("bound").port();
    let mut stream = TcpStream::connect(chain.rtsp()).expect("it listens");
    let transport = format!("RTP/AVP;unicast;client_port={port}-{}", port.wrapping_add(1).max(1));
    let setup =
        ask(&mut stream, &format!("SETUP {url}/trackID=0 RTSP/1.0\r\nCSeq: 1\r\nTransport: {transport}\r\n\r\n"));
    assert!(setup.starts_with("RTSP/1.0 200 ") && setup.contains("server_port="), "{setup}");
    let play = ask(&mut stream, &format!("PLAY {url} RTSP/1.0\r\nCSeq: 2\r\n\r\n"));
    assert!(play.starts_with("RTSP/1.0 200 "), "{play}");
    let mut packet = [0; 2048];
    let mut sequences = Vec::new();
    for _ in 0..100 {
        let length = socket.recv(&mut packet).expect("media");
        assert!(length > 12 && packet[0] >> 6 == 2 && packet[1] & 0x7f == 96, "RTP of the track");
        sequences.push(u16::from_be_bytes([packet[2], packet[3]]));
    }
    assert!(sequences.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "in one run: {sequences:?}");
    stream.shutdown(Shutdown::Both).expect("open until now");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let before = chain.sent();
        std::thread::sleep(Duration::from_millis(100));
        if chain.sent() == before {
            break;
        }
        assert!(Instant::now() < deadline, "nothing goes to who has left");
    }
}

#[test]
fn random_bytes_on_the_port_cost_no_memory_and_no_stream() {
    let chain = Chain::new(engine());
    let url = format!("rtsp://{}/gate", chain.rtsp());
    // Reproducible noise, of which some begins like RTSP.
    let mut state = 7u64;
    let mut noise = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    let begins: [&[u8]; 4] = [
        b"",
        b"DESCRIBE rtsp://h/gate RTSP/1.0\r\nX: ",
        b"$\0\xff\xff",
        b"OPTIONS * RTSP/1.0\r\nContent-Length: 999999999\r\n\r\n",
    ];
    let mut flood = |connections: usize| {
        for number in 0..connections {
            let mut stream = TcpStream::connect(chain.rtsp()).expect("it listens");
            let bytes: Vec<u8> =
                begins[number % begins.len()].iter().copied().chain((0..128 << 10).map(|_| noise())).collect();
            // It hangs up as soon as it has seen enough.
            let _ = stream.write_all(&bytes);
        }
    };
    flood(40);
    let before = resident();
    flood(200);
    let grown = resident().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes after 25 MB of noise");
    chain.play(1, &url, "tcp");
}

/// Bytes that this process holds in memory.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    pages * 4096
}

#[test]
fn tls_where_there_is_none_is_told_at_once() {
    let chain = Chain::new(engine());
    chain.plays.apply(&wish(1, &format!("rtsps://{}/gate", chain.rtsp()), true)).expect("a new state");
    until(&chain.plays, "no TLS", |report| ["tls", "camera_closed"].contains(&code(report).unwrap_or_default()));
}
