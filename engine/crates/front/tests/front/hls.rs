//! Live video by HLS through the front.

use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use vms_hub::StreamKey;
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use crate::plain::{ask, connect, status};
use crate::rig::{Rig, Wish, read_head};

fn picture(ms: i64) -> Frame {
    let key = ms % 2_000 == 0;
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: ms * 90,
        pts: ms * 90,
        timing: Timing { utc_us: 1_700_000_000_000_000 + ms * 1_000, error_us: None },
        data: Bytes::from(vec![0, 0, 0, 2, if key { 0x65 } else { 0x41 }, 7]),
    }
}

/// A front with a camera of which 3 s are there.
fn with_camera(name: &str) -> (Rig, vms_hub::Publisher) {
    let rig = Rig::start(name, Wish { api: false, ..Wish::default() });
    let video = Track::video(Codec::H264);
    let publisher = rig.hub.publish(&StreamKey::parse("gate").expect("a good name"), vec![video]);
    (rig, publisher)
}

fn get(rig: &Rig, path: &str) -> String {
    let address = rig.front.hls_address().expect("it listens");
    ask(address, &format!("GET {path} HTTP/1.1\nHost: HOST\nConnection: close\n\n"))
}

#[test]
fn a_playlist_and_all_that_it_names_are_served_at_both_doors() {
    let (rig, mut publisher) = with_camera("hls");
    let asked = std::thread::scope(|scope| {
        let asked = scope.spawn(|| get(&rig, "/gate/index.m3u8"));
        // The player's request starts the packaging; then the camera goes on.
        for ms in (0..40_000).step_by(40) {
            publisher.push(picture(ms));
            if asked.is_finished() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        asked.join().expect("an answer")
    });
    assert_eq!(status(&asked), "200", "{asked}");
    assert!(asked.contains("content-type: application/vnd.apple.mpegurl\r\n"), "{asked}");
    assert!(asked.contains("cache-control: public, max-age=1\r\n"), "{asked}");
    let named = |prefix: &str, end: &str| {
        let line = asked.lines().find_map(|line| line.strip_prefix(prefix)).expect(prefix);
        line.split(end).next().expect("a name").to_owned()
    };
    let init = get(&rig, &format!("/gate/{}", named("#EXT-X-MAP:URI=\"", "\"")));
    assert!(init.contains("content-type: video/mp4\r\n") && init.contains("ftypiso6"), "{init}");
    assert!(init.contains("cache-control: public, max-age=3600, immutable\r\n"), "{init}");
    let segment = asked.lines().find(|line| line.ends_with(".m4s")).expect("a segment");
    let at_origin = format!("GET /live/gate/main/{segment} HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    let segment = ask(rig.front.address(), &at_origin);
    assert!(status(&segment) == "200" && segment.contains("moof"), "{segment}");
    let length = segment.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("it is known");
    assert!(length.parse::<usize>().expect("a number") > 8 * 100, "all parts of it: {length}");
    for (path, expected) in [
        ("/gate/7.m4s", "404"),
        ("/gate/nothing", "404"),
        ("/yard/index.m3u8", "404"),
        ("/gate/index.m3u8?_HLS_part=1", "400"),
        ("/gate/index.m3u8?_HLS_msn=99999999999", "400"),
        ("/gate", "404"),
    ] {
        assert_eq!(status(&get(&rig, path)), expected, "{path}");
    }
}

#[test]
fn a_head_without_end_is_refused_and_costs_little() {
    let (rig, _publisher) = with_camera("hls-head");
    let mut socket = connect(rig.front.hls_address().expect("it listens"));
    socket.write_all(b"GET /gate/index.m3u8 HTTP/1.1\r\n").expect("the front reads");
    let line = format!("x-filler: {}\r\n", "y".repeat(1_000));
    for _ in 0..200 {
        // It may be closed already.
        if socket.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    if let Some(head) = read_head(&mut socket) {
        assert_eq!(status(&head), "431", "{head}");
    }
    assert_eq!(status(&get(&rig, "/health/live")), "200");
}
