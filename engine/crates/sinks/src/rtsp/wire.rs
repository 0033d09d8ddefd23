//! The two halves of a player's connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use vms_sources::{Entry, Handshake, Secured};

pub enum Reading {
    Plain(OwnedReadHalf),
    Secure(ReadHalf<Box<dyn Secured>>),
}

pub enum Writing {
    Plain(OwnedWriteHalf),
    Secure(WriteHalf<Box<dyn Secured>>),
}

/// Both halves, of TLS where the first byte asks for it.
pub async fn open(socket: TcpStream, handshake: Option<&Handshake>) -> io::Result<(Reading, Writing)> {
    Ok(match Entry::of(socket, handshake).await? {
        Entry::Plain(socket) => {
            let (read, write) = socket.into_split();
            (Reading::Plain(read), Writing::Plain(write))
        }
        Entry::Secure(stream) => {
            let (read, write) = tokio::io::split(stream);
            (Reading::Secure(read), Writing::Secure(write))
        }
    })
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
