//! The keeper on real files in scratch folders.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use parking_lot::Mutex;
use vms_format::fragment::FLAG_KEY;
use vms_format::ledger::Reason;
use vms_format::names::{FileKind, LEDGER, WHOLE_CAMERA};
use vms_format::seal::is_signed;
use vms_format::time::HOUR_US;
use vms_format::track::TrackConfig;
use vms_format::verify::{Options, Report, State, Tree, verify};
use vms_format::{Body, Fragment, Owner, Sample};
use vms_hub::{StreamKey, StreamName};
use vms_media::{Codec, ParameterSets};

use super::keeper::Keeping;
use super::plan::DAY_US;
use super::triggers;
use crate::calls::CallKind;
use crate::config::{CameraWish, Keep, Thin, ThinTo, Tier, VolumeConfig};
use crate::event::Event;
use crate::io::{RealDisk, scratch};
use crate::read::{Amount, Archive};
use crate::write::keys::Keys;
use crate::write::recorders::Logs;
use crate::write::stream::{Begin, Context, Hint};
use crate::write::volume::{OpenError, Volume, VolumeState};

const SECOND: i64 = 1_000_000;
/// 2026-11-21 07:00 UTC.
pub(super) const SEVEN: i64 = 1_795_244_400 * SECOND;

/// Volumes, a clock that is moved by hand, and a keeper without its thread.
pub(super) struct House {
    pub folder: PathBuf,
    pub now_us: Arc<AtomicI64>,
    /// When the process began, by both clocks.
    begun: (i64, Instant),
    events: Arc<Mutex<Vec<Event>>>,
    pub keeping: Keeping,
}

impl Drop for House {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("the folder goes");
    }
}

fn track() -> TrackConfig {
    TrackConfig {
        id: 1,
        source: 0,
        codec: Codec::H264,
        clock_rate: 90_000,
        timescale: 90_000,
        width: 64,
        height: 64,
        channels: 0,
        audio_config: Bytes::new(),
        sets: ParameterSets::default(),
    }
}

fn fragment(utc_us: i64, dts: i64, key: bool) -> Fragment {
    let sample = |n: i64, key: bool| Sample {
        track: 1,
        key,
        dts: dts + n * 22_500,
        pts: dts + n * 22_500,
        duration: 22_500,
        data: Bytes::from(vec![if key { 0x65 } else { 0x41 }; if key { 3_000 } else { 1_000 }]),
    };
    let samples = vec![sample(0, key), sample(1, false)];
    Fragment { utc_us, error_us: 1000, duration_us: 500_000, flags: if key { FLAG_KEY } else { 0 }, samples }
}

/// A process that another test starts has the lock of a volume too, until it
/// becomes another program.
fn opened(config: &VolumeConfig) -> Volume {
    for _ in 0..500 {
        match Volume::open(config, Arc::new(RealDisk), "{}", None) {
            Err(OpenError::Owned { .. }) => std::thread::sleep(Duration::from_millis(10)),
            other => return other.expect("a volume"),
        }
    }
    panic!("{} is held by somebody", config.path.display())
}

impl House {
    fn new(name: &str, max_bytes: Option<u64>, encrypt: Option<&str>) -> Self {
        Self::at(scratch(name), SEVEN, max_bytes, encrypt, None)
    }

    pub fn at(
        folder: PathBuf,
        begun_us: i64,
        max_bytes: Option<u64>,
        encrypt: Option<&str>,
        bucket: Option<Arc<Volume>>,
    ) -> Self {
        let now_us = Arc::new(AtomicI64::new(begun_us));
        let events: Arc<Mutex<Vec<Event>>> = Arc::default();
        let volumes = ["one", "two"].map(|disk| {
            let config = VolumeConfig { name: disk.to_owned(), path: folder.join(disk), reserve_bytes: 0, max_bytes };
            Arc::new(opened(&config))
        });
        std::fs::create_dir_all(folder.join("ledgers")).expect("a folder");
        let (clock, told) = (now_us.clone(), events.clone());
        let context = Context {
            volumes: volumes.clone().into(),
            everywhere: volumes.into_iter().chain(bucket).collect(),
            tiers: Vec::new(),
            keys: Keys::open(&folder.join("keys"), SEVEN).expect("keys"),
            ledger_copies: folder.join("ledgers"),
            encrypt: encrypt.map(str::to_owned),
            software: "test".to_owned(),
            now_us: Arc::new(move || clock.load(Ordering::Relaxed)),
            listener: Arc::new(move |event| told.lock().push(event)),
        };
        let keeping = Keeping::new(Arc::new(context), Arc::new(Logs::default()), Arc::default());
        Self { folder, now_us, begun: (begun_us, Instant::now()), events, keeping }
    }

    /// As a process does that was killed and starts again.
    fn again(mut self) -> Self {
        let folder = std::mem::replace(&mut self.folder, scratch("kept-nothing"));
        let now_us = self.now_us.load(Ordering::Relaxed);
        let keeps = self.keeping.keeps();
        drop(self);
        let house = Self::at(folder, now_us, None, None, None);
        assert_eq!(house.keeping.keeps(), keeps, "rules outlive a restart");
        house
    }

    fn volume(&self, at: usize) -> &Arc<Volume> {
        &self.keeping.context.volumes[at]
    }

    /// Records a minute from each time on, in a part each, in order.
    pub fn record(&self, camera: &str, times: &[i64]) {
        let (keeping, context) = (&self.keeping, &self.keeping.context);
        let key = StreamKey::new(camera, StreamName::Main);
        self.now_us.store(times[0], Ordering::Relaxed);
        let handle = keeping.logs.open(context, &Owner::new("local", camera), &key).expect("a log");
        let mut log = handle.log.lock();
        for &from_us in times {
            for half in 0..120 {
                let utc_us = from_us + half * SECOND / 2;
                self.now_us.store(utc_us, Ordering::Relaxed);
                let begin = Begin { tracks: vec![track()], origin_us: from_us, clock: None };
                let begin = (half == 0).then_some(&begin);
                let piece = fragment(utc_us, half * 45_000, half % 4 == 0);
                log.fragment(context, self.volume(0), piece, 0, begin, None).expect("written");
            }
            log.end_part(context);
        }
        let end_us = self.now_us.load(Ordering::Relaxed) + SECOND / 2;
        log.stop(context, end_us, &Hint::of(Reason::Maintenance)).expect("stopped");
        self.now_us.store(end_us, Ordering::Relaxed);
    }

    pub fn keep(&self, camera: &str, keep: Keep) {
        let (id, city) = (camera.to_owned(), "local".to_owned());
        self.keeping.apply(&[CameraWish { id, city, enabled: true, record: Default::default(), keep }]);
        // The thread that is woken by it is not there.
        self.keeping.heard();
    }

    /// The keeper looks; what is told is whose videos are left, in hours.
    pub fn look(&self, camera: &str) -> Vec<i64> {
        self.look_at(camera, self.now())
    }

    /// Of a clock that never steps.
    pub fn now(&self) -> Instant {
        let passed = self.now_us.load(Ordering::Relaxed) - self.begun.0;
        self.begun.1 + Duration::from_micros(passed.unsigned_abs())
    }

    fn look_at(&self, camera: &str, at: Instant) -> Vec<i64> {
        self.keeping.look(at);
        self.hours(camera)
    }

    pub fn hours(&self, camera: &str) -> Vec<i64> {
        let mut stock = super::stock::Stock::default();
        stock.look(&self.keeping.context.volumes, None);
        let own = stock.0.values().filter(|files| files.camera == camera && files.video().is_some());
        own.map(|files| (files.start_us() - SEVEN) / HOUR_US).collect()
    }

    pub fn path(&self, camera: &str, hour: i64, kind: FileKind) -> PathBuf {
        let id = vms_format::PartId { hour: (SEVEN / HOUR_US + hour) as u32, part: 0, stream: 0 };
        self.volume(0).camera(camera).join(id.path(kind))
    }

    fn verify(&self, camera: &str) -> Report {
        let mut files = Vec::new();
        for volume in &self.keeping.context.volumes {
            walk(&volume.camera(camera), &mut files);
        }
        let root = |path: &PathBuf| {
            let below = self.keeping.context.volumes.iter().find_map(|v| path.strip_prefix(v.cameras()).ok());
            below.expect("below a volume").to_str().expect("a name").to_owned()
        };
        let mut bytes: Vec<(String, Vec<u8>)> =
            files.iter().map(|path| (root(path), std::fs::read(path).expect("a file"))).collect();
        // Of two ledgers the one that knows more counts: the last in the tree.
        bytes.sort_by_key(|(_, bytes)| bytes.len());
        let tree: Tree<'_> =
            bytes.iter().map(|(name, bytes)| (name.clone(), bytes as &dyn vms_format::Source)).collect();
        let mut options = Options::default();
        if let Ok(master) = std::fs::read(self.folder.join("keys/master-night.key")) {
            options.masters.insert("night".to_owned(), master.try_into().expect("32 bytes"));
        }
        verify(camera, &tree, &options).expect("readable")
    }

    fn assert_genuine(&self, camera: &str) -> Report {
        let report = self.verify(camera);
        assert!(report.genuine && report.strangers.is_empty(), "{:#?}", report.bad().collect::<Vec<_>>());
        report
    }

    pub fn hold(&self, camera: &str, on: bool, from_us: i64, to_us: i64) {
        let (by, why) = ("ana".to_owned(), "case 7".to_owned());
        let hold = vms_format::ledger::Hold { hold: "h1".to_owned(), on, from_us, to_us, by, why };
        let owner = Owner::new("local", camera);
        self.keeping.append(&owner, WHOLE_CAMERA, Body::Hold(hold)).expect("on disk");
    }
}

fn walk(folder: &std::path::Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

pub(super) fn days(count: u32) -> Keep {
    Keep { max_days: Some(count), ..Keep::default() }
}

/// Parts at 7:00 of so many days, and the clock right behind the last.
fn of_days(name: &str, days: i64) -> House {
    let house = House::new(name, None, None);
    house.record("gate", &(0..days).map(|day| SEVEN + day * DAY_US).collect::<Vec<_>>());
    house
}

#[test]
fn what_is_too_old_goes_and_is_proved_to_have_been_removed() {
    let house = of_days("keep-age", 5);
    assert_eq!(house.look("gate"), [0, 24, 48, 72, 96], "without rules nothing goes");
    house.keep("gate", days(2));
    assert_eq!(house.look("gate"), [48, 72, 96]);
    let report = house.assert_genuine("gate");
    let removed: u64 = report.findings.iter().filter(|f| f.state == State::Removed).map(|f| f.last - f.first + 1).sum();
    assert_eq!(removed, 240, "{report:#?}");
    assert!(!house.path("gate", 0, FileKind::Video).parent().expect("a day").exists(), "its folder went too");
    let told = house.events.lock().iter().filter(|e| matches!(e, Event::Removed { reason: "retention", .. })).count();
    assert_eq!(told, 2);
    assert_eq!(house.look("gate"), [48, 72, 96]);
}

#[test]
fn a_step_of_the_clock_stops_the_rules_of_age_until_it_is_confirmed() {
    let house = of_days("keep-clock", 3);
    house.keep("gate", days(2));
    let begun = house.now();
    assert_eq!(house.look_at("gate", begun).len(), 3);
    house.now_us.fetch_add(3650 * DAY_US, Ordering::Relaxed);
    let minute = Duration::from_secs(60);
    assert_eq!(house.look_at("gate", begun + minute).len(), 3);
    assert!(house.keeping.doubt().is_some());
    let house = house.again();
    assert_eq!(house.look("gate").len(), 3, "a restart confirms nothing");
    assert!(house.keeping.confirm_clock());
    house.keeping.heard();
    assert_eq!(house.look("gate"), [0_i64; 0]);
}

/// A volume that takes six minutes of video, holding five.
fn full(name: &str) -> House {
    let one = {
        let house = of_days(&format!("{name}-size"), 1);
        house.keeping.count(Instant::now());
        house.keeping.stock().bytes_of("one")
    };
    let house = House::new(name, Some(one * 5 + one / 50), None);
    house.record("gate", &(0..5).map(|day| SEVEN + day * DAY_US).collect::<Vec<_>>());
    house
}

#[test]
fn a_full_volume_loses_the_oldest_that_is_free() {
    let house = full("keep-full");
    house.hold("gate", true, SEVEN + SECOND, SEVEN + 2 * SECOND);
    house.keep("gate", Keep::default());
    assert_eq!(house.look("gate"), [0, 48, 72, 96]);
    assert!(!house.volume(0).is_held());
    house.assert_genuine("gate");
    assert!(house.events.lock().iter().any(|e| matches!(e, Event::Removed { reason: "disk_full", .. })));
}

#[test]
fn a_volume_full_of_what_must_stay_stops_and_says_so_until_a_hold_goes() {
    let house = full("keep-held");
    house.hold("gate", true, SEVEN, SEVEN + 90 * DAY_US);
    house.keep("gate", Keep::default());
    assert_eq!(house.look("gate").len(), 5);
    assert!(house.volume(0).is_held());
    let said = |e: &Event| matches!(e, Event::Volume { reason: Some(reason), .. } if reason.contains("held"));
    assert!(house.events.lock().iter().any(said));
    // A hold is written on a full disk too.
    house.volume(0).set_health(VolumeState::Full, None);
    house.hold("gate", false, SEVEN, SEVEN + 90 * DAY_US);
    assert_eq!(house.look("gate"), [24, 48, 72, 96]);
    assert!(!house.volume(0).is_held());
    house.keep("gate", Keep { min_days: 30, ..Keep::default() });
    house.volume(0).counted(u64::MAX / 2);
    house.assert_genuine("gate");
}

#[test]
fn a_ledger_that_cannot_be_read_keeps_all_of_its_camera() {
    let house = of_days("keep-ledger", 3);
    house.record("yard", &[SEVEN + 2 * DAY_US]);
    house.now_us.store(SEVEN + 3 * DAY_US, Ordering::Relaxed);
    house.keep("gate", days(1));
    let ledgers = [house.volume(0).camera("gate").join(LEDGER), house.folder.join("ledgers/gate.vms-idx")];
    let whole = std::fs::read(&ledgers[0]).expect("a ledger");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    for path in &ledgers {
        std::fs::write(path, &damaged).expect("damaged");
    }
    assert_eq!(house.look("gate").len(), 3);
    let said = |e: &Event| matches!(e, Event::Volume { reason: Some(reason), .. } if reason.contains("gate"));
    assert_eq!(house.events.lock().iter().filter(|event| said(event)).count(), 1);
    house.look("gate");
    assert_eq!(house.events.lock().iter().filter(|event| said(event)).count(), 1, "told once");
    // Damage of the same size between plan and deed is seen too.
    for path in &ledgers {
        std::fs::write(path, &whole).expect("mended");
    }
    std::fs::write(&ledgers[0], &whole[..whole.len() - 40]).expect("torn");
    assert_eq!(house.look("gate"), [48], "the second copy is whole");
}

#[test]
fn nothing_goes_behind_a_player_or_while_it_is_written() {
    let house = of_days("keep-play", 3);
    house.keep("gate", days(1));
    house.keeping.leases.mark(&house.path("gate", 0, FileKind::Video));
    house.now_us.fetch_add(10 * DAY_US, Ordering::Relaxed);
    let handle = house.keeping.logs.stream(&StreamKey::new("gate", StreamName::Main)).expect("open");
    let last = house.now_us.load(Ordering::Relaxed);
    let begin = Begin { tracks: vec![track()], origin_us: last, clock: None };
    let context = &house.keeping.context;
    let write = handle.log.lock().fragment(context, house.volume(0), fragment(last, 0, true), 0, Some(&begin), None);
    write.expect("written");
    house.now_us.fetch_add(20 * DAY_US, Ordering::Relaxed);
    let hours = house.look("gate");
    assert_eq!(hours.len(), 2, "{hours:?}");
    assert_eq!(hours[0], 0);
}

#[test]
fn what_a_kill_left_of_a_removal_is_finished_at_the_next_start() {
    let house = of_days("keep-kill", 3);
    house.now_us.fetch_add(2 * HOUR_US, Ordering::Relaxed);
    house.keep("gate", days(1));
    let kinds = [FileKind::Video, FileKind::Index, FileKind::Checksum];
    let files: Vec<_> = kinds.map(|kind| house.path("gate", 0, kind)).into();
    let bytes: Vec<_> = files.iter().map(|path| std::fs::read(path).expect("a file")).collect();
    assert_eq!(house.look("gate"), [48]);
    for left in [&[0, 1, 2][..], &[0, 1], &[0]] {
        for at in left {
            std::fs::create_dir_all(files[*at].parent().expect("a day")).expect("a folder");
            std::fs::write(&files[*at], &bytes[*at]).expect("a file");
        }
        house.keeping.leases.mark(&files[0]);
        house.now_us.fetch_add(2 * HOUR_US, Ordering::Relaxed);
        assert_eq!(house.look("gate"), [48], "{left:?}");
        assert!(files.iter().all(|path| !path.exists()));
    }
    house.assert_genuine("gate");
}

fn thin(to: ThinTo) -> Keep {
    Keep { thin: vec![Thin { after_days: 1, to }], ..Keep::default() }
}

#[test]
fn thinned_parts_verify_as_removed_and_still_play() {
    for encrypt in [None, Some("night")] {
        let house = House::new("keep-thin", None, encrypt);
        house.record("gate", &[SEVEN, SEVEN + 3 * DAY_US]);
        let kind = if encrypt.is_some() { FileKind::Sealed } else { FileKind::Video };
        let before = std::fs::metadata(house.path("gate", 0, kind)).expect("a video").len();
        let masters = crate::read::part::masters_in(house.folder.join("keys"));
        let archive = Archive::new(house.keeping.context.volumes.clone(), masters, Arc::default());
        let group = |at_us| archive.segment("gate", 0, at_us, Amount::Groups { until_us: i64::MIN });
        let whole = group(SEVEN).expect("it plays").body.len();
        house.keep("gate", thin(ThinTo::Keys));
        house.look("gate");
        let after = std::fs::metadata(house.path("gate", 0, kind)).expect("a video").len();
        assert!(after * 2 < before, "{after} of {before} bytes are left");
        let report = house.assert_genuine("gate");
        let gone = |f: &&vms_format::verify::Finding| f.state == State::Removed && f.groups == 2;
        assert_eq!(report.findings.iter().filter(gone).map(|f| f.last - f.first + 1).sum::<u64>(), 120);
        // The reader that had the old index in memory sees the new one.
        let played = group(SEVEN).expect("it plays");
        assert!(played.body.len() * 2 < whole && played.from_us == SEVEN);
        assert_eq!(
            group(SEVEN + 3 * SECOND).expect("a group").from_us,
            SEVEN + 4 * SECOND,
            "where a key frame is left"
        );
        let changed = std::fs::metadata(house.path("gate", 0, kind)).expect("a video").modified().expect("a time");
        house.look("gate");
        let again = std::fs::metadata(house.path("gate", 0, kind)).expect("a video").modified().expect("a time");
        assert_eq!(changed, again, "it is thinned once");
        house.keep("gate", thin(ThinTo::Stills));
        house.look("gate");
        assert!(std::fs::metadata(house.path("gate", 0, kind)).expect("a video").len() < after);
        house.assert_genuine("gate");
        assert_eq!(group(SEVEN + 3 * SECOND).expect("next").from_us, SEVEN + 3 * DAY_US, "one a minute is left");
    }
}

#[test]
fn thinning_to_events_leaves_what_a_trigger_touched_and_needs_to_know() {
    let house = House::new("keep-events", None, None);
    house.record("gate", &[SEVEN, SEVEN + 3 * DAY_US]);
    house.keep("gate", thin(ThinTo::Events));
    let size = || std::fs::metadata(house.path("gate", 0, FileKind::Video)).expect("a video").len();
    let before = size();
    house.look("gate");
    assert_eq!(size(), before, "nobody knows what was triggered");
    let (from_us, until_us) = (SEVEN + 10 * SECOND, SEVEN + 20 * SECOND);
    triggers::add(&RealDisk, &house.folder.join("ledgers"), "gate", 0, from_us, until_us).expect("written");
    house.look("gate");
    assert!(size() * 3 < before);
    let report = house.assert_genuine("gate");
    let intact: u64 = report
        .findings
        .iter()
        .filter(|f| f.state == State::Intact && f.from_us < SEVEN + HOUR_US)
        .map(|f| f.last - f.first + 1)
        .sum();
    assert_eq!(intact, 21);
}

#[test]
fn a_kill_while_a_part_takes_its_place_leaves_a_whole_one() {
    let kinds = [FileKind::Index, FileKind::Checksum, FileKind::Video];
    for placed in 0..3 {
        let house = of_days("keep-replace", 1);
        house.record("gate", &[SEVEN + 3 * DAY_US]);
        let old = kinds.map(|kind| std::fs::read(house.path("gate", 0, kind)).expect("a file"));
        house.keep("gate", thin(ThinTo::Keys));
        house.look("gate");
        let new = kinds.map(|kind| std::fs::read(house.path("gate", 0, kind)).expect("a file"));
        for (at, kind) in kinds.into_iter().enumerate() {
            let path = house.path("gate", 0, kind);
            if at < placed {
                continue;
            }
            std::fs::write(&path, &old[at]).expect("a file");
            let mut name = path.into_os_string();
            name.push(".new");
            std::fs::write(PathBuf::from(name), &new[at]).expect("a file");
        }
        let house = house.again();
        house.keeping.count(Instant::now());
        let now = kinds.map(|kind| std::fs::read(house.path("gate", 0, kind)).expect("a file"));
        assert_eq!(now, if placed == 0 { old } else { new }, "{placed} files were in place");
        house.assert_genuine("gate");
    }
}

#[test]
fn old_parts_move_to_another_volume_and_are_found_there() {
    let house = of_days("keep-tier", 3);
    house.now_us.fetch_add(2 * HOUR_US, Ordering::Relaxed);
    let tier = vec![Tier { after_hours: 24, volume: "two".to_owned() }];
    let videos = |house: &House, at: usize| {
        let mut files = Vec::new();
        walk(&house.volume(at).camera("gate"), &mut files);
        files.retain(|path| path.extension().is_some_and(|end| end == "mp4"));
        files.len()
    };
    let old = std::fs::read(house.path("gate", 0, FileKind::Video)).expect("a video");
    house.keep("gate", Keep { tier, min_days: 9, ..Keep::default() });
    house.look("gate");
    assert_eq!((videos(&house, 0), videos(&house, 1)), (1, 2));
    house.assert_genuine("gate");
    let archive = Archive::new(house.keeping.context.volumes.clone(), Arc::new(|_| None), Arc::default());
    assert_eq!(archive.segment("gate", 0, SEVEN, Amount::Keys(1)).expect("it plays").from_us, SEVEN);
    drop(archive);
    // A kill before the old one went leaves it twice.
    let twice = house.path("gate", 0, FileKind::Video);
    std::fs::create_dir_all(twice.parent().expect("a day")).expect("a folder");
    std::fs::write(twice, old).expect("a file");
    let house = house.again();
    house.keeping.count(Instant::now());
    assert_eq!((videos(&house, 0), videos(&house, 1)), (1, 2));
}

/// The whole of recording on what a house left.
fn recording(mut house: House) -> (crate::Recording, PathBuf) {
    let folder = std::mem::replace(&mut house.folder, scratch("kept-nothing"));
    let now_us = house.now_us.load(Ordering::Relaxed);
    drop(house);
    let at = |name: &str| folder.join(name);
    let config = serde_json::json!({
        "volumes": [{"name": "one", "path": at("one"), "reserve_bytes": 0}],
        "keys": at("keys"), "ledger_copies": at("ledgers"),
    });
    let means = crate::Means {
        disk: Arc::new(RealDisk),
        hub: vms_hub::Hub::new(vms_hub::HubConfig::default()),
        now_us: Arc::new(move || now_us),
        listener: Arc::new(|_| {}),
    };
    let config = serde_json::from_value(config).expect("a configuration");
    let recording = crate::Recording::start(config, means).expect("it starts");
    recording.keeping().count(Instant::now());
    (recording, folder)
}

fn ask(recording: &crate::Recording, call: &str, request: serde_json::Value) -> serde_json::Value {
    let answer = recording.call(call, request.to_string().as_bytes()).expect(call);
    serde_json::from_slice(&answer.json).expect("JSON")
}

#[test]
fn holds_are_on_disk_when_they_are_answered_and_asking_again_changes_nothing() {
    let (recording, folder) = recording(of_days("keep-hold", 1));
    let request = |on: bool| {
        serde_json::json!({"camera": "gate", "hold": "h1", "on": on, "from_us": SEVEN, "to_us": SEVEN + SECOND,
            "by": "ana", "why": "case 7"})
    };
    let number = ask(&recording, "hold", request(true))["number"].as_u64().expect("a number");
    let bytes = std::fs::read(folder.join("one/cameras/gate").join(LEDGER)).expect("a ledger");
    let found = vms_format::record::scan(&bytes).expect("readable");
    let (_, last) = vms_format::ledger::entries(&found.records).0.pop().expect("an entry");
    assert!(last.number == number && matches!(last.body, Body::Hold(hold) if hold.on && hold.by == "ana"));
    assert_eq!(ask(&recording, "hold", request(true))["number"], number);
    let holds = ask(&recording, "holds", serde_json::json!({}));
    assert_eq!(holds["holds"][0]["hold"], "h1");
    assert_eq!(ask(&recording, "hold", request(false))["number"], number + 1);
    assert_eq!(ask(&recording, "holds", serde_json::json!({"camera": "gate"}))["holds"], serde_json::json!([]));
    let again = recording.call("hold", request(false).to_string().as_bytes()).expect_err("it is gone");
    assert_eq!(again.code, "hold_unknown");
    let mut other = request(true);
    other["camera"] = "nobody".into();
    assert_eq!(recording.call("hold", other.to_string().as_bytes()).expect_err("unknown").code, "no_recording");
    assert_eq!(ask(&recording, "confirm_clock", serde_json::json!({}))["confirmed"], false);
    recording.stop();
    std::fs::remove_dir_all(folder).expect("ours");
}

#[test]
fn a_forecast_tells_rates_and_what_other_rules_would_take() {
    let house = House::new("keep-forecast", None, None);
    house.record("gate", &[SEVEN, SEVEN + 3 * DAY_US, SEVEN + 3 * DAY_US + HOUR_US]);
    house.now_us.store(SEVEN + 3 * DAY_US + 2 * HOUR_US, Ordering::Relaxed);
    let (recording, folder) = recording(house);
    let asked = serde_json::json!({"keeps": {"gate": {"max_days": 2}}, "dry_run": true});
    let told = ask(&recording, "forecast", asked);
    let (volume, camera) = (&told["volumes"][0], &told["cameras"][0]);
    let bytes = camera["bytes"].as_f64().expect("bytes");
    let rate = camera["rate"].as_f64().expect("a rate");
    // Two of three parts in two hours; the parts are alike.
    assert!((rate - bytes * 2.0 / 3.0 / 7200.0).abs() / rate < 0.01, "{told}");
    assert_eq!((&volume["rate"], &camera["days"], &camera["oldest_us"]), (&camera["rate"], &2.0.into(), &SEVEN.into()));
    let all = volume["bytes"].as_f64().expect("bytes") + volume["free"].as_f64().expect("free");
    let days = volume["days"].as_f64().expect("days");
    assert!((days - all / rate / 86_400.0).abs() < 0.1, "{told}");
    let gone = &camera["would_remove"];
    assert_eq!((&gone[0]["parts"], &gone[0]["reason"]), (&1.into(), &"max_days".into()));
    assert!(gone.as_array().expect("a list").len() == 1 && folder.join("one/cameras/gate/2026-11-21").exists());
    let thin = serde_json::json!({"keeps": {"gate": {"thin": [{"after_days": 1, "to": "keys"}]}}, "dry_run": true});
    let thin = ask(&recording, "forecast", thin)["cameras"][0]["would_remove"][0].clone();
    let share = thin["bytes"].as_f64().expect("bytes") / (bytes / 3.0);
    assert!(thin["reason"] == "thin" && share > 0.4 && share < 0.9, "{thin}");
    recording.stop();
    std::fs::remove_dir_all(folder).expect("ours");
}

#[test]
fn what_is_signed_leads_from_the_first_key_to_the_one_in_use_and_serves_for_nothing_else() {
    let (recording, folder) = recording(of_days("keep-sign", 1));
    let asked = serde_json::json!({"kind": "case", "sha256": "ab".repeat(32)});
    let first = ask(&recording, "sign", asked.clone());
    ask(&recording, "rotate_key", serde_json::json!({}));
    let signed = ask(&recording, "sign", asked);
    let bytes = |value: &serde_json::Value| URL_SAFE_NO_PAD.decode(value.as_str().expect("text")).expect("base 64");
    let key = |value: &serde_json::Value| <[u8; 32]>::try_from(bytes(value)).expect("32 bytes");
    let signature = |value: &serde_json::Value| <[u8; 64]>::try_from(bytes(value)).expect("64 bytes");
    let (before, now) = (key(&signed["keys"][0]["public"]), key(&signed["keys"][1]["public"]));
    assert_eq!((&signed["keys"][0], signed["keys"].as_array().map(Vec::len)), (&first["keys"][0], Some(2)));
    assert_ne!(first["key"], signed["key"]);
    let told = [&b"vms-enterprise case archive 1\0"[..], &[0xab; 32]].concat();
    assert!(is_signed(&now, &told, &signature(&signed["signature"])));
    assert!(is_signed(&before, &told, &signature(&first["signature"])));
    assert!(!is_signed(&now, &[0xab; 32], &signature(&signed["signature"])));
    let vouched = [&b"vms-enterprise key 1\0"[..], &now].concat();
    assert!(is_signed(&before, &vouched, &signature(&signed["keys"][1]["signature"])));
    for wrong in ["ab", &"g".repeat(64)] {
        let asked = serde_json::json!({"kind": "case", "sha256": wrong}).to_string();
        assert_eq!(recording.call("sign", asked.as_bytes()).expect_err("no hash").kind, CallKind::Invalid);
    }
    recording.stop();
    std::fs::remove_dir_all(folder).expect("ours");
}

#[test]
fn damage_is_found_by_a_check_and_by_verifying_and_lost_indexes_are_made_again() {
    let house = of_days("keep-check", 3);
    let (index, video) = (house.path("gate", 0, FileKind::Index), house.path("gate", 24, FileKind::Video));
    let (recording, folder) = recording(house);
    let day = |at: i64| {
        serde_json::json!({"camera": "gate", "stream": "main", "from_us": SEVEN + at * DAY_US,
            "to_us": SEVEN + at * DAY_US + HOUR_US})
    };
    let whole = ask(&recording, "verify", day(0));
    assert_eq!(
        (&whole["intact"], &whole["fragments"], &whole["signer_known"]),
        (&true.into(), &120.into(), &false.into())
    );
    let mut pinned = day(0);
    pinned["pin"] = whole["keys"][0].clone();
    assert_eq!(ask(&recording, "verify", pinned)["signer_known"], true);
    std::fs::remove_file(&index).expect("the index goes");
    let mut bytes = std::fs::read(&video).expect("a video");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&video, bytes).expect("damaged");
    std::fs::write(folder.join("one/cameras/gate/2026-11-21/notes.txt"), "mine").expect("a file");
    assert_eq!(ask(&recording, "check", serde_json::json!({}))["counts"]["running"], 1);
    let deadline = Instant::now() + Duration::from_secs(20);
    let found = loop {
        let told = ask(&recording, "check", serde_json::json!({}));
        if told["counts"]["running"] == 0 {
            break told;
        }
        assert!(Instant::now() < deadline, "{told}");
        std::thread::yield_now();
    };
    let mut codes: Vec<&str> =
        found["findings"].as_array().expect("a list").iter().map(|f| f["code"].as_str().expect("a code")).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["foreign_file", "hash_other", "index_missing"]);
    assert_eq!(ask(&recording, "verify", day(1))["intact"], false);
    let made = ask(&recording, "rebuild", serde_json::json!({"camera": "gate"}));
    assert_eq!((&made["counts"]["rebuilt"], &made["counts"]["parts"]), (&1.into(), &3.into()));
    let again = ask(&recording, "verify", day(0));
    assert_eq!((&again["intact"], &again["rebuilt"]), (&true.into(), &120.into()), "{again}");
    recording.stop();
    std::fs::remove_dir_all(folder).expect("ours");
}
