//! What players are promised, over streams of every kind.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_media::ivf::Ivf;
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use super::ask::{Reload, Wanted};
use super::part::Segment;
use super::playlist::{First, Reached};
use super::segment::Packager;
use super::{Answer, Hls, Missing, Player};
use crate::choice::{Choice, Codecs, Pictures, Variant};

const FIRST: u64 = 100;
const BEGIN: First = First { number: FIRST, discontinuities: 7 };

fn tracks() -> Arc<[Track]> {
    let video = Track::video(Codec::H264);
    let sound =
        Track { id: 1, kind: TrackKind::Audio, codec: Codec::Aac, clock_rate: 48_000, channels: 1, ..video.clone() };
    Arc::new([video, sound])
}

/// A picture at `ms` after the start of an epoch.
fn picture(epoch: u64, ms: i64, key: bool) -> Frame {
    let kind = if key { 0x65 } else { 0x41 };
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch,
        number: 0,
        key,
        discontinuity: false,
        dts: ms * 90,
        pts: ms * 90,
        timing: Timing { utc_us: 1_700_000_000_000_000 + ms * 1_000, error_us: None },
        data: Bytes::from(vec![0, 0, 0, 2, kind, 7]),
    }
}

fn sound(ms: i64) -> Frame {
    let data = Bytes::from_static(&[9; 40]);
    Frame {
        track: 1,
        kind: TrackKind::Audio,
        codec: Codec::Aac,
        dts: ms * 48,
        pts: ms * 48,
        data,
        ..picture(1, ms, true)
    }
}

/// Pictures from `from_ms` on, each `every_ms`, keys each `group_ms`.
fn play(packager: &mut Packager, epoch: u64, from_ms: i64, to_ms: i64, every_ms: i64, group_ms: i64) {
    for ms in (from_ms..to_ms).step_by(every_ms as usize) {
        packager.push(&picture(epoch, ms, (ms - from_ms) % group_ms == 0), tracks);
    }
}

fn text(packager: &mut Packager, skip: bool) -> String {
    let bytes = packager.window.playlist(Reload { until: None, skip }, "").expect("a promise");
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The lines of a playlist that begin so, without their beginning.
fn lines<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    text.lines().filter_map(|line| line.strip_prefix(name)).collect()
}

fn number(text: &str) -> f64 {
    text.split([',', ';']).next().expect("a first").parse().expect("a number")
}

#[test]
fn parts_are_whole_frames_within_the_promise_and_segments_begin_with_keys() {
    for (every_ms, group_ms) in
        [(40, 2_000), (33, 1_980), (100, 1_000), (66, 3_300), (125, 2_500), (500, 2_000), (16, 2_000)]
    {
        let mut packager = Packager::new(false, BEGIN);
        play(&mut packager, 1, 0, 40_000, every_ms, group_ms);
        let text = text(&mut packager, false);
        let target = number(lines(&text, "#EXT-X-TARGETDURATION:")[0]);
        let longest = number(lines(&text, "#EXT-X-PART-INF:PART-TARGET=")[0]);
        if every_ms <= 125 {
            assert!((0.2..=0.37).contains(&longest), "{every_ms} ms: parts of {longest} s");
        }
        let lengths = lines(&text, "#EXTINF:");
        assert!(lengths.len() >= 6, "{text}");
        for length in lengths {
            assert!(
                number(length).round() <= target && number(length) >= 1.9,
                "{length} s where {target} s is promised"
            );
        }
        let parts: Vec<(f64, bool)> = lines(&text, "#EXT-X-PART:DURATION=")
            .iter()
            .map(|line| (number(line), line.contains("INDEPENDENT=YES")))
            .collect();
        for (at, (length, _)) in parts.iter().enumerate() {
            let last = parts.get(at + 1).is_none_or(|(_, independent)| *independent);
            assert!(*length <= longest, "{every_ms} ms: a part of {length} s where {longest} s is promised");
            assert!(last || *length >= longest * 0.85, "{every_ms} ms: a part of {length} s of {longest} s");
        }
        assert!(text.contains(".0.m4s\",INDEPENDENT=YES"), "{text}");
    }
}

#[test]
fn a_key_frame_that_comes_soon_begins_no_segment_and_closes_no_part() {
    let mut packager = Packager::new(false, BEGIN);
    play(&mut packager, 1, 0, 10_000, 40, 400);
    let text = text(&mut packager, false);
    assert!(lines(&text, "#EXTINF:").iter().all(|length| number(length) == 2.0), "{text}");
}

#[test]
fn a_segment_is_its_parts_and_files_have_one_meaning() {
    let mut packager = Packager::new(true, BEGIN);
    for ms in (0..9_000).step_by(40) {
        packager.push(&picture(1, ms, ms % 2_000 == 0), tracks);
        packager.push(&sound(ms), tracks);
    }
    let window = &packager.window;
    let whole = window.whole(FIRST + 1).expect("a complete segment").concat();
    let mut parts = Vec::new();
    for part in 0.. {
        let Some(bytes) = window.part(FIRST + 1, part) else { break };
        parts.extend_from_slice(&bytes);
    }
    assert_eq!(whole, parts);
    assert_eq!(&whole[4..8], b"moof");
    let init = window.init(FIRST).expect("of the first run");
    assert_eq!(&init[4..8], b"ftyp");
    for name in [&b"avc1"[..], b"mp4a"] {
        assert!(init.windows(4).any(|four| four == name), "{name:?}");
    }
    assert_eq!(window.whole(FIRST + 4), None, "it still grows");
    assert_eq!((window.part(FIRST, 99), window.init(FIRST + 1), window.whole(7)), (None, None, None));
}

#[test]
fn who_may_not_hear_gets_no_sound() {
    let mut packager = Packager::new(false, BEGIN);
    for ms in (0..5_000).step_by(40) {
        packager.push(&sound(ms), tracks);
        packager.push(&picture(1, ms, ms % 2_000 == 0), tracks);
    }
    let init = packager.window.init(FIRST).expect("pictures came");
    assert!(!init.windows(4).any(|four| four == b"mp4a"));
    let whole = packager.window.whole(FIRST).expect("a segment").concat();
    assert!(!whole.windows(8).any(|eight| eight == [9; 8]), "a sample of sound");
}

#[test]
fn a_camera_that_comes_back_begins_anew_and_is_said_to() {
    let mut packager = Packager::new(false, BEGIN);
    play(&mut packager, 1, 0, 5_000, 40, 2_000);
    play(&mut packager, 2, 700_000, 705_000, 40, 2_000);
    let text = text(&mut packager, false);
    assert_eq!(lines(&text, "#EXT-X-DISCONTINUITY\n").len() + text.matches("#EXT-X-DISCONTINUITY\n").count(), 1);
    assert_eq!(lines(&text, "#EXT-X-MAP:URI=").len(), 2, "{text}");
    let before = text.split("#EXT-X-DISCONTINUITY\n").next().expect("a part");
    assert!(before.ends_with("\n102.m4s\n"), "what was begun is ended: {text}");
}

#[test]
fn a_pause_breaks_the_times_and_a_stutter_does_not() {
    let with_gap = |gap_ms: i64| {
        let mut packager = Packager::new(false, BEGIN);
        for ms in (0..8_000).step_by(40) {
            let late = if ms >= 3_000 { gap_ms } else { 0 };
            packager.push(&picture(1, ms + late, ms % 1_000 == 0), tracks);
        }
        text(&mut packager, false).matches("#EXT-X-DISCONTINUITY\n").count()
    };
    assert_eq!((with_gap(0), with_gap(400), with_gap(3_000)), (0, 0, 1));
}

#[test]
fn without_keys_segments_end_all_the_same() {
    let mut packager = Packager::new(false, BEGIN);
    play(&mut packager, 1, 0, 30_000, 40, 60_000);
    let text = text(&mut packager, false);
    assert_eq!(lines(&text, "#EXT-X-TARGETDURATION:"), ["6"]);
    assert!(lines(&text, "#EXTINF:").iter().all(|length| number(length) <= 6.4), "{text}");
    assert_eq!(text.matches("INDEPENDENT=YES").count(), 0, "only the first part of all was, and is not listed");
}

#[test]
fn a_delta_leaves_out_what_is_old_and_nothing_else() {
    let mut packager = Packager::new(false, BEGIN);
    play(&mut packager, 1, 0, 60_300, 40, 2_000);
    let (all, delta) = (text(&mut packager, false), text(&mut packager, true));
    let skipped: usize = lines(&delta, "#EXT-X-SKIP:SKIPPED-SEGMENTS=")[0].parse().expect("a number");
    assert!(skipped >= 1);
    let (all_lengths, delta_lengths) = (lines(&all, "#EXTINF:"), lines(&delta, "#EXTINF:"));
    assert_eq!(all_lengths.len(), skipped + delta_lengths.len());
    assert_eq!(lines(&all, "#EXT-X-PART:"), lines(&delta, "#EXT-X-PART:"));
    assert!(!delta.contains("#EXT-X-MAP"), "it holds for what was left out: {delta}");
    assert!(delta_lengths.len() >= 6, "within the skip boundary of 12 s nothing is left out");
}

#[test]
fn what_is_no_more_listed_can_be_had_for_a_while_and_memory_is_bounded() {
    let mut packager = Packager::new(false, BEGIN);
    play(&mut packager, 1, 0, 30_000, 40, 2_000);
    let first: u64 = lines(&text(&mut packager, false), "#EXT-X-MEDIA-SEQUENCE:")[0].parse().expect("a number");
    assert!(first > FIRST);
    assert_eq!(lines(&text(&mut packager, false), "#EXT-X-DISCONTINUITY-SEQUENCE:"), ["7"], "none since it began");
    assert!(packager.window.whole(first - 1).is_some(), "a playlist that lists it is still in use");
    let held = packager.window.bytes();
    play(&mut packager, 1, 30_000, 300_000, 40, 2_000);
    assert!(packager.window.bytes() <= held + held / 4, "{} where {held} were", packager.window.bytes());
    assert!(packager.window.whole(FIRST).is_none());
    assert!(packager.window.init(FIRST).is_some(), "it is in use");
}

#[test]
fn what_a_directive_names_is_there_or_not_yet_or_never() {
    let mut packager = Packager::new(false, BEGIN);
    // Segments of 2 s in 8 parts each of 240 ms and one of 80; then 3 parts.
    play(&mut packager, 1, 0, 2_800, 40, 2_000);
    let window = &packager.window;
    assert_eq!(window.next(), (FIRST + 1, 3));
    for (asked, expected) in [
        ((FIRST, None), Reached::Yes),
        ((FIRST + 1, None), Reached::NotYet),
        ((FIRST + 1, Some(2)), Reached::Yes),
        ((FIRST + 1, Some(3)), Reached::NotYet),
        ((FIRST, Some(8)), Reached::Yes),
        ((FIRST, Some(99)), Reached::Yes),
        ((FIRST + 2, Some(0)), Reached::NotYet),
        ((FIRST + 3, None), Reached::Never),
        ((3, None), Reached::Yes),
    ] {
        assert_eq!(window.reached(asked), expected, "{asked:?}");
    }
}

#[test]
fn the_hint_is_always_what_comes_next() {
    let mut packager = Packager::new(false, BEGIN);
    let mut hinted = None;
    for ms in (0..20_000).step_by(40) {
        let grew = packager.push(&picture(1, ms, ms % 1_640 == 0), tracks);
        if grew && let Some((segment, part)) = hinted {
            assert!(packager.window.part(segment, part).is_some(), "part {segment}.{part} was hinted at");
        }
        hinted = Some(packager.window.next());
    }
    let segments: Vec<Option<f64>> =
        (FIRST..FIRST + 3).map(|number| packager.window.whole(number).map(|bytes| bytes.len() as f64)).collect();
    assert!(segments.iter().any(Option::is_some));
}

#[test]
fn a_segment_counts_its_parts() {
    let part = |duration_us| super::part::Part { duration_us, independent: false, data: Bytes::from_static(b"abc") };
    let segment = Segment {
        number: 1,
        utc_us: 0,
        init: 1,
        discontinuity: false,
        parts: vec![part(240_000), part(80_000)],
        complete: true,
    };
    assert_eq!((segment.duration_us(), segment.bytes(), segment.data().len()), (320_000, 6, 2));
}

#[tokio::test]
async fn players_wait_for_what_comes_and_packaging_ends_with_them() {
    let hub = Hub::new(HubConfig::default());
    let key = StreamKey::parse("gate").expect("a good name");
    let hls = Hls::new(Pictures::new(hub.clone(), None), tokio::runtime::Handle::current());
    let playlist = Wanted::Playlist(Reload::default());
    let player = Player { key: key.clone(), audio: true, codecs: Codecs::All };
    assert_eq!(hls.ask(&player, playlist, "").await, Err(Missing::Stream));
    let mut publisher = hub.publish(&key, tracks().to_vec());
    let waits = tokio::spawn({
        let (hls, player) = (hls.clone(), player.clone());
        async move { hls.ask(&player, playlist, "token=a").await }
    });
    for ms in (0..2_400).step_by(40) {
        publisher.push(picture(0, ms, ms % 2_000 == 0));
        tokio::task::yield_now().await;
    }
    assert!(waits.await.expect("no panic").is_ok());
    // All that was published is packaged before the next request is answered.
    tokio::time::sleep(Duration::from_millis(20)).await;
    let found = hls.ask(&player, playlist, "token=a").await.expect("a playlist");
    assert_eq!(found.choice, Choice { variant: Variant::AsIs, reason: None });
    let Answer::Playlist { text, target_s: 2, blocking: false } = found.answer else { panic!("{found:?}") };
    let other = Player { codecs: Codecs::parse("h265").expect("a codec"), ..player.clone() };
    assert_eq!(hls.ask(&other, playlist, "").await, Err(Missing::Codec { camera: Codec::H264 }));
    let text = String::from_utf8(text.to_vec()).expect("text");
    assert!(text.contains(".m4s?token=a\n") && text.contains(".mp4?token=a\""), "{text}");
    let hint = lines(&text, "#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"")[0];
    let name = hint.split('?').next().expect("a name");
    let wanted = super::ask::wanted(name, None).expect("a name of ours");
    let waits = tokio::spawn({
        let (hls, player) = (hls.clone(), player.clone());
        async move { hls.ask(&player, wanted, "").await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waits.is_finished(), "the part is not there yet");
    for ms in (2_400..3_000).step_by(40) {
        publisher.push(picture(0, ms, false));
    }
    let found = waits.await.expect("no panic").expect("the part");
    let Answer::Media(pieces) = found.answer else { panic!("no media") };
    assert_eq!(&pieces[0][4..8], b"moof");
    assert_eq!(hls.metrics().streams, 1);
    assert!(hls.metrics().held_bytes > 0);
    hls.end_stream(&key);
    for _ in 0..200 {
        if hls.metrics().held_bytes == 0 {
            return;
        }
        publisher.push(picture(0, 9_000, false));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} bytes are held for nobody", hls.metrics().held_bytes);
}

fn player_of(key: &StreamKey, codecs: &str) -> Player {
    Player { key: key.clone(), audio: true, codecs: Codecs::parse(codecs).expect("codecs") }
}

#[tokio::test(start_paused = true)]
async fn players_who_are_sent_the_same_share_one_window_whatever_they_say_they_take() {
    let hub = Hub::new(HubConfig::default());
    let key = StreamKey::parse("gate").expect("a good name");
    let mut publisher = hub.publish(&key, tracks().to_vec());
    let hls = Hls::new(Pictures::new(hub.clone(), None), tokio::runtime::Handle::current());
    let lists = ["h264", "h264,h265", "h264,av1", "h264,av1,vp9"];
    let players = lists.map(|list| player_of(&key, list));
    let deaf = Player { audio: false, ..players[0].clone() };
    for player in players.iter().chain([&deaf]) {
        let asked = hls.ask(player, Wanted::Playlist(Reload::default()), "");
        assert_eq!(tokio::time::timeout(Duration::from_millis(1), asked).await.ok(), None, "no picture has come");
    }
    assert_eq!(hls.metrics().streams, 2, "one who may not hear has his own");
    for ms in (0..4_000).step_by(40) {
        publisher.push(picture(0, ms, ms % 2_000 == 0));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut texts = Vec::new();
    for player in &players {
        let found = hls.ask(player, Wanted::Playlist(Reload::default()), "").await.expect("a playlist");
        texts.push(found.answer);
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    // All of them keep it, and it goes with the last.
    for _ in 0..20 {
        let asked = hls.ask(&players[3], Wanted::Playlist(Reload::default()), "").await;
        assert!(asked.is_ok(), "{asked:?}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(hls.metrics().streams, 1);
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!((hls.metrics().streams, hls.metrics().held_bytes), (0, 0));
    assert!(hls.inner.live.lock().is_empty(), "no list is kept");
}

#[tokio::test(start_paused = true)]
async fn where_too_much_is_packaged_no_window_more_begins_and_nothing_is_converted_for_one() {
    let hub = Hub::new(HubConfig::default());
    let (gate, yard) = (StreamKey::parse("gate").expect("a name"), StreamKey::parse("yard").expect("a name"));
    let _gate = hub.publish(&gate, tracks().to_vec());
    let _yard = hub.publish(&yard, vec![Track::video(Codec::H265)]);
    let hls = Hls::new(Pictures::new(hub.clone(), None), tokio::runtime::Handle::current());
    assert!(hls.live(&player_of(&gate, "h264")).is_ok());
    hls.inner.held_bytes.store(super::MOST_BYTES + 1, std::sync::atomic::Ordering::Relaxed);
    assert!(hls.live(&player_of(&gate, "h264,h265")).is_ok(), "what is there is shared");
    let deaf = Player { audio: false, ..player_of(&gate, "h264") };
    // Not even asked whether it could be converted.
    for player in [deaf, player_of(&yard, "h265"), player_of(&yard, "h264")] {
        assert_eq!(hls.live(&player).err(), Some(Missing::Full), "{player:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_was_sent_a_sub_stream_that_is_removed_is_given_what_there_is_then() {
    let hub = Hub::new(HubConfig::default());
    let (main, sub) = (StreamKey::parse("gate").expect("a name"), StreamKey::parse("gate/sub").expect("a name"));
    let _main = hub.publish(&main, vec![Track::video(Codec::H265)]);
    let _sub = hub.publish(&sub, tracks().to_vec());
    let hls = Hls::new(Pictures::new(hub.clone(), None), tokio::runtime::Handle::current());
    let player = player_of(&main, "h264");
    assert_eq!(hls.live(&player).expect("the sub-stream").choice.variant, Variant::Sub);
    hub.remove(&sub);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(hls.metrics().streams, 0);
    assert_eq!(hls.live(&player).err(), Some(Missing::Codec { camera: Codec::H265 }));
}

#[test]
fn av1_and_vp9_are_played_and_other_open_codecs_are_not() {
    for (name, entry, played) in [
        ("av1", b"av01", true),
        ("vp9", b"vp09", true),
        ("vp8", b"vp08", false),
        ("mjpeg", b"jpeg", false),
        ("mpeg4", b"mp4v", false),
    ] {
        let path = format!("{}/../../../tests/vectors/camera.{name}.ivf", env!("CARGO_MANIFEST_DIR"));
        let stream = Ivf::read(&std::fs::read(path).expect("a vector").into()).expect("an IVF file");
        let codec = stream.codec;
        let track = Track::video(codec.clone());
        let mut packager = Packager::new(false, BEGIN);
        for number in 0..150 {
            let place = number % stream.frames.len();
            let ms = number as i64 * 40;
            let data = stream.frames[place].1.clone();
            let frame = Frame { codec: codec.clone(), data, ..picture(1, ms, place.is_multiple_of(6)) };
            packager.push(&frame, || vec![track.clone()].into());
        }
        let init = packager.window.init(FIRST);
        assert_eq!(init.is_some(), played, "{name}");
        assert_eq!(init.is_some_and(|init| init.windows(4).any(|four| four == entry)), played, "{name}");
    }
}
