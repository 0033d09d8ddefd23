//! Files that other programs write give the pictures that went in.

use std::path::PathBuf;
use std::process::Command;

use vms_media::ivf::Ivf;
use vms_media::{AccessUnit, Codec, FileError, FileItem, MediaFile, Track, access_units};

fn vector(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../../tests/vectors", name].iter().collect()
}

/// What ffmpeg makes of a clip at 25 pictures a second, and two seconds of sound.
fn made(clip: &str, sound: &[&str], form: &[&str]) -> Vec<u8> {
    let form_of_clip = if clip.ends_with("265") { "hevc" } else { "h264" };
    let clip = vector(clip).to_string_lossy().into_owned();
    // The clips that reorder say in no container when they are shown: counted up.
    let mut what = vec!["-fflags", "+genpts", "-r", "25", "-f", form_of_clip, "-i", &clip];
    if !sound.is_empty() {
        what.extend(["-f", "lavfi", "-i", "sine=r=48000:d=2"]);
        what.extend(sound);
    }
    what.extend(["-c:v", "copy"]);
    written(&what, form)
}

/// What ffmpeg writes.
fn written(what: &[&str], form: &[&str]) -> Vec<u8> {
    let name = format!("vms-files-{}-{:?}", std::process::id(), std::thread::current().id());
    let to = std::env::temp_dir().join(name);
    let done = Command::new("ffmpeg").args(["-v", "error", "-y"]).args(what).args(form).arg(&to).output();
    let done = done.expect("ffmpeg is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let bytes = std::fs::read(&to).expect("it was written");
    std::fs::remove_file(to).expect("it is ours");
    bytes
}

struct Played {
    tracks: Vec<Track>,
    units: Vec<(u8, AccessUnit)>,
}

fn played(bytes: Vec<u8>) -> Result<Played, FileError> {
    let mut file = MediaFile::open(Box::new(bytes))?;
    let (mut items, mut units) = (Vec::new(), Vec::new());
    loop {
        let more = file.next(&mut items)?;
        for item in items.drain(..) {
            match item {
                FileItem::Unit { track, unit } => units.push((track, unit)),
                FileItem::Lost(reason) => panic!("nothing is lost: {reason:?}"),
            }
        }
        if !more {
            return Ok(Played { tracks: file.tracks(), units });
        }
    }
}

/// Picture data, without what is put in front of key frames.
fn slices(codec: &Codec, data: &[u8]) -> Vec<Vec<u8>> {
    let is_slice = |nal: &&[u8]| match codec {
        Codec::H264 => matches!(nal[0] & 0x1f, 1..=5),
        _ => nal[0] >> 1 & 0x3f < 32,
    };
    // ffmpeg counts zeros before a start code to what stands before.
    let trimmed = |nal: &[u8]| nal[..nal.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1)].to_vec();
    vms_media::nals(data).filter(is_slice).map(trimmed).collect()
}

fn check(clip: &str, sound: &[&str], form: &[&str], expected: Option<Codec>) {
    let Played { tracks, units } = played(made(clip, sound, form)).unwrap_or_else(|error| panic!("{form:?}: {error}"));
    let codec = if clip.ends_with("265") { Codec::H265 } else { Codec::H264 };
    let codecs: Vec<_> = tracks.iter().map(|track| track.codec.clone()).collect();
    assert_eq!(codecs, std::iter::once(codec.clone()).chain(expected).collect::<Vec<_>>(), "{form:?}");
    let stream = std::fs::read(vector(clip)).expect("a vector");
    let wanted: Vec<_> = access_units(&codec, &stream).iter().map(|unit| slices(&codec, &unit.data)).collect();
    let pictures: Vec<_> = units.iter().filter(|(track, _)| *track == 0).map(|(_, unit)| unit).collect();
    let found: Vec<_> = pictures.iter().map(|unit| slices(&codec, &unit.data)).collect();
    let differs = found.iter().zip(&wanted).position(|(found, wanted)| found != wanted);
    assert_eq!((found.len(), differs), (wanted.len(), None), "{form:?}: pictures, and the first that differs");
    assert!(pictures.iter().all(|unit| unit.dts <= unit.timestamp), "{form:?}");
    let mut shown: Vec<_> = pictures.iter().map(|unit| unit.timestamp).collect();
    shown.sort_unstable();
    // Containers that count milliseconds are a little off; without an edit list
    // the first picture is shown as much longer as AAC begins earlier.
    assert!(shown.windows(2).skip(1).all(|pair| (pair[1] - pair[0] - 3600).abs() <= 180), "{form:?}: {shown:?}");
    let sounds: Vec<_> = units.iter().filter(|(track, _)| *track == 1).map(|(_, unit)| unit).collect();
    if let Some(track) = tracks.get(1) {
        let times = || sounds.iter().map(|unit| unit.timestamp);
        let ticks = times().max().unwrap_or(0) - times().min().unwrap_or(0);
        let seconds = ticks as f64 / f64::from(track.clock_rate);
        assert!((1.8..2.8).contains(&seconds), "{form:?}: {seconds} s of sound");
        assert!(sounds.windows(2).all(|pair| pair[0].timestamp < pair[1].timestamp), "{form:?}");
        // Sound and picture come together, within a second.
        let mut last = [None; 2];
        for (id, unit) in &units {
            let track = usize::from(*id);
            last[track] = Some(unit.dts as f64 / f64::from(tracks[track].clock_rate));
            let [Some(picture), Some(sound)] = last else { continue };
            assert!((picture - sound).abs() < 1.0, "{form:?}: {last:?}");
        }
    }
}

const AAC: &[&str] = &["-c:a", "aac"];
const OPUS: &[&str] = &["-c:a", "libopus"];
const A_LAW: &[&str] = &["-c:a", "pcm_alaw", "-ar", "8000", "-ac", "1"];
const MU_LAW: &[&str] = &["-c:a", "pcm_mulaw", "-ar", "8000", "-ac", "1"];

#[test]
fn mp4_gives_what_went_in() {
    check("camera.h264", AAC, &["-f", "mp4"], Some(Codec::Aac));
    check("camera.h265", OPUS, &["-f", "mp4", "-movflags", "+faststart"], Some(Codec::Opus));
    check("camera.h264", A_LAW, &["-f", "mov"], Some(Codec::Pcma));
    check("camera.h264", &[], &["-f", "mp4"], None);
}

#[test]
fn fragments_give_what_went_in() {
    let plain = ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov"];
    check("camera.h264", AAC, &plain, Some(Codec::Aac));
    let based = ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof+separate_moof"];
    check("camera.h265", AAC, &based, Some(Codec::Aac));
    check("camera.h264", AAC, &["-f", "mp4", "-movflags", "+frag_keyframe"], Some(Codec::Aac));
}

#[test]
fn matroska_gives_what_went_in() {
    check("camera.h264", OPUS, &["-f", "matroska"], Some(Codec::Opus));
    check("camera.h265", AAC, &["-f", "matroska"], Some(Codec::Aac));
    check("camera.h264", MU_LAW, &["-f", "matroska"], Some(Codec::Pcmu));
    check("camera.h264", AAC, &["-f", "matroska", "-live", "1"], Some(Codec::Aac));
}

#[test]
fn streams_and_raw_pictures_give_what_went_in() {
    check("camera.h264", AAC, &["-f", "mpegts"], Some(Codec::Aac));
    check("camera.h265", AAC, &["-f", "mpegts"], Some(Codec::Aac));
    check("camera.h264", AAC, &["-f", "flv"], Some(Codec::Aac));
    check("camera.h264", &[], &["-f", "h264"], None);
    check("camera.h265", &[], &["-f", "hevc"], None);
    check("slices.h264", &[], &["-f", "h264"], None);
}

/// Frames of a codec without NAL units, through a container and back.
fn check_whole(codec: &str, form: &[&str]) {
    let name = format!("camera.{codec}.ivf");
    let stream = Ivf::read(&std::fs::read(vector(&name)).expect("a vector").into()).expect("an IVF file");
    let bytes = written(&["-i", &vector(&name).to_string_lossy(), "-c:v", "copy"], form);
    let Played { tracks, units } = played(bytes).unwrap_or_else(|error| panic!("{codec} {form:?}: {error}"));
    assert_eq!(tracks.iter().map(|track| &track.codec).collect::<Vec<_>>(), [&stream.codec], "{form:?}");
    assert_eq!(units.len(), stream.frames.len(), "{codec} {form:?}");
    assert!(units[0].1.key, "{codec} {form:?}");
    for ((_, unit), (_, data)) in units.iter().zip(&stream.frames) {
        // Delimiters of AV1 stay out; heads may be put in front.
        let bare = if codec == "av1" { data.strip_prefix(&[0x12, 0]).unwrap_or(data) } else { data };
        assert!(unit.data.ends_with(bare), "{codec} {form:?}: {} bytes of {}", unit.data.len(), bare.len());
    }
    let steps = units.windows(2).map(|pair| pair[1].1.timestamp - pair[0].1.timestamp);
    assert!(steps.into_iter().all(|step| (3000..9200).contains(&step)), "{codec} {form:?}");
}

#[test]
fn codecs_without_nal_units_come_back_too() {
    for codec in ["av1", "vp8", "vp9", "mjpeg", "mpeg4"] {
        check_whole(codec, &["-f", "matroska"]);
    }
    for codec in ["av1", "vp9", "mpeg4", "mjpeg"] {
        check_whole(codec, &["-f", "mp4"]);
    }
    check_whole("mjpeg", &["-f", "mov"]);
}

/// Whatever is cut off or flipped costs an error or a picture, never a panic.
#[test]
fn damaged_files_end() {
    for form in [&["-f", "mp4"][..], &["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov"], &["-f", "matroska"]] {
        let whole = made("camera.h264", AAC, form);
        let ends = |bytes: Vec<u8>| {
            let Ok(mut file) = MediaFile::open(Box::new(bytes)) else { return };
            let mut items = Vec::new();
            while file.next(&mut items) == Ok(true) {
                assert!(items.len() < 1 << 20, "it ends");
            }
        };
        for cut in (0..whole.len()).step_by(whole.len() / 50) {
            ends(whole[..cut].to_vec());
        }
        // Heads lie at both ends.
        let places = (0..400).chain((0..whole.len()).step_by(whole.len() / 100)).chain(whole.len() - 400..whole.len());
        for at in places {
            let mut flipped = whole.clone();
            flipped[at] ^= 0x81;
            ends(flipped);
        }
    }
}
