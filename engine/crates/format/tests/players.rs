//! What is written from a camera's frames plays in other people's players:
//! FFmpeg's ffprobe opens it, counts every frame and agrees on the length.

mod common;

use std::process::Command;

use bytes::Bytes;
use common::{int, json, text, unhex, vectors};
use vms_format::mkv;
use vms_format::recover::{HashFrom, recover};
use vms_format::track::Learned;
use vms_format::{Fragment, Fragmenter, Owner, PartId, PartWriter, Step, StreamState, TrackConfig};
use vms_media::ivf::Ivf;
use vms_media::{Codec, Depacketiser, Frame, RtpPacket, Timing, Track, TrackKind, access_units, packetise};

const START_US: i64 = 1_795_773_600_000_000;

fn stream(kind: TrackKind, id: u8, codec: Codec, clock_rate: u32, fmtp: &str) -> Track {
    Track { id, kind, codec, clock_rate, channels: u8::from(kind == TrackKind::Audio), fmtp: fmtp.into() }
}

fn frame(track: &Track, number: u64, key: bool, ticks: i64, data: Bytes) -> Frame {
    Frame {
        track: track.id,
        kind: track.kind,
        codec: track.codec.clone(),
        epoch: 1,
        number,
        key,
        discontinuity: false,
        // Cameras count from anywhere.
        dts: 7_000_000 + ticks,
        pts: 7_000_000 + ticks,
        timing: Timing { utc_us: START_US + ticks * 1_000_000 / i64::from(track.clock_rate), error_us: Some(900) },
        data,
    }
}

/// Two seconds at 25 frames a second.
fn video(track: &Track, file: &str) -> Vec<Frame> {
    let path = vectors().join("..").join(file);
    let units = access_units(&track.codec, &std::fs::read(path).expect("a vector"));
    assert_eq!(units.len(), 50);
    (0..).zip(units).map(|(n, unit)| frame(track, n, unit.key, n as i64 * 3600, unit.data)).collect()
}

/// Two seconds of a list of samples, again and again.
fn audio(track: &Track, list: &str) -> Vec<Frame> {
    let values = json(vectors().join("samples").join(format!("{list}.json")));
    let samples = values["samples"].as_array().expect("samples");
    let (mut frames, mut ticks) = (Vec::new(), 0);
    while ticks < 2 * i64::from(track.clock_rate) {
        let sample = &samples[frames.len() % samples.len()];
        frames.push(frame(track, frames.len() as u64, false, ticks, unhex(text(&sample["hex"])).into()));
        ticks += int(&sample["duration"]);
    }
    frames
}

struct Recorded {
    file: Vec<u8>,
    fragments: Vec<Fragment>,
}

fn record(tracks: &[Track], mut frames: Vec<Frame>) -> Recorded {
    frames.sort_by_key(|frame| frame.timing.utc_us);
    let mut configs = TrackConfig::of_stream(tracks);
    let keys = frames.iter().find(|frame| frame.key);
    if let (Some(key), Some(video)) = (keys, configs.iter_mut().find(|config| config.is_video())) {
        assert_eq!(video.learn(key), Learned::Sets);
        let size = if video.codec.has_nals() { (160, 120) } else { (96, 64) };
        assert_eq!((video.width, video.height), size);
    }
    let mut cutter = Fragmenter::new(&configs);
    let mut fragments = Vec::new();
    for frame in &frames {
        match cutter.push(frame) {
            Step::Held => {}
            Step::Closed(fragment) => fragments.push(fragment),
            other => panic!("{other:?}"),
        }
    }
    fragments.extend(cutter.flush());
    let part = PartId { hour: 498_826, part: 0, stream: 0 };
    let mut writer = PartWriter::new(&Owner::new("porto", "gate"), part, 1, &configs, None);
    let mut state = StreamState::new("gate", 0);
    let mut file = writer.init().to_vec();
    for fragment in &fragments {
        let written = writer.fragment(fragment.clone(), 0, &mut state).expect("fits");
        assert_eq!(written.stored.place.offset, file.len() as u64);
        written.slices().for_each(|slice| file.extend(slice));
        assert_eq!(written.stored.place.offset + u64::from(written.stored.place.size), file.len() as u64);
    }
    let found = recover(&file, None, HashFrom::START).expect("reads");
    assert_eq!((found.fragments.len(), found.torn.len()), (fragments.len(), 0));
    Recorded { file, fragments }
}

/// Codec name, frames, and seconds to the end of the last one, of each track.
fn probe(file: &[u8], name: &str) -> Vec<(String, usize, f64)> {
    let path = std::env::temp_dir().join(format!("vms-format-{}-{name}.mp4", std::process::id()));
    std::fs::write(&path, file).expect("a temporary file");
    let run = |show: &str| {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-of", "json", show])
            .arg(&path)
            .output()
            .expect("ffprobe is installed (Debian: apt install ffmpeg)");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON")
    };
    let (streams, packets) = (run("-show_streams"), run("-show_packets"));
    std::fs::remove_file(&path).expect("removes");
    let number = |value: &serde_json::Value| text(value).parse::<f64>().expect("a number");
    let of = |index: &serde_json::Value| {
        let own: Vec<_> = packets["packets"]
            .as_array()
            .expect("packets")
            .iter()
            .filter(|packet| packet["stream_index"] == *index)
            .collect();
        // Not every parser of FFmpeg's tells a duration: the last one counts as the one before.
        let times: Vec<f64> = own.iter().map(|packet| number(&packet["pts_time"])).collect();
        let [.., before, last] = times[..] else { return (own.len(), 0.0) };
        (own.len(), last + (last - before))
    };
    let streams = streams["streams"].as_array().expect("streams").iter();
    streams
        .map(|stream| {
            let (count, end) = of(&stream["index"]);
            (text(&stream["codec_name"]).to_owned(), count, end)
        })
        .collect()
}

fn plays(name: &str, tracks: &[Track], frames: Vec<Frame>, wanted: &[(&str, usize)]) {
    let recorded = record(tracks, frames);
    let found = probe(&recorded.file, name);
    assert_eq!(found.iter().map(|(codec, count, _)| (codec.as_str(), *count)).collect::<Vec<_>>(), wanted, "{name}");
    let longest = found.iter().map(|(_, _, end)| *end).fold(0.0, f64::max);
    let told: i64 = recorded.fragments.iter().map(|fragment| i64::from(fragment.duration_us)).sum();
    assert!((longest - told as f64 / 1e6).abs() <= 0.13, "{name}: {longest} s, told {told} us");
    for (codec, count, end) in found {
        assert!((end - 2.0).abs() <= 0.13, "{name}: {codec} of {count} frames ends at {end}");
    }
}

#[test]
fn every_codec_plays() {
    let h264 = stream(TrackKind::Video, 0, Codec::H264, 90_000, "");
    let h265 = stream(TrackKind::Video, 0, Codec::H265, 90_000, "");
    let config = json(vectors().join("samples/aac.json"));
    let fmtp = format!("mode=AAC-hbr; config={}", text(&config["config"]));
    let aac = stream(TrackKind::Audio, 1, Codec::Aac, 8_000, &fmtp);
    let opus = stream(TrackKind::Audio, 1, Codec::Opus, 48_000, "");
    let alaw = stream(TrackKind::Audio, 1, Codec::Pcma, 8_000, "");
    let ulaw = stream(TrackKind::Audio, 1, Codec::Pcmu, 8_000, "");
    let both = |v: &Track, file: &str, a: &Track, list: &str| [video(v, file), audio(a, list)].concat();
    plays(
        "h264-aac",
        &[h264.clone(), aac.clone()],
        both(&h264, "camera.h264", &aac, "aac"),
        &[("h264", 50), ("aac", 16)],
    );
    plays("h265", std::slice::from_ref(&h265), video(&h265, "camera.h265"), &[("hevc", 50)]);
    let pair = [h264.clone(), alaw.clone()];
    plays("h264-alaw", &pair, both(&h264, "camera.h264", &alaw, "alaw"), &[("h264", 50), ("pcm_alaw", 100)]);
    let pair = [h265.clone(), ulaw.clone()];
    plays("h265-ulaw", &pair, both(&h265, "camera.h265", &ulaw, "ulaw"), &[("hevc", 50), ("pcm_mulaw", 100)]);
    let pair = [h265.clone(), opus.clone()];
    plays("h265-opus", &pair, both(&h265, "camera.h265", &opus, "opus"), &[("hevc", 50), ("opus", 100)]);
    plays("opus", std::slice::from_ref(&opus), audio(&opus, "opus"), &[("opus", 100)]);
}

/// The frames of an IVF vector, as they leave the depacketiser: with decode
/// times, and without what is not recorded.
fn pictures(track: &Track, file: &str) -> Vec<Frame> {
    let bytes = std::fs::read(vectors().join("..").join(file)).expect("a vector");
    let stream = Ivf::read(&bytes.into()).expect("an IVF file");
    assert_eq!(stream.codec, track.codec);
    let mut depacketiser = Depacketiser::new(&track.codec, 90_000, 0, "").expect("a known codec");
    let (mut units, mut drops) = (Vec::new(), Vec::new());
    for (shown, data) in &stream.frames {
        for payload in packetise(&track.codec, data) {
            let packet =
                RtpPacket { timestamp: shown * 3600, marker: payload.marker, loss: 0, payload: &payload.bytes };
            depacketiser.push(packet, &mut units, &mut drops);
        }
    }
    assert_eq!((units.len(), drops), (12, vec![]));
    let timed = |(number, unit): (u64, vms_media::AccessUnit)| {
        let frame = frame(track, number, unit.key, unit.dts, unit.data);
        Frame { pts: 7_000_000 + unit.timestamp, ..frame }
    };
    (0..).zip(units).map(timed).collect()
}

/// What ffmpeg makes of a file: each picture's time in seconds.
fn decoded(file: &[u8], name: &str) -> Vec<f64> {
    let path = std::env::temp_dir().join(format!("vms-format-{}-{name}", std::process::id()));
    std::fs::write(&path, file).expect("a temporary file");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(&path)
        .args(["-fps_mode", "passthrough", "-enc_time_base", "1:1000", "-f", "framehash", "-"])
        .output()
        .expect("ffmpeg is installed (Debian: apt install ffmpeg)");
    std::fs::remove_file(&path).expect("removes");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{name}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let times = lines.lines().filter(|line| !line.starts_with('#'));
    times
        .map(|line| line.split(',').nth(2).and_then(|pts| pts.trim().parse::<f64>().ok()).expect("a time") / 1000.0)
        .collect()
}

/// A file of Matroska with one cluster a key frame, as exports have it.
fn matroska(recorded: &Recorded) -> Vec<u8> {
    let tracks = mkv::Track::all(&recorded.file).expect("tracks");
    let mut clusters = Vec::new();
    for fragment in &recorded.fragments {
        let ms = |ticks: i64| ticks / 90;
        let mut cluster = mkv::Cluster::new(ms(fragment.samples[0].pts));
        fragment.samples.iter().for_each(|s| cluster.frame(s.track, ms(s.pts), s.key, &s.data));
        clusters.extend(cluster.finish());
    }
    let head = |totals: &mkv::Totals| mkv::head(&tracks, START_US, "test", totals);
    let bytes = (head(&mkv::Totals::default()).len() + clusters.len()) as u64;
    [head(&mkv::Totals { bytes, ..mkv::Totals::default() }), clusters].concat()
}

#[test]
fn codecs_without_nal_units_are_decoded_whole() {
    for (codec, file, name) in [
        (Codec::Av1, "camera.av1.ivf", "av1"),
        (Codec::Vp8, "camera.vp8.ivf", "vp8"),
        (Codec::Vp9, "camera.vp9.ivf", "vp9"),
        (Codec::Jpeg, "camera.mjpeg.ivf", "mjpeg"),
        (Codec::Mpeg4, "camera.mpeg4.ivf", "mpeg4"),
        (Codec::Mpeg4, "b_frames.mpeg4.ivf", "mpeg4"),
    ] {
        let track = stream(TrackKind::Video, 0, codec, 90_000, "");
        let recorded = record(std::slice::from_ref(&track), pictures(&track, file));
        let found = probe(&recorded.file, file);
        assert_eq!(found.iter().map(|(codec, count, _)| (codec.as_str(), *count)).collect::<Vec<_>>(), [(name, 12)]);
        let (mp4, mkv) = (decoded(&recorded.file, file), decoded(&matroska(&recorded), &format!("{file}.mkv")));
        for (container, times) in [("MP4", mp4), ("Matroska", mkv)] {
            assert_eq!(times.len(), 12, "{file} in {container}");
            // Shown at the pace at which they were taken.
            assert!(times.windows(2).all(|pair| (pair[1] - pair[0] - 0.04).abs() < 0.003), "{file}: {times:?}");
        }
    }
}

#[test]
fn a_file_plays_up_to_wherever_it_was_cut() {
    let track = stream(TrackKind::Video, 0, Codec::H264, 90_000, "");
    let recorded = record(std::slice::from_ref(&track), video(&track, "camera.h264"));
    let whole = recover(&recorded.file, None, HashFrom::START).expect("reads");
    for at in [1, whole.fragments.len() / 2] {
        let range = whole.fragments[at].range();
        let cut = &recorded.file[..range.start as usize];
        let frames: usize = recorded.fragments[..at].iter().map(|fragment| fragment.samples.len()).sum();
        assert_eq!(probe(cut, &format!("cut-{at}"))[0].1, frames);
    }
}
