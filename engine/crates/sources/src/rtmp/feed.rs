//! A connection that carries a stream: moves its bytes, gives its frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use vms_access::Ticket;
use vms_media::Track;

use super::protocol::{self, Client, Event, Pulled, Server};
use crate::feed::{Feed, Item};
use crate::flv::FlvFrames;
use crate::reason::Reason;

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

/// Which side of the protocol is ours.
pub enum Side {
    /// A publisher called; its right may be withdrawn.
    Called {
        server: Server,
        _ticket: Ticket,
        revoked: Pin<Box<WaitForCancellationFutureOwned>>,
    },
    Calling(Client),
}

impl Side {
    /// A publisher that may publish as long as its ticket is good.
    pub fn called(server: Server, ticket: Ticket) -> Self {
        let word = CancellationToken::new();
        let revoked = Box::pin(word.clone().cancelled_owned());
        ticket.bind("", move || word.cancel());
        Self::Called { server, _ticket: ticket, revoked }
    }

    fn unsent(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Called { server, .. } => &mut server.unsent,
            Self::Calling(client) => &mut client.unsent,
        }
    }

    fn is_revoked(&mut self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Called { revoked, .. } => revoked.as_mut().poll(cx).is_ready(),
            Self::Calling(_) => false,
        }
    }

    /// Makes frames of what came; false at the stream's end.
    fn input(&mut self, wire: &mut Wire, frames: &mut FlvFrames) -> Result<bool, Reason> {
        let mut goes_on = true;
        let used = match self {
            Self::Called { server, .. } => {
                let mut events = Vec::new();
                let used = server.input(&wire.rest, &mut events)?;
                for event in events {
                    match event {
                        Event::Media { kind, ms, body } => frames.push(kind, ms, &body)?,
                        Event::End => goes_on = false,
                        Event::Publish { .. } => {}
                    }
                }
                used
            }
            Self::Calling(client) => {
                let mut events = Vec::new();
                let used = client.input(&wire.rest, &mut events)?;
                for event in events {
                    match event {
                        Pulled::Media { kind, ms, body } => frames.push(kind, ms, &body)?,
                        Pulled::End => goes_on = false,
                    }
                }
                used
            }
        };
        wire.rest.drain(..used);
        Ok(goes_on)
    }
}

impl From<protocol::Error> for Reason {
    fn from(error: protocol::Error) -> Self {
        Self::Protocol { detail: error.to_string() }
    }
}

pub struct RtmpFeed {
    wire: Wire,
    side: Side,
    frames: FlvFrames,
    /// Why no more comes, told once what came before was taken.
    ended: Option<Reason>,
}

impl RtmpFeed {
    pub fn new(wire: Wire, side: Side, frames: FlvFrames) -> Self {
        Self { wire, side, frames, ended: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        if self.side.is_revoked(cx) {
            return Poll::Ready(Err(Reason::Protocol { detail: "its stream key may publish no more".into() }));
        }
        let closed = |error: io::Error| Reason::of_connection(&error);
        // A full socket does not keep us from reading.
        if let Poll::Ready(Err(error)) = self.wire.poll_write(cx, self.side.unsent()) {
            return Poll::Ready(Err(closed(error)));
        }
        ready!(self.wire.poll_read(cx)).map_err(closed)?;
        if self.side.input(&mut self.wire, &mut self.frames)? {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(Reason::CameraClosed))
        }
    }
}

impl Feed for RtmpFeed {
    fn tracks(&self) -> &[Track] {
        self.frames.tracks()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.frames.queue.pop_front() {
                return Poll::Ready(Ok(item));
            }
            if let Some(reason) = &self.ended {
                return Poll::Ready(Err(reason.clone()));
            }
            if let Err(reason) = ready!(self.poll(cx)) {
                self.ended = Some(reason);
            }
        }
    }

    fn reset_clocks(&mut self) {
        self.frames.reset_clocks();
    }
}
