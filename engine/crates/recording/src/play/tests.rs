use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use vms_format::PartId;
use vms_format::time::hour_of;
use vms_media::{Codec, Track, TrackKind};

use super::head::{Ended, Head, Last, Out, Picture, Shelf, Step, Terms};
use crate::calls::CallError;
use crate::read::archive::nothing;
use crate::read::part::{Frag, Part, PartPlace};

const SECOND: i64 = 1_000_000;
/// 2026-11-21 07:00 UTC.
const SEVEN: i64 = 1_795_244_400 * SECOND;
/// Ten pictures a second, fragments of half a second, groups of two seconds.
const PICTURE: i64 = SECOND / 10;
const FRAGMENT: i64 = SECOND / 2;
const GROUP: i64 = 2 * SECOND;

/// Parts in memory.
struct Parts(Vec<Arc<Part>>);

fn part(from_us: i64, seconds: i64, number: u16) -> Arc<Part> {
    let fragments = (0..seconds * 2).map(|n| Frag {
        sequence: n as u64,
        utc_us: from_us + n * FRAGMENT,
        end_us: from_us + (n + 1) * FRAGMENT,
        error_us: 0,
        camera_offset_ms: 0,
        key: n % 4 == 0,
        offset: 0,
        size: 1000,
    });
    let place = PartPlace {
        id: PartId { hour: hour_of(from_us), part: number, stream: 0 },
        camera: "gate".into(),
        volume: "disk".into(),
        video: PathBuf::new(),
        index: PathBuf::new(),
        encrypted: false,
    };
    Arc::new(Part {
        place,
        city: String::new(),
        fragments: fragments.collect(),
        closed: true,
        rebuilt: false,
        index_bytes: 0,
        video_bytes: 0,
    })
}

impl Shelf for Parts {
    fn at_or_after(&mut self, at_us: i64) -> Result<(Arc<Part>, usize), CallError> {
        let found = self.0.iter().find_map(|part| Some((part.clone(), part.at_or_after(at_us)?)));
        found.ok_or_else(|| nothing("gate", at_us))
    }

    fn before(&mut self, at_us: i64) -> Option<(Arc<Part>, usize)> {
        let older = self.0.iter().rev().find(|part| part.from_us() < at_us)?;
        Some((older.clone(), older.fragments.partition_point(|f| f.utc_us < at_us) - 1))
    }

    fn again(&mut self, part: &Arc<Part>) -> Result<Arc<Part>, CallError> {
        Ok(self.0.iter().find(|own| own.place == part.place).expect("a part that is there").clone())
    }

    fn read(&mut self, _: &Arc<Part>, fragment: &Frag) -> Result<Vec<Picture>, CallError> {
        let picture = |n: i64, video| Picture {
            track: if video { 1 } else { 2 },
            video,
            key: video && fragment.key && n == 0,
            utc_us: fragment.utc_us + n * PICTURE,
            later_us: 0,
            last: None,
            data: Bytes::new(),
        };
        Ok((0..5).flat_map(|n| [picture(n, true), picture(n, false)]).collect())
    }

    fn tracks(&mut self, _: &Arc<Part>) -> Result<Vec<Track>, CallError> {
        let track =
            |id, kind, codec, clock_rate| Track { id, kind, codec, clock_rate, channels: 1, fmtp: String::new() };
        Ok(vec![track(1, TrackKind::Video, Codec::H264, 90_000), track(2, TrackKind::Audio, Codec::Pcma, 8_000)])
    }
}

/// A day later, with all that was recorded.
const LATER: Terms = Terms { bounds: (0, 0), paced: true, zero_us: SEVEN + 86_400 * SECOND };

fn head(parts: Vec<Arc<Part>>, speed: f64) -> Head<Parts> {
    Head::new(Parts(parts), LATER, speed)
}

/// Runs the clock from one instant to another; what was shown, and when.
fn run(head: &mut Head<Parts>, from: i64, to: i64) -> Vec<(i64, Out)> {
    let mut now = from;
    let mut shown = Vec::new();
    while now <= to {
        match head.step(now).expect("it can be read") {
            Step::Show(outs) => shown.extend(outs.into_iter().map(|out| (now, out))),
            Step::Wait(None) => break,
            Step::Wait(Some(until)) => now = until.max(now + 1),
        }
    }
    shown
}

/// The recorded instants of the pictures among it, after seven, in ms.
fn pictures(shown: &[(i64, Out)]) -> Vec<i64> {
    let videos = shown.iter().filter(|(_, out)| out.picture.video);
    videos.map(|(_, out)| (out.picture.utc_us - SEVEN) / 1000).collect()
}

#[test]
fn a_seek_shows_its_instant_at_once_and_goes_on_from_there() {
    let mut head = head(vec![part(SEVEN, 10, 0)], 1.0);
    let run_up = head.seek(SEVEN + 3_550_000, 1_000).expect("it is there");
    let utc: Vec<i64> = run_up.iter().map(|out| (out.picture.utc_us - SEVEN) / 1000).collect();
    assert_eq!(utc, (20..=35).map(|n| n * 100).collect::<Vec<_>>(), "the group up to the picture of the instant");
    assert!(run_up[0].picture.key && run_up.iter().all(|out| out.picture.video));
    assert!(run_up.windows(2).all(|pair| pair[1].dts == pair[0].dts + 1), "a burst");
    assert_eq!(head.at_us(), SEVEN + 3_500_000);
    let shown = run(&mut head, 1_000, 1_000 + SECOND);
    assert_eq!(pictures(&shown), (36..=45).map(|n| n * 100).collect::<Vec<_>>());
    assert!(shown.iter().all(|(now, out)| now - 1_000 == out.picture.utc_us - SEVEN - 3_500_000));
    assert!(shown.iter().any(|(_, out)| !out.picture.video), "with sound");
    let last = run_up[15].dts;
    let ticks: Vec<i64> = shown.iter().filter(|(_, out)| out.picture.video).map(|(_, out)| out.dts).collect();
    assert!(ticks[0] > last && ticks.windows(2).all(|pair| pair[1] - pair[0] == 9_000), "{ticks:?}");
}

#[test]
fn all_pictures_are_shown_up_to_four_times_as_fast_and_key_frames_above() {
    let mut four = head(vec![part(SEVEN, 20, 0)], 4.0);
    four.seek(SEVEN, 0).expect("it is there");
    let shown = run(&mut four, 0, SECOND);
    assert_eq!(pictures(&shown), (1..=40).map(|n| n * 100).collect::<Vec<_>>());
    assert!(shown.iter().all(|(_, out)| out.picture.video), "no sound at another speed");
    let mut eight = head(vec![part(SEVEN, 20, 0)], 8.0);
    eight.seek(SEVEN + 5 * SECOND, 0).expect("it is there");
    assert_eq!(eight.at_us(), SEVEN + 2 * GROUP, "the key frame before");
    let shown = run(&mut eight, 0, SECOND);
    assert_eq!(pictures(&shown), [6_000, 8_000, 10_000, 12_000]);
    assert_eq!(shown.iter().map(|(now, _)| *now).collect::<Vec<_>>(), [250_000, 500_000, 750_000, 1_000_000]);
    let mut slow = head(vec![part(SEVEN, 20, 0)], 0.125);
    slow.seek(SEVEN, 0).expect("it is there");
    assert_eq!(pictures(&run(&mut slow, 0, 2 * SECOND)), [100, 200]);
}

#[test]
fn backwards_key_frames_are_shown_down_to_the_first() {
    let later = part(SEVEN + 10 * SECOND, 4, 1);
    let mut head = head(vec![part(SEVEN, 4, 0), later], -2.0);
    let first = head.seek(SEVEN + 13 * SECOND, 0).expect("it is there");
    assert_eq!((first.len(), head.at_us()), (1, SEVEN + 12 * SECOND));
    let shown = run(&mut head, 0, 30 * SECOND);
    assert_eq!(pictures(&shown), [10_000, 2_000, 0]);
    // Six seconds without recordings take no time.
    assert_eq!(shown.iter().map(|(now, _)| now / 1000).collect::<Vec<_>>(), [1_000, 2_000, 3_000]);
    assert_eq!(head.gap(), Some((SEVEN + 4 * SECOND, SEVEN + 10 * SECOND)));
    assert_eq!(head.ended(), Some(Ended::NoMore));
    head.seek(SEVEN + SECOND, 40 * SECOND).expect("it is there");
    assert_eq!(head.ended(), Some(Ended::NoMore), "nothing is before the first group");
}

#[test]
fn what_was_not_recorded_is_jumped_and_told() {
    let mut head = head(vec![part(SEVEN, 4, 0), part(SEVEN + 3_600 * SECOND, 4, 0)], 1.0);
    head.seek(SEVEN + 3 * SECOND, 0).expect("it is there");
    let shown = run(&mut head, 0, 2 * SECOND);
    assert_eq!(pictures(&shown)[8..11], [3_900, 3_600_000, 3_600_100]);
    let times: Vec<i64> = shown.iter().filter(|(_, out)| out.picture.video).map(|(now, _)| *now).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == PICTURE), "{times:?}");
    assert_eq!(head.gap(), Some((SEVEN + 4 * SECOND, SEVEN + 3_600 * SECOND)));
    // Into a gap: what comes after it.
    head.seek(SEVEN + 100 * SECOND, 5 * SECOND).expect("something comes after");
    assert_eq!(head.at_us(), SEVEN + 3_600 * SECOND);
}

#[test]
fn a_pause_holds_the_picture_and_speed_changes_where_it_is() {
    let mut head = head(vec![part(SEVEN, 60, 0)], 1.0);
    head.seek(SEVEN, 0).expect("it is there");
    assert_eq!(pictures(&run(&mut head, 0, 500_000)).len(), 5);
    head.pause();
    assert_eq!(head.step(20 * SECOND).expect("nothing"), Step::Wait(None));
    let still = head.seek(SEVEN + 20 * SECOND, 21 * SECOND).expect("it is there");
    assert_eq!((still.len(), head.at_us()), (1, SEVEN + 20 * SECOND), "a paused playback shows where it went");
    head.resume(30 * SECOND);
    let shown = run(&mut head, 30 * SECOND, 30 * SECOND + 300_000);
    assert_eq!(pictures(&shown), [20_100, 20_200, 20_300]);
    assert_eq!(head.go(2.0, 31 * SECOND).expect("it goes on"), []);
    assert_eq!(pictures(&run(&mut head, 31 * SECOND, 31 * SECOND + 100_000)), [20_400, 20_500]);
    let keys = head.go(-16.0, 32 * SECOND).expect("it goes on");
    assert_eq!((keys.len(), head.at_us()), (1, SEVEN + 20 * SECOND));
    let ticks: Vec<i64> = run(&mut head, 32 * SECOND, 33 * SECOND).iter().map(|(_, out)| out.dts).collect();
    assert!(ticks.windows(2).all(|pair| pair[1] > pair[0]), "the viewer's time never goes back: {ticks:?}");
}

#[test]
fn the_right_ends_it_and_so_does_the_end_of_the_recording() {
    let parts = vec![part(SEVEN, 10, 0)];
    let mut bound = Head::new(Parts(parts.clone()), Terms { bounds: (SEVEN, SEVEN + 4 * SECOND), ..LATER }, 1.0);
    bound.seek(SEVEN + 2 * SECOND, 0).expect("it may be seen");
    run(&mut bound, 0, 10 * SECOND);
    assert_eq!((bound.ended(), bound.at_us()), (Some(Ended::NotAllowed), SEVEN + 3_900_000));
    assert_eq!(bound.seek(SEVEN + 5 * SECOND, 0).expect_err("it may not").code, "no_recording");

    let now = Terms { zero_us: SEVEN + 10 * SECOND, ..LATER };
    let mut head = Head::new(Parts(parts), now, 1.0);
    head.seek(SEVEN + 9 * SECOND, 0).expect("it is there");
    assert_eq!(pictures(&run(&mut head, 0, 3 * SECOND)).len(), 9);
    assert_eq!(head.ended(), None, "more may be written");
    head.shelf_mut().0 = vec![part(SEVEN, 11, 0)];
    assert_eq!(pictures(&run(&mut head, 3 * SECOND, 4 * SECOND))[0], 10_000);
    run(&mut head, 4 * SECOND, 20 * SECOND);
    assert_eq!(head.ended(), Some(Ended::NoMore));
    assert_eq!(head.seek(SEVEN + 30 * SECOND, 0).expect_err("nothing is there").code, "no_recording");
}

#[test]
fn who_is_late_goes_on_without_catching_up() {
    let mut head = head(vec![part(SEVEN, 60, 0)], 1.0);
    head.seek(SEVEN, 0).expect("it is there");
    assert_eq!(pictures(&run(&mut head, 0, SECOND)).len(), 10);
    let late = run(&mut head, 10 * SECOND, 10 * SECOND + 500_000);
    assert_eq!(pictures(&late), [1_100, 1_200, 1_300, 1_400, 1_500, 1_600]);
}

/// The last ones among what was shown: track, instant after seven in ms, what ends.
fn lasts(shown: &[(i64, Out)]) -> Vec<(u8, i64, Last)> {
    let of = |out: &Out| Some((out.picture.track, (out.picture.utc_us - SEVEN) / 1000, out.picture.last?));
    shown.iter().filter_map(|(_, out)| of(out)).collect()
}

#[test]
fn the_last_frame_of_each_track_before_a_gap_and_before_the_end_is_known() {
    let parts = vec![part(SEVEN, 4, 0), part(SEVEN + 3_600 * SECOND, 4, 0)];
    let mut forward = head(parts.clone(), 1.0);
    forward.seek(SEVEN + 2 * SECOND, 0).expect("it is there");
    let (gap, end) = (Last::OfSection, Last::OfAll);
    let found = lasts(&run(&mut forward, 0, 10 * SECOND));
    assert_eq!(found, [(1, 3_900, gap), (2, 3_900, gap), (1, 3_603_900, end), (2, 3_603_900, end)]);
    assert_eq!(forward.ended(), Some(Ended::NoMore), "at once: nothing more can come of it");

    let mut backward = head(parts.clone(), -1.0);
    backward.seek(SEVEN + 3_603 * SECOND, 0).expect("it is there");
    assert_eq!(lasts(&run(&mut backward, 0, 20 * SECOND)), [(1, 3_600_000, gap), (1, 0, end)]);

    let until = Terms { bounds: (0, SEVEN + 3_250_000), ..LATER };
    let mut range = Head::new(Parts(parts.clone()), until, 1.0);
    range.seek(SEVEN + 2 * SECOND, 0).expect("it is there");
    let shown = run(&mut range, 0, 10 * SECOND);
    assert_eq!(pictures(&shown).last(), Some(&3_200), "no picture after the end that was asked for");
    assert_eq!(lasts(&shown), [(1, 3_200, end), (2, 3_200, end)]);

    let mut seek = head(parts, 1.0);
    let run_up = seek.seek(SEVEN + 3_900_000, 0).expect("it is there");
    assert_eq!(run_up.last().and_then(|out| out.picture.last), Some(gap), "what a seek shows may be the last");
}

#[test]
fn of_what_is_being_recorded_no_frame_is_the_last() {
    let now = Terms { zero_us: SEVEN + 4 * SECOND, ..LATER };
    let mut head = Head::new(Parts(vec![part(SEVEN, 4, 0)]), now, 1.0);
    head.seek(SEVEN + 3 * SECOND, 0).expect("it is there");
    assert_eq!(lasts(&run(&mut head, 0, 3 * SECOND)), []);
    head.shelf_mut().0 = vec![part(SEVEN, 6, 0)];
    assert_eq!(lasts(&run(&mut head, 3 * SECOND, 4 * SECOND)), []);
}

#[test]
fn without_a_pace_all_is_there_at_once_and_its_times_say_how_far_apart_it_was_taken() {
    let parts = vec![part(SEVEN, 4, 0), part(SEVEN + 3_600 * SECOND, 4, 0)];
    let mut head = Head::new(Parts(parts.clone()), Terms { paced: false, ..LATER }, 1.0);
    let first = head.seek(SEVEN + 2_950_000, SECOND).expect("it is there");
    assert_eq!(first.len(), 1, "the key frame that leads there");
    assert_eq!(first[0].picture.utc_us, SEVEN + 2 * SECOND);
    let shown = run(&mut head, SECOND, SECOND);
    assert_eq!(pictures(&shown)[..2], [2_100, 2_200]);
    assert_eq!((pictures(&shown).len(), head.ended()), (19 + 40, Some(Ended::NoMore)), "to the end, without waiting");
    assert!(shown.iter().any(|(_, out)| !out.picture.video), "with sound");
    let apart = |out: &Out| (out.dts - first[0].dts) / 90 - (out.picture.utc_us - first[0].picture.utc_us) / 1000;
    assert!(shown.iter().all(|(_, out)| apart(out).abs() <= 1), "the gap too");
    let again = head.seek(SEVEN, 2 * SECOND).expect("it is there");
    assert_eq!(again[0].dts, shown.last().expect("some").1.dts + 1, "its line of time goes on");

    let mut backward = Head::new(Parts(parts), Terms { paced: false, ..LATER }, -4.0);
    backward.seek(SEVEN + 3_603 * SECOND, 0).expect("it is there");
    let shown = run(&mut backward, 0, 0);
    assert_eq!(pictures(&shown), [3_600_000, 2_000, 0]);
    assert!(shown.windows(2).all(|pair| pair[1].1.dts > pair[0].1.dts), "times only grow");
}
