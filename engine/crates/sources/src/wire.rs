//! A connection of RTMP or HTTP, and what came of it and was not used yet.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One read takes so much.
const READ: usize = 32 << 10;

/// What a connection runs on: TCP or TLS.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

/// A socket with what came and was not used yet.
pub struct Wire {
    pub socket: Box<dyn Socket>,
    pub rest: Vec<u8>,
}

impl Wire {
    /// Sends what can be sent now.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, unsent: &mut Vec<u8>) -> Poll<io::Result<()>> {
        while !unsent.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(cx, unsent))?;
            unsent.drain(..written);
        }
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    /// Adds what came to the rest; an end is an error.
    pub fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ];
        let mut read = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        }
        self.rest.extend_from_slice(read.filled());
        Poll::Ready(Ok(()))
    }
}
