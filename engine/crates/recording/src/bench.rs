//! What the tests of recording share: a recorder with its volumes on a disk in
//! memory, moved by hand.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rand::Rng;
use rand::rngs::StdRng;
use vms_format::ledger::entries;
use vms_format::record::scan;
use vms_format::verify::{Options, State, Tree, verify};
use vms_format::{Entry, Owner};
use vms_hub::{HubFrame, StreamKey, StreamName};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use crate::config::{Mode, StreamRecord, VolumeConfig};
use crate::event::Listener;
use crate::io::sim::SimDisk;
use crate::write::keys::Keys;
use crate::write::lanes::{Lane, Lanes};
use crate::write::queue::{Queue, Taken};
use crate::write::recorder::{Around, Recorder};
use crate::write::recorders::Logs;
use crate::write::stream::Context;
use crate::write::volume::Volume;
use crate::write::writer::Writer;

pub const FRAME_US: i64 = 40_000;
pub const COMMIT_US: i64 = 500_000;
/// A recording that plays of 640x360, as parameter sets of a real camera.
const SPS: [u8; 25] =
    *b"\x67\x42\xc0\x1e\xd9\x00\xa0\x2f\xf9\x70\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x16\x2e\x48";
const PPS: [u8; 5] = *b"\x68\xcb\x83\xcb\x20";
/// 19:59:50 of a day: the hour ends soon after.
pub const BEGIN_US: i64 = 1_790_000_000_000_000 / 3_600_000_000 * 3_600_000_000 + 3_590_000_000;

/// A recorder, its volumes and a clock, all moved by hand.
pub struct Bench {
    pub disk: SimDisk,
    pub now_us: Arc<AtomicI64>,
    pub context: Arc<Context>,
    pub lanes: Arc<Lanes>,
    pub writers: Vec<Writer>,
    pub recorder: Recorder,
    start: Instant,
    begun_us: i64,
    epoch: u64,
    pub number: u64,
    /// Frames from one key frame to the next.
    pub gop: u64,
    /// What a camera does to its frames; nothing unless told.
    pub alter: fn(&mut Frame),
    committed_us: i64,
}

pub fn key() -> StreamKey {
    StreamKey::new("gate", StreamName::Main)
}

pub fn tracks(codec: &Codec) -> Arc<[Track]> {
    let video = Track::video(codec.clone());
    Arc::new([video])
}

impl Bench {
    /// Starts as a process does, on what the disk holds.
    pub fn start(disk: SimDisk, keys: &Path, volumes: usize, now_us: i64, number: u64) -> Self {
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
            everywhere: volumes.clone(),
            tiers: Vec::new(),
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
        let wish = StreamRecord { mode: Mode::Continuous, audio: true, pre_s: 0, post_s: 0, by_hand: false };
        let recorder = {
            let around = Around { lanes: &lanes, now: start, now_us, listener: &context.listener };
            Recorder::new(key(), wish, true, Arc::default(), &around)
        };
        let (begun_us, committed_us) = (now_us, now_us);
        Self {
            disk,
            now_us: clock,
            context,
            lanes,
            writers,
            recorder,
            start,
            begun_us,
            epoch: 1,
            number,
            gop: 25,
            alter: |_| {},
            committed_us,
        }
    }

    /// Opens the log: false where the power went meanwhile.
    pub fn open(&mut self) -> bool {
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

    pub fn around<'a>(&self, lanes: &'a Lanes, listener: &'a Listener) -> Around<'a> {
        let now_us = self.now_us.load(Ordering::Relaxed);
        let passed = Duration::from_micros((now_us - self.begun_us).unsigned_abs());
        Around { lanes, now: self.start + passed, now_us, listener }
    }

    /// One frame's time passes: the frame comes, writers write, disks commit.
    pub fn step(&mut self, dice: &mut StdRng) {
        let now_us = self.now_us.fetch_add(FRAME_US, Ordering::Relaxed) + FRAME_US;
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        let mut frame = frame(self.number, self.gop, self.epoch, now_us, dice);
        (self.alter)(&mut frame);
        let described = tracks(&frame.codec);
        let rtp_time = frame.pts;
        let frame = Arc::new(HubFrame::new(frame, 0, self.number, 1, rtp_time, 7));
        self.number += 1;
        self.recorder.frame(&frame, 0, &|| described.clone(), &around);
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

    /// Time passes without a frame.
    pub fn idle(&mut self, us: i64) {
        let now_us = self.now_us.fetch_add(us, Ordering::Relaxed) + us;
        self.tick();
        if now_us - self.committed_us >= COMMIT_US {
            self.committed_us = now_us;
            self.writers.iter().for_each(Writer::commit);
        }
    }

    fn tick(&mut self) {
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        self.recorder.tick(&around);
        self.write();
    }

    pub fn wish(&mut self, wish: StreamRecord) {
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        self.recorder.set_wish(wish, true, &around);
    }

    /// The server's clock steps; frames are of another epoch from now on.
    pub fn step_clock(&mut self, us: i64) {
        self.now_us.fetch_add(us, Ordering::Relaxed);
        self.begun_us += us;
        self.committed_us += us;
        self.epoch += 1;
    }

    pub fn write(&self) {
        for (lane, writer) in self.lanes.0.iter().zip(&self.writers) {
            while let Taken::Job(job) = lane.queue.take(Duration::ZERO) {
                writer.handle(job);
            }
        }
    }

    pub fn stop(mut self) -> (SimDisk, i64, u64) {
        let (lanes, context) = (self.lanes.clone(), self.context.clone());
        let around = self.around(&lanes, &context.listener);
        self.recorder.stop(&around);
        self.write();
        self.writers.iter().for_each(Writer::commit);
        (self.disk, self.now_us.load(Ordering::Relaxed), self.number)
    }
}

/// A picture that carries its number.
pub fn frame(number: u64, gop: u64, epoch: u64, utc_us: i64, dice: &mut StdRng) -> Frame {
    let key = number.is_multiple_of(gop);
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
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch,
        number,
        key,
        discontinuity: false,
        dts,
        pts: dts,
        timing: Timing { utc_us, error_us: Some(500) },
        data: Bytes::from(data),
    }
}

/// The longest of the ledgers.
pub fn ledger(disk: &SimDisk) -> Vec<Entry> {
    let files = disk.files();
    let ledgers = files.iter().filter(|(path, _)| path.ends_with("ledger.vms-idx"));
    let read = |bytes: &Vec<u8>| {
        let records = scan(bytes).expect("in memory").records;
        entries(&records).0.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>()
    };
    ledgers.map(|(_, bytes)| read(bytes)).max_by_key(Vec::len).unwrap_or_default()
}

pub fn check_genuine(disk: &SimDisk, what: &str) {
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
