//! What the tests of whole protocols share: a real program that sends, and a
//! stream that takes it.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::sync::{Notify, mpsc};
use vms_access::Access;
use vms_hub::{Hub, HubConfig, Next, ReaderKind, StreamKey};
use vms_media::{Frame, TrackKind};
use vms_sources::{
    Arrivals, BackOff, Dialer, Reception, RtmpServer, ServerClock, Shared, Source, SourceConfig, State, StateChange,
    Timeouts, Transport,
};

pub const LIMIT: Duration = Duration::from_secs(30);

pub fn vector(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../../tests/vectors", name].iter().collect()
}

/// Sends a clip with sound, in real time, for ever.
pub fn ffmpeg(arguments: &[&str], to: &str) -> Child {
    let clip = vector("camera.h264");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-re", "-stream_loop", "-1", "-f", "h264", "-r", "25", "-i"]).arg(clip);
    command.args(["-re", "-f", "lavfi", "-i", "sine=r=48000", "-c:v", "copy", "-c:a", "aac", "-f", "flv"]);
    command.args(arguments).arg(to).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn().expect("ffmpeg is installed")
}

pub async fn words_of(child: Child) -> String {
    let done = tokio::time::timeout(LIMIT, child.wait_with_output()).await.expect("it ends").expect("it ran");
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
}

pub struct Scene {
    pub hub: Hub,
    pub key: StreamKey,
    pub server: RtmpServer,
    pub access: Access,
    pub source: Source,
    changes: mpsc::UnboundedReceiver<StateChange>,
}

pub fn scene(address: &str, open: bool) -> Scene {
    scene_with(address, open, None)
}

/// The same, with a folder for files.
pub fn scene_with(address: &str, open: bool, media_dir: Option<PathBuf>) -> Scene {
    scene_of(address, open, media_dir, false)
}

/// The same, opened for viewers alone.
pub fn scene_on_demand(address: &str) -> Scene {
    scene_of(address, true, None, true)
}

fn scene_of(address: &str, open: bool, media_dir: Option<PathBuf>, on_demand: bool) -> Scene {
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
        linger: LIMIT,
        media_dir,
        listener: Arc::new(move |change| drop(tell.send(change))),
    };
    hub.ensure(&key);
    let config = SourceConfig {
        key: key.clone(),
        address: address.to_owned(),
        transport: Transport::Tcp,
        backup: None,
        on_demand,
    };
    let source = Source::start(config, shared);
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = RtmpServer::start(bind, Reception { access: access.clone(), arrivals, clock, handshake: None })
        .expect("a free port");
    Scene { hub, key, server, access, source, changes }
}

impl Scene {
    pub fn url(&self, path: &str) -> String {
        format!("rtmp://{}/{path}", self.server.address())
    }

    pub async fn until(&mut self, state: State, reason: Option<&str>) {
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
    pub async fn frames(&self, wanted: usize) -> [usize; 2] {
        let mut seen = [0, 0];
        let counted = |frame: &Frame| {
            seen[usize::from(frame.kind == TrackKind::Audio)] += 1;
            seen.iter().all(|count| *count >= wanted)
        };
        self.read_until(counted).await;
        seen
    }

    /// The next pictures.
    pub async fn pictures(&self, wanted: usize) -> Vec<Frame> {
        let mut pictures = Vec::new();
        let taken = |frame: &Frame| {
            if frame.kind == TrackKind::Video {
                pictures.push(frame.clone());
            }
            pictures.len() == wanted
        };
        self.read_until(taken).await;
        pictures
    }

    /// Reads what the stream has from now on, until one frame was the last that is wanted.
    async fn read_until(&self, mut is_last: impl FnMut(&Frame) -> bool) {
        let stream = self.hub.stream(&self.key).expect("it is there");
        let wake = Arc::new(Notify::new());
        let mut reader = stream.subscribe(ReaderKind::Live { burst: false }, wake.clone());
        let read = async {
            loop {
                match reader.next() {
                    Next::Frame(delivery) if is_last(&delivery.frame) => return,
                    Next::Frame(_) | Next::Waiting(_) | Next::TracksChanged(_) => {}
                    Next::Pending => wake.notified().await,
                    Next::Closed(why) => panic!("closed: {why:?}"),
                }
            }
        };
        tokio::time::timeout(LIMIT, read).await.expect("frames");
    }
}
