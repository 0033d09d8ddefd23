//! How frames become fragments, whatever times a camera gives them.

use bytes::Bytes;
use proptest::prelude::*;
use vms_format::fragment::{FLAG_KEY, FLAG_LOST, FLAG_NO_VIDEO};
use vms_format::{Fragment, Fragmenter, Step, TrackConfig};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

const START_US: i64 = 1_795_773_600_000_000;

fn tracks(video: bool, audio: bool) -> Vec<TrackConfig> {
    let make = |id, kind, codec, clock_rate| Track { id, kind, codec, clock_rate, channels: 1, fmtp: String::new() };
    let mut tracks = Vec::new();
    tracks.extend(video.then(|| make(0, TrackKind::Video, Codec::H264, 90_000)));
    tracks.extend(audio.then(|| make(1, TrackKind::Audio, Codec::Pcma, 8_000)));
    TrackConfig::of_stream(&tracks)
}

fn frame(track: u8, key: bool, us: i64, bytes: usize) -> Frame {
    let (kind, codec, rate) = match track {
        0 => (TrackKind::Video, Codec::H264, 90_000),
        _ => (TrackKind::Audio, Codec::Pcma, 8_000),
    };
    let dts = us * rate / 1_000_000;
    let timing = Timing { utc_us: START_US + us, error_us: None };
    let data = Bytes::from(vec![7; bytes]);
    Frame { track, kind, codec, epoch: 1, number: 0, key, discontinuity: false, dts, pts: dts, timing, data }
}

fn cut(tracks: &[TrackConfig], frames: &[Frame]) -> Vec<Fragment> {
    let mut cutter = Fragmenter::new(tracks);
    let mut fragments = Vec::new();
    for frame in frames {
        if let Step::Closed(fragment) = cutter.push(frame) {
            fragments.push(fragment);
        }
    }
    fragments.extend(cutter.flush());
    assert_eq!(cutter.held_bytes(), 0);
    fragments
}

#[test]
fn half_a_second_and_every_key_frame_make_a_fragment() {
    // 25 frames a second, a key frame each 0.8 s.
    let frames: Vec<Frame> = (0..50).map(|n| frame(0, n % 20 == 0, n * 40_000, 100)).collect();
    let fragments = cut(&tracks(true, false), &frames);
    let shape: Vec<_> = fragments.iter().map(|f| (f.samples.len(), f.flags, f.duration_us)).collect();
    assert_eq!(
        shape,
        [(12, FLAG_KEY, 480_000), (8, 0, 320_000), (12, FLAG_KEY, 480_000), (8, 0, 320_000), (10, FLAG_KEY, 400_000)]
    );
    assert_eq!(fragments[1].utc_us, START_US + 480_000);
}

#[test]
fn nothing_is_kept_before_the_first_key_frame() {
    let mut cutter = Fragmenter::new(&tracks(true, true));
    assert_eq!(cutter.push(&frame(0, false, 0, 9)), Step::Passed);
    assert_eq!(cutter.push(&frame(1, false, 10_000, 9)), Step::Passed);
    assert_eq!(cutter.push(&frame(0, true, 40_000, 9)), Step::Held);
    assert_eq!(cutter.push(&frame(9, true, 50_000, 9)), Step::Passed);
    assert_eq!(cutter.origin_us(), Some(START_US + 40_000));
    let fragment = cutter.flush().expect("what was held");
    assert_eq!((fragment.samples.len(), fragment.samples[0].dts), (1, 0));
    assert_eq!(cutter.flush(), None);
}

#[test]
fn slow_streams_and_huge_frames_have_a_fragment_each() {
    let frames: Vec<Frame> = (0..4).map(|n| frame(0, n == 0, n * 2_000_000, 10)).collect();
    let fragments = cut(&tracks(true, false), &frames);
    assert_eq!(fragments.iter().map(|f| f.samples.len()).collect::<Vec<_>>(), [1; 4]);
    assert_eq!(fragments[0].duration_us, 2_000_000);
    let fragments = cut(&tracks(true, false), &[frame(0, true, 0, 20 << 20)]);
    assert_eq!(fragments[0].bytes(), 20 << 20);
}

#[test]
fn audio_alone_is_cut_too_and_says_so() {
    let frames: Vec<Frame> = (0..50).map(|n| frame(1, false, n * 20_000, 160)).collect();
    let fragments = cut(&tracks(false, true), &frames);
    assert_eq!(fragments.iter().map(|f| (f.samples.len(), f.flags)).collect::<Vec<_>>(), [(25, FLAG_NO_VIDEO); 2]);
    assert_eq!(fragments.iter().map(|f| f.duration_us).sum::<u32>(), 1_000_000);
}

#[test]
fn audio_keeps_its_place_beside_video_even_before_it() {
    // Audio that was taken before the part's first picture comes behind it.
    let frames = [frame(0, true, 30_000, 9), frame(1, false, 10_000, 160), frame(1, false, 50_000, 160)];
    let fragments = cut(&tracks(true, true), &frames);
    let audio: Vec<i64> = fragments[0].samples.iter().filter(|s| s.track == 2).map(|s| s.dts).collect();
    // 20 ms behind the picture are 160 ticks; what was before it stands at 0.
    assert_eq!(audio, [0, 160]);
    assert!(fragments[0].samples.iter().all(|sample| sample.key));
}

#[test]
fn times_that_stand_or_go_back_a_little_grow_by_a_tick() {
    let frames: Vec<Frame> = [0, 40_000, 40_000, 20_000, 80_000].map(|us| frame(0, us == 0, us, 9)).to_vec();
    let fragments = cut(&tracks(true, false), &frames);
    let times: Vec<i64> = fragments.iter().flat_map(|f| &f.samples).map(|s| s.dts).collect();
    assert_eq!(times, [0, 3600, 3601, 3602, 7200]);
}

#[test]
fn a_jump_asks_for_a_new_part() {
    for us in [10_100_000, -2_000_000] {
        let mut cutter = Fragmenter::new(&tracks(true, false));
        assert_eq!(cutter.push(&frame(0, true, 0, 9)), Step::Held);
        assert_eq!(cutter.push(&frame(0, false, us, 9)), Step::Jumped);
        assert_eq!(cutter.flush().map(|f| f.samples.len()), Some(1));
    }
}

#[test]
fn an_audio_clock_that_runs_away_is_put_right() {
    // The camera's audio clock is 10 % fast: its ticks say 22 ms for 20 ms.
    let mut frames = Vec::new();
    for n in 0..1500 {
        frames.push(frame(0, n == 0, n * 20_000, 9));
        let mut own = frame(1, false, n * 20_000, 160);
        own.dts = n * 176;
        frames.push(own);
    }
    let fragments = cut(&tracks(true, true), &frames);
    let audio = fragments.iter().flat_map(|f| &f.samples).filter(|s| s.track == 2);
    for (n, sample) in (0..).zip(audio) {
        assert!((sample.dts - n * 160).abs() <= 8_000 / 4 + 176, "sample {n} at {}", sample.dts);
    }
}

proptest! {
    #[test]
    fn every_frame_is_in_one_fragment_and_times_grow(
        steps in prop::collection::vec((0..2u8, prop::bool::weighted(0.1), -300_000..700_000i64, 1..50usize, any::<bool>()), 1..200),
    ) {
        let mut us = 0;
        let mut cutter = Fragmenter::new(&tracks(true, true));
        let (mut fragments, mut taken, mut lost) = (Vec::new(), 0, false);
        for (track, key, step, bytes, discontinuity) in steps {
            us += step;
            let mut frame = frame(track, key && track == 0, us, bytes);
            frame.discontinuity = discontinuity;
            match cutter.push(&frame) {
                Step::Held => {}
                Step::Closed(fragment) => fragments.push(fragment),
                Step::Passed => continue,
                Step::Jumped => break,
            }
            taken += 1;
            lost |= discontinuity;
        }
        fragments.extend(cutter.flush());
        prop_assert_eq!(fragments.iter().map(|f| f.samples.len()).sum::<usize>(), taken);
        prop_assert_eq!(fragments.iter().any(|f| f.flags & FLAG_LOST != 0), lost);
        for track in [1, 2] {
            let times: Vec<i64> =
                fragments.iter().flat_map(|f| &f.samples).filter(|s| s.track == track).map(|s| s.dts).collect();
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]) && times.first().is_none_or(|&first| first >= 0));
        }
        for fragment in &fragments {
            let video = fragment.samples.iter().filter(|s| s.track == 1).collect::<Vec<_>>();
            prop_assert!(video.iter().skip(1).all(|sample| !sample.key), "a key frame begins a fragment");
            prop_assert_eq!(fragment.flags & FLAG_NO_VIDEO != 0, video.is_empty());
            prop_assert!(fragment.samples.windows(2).all(|pair| pair[0].track <= pair[1].track));
        }
    }
}
