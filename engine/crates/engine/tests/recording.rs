//! The engine records a simulated camera: what lies on disk opens in a player,
//! is whole, and is proved by its ledger.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use common::{PATIENCE, farm};
use serde_json::{Value, json};
use vms_camsim::Farm;
use vms_engine::{DesiredState, Engine, EngineConfig};
use vms_format::ledger::{Body, Gap, entries};
use vms_format::record::scan;
use vms_format::recover::{HashFrom, Whole, recover};
use vms_format::verify::{Options, Report, Tree, verify};
use vms_format::{Entry, Source, Stored};

/// A folder that goes when the test is over.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the test");
        Self(folder)
    }

    fn config(&self) -> EngineConfig {
        let at = |name: &str| self.0.join(name);
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
        EngineConfig::from_json(config.to_string().as_bytes()).expect("a good configuration")
    }

    fn start(&self) -> Engine {
        Engine::start(&self.config()).expect("free ports and a free folder")
    }

    fn files(&self, begin: &str, end: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        walk(&self.0.join("recordings"), &mut found);
        found.retain(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            name.starts_with(begin) && name.ends_with(end)
        });
        found.sort();
        found
    }

    fn verify(&self) -> Report {
        let root = self.0.join("recordings/cameras");
        let mut paths = Vec::new();
        walk(&root, &mut paths);
        let below = |path: &PathBuf| path.strip_prefix(&root).expect("below").to_str().expect("UTF-8").to_owned();
        let files: Vec<_> = paths.iter().map(|path| (below(path), std::fs::read(path).expect("a file"))).collect();
        let tree: Tree<'_> = files.iter().map(|(path, bytes)| (path.clone(), bytes as &dyn Source)).collect();
        verify("gate", &tree, &Options::default()).expect("in memory")
    }

    fn ledger(&self) -> Vec<Entry> {
        let bytes = std::fs::read(self.0.join("recordings/cameras/gate/ledger.vms-idx")).expect("a ledger");
        let copy = std::fs::read(self.0.join("ledgers/gate.vms-idx")).expect("its copy");
        assert_eq!(bytes, copy, "both copies are the same");
        entries(&scan(&bytes).expect("readable").records).0.into_iter().map(|(_, entry)| entry).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The system's own folder for such things is emptied anyway.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

const FOLDER: &str = "VMS_TEST_FOLDER";
const CAMERA: &str = "VMS_TEST_CAMERA";

/// The process that is killed: this test binary again, told by its environment.
#[test]
fn child_that_records_until_it_is_killed() {
    let (Ok(folder), Ok(url)) = (std::env::var(FOLDER), std::env::var(CAMERA)) else { return };
    let folder = std::mem::ManuallyDrop::new(Folder(PathBuf::from(folder)));
    let engine = folder.start();
    engine.apply(&record_from(&url, "continuous")).expect("a new state");
    std::thread::sleep(PATIENCE * 3);
}

fn now_us() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_micros()).expect("before the year 200000")
}

#[test]
fn a_killed_process_loses_half_a_second_at_most_and_the_next_one_tells_it() {
    let folder = Folder::new("killed");
    let farm = farm(None);
    let mut kills = Vec::new();
    for round in 0..3_u64 {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "child_that_records_until_it_is_killed", "--nocapture"])
            .env(FOLDER, &folder.0)
            .env(CAMERA, farm.url(1, false))
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("this test again");
        let parts = folder.files("video_", ".mp4").len();
        until("a part of this run", || folder.files("video_", ".mp4").len() > parts);
        std::thread::sleep(Duration::from_millis(1_300 + 137 * round));
        child.kill().expect("SIGKILL");
        let killed_us = now_us();
        child.wait().expect("it is dead");
        // Torn or not, as the process left them: what is whole counts.
        let ends = folder.files("video_", ".mp4").into_iter().flat_map(|path| whole(&path)).map(|s| s.core.end_us());
        let lost_ms = (killed_us - ends.max().expect("fragments")) / 1_000;
        println!("kill -9 cost {lost_ms} ms");
        // A machine that runs other tests gives a thread its turn late.
        assert!(lost_ms <= 500 + 250, "kill -9 cost {lost_ms} ms");
        kills.push(killed_us);
    }
    let mut engine = folder.start();
    engine.apply(&record(&farm, "continuous")).expect("a new state");
    until("some seconds", || recorded_bytes(&engine) > 100_000);
    engine.stop();
    folder.files("video_", ".mp4").iter().for_each(|video| drop(probe(video)));
    let gaps: Vec<_> = folder.ledger().into_iter().filter_map(|entry| gap_of(&entry)).collect();
    for killed_us in kills {
        let told = gaps.iter().any(|gap| gap.reason == 8 && (gap.from_us..=gap.to_us).contains(&killed_us));
        assert!(told, "a crash at {killed_us} is not told: {gaps:?}");
    }
    let report = folder.verify();
    assert!(report.genuine, "{:#?}", report.bad().collect::<Vec<_>>());
}

fn gap_of(entry: &Entry) -> Option<Gap> {
    if let Body::Gap(gap) = &entry.body { Some(gap.clone()) } else { None }
}

fn record(farm: &Farm, mode: &str) -> DesiredState {
    record_from(&farm.url(1, false), mode)
}

fn record_from(url: &str, mode: &str) -> DesiredState {
    let state = json!({"generation": 1, "cameras": [{
        "id": "gate",
        "streams": {"main": {"url": url}},
        "record": {"main": {"mode": mode, "audio": true, "pre_s": 1, "post_s": 0}},
    }]});
    DesiredState::from_json(state.to_string().as_bytes()).expect("a good state")
}

fn recorded_bytes(engine: &Engine) -> u64 {
    let answer = engine.recordings().call("volumes", b"").expect("it records");
    let answer: Value = serde_json::from_slice(&answer.json).expect("JSON");
    answer["volumes"][0]["bytes_written"].as_u64().expect("a number")
}

fn until(what: &str, mut test: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !test() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn probe(path: &Path) -> Value {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_format", "-show_streams", "-of", "json"])
        .arg(path)
        .output()
        .expect("ffprobe is installed");
    assert!(out.status.success() && out.stderr.is_empty(), "{path:?}: {}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

fn fragments(path: &Path) -> Vec<Stored> {
    let bytes = std::fs::read(path).expect("a video");
    let found = recover(&bytes, None, HashFrom::START).expect("a part");
    assert!(found.torn.is_empty(), "nothing is torn");
    whole(path)
}

/// The whole fragments of a video, whatever else it holds.
fn whole(path: &Path) -> Vec<Stored> {
    let bytes = std::fs::read(path).expect("a video");
    let found = recover(&bytes, None, HashFrom::START).expect("a part");
    let plain = found.fragments.into_iter().map(|whole| match whole {
        Whole::Plain(stored) => stored,
        Whole::Encrypted { .. } => panic!("it is not encrypted"),
    });
    plain.collect()
}

#[test]
fn a_recording_plays_for_as_long_as_it_was_recorded() {
    let folder = Folder::new("record");
    let farm = farm(None);
    let mut engine = folder.start();
    engine.apply(&record(&farm, "continuous")).expect("a new state");
    until("some seconds", || recorded_bytes(&engine) > 200_000);
    engine.stop();
    let videos = folder.files("video_", ".mp4");
    assert!(folder.verify().genuine);
    let mut told = 0;
    for video in &videos {
        let about = probe(video);
        let stored = fragments(video);
        let first = stored.first().expect("a fragment").core.utc_us;
        let seconds = (stored.last().expect("a fragment").core.end_us() - first) as f64 / 1e6;
        let played: f64 = about["format"]["duration"].as_str().and_then(|text| text.parse().ok()).expect("a duration");
        assert!((played - seconds).abs() < 0.045, "{played} s of {seconds} s");
        let packets: u32 =
            about["streams"][0]["nb_read_packets"].as_str().and_then(|t| t.parse().ok()).expect("packets");
        assert_eq!(packets, stored.iter().map(|stored| stored.core.tracks[0].samples).sum::<u32>());
        told += stored.len();
        let sums = video.with_extension("sha256");
        let checked =
            Command::new("sha256sum").arg("-c").arg(&sums).current_dir(video.parent().expect("a day")).output();
        assert!(checked.expect("sha256sum").status.success(), "the checksum of {video:?}");
    }
    let ledger = folder.ledger();
    let kinds: Vec<u8> = ledger.iter().map(|entry| entry.body.kind()).collect();
    assert_eq!(kinds.first(), Some(&22), "the key comes first: {kinds:?}");
    let sealed: u32 = ledger.iter().map(|e| if let Body::Seal(seal) = &e.body { seal.fragments } else { 0 }).sum();
    assert_eq!(sealed as usize, told, "each fragment is sealed: {kinds:?}");
    assert!(ledger.iter().all(|entry| !matches!(entry.body, Body::Gap(_))), "nothing was missing");
}

#[test]
fn a_second_process_on_the_same_storage_is_refused_by_name() {
    let folder = Folder::new("owned");
    let _engine = folder.start();
    let refused = Engine::start(&folder.config()).err().expect("one owner");
    assert_eq!(refused.kind, vms_engine::Kind::Conflict);
    assert!(refused.message.contains(&format!("process {}", std::process::id())), "{}", refused.message);
    assert!(refused.message.contains(&folder.0.display().to_string()), "{}", refused.message);
}

#[test]
fn a_restart_goes_on_behind_the_last_number_and_explains_the_time_between() {
    let folder = Folder::new("restart");
    let farm = farm(None);
    for run in 1..=2 {
        let mut engine = folder.start();
        engine.apply(&record(&farm, "continuous")).expect("a new state");
        until("some seconds", || recorded_bytes(&engine) > 100_000);
        engine.stop();
        let seals = folder.ledger().iter().filter(|entry| matches!(entry.body, Body::Seal(_))).count();
        assert!(seals >= run, "each stop seals");
    }
    let videos = folder.files("video_", ".mp4");
    assert!(videos.len() >= 2, "a start begins a part");
    let mut numbers: Vec<u64> = videos.iter().flat_map(|video| fragments(video)).map(|s| s.core.sequence).collect();
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "one run of numbers over restarts: {numbers:?}");
}
