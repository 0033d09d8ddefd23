//! The power-cut farm: recordings are cut off at random instants, on a disk
//! that forgets, tears and reorders what was not synced, fills up and fails.
//! After each cut all must hold that the recording format promises.
//!
//! POWERCUT_SECONDS and POWERCUT_KILLS bound it, POWERCUT_SEED repeats one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vms_format::ledger::{Body, entries};
use vms_format::mp4::walk;
use vms_format::record::scan;
use vms_format::recover::{HashFrom, Whole, recover};
use vms_format::verify::{Options, State, Tree, verify};
use vms_format::{Entry, Owner, Source};
use vms_hub::{HubFrame, StreamKey, StreamName};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use crate::config::{Mode, StreamRecord, VolumeConfig};
use crate::event::Listener;
use crate::io::scratch;
use crate::io::sim::SimDisk;
use crate::write::keys::Keys;
use crate::write::lanes::{Lane, Lanes};
use crate::write::queue::{Queue, Taken};
use crate::write::recorder::{Around, Recorder};
use crate::write::recorders::Logs;
use crate::write::stream::Context;
use crate::write::volume::Volume;
use crate::write::writer::Writer;

const FRAME_US: i64 = 40_000;
const COMMIT_US: i64 = 500_000;
/// A recording that plays of 640x360, as parameter sets of a real camera.
const SPS: [u8; 25] =
    *b"\x67\x42\xc0\x1e\xd9\x00\xa0\x2f\xf9\x70\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x16\x2e\x48";
const PPS: [u8; 5] = *b"\x68\xcb\x83\xcb\x20";
/// 19:59:50 of a day: the hour ends soon after.
const BEGIN_US: i64 = 1_790_000_000_000_000 / 3_600_000_000 * 3_600_000_000 + 3_590_000_000;

/// A recorder, its volumes and a clock, all moved by hand.
struct Bench {
    disk: SimDisk,
    now_us: Arc<AtomicI64>,
    context: Arc<Context>,
    lanes: Arc<Lanes>,
    writers: Vec<Writer>,
    recorder: Recorder,
    start: Instant,
    begun_us: i64,
    number: u64,
    committed_us: i64,
}

fn key() -> StreamKey {
    StreamKey::new("gate", StreamName::Main)
}

fn tracks() -> Arc<[Track]> {
    let video = Track {
        id: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        clock_rate: 90_000,
        channels: 0,
        fmtp: String::new(),
    };
    Arc::new([video])
}

impl Bench {
    /// Starts as a process does, on what the disk holds.
    fn start(disk: SimDisk, keys: &Path, volumes: usize, now_us: i64, number: u64) -> Self {
        let clock = Arc::new(AtomicI64::new(now_us));
        let volumes: Vec<Arc<Volume>> = (1..=volumes)
            .map(|at| {
                let config = VolumeConfig {
                    name: format!("disk{at}"),
                    path: PathBuf::from(format!("/disk{at}")),
                    reserve_bytes: 1 << 20,
                    max_bytes: None,
                };
                Arc::new(Volume::open(&config, Arc::new(disk.clone()), "the farm", None).expect("nobody owns it"))
            })
            .collect();
        let now = clock.clone();
        let listener: Listener = Arc::new(|_| {});
        let context = Arc::new(Context {
            volumes: volumes.clone(),
            keys: Keys::open(keys, now_us).expect("keys"),
            ledger_copies: PathBuf::from("/ledgers"),
            encrypt: None,
            software: "the farm".to_owned(),
            now_us: Arc::new(move || now.load(Ordering::Relaxed)),
            listener,
        });
        let lane = |volume: &Arc<Volume>| Lane { volume: volume.clone(), queue: Arc::new(Queue::new(64 << 20)) };
        let lanes = Arc::new(Lanes(volumes.iter().map(lane).collect()));
        let writers =
            volumes.iter().map(|volume| Writer { volume: volume.clone(), context: context.clone() }).collect();
        let start = Instant::now();
        let wish = StreamRecord { mode: Mode::Continuous, audio: true, pre_s: 0, post_s: 0 };
        let recorder = {
            let around = Around { lanes: &lanes, now: start, now_us, listener: &context.listener };
            Recorder::new(key(), wish, true, Arc::default(), &around)
        };
        let (begun_us, committed_us) = (now_us, now_us);
        Self { disk, now_us: clock, context, lanes, writers, recorder, start, begun_us, number, committed_us }
    }

    /// Opens the log: false where the power went meanwhile.
    fn open(&mut self) -> bool {
        let logs = Logs::default();
        let owner = Owner::new("local", "gate");
        let Ok(handle) = logs.open(&self.context, &owner, &key()) else {
            assert!(self.disk.is_off(), "only a power cut keeps a log from being opened");
            return false;
        };
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        self.recorder.opened(handle, Some(0), &around);
        true
    }

    fn around<'a>(&self, lanes: &'a Lanes, listener: &'a Listener) -> Around<'a> {
        let now_us = self.now_us.load(Ordering::Relaxed);
        let passed = Duration::from_micros((now_us - self.begun_us).unsigned_abs());
        Around { lanes, now: self.start + passed, now_us, listener }
    }

    /// One frame's time passes: the frame comes, writers write, disks commit.
    fn step(&mut self, dice: &mut StdRng) {
        let now_us = self.now_us.fetch_add(FRAME_US, Ordering::Relaxed) + FRAME_US;
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        let frame = frame(self.number, now_us, dice);
        self.number += 1;
        self.recorder.frame(&frame, 0, &tracks, &around);
        self.recorder.tick(&around);
        self.write();
        if now_us - self.committed_us >= COMMIT_US {
            self.committed_us = now_us;
            for writer in &self.writers {
                writer.commit();
                if !writer.volume.is_there() {
                    writer.look("the farm", None);
                }
            }
        }
    }

    fn write(&self) {
        for (lane, writer) in self.lanes.0.iter().zip(&self.writers) {
            while let Taken::Job(job) = lane.queue.take(Duration::ZERO) {
                writer.handle(job);
            }
        }
    }

    fn stop(mut self) -> (SimDisk, i64, u64) {
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        self.recorder.stop(&around);
        self.write();
        self.writers.iter().for_each(Writer::commit);
        (self.disk, self.now_us.load(Ordering::Relaxed), self.number)
    }
}

/// A picture that carries its number.
fn frame(number: u64, utc_us: i64, dice: &mut StdRng) -> Arc<HubFrame> {
    let key = number.is_multiple_of(25);
    let mut data = Vec::new();
    let mut slice = vec![if key { 0x65 } else { 0x41 }, 0x88, 0x84];
    slice.extend(number.to_be_bytes().map(|byte| byte | 0x80).iter().flat_map(|byte| [*byte, 7]));
    slice.extend_from_slice(&number.to_be_bytes().map(|byte| byte & 0x7f).map(|byte| byte + 4));
    slice.resize(dice.random_range(200..3_000), 9);
    let nals: Vec<&[u8]> = if key { vec![&SPS, &PPS, &slice] } else { vec![&slice] };
    for nal in nals {
        data.extend_from_slice(&(nal.len() as u32).to_be_bytes());
        data.extend_from_slice(nal);
    }
    let dts = number as i64 * 3_600;
    let frame = Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 1,
        number,
        key,
        discontinuity: false,
        dts,
        pts: dts,
        timing: Timing { utc_us, error_us: Some(500) },
        data: Bytes::from(data),
    };
    Arc::new(HubFrame::new(frame, 0, number, 1, dts, 7))
}

/// What lies on the disk: times of frames, and gaps.
struct Disk {
    frames: BTreeSet<i64>,
    gaps: Vec<(i64, i64)>,
}

fn look(disk: &SimDisk) -> Disk {
    let mut frames = BTreeSet::new();
    for (path, bytes) in disk.files() {
        if path.extension().is_none_or(|extension| extension != "mp4") {
            continue;
        }
        let found = recover(&bytes, None, HashFrom::START).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(found.torn.is_empty(), "{path:?} is torn at {:?} of {}", found.torn, bytes.len());
        assert!(!found.fragments.is_empty(), "{path:?} has no fragment");
        for whole in &found.fragments {
            let Whole::Plain(stored) = whole else { panic!("it is not encrypted") };
            let at = walk::fragment_at(&bytes, stored.place.offset, Source::len(&bytes)).expect("whole");
            let first = at.samples[0].dts;
            frames.extend(at.samples.iter().map(|sample| stored.core.utc_us + (sample.dts - first) * 100 / 9));
        }
    }
    let gaps = ledger(disk).into_iter().filter_map(|entry| match entry.body {
        Body::Gap(gap) => Some((gap.from_us, gap.to_us)),
        _ => None,
    });
    Disk { frames, gaps: gaps.collect() }
}

/// The longest of the ledgers.
fn ledger(disk: &SimDisk) -> Vec<Entry> {
    let files = disk.files();
    let ledgers = files.iter().filter(|(path, _)| path.ends_with("ledger.vms-idx"));
    let read = |bytes: &Vec<u8>| {
        let records = scan(bytes).expect("in memory").records;
        entries(&records).0.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>()
    };
    ledgers.map(|(_, bytes)| read(bytes)).max_by_key(Vec::len).unwrap_or_default()
}

/// Every frame that was sent is on disk or inside a gap.
fn check_explained(found: &Disk, sent: &[i64], what: &str) {
    let slack = FRAME_US;
    for at in sent {
        let there = found.frames.range(at - 20..=at + 20).next().is_some();
        let told = found.gaps.iter().any(|(from, to)| (from - slack..=to + slack).contains(at));
        assert!(there || told, "{what}: the frame at {at} is neither there nor told; gaps {:?}", found.gaps);
    }
}

fn check_genuine(disk: &SimDisk, what: &str) {
    let files = disk.files();
    let mut tree = Tree::new();
    let mut best = 0;
    for (path, bytes) in &files {
        let Some((_, below)) = path.to_str().and_then(|path| path.split_once("/cameras/")) else { continue };
        if below.ends_with("ledger.vms-idx") && bytes.len() < best {
            continue;
        }
        best = if below.ends_with("ledger.vms-idx") { bytes.len() } else { best };
        tree.insert(below.to_owned(), bytes);
    }
    let report = verify("gate", &tree, &Options::default()).expect("in memory");
    let bad: Vec<_> = report.bad().filter(|finding| finding.state != State::Unsealed).collect();
    assert!(bad.is_empty(), "{what}: {bad:#?}");
}

fn probe(disk: &SimDisk, what: &str) {
    let folder = scratch("farm");
    for (path, bytes) in disk.files() {
        if path.extension().is_some_and(|extension| extension == "mp4") {
            let file = folder.join(path.file_name().expect("a name"));
            std::fs::write(&file, bytes).expect("room for a part");
            let out = std::process::Command::new("ffprobe").args(["-v", "fatal"]).arg(&file).output();
            assert!(out.expect("ffprobe is installed").status.success(), "{what}: {path:?} does not open");
        }
    }
    std::fs::remove_dir_all(folder).expect("ours");
}

/// For who looks into a life: POWERCUT_SHOW.
fn show(disk: &SimDisk, what: &str) {
    println!("--- {what}");
    for entry in ledger(disk) {
        match entry.body {
            Body::Gap(gap) => println!("{} {gap:?}", entry.number),
            Body::Config(config) => {
                println!("{} part {}/{} from {}", entry.number, config.hour, config.part, config.first_sequence);
            }
            Body::Seal(seal) => println!(
                "{} seal {} kind {} hour {} {}..={} of {}",
                entry.number,
                seal.number,
                seal.kind,
                seal.hour,
                seal.first_sequence,
                seal.last_sequence,
                seal.fragments
            ),
            other => println!("{} {other:?}", entry.number),
        }
    }
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "mp4")) {
        let found = recover(&bytes, None, HashFrom::START).expect("a part");
        let numbers: Vec<u64> = found.fragments.iter().map(Whole::sequence).collect();
        println!("{} {numbers:?} torn {:?}", path.display(), found.torn);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Kill,
    Power,
}

/// One camera's life over some cuts; returns how many there were.
fn live(seed: u64, keys: &Path, players: bool) -> u32 {
    let mut dice = StdRng::seed_from_u64(seed);
    let volumes = dice.random_range(1..=2);
    let mut disk = SimDisk::default();
    let (mut now_us, mut number, mut cuts) = (BEGIN_US, 0, 0);
    let mut sent = Vec::new();
    for _ in 0..dice.random_range(1..=4) {
        let what = format!("seed {seed}, cut {cuts}");
        disk.cut_after(dice.random_range(1..400));
        let mut bench = Bench::start_or_off(&disk, keys, volumes, now_us, number);
        let opened = bench.as_mut().is_some_and(Bench::open);
        let begun = now_us;
        let mut durable_from = None;
        if let Some(bench) = bench.as_mut().filter(|_| opened) {
            while !bench.disk.is_off() {
                bench.step(&mut dice);
                let at = bench.now_us.load(Ordering::Relaxed);
                // A recorder begins at a key frame.
                durable_from = durable_from.or((bench.number % 25 == 1).then_some(at));
                sent.push(at);
            }
            (now_us, number) = (bench.now_us.load(Ordering::Relaxed), bench.number);
        }
        let cut = if dice.random_bool(0.5) { Cut::Kill } else { Cut::Power };
        disk = match cut {
            Cut::Kill => disk.after_kill(),
            Cut::Power => disk.after_power_cut(&mut dice),
        };
        cuts += 1;
        // Nobody knows how long the power is away.
        let away = [100_000, 3_000_000, 7_200_000_000][dice.random_range(0..3)];
        let cut_at = now_us;
        now_us += away;
        let mut again = Bench::start(disk.clone(), keys, volumes, now_us, number);
        assert!(again.open(), "{what}: it goes on after {cut:?}");
        let found = look(&again.disk);
        let promise = if cut == Cut::Kill { 500_000 } else { 1_000_000 };
        if found.frames.is_empty() && found.gaps.is_empty() {
            // The very first second, before anything was durable.
            assert!(cut_at - BEGIN_US <= promise, "{what}: {cut:?} left nothing");
            sent.clear();
        }
        let is_new = sent.is_empty();
        if let Some(from) = durable_from.filter(|from| cut_at - from > promise) {
            let last = found.frames.range(begun..).next_back().copied().unwrap_or(from);
            assert!(cut_at - last <= promise + FRAME_US, "{what}: {cut:?} cost {} us", cut_at - last);
        }
        for _ in 0..dice.random_range(60..200) {
            again.step(&mut dice);
            // A stream that never was begins with its first key frame.
            if !(is_new && sent.is_empty()) || again.number % 25 == 1 {
                sent.push(again.now_us.load(Ordering::Relaxed));
            }
        }
        (disk, now_us, number) = again.stop();
        if std::env::var("POWERCUT_SHOW").is_ok() {
            show(&disk, &what);
        }
        check_explained(&look(&disk), &sent, &what);
        check_genuine(&disk, &what);
        if players {
            probe(&disk, &what);
        }
        now_us += 50_000;
    }
    cuts
}

impl Bench {
    /// `None` where the power goes while the volumes are opened.
    fn start_or_off(disk: &SimDisk, keys: &Path, volumes: usize, now_us: i64, number: u64) -> Option<Self> {
        let bench = Self::start(disk.clone(), keys, volumes, now_us, number);
        let open = bench.context.volumes.iter().any(|volume| volume.id().is_some());
        open.then_some(bench)
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn nothing_is_lost_but_what_the_contract_allows() {
    let folder = scratch("farm-keys");
    let (seconds, kills) = (setting("POWERCUT_SECONDS", 30), setting("POWERCUT_KILLS", 300));
    let begun = Instant::now();
    let first = setting("POWERCUT_SEED", rand::random::<u64>() >> 1);
    println!("power-cut farm: POWERCUT_SEED={first}");
    let (mut seed, mut cuts) = (first, 0);
    while u64::from(cuts) < kills && begun.elapsed() < Duration::from_secs(seconds) {
        // Players take most of the time: one life in ten.
        cuts += live(seed, &folder, seed.is_multiple_of(10));
        seed += 1;
    }
    println!("{cuts} cuts in {} lives, {:.1} s", seed - first, begun.elapsed().as_secs_f64());
    assert!(cuts > 0);
    std::fs::remove_dir_all(folder).expect("ours");
}
