use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use vms_format::fragment::FLAG_KEY;
use vms_format::ledger::Reason;
use vms_format::manifest::verify_export;
use vms_format::track::TrackConfig;
use vms_format::verify::{Report, Signer, State as Proved, Why};
use vms_format::{Fragment, Owner, Sample};
use vms_hub::{StreamKey, StreamName};
use vms_media::{Codec, ParameterSets, access_units};

use super::*;
use crate::config::VolumeConfig;
use crate::io::{RealDisk, scratch};
use crate::write::keys::Keys;
use crate::write::stream::{Begin, Hint};
use crate::write::volume::Volume;

const SECOND: i64 = 1_000_000;
/// 2026-11-21 07:00 UTC.
const SEVEN: i64 = 1_795_244_400 * SECOND;
/// A frame at 25 a second.
const FRAME_S: f64 = 0.04;

fn video(codec: Codec, units: &[vms_media::AnnexBUnit]) -> TrackConfig {
    let mut sets = ParameterSets::default();
    for nal in vms_media::nals(&units[0].data) {
        sets.update(&codec, &Bytes::copy_from_slice(nal));
    }
    let audio_config = Bytes::new();
    let (clock_rate, timescale) = (90_000, 90_000);
    TrackConfig {
        id: 1,
        source: 0,
        codec,
        clock_rate,
        timescale,
        width: 160,
        height: 120,
        channels: 0,
        audio_config,
        sets,
    }
}

fn alaw() -> TrackConfig {
    TrackConfig {
        id: 2,
        source: 1,
        codec: Codec::Pcma,
        clock_rate: 8_000,
        timescale: 8_000,
        width: 0,
        height: 0,
        channels: 1,
        audio_config: Bytes::new(),
        sets: ParameterSets::default(),
    }
}

/// Recordings of one camera, by the recorder's own hand.
struct Shelf {
    folder: PathBuf,
    volume: Arc<Volume>,
    context: Arc<Context>,
    logs: Arc<Logs>,
    now_us: Arc<AtomicI64>,
    key: StreamKey,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("the folder goes");
    }
}

impl Shelf {
    fn new(name: &str, encrypt: Option<&str>) -> Self {
        let folder = scratch(name);
        let path = folder.join("disk");
        std::fs::create_dir_all(&path).expect("a folder");
        let config = VolumeConfig { name: "one".into(), path, reserve_bytes: 0, max_bytes: None };
        let volume = Arc::new(Volume::open(&config, Arc::new(RealDisk), "{}", None).expect("a volume"));
        let now_us = Arc::new(AtomicI64::new(SEVEN));
        let clock = now_us.clone();
        std::fs::create_dir_all(folder.join("copies")).expect("a folder");
        let context = Arc::new(Context {
            volumes: vec![volume.clone()],
            everywhere: vec![volume.clone()],
            tiers: Vec::new(),
            keys: Keys::open(&folder.join("keys"), SEVEN).expect("keys"),
            ledger_copies: folder.join("copies"),
            encrypt: encrypt.map(str::to_owned),
            software: "test".into(),
            now_us: Arc::new(move || clock.load(Ordering::Relaxed)),
            listener: Arc::new(|_| {}),
        });
        let key = StreamKey::new("gate", StreamName::Main);
        Self { folder, volume, context, logs: Arc::default(), now_us, key }
    }

    /// Records a part of seconds of the vectors' video, with audio.
    fn record(&self, from_us: i64, seconds: i64, codec: Codec, reason: Option<Reason>) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors");
        let file = if codec == Codec::H264 { "camera.h264" } else { "camera.h265" };
        let units = access_units(&codec, &std::fs::read(path.join(file)).expect("a vector"));
        self.record_units(from_us, seconds, codec, &units, reason);
    }

    fn record_units(
        &self,
        from_us: i64,
        seconds: i64,
        codec: Codec,
        units: &[vms_media::AnnexBUnit],
        reason: Option<Reason>,
    ) {
        self.now_us.store(from_us, Ordering::Relaxed);
        let handle = self.logs.open(&self.context, &Owner::new("local", "gate"), &self.key).expect("a log");
        let tracks = vec![video(codec, units), alaw()];
        let mut begin = Some(Begin { tracks, origin_us: from_us, clock: None });
        let mut hint = reason.map(Hint::of);
        let mut samples = Vec::new();
        for frame in 0..seconds * 25 {
            let unit = &units[frame as usize % units.len()];
            if samples.len() >= 12 || (unit.key && !samples.is_empty()) {
                self.fragment(&handle, from_us, std::mem::take(&mut samples), begin.take(), hint.take());
            }
            let dts = frame * 3600;
            samples.push(Sample { track: 1, key: unit.key, dts, pts: dts, duration: 3600, data: unit.data.clone() });
        }
        self.fragment(&handle, from_us, samples, begin, hint);
    }

    fn fragment(
        &self,
        handle: &crate::write::writer::StreamHandle,
        from_us: i64,
        mut samples: Vec<Sample>,
        begin: Option<Begin>,
        hint: Option<Hint>,
    ) {
        let (first, count, key) = (samples[0].dts, samples.len() as i64, samples[0].key);
        for n in 0..count * 2 {
            let dts = first * 8 / 90 + n * 160;
            let data = Bytes::from(vec![n as u8; 160]);
            samples.push(Sample { track: 2, key: true, dts, pts: dts, duration: 160, data });
        }
        let fragment = Fragment {
            utc_us: from_us + first * 100 / 9,
            error_us: 1000,
            duration_us: (count * 40_000) as u32,
            flags: if key { FLAG_KEY } else { 0 },
            samples,
        };
        let end_us = fragment.utc_us + i64::from(fragment.duration_us);
        self.now_us.fetch_max(end_us, Ordering::Relaxed);
        let mut log = handle.log.lock();
        log.fragment(&self.context, &self.volume, fragment, 7, begin.as_ref(), hint.as_ref()).expect("written");
    }

    fn stop(&self) {
        let handle = self.logs.stream(&self.key).expect("a log");
        let now_us = (self.context.now_us)();
        handle.log.lock().stop(&self.context, now_us, &Hint::of(Reason::Operator)).expect("stopped");
    }

    fn exports(&self, reserve_bytes: u64) -> Exports {
        let masters = crate::read::part::masters_in(self.folder.join("keys"));
        let archive = Arc::new(Archive::new(vec![self.volume.clone()], masters, Arc::default()));
        let (context, logs) = (self.context.clone(), self.logs.clone());
        Exports::with(Means { archive, context, logs, disk: Arc::new(RealDisk), reserve_bytes }).expect("a thread")
    }

    fn target(&self) -> PathBuf {
        self.folder.join("export")
    }

    fn request(&self, from_us: i64, to_us: i64, container: &str, audio: bool) -> Value {
        let part =
            json!({"camera": "gate", "streams": ["main"], "from_us": from_us, "to_us": to_us, "name": "Gate 8h"});
        json!({"id": "e1", "parts": [part], "container": container, "audio": audio, "by": "ana", "why": "case 4",
               "folder": self.target(), "password": null})
    }

    /// Exports, and waits until that is done.
    fn export(&self, from_us: i64, to_us: i64, container: &str, audio: bool) -> Value {
        let exports = self.exports(0);
        ask(&exports, "export_start", &self.request(from_us, to_us, container, audio)).expect("started");
        ended(&exports)
    }

    fn file(&self, status: &Value, at: usize) -> (PathBuf, Vec<u8>) {
        let name = status["files"][at]["name"].as_str().unwrap_or_else(|| panic!("{status}"));
        let path = self.target().join(name);
        let bytes = std::fs::read(&path).expect("the file");
        (path, bytes)
    }

    fn verified(&self, bytes: &[u8], beside: Option<&[u8]>) -> Report {
        verify_export(&bytes.to_vec(), beside, Some(self.context.keys.current().id())).expect("a manifest")
    }
}

fn ask(exports: &Exports, call: &str, request: &Value) -> Result<Value, CallError> {
    let answer = exports.call(call, request.to_string().as_bytes()).expect("a call of exports")?;
    Ok(serde_json::from_slice(&answer.json).expect("JSON"))
}

fn ended(exports: &Exports) -> Value {
    let job = exports.shared.jobs.lock().known["e1"].clone();
    let mut jobs = exports.shared.jobs.lock();
    exports.shared.news.wait_while_for(&mut jobs, |_| job.is_running(), Duration::from_secs(60));
    drop(jobs);
    ask(exports, "export_status", &json!({"id": "e1"})).expect("a status")
}

fn is_intact(report: &Report, fragments: u64) {
    assert_eq!(report.bad().collect::<Vec<_>>(), Vec::<&vms_format::verify::Finding>::new());
    assert_eq!((report.genuine, report.fragments, report.signer), (true, fragments, Signer::Pinned));
}

/// Presentation times and durations of a stream's packets, in seconds.
fn packets(path: &Path, stream: &str) -> Vec<(f64, f64)> {
    let show =
        ["-v", "error", "-of", "csv=p=0", "-select_streams", stream, "-show_entries", "packet=pts_time,duration_time"];
    let output = Command::new("ffprobe").args(show).arg(path).output().expect("ffprobe is installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).expect("text");
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let row =
        |line: &str| line.split_once(',').map(|(pts, duration)| (number(pts), number(duration.trim_end_matches(','))));
    text.lines().filter_map(row).collect()
}

/// Seconds that a file says it lasts.
fn duration(path: &Path) -> f64 {
    let show = ["-v", "error", "-of", "csv=p=0", "-show_entries", "format=duration"];
    let output = Command::new("ffprobe").args(show).arg(path).output().expect("ffprobe is installed");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("seconds")
}

#[test]
fn an_export_is_intact_and_as_long_as_asked_and_a_changed_byte_names_its_fragment() {
    let shelf = Shelf::new("export-mp4", None);
    shelf.record(SEVEN, 20, Codec::H264, None);
    shelf.stop();
    let status = shelf.export(SEVEN + 5 * SECOND, SEVEN + 10 * SECOND, "mp4", true);
    assert_eq!((&status["state"], &status["error"]), (&"done".into(), &Value::Null));
    assert_eq!(status["done_bytes"], status["total_bytes"]);
    let (path, bytes) = shelf.file(&status, 0);
    assert_eq!(path.file_name().and_then(|name| name.to_str()), Some("Gate 8h.mp4"));
    let file = &status["files"][0];
    assert_eq!(file["bytes"], bytes.len() as u64);
    assert_eq!(file["sha256"], crate::write::volume::hex(&vms_format::sha256(&[&bytes])));
    assert_eq!(file["gaps"], json!([]));
    let beside = std::fs::read(shelf.target().join("Gate 8h.manifest.json")).expect("a manifest");
    let report = shelf.verified(&bytes, None);
    let count = report.fragments;
    is_intact(&report, count);
    is_intact(&shelf.verified(&bytes, Some(&beside)), count);
    // Playing begins at the frame that was asked for.
    let shown: Vec<_> = packets(&path, "v").into_iter().filter(|(pts, _)| *pts > -0.001).collect();
    assert!(shown[0].0.abs() < 0.001, "{shown:?}");
    assert!((shown.len() as f64 * FRAME_S - 5.0).abs() <= 12.0 * FRAME_S, "{}", shown.len());
    let told = duration(&path);
    let last = shown.last().map_or(0.0, |(pts, length)| pts + length);
    assert!((told - last).abs() <= FRAME_S, "{told} s, the last frame ends at {last}");
    assert_eq!(std::fs::read_dir(shelf.target()).expect("a folder").count(), 2);

    let at = bytes.windows(4).rposition(|name| name == b"mdat").expect("mdat") + 40;
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    let report = shelf.verified(&changed, None);
    let named: Vec<_> = report.bad().filter(|finding| finding.why == Why::SamplesOther).collect();
    assert!(named.len() == 1 && named[0].first == named[0].last && named[0].first > 0, "{named:?}");
}

#[test]
fn an_export_inside_the_hour_gets_an_interim_seal_and_the_recording_goes_on() {
    let shelf = Shelf::new("export-interim", None);
    shelf.record(SEVEN, 10, Codec::H264, None);
    let status = shelf.export(SEVEN, SEVEN + 10 * SECOND, "mp4", true);
    let (path, bytes) = shelf.file(&status, 0);
    let report = shelf.verified(&bytes, None);
    is_intact(&report, report.fragments);
    assert!((duration(&path) - 10.0).abs() <= FRAME_S);
    shelf.stop();
    let status = shelf.export(SEVEN, SEVEN + 10 * SECOND, "mp4", true);
    is_intact(&shelf.verified(&shelf.file(&status, 0).1, None), report.fragments);
}

#[test]
fn gaps_are_told_with_their_reasons_and_take_their_time_in_the_file() {
    let shelf = Shelf::new("export-gaps", None);
    shelf.record(SEVEN, 10, Codec::H264, None);
    shelf.record(SEVEN + 30 * SECOND, 10, Codec::H264, Some(Reason::Network));
    shelf.stop();
    let status = shelf.export(SEVEN + 2 * SECOND, SEVEN + 36 * SECOND, "mp4", true);
    let file = &status["files"][0];
    assert_eq!(status["files"].as_array().map(Vec::len), Some(1));
    assert_eq!(file["gaps"][0]["reason"], "network");
    let span = (&file["gaps"][0]["from_us"], &file["gaps"][0]["to_us"]);
    assert_eq!(span, (&(SEVEN + 10 * SECOND).into(), &(SEVEN + 30 * SECOND).into()));
    let (path, bytes) = shelf.file(&status, 0);
    let report = shelf.verified(&bytes, None);
    is_intact(&report, report.fragments);
    assert!((duration(&path) - 34.0).abs() <= FRAME_S + 0.48, "{}", duration(&path));
    let times: Vec<f64> = packets(&path, "v").iter().map(|(pts, _)| *pts).collect();
    let widest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
    assert!((widest - 20.0 - FRAME_S).abs() < 0.01, "{widest}");
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(shelf.target().join("Gate 8h.manifest.json")).expect("a manifest"))
            .expect("JSON");
    assert_eq!(manifest["gaps"][0]["reason"], Reason::Network.code());
    assert_eq!((&manifest["by"], &manifest["why"]), (&"ana".into(), &"case 4".into()));
}

#[test]
fn another_codec_is_another_file() {
    let shelf = Shelf::new("export-codec", None);
    shelf.record(SEVEN, 10, Codec::H264, None);
    shelf.record(SEVEN + 10 * SECOND, 10, Codec::H265, None);
    shelf.stop();
    let status = shelf.export(SEVEN, SEVEN + 20 * SECOND, "mp4", true);
    let files = status["files"].as_array().expect("files");
    let names: Vec<_> = files.iter().map(|file| file["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["Gate 8h.mp4", "Gate 8h-2.mp4"]);
    assert_eq!(files[0]["to_us"], files[1]["from_us"]);
    for at in 0..2 {
        let (path, bytes) = shelf.file(&status, at);
        let report = shelf.verified(&bytes, None);
        is_intact(&report, report.fragments);
        assert!((duration(&path) - 10.0).abs() <= FRAME_S);
    }
}

#[test]
fn audio_that_is_left_out_leaves_the_other_groups_proved() {
    let shelf = Shelf::new("export-audio", None);
    shelf.record(SEVEN, 6, Codec::H264, None);
    shelf.stop();
    let status = shelf.export(SEVEN, SEVEN + 6 * SECOND, "mp4", false);
    let (path, bytes) = shelf.file(&status, 0);
    assert_eq!((packets(&path, "v").len(), packets(&path, "a").len()), (150, 0));
    let report = shelf.verified(&bytes, None);
    let states: Vec<_> = report.findings.iter().map(|f| (f.state, f.why, f.groups)).collect();
    assert!(
        states
            .iter()
            .all(|state| { matches!(state, (Proved::Intact, Why::None, 3) | (Proved::Missing, Why::LeftOut, 4)) }),
        "{states:?}"
    );
    assert!(states.contains(&(Proved::Intact, Why::None, 3)));
}

#[test]
fn encrypted_parts_are_exported_plain() {
    let shelf = Shelf::new("export-encrypted", Some("city"));
    shelf.record(SEVEN, 6, Codec::H264, None);
    shelf.stop();
    let status = shelf.export(SEVEN, SEVEN + 6 * SECOND, "mp4", true);
    let (path, bytes) = shelf.file(&status, 0);
    let report = shelf.verified(&bytes, None);
    is_intact(&report, report.fragments);
    assert_eq!(packets(&path, "v").len(), 150);
}

#[test]
fn what_cannot_be_exported_is_refused_before_it_starts() {
    let shelf = Shelf::new("export-refused", None);
    shelf.record(SEVEN, 6, Codec::H264, None);
    shelf.stop();
    let code = |exports: &Exports, request: &Value| ask(exports, "export_start", request).expect_err("refused").code;
    let request = shelf.request(SEVEN, SEVEN + 6 * SECOND, "mp4", true);
    assert_eq!(code(&shelf.exports(u64::MAX / 2), &request), "disk_full");
    let exports = shelf.exports(0);
    assert_eq!(code(&exports, &shelf.request(SEVEN + 60 * SECOND, SEVEN + 90 * SECOND, "mp4", true)), "no_recording");
    let mut relative = request.clone();
    relative["folder"] = "export".into();
    assert_eq!(code(&exports, &relative), "invalid");
    let unknown = |call| ask(&exports, call, &json!({"id": "e9"})).expect_err("refused").code;
    assert_eq!((unknown("export_status"), unknown("export_cancel")), ("export_unknown", "export_unknown"));
}

#[test]
fn a_cancelled_export_leaves_nothing_and_is_made_anew_under_its_id() {
    let shelf = Shelf::new("export-cancel", None);
    shelf.record(SEVEN, 20, Codec::H264, None);
    let exports = shelf.exports(0);
    let request = shelf.request(SEVEN, SEVEN + 20 * SECOND, "mp4", true);
    {
        // The worker cannot seal as long as this is held.
        let handle = shelf.logs.stream(&shelf.key).expect("a log");
        let _held = handle.log.lock();
        ask(&exports, "export_start", &request).expect("started");
        assert_eq!(ask(&exports, "export_start", &request).expect_err("it runs").code, "export_running");
        exports.shared.jobs.lock().known["e1"].cancelled.store(true, Ordering::Release);
    }
    let cancelled = ask(&exports, "export_cancel", &json!({"id": "e1"})).expect("a status");
    assert_eq!((&cancelled["state"], &cancelled["files"]), (&"cancelled".into(), &json!([])));
    assert_eq!(std::fs::read_dir(shelf.target()).expect("a folder").count(), 0);
    // What a process that was killed left is replaced.
    std::fs::write(shelf.target().join("Gate 8h.mp4.part"), b"half").expect("a file");
    ask(&exports, "export_start", &request).expect("started again");
    let status = ended(&exports);
    assert_eq!(status["state"], "done");
    let report = shelf.verified(&shelf.file(&status, 0).1, None);
    is_intact(&report, report.fragments);
    assert_eq!(std::fs::read_dir(shelf.target()).expect("a folder").count(), 2);
}

#[test]
fn matroska_plays_with_every_frame_and_proves_itself_inside_and_beside() {
    for (name, codec) in [("export-mkv", Codec::H264), ("export-mkv-265", Codec::H265)] {
        let shelf = Shelf::new(name, None);
        shelf.record(SEVEN, 20, codec.clone(), None);
        shelf.stop();
        let status = shelf.export(SEVEN, SEVEN + 10 * SECOND, "mkv", true);
        let (path, bytes) = shelf.file(&status, 0);
        assert_eq!(path.file_name().and_then(|name| name.to_str()), Some("Gate 8h.mkv"));
        assert_eq!(status["files"][0]["sha256"], crate::write::volume::hex(&vms_format::sha256(&[&bytes])));
        assert_eq!((packets(&path, "v").len(), packets(&path, "a").len()), (250, 500));
        assert!((duration(&path) - 10.0).abs() <= FRAME_S, "{}", duration(&path));
        let beside = std::fs::read(shelf.target().join("Gate 8h.manifest.json")).expect("a manifest");
        for beside in [None, Some(&beside[..])] {
            let report = shelf.verified(&bytes, beside);
            is_intact(&report, report.fragments);
        }
        let block = vms_format::matroska::read(&bytes).expect("Matroska").blocks[30].data.start as usize;
        let mut changed = bytes.clone();
        changed[block + 9] ^= 1;
        let report = shelf.verified(&changed, None);
        let bad: Vec<_> = report.bad().map(|f| (f.why, f.last - f.first)).collect();
        assert_eq!(bad, [(Why::SamplesOther, 0)]);
        // Another program decodes every picture.
        let run = Command::new("ffmpeg").args(["-v", "error", "-i"]).arg(&path).args(["-f", "null", "-"]).output();
        assert_eq!(String::from_utf8_lossy(&run.expect("ffmpeg is installed").stderr), "");
    }
}

/// `cargo test --release -p vms-recording export -- --ignored --nocapture`
#[test]
#[ignore = "a measurement: prints how fast an export is, against reading and writing the same bytes"]
fn copying_is_nearly_as_fast_as_the_disk() {
    let shelf = Shelf::new("export-speed", None);
    // Frames of 40 kB: 8 Mbit/s.
    let units = vec![vms_media::AnnexBUnit { key: true, data: Bytes::from(vec![0x65; 40_000]) }];
    shelf.record_units(SEVEN, 1200, Codec::H264, &units, None);
    shelf.stop();
    let part = std::fs::read_dir(shelf.volume.camera("gate").join("2026-11-21")).expect("a folder");
    let part =
        part.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|e| e == "mp4"));
    let part = part.expect("a video");
    for round in 0..3 {
        let from = std::time::Instant::now();
        let (mut source, target) = (std::fs::File::open(&part).expect("opens"), shelf.folder.join("raw"));
        let mut raw = std::fs::File::create(&target).expect("a file");
        let mut buffer = vec![0; 4 << 20];
        loop {
            let read = std::io::Read::read(&mut source, &mut buffer).expect("reads");
            if read == 0 {
                break;
            }
            std::io::Write::write_all(&mut raw, &buffer[..read]).expect("writes");
        }
        raw.sync_data().expect("durable");
        let plain = from.elapsed();
        std::fs::remove_file(&target).expect("goes");
        for container in ["mp4", "mkv"] {
            let from = std::time::Instant::now();
            let status = shelf.export(SEVEN, SEVEN + 1200 * SECOND, container, true);
            let export = from.elapsed();
            let bytes = status["files"][0]["bytes"].as_u64().expect("bytes") as f64;
            let speed = |took: Duration| bytes / took.as_secs_f64() / 1e6;
            println!(
                "round {round}: {container} {:.0} MB/s, raw {:.0} MB/s, ratio {:.2}",
                speed(export),
                speed(plain),
                speed(export) / speed(plain)
            );
        }
    }
}

#[test]
fn a_time_lapse_shows_key_frames_of_a_long_time_and_names_what_it_was_made_from() {
    let shelf = Shelf::new("export-lapse", None);
    shelf.record(SEVEN, 60, Codec::H264, None);
    shelf.record(SEVEN + 90 * SECOND, 30, Codec::H264, Some(Reason::Network));
    shelf.stop();
    let mut request = shelf.request(SEVEN, SEVEN + 120 * SECOND, "mp4", true);
    request["parts"][0]["every_us"] = (5 * SECOND).into();
    let exports = shelf.exports(0);
    ask(&exports, "export_start", &request).expect("started");
    let status = ended(&exports);
    assert_eq!((&status["state"], &status["done_bytes"]), (&"done".into(), &status["total_bytes"]), "{status}");
    let (path, bytes) = shelf.file(&status, 0);
    // 12 of the first minute, none of the gap, 6 of the rest.
    let shown = packets(&path, "v");
    assert_eq!((shown.len(), packets(&path, "a").len()), (18, 0));
    assert!(shown.windows(2).all(|pair| (pair[1].0 - pair[0].0 - FRAME_S).abs() < 1e-4), "{shown:?}");
    assert!((duration(&path) - 18.0 * FRAME_S).abs() < 1e-3);
    decodes(&path, 18);

    let report = shelf.verified(&bytes, None);
    is_intact(&report, 18);
    assert!(report.findings.iter().all(|finding| finding.why == Why::Derived));
    let beside = std::fs::read(shelf.target().join("Gate 8h.manifest.json")).expect("a manifest");
    is_intact(&shelf.verified(&bytes, Some(&beside)), 18);
    let manifest: Value = serde_json::from_slice(&beside).expect("JSON");
    assert_eq!(manifest["kind"], "derived");
    let gaps = manifest["gaps"].as_array().expect("gaps");
    assert_eq!((gaps.len(), &gaps[0]["reason"]), (1, &Reason::Network.code().into()));
    assert!(manifest["fragments"].as_array().expect("some").iter().all(|each| each["groups"] == 1));

    let at = bytes.windows(4).rposition(|name| name == b"mdat").expect("mdat") + 40;
    let mut changed = bytes.clone();
    changed[at] ^= 1;
    let report = shelf.verified(&changed, None);
    assert!(!report.genuine && report.bad().any(|finding| finding.why == Why::FileHashOther));
}

#[test]
fn a_time_lapse_is_an_mp4_of_a_picture_a_second_at_most() {
    let shelf = Shelf::new("export-lapse-refused", None);
    shelf.record(SEVEN, 6, Codec::H264, None);
    shelf.stop();
    let exports = shelf.exports(0);
    for (container, every_us) in [("mkv", 5 * SECOND), ("mp4", SECOND - 1), ("mp4", 0)] {
        let mut request = shelf.request(SEVEN, SEVEN + 6 * SECOND, container, true);
        request["parts"][0]["every_us"] = every_us.into();
        assert_eq!(ask(&exports, "export_start", &request).expect_err("refused").code, "invalid");
    }
}

/// Every picture of a file can be decoded, with nothing to complain of.
fn decodes(path: &Path, pictures: usize) {
    let read = ["-v", "error", "-of", "csv=p=0", "-count_frames", "-select_streams", "v", "-show_entries"];
    let output = Command::new("ffprobe").args(read).arg("stream=nb_read_frames").arg(path).output().expect("ffprobe");
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!((told, String::from_utf8_lossy(&output.stderr).as_ref()), (pictures.to_string(), ""));
}
