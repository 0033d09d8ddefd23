//! Many cameras on one WebSocket, as frames for a browser's own decoders:
//! `docs/reference/media-socket.md` is the contract.
//!
//! Data flow: a task reads the client's wishes ([`frames`], [`wire`]); the
//! other takes a frame of each [`tile`] in turn and writes. Nothing waits in
//! a queue of its own: each tile is a cursor in the ring of its stream, and one
//! that falls behind goes on with the newest key frame.

pub mod frames;
#[cfg(test)]
mod tests;
mod tile;
pub mod wire;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use vms_access::{Access, Kind, Now, Proof, Wish as Entry};
use vms_hub::StreamName;

use frames::{BINARY, Broken, CLOSE, Frames, Message, PING, PONG, TEXT, head};
use tile::{Out, Tile, word};
use wire::{Wish, Word};

use crate::choice::{Choice, Codecs, Picked, Pictures, Refused, Takes, Why};

/// Of one socket: a wall of 64, and another that is being left.
const MOST_TILES: usize = 128;
/// Sockets of the process.
const MOST_SOCKETS: usize = 4096;
/// What is written at once, bytes.
const TURN_BYTES: usize = 256 * 1024;
const PING_EVERY: Duration = Duration::from_secs(30);
/// A client that says nothing for so long, not even to a ping, is gone.
const SILENCE: Duration = Duration::from_secs(90);

/// Figures of all sockets.
#[derive(Debug, Default)]
pub struct SocketMetrics {
    pub sockets: AtomicUsize,
    pub tiles: AtomicUsize,
    pub frames: AtomicU64,
    pub sent_bytes: AtomicU64,
}

/// Serves media sockets.
#[derive(Clone)]
pub struct Sockets {
    pictures: Pictures,
    access: Access,
    metrics: Arc<SocketMetrics>,
    /// Makes names of tiles.
    next: Arc<AtomicU64>,
}

/// What happens to a socket beside its streams.
enum Event {
    Said(Wish),
    /// It said what is no wish.
    Nonsense,
    Ping(Vec<u8>),
    /// A tile's right is gone: its id and its name.
    Withdrawn(u16, String),
    Over(u16),
}

impl Sockets {
    #[must_use]
    pub fn new(pictures: Pictures, access: Access) -> Self {
        Self { pictures, access, metrics: Arc::default(), next: Arc::default() }
    }

    #[must_use]
    pub fn metrics(&self) -> &SocketMetrics {
        &self.metrics
    }

    /// Whether there is room for one more.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.metrics.sockets.load(Ordering::Relaxed) < MOST_SOCKETS
    }

    /// Serves one that was agreed on, until it ends.
    ///
    /// # Errors
    /// When the connection fails.
    pub async fn serve<S>(&self, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        self.metrics.sockets.fetch_add(1, Ordering::Relaxed);
        let (read, mut write) = tokio::io::split(stream);
        let (tell, mut events) = mpsc::channel(32);
        let listening = tokio::spawn(listen(read, tell));
        let mut socket = Socket::new(self.clone());
        let served = socket.run(&mut write, &mut events).await;
        listening.abort();
        socket.leave();
        self.metrics.sockets.fetch_sub(1, Ordering::Relaxed);
        served
    }
}

/// Reads what the client says until it ends or breaks the protocol.
async fn listen<S: AsyncRead>(mut read: ReadHalf<S>, tell: mpsc::Sender<Event>) {
    let mut frames = Frames::default();
    loop {
        let event = match frames.message() {
            Ok(Some(Message::Text(text))) => serde_json::from_str(&text).map_or(Event::Nonsense, Event::Said),
            Ok(Some(Message::Ping(data))) => Event::Ping(data),
            Ok(Some(Message::Close)) => Event::Over(1000),
            Err(Broken(code)) => Event::Over(code),
            Ok(None) => match tokio::time::timeout(SILENCE, read.read_buf(&mut frames.bytes)).await {
                Ok(Ok(count)) if count > 0 => continue,
                _ => Event::Over(1001),
            },
        };
        let over = matches!(event, Event::Over(_));
        if tell.send(event).await.is_err() || over {
            return;
        }
    }
}

/// One socket.
struct Socket {
    of: Sockets,
    tiles: BTreeMap<u16, Tile>,
    wake: Arc<Notify>,
    withdrawn: (mpsc::UnboundedSender<Event>, mpsc::UnboundedReceiver<Event>),
    /// The tile that was served last.
    turn: u16,
}

impl Socket {
    fn new(of: Sockets) -> Self {
        Self { of, tiles: BTreeMap::new(), wake: Arc::default(), withdrawn: mpsc::unbounded_channel(), turn: 0 }
    }

    async fn run<W: AsyncWrite + Unpin>(
        &mut self,
        write: &mut W,
        events: &mut mpsc::Receiver<Event>,
    ) -> io::Result<()> {
        let mut pinged = Instant::now();
        loop {
            let mut pieces = Pieces::default();
            while let Ok(event) = events.try_recv() {
                if self.happen(event, &mut pieces) {
                    return end(write, pieces).await;
                }
            }
            while let Ok(event) = self.withdrawn.1.try_recv() {
                self.happen(event, &mut pieces);
            }
            self.take_turn(&mut pieces);
            if pinged.elapsed() >= PING_EVERY {
                pinged = Instant::now();
                pieces.message(PING, [Bytes::new()]);
            }
            if pieces.has_remaining() {
                self.of.metrics.sent_bytes.fetch_add(pieces.remaining() as u64, Ordering::Relaxed);
                write.write_all_buf(&mut pieces).await?;
                write.flush().await?;
                continue;
            }
            let event = tokio::select! {
                event = events.recv() => event.unwrap_or(Event::Over(1001)),
                Some(event) = self.withdrawn.1.recv() => event,
                () = self.wake.notified() => continue,
                () = tokio::time::sleep_until(pinged + PING_EVERY) => continue,
            };
            let over = self.happen(event, &mut pieces);
            if over {
                return end(write, pieces).await;
            }
            write.write_all_buf(&mut pieces).await?;
        }
    }

    /// A frame of each tile in turn, as much as is written at once.
    fn take_turn(&mut self, pieces: &mut Pieces) {
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let mut out = Vec::new();
        // Who came short the last time is first.
        let after: Vec<u16> = self.tiles.range(self.turn.saturating_add(1)..).map(|(id, _)| *id).collect();
        let before = self.tiles.range(..=self.turn).map(|(id, _)| *id);
        let order: Vec<u16> = after.into_iter().chain(before).collect();
        for id in order {
            let Some(tile) = self.tiles.get_mut(&id) else { continue };
            if pieces.remaining() >= TURN_BYTES {
                return;
            }
            self.turn = id;
            tile.next(now_us, &mut out);
            for one in out.drain(..) {
                match one {
                    Out::Word(text) => pieces.message(TEXT, [Bytes::from(text)]),
                    Out::Removed => {
                        self.forget(id);
                        pieces.say(&Word::Ended { id, code: "not_found" });
                    }
                    Out::Media(head, data) => {
                        self.of.metrics.frames.fetch_add(1, Ordering::Relaxed);
                        pieces.message(BINARY, [Bytes::copy_from_slice(&head), data]);
                    }
                }
            }
        }
    }

    /// Whether the socket is over.
    fn happen(&mut self, event: Event, pieces: &mut Pieces) -> bool {
        match event {
            Event::Said(wish) => self.grant(wish, pieces),
            Event::Nonsense => return close(1008, pieces),
            Event::Ping(data) => pieces.message(PONG, [Bytes::from(data)]),
            Event::Withdrawn(id, label) => {
                // It may have left, and another have come under its number.
                if self.tiles.get(&id).is_some_and(|tile| tile.label == label) {
                    self.forget(id);
                    pieces.say(&Word::Ended { id, code: "address_revoked" });
                }
            }
            Event::Over(code) => return close(code, pieces),
        }
        false
    }

    fn grant(&mut self, wish: Wish, pieces: &mut Pieces) {
        match wish {
            Wish::Subscribe { id, camera, stream, address, codecs } => {
                match self.subscribe(id, &camera, stream, address.as_deref(), codecs.as_deref()) {
                    Ok(choice) => {
                        let reason = choice.reason.map(Why::as_str);
                        pieces.say(&Word::Subscribed { id, variant: choice.variant.as_str(), reason });
                    }
                    Err(code) => pieces.say(&Word::Refused { id, code }),
                }
            }
            Wish::Renew { id, address } => {
                let label = self.tiles.get(&id).map_or("", |tile| tile.label.as_str());
                match self.of.access.renew(label, &address, Now::read()) {
                    Ok(()) => pieces.say(&Word::Renewed { id }),
                    Err(denied) => pieces.say(&Word::Refused { id, code: denied.code() }),
                }
            }
            Wish::Pause { id } => {
                if let Some(tile) = self.tiles.get_mut(&id) {
                    tile.pause();
                }
            }
            Wish::Resume { id } => {
                if let Some(tile) = self.tiles.get_mut(&id) {
                    tile.resume();
                }
            }
            Wish::Unsubscribe { id } => self.forget(id),
        }
    }

    fn subscribe(
        &mut self,
        id: u16,
        camera: &str,
        stream: StreamName,
        address: Option<&str>,
        codecs: Option<&str>,
    ) -> Result<Choice, &'static str> {
        if self.tiles.contains_key(&id) {
            return Err("id_taken");
        }
        if self.tiles.len() >= MOST_TILES {
            return Err("too_many");
        }
        let key = wire::key_of(camera, stream).ok_or("not_found")?;
        let proof = address.map_or(Proof::None, Proof::Address);
        let entry = Entry { key: &key, kind: Kind::Socket };
        let ticket = self.of.access.enter(entry, proof, Now::read()).map_err(|denied| denied.code())?;
        let codecs = codecs.map_or(Some(Codecs::All), Codecs::parse).ok_or("invalid")?;
        // Decoders of a page put pictures into their order.
        let takes = Takes { codec: &|codec| codecs.takes(codec), b_frames: true };
        let Picked { stream, choice, listener } = self.of.pictures.pick(&key, &takes).map_err(|why| match why {
            Refused::NoStream => "not_found",
            Refused::Codec { .. } => "no_common_codec",
            Refused::Full { .. } => "too_many_transcodes",
        })?;
        let label = format!("socket/{}", self.of.next.fetch_add(1, Ordering::Relaxed));
        let (ends, name) = (self.withdrawn.0.clone(), label.clone());
        ticket.bind(&label, move |_| {
            // A socket that is gone has nothing to end.
            let _ = ends.send(Event::Withdrawn(id, name));
        });
        self.tiles.insert(id, Tile::new(id, stream, self.wake.clone(), label, ticket).watching(listener));
        self.of.metrics.tiles.fetch_add(1, Ordering::Relaxed);
        Ok(choice)
    }

    fn forget(&mut self, id: u16) {
        if self.tiles.remove(&id).is_some() {
            self.of.metrics.tiles.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn leave(&mut self) {
        self.of.metrics.tiles.fetch_sub(self.tiles.len(), Ordering::Relaxed);
        self.tiles.clear();
    }
}

fn close(code: u16, pieces: &mut Pieces) -> bool {
    pieces.message(CLOSE, [Bytes::copy_from_slice(&code.to_be_bytes())]);
    true
}

/// Says the last words, to whoever still listens.
async fn end<W: AsyncWrite + Unpin>(write: &mut W, mut pieces: Pieces) -> io::Result<()> {
    write.write_all_buf(&mut pieces).await?;
    write.shutdown().await
}

/// Bytes that are written one behind the other, without a copy.
#[derive(Default)]
struct Pieces {
    rest: VecDeque<Bytes>,
    bytes: usize,
}

impl Pieces {
    fn message<const N: usize>(&mut self, kind: u8, parts: [Bytes; N]) {
        let length = parts.iter().map(Bytes::len).sum();
        let all = std::iter::once(Bytes::from(head(kind, length))).chain(parts);
        for part in all.filter(|part| !part.is_empty()) {
            self.bytes += part.len();
            self.rest.push_back(part);
        }
    }

    fn say(&mut self, said: &Word<'_>) {
        self.message(TEXT, [Bytes::from(word(said))]);
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.bytes
    }

    fn chunk(&self) -> &[u8] {
        self.rest.front().map_or(&[], |first| first)
    }

    fn advance(&mut self, mut count: usize) {
        self.bytes -= count;
        while let Some(first) = self.rest.front_mut()
            && count > 0
        {
            let taken = count.min(first.len());
            first.advance(taken);
            count -= taken;
            if first.is_empty() {
                self.rest.pop_front();
            }
        }
    }

    fn chunks_vectored<'a>(&'a self, out: &mut [IoSlice<'a>]) -> usize {
        let count = out.len().min(self.rest.len());
        for (slot, piece) in out.iter_mut().zip(&self.rest) {
            *slot = IoSlice::new(piece);
        }
        count
    }
}
