//! Live video by HLS: plain, and with low latency (parts, blocking reload,
//! delta playlists, preload hints).
//!
//! Data flow: the first player of a stream starts its packaging ([`segment`],
//! fed by a reader of the hub), which fills a window of parts ([`playlist`]);
//! players ask for files ([`ask`]) and may wait for one that is not there yet.
//! Packaging ends some seconds after the last player asked. Who may hear and
//! who may not are served from two windows, whichever codecs they say they take:
//! all who are sent the same stream share one. Sound that players do not take (G.711)
//! is made into Opus ([`feed`]) while somebody who may hear plays.

pub mod ask;
mod feed;
mod part;
mod playlist;
mod segment;
mod sound;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use vms_hub::{Stream, StreamKey};
use vms_media::Codec;

use ask::Wanted;
use feed::Feed;
use playlist::{First, Reached};
use segment::Packager;

use crate::choice::{Choice, Codecs, Picked, Pictures, Refused, Takes, Variant};
use crate::transcode::{Listener, Transcodes};

/// Packaging ends when nobody asked for so long.
const IDLE: Duration = Duration::from_secs(15);
/// A request waits at most so long for what it asks for: 3 target durations of
/// the longest (6.2.5.2).
const WAIT: Duration = Duration::from_secs(18);
/// What all windows hold together; over it no stream more is packaged.
const MOST_BYTES: usize = 2 << 30;

/// What is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `blocking`: it was asked for by what it holds, and is the same for all.
    Playlist { text: Bytes, blocking: bool, target_s: i64 },
    /// Bytes one behind the other; they never change.
    Media(Vec<Bytes>),
}

/// An answer, and of which pictures it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub answer: Answer,
    pub choice: Choice,
}

/// Who asks, as far as it decides what is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Player {
    pub key: StreamKey,
    /// He may hear.
    pub audio: bool,
    pub codecs: Codecs,
}

/// Why nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No such stream.
    Stream,
    /// No such file, or no more.
    File,
    /// A directive names what nobody can know of yet.
    Directive,
    /// The camera gives nothing that could be sent.
    NoVideo,
    /// Too much is packaged already.
    Full,
    /// The player takes neither the camera's codec nor what could be made of it.
    Codec { camera: Codec },
    /// As many transcodes as may be are going on already.
    Transcodes { camera: Codec, most: usize },
}

/// A stream that is being packaged.
struct Live {
    stream: Arc<Stream>,
    packager: Mutex<Packager>,
    /// Counts what was added, to wake who waits.
    version: watch::Sender<u64>,
    asked: Mutex<Instant>,
    /// The stream left the configuration.
    forgotten: AtomicBool,
    choice: Choice,
    /// Keeps the transcode going.
    _listener: Option<Listener>,
}

struct Inner {
    pictures: Pictures,
    runtime: Handle,
    /// By who asked; those who are sent the same share one.
    live: Mutex<HashMap<Player, Arc<Live>>>,
    since: Instant,
    held_bytes: AtomicUsize,
    sent_bytes: AtomicU64,
    requests: AtomicU64,
}

/// All streams that are packaged.
#[derive(Clone)]
pub struct Hls {
    inner: Arc<Inner>,
}

/// Figures of the moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct HlsMetrics {
    pub streams: usize,
    pub held_bytes: usize,
    pub requests: u64,
    pub sent_bytes: u64,
}

impl Hls {
    /// Packages on `runtime`.
    #[must_use]
    pub fn new(pictures: Pictures, runtime: Handle) -> Self {
        let inner = Inner {
            pictures,
            runtime,
            live: Mutex::default(),
            since: Instant::now(),
            held_bytes: AtomicUsize::new(0),
            sent_bytes: AtomicU64::new(0),
            requests: AtomicU64::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What a player asked for, once it is there. `query` goes behind the
    /// addresses in a playlist.
    ///
    /// # Errors
    /// With the reason.
    pub async fn ask(&self, player: &Player, wanted: Wanted, query: &str) -> Result<Found, Missing> {
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let live = self.live(player)?;
        let mut versions = live.version.subscribe();
        let waited = tokio::time::timeout(WAIT, async {
            loop {
                versions.borrow_and_update();
                if let Some(answer) = live.look(wanted, query) {
                    return answer;
                }
                if versions.changed().await.is_err() {
                    return Err(Missing::File);
                }
            }
        });
        let answer = waited.await.unwrap_or(Err(Missing::NoVideo))?;
        self.inner.sent_bytes.fetch_add(answer.len() as u64, Ordering::Relaxed);
        Ok(Found { answer, choice: live.choice })
    }

    /// Forgets a stream that is no more configured.
    pub fn end_stream(&self, key: &StreamKey) {
        self.inner.live.lock().retain(|player, live| {
            let stays = player.key != *key;
            if !stays {
                live.forgotten.store(true, Ordering::Relaxed);
            }
            stays
        });
    }

    #[must_use]
    pub fn metrics(&self) -> HlsMetrics {
        HlsMetrics {
            streams: self.inner.live.lock().values().map(Arc::as_ptr).collect::<HashSet<_>>().len(),
            held_bytes: self.inner.held_bytes.load(Ordering::Relaxed),
            requests: self.inner.requests.load(Ordering::Relaxed),
            sent_bytes: self.inner.sent_bytes.load(Ordering::Relaxed),
        }
    }

    /// The stream's packaging, begun if need be.
    fn live(&self, player: &Player) -> Result<Arc<Live>, Missing> {
        let mut all = self.inner.live.lock();
        if let Some(live) = all.get(player) {
            return Ok(live.asked());
        }
        let same = |(other, live): (&Player, &Arc<Live>)| {
            (other.key == player.key && other.audio == player.audio).then(|| live.clone())
        };
        let running: Vec<Arc<Live>> = all.iter().filter_map(same).collect();
        let is_full = self.inner.held_bytes.load(Ordering::Relaxed) > MOST_BYTES;
        // Picked is only what may be sent: picking begins a conversion.
        if is_full && running.is_empty() {
            return Err(Missing::Full);
        }
        // Players of HLS put pictures into their order.
        let takes = Takes { codec: &|codec| player.codecs.takes(codec), b_frames: true };
        let picked = self.inner.pictures.pick(&player.key, &takes).map_err(missing)?;
        let live = match running.into_iter().find(|live| Arc::ptr_eq(&live.stream, &picked.stream)) {
            Some(live) => live.asked(),
            None if is_full => return Err(Missing::Full),
            None => self.begin(player, picked),
        };
        all.insert(player.clone(), live.clone());
        Ok(live)
    }

    fn begin(&self, player: &Player, Picked { stream, choice, listener }: Picked) -> Arc<Live> {
        let live = Arc::new(Live {
            stream,
            packager: Mutex::new(Packager::new(player.audio, self.inner.first())),
            version: watch::Sender::new(0),
            asked: Mutex::new(Instant::now()),
            forgotten: AtomicBool::new(false),
            choice,
            _listener: listener,
        });
        self.inner.runtime.spawn(package(Arc::downgrade(&self.inner), player.clone(), live.clone()));
        live
    }
}

fn missing(refused: Refused) -> Missing {
    match refused {
        Refused::NoStream => Missing::Stream,
        Refused::Codec { camera } => Missing::Codec { camera },
        Refused::Full { camera, most } => Missing::Transcodes { camera, most },
    }
}

impl Answer {
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Playlist { text, .. } => text.len(),
            Self::Media(pieces) => pieces.iter().map(Bytes::len).sum(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Live {
    /// It goes on for whoever has just asked.
    fn asked(self: &Arc<Self>) -> Arc<Self> {
        *self.asked.lock() = Instant::now();
        self.clone()
    }

    /// The answer, or nothing while it is to be waited for.
    fn look(&self, wanted: Wanted, query: &str) -> Option<Result<Answer, Missing>> {
        let window = &mut self.packager.lock().window;
        let media = |bytes: Option<Bytes>| bytes.map(|bytes| Answer::Media(vec![bytes])).ok_or(Missing::File);
        match wanted {
            Wanted::Playlist(reload) => {
                let target_s = window.promise()?.target_s;
                match reload.until.map_or(Reached::Yes, |until| window.reached(until)) {
                    Reached::Never => return Some(Err(Missing::Directive)),
                    Reached::NotYet => return None,
                    Reached::Yes => {}
                }
                let text = window.playlist(reload, query)?;
                Some(Ok(Answer::Playlist { text, blocking: reload.until.is_some(), target_s }))
            }
            // What was hinted at comes.
            Wanted::Part(segment, part) if window.next() == (segment, part) => None,
            Wanted::Part(segment, part) => Some(media(window.part(segment, part))),
            Wanted::Segment(segment) => Some(window.whole(segment).map(Answer::Media).ok_or(Missing::File)),
            Wanted::Init(number) => Some(media(window.init(number))),
        }
    }

    /// Whether nobody has asked for long, and nobody waits.
    fn is_idle(&self) -> bool {
        self.version.receiver_count() == 0 && self.asked.lock().elapsed() >= IDLE
    }
}

/// Packages until nobody asks any more.
async fn package(of: Weak<Inner>, player: Player, live: Arc<Live>) {
    let wake = Arc::new(Notify::new());
    let Some(makers) = of.upgrade().map(|inner| inner.makers(&player, &live)) else { return };
    let mut feed = Feed::new(live.stream.clone(), makers, wake.clone());
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    let mut held = 0;
    loop {
        let bytes = fill(&live, &mut feed);
        let Some(inner) = of.upgrade() else { return };
        inner.held_bytes.fetch_add(bytes, Ordering::Relaxed);
        inner.held_bytes.fetch_sub(held, Ordering::Relaxed);
        held = bytes;
        if feed.is_over {
            inner.forget(&live);
        }
        if inner.is_over(&live) {
            inner.held_bytes.fetch_sub(held, Ordering::Relaxed);
            return;
        }
        drop(inner);
        tokio::select! {
            () = wake.notified() => {}
            _ = looks.tick() => {}
        }
    }
}

/// Packages what waits; answers how many bytes the window holds.
fn fill(live: &Live, feed: &mut Feed) -> usize {
    let mut packager = live.packager.lock();
    let added = feed.fill(&mut packager);
    let bytes = packager.window.bytes();
    drop(packager);
    if added {
        live.version.send_modify(|version| *version += 1);
    }
    bytes
}

impl Inner {
    /// Counted in seconds, of 1970 and of this process: no segment is as short as
    /// one, so that a stream that is packaged anew never counts back.
    fn first(&self) -> First {
        let number = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        First { number, discontinuities: self.since.elapsed().as_secs() }
    }

    /// Who makes sound for a player, and of which stream: with pictures that are
    /// made comes the sound of those they are made of.
    fn makers(&self, player: &Player, live: &Live) -> Option<(Transcodes, StreamKey)> {
        let transcodes = self.pictures.transcodes().filter(|_| player.audio)?;
        let own = live.choice.variant == Variant::Sub;
        Some((transcodes.clone(), if own { live.stream.key().clone() } else { player.key.clone() }))
    }

    /// Who asks again is given what there is by then.
    fn forget(&self, live: &Arc<Live>) {
        live.forgotten.store(true, Ordering::Relaxed);
        self.live.lock().retain(|_, running| !Arc::ptr_eq(running, live));
    }

    /// Whether a packaging is to end: idle, or its stream was forgotten.
    fn is_over(&self, live: &Arc<Live>) -> bool {
        if live.forgotten.load(Ordering::Relaxed) {
            return true;
        }
        if !live.is_idle() {
            return false;
        }
        // Nobody finds it any more once it is seen idle with all of them held.
        let mut all = self.live.lock();
        let idle = live.is_idle();
        if idle {
            all.retain(|_, running| !Arc::ptr_eq(running, live));
        }
        idle
    }
}
