//! The port that publishers call.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use vms_access::{Access, Denied, Kind, Now, Proof, Ticket, Wish};
use vms_crowd::{Crowd, Most};
use vms_hub::StreamKey;

use super::feed::{Call, Side};
use super::protocol::{self, Event, Server};
use crate::arrivals::{Arrivals, NotTaken};
use crate::clock::ServerClock;
use crate::entry::{Entry, Handshake};
use crate::flv::FlvFeed;
use crate::wire::{Socket, Wire};

/// Connections that have not been let in yet; more are closed at once. Behind
/// one address may be a hundred cameras that come back after a power cut.
const MOST_HALF_OPEN: Most = Most { in_all: 1024, of_one: 128 };
/// From the first byte to the wish to publish.
const ASK_LIMIT: Duration = Duration::from_secs(10);
/// For a refusal to be read.
const REFUSE_LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct RtmpMetrics {
    pub connections: AtomicU64,
    pub refused: AtomicU64,
}

/// What the listener hands publishers to.
#[derive(Clone)]
pub struct Reception {
    pub access: Access,
    pub arrivals: Arrivals,
    pub clock: Arc<ServerClock>,
    /// Where there is a certificate: who begins with TLS is served with it.
    pub handshake: Option<Handshake>,
}

/// Dropping it closes the port; publishers that were let in stay.
pub struct RtmpServer {
    address: SocketAddr,
    metrics: Arc<RtmpMetrics>,
    half_open: Crowd,
    cancel: CancellationToken,
}

impl RtmpServer {
    /// Binds and serves on the current runtime.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub fn start(bind: SocketAddr, reception: Reception) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(bind)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let (metrics, cancel) = (Arc::new(RtmpMetrics::default()), CancellationToken::new());
        let half_open = Crowd::new(MOST_HALF_OPEN);
        tokio::spawn(accept(listener, reception, metrics.clone(), half_open.clone(), cancel.clone()));
        Ok(Self { address, metrics, half_open, cancel })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    #[must_use]
    pub fn metrics(&self) -> &RtmpMetrics {
        &self.metrics
    }

    /// Connections that found no place among those that are not let in yet.
    #[must_use]
    pub fn turned_away(&self) -> u64 {
        self.half_open.refused()
    }
}

impl Drop for RtmpServer {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    reception: Reception,
    metrics: Arc<RtmpMetrics>,
    half_open: Crowd,
    cancel: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                metrics.connections.fetch_add(1, Ordering::Relaxed);
                let Some(place) = half_open.enter(peer.ip()) else { continue };
                let (reception, metrics, cancel) = (reception.clone(), metrics.clone(), cancel.clone());
                tokio::spawn(async move {
                    let received = tokio::select! {
                        received = receive(socket, &reception) => received,
                        () = cancel.cancelled() => Ok(()),
                    };
                    if let Err(why) = received {
                        metrics.refused.fetch_add(1, Ordering::Relaxed);
                        tracing::info!(%why, "a publisher of RTMP was not taken");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of handles: those in use must close first.
                tracing::warn!(%error, "an RTMP connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Socket(#[from] io::Error),
    #[error(transparent)]
    Protocol(#[from] protocol::Error),
    #[error("it asked for nothing in time")]
    TooSlow,
    #[error("its address names no stream")]
    NoStream,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    NotTaken(#[from] NotTaken),
}

impl Refused {
    /// What the publisher is told: nothing of what he has no right to.
    fn words(&self) -> &'static str {
        match self {
            Self::NotTaken(NotTaken::Busy) => "this stream has a publisher already",
            Self::NoStream | Self::NotTaken(NotTaken::NotWaited) => "no stream of this name waits for a publisher",
            Self::Denied(_) => "the stream key does not open this stream",
            _ => "not taken",
        }
    }
}

async fn receive(socket: TcpStream, reception: &Reception) -> Result<(), Refused> {
    socket.set_nodelay(true)?;
    let mut server = Server::new(rand::random());
    let asking = async {
        let socket: Box<dyn Socket> = match Entry::of(socket, reception.handshake.as_ref()).await? {
            Entry::Plain(socket) => Box::new(socket),
            Entry::Secure(stream) => Box::new(stream),
        };
        let mut wire = Wire { socket, rest: Vec::new() };
        let (path, query) = wish_of(&mut wire, &mut server).await?;
        Ok::<_, Refused>((wire, path, query))
    };
    let asked = tokio::time::timeout(ASK_LIMIT, asking).await;
    let (mut wire, path, query) = asked.map_err(|_| Refused::TooSlow)??;
    let taken = let_in(&path, &query, reception);
    let (key, ticket) = match taken {
        Ok(taken) => taken,
        Err(refused) => {
            server.refuse(refused.words());
            let told = poll_fn(|cx| wire.poll_write(cx, server.unsent()));
            // Whoever does not read his refusal has hung up.
            let _ = tokio::time::timeout(REFUSE_LIMIT, told).await;
            return Err(refused);
        }
    };
    server.accept();
    let call = Call { wire, side: Side::called(server, ticket) };
    let feed = FlvFeed::new(call, reception.clock.clone());
    Ok(reception.arrivals.offer(&key, Box::new(feed))?)
}

/// What a publisher wants, once it said so.
async fn wish_of(wire: &mut Wire, server: &mut Server) -> Result<(String, String), Refused> {
    loop {
        let mut events = Vec::new();
        let used = server.input(&wire.rest, &mut events)?;
        wire.rest.drain(..used);
        for event in events {
            if let Event::Publish { path, query } = event {
                return Ok((path, query));
            }
        }
        poll_fn(|cx| wire.poll_write(cx, server.unsent())).await?;
        poll_fn(|cx| wire.poll_read(cx)).await?;
    }
}

fn let_in(path: &str, query: &str, reception: &Reception) -> Result<(StreamKey, Ticket), Refused> {
    let key = StreamKey::parse(path).ok_or(Refused::NoStream)?;
    let of = |name: &str| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.into_iter().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    };
    let (id, secret) = (of("key"), of("secret"));
    let proof = match (&id, &secret) {
        (Some(id), Some(secret)) => Proof::Secret { id, secret },
        _ => Proof::None,
    };
    let ticket = reception.access.enter(Wish { key: &key, kind: Kind::Publish }, proof, Now::read())?;
    // Only who may publish learns whether there is something to publish to.
    reception.arrivals.would_take(&key)?;
    Ok((key, ticket))
}
