//! Parts in a bucket, and what goes wrong with one.

use std::io::IoSlice;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use vms_format::names::FileKind;
use vms_format::time::HOUR_US;

use super::plan::DAY_US;
use super::tests::{House, SEVEN, days};
use crate::calls::CallError;
use crate::config::{Keep, Tier};
use crate::io::s3::fake::{Fault, Store};
use crate::io::{Disk, S3Disk, s3, scratch};
use crate::read::{Amount, Archive};
use crate::write::volume::{Volume, VolumeState};
use crate::write::writer::Writer;

/// A house with a bucket, which nothing tends but a test.
struct Bucket {
    house: House,
    store: Store,
    disk: S3Disk,
    listed: Option<Instant>,
}

impl Bucket {
    /// Parts at 7:00 of so many days; what is older than a day goes to the
    /// bucket.
    fn of_days(name: &str, count: i64) -> Self {
        let (folder, store) = (scratch(name), Store::start());
        let mut bucket = Self::at(&folder, store, SEVEN);
        let times: Vec<i64> = (0..count).map(|day| SEVEN + day * DAY_US).collect();
        bucket.house.record("gate", &times);
        bucket.house.now_us.fetch_add(2 * HOUR_US, Ordering::Relaxed);
        bucket.house.keep("gate", keep(Keep::default()));
        bucket.tend();
        bucket
    }

    fn at(folder: &Path, store: Store, now_us: i64) -> Self {
        let config = store.config(folder);
        let disk = S3Disk::open(config.clone(), &folder.join("cache")).expect("a bucket");
        let volume = Arc::new(Volume::closed(&config.volume(), Arc::new(disk.clone())));
        let house = House::at(folder.to_owned(), now_us, None, None, Some(volume));
        Self { house, store, disk, listed: None }
    }

    /// The process is killed and starts again.
    fn again(mut self) -> Self {
        let folder = std::mem::replace(&mut self.house.folder, scratch("kept-nothing"));
        let (now_us, store) = (self.house.now_us.load(Ordering::Relaxed), self.store.clone());
        drop(self);
        Self::at(&folder, store, now_us)
    }

    fn volume(&self) -> &Arc<Volume> {
        &self.house.keeping.context.everywhere[2]
    }

    fn tend(&mut self) -> VolumeState {
        let writer = Writer { volume: self.volume().clone(), context: self.house.keeping.context.clone() };
        s3::look(&self.disk, &writer, "host one", &mut self.listed);
        self.volume().health().state
    }

    fn archive(&self) -> Archive {
        let context = &self.house.keeping.context;
        Archive::new(context.everywhere.clone(), Arc::new(|_| None), Arc::default())
    }

    fn play(&self, day: i64) -> Result<i64, CallError> {
        Ok(self.archive().segment("gate", 0, SEVEN + day * DAY_US, Amount::Keys(1))?.from_us)
    }

    /// Videos in the bucket.
    fn videos(&self) -> usize {
        self.store.names().iter().filter(|name| name.ends_with(".mp4")).count()
    }
}

fn keep(keep: Keep) -> Keep {
    Keep { tier: vec![Tier { after_hours: 24, volume: "bucket".to_owned() }], ..keep }
}

#[test]
fn old_parts_lie_in_the_bucket_play_from_there_and_go_when_they_are_too_old() {
    let mut bucket = Bucket::of_days("s3-tier", 3);
    assert_eq!(bucket.house.look("gate"), [48], "two are in the bucket");
    assert!(!bucket.house.path("gate", 0, FileKind::Index).exists());
    assert_eq!(bucket.videos(), 2);
    let own =
        ["index_07.vms-idx", "video_07.mp4", "video_07.sha256"].map(|n| format!("one/cameras/gate/2026-11-21/{n}"));
    assert_eq!(bucket.store.names()[..3], own);
    assert!(bucket.store.names().contains(&"one/volume.json".to_owned()));
    let ledgers = bucket.store.names().iter().filter(|name| name.contains("ledger")).count();
    assert_eq!(ledgers, 0, "ledgers stay here");
    assert_eq!(bucket.play(0).expect("it plays"), SEVEN);

    // It is away: what lies there is told to be away, and nothing goes.
    bucket.house.keep("gate", keep(days(1)));
    bucket.store.fault(Fault::Away);
    let away = bucket.play(1).expect_err("it is away");
    assert_eq!(away.code, "volume_failed", "{away}");
    assert_eq!(bucket.tend(), VolumeState::Failed);
    assert!(bucket.volume().health().reason.is_some_and(|why| why.contains("503")), "{:?}", bucket.volume().health());
    bucket.store.asked();
    assert_eq!(bucket.play(1).expect_err("it is away").code, "volume_failed");
    assert_eq!(bucket.store.asked(), 0, "nobody asks a store that is known to be away");
    assert_eq!(bucket.play(2).expect("it lies here"), SEVEN + 2 * DAY_US);
    assert_eq!((bucket.house.look("gate"), bucket.videos()), (vec![48], 2));

    // A start without it knows what there is.
    let mut bucket = bucket.again();
    assert_eq!(bucket.tend(), VolumeState::Failed);
    assert_eq!(bucket.play(1).expect_err("it is away").code, "volume_failed");
    assert_eq!((bucket.house.look("gate"), bucket.videos()), (vec![48], 2));

    bucket.store.fault(Fault::None);
    assert_eq!(bucket.tend(), VolumeState::Ok);
    assert_eq!(bucket.play(1).expect("it is back"), SEVEN + DAY_US);
    bucket.house.keeping.recount();
    bucket.house.keeping.heard();
    bucket.house.look("gate");
    assert_eq!(bucket.videos(), 0, "they were two days old: {:?}", bucket.store.names());
    assert_eq!(bucket.play(0).expect("what comes next"), SEVEN + 2 * DAY_US);
}

#[test]
fn what_is_not_sealed_or_arrives_changed_stays_here() {
    let mut bucket = Bucket::of_days("s3-changed", 3);
    bucket.store.fault(Fault::Flips);
    assert_eq!(bucket.house.look("gate"), [0, 24, 48]);
    assert_eq!(bucket.videos(), 0, "a copy that reads back differently goes");
    bucket.store.fault(Fault::None);

    // Another part of that name is not written over.
    bucket.store.put("one/cameras/gate/2026-11-21/video_07.mp4", b"of another");
    bucket.listed = None;
    assert_eq!(bucket.tend(), VolumeState::Ok);
    assert_eq!(bucket.house.look("gate"), [0, 48], "the other one goes there");

    // What a kill left on both is compared, and the near one goes.
    let video = std::fs::read(bucket.house.path("gate", 0, FileKind::Video)).expect("a video");
    bucket.store.put("one/cameras/gate/2026-11-21/video_07.mp4", &video);
    bucket.listed = None;
    bucket.tend();
    assert_eq!(bucket.house.look("gate"), [48]);

    let book = bucket.house.keeping.book("gate", true).expect("a ledger");
    let id = |hour: i64| vms_format::PartId { hour: (SEVEN / HOUR_US + hour) as u32, part: 0, stream: 0 };
    assert!(book.is_sealed(id(0)) && !book.is_sealed(id(1)));
}

#[test]
fn a_wrong_key_and_a_bucket_of_others_are_told_in_words() {
    let mut bucket = Bucket::of_days("s3-key", 1);
    bucket.store.fault(Fault::Key);
    bucket.listed = None;
    assert_eq!(bucket.tend(), VolumeState::Failed);
    let reason = bucket.volume().health().reason.expect("a reason");
    assert!(reason.contains("the access key is not known"), "{reason}");
    bucket.store.fault(Fault::None);
    assert_eq!(bucket.tend(), VolumeState::Ok);

    let folder = scratch("s3-other");
    let mut other = Bucket::at(&folder, bucket.store.clone(), SEVEN);
    assert_eq!(other.tend(), VolumeState::Failed);
    let reason = other.volume().health().reason.expect("a reason");
    assert!(reason.contains("belong to") && reason.contains("remove volume.lock"), "{reason}");
}

#[test]
fn a_long_object_goes_in_pieces_and_one_that_fails_leaves_none() {
    let (folder, store) = (scratch("s3-pieces"), Store::start());
    let disk = S3Disk::open(store.config(&folder), &folder.join("cache")).expect("a bucket");
    let path = Path::new("s3://tests/one/cameras/gate/2026-11-21/video_07.mp4");
    let bytes: Vec<u8> = (0..40_u32 << 20).map(|n| (n / 4096) as u8).collect();
    let write = || {
        let file = disk.create(path).expect("a file");
        let mut at = 0;
        for piece in bytes.chunks(5_000_000) {
            file.write_at(at, &[IoSlice::new(piece)])?;
            at += piece.len() as u64;
        }
        file.sync()
    };
    store.fault(Fault::Pieces);
    assert!(write().expect_err("it is refused").to_string().contains("SlowDown"));
    assert!(disk.open(path).is_err() && store.names().is_empty());
    assert_eq!(store.open_uploads(), 0, "its pieces are given up");
    store.fault(Fault::None);
    write().expect("it arrives");
    assert_eq!(store.open_uploads(), 0);
    let file = disk.open(path).expect("it is there");
    let mut read = vec![0; bytes.len()];
    assert_eq!(file.read_at(0, &mut read).expect("read"), bytes.len());
    assert!(read == bytes);
    let moved = path.with_file_name("video_08.mp4");
    disk.rename(path, &moved).expect("renamed");
    assert_eq!(disk.read(&moved).expect("read").len(), bytes.len());
    assert_eq!(store.names(), ["one/cameras/gate/2026-11-21/video_08.mp4"]);
    std::fs::remove_dir_all(folder).expect("the folder goes");
}
