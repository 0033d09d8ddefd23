//! The running engine.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde::Serialize;
use tokio::runtime::Runtime;
use vms_access::{Access, Now, Revocation};
use vms_front::{Crowds, Front, FrontConfig, FrontError, Media, Tls, TlsConfig, TlsFiles};
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_recording::io::RealDisk;
use vms_recording::{Means, Recording, StartError};
use vms_sinks::choice::Pictures;
use vms_sinks::hls::Hls;
use vms_sinks::rtsp::RtspServer;
use vms_sinks::socket::Sockets;
use vms_sinks::srt::{PushMeans, SrtConfig, SrtMeans, SrtServer};
use vms_sinks::transcode::{Kind as Made, Transcodes};
use vms_sinks::webrtc::{Publishing, WebRtc, WebRtcConfig};
use vms_sources::{
    Arrivals, BackOff, Dialer, Handshake, Policy, Reception, RtmpServer, Secured, ServerClock, Shared, Source,
    SourceConfig, SourceStatus, State, StateChange, Talks, Timeouts,
};

use crate::config::{Camera, DesiredState, EngineConfig, Error, Kind, TlsSection};
use crate::journal::Journal;
use crate::metrics::{Figures, text};
use crate::process::ProcessMeter;
use crate::pushes::Pushes;
use crate::recordings::Recordings;
use crate::replay::Replay;
use crate::report::{StreamReport, TranscodeReport};

/// From dialling to the answer to PLAY.
const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How often it is looked whose time is over.
const SWEEP: Duration = Duration::from_secs(1);
/// How long cameras are given to take their TEARDOWN when the engine stops.
const STOP_LIMIT: Duration = Duration::from_secs(2);

/// Where the engine listens, with the ports that were picked.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    pub front: SocketAddr,
    pub rtsp: SocketAddr,
    pub webrtc: SocketAddr,
    pub hls: Option<SocketAddr>,
    pub webrtc_udp: Vec<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmp: Option<SocketAddr>,
    /// The same, where TLS is spoken there too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmps: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub srt: Option<SocketAddr>,
}

/// What a new wished state changed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Applied {
    pub generation: u64,
    pub started: Vec<String>,
    pub changed: Vec<String>,
    pub stopped: Vec<String>,
}

/// A configured stream: running, or switched off.
enum Slot {
    Running(Source),
    Off(SourceStatus),
}

struct Inner {
    sources: Shared,
    /// Absent where nothing is recorded.
    recording: Option<Arc<Recording>>,
    recordings: Recordings,
    access: Access,
    journal: Arc<Journal>,
    webrtc: WebRtc,
    hls: Hls,
    sockets: Sockets,
    transcodes: Transcodes,
    rtsp: RtspServer,
    rtmp: Option<RtmpServer>,
    srt: Option<SrtServer>,
    crowds: Crowds,
    pushes: Pushes,
    talks: Talks,
    slots: Mutex<BTreeMap<String, (StreamKey, Slot)>>,
    generation: Mutex<u64>,
    process: ProcessMeter,
}

/// Hub, sources, sinks and front in one; dropping it stops all.
pub struct Engine {
    inner: Arc<Inner>,
    front: Front,
    runtime: Option<Runtime>,
    addresses: Addresses,
}

fn cannot_bind(what: &str, address: impl std::fmt::Display) -> impl FnOnce(io::Error) -> Error {
    let message = format!("{what} cannot listen on {address}");
    move |error| {
        let kind = if error.kind() == io::ErrorKind::AddrInUse { Kind::Conflict } else { Kind::Unavailable };
        Error::new(kind, format!("{message}: {error}; choose another port or end what uses it"))
    }
}

impl Engine {
    /// Binds every listener and starts all threads.
    pub fn start(config: &EngineConfig) -> Result<Self, Error> {
        let runtime = runtime(config.threads)?;
        let hub = Hub::new(HubConfig {
            ring_bytes: config.ring.stream_bytes,
            ring_time: Duration::from_secs(config.ring.seconds),
            process_bytes: config.ring.process_bytes,
        });
        let access = Access::new(config.front.open);
        let handshake = {
            let _inside = runtime.enter();
            handshake(config)?
        };
        let rtsp = {
            let _inside = runtime.enter();
            RtspServer::start_with(config.rtsp.bind, hub.clone(), access.clone(), handshake.clone())
                .map_err(cannot_bind("RTSP", config.rtsp.bind))?
        };
        let transcodes = Transcodes::new(hub.clone(), config.max_transcodes);
        let (clock, arrivals) = (Arc::new(ServerClock::default()), Arrivals::default());
        let journal = Journal::new().map_err(|error| Error::new(Kind::Internal, format!("no eventfd: {error}")))?;
        let journal = Arc::new(journal);
        let (told, times) = (journal.clone(), clock.clone());
        let webrtc_config = WebRtcConfig {
            bind: config.webrtc.udp_bind.clone(),
            transcodes: Some(transcodes.clone()),
            publishing: Some(Publishing { arrivals: arrivals.clone(), clock: clock.clone() }),
            talk_listener: Some(Arc::new(move |talked| told.add_talk(&talked, times.now().utc_us))),
            ..WebRtcConfig::default()
        };
        let webrtc = WebRtc::start(webrtc_config, hub.clone())
            .map_err(cannot_bind("WebRTC (UDP and TCP)", format!("{:?}", config.webrtc.udp_bind)))?;
        if let Some(path) = &config.frames_socket {
            let _inside = runtime.enter();
            vms_sinks::frames::listen(path, hub.clone(), transcodes.clone())
                .map_err(cannot_bind("frames for workers", path.display()))?;
        }
        let recording = start_recording(config, &hub, &clock, &journal)?;
        let pictures = Pictures::new(hub.clone(), Some(transcodes.clone()));
        let hls = Hls::new(pictures.clone(), runtime.handle().clone());
        let sockets = Sockets::new(pictures, access.clone());
        let recordings = Recordings::of(recording.as_ref(), &hub)?;
        let sources = shared(config, hub, (clock, arrivals), journal.clone(), recording.clone());
        let rtmp_tls = handshake.is_some();
        let rtmp = {
            let _inside = runtime.enter();
            start_rtmp(config, &access, &sources, handshake)?
        };
        let srt = start_srt(config, &access, &sources)?;
        let pushes = Pushes::new(PushMeans { dialer: sources.dialer.clone(), back_off: sources.back_off });
        let talks = Talks::new(sources.dialer.clone(), OPEN_LIMIT, runtime.handle().clone());
        let inner = Arc::new(Inner {
            pushes,
            talks,
            recordings,
            sources,
            recording,
            access,
            journal,
            webrtc: webrtc.clone(),
            hls,
            sockets,
            transcodes,
            rtsp,
            rtmp,
            srt,
            crowds: Crowds::new(config.front.behind_proxy),
            slots: Mutex::default(),
            generation: Mutex::new(0),
            process: ProcessMeter::default(),
        });
        if let Some(player) = inner.recordings.player() {
            inner.rtsp.play_recordings(Arc::new(Replay(player)));
        }
        runtime.spawn(sweep(Arc::downgrade(&inner)));
        let front = start_front(config, &inner)?;
        let addresses = Addresses {
            front: front.address(),
            rtsp: inner.rtsp.address(),
            webrtc: front.players_address(),
            hls: front.hls_address(),
            webrtc_udp: webrtc.local_addrs(),
            rtmp: inner.rtmp.as_ref().map(RtmpServer::address),
            rtmps: inner.rtmp.as_ref().filter(|_| rtmp_tls).map(RtmpServer::address),
            srt: inner.srt.as_ref().map(SrtServer::address),
        };
        Ok(Self { inner, front, runtime: Some(runtime), addresses })
    }

    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    #[must_use]
    pub fn journal(&self) -> &Arc<Journal> {
        &self.inner.journal
    }

    /// Makes what runs equal to what is wished. Streams that stay the same are
    /// not touched. A generation older than the last is refused.
    pub fn apply(&self, desired: &DesiredState) -> Result<Applied, Error> {
        let Some(runtime) = &self.runtime else {
            return Err(Error::new(Kind::Unavailable, "the engine has been stopped"));
        };
        let mut generation = self.inner.generation.lock();
        if desired.generation < *generation {
            let message = format!("generation {} is older than {generation}, which runs", desired.generation);
            return Err(Error::new(Kind::Conflict, message));
        }
        let _inside = runtime.enter();
        self.inner.access.apply(desired.rules(), Now::read());
        if let Some(recording) = &self.inner.recording {
            recording.apply(desired.cameras.iter().map(Camera::recording).collect());
        }
        let applied = self.inner.apply(desired, runtime);
        self.inner.pushes.apply(desired, &self.inner.sources.hub);
        self.inner.talks.apply(desired.talk_addresses());
        *generation = desired.generation;
        Ok(applied)
    }

    /// Cuts all running streams that it hits; returns how many.
    pub fn revoke(&self, revocation: Revocation) -> usize {
        self.inner.access.revoke(revocation, Now::read())
    }

    #[must_use]
    pub fn streams(&self) -> Vec<StreamReport> {
        self.inner.streams()
    }

    #[must_use]
    pub fn metrics(&self) -> String {
        self.inner.metrics()
    }

    /// What answers calls about recordings; such a call may wait for disks.
    #[must_use]
    pub fn recordings(&self) -> Recordings {
        self.inner.recordings.clone()
    }

    /// Ends every session, then every listener and thread.
    pub fn stop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        self.inner.pushes.stop();
        let slots = std::mem::take(&mut *self.inner.slots.lock());
        let ends = slots.into_values().filter_map(|(_, slot)| match slot {
            Slot::Running(source) => Some(runtime.spawn(source.stop())),
            Slot::Off(_) => None,
        });
        let ends: Vec<_> = ends.collect();
        runtime.block_on(async {
            let all = async {
                self.inner.talks.stop().await;
                for end in ends {
                    // A panic has been reported by its own hook.
                    let _ = end.await;
                }
            };
            if tokio::time::timeout(STOP_LIMIT, all).await.is_err() {
                tracing::warn!("some cameras did not take their TEARDOWN in time");
            }
        });
        self.inner.recordings.stop();
        if let Some(recording) = &self.inner.recording {
            recording.stop();
        }
        self.front.stop();
        self.inner.rtsp.stop();
        self.inner.webrtc.stop();
        if let Some(srt) = &self.inner.srt {
            srt.stop();
        }
        runtime.shutdown_timeout(Duration::from_millis(500));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// TLS for players of RTSP and publishers of RTMP, wherever there is a pair of files.
fn handshake(config: &EngineConfig) -> Result<Option<Handshake>, Error> {
    let Some(section) = &config.front.tls else { return Ok(None) };
    let files = tls_files(config, section);
    let tls = Tls::load(files).map_err(|error| Error::new(Kind::Invalid, error.to_string()))?;
    let tls = Arc::new(tls);
    let followed = tls.clone();
    tokio::spawn(async move { followed.follow().await });
    Ok(Some(Arc::new(move |socket, peer| {
        let tls = tls.clone();
        Box::pin(async move { Ok(Box::new(tls.accept(socket, peer).await?) as Box<dyn Secured>) })
    })))
}

fn tls_files(config: &EngineConfig, section: &TlsSection) -> TlsFiles {
    let node = config.node.as_ref().map(|node| node.identity.clone());
    TlsFiles { certificate: section.certificate.clone(), key: section.key.clone(), node }
}

/// Opens the volumes, where recording is configured.
fn start_recording(
    config: &EngineConfig,
    hub: &Hub,
    clock: &Arc<ServerClock>,
    journal: &Arc<Journal>,
) -> Result<Option<Arc<Recording>>, Error> {
    let Some(recording) = config.recording.clone() else { return Ok(None) };
    let (clock, journal) = (clock.clone(), journal.clone());
    let means = Means {
        disk: Arc::new(RealDisk),
        hub: hub.clone(),
        now_us: Arc::new(move || clock.now().utc_us),
        listener: Arc::new(move |event| journal.add_recording(&event)),
    };
    let started = Recording::start(recording, means).map_err(|error| match error {
        StartError::Invalid(message) => Error::new(Kind::Invalid, message),
        StartError::Owned(_) => Error::new(Kind::Conflict, error.to_string()),
        StartError::Failed(message) => Error::new(Kind::Unavailable, format!("recording: {message}")),
    })?;
    Ok(Some(Arc::new(started)))
}

/// The port of publishers by RTMP, on the current runtime.
fn start_rtmp(
    config: &EngineConfig,
    access: &Access,
    sources: &Shared,
    handshake: Option<Handshake>,
) -> Result<Option<RtmpServer>, Error> {
    let Some(rtmp) = &config.rtmp else { return Ok(None) };
    let (access, arrivals, clock) = (access.clone(), sources.arrivals.clone(), sources.clock.clone());
    let reception = Reception { access, arrivals, clock, handshake };
    RtmpServer::start(rtmp.bind, reception).map(Some).map_err(cannot_bind("RTMP", rtmp.bind))
}

/// The port of publishers and players by SRT, on a thread of its own.
fn start_srt(config: &EngineConfig, access: &Access, sources: &Shared) -> Result<Option<SrtServer>, Error> {
    let Some(srt) = &config.srt else { return Ok(None) };
    let means = SrtMeans {
        hub: sources.hub.clone(),
        access: access.clone(),
        arrivals: sources.arrivals.clone(),
        clock: sources.clock.clone(),
    };
    let settings = SrtConfig { bind: srt.bind, latency: Duration::from_millis(srt.latency_ms) };
    SrtServer::start(&settings, means).map(Some).map_err(cannot_bind("SRT (UDP)", srt.bind))
}

/// What all sources of this engine share.
fn shared(
    config: &EngineConfig,
    hub: Hub,
    (clock, arrivals): (Arc<ServerClock>, Arrivals),
    journal: Arc<Journal>,
    recording: Option<Arc<Recording>>,
) -> Shared {
    let policy = config.allowed_networks.as_deref().map_or_else(Policy::default, Policy::only);
    Shared {
        hub,
        clock,
        dialer: Dialer::new(policy).with_authority(config.node.as_ref().map(|node| node.authority.clone())),
        arrivals,
        timeouts: Timeouts { open: OPEN_LIMIT, no_video: Duration::from_millis(config.no_video_ms) },
        back_off: BackOff {
            min: Duration::from_millis(config.backoff_ms[0]),
            max: Duration::from_millis(config.backoff_ms[1]),
        },
        linger: Duration::from_millis(config.linger_ms),
        media_dir: config.media_dir.clone(),
        listener: Arc::new(move |change| {
            journal.add(&change);
            if let Some(recording) = &recording {
                recording.source_changed(&change);
            }
        }),
    }
}

fn runtime(threads: usize) -> Result<Runtime, Error> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(if threads == 0 { cores } else { threads })
        .thread_name("packets")
        .enable_all()
        .build()
        .map_err(|error| Error::new(Kind::Internal, format!("no threads: {error}")))
}

fn start_front(config: &EngineConfig, inner: &Arc<Inner>) -> Result<Front, Error> {
    let front = FrontConfig {
        bind: config.front.bind,
        players_bind: config.webrtc.http_bind,
        hls_bind: config.hls.as_ref().map(|hls| hls.bind),
        api_socket: config.front.api_socket.clone(),
        tls: config.front.tls.as_ref().map(|tls| TlsConfig {
            files: tls_files(config, tls),
            origin: tls.origin,
            players: tls.players,
            hls: tls.hls,
            strict_transport: tls.strict_transport,
            http3: tls.http3,
        }),
        behind_proxy: config.front.behind_proxy,
    };
    let metrics = {
        let inner = Arc::downgrade(inner);
        Arc::new(move || inner.upgrade().map(|inner| inner.metrics()).unwrap_or_default())
    };
    let listeners = [Some(front.bind), Some(front.players_bind), front.hls_bind].into_iter().flatten();
    let listeners: Vec<String> = listeners.map(|address| address.to_string()).collect();
    let media = Media {
        webrtc: inner.webrtc.clone(),
        hls: inner.hls.clone(),
        sockets: inner.sockets.clone(),
        access: inner.access.clone(),
        metrics,
        crowds: inner.crowds.clone(),
        recordings: inner.recordings.for_players(),
        talks: inner.talks.clone(),
    };
    Front::start(front, media).map_err(|error| match error {
        FrontError::Tls(error) => Error::new(Kind::Invalid, error.to_string()),
        FrontError::Listen(error) => cannot_bind("HTTP", listeners.join(" or "))(error),
    })
}

impl Inner {
    fn apply(&self, desired: &DesiredState, runtime: &Runtime) -> Applied {
        let mut applied = Applied { generation: desired.generation, ..Applied::default() };
        let mut slots = self.slots.lock();
        let wishes = wishes(desired);
        let gone: Vec<String> = slots.keys().filter(|name| !wishes.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some((key, slot)) = slots.remove(&name) {
                end(slot, runtime);
                self.webrtc.end_stream(&key);
                self.webrtc.end_stream(&Made::Picture.derived(&key));
                if let Some(srt) = &self.srt {
                    srt.end_stream(&key);
                }
                self.hls.end_stream(&key);
                self.sources.hub.remove(&key);
                self.transcodes.end_stream(&key);
                applied.stopped.push(name);
            }
        }
        for (name, (wish, enabled)) in wishes {
            let change = match slots.get(&name) {
                Some((_, Slot::Running(source))) if enabled && *source.config() == wish => continue,
                Some((_, Slot::Off(_))) if !enabled => continue,
                Some(_) => &mut applied.changed,
                None => &mut applied.started,
            };
            change.push(name.clone());
            let key = wish.key.clone();
            let slot = if enabled { Slot::Running(self.start(wish)) } else { Slot::Off(self.switched_off(&key)) };
            if let Some((_, old)) = slots.insert(name, (key, slot)) {
                end(old, runtime);
            }
        }
        applied
    }

    fn start(&self, wish: SourceConfig) -> Source {
        self.sources.hub.ensure(&wish.key);
        Source::start(wish, self.sources.clone())
    }

    fn switched_off(&self, key: &StreamKey) -> SourceStatus {
        self.sources.hub.ensure(key);
        let utc_us = self.sources.clock.now().utc_us;
        let reason = Some(vms_sources::Reason::Disabled);
        let change = StateChange { key: key.clone(), utc_us, state: State::Off, reason: reason.clone(), backup: false };
        (self.sources.listener)(change);
        SourceStatus {
            state: State::Off,
            reason,
            since_utc_us: utc_us,
            reconnects: 0,
            clock_offset_ms: None,
            lost_frames: 0,
            backup: false,
        }
    }

    fn streams(&self) -> Vec<StreamReport> {
        let transcodes = self.transcodes.reports();
        let slots = self.slots.lock();
        let report = |(key, slot): &(StreamKey, Slot)| {
            let transcode = transcodes.iter().find(|made| made.kind == Made::Picture && made.key == *key);
            let status = match slot {
                Slot::Running(source) => source.status(),
                Slot::Off(status) => status.clone(),
            };
            let hub = self.sources.hub.stream(key).map(|stream| stream.status());
            let push = self.pushes.statuses(&key.to_string());
            StreamReport::of(key, &status, hub, transcode.map(TranscodeReport::from), push)
        };
        slots.values().map(report).collect()
    }

    /// Recordings carry the offset of each camera's clock.
    fn tell_clocks(&self) {
        let Some(recording) = &self.recording else { return };
        for (key, slot) in self.slots.lock().values() {
            if let Slot::Running(source) = slot
                && let Some(offset_ms) = source.status().clock_offset_ms
            {
                recording.camera_offset(key, offset_ms);
            }
        }
    }

    fn metrics(&self) -> String {
        text(&Figures {
            streams: &self.streams(),
            rtsp: self.rtsp.metrics(),
            rtmp: self.rtmp.as_ref().map(RtmpServer::metrics),
            srt: self.srt.as_ref().map(SrtServer::metrics),
            webrtc: &self.webrtc.metrics(),
            hls: self.hls.metrics(),
            sockets: self.sockets.metrics(),
            transcodes: &self.transcodes.reports(),
            hub_bytes: self.sources.hub.held_bytes(),
            process: self.process.read(),
            recording: self.recording.as_deref(),
            plays: self.recordings.plays(),
            turned_away: &self.turned_away(),
        })
    }

    /// Connections that were closed at once, as there were too many, by port.
    fn turned_away(&self) -> Vec<(&'static str, u64)> {
        let crowds = &self.crowds;
        let mut ports = vec![
            ("front", crowds.front.refused()),
            ("webrtc", crowds.players.refused()),
            ("hls", crowds.hls.refused()),
            ("rtsp", self.rtsp.turned_away()),
        ];
        ports.extend(self.rtmp.as_ref().map(|rtmp| ("rtmp", rtmp.turned_away())));
        ports.extend(self.srt.as_ref().map(|srt| ("srt", srt.metrics().turned_away.load(Ordering::Relaxed))));
        ports
    }
}

/// Ends what was not renewed, as long as the engine lives.
async fn sweep(inner: Weak<Inner>) {
    let mut ticks = tokio::time::interval(SWEEP);
    loop {
        ticks.tick().await;
        match inner.upgrade() {
            Some(inner) => {
                inner.access.sweep(Now::read());
                inner.tell_clocks();
            }
            None => return,
        }
    }
}

/// The wished streams by name, each with whether it is switched on.
fn wishes(desired: &DesiredState) -> BTreeMap<String, (SourceConfig, bool)> {
    let mut wishes = BTreeMap::new();
    for camera in &desired.cameras {
        for (name, stream) in &camera.streams {
            let key = StreamKey::new(&camera.id, *name);
            let config = SourceConfig {
                key: key.clone(),
                address: stream.url.clone(),
                backup: stream.backup.clone(),
                transport: stream.transport.unwrap_or_default(),
                // What is recorded is always there.
                on_demand: stream.is_on_demand() && !camera.is_recorded(*name),
            };
            wishes.insert(key.to_string(), (config, camera.enabled));
        }
    }
    wishes
}

fn end(slot: Slot, runtime: &Runtime) {
    if let Slot::Running(source) = slot {
        runtime.spawn(source.stop());
    }
}
