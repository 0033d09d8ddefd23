//! A connection that carries a stream: moves its bytes, gives its frames.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use vms_access::Ticket;

use super::protocol::{self, Client, Event, Pulled, Server};
use crate::flv::{Bringer, FlvFrames};
use crate::reason::Reason;
use crate::wire::Wire;

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
        ticket.bind("", move |_| word.cancel());
        Self::Called { server, _ticket: ticket, revoked }
    }

    fn unsent(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Called { server, .. } => server.unsent(),
            Self::Calling(client) => client.unsent(),
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

/// A connection of either side.
pub struct Call {
    pub wire: Wire,
    pub side: Side,
}

impl Bringer for Call {
    fn poll(&mut self, cx: &mut Context<'_>, frames: &mut FlvFrames) -> Poll<Result<(), Reason>> {
        if self.side.is_revoked(cx) {
            return Poll::Ready(Err(Reason::Protocol { detail: "its stream key may publish no more".into() }));
        }
        let closed = |error: io::Error| Reason::of_connection(&error);
        // A full socket does not keep us from reading.
        if let Poll::Ready(Err(error)) = self.wire.poll_write(cx, self.side.unsent()) {
            return Poll::Ready(Err(closed(error)));
        }
        ready!(self.wire.poll_read(cx)).map_err(closed)?;
        if self.side.input(&mut self.wire, frames)? {
            Poll::Ready(Ok(()))
        } else {
            Poll::Ready(Err(Reason::CameraClosed))
        }
    }
}
