//! The front over real sockets, with a small API worker behind it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vms_access::Access;
use vms_front::{Front, FrontConfig};
use vms_hub::{Hub, HubConfig};
use vms_sinks::webrtc::{WebRtc, WebRtcConfig};

struct Rig {
    front: Front,
    folder: PathBuf,
}

impl Drop for Rig {
    fn drop(&mut self) {
        // The system clears its temporary folder should this fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

impl Rig {
    fn start(name: &str, api: bool) -> Self {
        Self::guarded(name, api, true)
    }

    fn guarded(name: &str, api: bool, open: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-front-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let socket = folder.join("api.sock");
        if api {
            serve_api(&socket);
        }
        let webrtc_config = WebRtcConfig { bind: vec![loopback()], ..WebRtcConfig::default() };
        let webrtc = WebRtc::start(webrtc_config, Hub::new(HubConfig::default())).expect("a free port");
        let config = FrontConfig { bind: loopback(), players_bind: loopback(), api_socket: socket };
        let front = Front::start(config, webrtc, Access::new(open), Arc::new(|| "vms_hub_bytes 0\n".to_owned()))
            .expect("free ports");
        Self { front, folder }
    }

    fn ask(&self, request: &str) -> String {
        ask(self.front.address(), request)
    }
}

/// Answers each request with its own first line; a WebSocket echoes.
fn serve_api(path: &Path) {
    let listener = UnixListener::bind(path).expect("a free path");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            std::thread::spawn(move || answer_all(socket));
        }
    });
}

fn answer_all(mut socket: std::os::unix::net::UnixStream) {
    loop {
        let Some(head) = read_head(&mut socket) else { return };
        let line = head.lines().next().unwrap_or_default().to_owned();
        let sent = if head.to_lowercase().contains("upgrade: websocket") {
            let switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let greeting = socket.write_all(switched).and_then(|()| {
                let mut bytes = [0; 4];
                socket.read_exact(&mut bytes)?;
                socket.write_all(&bytes)
            });
            return greeting.expect("an open WebSocket");
        } else {
            let length = line.len();
            socket.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{line}").as_bytes())
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read_head(socket: &mut impl Read) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    String::from_utf8(text).ok()
}

fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the front listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    socket
}

fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = connect(address);
    let request = request.replace("HOST", &address.to_string()).replace('\n', "\r\n");
    socket.write_all(request.as_bytes()).expect("the front reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[test]
fn the_api_is_behind_the_front() {
    let rig = Rig::start("api", true);
    for _ in 0..3 {
        let answer = rig.ask("GET /api/v1/streams?x=1 HTTP/1.1\nHost: HOST\nConnection: close\n\n");
        assert_eq!(status(&answer), "200");
        assert!(answer.ends_with("GET /api/v1/streams?x=1 HTTP/1.1"), "{answer}");
    }
}

#[test]
fn a_websocket_passes_through() {
    let rig = Rig::start("ws", true);
    let mut socket = connect(rig.front.address());
    let request = format!(
        "GET /ws/events HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
        rig.front.address()
    );
    socket.write_all(request.as_bytes()).expect("the front reads");
    let head = read_head(&mut socket).expect("an answer");
    assert_eq!(status(&head), "101", "{head}");
    socket.write_all(b"ping").expect("an open WebSocket");
    let mut echo = [0; 4];
    socket.read_exact(&mut echo).expect("an echo");
    assert_eq!(&echo, b"ping");
}

#[test]
fn without_the_api_the_front_says_so_and_is_alive() {
    let rig = Rig::start("down", false);
    let answer = rig.ask("GET /api/v1/streams HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("retry-after: 1") && answer.contains("\"code\":\"api_down\""), "{answer}");
    let answer = rig.ask("GET /health/live HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "200");
    let answer = rig.ask("GET /metrics/media HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert!(answer.ends_with("vms_hub_bytes 0\n"), "{answer}");
}

#[test]
fn foreign_requests_are_refused_at_both_doors() {
    let rig = Rig::start("guard", true);
    for address in [rig.front.address(), rig.front.players_address()] {
        for request in [
            "GET / HTTP/1.1\nHost: evil.example\nConnection: close\n\n",
            "GET / HTTP/1.1\nHost: HOST\nOrigin: http://evil.example\nConnection: close\n\n",
            "GET / HTTP/1.1\nHost: HOST\nX-Forwarded-For: 1.2.3.4\nConnection: close\n\n",
        ] {
            let answer = ask(address, request);
            assert_eq!(status(&answer), "403", "{request}{answer}");
            assert!(answer.contains("application/problem+json"));
        }
    }
}

#[test]
fn bad_offers_get_a_reason() {
    let rig = Rig::start("whep", false);
    let post = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\nHost: HOST\nContent-Type: {kind}\nContent-Length: {length}\nConnection: close\n\n{body}"
        );
        rig.ask(&request)
    };
    let stream = "/api/v1/streams/gate/main/whep";
    assert_eq!(status(&post(stream, "application/json", "{}")), "415");
    assert_eq!(status(&post(stream, "application/sdp", "v=0")), "404", "no such stream");
    assert_eq!(status(&post("/api/v1/streams/gate/other/whep", "application/sdp", "v=0")), "404");
    let long = "x".repeat(70_000);
    assert_eq!(status(&post(stream, "application/sdp", &long)), "413");
    let answer = rig.ask("GET /api/v1/streams/gate/main/whep HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert!(status(&answer) == "405" && answer.contains("allow: POST"), "{answer}");
    let answer = rig.ask("DELETE /api/v1/whep/00 HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "404");
}
