//! A real program publishes by RTMP, and serves what we pull.

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use vms_access::{Now, Rules, StreamKeyRule};
use vms_media::Codec;
use vms_sources::State;

use common::{LIMIT, ffmpeg, scene, scene_on_demand, words_of};

/// Less than a silent connection may last.
const AT_ONCE: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn a_publisher_is_live_and_one_that_comes_again_too() {
    let mut scene = scene("publish:", true);
    scene.until(State::Connecting, Some("no_publisher")).await;
    for _ in 0..2 {
        let mut publisher = ffmpeg(&[], &scene.url("gate"));
        scene.until(State::Live, None).await;
        scene.frames(25).await;
        let tracks = scene.hub.stream(&scene.key).expect("it is there").tracks();
        let codecs: Vec<_> = tracks.iter().map(|track| track.codec.clone()).collect();
        assert_eq!(codecs, [Codec::H264, Codec::Aac]);
        publisher.kill().await.expect("it was there");
        scene.until(State::BackingOff, Some("camera_closed")).await;
        scene.until(State::Connecting, Some("no_publisher")).await;
    }
    scene.source.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_publishers_waits_whether_it_is_viewed_or_not() {
    let mut scene = scene_on_demand("publish:");
    scene.until(State::Connecting, Some("no_publisher")).await;
    let _publisher = ffmpeg(&[], &scene.url("gate"));
    scene.until(State::Live, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_is_refused_or_replaces_the_first_as_the_stream_says() {
    let mut refusing = scene("publish:", true);
    let _first = ffmpeg(&[], &refusing.url("gate"));
    refusing.until(State::Live, None).await;
    let words = words_of(ffmpeg(&[], &refusing.url("gate"))).await;
    assert!(words.contains("has a publisher already"), "{words}");
    refusing.frames(10).await;

    let mut replacing = scene("publish:replace", true);
    let first = ffmpeg(&[], &replacing.url("gate"));
    replacing.until(State::Live, None).await;
    let _second = ffmpeg(&[], &replacing.url("gate"));
    // Its connection is closed as the second comes.
    words_of(first).await;
    replacing.frames(10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_key_that_publishes_opens_the_stream_and_only_while_it_may() {
    let mut scene = scene("publish:", false);
    let rule = |id: &str, publish| StreamKeyRule {
        id: id.to_owned(),
        secret: "s3cret".to_owned(),
        city: None,
        cameras: None,
        expires_s: 0,
        audio: false,
        publish,
    };
    let cities = [("gate".to_owned(), "sp".to_owned())].into();
    let rules = Rules { stream_keys: vec![rule("cam", true), rule("wall", false)], cities, ..Rules::default() };
    scene.access.apply(rules.clone(), Now::read());
    for path in ["gate", "gate?key=cam&secret=wrong", "gate?key=wall&secret=s3cret", "gate/sub?key=cam&secret=s3cret"] {
        let words = words_of(ffmpeg(&[], &scene.url(path))).await;
        assert!(words.contains("does not open") || words.contains("no stream of this name"), "{path}: {words}");
    }
    let publisher = ffmpeg(&[], &scene.url("gate?key=cam&secret=s3cret"));
    scene.until(State::Live, None).await;
    scene.access.apply(Rules { stream_keys: vec![rule("wall", false)], ..rules }, Now::read());
    words_of(publisher).await;
    scene.until(State::BackingOff, Some("protocol")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_another_server_is_pulled() {
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let address = format!("rtmp://127.0.0.1:{port}/live/main");
    let _server = ffmpeg(&["-listen", "1"], &address);
    // Called again and again until it listens.
    let mut scene = scene(&address, true);
    scene.until(State::Live, None).await;
    scene.frames(25).await;
}

/// As many as one address may have that have asked for nothing, and one more.
const ONE_TOO_MANY: usize = 129;

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
    socket.connect(to).await.expect("it listens")
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_of_one_address_keep_no_other_publisher_out() {
    let scene = scene("publish:", true);
    let mut silent = Vec::new();
    for _ in 0..ONE_TOO_MANY {
        silent.push(connect([127, 0, 0, 1], scene.server.address()).await);
    }
    let mut last = silent.pop().expect("some were made");
    let closed = tokio::time::timeout(AT_ONCE, last.read_u8()).await.expect("it hangs up");
    assert!(closed.is_err() && scene.server.turned_away() == 1);
    let mut other = connect([127, 0, 0, 2], scene.server.address()).await;
    // The version and the first words of the handshake (Adobe's RTMP specification, 5.2).
    other.write_all(&[&[3u8][..], &[0; 1536]].concat()).await.expect("it reads");
    let version = tokio::time::timeout(AT_ONCE, other.read_u8()).await.expect("no waiting").expect("an answer");
    assert_eq!(version, 3);
}

/// Random bytes, other protocols, connections that say nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_rtmp_is_hung_up_on() {
    let scene = scene("publish:", true);
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[3; 20_000], &[0xff; 100]] {
        let mut socket = TcpStream::connect(scene.server.address()).await.expect("it listens");
        // It may hang up before all is written.
        let _ = socket.write_all(words).await;
        let mut rest = Vec::new();
        let read = tokio::time::timeout(LIMIT, socket.read_to_end(&mut rest)).await.expect("it hangs up");
        assert!(read.is_err() || rest.len() < 10_000);
    }
    let counted = async {
        while scene.server.metrics().refused.load(std::sync::atomic::Ordering::Relaxed) < 3 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, counted).await.expect("each is counted");
}
