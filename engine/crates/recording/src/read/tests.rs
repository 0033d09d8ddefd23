use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use vms_format::fragment::FLAG_KEY;
use vms_format::mp4::walk;
use vms_format::names::FileKind;
use vms_format::time::{HOUR_US, hour_of, hour_start_us};
use vms_format::track::TrackConfig;
use vms_format::{Fragment, Owner, PartId, PartWriter, Sample, StreamState};
use vms_media::{Codec, ParameterSets};

use super::*;
use crate::config::VolumeConfig;
use crate::io::{RealDisk, scratch};
use crate::write::volume::Volume;

const SECOND: i64 = 1_000_000;
/// 2026-11-21 07:00 UTC.
const SEVEN: i64 = 1_795_244_400 * SECOND;

struct Shelf {
    folder: PathBuf,
    volumes: Vec<Arc<Volume>>,
    state: StreamState,
}

impl Drop for Shelf {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).expect("the folder goes");
    }
}

fn volume(path: &Path, name: &str) -> Arc<Volume> {
    let config = VolumeConfig { name: name.to_owned(), path: path.to_owned(), reserve_bytes: 0, max_bytes: None };
    Arc::new(Volume::open(&config, Arc::new(RealDisk), "{}", None).expect("a volume"))
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

/// Half a second: two samples, of which the first may be a key frame.
fn fragment(utc_us: i64, dts: i64, key: bool) -> Fragment {
    let sample = |n: i64, key| Sample {
        track: 1,
        key,
        dts: dts + n * 22_500,
        pts: dts + n * 22_500,
        duration: 22_500,
        data: Bytes::from(vec![0, 0, 0, 1, if key { 0x65 } else { 0x41 }]),
    };
    Fragment {
        utc_us,
        error_us: 1000,
        duration_us: 500_000,
        flags: if key { FLAG_KEY } else { 0 },
        samples: vec![sample(0, key), sample(1, false)],
    }
}

impl Shelf {
    fn new(name: &str) -> Self {
        let folder = scratch(name);
        let volumes = ["one", "two"].map(|disk| {
            std::fs::create_dir_all(folder.join(disk)).expect("a folder");
            volume(&folder.join(disk), disk)
        });
        Self { folder, volumes: volumes.into(), state: StreamState::new("gate", 0) }
    }

    /// Writes a part of groups of two seconds.
    fn part(&mut self, disk: usize, from_us: i64, seconds: i64, number: u16) -> PartId {
        self.drifting(disk, from_us, seconds, number, 0)
    }

    /// Writes a part whose clock steps back a little with each group.
    fn drifting(&mut self, disk: usize, from_us: i64, seconds: i64, number: u16, back_us: i64) -> PartId {
        let id = PartId { hour: hour_of(from_us), part: number, stream: 0 };
        let mut writer = PartWriter::new(&Owner::new("local", "gate"), id, 1, &[track()], None);
        let mut video = writer.init().to_vec();
        let mut index = writer.index_head().to_vec();
        for half in 0..seconds * 2 {
            let fragment = fragment(from_us + half * 500_000 - half / 4 * back_us, half * 45_000, half % 4 == 0);
            let written = writer.fragment(fragment, 7, &mut self.state).expect("a fragment");
            written.slices().for_each(|slice| video.extend(slice));
            index.extend(&written.record);
        }
        let folder = self.volumes[disk].camera("gate");
        for (kind, bytes) in [(FileKind::Video, video), (FileKind::Index, index)] {
            let path = folder.join(id.path(kind));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        }
        id
    }

    fn archive(&self) -> Archive {
        Archive::new(self.volumes.clone(), Arc::new(|_| None), Arc::default())
    }
}

/// Start, end and what comes around of the segment at an instant.
fn around(archive: &Archive, at_us: i64) -> (i64, i64, Option<i64>, Option<i64>) {
    let found = archive.segment("gate", 0, at_us, Amount::Groups { until_us: i64::MIN }).expect("a segment");
    let since = |us: i64| us - SEVEN;
    (since(found.from_us), since(found.to_us), found.next_us.map(since), found.previous_us.map(since))
}

#[test]
fn an_instant_gives_its_group_and_what_lies_around_it_over_gaps_and_volumes() {
    let mut shelf = Shelf::new("read-around");
    shelf.part(0, SEVEN, 10, 0);
    shelf.part(1, SEVEN + 60 * SECOND, 4, 1);
    shelf.part(0, SEVEN + 30 * 24 * HOUR_US, 4, 0);
    let archive = shelf.archive();
    let s = SECOND;
    assert_eq!(around(&archive, SEVEN + 3 * s), (2 * s, 4 * s, Some(4 * s), Some(0)));
    assert_eq!(around(&archive, SEVEN), (0, 2 * s, Some(2 * s), None));
    assert_eq!(around(&archive, SEVEN + 9 * s), (8 * s, 10 * s, Some(60 * s), Some(6 * s)));
    // In the gap: what comes next.
    assert_eq!(around(&archive, SEVEN + 30 * s), (60 * s, 62 * s, Some(62 * s), Some(8 * s)));
    // Before all, and over a month.
    assert_eq!(around(&archive, SEVEN - 9 * 24 * HOUR_US).0, 0);
    let month = 30 * 24 * 3600 * s;
    assert_eq!(around(&archive, SEVEN + 64 * s), (month, month + 2 * s, Some(month + 2 * s), Some(62 * s)));
    let late = archive.segment("gate", 0, SEVEN + month + 5 * s, Amount::Keys(1)).expect_err("nothing is there");
    assert_eq!(late.code, "no_recording");
    assert_eq!(archive.segment("../x", 0, SEVEN, Amount::Keys(1)).expect_err("no camera").code, "no_recording");
}

#[test]
fn a_clock_that_is_smoothed_back_by_microseconds_leads_from_group_to_group() {
    let mut shelf = Shelf::new("read-smoothed");
    let midnight = SEVEN + 17 * HOUR_US;
    let first = midnight - 6 * SECOND + 100;
    shelf.drifting(0, first, 6, 0, 24);
    shelf.part(0, midnight, 4, 0);
    let archive = shelf.archive();
    let mut at = first;
    let mut begins = Vec::new();
    for _ in 0..4 {
        let found = archive.segment("gate", 0, at, Amount::Groups { until_us: i64::MIN }).expect("a segment");
        assert_eq!(found.from_us, at);
        begins.push(found.from_us - midnight);
        at = found.next_us.expect("more");
    }
    assert_eq!(begins, [-6 * SECOND + 100, -4 * SECOND + 76, -2 * SECOND + 52, 0]);
}

#[test]
fn a_part_that_reaches_into_the_next_hour_is_found_there() {
    let mut shelf = Shelf::new("read-hour");
    shelf.part(0, SEVEN + HOUR_US - 2 * SECOND, 40, 0);
    let at = SEVEN + HOUR_US + 20 * SECOND;
    let found = shelf.archive().segment("gate", 0, at, Amount::Keys(1)).expect("a segment");
    assert!(found.from_us <= at && at < found.to_us);
}

#[test]
fn decode_times_count_from_1970_and_segments_follow_each_other() {
    let mut shelf = Shelf::new("read-utc");
    shelf.part(0, SEVEN, 10, 0);
    let archive = shelf.archive();
    let (init, name) = archive.init("gate", 0, SEVEN).expect("an init segment");
    assert_eq!(walk::read_init(&init).expect("moov").tracks.len(), 1);
    let mut at_us = SEVEN;
    let mut expected = i128::from(SEVEN) * 90_000 / 1_000_000;
    while let Ok(found) = archive.segment("gate", 0, at_us, Amount::Groups { until_us: at_us + 3 * SECOND }) {
        assert_eq!(found.init, name);
        for (_, moof) in walk::children(&found.body).filter(|(kind, _)| kind == b"moof") {
            for sample in walk::parse_moof(moof, 0).expect("samples") {
                assert_eq!(i128::from(sample.dts), expected);
                expected += i128::from(sample.duration);
            }
        }
        at_us = found.to_us;
    }
    assert_eq!(expected, i128::from(SEVEN + 10 * SECOND) * 90_000 / 1_000_000);
}

#[test]
fn key_frames_alone_are_shown_until_the_next_one() {
    let mut shelf = Shelf::new("read-keys");
    shelf.part(0, SEVEN, 10, 0);
    let found = shelf.archive().segment("gate", 0, SEVEN + 3 * SECOND, Amount::Keys(3)).expect("key frames");
    assert_eq!((found.from_us, found.to_us), (SEVEN + 2 * SECOND, SEVEN + 8 * SECOND));
    let moofs = walk::children(&found.body).filter(|(kind, _)| kind == b"moof");
    let samples: Vec<_> = moofs.flat_map(|(_, moof)| walk::parse_moof(moof, 0).expect("samples")).collect();
    assert_eq!(samples.iter().map(|s| (s.head.key, s.duration)).collect::<Vec<_>>(), [(true, 180_000); 3]);
}

#[test]
fn an_index_that_is_lost_or_another_cameras_is_made_from_the_video() {
    let mut shelf = Shelf::new("read-lost");
    let id = shelf.part(0, SEVEN, 10, 0);
    let index = shelf.volumes[0].camera("gate").join(id.path(FileKind::Index));
    let whole = std::fs::read(&index).expect("the index");
    for damage in [None, Some(b"".to_vec()), Some(whole[..whole.len() / 2].to_vec())] {
        match &damage {
            Some(bytes) => std::fs::write(&index, bytes).expect("a file"),
            None => std::fs::remove_file(&index).expect("the index goes"),
        }
        let part = shelf.archive();
        let found = around(&part, SEVEN + 1);
        assert_eq!(found.0, 0, "{damage:?}");
    }
    let other = PartWriter::new(&Owner::new("local", "yard"), id, 1, &[track()], None).index_head();
    std::fs::write(&index, [&other[..], &whole[other.len()..]].concat()).expect("a file");
    assert_eq!(around(&shelf.archive(), SEVEN + 9 * SECOND).1, 10 * SECOND);
}

#[test]
fn an_index_that_grew_is_read_again() {
    let mut shelf = Shelf::new("read-grow");
    shelf.part(0, SEVEN, 2, 0);
    let archive = shelf.archive();
    assert_eq!(around(&archive, SEVEN).2, None);
    shelf.state = StreamState::new("gate", 0);
    shelf.part(0, SEVEN, 4, 0);
    assert_eq!(around(&archive, SEVEN).2, Some(2 * SECOND));
}

#[test]
fn the_inventory_lists_parts_with_their_spans() {
    let mut shelf = Shelf::new("read-inventory");
    shelf.part(0, SEVEN, 10, 0);
    shelf.part(1, SEVEN + 60 * SECOND, 4, 1);
    let archive = shelf.archive();
    let ask = |json: &str| -> serde_json::Value {
        let answer = archive.call("inventory", json.as_bytes()).expect("a call").expect("an answer");
        serde_json::from_slice(&answer.json).expect("JSON")
    };
    let all = ask(&format!(r#"{{"from_us": {SEVEN}, "to_us": {}}}"#, SEVEN + HOUR_US));
    let parts = all["parts"].as_array().expect("parts");
    assert_eq!(parts.len(), 2);
    assert_eq!(parts[0]["part"], "2026-11-21/07");
    assert_eq!(parts[1]["part"], "2026-11-21/07-1");
    assert_eq!((&parts[1]["volume"], &parts[1]["open"]), (&"two".into(), &true.into()));
    assert_eq!(parts[0]["spans"], serde_json::json!([[SEVEN, SEVEN + 10 * SECOND]]));
    assert_eq!((&parts[0]["fragments"], &parts[0]["keys"]), (&20.into(), &5.into()));
    assert_eq!(parts[0]["camera_offset_ms"], 7);
    let none = ask(&format!(r#"{{"from_us": {SEVEN}, "to_us": {}, "cameras": ["yard"]}}"#, SEVEN + HOUR_US));
    assert_eq!(none["parts"], serde_json::json!([]));
    assert!(archive.call("inventory", b"{").expect("a call").is_err());
    assert!(archive.call("volumes", b"{}").is_none());
}

#[test]
fn a_playlist_has_a_map_and_segments_that_begin_with_key_frames() {
    let mut shelf = Shelf::new("read-hls");
    shelf.part(0, SEVEN, 14, 0);
    shelf.part(1, SEVEN + 60 * SECOND, 4, 1);
    let archive = shelf.archive();
    let text = archive.playlist("gate", 0, SEVEN, SEVEN + HOUR_US, "token=t").expect("a playlist");
    let segments: Vec<&str> = text.lines().filter(|line| line.contains(".m4s")).collect();
    assert_eq!(segments[0], format!("{SEVEN}.m4s?until={}&token=t", SEVEN + 6 * SECOND));
    assert_eq!(segments.len(), 4);
    assert_eq!(text.matches("#EXTINF:6.000,").count(), 2);
    assert_eq!(text.matches("#EXT-X-DISCONTINUITY").count(), 1);
    assert_eq!(text.matches("#EXT-X-MAP").count(), 1, "both parts play by one init segment");
    assert!(text.contains("#EXT-X-TARGETDURATION:6\n"));
    assert!(text.contains("#EXT-X-PROGRAM-DATE-TIME:2026-11-21T07:01:00.000Z"));
    assert!(text.ends_with("#EXT-X-ENDLIST\n"));
    assert!(archive.playlist("gate", 0, SEVEN, SEVEN + 25 * HOUR_US, "").is_err());
    assert!(archive.playlist("gate", 0, SEVEN + HOUR_US, SEVEN + 2 * HOUR_US, "").is_err());
}

#[test]
fn a_picture_is_the_key_frame_or_all_up_to_the_instant() {
    let mut shelf = Shelf::new("read-picture");
    shelf.part(0, SEVEN, 10, 0);
    let archive = shelf.archive();
    let ask = |exact: bool| {
        let at_us = SEVEN + 2 * SECOND + 800_000;
        let json = format!(r#"{{"camera": "gate", "stream": "main", "at_us": {at_us}, "exact": {exact}}}"#);
        let answer = archive.call("picture", json.as_bytes()).expect("a call").expect("a picture");
        let told: serde_json::Value = serde_json::from_slice(&answer.json).expect("JSON");
        (told["at_us"].as_i64().expect("a time") - SEVEN, answer.data)
    };
    assert_eq!(ask(false), (2 * SECOND, vec![0, 0, 0, 1, 0x65]));
    let (at, data) = ask(true);
    assert_eq!((at, data.len()), (2 * SECOND + 750_000, 4 * 5));
    assert_eq!(hour_start_us(hour_of(SEVEN)), SEVEN);
}
