//! What carries the bytes of a session: a connection, TLS in it, or two of
//! either that make an HTTP tunnel.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::dial::Dialer;
use crate::reason::Reason;
use crate::rtsp::{self, Address, Opening, Tunnel};
use crate::tls;

/// A camera that takes nothing gets no more.
const MOST_UNTAKEN: usize = 64 << 10;
/// A challenge, and the answer to it.
const TRIES: usize = 2;

/// One connection.
pub enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// All that a session's bytes go through.
pub enum Pipe {
    Direct(Wire),
    Tunnelled(Box<Both>),
}

/// The two connections of a tunnel.
pub struct Both {
    down: Wire,
    up: Wire,
    /// RTSP that came with the answer to the GET.
    early: Vec<u8>,
    /// Encoded, and not written yet.
    untaken: Vec<u8>,
}

impl Wire {
    async fn connect(dialer: &Dialer, address: &Address) -> Result<Self, Reason> {
        let socket = dialer.connect(&address.host, address.port).await?;
        if !address.carriage.tls {
            return Ok(Self::Plain(socket));
        }
        let shaken = tls::shake_hands(socket, &address.host, &address.trust, dialer.authority()).await?;
        Ok(Self::Tls(Box::new(shaken)))
    }

    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl Pipe {
    /// Connects as the address says.
    pub async fn connect(dialer: &Dialer, options: &rtsp::Options) -> Result<Self, Reason> {
        let address = &options.address;
        if !address.carriage.tunnel {
            return Ok(Self::Direct(Wire::connect(dialer, address).await?));
        }
        let mut tunnel = Tunnel::new(address, options.allows_basic, options.user_agent, options.seed);
        for _ in 0..TRIES {
            let mut down = Wire::connect(dialer, address).await?;
            let Some(early) = open(&mut down, &mut tunnel).await? else { continue };
            let mut up = Wire::connect(dialer, address).await?;
            say(&mut up, &tunnel.post()).await?;
            return Ok(Self::Tunnelled(Box::new(Both { down, up, early, untaken: Vec::new() })));
        }
        Err(Reason::WrongPassword)
    }

    /// The camera's address and our own.
    pub fn ends(&self) -> io::Result<(IpAddr, IpAddr)> {
        let socket = match self {
            Self::Direct(wire) => wire.socket(),
            Self::Tunnelled(both) => both.down.socket(),
        };
        Ok((socket.peer_addr()?.ip(), socket.local_addr()?.ip()))
    }

    pub fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Direct(wire) => Pin::new(wire).poll_read(cx, into),
            Self::Tunnelled(both) if both.early.is_empty() => Pin::new(&mut both.down).poll_read(cx, into),
            Self::Tunnelled(both) => {
                // What came early is less than an answer's bound, and fits.
                into.put_slice(&std::mem::take(&mut both.early));
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Takes from `said` what can be written.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, said: &mut Vec<u8>) -> Poll<io::Result<()>> {
        match self {
            Self::Direct(wire) => write(wire, cx, said),
            Self::Tunnelled(both) => {
                if both.untaken.len() < MOST_UNTAKEN && !said.is_empty() {
                    both.untaken.extend_from_slice(Tunnel::encode(said).as_bytes());
                    said.clear();
                }
                write(&mut both.up, cx, &mut both.untaken)
            }
        }
    }
}

fn write(wire: &mut Wire, cx: &mut Context<'_>, said: &mut Vec<u8>) -> Poll<io::Result<()>> {
    while !said.is_empty() {
        let written = ready!(Pin::new(&mut *wire).poll_write(cx, said))?;
        said.drain(..written);
    }
    Pin::new(wire).poll_flush(cx)
}

async fn say(wire: &mut Wire, text: &str) -> Result<(), Reason> {
    let said = async {
        wire.write_all(text.as_bytes()).await?;
        wire.flush().await
    };
    said.await.map_err(|error| Reason::of_connection(&error))
}

/// Says the GET; gives what came behind its answer, or nothing where it is to
/// be said again.
async fn open(down: &mut Wire, tunnel: &mut Tunnel) -> Result<Option<Vec<u8>>, Reason> {
    say(down, &tunnel.get()).await?;
    let mut came = Vec::with_capacity(1 << 10);
    loop {
        let read = down.read_buf(&mut came).await.map_err(|error| Reason::of_connection(&error))?;
        match tunnel.answer(&came)? {
            Opening::Open(at) => return Ok(Some(came.split_off(at))),
            Opening::Again => return Ok(None),
            Opening::Incomplete if read == 0 => return Err(Reason::CameraClosed),
            Opening::Incomplete => {}
        }
    }
}
