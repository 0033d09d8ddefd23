//! A real program publishes by RTMP, and serves what we pull.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc};
use vms_access::{Access, Now, Rules, StreamKeyRule};
use vms_hub::{Hub, HubConfig, Next, ReaderKind, StreamKey};
use vms_media::{Codec, TrackKind};
use vms_sources::{
    Arrivals, BackOff, Dialer, Reception, RtmpServer, ServerClock, Shared, Source, SourceConfig, State, StateChange,
    Timeouts, Transport,
};

const LIMIT: Duration = Duration::from_secs(30);

fn vector(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../../tests/vectors", name].iter().collect()
}

/// Sends a clip with sound, in real time, for ever.
fn ffmpeg(arguments: &[&str], to: &str) -> Child {
    let clip = vector("camera.h264");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-stream_loop", "-1", "-f", "h264", "-r", "25", "-i"]).arg(clip);
    command.args(["-re", "-f", "lavfi", "-i", "sine=r=48000", "-c:v", "copy", "-c:a", "aac", "-f", "flv"]);
    command.args(arguments).arg(to).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().expect("ffmpeg is installed")
}

async fn words_of(child: Child) -> String {
    let done = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("it ends").expect("it ran");
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
}

struct Scene {
    hub: Hub,
    key: StreamKey,
    server: RtmpServer,
    access: Access,
    source: Source,
    changes: mpsc::UnboundedReceiver<StateChange>,
}

fn scene(address: &str, open: bool) -> Scene {
    let hub = Hub::new(HubConfig { ring_bytes: 8 << 20, ring_time: LIMIT, process_bytes: 64 << 20 });
    let key = StreamKey::parse("gate").expect("a good name");
    let (tell, changes) = mpsc::unbounded_channel();
    let (arrivals, clock, access) = (Arrivals::default(), Arc::new(ServerClock::default()), Access::new(open));
    let shared = Shared {
        hub: hub.clone(),
        clock: clock.clone(),
        dialer: Dialer::default(),
        arrivals: arrivals.clone(),
        timeouts: Timeouts { open: LIMIT, no_video: Duration::from_secs(5) },
        back_off: BackOff { min: Duration::from_millis(100), max: Duration::from_secs(1) },
        listener: Arc::new(move |change| drop(tell.send(change))),
    };
    hub.ensure(&key);
    let config =
        SourceConfig { key: key.clone(), address: address.to_owned(), transport: Transport::Tcp, backup: None };
    let source = Source::start(config, shared);
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = RtmpServer::start(bind, Reception { access: access.clone(), arrivals, clock }).expect("a free port");
    Scene { hub, key, server, access, source, changes }
}

impl Scene {
    fn url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.server.address())
    }

    async fn until(&mut self, state: State, reason: Option<&str>) {
        let seen = async {
            while let Some(change) = self.changes.recv().await {
                if change.state == state && change.reason.as_ref().map(|reason| reason.code()) == reason {
                    return;
                }
            }
        };
        tokio::time::timeout(LIMIT, seen).await.unwrap_or_else(|_| panic!("never {state:?} because of {reason:?}"));
    }

    /// Pictures and sounds, until there are so many of both.
    async fn frames(&self, wanted: usize) -> [usize; 2] {
        let stream = self.hub.stream(&self.key).expect("it is there");
        let wake = Arc::new(Notify::new());
        let mut reader = stream.subscribe(ReaderKind::Live { burst: false }, wake.clone());
        let mut seen = [0, 0];
        let counted = async {
            while seen.iter().any(|count| *count < wanted) {
                match reader.next() {
                    Next::Frame(delivery) => seen[usize::from(delivery.frame.kind == TrackKind::Audio)] += 1,
                    Next::Pending => wake.notified().await,
                    Next::Waiting(_) | Next::TracksChanged(_) => {}
                    Next::Closed(why) => panic!("closed: {why:?}"),
                }
            }
        };
        tokio::time::timeout(LIMIT, counted).await.expect("pictures and sounds");
        seen
    }
}

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
        scene.until(State::Connecting, Some("camera_closed")).await;
    }
    scene.source.stop().await;
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
    scene.until(State::Connecting, Some("protocol")).await;
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

/// Random bytes, other protocols, connections that say nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_rtmp_is_hung_up_on() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let scene = scene("publish:", true);
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[3; 20_000], &[0xff; 100]] {
        let mut socket = tokio::net::TcpStream::connect(scene.server.address()).await.expect("it listens");
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
