//! ICE over TCP (RFC 6544), for networks that let no UDP through. This side
//! waits; whoever connects sends datagrams, each behind its length (RFC 4571).

use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use vms_crowd::{Crowd, Most};

use super::session::nominal;
use super::shard::{Datagram, Mailbox, Via};
use super::socket::MAX_DATAGRAM;
use super::stun::{shard_of, stun_ufrag};

const BACKLOG: i32 = 256;
/// Connections at once; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 2048;
/// Of those, such as no session has taken yet.
const UNKNOWN: Most = Most { in_all: 256, of_one: 32 };
/// From connecting to being taken by a session.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);
/// ICE asks for consent every few seconds (RFC 7675): who is silent is gone.
const SILENT: Duration = Duration::from_secs(30);
/// A peer that takes nothing for so long is gone.
const STUCK: Duration = Duration::from_secs(10);
/// Datagrams that wait for a slow connection; more are lost, as by UDP.
const MOST_WAITING: usize = 1024;
/// Datagrams in one write.
const MOST_AT_ONCE: usize = 64;

/// What a shard knows of a connection.
#[derive(Debug)]
pub struct Wire {
    /// Where it was connected to, as the library knows it.
    pub local: SocketAddr,
    datagrams: mpsc::Sender<Vec<u8>>,
    taken: AtomicBool,
    over: CancellationToken,
}

impl Wire {
    /// False when the datagram found no room.
    pub fn send(&self, datagram: Vec<u8>) -> bool {
        self.datagrams.try_send(datagram).is_ok()
    }

    /// A session has taken the connection for its own.
    pub fn take(&self) {
        self.taken.store(true, Ordering::Release);
    }

    /// Ends the connection once all is sent.
    pub fn close(&self) {
        self.over.cancel();
    }
}

/// Binds a listener; `address` with port 0 takes a free one.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart must not wait for the connections of the run before.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Takes connections, on a thread of its own, until told to stop.
pub struct Acceptor {
    pub listeners: Vec<StdListener>,
    pub shards: Arc<[Arc<Mailbox>]>,
    pub stop: CancellationToken,
}

impl Acceptor {
    pub fn run(self) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "WebRTC takes no TCP"),
        };
        runtime.block_on(async {
            let unknown = Crowd::new(UNKNOWN);
            let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
            for listener in self.listeners {
                match TcpListener::from_std(listener) {
                    Ok(listener) => {
                        tokio::spawn(accept(listener, self.shards.clone(), unknown.clone(), places.clone()));
                    }
                    Err(error) => tracing::error!(%error, "WebRTC takes no TCP"),
                }
            }
            self.stop.cancelled().await;
        });
    }
}

async fn accept(listener: TcpListener, shards: Arc<[Arc<Mailbox>]>, unknown: Crowd, places: Arc<Semaphore>) {
    let local = match listener.local_addr() {
        Ok(local) => nominal(local),
        Err(error) => return tracing::error!(%error, "WebRTC takes no TCP"),
    };
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, source)) => {
                let Some(permit) = unknown.enter(source.ip()) else { continue };
                let shards = shards.clone();
                tokio::spawn(async move {
                    let carried = carry(socket, (source, local), &shards, permit).await;
                    tracing::trace!(?carried, %source, "a connection of ICE has ended");
                    drop(place);
                });
            }
            Err(error) => {
                // Out of handles: those in use must close first.
                tracing::warn!(%error, "a connection of ICE could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Moves datagrams both ways until either side ends.
async fn carry(
    socket: TcpStream,
    (source, local): (SocketAddr, SocketAddr),
    shards: &[Arc<Mailbox>],
    permit: impl Send,
) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let (datagrams, waiting) = mpsc::channel(MOST_WAITING);
    let over = CancellationToken::new();
    let wire = Wire { local, datagrams, taken: AtomicBool::new(false), over: over.clone() };
    let (incoming, outgoing) = socket.into_split();
    tokio::select! {
        read = read(incoming, source, Arc::new(wire), shards, permit) => read,
        written = write(outgoing, waiting, over) => written,
    }
}

async fn read(
    mut incoming: OwnedReadHalf,
    source: SocketAddr,
    wire: Arc<Wire>,
    shards: &[Arc<Mailbox>],
    permit: impl Send,
) -> io::Result<()> {
    let begun = Instant::now();
    let mut permit = Some(permit);
    let mut shard = None;
    let mut buffer = [0; MAX_DATAGRAM];
    loop {
        if wire.taken.load(Ordering::Acquire) {
            permit = None;
        }
        let patience = if permit.is_some() { TAKEN_WITHIN.saturating_sub(begun.elapsed()) } else { SILENT };
        let datagram = timeout(patience, frame(&mut incoming, &mut buffer)).await??;
        // Whose it is stands in the first check; what comes before is nobody's.
        if shard.is_none() {
            shard = stun_ufrag(datagram).and_then(shard_of).and_then(|index| shards.get(index));
        }
        let Some(shard) = shard else { return Err(io::ErrorKind::InvalidData.into()) };
        let via = Via::Tcp(wire.clone());
        // What finds no room is lost, as by UDP.
        shard.deliver(&mut vec![Datagram { via, source, bytes: datagram.into() }]);
    }
}

/// The next datagram.
async fn frame<'a>(incoming: &mut OwnedReadHalf, buffer: &'a mut [u8; MAX_DATAGRAM]) -> io::Result<&'a [u8]> {
    let length = usize::from(incoming.read_u16().await?);
    let datagram = buffer.get_mut(..length).ok_or(io::ErrorKind::InvalidData)?;
    incoming.read_exact(datagram).await?;
    Ok(datagram)
}

async fn write(
    mut outgoing: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Vec<u8>>,
    over: CancellationToken,
) -> io::Result<()> {
    let (mut datagrams, mut bytes) = (Vec::new(), Vec::new());
    loop {
        tokio::select! {
            biased;
            count = waiting.recv_many(&mut datagrams, MOST_AT_ONCE) => if count == 0 { return Ok(()) },
            () = over.cancelled() => return outgoing.shutdown().await,
        }
        bytes.clear();
        for datagram in datagrams.drain(..) {
            let length = u16::try_from(datagram.len()).map_err(|_| io::ErrorKind::InvalidData)?;
            bytes.extend(length.to_be_bytes());
            bytes.extend(datagram);
        }
        timeout(STUCK, outgoing.write_all(&bytes)).await??;
    }
}
