//! Files under `media_dir` are played like cameras.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use vms_media::{Codec, Frame};
use vms_sources::State;

use common::{Scene, scene_with, vector};

/// A folder for files of this test's own, removed in the end.
struct Media(PathBuf);

impl Media {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-media-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    /// Two seconds of a clip, with sound, in a container.
    fn clip(&self, clip: &str, to: &str) {
        let form = if clip.ends_with("265") { "hevc" } else { "h264" };
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y", "-r", "25", "-f", form, "-i"]).arg(vector(clip));
        command.args(["-f", "lavfi", "-i", "sine=r=48000:d=2", "-c:v", "copy", "-c:a", "aac", "-shortest"]);
        let done = command.arg(self.0.join(to)).status().expect("ffmpeg is installed");
        assert!(done.success());
    }

    fn play(&self, address: &str) -> Scene {
        scene_with(address, true, Some(self.0.clone()))
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("ours");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_played_again_and_again_in_real_time() {
    let media = Media::new("loop");
    media.clip("camera.h264", "clip.mp4");
    let mut scene = media.play("file:clip.mp4");
    let began = Instant::now();
    scene.until(State::Live, None).await;
    // The clip has fifty pictures.
    let frames = scene.pictures(70).await;
    let took = began.elapsed();
    assert!((Duration::from_millis(2500)..Duration::from_secs(6)).contains(&took), "{took:?}");
    assert!(frames.iter().all(|frame| !frame.discontinuity && frame.epoch == frames[0].epoch));
    let steps: Vec<_> = frames.windows(2).map(|pair| pair[1].dts - pair[0].dts).collect();
    // Where it begins anew the sound may be a little longer than the pictures.
    assert!(steps.iter().all(|step| (3500..9000).contains(step)), "{steps:?}");
    let now = scene_clock();
    let age = now - frames[69].timing.utc_us;
    assert!((0..2_000_000).contains(&age), "it is taken now: {age} us ago");
    scene.frames(25).await;
    let codecs: Vec<_> =
        scene.hub.stream(&scene.key).expect("there").tracks().iter().map(|t| t.codec.clone()).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Aac]);
}

fn scene_clock() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(now.as_micros()).expect("before the year 290000")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_joined_of_two_files_is_played_in_real_time() {
    let media = Media::new("joined");
    media.clip("camera.h264", "clip.ts");
    let clip = std::fs::read(media.0.join("clip.ts")).expect("written");
    std::fs::write(media.0.join("joined.ts"), [&clip[..], &clip].concat()).expect("a folder of ours");
    std::fs::remove_file(media.0.join("clip.ts")).expect("ours");
    let scene = media.play("file:joined.ts");
    let frames = scene.pictures(80).await;
    let steps: Vec<_> = frames.windows(2).map(|pair| pair[1].dts - pair[0].dts).collect();
    assert!(steps.iter().all(|step| (3500..9000).contains(step)), "{steps:?}");
    let ahead = |frame: &Frame| frame.pts - frame.dts;
    assert!(frames.iter().all(|frame| ahead(frame) == ahead(&frames[0])), "each is shown as much later");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_played_in_order_and_another_codec_begins_anew() {
    let media = Media::new("folder");
    std::fs::create_dir(media.0.join("day")).expect("a folder");
    media.clip("camera.h264", "day/1.mkv");
    media.clip("camera.h265", "day/2.ts");
    let mut scene = media.play("file:day");
    scene.until(State::Live, None).await;
    let frames = scene.pictures(70).await;
    let first = frames.iter().position(|frame| frame.codec == Codec::H265).expect("the second file");
    assert!(first > 40, "{first}");
    assert!(frames[first].key && frames[first].epoch > frames[0].epoch);
    assert!(frames[first..].iter().all(|frame| frame.codec == Codec::H265));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_pictures_shows_one_a_second() {
    let media = Media::new("pictures");
    std::fs::create_dir(media.0.join("album")).expect("a folder");
    let to = media.0.join("album/%d.jpg");
    let made = ["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=96x64:rate=1:duration=2"];
    let done = Command::new("ffmpeg").args(made).arg(to).status().expect("ffmpeg is installed");
    assert!(done.success());
    let mut scene = media.play("file:album");
    scene.until(State::Live, None).await;
    let frames = scene.pictures(4).await;
    assert!(frames.iter().all(|frame| frame.codec == Codec::Jpeg && frame.key && frame.epoch == frames[0].epoch));
    assert!(frames.windows(2).all(|pair| pair[1].dts - pair[0].dts == 90_000));
    assert!(frames[0].data != frames[1].data && frames[0].data == frames[2].data, "two, again and again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_of_a_folder_is_named_and_the_next_one_is_played() {
    let media = Media::new("broken");
    media.clip("camera.h264", "2.mp4");
    let whole = std::fs::read(media.0.join("2.mp4")).expect("a file");
    std::fs::write(media.0.join("1.mp4"), &whole[..whole.len() / 2]).expect("a file");
    std::fs::create_dir(media.0.join("in")).expect("a folder");
    for name in ["1.mp4", "2.mp4"] {
        std::fs::rename(media.0.join(name), media.0.join("in").join(name)).expect("ours");
    }
    let mut scene = media.play("file:in");
    scene.until(State::BackingOff, Some("file_broken")).await;
    let detail = scene.source.status().reason.and_then(|reason| reason.value().map(|(_, text)| text.to_owned()));
    assert!(detail.as_deref().is_some_and(|text| text.starts_with("in/1.mp4: at byte ")), "{detail:?}");
    scene.until(State::Live, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_may_change_while_they_are_played() {
    let media = Media::new("changes");
    media.clip("camera.h264", "clip.ts");
    let mut scene = media.play("file:clip.ts");
    scene.until(State::Live, None).await;
    scene.pictures(5).await;
    media.clip("camera.h265", "new.ts");
    std::fs::rename(media.0.join("new.ts"), media.0.join("clip.ts")).expect("ours");
    let is_new = |frames: Vec<Frame>| frames.last().is_some_and(|frame| frame.codec == Codec::H265);
    while !is_new(scene.pictures(20).await) {}
    std::fs::write(media.0.join("clip.ts"), "gone").expect("ours");
    scene.until(State::BackingOff, Some("file_broken")).await;
    std::fs::remove_file(media.0.join("clip.ts")).expect("ours");
    scene.until(State::BackingOff, Some("file_not_found")).await;
    media.clip("camera.h264", "clip.ts");
    scene.until(State::Live, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_played_has_its_reason() {
    let media = Media::new("reasons");
    let sound = ["-v", "error", "-f", "lavfi", "-i", "sine=r=48000:d=1", "-c:a", "aac"];
    let done = Command::new("ffmpeg").args(sound).arg(media.0.join("sound.mp4")).status().expect("ffmpeg");
    assert!(done.success());
    std::fs::write(media.0.join("words.mp4"), "words").expect("a file");
    std::os::unix::fs::symlink(Path::new("/etc"), media.0.join("etc")).expect("a link");
    for (address, code) in [
        ("file:none.mp4", "file_not_found"),
        ("file:etc/passwd", "file_refused"),
        ("file:../x.mp4", "file_refused"),
        ("file:sound.mp4", "file_no_video"),
        ("file:words.mp4", "file_broken"),
    ] {
        let mut scene = media.play(address);
        scene.until(State::BackingOff, Some(code)).await;
    }
    let mut scene = scene_with("file:words.mp4", true, None);
    scene.until(State::BackingOff, Some("file_refused")).await;
}
