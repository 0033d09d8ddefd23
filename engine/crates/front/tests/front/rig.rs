//! The front with a small API worker behind it.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vms_access::Access;
use vms_crowd::{Crowd, Most};
use vms_front::{Crowds, Front, FrontConfig, Media, TlsConfig};
use vms_hub::{Hub, HubConfig};
use vms_sinks::choice::Pictures;
use vms_sinks::hls::Hls;
use vms_sinks::socket::Sockets;
use vms_sinks::webrtc::{WebRtc, WebRtcConfig};
use vms_sources::{Dialer, Talks};

pub struct Rig {
    pub front: Front,
    pub crowds: Crowds,
    pub hub: Hub,
    /// Connections to the API that are open now.
    pub to_api: Arc<AtomicUsize>,
    folder: PathBuf,
    packets: Option<tokio::runtime::Runtime>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(packets) = self.packets.take() {
            packets.shutdown_background();
        }
        // The system clears its temporary folder should this fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// How a front of a test differs from the plain one.
pub struct Wish {
    pub api: bool,
    pub tls: Option<TlsConfig>,
    pub behind_proxy: bool,
    /// Connections of one address that have asked for nothing yet.
    pub most_silent: Option<usize>,
}

impl Default for Wish {
    fn default() -> Self {
        Self { api: true, tls: None, behind_proxy: false, most_silent: None }
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A folder of one test.
pub fn folder_of(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("vms-front-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

impl Rig {
    pub fn start(name: &str, wish: Wish) -> Self {
        let folder = folder_of(name);
        let socket = folder.join("api.sock");
        let to_api = Arc::<AtomicUsize>::default();
        if wish.api {
            serve_api(&socket, to_api.clone());
        }
        let hub = Hub::new(HubConfig::default());
        let webrtc_config = WebRtcConfig { bind: vec![loopback()], ..WebRtcConfig::default() };
        let webrtc = WebRtc::start(webrtc_config, hub.clone()).expect("a free port");
        let config = FrontConfig {
            bind: loopback(),
            players_bind: loopback(),
            hls_bind: Some(loopback()),
            api_socket: socket,
            tls: wish.tls,
            behind_proxy: wish.behind_proxy,
        };
        let packets =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let access = Access::new(true);
        let mut crowds = Crowds::new(wish.behind_proxy);
        if let Some(of_one) = wish.most_silent {
            crowds.front = Crowd::new(Most { in_all: 1000, of_one });
        }
        let media = Media {
            webrtc,
            hls: Hls::new(Pictures::new(hub.clone(), None), packets.handle().clone()),
            sockets: Sockets::new(Pictures::new(hub.clone(), None), access.clone()),
            access,
            metrics: Arc::new(|| "vms_hub_bytes 0\n".to_owned()),
            crowds: crowds.clone(),
            recordings: None,
            talks: Talks::new(Dialer::default(), Duration::from_secs(1), packets.handle().clone()),
        };
        let front = Front::start(config, media).expect("free ports");
        Self { front, crowds, hub, to_api, folder, packets: Some(packets) }
    }
}

/// Of the answer to `/large`, bytes: as long as the scripts of the page.
pub const LARGE: usize = 256 * 1024;

/// Answers each request with its own head; a WebSocket echoes, and `/never` is
/// not answered.
fn serve_api(path: &Path, open: Arc<AtomicUsize>) {
    let listener = UnixListener::bind(path).expect("a free path");
    std::thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let open = open.clone();
            open.fetch_add(1, Ordering::Relaxed);
            std::thread::spawn(move || {
                answer_all(socket);
                open.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
}

fn answer_all(mut socket: UnixStream) {
    loop {
        let Some(head) = read_head(&mut socket) else { return };
        let sent = if head.starts_with("GET /never") {
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).expect("the end of the connection");
            return;
        } else if head.to_lowercase().contains("upgrade: websocket") {
            let switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
            let greeting = socket.write_all(switched).and_then(|()| {
                let mut bytes = [0; 4];
                socket.read_exact(&mut bytes)?;
                socket.write_all(&bytes)
            });
            return greeting.expect("an open WebSocket");
        } else {
            let body = if head.starts_with("GET /large ") { "x".repeat(LARGE) } else { head };
            let length = body.len();
            socket.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}").as_bytes())
        };
        if sent.is_err() {
            return;
        }
    }
}

pub fn read_head(socket: &mut impl Read) -> Option<String> {
    let mut text = Vec::new();
    while !text.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    String::from_utf8(text).ok()
}
