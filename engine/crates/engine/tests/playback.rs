//! What was recorded, played by RTSP: from an instant on, faster, backwards,
//! and with ONVIF's header that tells when each picture was taken.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::{PATIENCE, engine, farm, large_farm, until, wish};
use serde_json::{Value, json};
use vms_camsim::Farm;
use vms_engine::{DesiredState, Engine, EngineConfig};
use vms_sources::State;

const SECOND_US: i64 = 1_000_000;
const FROM_1900_TO_1970_S: i64 = 2_208_988_800;

/// An engine that has recorded a few seconds, in a folder of its own.
struct House {
    engine: Engine,
    folder: PathBuf,
    from_us: i64,
}

fn now_us() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros()).expect("fits")
}

impl House {
    fn new(name: &str) -> Self {
        Self::of(name, &farm(None))
    }

    /// Of a camera that sends more than what lies between two processes holds.
    fn large(name: &str) -> Self {
        Self::of(name, &large_farm())
    }

    fn of(name: &str, farm: &Farm) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-rtsp-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        let at = |name: &str| folder.join(name);
        let config = json!({
            "front": {"bind": "127.0.0.1:0", "api_socket": "/nonexistent/api.sock", "open": true},
            "rtsp": {"bind": "127.0.0.1:0"},
            "webrtc": {"http_bind": "127.0.0.1:0", "udp_bind": ["127.0.0.1:0"]},
            "backoff_ms": [20, 100], "no_video_ms": 400,
            "recording": {
                "volumes": [{"name": "disk1", "path": at("recordings"), "reserve_bytes": 1_048_576}],
                "keys": at("keys"), "ledger_copies": at("ledgers"),
            },
        });
        let config = EngineConfig::from_json(config.to_string().as_bytes()).expect("a good configuration");
        let engine = Engine::start(&config).expect("free ports and a free folder");
        let house = Self { engine, folder, from_us: now_us() };
        house.record(farm);
        house
    }

    /// Some five seconds, and then no more.
    fn record(&self, farm: &Farm) {
        let wished = |generation: u64, mode: Option<&str>| {
            let record =
                mode.map_or(json!({}), |mode| json!({"main": {"mode": mode, "audio": false, "pre_s": 0, "post_s": 0}}));
            let state = json!({"generation": generation, "cameras": [{
                "id": "gate", "streams": {"main": {"url": farm.url(1, false)}}, "record": record,
            }]});
            DesiredState::from_json(state.to_string().as_bytes()).expect("a good state")
        };
        self.engine.apply(&wished(1, Some("continuous"))).expect("a new state");
        until(&self.engine, "live", |report| report.state == State::Live);
        std::thread::sleep(Duration::from_secs(5));
        self.engine.apply(&wished(2, None)).expect("a new state");
        let deadline = Instant::now() + PATIENCE;
        while self.parts().is_empty() {
            assert!(Instant::now() < deadline, "nothing was recorded");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn parts(&self) -> Vec<Value> {
        let hour_us = 3_600 * SECOND_US;
        let (from_us, to_us) = (self.from_us - hour_us, self.from_us + hour_us);
        let asked = json!({"from_us": from_us, "to_us": to_us, "cameras": ["gate"]}).to_string();
        let answer = self.engine.recordings().call("inventory", asked.as_bytes()).expect("it records");
        let told: Value = serde_json::from_slice(&answer.json).expect("JSON");
        told["parts"].as_array().cloned().expect("a list")
    }

    fn url(&self) -> String {
        format!("rtsp://{}/playback/gate", self.engine.addresses().rtsp)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.engine.stop();
        std::fs::remove_dir_all(&self.folder).expect("a folder of ours");
    }
}

/// A player that looks at every byte.
struct Player {
    stream: TcpStream,
    url: String,
    cseq: u8,
    /// BYE was said.
    ended: bool,
    /// Pictures that came before answers.
    passed: usize,
}

/// What ONVIF's header says of a picture.
#[derive(Clone, Copy, Debug)]
struct Taken {
    utc_us: i64,
    clean: bool,
    jumped: bool,
    /// The last one of a section, and of all.
    ends: bool,
    terminal: bool,
    cseq: u8,
}

/// What comes between answers.
enum Came {
    Picture(Taken),
    Bye,
    Other,
}

impl Player {
    fn new(house: &House) -> Self {
        let stream = TcpStream::connect(house.engine.addresses().rtsp).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let mut player = Self { stream, url: house.url(), cseq: 0, ended: false, passed: 0 };
        let described = player.ask("DESCRIBE", "", "");
        assert!(described.starts_with("RTSP/1.0 200 ") && described.contains("H264/90000"), "{described}");
        let set_up = player.ask("SETUP", "/trackID=0", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n");
        assert!(set_up.starts_with("RTSP/1.0 200 "), "{set_up}");
        player
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes).expect("more of it");
        bytes
    }

    /// Says a request; the answer with its body, whatever media come before.
    fn ask(&mut self, method: &str, control: &str, headers: &str) -> String {
        self.cseq += 1;
        let Self { url, cseq, .. } = &*self;
        let request =
            format!("{method} {url}{control} RTSP/1.0\r\nCSeq: {cseq}\r\nRequire: onvif-replay\r\n{headers}\r\n");
        self.stream.write_all(request.as_bytes()).expect("it listens");
        loop {
            let first = self.bytes(1);
            if first == b"$" {
                self.passed += usize::from(matches!(self.packet(), Came::Picture(_)));
                continue;
            }
            let mut text = first;
            while !text.ends_with(b"\r\n\r\n") {
                text.extend(self.bytes(1));
            }
            let head = String::from_utf8(text).expect("text");
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok()).unwrap_or(0);
            return head + &String::from_utf8(self.bytes(length)).expect("text");
        }
    }

    /// The rest of an interleaved packet.
    fn packet(&mut self) -> Came {
        let head = self.bytes(3);
        let packet = self.bytes(usize::from(u16::from_be_bytes([head[1], head[2]])));
        if head[0] == 1 {
            // A report of nobody, and BYE behind it.
            return if packet.get(9) == Some(&203) { Came::Bye } else { Came::Other };
        }
        if packet[0] & 0x10 == 0 {
            return Came::Other;
        }
        assert_eq!(packet[12..16], [0xab, 0xac, 0, 3], "ONVIF's extension");
        let word = |at: usize| u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        let micros = (u64::from(word(20)) * 1_000_000) >> 32;
        let utc_us = (i64::from(word(16)) - FROM_1900_TO_1970_S) * SECOND_US + micros as i64;
        let bit = |mask: u8| packet[24] & mask != 0;
        let (clean, ends, jumped, terminal) = (bit(0x80), bit(0x40), bit(0x20), bit(0x10));
        Came::Picture(Taken { utc_us, clean, jumped, ends, terminal, cseq: packet[25] })
    }

    fn next(&mut self) -> Came {
        assert_eq!(self.bytes(1), b"$", "nothing was asked");
        self.packet()
    }

    /// The pictures of so long, or until the end.
    fn watch(&mut self, time: Duration) -> Vec<Taken> {
        let deadline = Instant::now() + time;
        let mut taken = Vec::new();
        while Instant::now() < deadline {
            match self.next() {
                Came::Picture(picture) => taken.push(picture),
                Came::Bye => {
                    self.ended = true;
                    break;
                }
                Came::Other => {}
            }
        }
        taken
    }
}

/// Nobody waits for more of what was recorded: what is five seconds old is known to be all there
/// is. The last of it may be written late.
fn wait_until_settled(house: &House) {
    loop {
        let recorded_until_us = house.parts().iter().filter_map(|part| part["to_us"].as_i64()).max().expect("a part");
        let Ok(left_us) = u64::try_from(recorded_until_us + 5 * SECOND_US - now_us()) else { return };
        std::thread::sleep(Duration::from_micros(left_us + 1));
    }
}

fn clock(utc_us: i64) -> String {
    // The number itself is read too; the standard's form is tested where it is read.
    utc_us.to_string()
}

#[test]
fn a_recording_is_played_from_an_instant_on_and_every_picture_says_when_it_was_taken() {
    let house = House::new("forward");
    let mut player = Player::new(&house);
    let from_us = house.from_us + 2 * SECOND_US;
    let told = player.ask("PLAY", "", &format!("Range: clock={}-\r\nScale: 1.0\r\n", clock(from_us)));
    assert!(
        told.starts_with("RTSP/1.0 200 ") && told.contains("Range: clock=") && told.contains("Scale: 1\r\n"),
        "{told}"
    );
    let taken = player.watch(Duration::from_millis(1_500));
    assert!(taken.len() > 100, "{} pictures", taken.len());
    assert!(taken[0].clean && taken[0].jumped, "it begins with a key frame: {:?}", taken[0]);
    assert!(taken.iter().all(|picture| picture.cseq == player.cseq), "of this PLAY");
    assert!(taken.windows(2).all(|pair| pair[1].utc_us > pair[0].utc_us), "in their order");
    assert_eq!(taken.iter().filter(|picture| picture.jumped).count(), 1);
    let last = taken[taken.len() - 1].utc_us;
    let played = last - from_us;
    assert!((SECOND_US..2 * SECOND_US).contains(&played), "1.5 s of time show 1.5 s: {played}");
    let shown = player.ask("PLAY", "", "Scale: 4.0\r\n");
    assert!(shown.contains("Scale: 4\r\n"), "{shown}");
    let faster = player.watch(Duration::from_millis(300));
    let span = faster[faster.len() - 1].utc_us - faster[0].utc_us;
    assert!(span > SECOND_US * 6 / 10, "0.3 s show more than 0.6 s: {span}");
}

#[test]
fn a_recording_is_played_backwards_paused_and_to_its_end() {
    let house = House::new("backward");
    let mut player = Player::new(&house);
    let from_us = house.from_us + 4 * SECOND_US;
    player.ask("PLAY", "", &format!("Range: clock={}-\r\nScale: -2.0\r\n", clock(from_us)));
    let taken = player.watch(Duration::from_millis(700));
    assert!(taken.len() > 2 && taken.iter().all(|picture| picture.clean), "key frames alone: {taken:?}");
    assert!(taken.windows(2).all(|pair| pair[1].utc_us < pair[0].utc_us), "backwards: {taken:?}");
    assert!(player.ask("PAUSE", "", "").starts_with("RTSP/1.0 200 "));
    player.stream.set_read_timeout(Some(Duration::from_millis(700))).expect("a socket");
    let mut rest = [0; 1];
    while player.stream.read(&mut rest).is_ok_and(|length| length > 0) {}
    player.stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    player.ask("PLAY", "", &format!("Range: clock={}-\r\nScale: 16.0\r\n", clock(house.from_us)));
    let taken = player.watch(PATIENCE);
    assert!(player.ended && taken.len() > 2, "the end is told: {taken:?}");
}

/// The pictures of all that was recorded, as fast as they come.
fn all_at_once(house: &House, player: &mut Player, range: &str) -> Vec<Taken> {
    let told = player.ask("PLAY", "", &format!("Range: clock={range}\r\nRate-Control: no\r\n"));
    assert!(told.starts_with("RTSP/1.0 200 ") && told.contains("Rate-Control: no\r\n"), "{told}");
    let begun = Instant::now();
    let taken = player.watch(PATIENCE);
    let span_us = taken[taken.len() - 1].utc_us - taken[0].utc_us;
    assert!(player.ended && span_us > 2 * SECOND_US, "{span_us} us of {}", house.url());
    assert!(begun.elapsed() < Duration::from_micros(span_us as u64 / 2), "{:?} for {span_us} us", begun.elapsed());
    taken
}

#[test]
fn without_rate_control_all_comes_as_fast_as_it_is_taken_and_its_last_picture_says_so() {
    let house = House::new("unpaced");
    wait_until_settled(&house);
    let mut player = Player::new(&house);
    let taken = all_at_once(&house, &mut player, &format!("{}-", clock(house.from_us)));
    assert!(taken[0].clean && taken[0].jumped);
    assert!(taken.windows(2).all(|pair| (1..200_000).contains(&(pair[1].utc_us - pair[0].utc_us))), "none is lost");
    let marked: Vec<usize> = (0..taken.len()).filter(|&n| taken[n].ends || taken[n].terminal).collect();
    assert_eq!(marked, [taken.len() - 1], "E and T of the last alone");
    assert!(taken[taken.len() - 1].ends && taken[taken.len() - 1].terminal);

    let until_us = house.from_us + 3_250_000;
    let mut range = Player::new(&house);
    let taken = all_at_once(&house, &mut range, &format!("{}-{until_us}", clock(house.from_us)));
    let last = taken[taken.len() - 1];
    assert!(last.ends && last.terminal && (until_us - 200_000..until_us).contains(&last.utc_us), "{last:?}");
}

#[test]
fn who_takes_nothing_for_a_while_makes_an_unpaced_recording_wait_and_misses_nothing() {
    let house = House::large("waits");
    wait_until_settled(&house);
    let mut player = Player::new(&house);
    let expected = all_at_once(&house, &mut player, &format!("{}-", clock(house.from_us)));
    let mut slow = Player::new(&house);
    slow.ask("PLAY", "", &format!("Range: clock={}-\r\nRate-Control: no\r\n", clock(house.from_us)));
    // He is served on, and others too, while he takes nothing.
    let mut beside = Player::new(&house);
    assert_eq!(all_at_once(&house, &mut beside, &format!("{}-", clock(house.from_us))).len(), expected.len());
    let told = slow.ask("GET_PARAMETER", "", "");
    assert!(told.starts_with("RTSP/1.0 200 "), "{told}");
    let before = slow.passed;
    let taken = slow.watch(PATIENCE);
    assert!(slow.ended);
    assert!(before < expected.len() / 2, "{before} of {}: nothing made it wait", expected.len());
    assert_eq!(before + taken.len(), expected.len(), "{before} came before the answer");
}

#[test]
fn a_pause_and_another_place_hold_without_rate_control_too() {
    let house = House::new("unpaced-steered");
    wait_until_settled(&house);
    let mut player = Player::new(&house);
    all_at_once(&house, &mut player, &format!("{}-", clock(house.from_us)));
    assert!(player.ask("PAUSE", "", "").starts_with("RTSP/1.0 200 "));
    player.ended = false;
    let from_us = house.from_us + 3 * SECOND_US;
    // The rate is that of the first PLAY.
    let told = player.ask("PLAY", "", &format!("Range: clock={}-\r\nRate-Control: yes\r\n", clock(from_us)));
    assert!(told.contains("Rate-Control: no\r\n"), "{told}");
    let taken = player.watch(PATIENCE);
    assert!(player.ended && taken[0].clean && taken[0].jumped && taken[0].utc_us <= from_us, "{:?}", taken[0]);
    assert!(taken.iter().all(|picture| picture.cseq == player.cseq), "of this PLAY");
    let told = player.ask("PLAY", "", &format!("Range: clock={}-\r\nScale: -1\r\n", clock(from_us)));
    assert!(told.contains("Scale: -1\r\n") && !told.contains("Rate-Control"), "{told}");
    player.ended = false;
    let back = player.watch(PATIENCE);
    assert!(back.len() > 1 && back.windows(2).all(|pair| pair[1].utc_us < pair[0].utc_us), "{back:?}");
    assert!(back.iter().all(|picture| picture.clean && picture.jumped), "none follows the one before: {back:?}");
    assert!(back[back.len() - 1].ends && back[back.len() - 1].terminal);
}

#[test]
fn what_was_not_recorded_is_not_found() {
    let house = House::new("nothing");
    let mut stream = TcpStream::connect(house.engine.addresses().rtsp).expect("it listens");
    let mut ask = |request: String| {
        stream.write_all(request.as_bytes()).expect("it listens");
        let mut buffer = [0; 4096];
        let length = stream.read(&mut buffer).expect("an answer");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let url = house.url();
    let late = now_us() + 3_600 * SECOND_US;
    assert!(ask(format!("DESCRIBE {url}?from={late} RTSP/1.0\r\nCSeq: 1\r\n\r\n")).starts_with("RTSP/1.0 404 "));
    assert!(ask(format!("DESCRIBE {url}x RTSP/1.0\r\nCSeq: 2\r\n\r\n")).starts_with("RTSP/1.0 404 "));
    assert!(ask(format!("OPTIONS {url} RTSP/1.0\r\nCSeq: 3\r\nRequire: magic\r\n\r\n")).starts_with("RTSP/1.0 551 "));
}

#[test]
fn players_that_know_nothing_of_us_play_a_recording() {
    let house = House::new("players");
    for transport in ["tcp", "udp"] {
        let url = format!("{}?from={}", house.url(), house.from_us + SECOND_US);
        let told = Command::new("ffprobe")
            .args(["-v", "error", "-rtsp_transport", transport, "-read_intervals", "%+1"])
            .args(["-select_streams", "v", "-show_entries", "frame=pict_type", "-of", "csv=p=0", &url])
            .output()
            .expect("ffprobe is missing: scripts/require.sh ffmpeg");
        assert!(told.status.success(), "{transport}: {}", String::from_utf8_lossy(&told.stderr));
        let pictures = String::from_utf8_lossy(&told.stdout).lines().count();
        assert!(pictures >= 20, "{transport}: {pictures} pictures");
    }
    let plays = engine();
    plays.apply(&wish(1, &house.url(), true)).expect("a new state");
    until(&plays, "an engine plays it", |report| report.state == State::Live && report.width == Some(160));
}
