//! Without `--open`: nobody plays, by whatever protocol, who may not.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{PATIENCE, farm, until};
use vms_access::{Challenge, Digest, Revocation};
use vms_camsim::Farm;
use vms_engine::{DesiredState, Engine, EngineConfig};
use vms_sources::State;

const SEED: [u8; 32] = [7; 32];

fn guarded_engine() -> Engine {
    let config = r#"{
        "front": {"bind": "127.0.0.1:0", "api_socket": "/nonexistent/api.sock", "open": false},
        "rtsp": {"bind": "127.0.0.1:0"},
        "webrtc": {"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]},
        "backoff_ms": [20, 100], "no_video_ms": 400
    }"#;
    Engine::start(&EngineConfig::from_json(config.as_bytes()).expect("a good configuration")).expect("free ports")
}

fn signer() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("32 bytes are a seed")
}

fn address(nonce: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let payload = format!(
        r#"{{"c":"gate","s":"main","t":"sp","k":"webrtc","w":"masked","a":1,"v":"ana","i":"s1","n":"",
        "e":{},"f":0,"u":0,"j":"{nonce:0>16}","m":0}}"#,
        now + 300
    );
    let signed = format!("v1.k1.{}", URL_SAFE_NO_PAD.encode(payload));
    let signature = signer().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn wish(generation: u64, url: &str, stream_keys: &str) -> DesiredState {
    wish_of(generation, url, stream_keys, false)
}

fn wish_of(generation: u64, url: &str, stream_keys: &str, masked: bool) -> DesiredState {
    let public = URL_SAFE_NO_PAD.encode(signer().public_key());
    let json = format!(
        r#"{{"generation": {generation},
            "cameras": [{{"id": "gate", "city": "sp", "masked": {masked}, "streams": {{"main": {{"url": "{url}"}}}}}}],
            "access": {{"keys": [{{"id": "k1", "public": "{public}"}}], "stream_keys": [{stream_keys}]}}}}"#
    );
    DesiredState::from_json(json.as_bytes()).expect("a good state")
}

const KEY: &str = r#"{"id": "wall", "secret": "secret", "city": "sp"}"#;

struct Player {
    socket: TcpStream,
    url: String,
    challenge: Option<Challenge>,
    sequence: u32,
}

impl Player {
    fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
        Self { socket, url: format!("rtsp://{address}/gate"), challenge: None, sequence: 0 }
    }

    /// Asks, with a password once it was challenged; returns the status.
    fn ask(&mut self, method: &str, url: &str, more: &str, password: &str) -> u16 {
        self.sequence += 1;
        let proof = self.challenge.as_ref().map_or(String::new(), |challenge| {
            let digest = Digest::answer("wall", password, challenge, method, url);
            format!("Authorization: {}\r\n", digest.header())
        });
        let request = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{proof}{more}\r\n", self.sequence);
        self.socket.write_all(request.as_bytes()).expect("the server reads");
        let head = self.head();
        if let Some((_, after)) = head.split_once("nonce=\"") {
            let nonce = after.split('"').next().unwrap_or_default().to_owned();
            self.challenge = Some(Challenge { nonce });
        }
        self.body(&head);
        head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
    }

    fn head(&mut self) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.socket.read_exact(&mut byte).expect("an answer");
            text.push(byte[0]);
        }
        String::from_utf8(text).expect("text")
    }

    fn body(&mut self, head: &str) {
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.trim().parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.socket.read_exact(&mut body).expect("the whole body");
    }

    fn play(&mut self) -> u16 {
        let url = self.url.clone();
        let track = format!("{url}/trackID=0");
        assert_eq!(self.ask("DESCRIBE", &url, "", "secret"), 200);
        assert_eq!(self.ask("SETUP", &track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "secret"), 200);
        self.ask("PLAY", &url, "", "secret")
    }

    /// Reads packets until the server closes the connection.
    fn until_closed(&mut self) {
        let mut buffer = [0; 64 * 1024];
        let deadline = Instant::now() + PATIENCE;
        while self.socket.read(&mut buffer).expect("an end within time") != 0 {
            assert!(Instant::now() < deadline, "he is sent more and more");
        }
    }
}

/// A farm, an engine that shows its first camera to this key, and that camera's address.
fn live(stream_key: &str) -> (Farm, Engine, String) {
    let (farm, engine) = (farm(None), guarded_engine());
    let url = format!("rtsp://{}/cam1", farm.addr());
    engine.apply(&wish(1, &url, stream_key)).expect("applied");
    until(&engine, "a live stream", |report| report.state == State::Live);
    (farm, engine, url)
}

#[test]
fn a_player_needs_a_stream_key_and_loses_the_stream_with_it() {
    let (_farm, engine, url) = live(KEY);
    let mut player = Player::connect(engine.addresses().rtsp);
    let address = player.url.clone();
    assert_eq!(player.ask("DESCRIBE", &address, "", ""), 401);
    assert_eq!(player.ask("DESCRIBE", &address, "", "guess"), 401);
    let track = format!("{address}/trackID=0");
    assert_eq!(player.ask("SETUP", &track, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n", "guess"), 401);
    assert_eq!(player.play(), 200);
    engine.apply(&wish(2, &url, "")).expect("applied");
    player.until_closed();
}

#[test]
fn a_player_loses_a_camera_that_is_masked_while_he_plays() {
    let (_farm, engine, url) = live(KEY);
    let mut player = Player::connect(engine.addresses().rtsp);
    let address = player.url.clone();
    assert_eq!(player.ask("DESCRIBE", &address, "", ""), 401);
    assert_eq!(player.play(), 200);
    engine.apply(&wish_of(2, &url, KEY, true)).expect("applied");
    player.until_closed();
    let mut again = Player::connect(engine.addresses().rtsp);
    assert_eq!(again.ask("DESCRIBE", &address, "", ""), 401);
    assert_eq!(again.ask("DESCRIBE", &address, "", "secret"), 503);
}

#[test]
fn a_player_of_a_camera_that_is_removed_is_told() {
    let everywhere = r#"{"id": "wall", "secret": "secret"}"#;
    let (_farm, engine, _) = live(everywhere);
    let mut player = Player::connect(engine.addresses().rtsp);
    let address = player.url.clone();
    assert_eq!(player.ask("DESCRIBE", &address, "", ""), 401);
    assert_eq!(player.play(), 200);
    let mut without = wish(2, "", everywhere);
    without.cameras.clear();
    engine.apply(&without).expect("applied");
    player.until_closed();
}

#[test]
fn a_revoked_player_is_cut_at_once() {
    let (_farm, engine, _) = live(KEY);
    let mut player = Player::connect(engine.addresses().rtsp);
    let address = player.url.clone();
    assert_eq!(player.ask("DESCRIBE", &address, "", ""), 401);
    assert_eq!(player.play(), 200);
    let revocation = Revocation { viewer: Some("key:wall".into()), ..Revocation::default() };
    assert_eq!(engine.revoke(revocation), 1);
    player.until_closed();
}

/// Status and body of a WHEP offer that no browser would make: whoever is let
/// in is told so.
fn offer(engine: &Engine, bearer: Option<&str>) -> (u16, String) {
    let front = engine.addresses().front;
    let mut socket = TcpStream::connect(front).expect("the front listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let proof = bearer.map_or(String::new(), |token| format!("Authorization: Bearer {token}\r\n"));
    let request = format!(
        "POST /api/v1/streams/gate/main/whep HTTP/1.1\r\nHost: {front}\r\n{proof}Content-Type: application/sdp\r\n\
         Content-Length: 3\r\nConnection: close\r\n\r\nv=0"
    );
    socket.write_all(request.as_bytes()).expect("the front reads");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

#[test]
fn a_browser_needs_a_signed_address_for_each_session() {
    let (_farm, engine, _) = live("");
    let has = |answer: (u16, String), status, code: &str| {
        assert!(answer.0 == status && answer.1.contains(&format!("\"code\":\"{code}\"")), "{answer:?}");
    };
    has(offer(&engine, None), 401, "address_missing");
    has(offer(&engine, Some("v1.k1.e30.AAAA")), 401, "address_invalid");
    // Any other token is for the API to judge, which is not there.
    has(offer(&engine, Some("vms_key_secret")), 503, "api_down");
    has(offer(&engine, Some(&address("1"))), 400, "invalid");
    has(offer(&engine, Some(&address("1"))), 401, "address_used");
    engine.revoke(Revocation { viewer: Some("ana".into()), ..Revocation::default() });
    has(offer(&engine, Some(&address("2"))), 403, "address_revoked");
}
