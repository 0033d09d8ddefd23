//! WebRTC out: viewers join by WHEP and get the hub's packets.
//!
//! Data flow: [`WebRtc::offer`] answers and hands a viewer to a shard; the
//! receiving thread routes datagrams to shards; a shard encrypts the hub's
//! packets for each of its viewers and sends them on the one socket all share.
//!
//! Invariants: frames are cut into packets once a stream; nothing on a
//! packet's way takes a lock for each packet of each viewer; joining viewers
//! never stall watching ones; what is not heard of is freed.

mod answer;
mod dtls;
mod limits;
mod metrics;
mod pacer;
mod router;
mod sdp;
mod session;
mod shard;
mod signal;
pub(crate) mod socket;
mod stun;
#[cfg(test)]
mod tests;
mod viewer;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use rand::distr::Alphanumeric;
use str0m::{Candidate, IceCreds};
use vms_access::Ticket;
use vms_hub::{Hub, StreamKey};
use vms_media::Track;

use crate::sound::{self, Listener, Sounds};

pub use metrics::{HistogramValues, WebRtcMetrics};

use answer::Refusal;
use limits::{BurstBudget, HalfOpen};
use metrics::Counters;
use router::Receiver;
use sdp::Offer;
use session::Identity;
use shard::{Command, Entry, Mailbox, Shard, Shared};
use signal::Signal;
use socket::SharedSocket;
use stun::{UFRAG_CHARS, make_ufrag};
use viewer::Viewer;

/// More shards than this gain nothing: the kernel's send path is shared.
const MAX_SHARDS: usize = 4;

#[derive(Clone, Debug)]
pub struct WebRtcConfig {
    /// UDP addresses; each becomes one socket for all viewers.
    pub bind: Vec<SocketAddr>,
    /// Addresses told to viewers in place of the bound ones (behind NAT, or
    /// when bound to a wildcard).
    pub advertise: Vec<IpAddr>,
    /// 0: one a core, at most four.
    pub shards: usize,
    pub max_half_open: usize,
    pub max_half_open_per_ip: usize,
    /// A viewer that nothing was heard of for so long is freed.
    pub vanish_after: Duration,
    /// Speed at which a joining viewer catches up, in Mbit/s.
    pub join_burst_mbit: u32,
    /// The same for all joining viewers together.
    pub machine_burst_mbit: u32,
    /// What makes Opus of sound that a browser does not take.
    pub sounds: Option<Sounds>,
}

impl Default for WebRtcConfig {
    fn default() -> Self {
        Self {
            bind: vec![SocketAddr::from(([127, 0, 0, 1], 8189))],
            advertise: Vec::new(),
            shards: 0,
            max_half_open: 1024,
            max_half_open_per_ip: 256,
            vanish_after: Duration::from_secs(20),
            join_burst_mbit: 100,
            machine_burst_mbit: 2000,
            sounds: None,
        }
    }
}

/// The answer to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 128 random bits in hexadecimal; whoever knows them may end the session.
    pub session: String,
    pub sdp: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhepErrorKind {
    Invalid,
    NotFound,
    NoCommonCodec { camera: String, offered: Vec<String> },
    TooMany,
    Unavailable,
}

/// Why an offer was refused, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct WhepError {
    pub kind: WhepErrorKind,
    pub message: String,
}

impl WhepError {
    fn new(kind: WhepErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// The WebRTC sink. Dropping the last clone stops it.
#[derive(Clone)]
pub struct WebRtc {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Hub,
    sounds: Option<Sounds>,
    identity: Identity,
    shared: Shared,
    half_open: HalfOpen,
    mailboxes: Arc<[Arc<Mailbox>]>,
    candidates: Vec<String>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    stop: Arc<AtomicBool>,
    signal: Arc<Signal>,
}

impl WebRtc {
    /// Binds the sockets and starts the threads.
    ///
    /// # Errors
    /// When an address cannot be bound or a thread not started.
    pub fn start(config: WebRtcConfig, hub: Hub) -> io::Result<Self> {
        let sockets = config.bind.iter().map(|a| SharedSocket::bind(*a)).collect::<io::Result<Vec<_>>>()?;
        let candidates = candidates(&sockets, &config.advertise);
        let half_open = HalfOpen::new(config.max_half_open, config.max_half_open_per_ip);
        let shared = Shared {
            sockets: sockets.into(),
            counters: Arc::new(Counters::new(half_open.total())),
            announcements: Arc::default(),
            budget: BurstBudget::new(u64::from(config.machine_burst_mbit) * 1_000_000),
            registry: Arc::default(),
            burst_bits: u64::from(config.join_burst_mbit) * 1_000_000,
            vanish_after: config.vanish_after,
        };
        let mailboxes =
            (0..shard_count(config.shards)).map(|_| Mailbox::new().map(Arc::new)).collect::<io::Result<Vec<_>>>()?;
        let inner = Inner {
            identity: Identity::new().map_err(io::Error::other)?,
            hub,
            sounds: config.sounds,
            shared,
            half_open,
            mailboxes: mailboxes.into(),
            candidates,
            threads: Mutex::default(),
            stop: Arc::default(),
            signal: Arc::new(Signal::new()?),
        };
        inner.start_threads()?;
        Ok(Self { inner: Arc::new(inner) })
    }

    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.inner.shared.sockets.iter().map(SharedSocket::local).collect()
    }

    /// Answers a WHEP offer of `peer` for a stream. The session keeps the
    /// ticket as long as it lives, and ends when the ticket says so.
    ///
    /// # Errors
    /// With the kind that decides the HTTP status and words for the caller.
    pub fn offer(&self, key: &StreamKey, sdp: &str, peer: IpAddr, ticket: Ticket) -> Result<Answer, WhepError> {
        let result = self.inner.offer(key, sdp, peer, ticket, &Arc::downgrade(&self.inner));
        if result.is_err() {
            self.inner.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Ends a session; false when there is none of that name.
    pub fn end(&self, session: &str) -> bool {
        session_id(session).is_some_and(|id| self.inner.end(id))
    }

    /// Takes trickled candidates. There is nothing to do with them: this side
    /// waits for the browser's checks, which come from wherever they come.
    ///
    /// # Errors
    /// When the session does not exist or the body asks for an ICE restart.
    pub fn patch(&self, session: &str, fragment: &str) -> Result<(), WhepError> {
        let ufrag = session_id(session)
            .and_then(|id| self.inner.shared.registry.lock().get(&id).map(|entry| entry.ufrag.clone()))
            .ok_or_else(|| WhepError::new(WhepErrorKind::NotFound, "there is no such WHEP session"))?;
        let restart = sdp::fragment_ufrag(fragment).is_some_and(|other| other != ufrag);
        if fragment.len() > sdp::MAX_SDP_BYTES || restart {
            return Err(WhepError::new(
                WhepErrorKind::Invalid,
                "only candidates can be added to a session; for an ICE restart open a new one",
            ));
        }
        Ok(())
    }

    /// Ends all sessions of a stream that left the configuration.
    pub fn end_stream(&self, key: &StreamKey) {
        for mailbox in self.inner.mailboxes.iter() {
            mailbox.command(Command::EndStream(key.clone()));
        }
    }

    #[must_use]
    pub fn metrics(&self) -> WebRtcMetrics {
        self.inner.shared.counters.read()
    }

    /// Ends all sessions and waits for the threads.
    pub fn stop(&self) {
        self.inner.stop();
    }
}

impl Inner {
    fn start_threads(&self) -> io::Result<()> {
        let mut threads = self.threads.lock();
        for (index, mailbox) in self.mailboxes.iter().enumerate() {
            let shard = Shard::new(index, mailbox.clone(), self.shared.clone());
            let builder = std::thread::Builder::new().name(format!("webrtc-{index}"));
            threads.push(builder.spawn(move || shard.run())?);
        }
        let receiver = Receiver {
            sockets: self.shared.sockets.clone(),
            shards: self.mailboxes.clone(),
            announcements: self.shared.announcements.clone(),
            counters: self.shared.counters.clone(),
            stop: self.stop.clone(),
            signal: self.signal.clone(),
        };
        let builder = std::thread::Builder::new().name("webrtc-in".to_owned());
        threads.push(builder.spawn(move || receiver.run())?);
        Ok(())
    }

    fn end(&self, id: u128) -> bool {
        // Taken out here, so that ending twice is seen as such.
        let Some(entry) = self.shared.registry.lock().remove(&id) else {
            return false;
        };
        self.mailboxes[entry.shard].command(Command::End(id));
        true
    }

    fn offer(
        &self,
        key: &StreamKey,
        text: &str,
        peer: IpAddr,
        ticket: Ticket,
        me: &Weak<Self>,
    ) -> Result<Answer, WhepError> {
        let stream = self
            .hub
            .stream(key)
            .ok_or_else(|| WhepError::new(WhepErrorKind::NotFound, format!("there is no stream {key}")))?;
        let offer = Offer::parse(text)
            .map_err(|bad| WhepError::new(WhepErrorKind::Invalid, format!("the offer cannot be used: {bad}")))?;
        let profile = stream.video_info().map(|info| info.profile_level_id);
        let tracks = stream.tracks();
        let mut agreed = answer::negotiate(&offer, &tracks, profile).map_err(|r| refused(key, r))?;
        agreed.audio = agreed.audio.filter(|_| ticket.audio());
        let sound = match &agreed.audio {
            None if ticket.audio() => self.transcoded(key, &offer, &tracks, &agreed.video),
            _ => None,
        };
        let sound = sound.map(|(line, listener)| {
            agreed.audio = Some(line);
            listener
        });
        let permit = self.half_open.permit(peer).ok_or_else(|| {
            WhepError::new(
                WhepErrorKind::TooMany,
                format!("too many sessions of {peer} were opened and never connected; try again in a few seconds"),
            )
        })?;
        let shard = self.emptiest();
        let creds = credentials(shard);
        let now = Instant::now();
        let sockets: Vec<SocketAddr> = self.shared.sockets.iter().map(SharedSocket::local).collect();
        let built =
            session::build(&self.identity, &offer, &agreed, creds.clone(), &sockets, self.candidates.clone(), now)
                .map_err(|e| WhepError::new(WhepErrorKind::Invalid, format!("the offer cannot be used: {e}")))?;
        let id: u128 = rand::random();
        let sdp = built.answer.clone();
        let session = format!("{id:032x}");
        self.shared.registry.lock().insert(id, Entry { shard, ufrag: offer.ice.ufrag });
        let me = me.clone();
        ticket.bind(&session, move || {
            me.upgrade().map(|inner| inner.end(id));
        });
        let viewer = Viewer::new(id, creds.ufrag, built, stream, permit, ticket, now).hearing(sound);
        self.shared.counters.sessions.fetch_add(1, Ordering::Relaxed);
        self.mailboxes[shard].viewers.fetch_add(1, Ordering::Relaxed);
        self.mailboxes[shard].command(Command::Join(Box::new(viewer)));
        Ok(Answer { session, sdp })
    }

    /// Sound that only a transcoder can make fit.
    fn transcoded(
        &self,
        key: &StreamKey,
        offer: &Offer,
        tracks: &[Track],
        video: &answer::Line,
    ) -> Option<(answer::Line, Listener)> {
        let sounds = self.sounds.as_ref().filter(|_| tracks.iter().any(sound::can_be_transcoded))?;
        let line = answer::audio_line(offer, &[sound::opus_track()], video)?;
        Some((line, sounds.listen(key)?))
    }

    fn emptiest(&self) -> usize {
        let count = |(_, mailbox): &(usize, &Arc<Mailbox>)| mailbox.viewers.load(Ordering::Relaxed);
        self.mailboxes.iter().enumerate().min_by_key(count).map_or(0, |(index, _)| index)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.signal.raise();
        for mailbox in self.mailboxes.iter() {
            mailbox.command(Command::Stop);
        }
        for thread in self.threads.lock().drain(..) {
            if thread.join().is_err() {
                tracing::error!("a WebRTC thread had panicked");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

fn shard_count(configured: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from).min(MAX_SHARDS);
    if configured == 0 { cores() } else { configured.min(255) }
}

fn session_id(session: &str) -> Option<u128> {
    let hex = session.len() == 32 && session.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then(|| u128::from_str_radix(session, 16).ok()).flatten()
}

fn credentials(shard: usize) -> IceCreds {
    let random = |count| -> String { rand::rng().sample_iter(Alphanumeric).take(count).map(char::from).collect() };
    IceCreds { ufrag: make_ufrag(shard, &random(UFRAG_CHARS - 2)), pass: random(32) }
}

fn refused(key: &StreamKey, refusal: Refusal) -> WhepError {
    match refusal {
        Refusal::VideoLine => WhepError::new(WhepErrorKind::Invalid, "the offer has no video line that receives"),
        Refusal::CameraVideo => {
            WhepError::new(WhepErrorKind::Unavailable, format!("{key} has no picture yet; try again in a second"))
        }
        Refusal::CommonCodec { camera, offered } => {
            let list = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
            let message = format!("{key} sends {camera}, this browser takes {list}");
            WhepError::new(WhepErrorKind::NoCommonCodec { camera, offered }, message)
        }
    }
}

/// What viewers are told of where to connect to.
fn candidates(sockets: &[SharedSocket], advertise: &[IpAddr]) -> Vec<String> {
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for socket in sockets {
        let local = socket.local();
        let told: Vec<IpAddr> = advertise.iter().copied().filter(|ip| ip.is_ipv4() == local.is_ipv4()).collect();
        let ips = match (told.is_empty(), local.ip().is_unspecified()) {
            (false, _) => told,
            (true, true) => socket::machine_addresses(local.is_ipv4()),
            (true, false) => vec![local.ip()],
        };
        addresses.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, local.port())));
    }
    addresses
        .into_iter()
        .filter_map(|address| Candidate::host(address, "udp").ok())
        .map(|candidate| candidate.to_sdp_string())
        .collect()
}
