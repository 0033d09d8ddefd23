//! A connection that we call: its socket and its timer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::Sleep;
use vms_srt::{Connection, End, Identity, Reject};

use super::address::Address;
use crate::dial::Dialer;
use crate::reason::Reason;

/// Larger datagrams are none of SRT.
const MAX_DATAGRAM: usize = 2048;
/// Datagrams that are read before what they bring is handed on.
const MOST_AT_ONCE: usize = 64;

pub struct Line {
    socket: UdpSocket,
    pub connection: Connection,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Instant>,
    out: Vec<u8>,
}

impl Line {
    /// Begins to call what an address names.
    ///
    /// # Errors
    /// With the reason why it cannot be called.
    pub async fn call(address: &str, dialer: &Dialer) -> Result<Self, Reason> {
        let Address { host, port, settings } = Address::parse(address)?;
        let socket = dialer.connect_udp(&host, port).await?;
        let now = Instant::now();
        Ok(Self {
            socket,
            connection: Connection::call(settings, Identity::random(), now),
            timer: Box::pin(tokio::time::sleep_until(now.into())),
            timer_at: None,
            out: Vec::new(),
        })
    }

    /// Takes what came; true where there may be more.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn receive(&mut self, cx: &mut Context<'_>) -> Result<bool, Reason> {
        let mut space = [0; MAX_DATAGRAM];
        for _ in 0..MOST_AT_ONCE {
            let mut buffer = ReadBuf::new(&mut space);
            match self.socket.poll_recv(cx, &mut buffer) {
                Poll::Ready(Ok(())) => self.connection.input(buffer.filled(), Instant::now()),
                Poll::Ready(Err(error)) => return Err(Reason::of_network(&error)),
                Poll::Pending => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Sends what is to be sent by now.
    ///
    /// # Errors
    /// When nobody is there.
    pub fn send(&mut self, now: Instant) -> Result<(), Reason> {
        while self.connection.poll_output(&mut self.out, now) {
            let sent = self.socket.try_send(&self.out);
            self.out.clear();
            match sent {
                Ok(_) => {}
                // What a full socket loses is asked for again.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(Reason::of_network(&error)),
            }
        }
        Ok(())
    }

    /// Why the connection has ended, if it has.
    #[must_use]
    pub fn ended(&self) -> Option<Reason> {
        self.connection.end().map(reason_of)
    }

    /// Ready when something is due.
    pub fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(deadline) = self.connection.deadline() else { return Poll::Pending };
        if self.timer_at != Some(deadline) {
            self.timer.as_mut().reset(deadline.into());
            self.timer_at = Some(deadline);
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.timer_at = None;
        Poll::Ready(())
    }

    /// Moves what can be moved of a connection that we send by; ready when
    /// something came or was due.
    ///
    /// # Errors
    /// With the reason why it has ended.
    pub fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let more = self.receive(cx)?;
        let now = Instant::now();
        // What whom we send to may send is of no interest.
        while self.connection.take(now).is_some() {}
        self.send(now)?;
        if let Some(reason) = self.ended() {
            return Poll::Ready(Err(reason));
        }
        if more {
            return Poll::Ready(Ok(()));
        }
        self.poll_due(cx).map(Ok)
    }
}

impl Drop for Line {
    /// The other side is told, as far as one datagram can tell it.
    fn drop(&mut self) {
        self.connection.close();
        while self.connection.poll_output(&mut self.out, Instant::now()) {
            // It will notice the silence too.
            let _ = self.socket.try_send(&self.out);
            self.out.clear();
        }
    }
}

fn reason_of(end: End) -> Reason {
    match end {
        End::Closed | End::PeerClosed => Reason::CameraClosed,
        End::Idle | End::Unanswered => Reason::Timeout,
        End::Refused(Reject::WrongPassphrase | Reject::Unsecure | Reject::Unauthorized | Reject::Forbidden) => {
            Reason::WrongPassword
        }
        End::Refused(Reject::NotFound) => Reason::StreamNotFound,
        End::Refused(reject) => Reason::Protocol { detail: format!("SRT: {reject}") },
    }
}
