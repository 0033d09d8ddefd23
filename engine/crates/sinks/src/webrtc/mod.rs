//! WebRTC: viewers join by WHEP and get the hub's packets; publishers come by
//! WHIP and bring theirs.
//!
//! Data flow: [`WebRtc::offer`] answers and hands a viewer to a shard; the
//! receiving thread routes datagrams to shards; a shard encrypts the hub's
//! packets for each of its viewers and sends them on the one socket all share.
//! [`WebRtc::publish`] likewise; there a shard decrypts, and gives frames to the
//! source that waits for them. [`WebRtc::talk`] brings the sound of who talks to
//! a camera.
//!
//! Invariants: frames are cut into packets once a stream; nothing on a
//! packet's way takes a lock for each packet of each viewer; joining viewers
//! never stall watching ones; what is not heard of is freed.

mod addresses;
mod answer;
mod dtls;
mod groups;
mod ladder;
mod limits;
mod link;
mod metrics;
mod pacer;
mod path;
mod peer;
mod publisher;
mod refusal;
mod router;
mod sdp;
mod session;
mod shard;
mod signal;
pub(crate) mod socket;
mod stun;
mod talk;
mod talked;
mod tcp;
#[cfg(test)]
mod tests;
mod trickle;
mod viewer;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rand::Rng;
use rand::distr::Alphanumeric;
use str0m::IceCreds;
use tokio_util::sync::CancellationToken;
use vms_access::{Cut, Ticket};
use vms_crowd::{Crowd, Most};
use vms_hub::{Hub, StreamKey};
use vms_sources::Reason;

use crate::choice::{self, Choice, Picked, Pictures, Takes, Variant};
use crate::transcode::{Kind, Transcodes, opus_track, sound_can_be_transcoded};

pub use ladder::Keeps;
pub use metrics::{HistogramValues, WebRtcMetrics};
pub use path::Patience;
pub use publisher::Publishing;
pub use talked::{TalkEnd, TalkListener, Talked};

pub use answer::Way;

use addresses::{candidates, listen};
use answer::Refusal;
use ladder::Ladder;
use limits::BurstBudget;
use metrics::Counters;
use peer::{Ending, Peer};
use refusal::{no_stream, refused, unusable};
use router::Receiver;
use sdp::Offer;
use session::{Identity, Side};
use shard::{Command, Entry, Mailbox, Shard, Shared};
use signal::Signal;
use socket::SharedSocket;
use stun::{UFRAG_CHARS, make_ufrag};
use talked::Past;
use tcp::Acceptor;
use viewer::{Heard, Viewer};

/// A viewer waits so long for a stream that is opened for him.
const OPEN_WAIT: Duration = Duration::from_secs(5);
/// More shards than this gain nothing: the kernel's send path is shared.
const MAX_SHARDS: usize = 4;

#[derive(Clone)]
pub struct WebRtcConfig {
    /// UDP addresses; each becomes one socket for all viewers. The same numbers
    /// are listened on by TCP, for networks without UDP.
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
    /// What makes of sound and pictures what a browser takes.
    pub transcodes: Option<Transcodes>,
    /// How soon a viewer's path is judged.
    pub patience: Patience,
    /// Unset: nobody can publish.
    pub publishing: Option<Publishing>,
    /// Is told of every talk that is over.
    pub talk_listener: Option<TalkListener>,
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
            transcodes: None,
            patience: Patience::default(),
            publishing: None,
            talk_listener: None,
        }
    }
}

/// The answer to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// 128 random bits in hexadecimal; whoever knows them may end the session.
    pub session: String,
    pub sdp: String,
    /// Names the ICE session, for conditional requests (RFC 9725, 4.3.1).
    pub etag: String,
    /// Which pictures are sent to a viewer, and why those.
    pub choice: Option<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhepErrorKind {
    Invalid,
    NotFound,
    NoCommonCodec {
        camera: String,
        offered: Vec<String>,
    },
    /// As many transcodes as may be are going on already.
    TooManyTranscodes {
        camera: String,
        most: usize,
    },
    TooMany,
    /// The stream has a publisher already.
    Busy,
    /// The camera cannot be talked to.
    Camera(Reason),
    /// The request means an ICE session that is gone.
    Stale,
    /// The request does not say which ICE session it means.
    Unconditional,
    /// What is asked for is not served.
    Unsupported,
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
    pictures: Pictures,
    patience: Patience,
    publishing: Option<Publishing>,
    past: Arc<Past>,
    identity: Identity,
    shared: Shared,
    half_open: Crowd,
    mailboxes: Arc<[Arc<Mailbox>]>,
    candidates: Vec<String>,
    /// The listeners of TCP, as the library knows them.
    tcp: Vec<SocketAddr>,
    hang_up: CancellationToken,
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
        let listeners = config.bind.iter().zip(&sockets).map(|(wanted, udp)| listen(*wanted, udp.local()));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let at = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        let udp: Vec<SocketAddr> = sockets.iter().map(SharedSocket::local).collect();
        let candidates = candidates(&udp, &at, &config.advertise);
        let half_open = Crowd::new(Most { in_all: config.max_half_open, of_one: config.max_half_open_per_ip });
        let shared = Shared {
            sockets: sockets.into(),
            counters: Arc::new(Counters::new(half_open.clone())),
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
            pictures: Pictures::new(hub.clone(), config.transcodes),
            hub,
            patience: config.patience,
            publishing: config.publishing,
            past: Arc::new(Past::new(config.talk_listener)),
            shared,
            half_open,
            mailboxes: mailboxes.into(),
            candidates,
            tcp: at.into_iter().map(session::nominal).collect(),
            threads: Mutex::default(),
            hang_up: CancellationToken::new(),
            stop: Arc::default(),
            signal: Arc::new(Signal::new()?),
        };
        inner.start_threads(listeners)?;
        Ok(Self { inner: Arc::new(inner) })
    }

    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.inner.shared.sockets.iter().map(SharedSocket::local).collect()
    }

    /// Returns once it is known what a stream sends that is opened for its
    /// viewers alone, or after some seconds.
    pub async fn wait_opened(&self, key: &StreamKey) {
        if let Some(stream) = self.inner.hub.stream(key) {
            stream.wait_opened(OPEN_WAIT).await;
        }
    }

    /// Where who has no UDP connects to; a wildcard as loopback.
    #[must_use]
    pub fn tcp_addrs(&self) -> &[SocketAddr] {
        &self.inner.tcp
    }

    /// Answers a WHEP offer of `peer` for a stream. The session keeps the
    /// ticket as long as it lives, and ends when the ticket says so.
    ///
    /// # Errors
    /// With the kind that decides the HTTP status and words for the caller.
    pub fn offer(
        &self,
        key: &StreamKey,
        keeps: Keeps,
        sdp: &str,
        peer: IpAddr,
        ticket: Ticket,
    ) -> Result<Answer, WhepError> {
        let result = self.inner.offer(key, keeps, sdp, peer, ticket);
        self.inner.counted(result)
    }

    /// Ends a viewer's session; false when there is none of that name.
    pub fn end(&self, session: &str) -> bool {
        session_id(session).is_some_and(|id| self.inner.end(id, Ending::Left, Some(Way::Out)))
    }

    /// Ends a publisher's session; false when there is none of that name.
    pub fn unpublish(&self, session: &str) -> bool {
        session_id(session).is_some_and(|id| self.inner.end(id, Ending::Left, Some(Way::In)))
    }

    /// Takes trickled candidates (RFC 8840). There is nothing to do with them:
    /// this side waits for the peer's checks, which come from wherever they
    /// come. `if_match` is what the request says of the ICE session it means.
    ///
    /// # Errors
    /// When the session does not exist, is another by now, or the body asks for
    /// an ICE restart.
    pub fn trickle(&self, way: Way, session: &str, if_match: Option<&str>, fragment: &str) -> Result<(), WhepError> {
        let id = session_id(session);
        let registry = self.inner.shared.registry.lock();
        let entry = id.and_then(|id| registry.get(&id)).filter(|entry| entry.way == way);
        let entry = entry.ok_or_else(|| WhepError::new(WhepErrorKind::NotFound, "there is no such session"))?;
        trickle::judge(&trickle::Known { ufrag: &entry.ufrag, etag: &entry.etag }, if_match, fragment)
    }

    /// Sends a viewer nothing, or goes on from the cached group; false when there
    /// is no such session.
    pub fn pause(&self, session: &str, paused: bool) -> bool {
        let Some(id) = session_id(session) else { return false };
        let registry = self.inner.shared.registry.lock();
        let Some(entry) = registry.get(&id).filter(|entry| entry.way == Way::Out) else { return false };
        self.inner.mailboxes[entry.shard].command(Command::Pause(id, paused));
        true
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
    fn start_threads(&self, listeners: Vec<TcpListener>) -> io::Result<()> {
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
        let acceptor = Acceptor { listeners, shards: self.mailboxes.clone(), stop: self.hang_up.clone() };
        let builder = std::thread::Builder::new().name("webrtc-tcp".to_owned());
        threads.push(builder.spawn(move || acceptor.run())?);
        Ok(())
    }

    /// `way`: only a session of this way.
    fn end(&self, id: u128, ending: Ending, way: Option<Way>) -> bool {
        // Taken out here, so that ending twice is seen as such.
        let entry = {
            let mut registry = self.shared.registry.lock();
            match registry.get(&id) {
                Some(entry) if way.is_none_or(|wanted| wanted == entry.way) => registry.remove(&id),
                _ => None,
            }
        };
        let Some(entry) = entry else { return false };
        self.mailboxes[entry.shard].command(Command::End(id, ending));
        true
    }

    fn counted(&self, result: Result<Answer, WhepError>) -> Result<Answer, WhepError> {
        if result.is_err() {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    fn offer(
        self: &Arc<Self>,
        key: &StreamKey,
        keeps: Keeps,
        text: &str,
        peer: IpAddr,
        ticket: Ticket,
    ) -> Result<Answer, WhepError> {
        if self.hub.stream(key).is_none() {
            return Err(no_stream(key));
        }
        let offer = Offer::parse(text).map_err(unusable)?;
        let Picked { stream, choice, listener } = self.pick(key, &offer)?;
        let profile = stream.video_info().map(|info| info.profile_level_id);
        let tracks = stream.tracks();
        let mut agreed = answer::negotiate(&offer, &tracks, profile).map_err(|r| refused(key, r))?;
        agreed.audio = agreed.audio.filter(|_| ticket.audio());
        let sound = match &agreed.audio {
            None if ticket.audio() => self.sound(key, choice, &offer, &agreed.video),
            _ => None,
        };
        let sound = sound.map(|(line, heard)| {
            agreed.audio = Some(line);
            heard
        });
        let (place, permit) = (self.place(), self.permit(peer)?);
        let now = Instant::now();
        let built = session::build(self.side(&place), &offer, &agreed, now).map_err(unusable)?;
        // What came of the codec stays what it is.
        let may_turn = keeps == Keeps::WhileBorne && choice == choice::AS_ASKED && ladder::has_another(key);
        let ladder = may_turn
            .then(|| Ladder::new(self.hub.clone(), key.clone(), agreed.video.clone(), profile, self.patience, now));
        let answer = self.register(&place, offer.ice.ufrag, &ticket, Way::Out, built.answer.clone());
        let answer = Answer { choice: Some(choice), ..answer };
        let ufrag = place.creds.ufrag.clone();
        let viewer = Viewer::new(place.id, ufrag, built, stream, permit, ticket, now);
        let viewer = viewer.watching(listener).hearing(sound).climbing(ladder);
        self.join(&place, Peer::Viewer(Box::new(viewer)));
        Ok(answer)
    }

    fn permit(&self, peer: IpAddr) -> Result<vms_crowd::Place, WhepError> {
        self.half_open.enter(peer).ok_or_else(|| {
            WhepError::new(
                WhepErrorKind::TooMany,
                format!("too many sessions of {peer} were opened and never connected; try again in a few seconds"),
            )
        })
    }

    fn place(&self) -> Place {
        let shard = self.emptiest();
        let sockets = self.shared.sockets.iter().map(SharedSocket::local).collect();
        Place { id: rand::random(), shard, creds: credentials(shard), sockets }
    }

    fn side<'a>(&'a self, place: &'a Place) -> Side<'a> {
        Side {
            identity: &self.identity,
            creds: place.creds.clone(),
            sockets: &place.sockets,
            tcp: &self.tcp,
            candidates: self.candidates.clone(),
        }
    }

    /// Makes a session known by its name, to its peer and to what may end it.
    fn register(self: &Arc<Self>, place: &Place, peer_ufrag: String, ticket: &Ticket, way: Way, sdp: String) -> Answer {
        let id = place.id;
        let session = session_name(id);
        let etag = format!("\"{}\"", place.creds.ufrag);
        let entry = Entry { shard: place.shard, way, ufrag: peer_ufrag, etag: etag.clone() };
        self.shared.registry.lock().insert(id, entry);
        let me = Arc::downgrade(self);
        ticket.bind(&session, move |cut| {
            let ending = if cut == Cut::RanOut { Ending::RanOut } else { Ending::Revoked };
            me.upgrade().map(|inner| inner.end(id, ending, None));
        });
        Answer { session, sdp, etag, choice: None }
    }

    fn join(&self, place: &Place, peer: Peer) {
        self.shared.counters.sessions.fetch_add(1, Ordering::Relaxed);
        self.mailboxes[place.shard].sessions.fetch_add(1, Ordering::Relaxed);
        self.mailboxes[place.shard].command(Command::Join(peer));
    }

    /// The pictures that this browser takes of a stream.
    fn pick(&self, key: &StreamKey, offer: &Offer) -> Result<Picked, WhepError> {
        if !answer::wants_video(offer) {
            return Err(refused(key, Refusal::VideoLine));
        }
        // Browsers show the pictures of a call as they come.
        let camera = self.hub.stream(key).map(|stream| stream.tracks()).unwrap_or_default();
        let takes = Takes { codec: &|codec| answer::offers(offer, codec, &camera), b_frames: false };
        self.pictures.pick(key, &takes).map_err(|why| match why {
            choice::Refused::NoStream => no_stream(key),
            choice::Refused::Codec { camera } => refused(
                key,
                Refusal::CommonCodec { camera: camera.rtpmap().to_owned(), offered: answer::offered(offer) },
            ),
            choice::Refused::Full { camera, most } => {
                let message = format!("{key}: {}", choice::full(&camera, most));
                let camera = camera.rtpmap().to_owned();
                WhepError::new(WhepErrorKind::TooManyTranscodes { camera, most }, message)
            }
        })
    }

    /// Sound that does not come with the pictures as the browser takes it: of
    /// the stream that was asked for where its sub-stream has none, or Opus.
    fn sound(
        &self,
        key: &StreamKey,
        choice: Choice,
        offer: &Offer,
        video: &answer::Line,
    ) -> Option<(answer::Line, Heard)> {
        let stream = self.hub.stream(key)?;
        let tracks = stream.tracks();
        if choice.variant == Variant::Sub
            && let Some(line) = answer::audio_line(offer, &tracks, video)
        {
            return Some((line, Heard { stream, listener: None }));
        }
        let transcodes = self.pictures.transcodes().filter(|_| tracks.iter().any(sound_can_be_transcoded))?;
        let line = answer::audio_line(offer, &[opus_track()], video)?;
        let listener = transcodes.listen(key, Kind::Sound).ok()?;
        Some((line, Heard { stream: listener.stream().clone(), listener: Some(listener) }))
    }

    fn emptiest(&self) -> usize {
        let count = |(_, mailbox): &(usize, &Arc<Mailbox>)| mailbox.sessions.load(Ordering::Relaxed);
        self.mailboxes.iter().enumerate().min_by_key(count).map_or(0, |(index, _)| index)
    }

    fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.signal.raise();
        self.hang_up.cancel();
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

fn session_name(id: u128) -> String {
    format!("{id:032x}")
}

fn credentials(shard: usize) -> IceCreds {
    let random = |count| -> String { rand::rng().sample_iter(Alphanumeric).take(count).map(char::from).collect() };
    IceCreds { ufrag: make_ufrag(shard, &random(UFRAG_CHARS - 2)), pass: random(32) }
}

/// A session before it has a peer.
struct Place {
    id: u128,
    shard: usize,
    creds: IceCreds,
    sockets: Vec<SocketAddr>,
}
