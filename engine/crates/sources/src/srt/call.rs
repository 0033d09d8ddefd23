//! A camera that is called: one socket, one connection.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::Sleep;
use vms_media::Track;
use vms_srt::{Connection, End, Identity, Reject};

use super::address::Address;
use super::intake::Intake;
use crate::feed::{Feed, Item};
use crate::open::Means;
use crate::reason::Reason;

/// Larger datagrams are none of SRT.
const MAX_DATAGRAM: usize = 2048;
/// Datagrams that are read before what they bring is handed on.
const MOST_AT_ONCE: usize = 64;

pub struct SrtCall {
    socket: UdpSocket,
    connection: Connection,
    intake: Intake,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Instant>,
    out: Vec<u8>,
}

impl SrtCall {
    /// Calls, and waits until the camera has said what it sends.
    pub async fn open(address: &str, means: &Means) -> Result<Self, Reason> {
        let Address { host, port, settings } = Address::parse(address)?;
        let socket = means.dialer.connect_udp(&host, port).await?;
        let now = Instant::now();
        let mut call = Self {
            socket,
            connection: Connection::call(settings, Identity::random(), now),
            intake: Intake::new(means.clock.clone()),
            timer: Box::pin(tokio::time::sleep_until(now.into())),
            timer_at: None,
            out: Vec::new(),
        };
        poll_fn(|cx| {
            loop {
                if call.intake.is_ready() {
                    return Poll::Ready(Ok(()));
                }
                match call.turn(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await?;
        Ok(call)
    }

    /// Moves what can be moved; ready when it is worth another look.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let came = self.receive(cx)?;
        let now = Instant::now();
        let mut taken = false;
        while let Some(payload) = self.connection.take(now) {
            taken = true;
            self.intake.push(&payload, now);
        }
        self.send(now)?;
        if taken || came == MOST_AT_ONCE {
            return Poll::Ready(Ok(()));
        }
        if let Some(end) = self.connection.end() {
            return Poll::Ready(Err(reason_of(end)));
        }
        self.wait(cx)
    }

    fn receive(&mut self, cx: &mut Context<'_>) -> Result<usize, Reason> {
        let mut space = [0; MAX_DATAGRAM];
        for count in 0..MOST_AT_ONCE {
            let mut buffer = ReadBuf::new(&mut space);
            match self.socket.poll_recv(cx, &mut buffer) {
                Poll::Ready(Ok(())) => self.connection.input(buffer.filled(), Instant::now()),
                Poll::Ready(Err(error)) => return Err(Reason::of_network(&error)),
                Poll::Pending => return Ok(count),
            }
        }
        Ok(MOST_AT_ONCE)
    }

    fn send(&mut self, now: Instant) -> Result<(), Reason> {
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

    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let Some(deadline) = self.connection.deadline() else { return Poll::Pending };
        if self.timer_at != Some(deadline) {
            self.timer.as_mut().reset(deadline.into());
            self.timer_at = Some(deadline);
        }
        if self.timer.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        self.timer_at = None;
        Poll::Ready(Ok(()))
    }
}

impl Drop for SrtCall {
    /// The camera is told, as far as one datagram can tell it.
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

impl Feed for SrtCall {
    fn tracks(&self) -> &[Track] {
        self.intake.tracks()
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.intake.pop() {
                return Poll::Ready(Ok(item));
            }
            match self.turn(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn reset_clocks(&mut self) {
        self.intake.reset_clocks();
    }
}
