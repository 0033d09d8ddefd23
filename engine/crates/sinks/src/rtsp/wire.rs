//! What a player's bytes go through: its connection, or TLS in it. Which of
//! them it is, the first byte tells.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The first byte of a TLS record that holds a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;

/// A connection inside of TLS.
pub trait Secured: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Secured for S {}

/// Shakes hands with a player; given by whoever has the certificate.
pub type Handshake = Arc<dyn Fn(TcpStream, IpAddr) -> BoxFuture<'static, io::Result<Box<dyn Secured>>> + Send + Sync>;

pub enum Reading {
    Plain(OwnedReadHalf),
    Secure(ReadHalf<Box<dyn Secured>>),
}

pub enum Writing {
    Plain(OwnedWriteHalf),
    Secure(WriteHalf<Box<dyn Secured>>),
}

/// Both halves of a player's connection.
pub async fn open(socket: TcpStream, peer: IpAddr, handshake: Option<&Handshake>) -> io::Result<(Reading, Writing)> {
    if let Some(handshake) = handshake {
        let mut first = [0];
        if socket.peek(&mut first).await? > 0 && first[0] == HANDSHAKE {
            let (read, write) = tokio::io::split(handshake(socket, peer).await?);
            return Ok((Reading::Secure(read), Writing::Secure(write)));
        }
    }
    let (read, write) = socket.into_split();
    Ok((Reading::Plain(read), Writing::Plain(write)))
}

impl Writing {
    /// Writes what can be written at once; nothing may be.
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let Self::Plain(half) = self else { return Ok(0) };
        match half.try_write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        }
    }

    pub fn is_secure(&self) -> bool {
        matches!(self, Self::Secure(_))
    }
}

impl AsyncRead for Reading {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_read(cx, into),
            Self::Secure(half) => Pin::new(half).poll_read(cx, into),
        }
    }
}

impl AsyncWrite for Writing {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_write(cx, bytes),
            Self::Secure(half) => Pin::new(half).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_flush(cx),
            Self::Secure(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(half) => Pin::new(half).poll_shutdown(cx),
            Self::Secure(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}
