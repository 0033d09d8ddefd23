//! What a recorder does when hours end, disks fail or fill, clocks step and
//! nothing is to be recorded: each told in the ledger, all of it genuine.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rand::SeedableRng;
use rand::rngs::StdRng;
use vms_format::Entry;
use vms_format::ledger::{Body, Gap, Reason};
use vms_format::time::{hour_of, hour_start_us};
use vms_media::{Codec, Frame};
use vms_sources::{Reason as SourceReason, State, StateChange};

use crate::bench::{BEGIN_US, Bench, FRAME_US, check_genuine, key, ledger};
use crate::config::{Mode, StreamRecord, VolumeConfig};
use crate::io::scratch;
use crate::io::sim::SimDisk;
use crate::read::{Archive, part::Part};
use crate::write::volume::{Volume, VolumeState};

/// A parameter set of another camera.
const OTHER_SIZE: &[u8] =
    b"\x67\x64\x00\x0b\xac\xb4\x14\x23\xf2\xe0\x22\x00\x00\x03\x00\x02\x00\x00\x03\x00\x64\x1e\x28\x55\x40";

struct Scene {
    bench: Bench,
    dice: StdRng,
    keys: std::path::PathBuf,
}

impl Scene {
    fn new(volumes: usize, begin_us: i64) -> Self {
        let keys = scratch("behaviour");
        let mut bench = Bench::start(SimDisk::default(), &keys, volumes, begin_us, 0);
        assert!(bench.open(), "nothing fails yet");
        Self { bench, dice: StdRng::seed_from_u64(7), keys }
    }

    fn record(&mut self, frames: u32) {
        (0..frames).for_each(|_| self.bench.step(&mut self.dice));
    }

    /// Time passes without pictures.
    fn wait(&mut self, seconds: i64) {
        for _ in 0..seconds * 4 {
            self.bench.idle(250_000);
        }
    }

    fn source(&self, state: State, reason: Option<SourceReason>) {
        let utc_us = self.bench.now_us.load(Ordering::Relaxed);
        self.bench.recorder.view.lock().take(&StateChange { key: key(), utc_us, state, reason, backup: false });
    }

    /// Stops in order; the ledger, after all was verified.
    fn end(self) -> (SimDisk, Vec<Entry>) {
        let (disk, ..) = self.bench.stop();
        check_genuine(&disk, "at the end");
        std::fs::remove_dir_all(self.keys).expect("ours");
        let ledger = ledger(&disk);
        (disk, ledger)
    }
}

/// The parts of the main stream on the first disk.
fn recorded(disk: &SimDisk) -> Vec<Arc<Part>> {
    let config = VolumeConfig { name: "disk1".to_owned(), path: "/disk1".into(), reserve_bytes: 0, max_bytes: None };
    let volume = Volume::open(&config, Arc::new(disk.clone()), "a reader", None).expect("nobody owns it");
    let archive = Archive::new(vec![Arc::new(volume)], Arc::new(|_| None), Arc::default());
    let places = archive.days("gate").into_iter().flat_map(|day| archive.parts_of("gate", day, 0));
    places.map(|place| archive.part(&place).expect("readable")).collect()
}

fn gaps(ledger: &[Entry]) -> Vec<Gap> {
    let gaps =
        ledger.iter().filter_map(|entry| if let Body::Gap(gap) = &entry.body { Some(gap.clone()) } else { None });
    gaps.collect()
}

fn reasons(ledger: &[Entry]) -> Vec<u16> {
    gaps(ledger).iter().map(|gap| gap.reason).collect()
}

/// Hour, first and last fragment of each seal.
fn seals(ledger: &[Entry]) -> Vec<(u32, u32, u32)> {
    let seals = ledger.iter().filter_map(|entry| match &entry.body {
        Body::Seal(seal) => Some((seal.hour, seal.hours, seal.fragments)),
        _ => None,
    });
    seals.collect()
}

fn parts(disk: &SimDisk, volume: &str) -> usize {
    disk.files().keys().filter(|path| path.starts_with(volume) && path.extension().is_some_and(|e| e == "mp4")).count()
}

#[test]
fn an_hour_that_ends_is_sealed_and_the_next_has_its_own_part() {
    let mut scene = Scene::new(1, BEGIN_US);
    scene.record(20 * 25);
    let (disk, ledger) = scene.end();
    let hour = hour_of(BEGIN_US);
    assert_eq!(parts(&disk, "/disk1"), 2);
    let seals = seals(&ledger);
    assert_eq!(seals.iter().map(|(hour, ..)| *hour).collect::<Vec<_>>(), [hour, hour + 1]);
    assert!(seals.iter().all(|(_, _, fragments)| *fragments > 15), "{seals:?}");
    assert!(gaps(&ledger).is_empty());
}

#[test]
fn an_hour_whose_key_frame_does_not_come_begins_its_part_after_a_minute_and_plays_on() {
    let mut scene = Scene::new(1, BEGIN_US);
    scene.bench.gop = 100 * 25;
    scene.record(90 * 25);
    let hour = hour_start_us(hour_of(BEGIN_US) + 1);
    let (disk, ledger) = scene.end();
    assert!(gaps(&ledger).is_empty());
    let configs = ledger.iter().filter_map(|entry| match &entry.body {
        Body::Config(config) => Some((config.hour, config.first_sequence)),
        _ => None,
    });
    let configs: Vec<_> = configs.collect();
    assert_eq!(configs.len(), 2, "{configs:?}");
    let seals = seals(&ledger);
    assert_eq!(seals.iter().map(|(hour, ..)| *hour).collect::<Vec<_>>(), [hour_of(BEGIN_US), hour_of(BEGIN_US) + 1]);

    let parts = recorded(&disk);
    let [first, second] = &parts[..] else { panic!("{} parts", parts.len()) };
    assert!(first.to_us() >= hour + 60_000_000 && first.to_us() < hour + 61_000_000);
    assert_eq!(second.from_us(), first.to_us());
    assert!(first.fragments[0].key && !second.fragments[0].key);
    assert_eq!(second.group(3), 0..second.fragments.len());
}

#[test]
fn an_hour_without_pictures_is_sealed_with_its_gap() {
    let mut scene = Scene::new(1, BEGIN_US - 60_000_000);
    scene.record(50);
    scene.source(State::BackingOff, Some(SourceReason::WrongPassword));
    scene.wait(90);
    scene.source(State::Live, None);
    scene.record(50);
    let (_, ledger) = scene.end();
    let gaps = gaps(&ledger);
    assert_eq!(reasons(&ledger), [Reason::WrongPassword.code(); 2], "cut where the hour ends");
    assert_eq!(gaps[0].to_us, gaps[1].from_us);
    assert_eq!(gaps[0].to_us % 3_600_000_000, 0);
    assert_eq!(seals(&ledger).len(), 2);
}

#[test]
fn a_gap_changes_its_reason_with_the_source() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.record(50);
    scene.source(State::Stalled, Some(SourceReason::NoVideo));
    scene.wait(10);
    scene.source(State::BackingOff, Some(SourceReason::NoRoute));
    scene.wait(10);
    scene.source(State::BackingOff, Some(SourceReason::Timeout));
    scene.wait(10);
    scene.record(50);
    let (_, ledger) = scene.end();
    assert_eq!(reasons(&ledger), [Reason::NoVideo.code(), Reason::Network.code()]);
    assert!(gaps(&ledger)[0].values.contains("no_video"));
}

#[test]
fn a_disk_that_fails_is_left_for_another() {
    let mut scene = Scene::new(2, BEGIN_US - 600_000_000);
    scene.record(100);
    scene.bench.disk.fail("/disk1", Some(libc::EIO));
    scene.record(200);
    assert_eq!(scene.bench.context.volumes[0].health().state, VolumeState::Failed);
    scene.bench.disk.fail("/disk1", None);
    let (disk, ledger) = scene.end();
    assert_eq!((parts(&disk, "/disk1"), parts(&disk, "/disk2")), (1, 1));
    assert_eq!(reasons(&ledger), [Reason::DiskFailed.code()]);
    let gap = &gaps(&ledger)[0];
    assert!(gap.to_us - gap.from_us < 2_500_000, "it moved at the next key frame: {gap:?}");
}

#[test]
fn a_full_disk_is_a_gap_until_there_is_room() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.record(100);
    scene.bench.disk.set_free(1 << 10);
    scene.record(100);
    assert_eq!(scene.bench.context.volumes[0].health().state, VolumeState::Full);
    let open = |scene: &Scene| scene.bench.recorder.view.lock().open_gap.as_ref().map(|hint| hint.reason);
    assert_eq!(open(&scene), Some(Reason::DiskFull), "told while it lasts");
    scene.bench.disk.set_free(1 << 40);
    scene.record(100);
    assert_eq!(open(&scene), None);
    let (disk, ledger) = scene.end();
    assert_eq!(parts(&disk, "/disk1"), 2);
    assert_eq!(reasons(&ledger), [Reason::DiskFull.code()]);
}

#[test]
fn a_full_disk_of_held_recordings_says_so() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.record(100);
    scene.bench.context.volumes[0].set_held(true);
    scene.bench.disk.set_free(1 << 10);
    scene.record(100);
    scene.bench.disk.set_free(1 << 40);
    scene.record(50);
    assert_eq!(reasons(&scene.end().1), [Reason::DiskFullHeld.code()]);
}

/// Records eight seconds of a camera that misbehaves; its parts and ledger.
fn recorded_of(alter: fn(&mut Frame)) -> (Vec<Arc<Part>>, Vec<Entry>) {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.bench.alter = alter;
    scene.record(200);
    let (disk, ledger) = scene.end();
    (recorded(&disk), ledger)
}

fn frames_of(parts: &[Arc<Part>]) -> i64 {
    let length = |part: &Arc<Part>| part.fragments.iter().map(|each| each.end_us - each.utc_us).sum::<i64>();
    parts.iter().map(length).sum::<i64>() / FRAME_US
}

#[test]
fn a_picture_of_twenty_megabytes_is_recorded_like_any_other() {
    let (parts, ledger) = recorded_of(|frame| {
        if frame.number == 60 {
            let mut data = frame.data.to_vec();
            data.truncate(4);
            data.resize(20 << 20, 9);
            data[..5].copy_from_slice(&[1, 0x3f, 0xff, 0xfc, 0x41]);
            frame.data = data.into();
        }
    });
    assert_eq!((parts.len(), frames_of(&parts), gaps(&ledger).len()), (1, 200, 0));
    assert!(parts[0].fragments.iter().any(|fragment| fragment.size > 20 << 20));
}

#[test]
fn a_camera_that_changes_the_size_of_its_pictures_begins_a_part() {
    let (parts, ledger) = recorded_of(|frame| {
        if frame.number >= 50 && frame.key {
            frame.data = [&[0, 0, 0, 25][..], OTHER_SIZE, &frame.data[29..]].concat().into();
        }
    });
    assert_eq!((parts.len(), frames_of(&parts), gaps(&ledger).len()), (2, 200, 0));
    assert_eq!(parts[0].to_us(), parts[1].from_us());
}

#[test]
fn a_camera_that_changes_its_codec_begins_a_part() {
    let (parts, ledger) = recorded_of(|frame| {
        if frame.number >= 50 {
            frame.codec = Codec::H265;
            frame.epoch += 1;
        }
    });
    assert_eq!((parts.len(), frames_of(&parts), gaps(&ledger).len()), (2, 200, 0));
}

#[test]
fn times_of_a_camera_that_step_back_or_wrap_lose_nothing() {
    let back: fn(&mut Frame) = |frame| shift(frame, 60, -270_000);
    let wrap: fn(&mut Frame) = |frame| shift(frame, 60, -(1 << 32));
    let ahead: fn(&mut Frame) = |frame| shift(frame, 60, 90_000 * 3600);
    for alter in [back, wrap, ahead] {
        let (parts, ledger) = recorded_of(alter);
        // What comes between the step and the next key frame cannot be decoded.
        let lost: u32 = gaps(&ledger).iter().map(|gap| gap.frames).sum();
        assert_eq!((parts.len(), frames_of(&parts) + i64::from(lost)), (2, 200));
        assert!(lost <= 25, "{lost}");
    }
}

fn shift(frame: &mut Frame, from: u64, ticks: i64) {
    if frame.number >= from {
        (frame.dts, frame.pts) = (frame.dts + ticks, frame.pts + ticks);
    }
}

#[test]
fn a_gap_says_whether_a_rule_or_somebody_stopped_the_recording() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    for by_hand in [false, true] {
        scene.record(100);
        let wish = StreamRecord { mode: Mode::Continuous, audio: true, pre_s: 0, post_s: 0, by_hand };
        scene.bench.wish(StreamRecord { mode: Mode::Off, ..wish.clone() });
        scene.wait(4);
        scene.bench.wish(wish);
    }
    scene.record(50);
    assert_eq!(reasons(&scene.end().1), [Reason::Schedule.code(), Reason::Operator.code()]);
}

#[test]
fn events_are_recorded_from_before_the_trigger_to_after_it() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.bench.wish(StreamRecord { mode: Mode::Event, audio: true, pre_s: 2, post_s: 1, by_hand: false });
    scene.record(250);
    let at = scene.bench.now_us.load(Ordering::Relaxed);
    scene.bench.recorder.trigger(at + 1_000_000);
    scene.record(250);
    let (disk, ledger) = scene.end();
    assert_eq!(parts(&disk, "/disk1"), 1);
    assert_eq!(reasons(&ledger), [Reason::Schedule.code(); 2], "before and after");
    let gaps = gaps(&ledger);
    let (from, to) = (at - gaps[0].to_us, gaps[1].from_us - at);
    assert!((2_000_000..=3_100_000).contains(&from), "{from} us before, from a key frame on");
    assert!((1_900_000..=2_200_000).contains(&to), "{to} us after");
}

#[test]
fn a_clock_that_steps_back_gives_an_hour_two_seals_and_one_chain() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.record(100);
    scene.source(State::Live, Some(SourceReason::ClockStep));
    scene.bench.step_clock(-7_200_000_000);
    scene.record(100);
    let (disk, ledger) = scene.end();
    assert_eq!(parts(&disk, "/disk1"), 2);
    let clocks = ledger.iter().filter(|entry| matches!(entry.body, Body::Clock(_))).count();
    assert_eq!(clocks, 1);
    let hour = hour_of(BEGIN_US);
    assert_eq!(seals(&ledger).iter().map(|(hour, ..)| *hour).collect::<Vec<_>>(), [hour, hour - 2]);
}

#[test]
fn a_clock_that_jumps_ten_years_ahead_writes_one_seal_over_them() {
    let mut scene = Scene::new(1, BEGIN_US - 600_000_000);
    scene.record(100);
    scene.source(State::Live, Some(SourceReason::ClockStep));
    scene.bench.step_clock(315_360_000_000_000);
    scene.record(100);
    let (_, ledger) = scene.end();
    let seals = seals(&ledger);
    assert_eq!((seals.len(), seals[0].1), (2, 87_600), "{seals:?}");
    assert!(ledger.len() < 20, "no flood: {}", ledger.len());
}
