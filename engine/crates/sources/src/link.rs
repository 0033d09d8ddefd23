//! The sockets of one session, and their client: a thin shell that moves
//! bytes. All that is decided is decided in `rtsp`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::Sleep;

use crate::dial::{DialError, Dialer, UdpPair};
use crate::pipe::Pipe;
use crate::reason::Reason;
use crate::rtsp::{Client, Media, Options, Step};

/// One read takes so much: a frame or more. One buffer a thread serves all
/// cameras, so that it stays in the processor's cache; what is no whole packet
/// yet is kept by its camera.
const READ: usize = 256 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// The sockets of a track that comes by UDP.
struct Udp {
    pair: UdpPair,
    /// The camera may send from its own address and from the one it named.
    source: Option<IpAddr>,
    /// Where its RTCP is listened to.
    rtcp_port: Option<u16>,
    is_known: bool,
}

/// A connection to a camera.
pub struct Link {
    pub client: Client,
    options: Options,
    pipe: Pipe,
    camera: IpAddr,
    local: IpAddr,
    dialer: Dialer,
    /// The beginning of a packet or message whose rest has not come.
    rest: Vec<u8>,
    udp: Vec<Udp>,
    timer: Pin<Box<Sleep>>,
    timer_at: Option<Instant>,
    /// The connection has ended.
    broken: bool,
}

impl Link {
    /// Connects; the client's first request waits to be sent.
    pub async fn connect(dialer: &Dialer, options: Options) -> Result<Self, Reason> {
        let pipe = Pipe::connect(dialer, &options).await?;
        let (camera, local) = pipe.ends().map_err(|error| Reason::of_connection(&error))?;
        let now = Instant::now();
        Ok(Self {
            client: Client::new(options.clone(), now),
            options,
            pipe,
            camera,
            local,
            dialer: dialer.clone(),
            rest: Vec::new(),
            udp: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(now.into())),
            timer_at: None,
            broken: false,
        })
    }

    /// Ports for one more track by UDP.
    pub fn add_udp(&mut self) -> Result<(u16, u16), DialError> {
        let pair = self.dialer.udp_pair(self.local)?;
        let ports = pair.ports;
        self.udp.push(Udp { pair, source: None, rtcp_port: None, is_known: false });
        Ok(ports)
    }

    /// The client's next step; media on the way go to `out`.
    pub async fn step(&mut self, out: &mut impl FnMut(usize, Media<'_>)) -> Result<Step, Reason> {
        loop {
            if let Some(step) = self.client.take_step() {
                return Ok(step);
            }
            poll_fn(|cx| self.poll(cx, out)).await?;
        }
    }

    /// Moves what can be moved; ready when media or an answer came.
    pub fn poll(&mut self, cx: &mut Context<'_>, out: &mut impl FnMut(usize, Media<'_>)) -> Poll<Result<(), Reason>> {
        self.poll_timer(cx, out);
        self.poll_write(cx)?;
        let came = self.poll_read(cx, out)?.is_ready();
        self.meet_peers();
        // Answers to what came leave at once.
        self.poll_write(cx)?;
        let came = self.poll_udp(cx, out).is_ready() || came;
        if came { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, out: &mut impl FnMut(usize, Media<'_>)) {
        while let Some(deadline) = self.client.deadline() {
            if self.timer_at != Some(deadline) {
                self.timer.as_mut().reset(deadline.into());
                self.timer_at = Some(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.timer_at = None;
            self.client.tick(Instant::now(), out);
            self.send_reports();
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Result<(), Reason> {
        match self.pipe.poll_write(cx, self.client.unsent()) {
            Poll::Ready(Err(error)) => {
                self.broken = true;
                Err(Reason::of_connection(&error))
            }
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut impl FnMut(usize, Media<'_>)) -> Poll<Result<(), Reason>> {
        BUFFER.with_borrow_mut(|buffer| {
            let kept = self.rest.len();
            // What is kept is less than a packet or message, which fit twice.
            buffer[..kept].copy_from_slice(&self.rest);
            let mut read = ReadBuf::new(buffer);
            read.set_filled(kept);
            if let Err(error) = ready!(self.pipe.poll_read(cx, &mut read)) {
                self.broken = true;
                return Poll::Ready(Err(Reason::of_connection(&error)));
            }
            let bytes = read.filled();
            if bytes.len() == kept {
                self.broken = true;
                return Poll::Ready(Err(Reason::CameraClosed));
            }
            let used = self.client.input(bytes, Instant::now(), out)?;
            self.rest.clear();
            self.rest.extend_from_slice(&bytes[used..]);
            Poll::Ready(Ok(()))
        })
    }

    /// Ready when a datagram came. Errors are those of single datagrams, as an
    /// ICMP message of the camera's, and end nothing.
    fn poll_udp(&mut self, cx: &mut Context<'_>, out: &mut impl FnMut(usize, Media<'_>)) -> Poll<()> {
        let mut came = Poll::Pending;
        for (index, udp) in self.udp.iter().enumerate() {
            for socket in [&udp.pair.rtp, &udp.pair.rtcp] {
                while let Poll::Ready(received) = receive(socket, cx, |from, data| {
                    if from == self.camera || Some(from) == udp.source {
                        self.client.datagram(index, data, Instant::now(), out);
                    }
                }) {
                    came = Poll::Ready(());
                    if let Err(error) = received {
                        tracing::debug!(%error, "a camera's UDP port");
                    }
                }
            }
        }
        came
    }

    /// Opens the way for media through routers, as soon as ports are named.
    fn meet_peers(&mut self) {
        for (index, udp) in self.udp.iter_mut().enumerate().filter(|(_, udp)| !udp.is_known) {
            let Some(peer) = self.client.peer(index) else { continue };
            udp.is_known = true;
            udp.source = peer.source.filter(|source| self.dialer.allows(*source));
            let Some((rtp, rtcp)) = peer.ports else { continue };
            udp.rtcp_port = Some(rtcp);
            for address in [Some(self.camera), udp.source].into_iter().flatten() {
                // An empty RTP packet, and an empty receiver report.
                punch(&udp.pair.rtp, &[0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], address, rtp);
                punch(&udp.pair.rtcp, &[0x80, 201, 0, 1, 0, 0, 0, 0], address, rtcp);
            }
        }
    }

    fn send_reports(&mut self) {
        for (index, report) in self.client.take_datagrams() {
            if let Some(udp) = self.udp.get(index)
                && let Some(port) = udp.rtcp_port
            {
                punch(&udp.pair.rtcp, &report, udp.source.unwrap_or(self.camera), port);
            }
        }
    }

    /// Tells the camera that the session ends, and waits so long for its
    /// answer. A camera whose connection is gone goes on sending by UDP, so
    /// that it is called once more for that.
    pub async fn say_goodbye(mut self, limit: Duration) {
        if !self.client.holds_session() || self.broken && self.udp.is_empty() {
            return;
        }
        let told = tokio::time::timeout(limit, self.tear_down()).await;
        match told {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => tracing::debug!(reason = reason.code(), "the camera was gone before TEARDOWN"),
            Err(_) => tracing::debug!("the camera did not answer TEARDOWN"),
        }
    }

    async fn tear_down(&mut self) -> Result<(), Reason> {
        if self.broken {
            self.pipe = Pipe::connect(&self.dialer, &self.options).await?;
            self.client.unsent().clear();
            self.rest.clear();
            self.broken = false;
        }
        self.client.tear_down(Instant::now());
        while self.step(&mut |_, _| {}).await? != Step::TornDown {}
        Ok(())
    }
}

/// Receives one datagram into the thread's buffer.
fn receive(socket: &UdpSocket, cx: &mut Context<'_>, mut take: impl FnMut(IpAddr, &[u8])) -> Poll<io::Result<()>> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut read = ReadBuf::new(buffer);
        let from = ready!(socket.poll_recv_from(cx, &mut read))?;
        take(from.ip(), read.filled());
        Poll::Ready(Ok(()))
    })
}

/// Sends a datagram that may as well be lost.
fn punch(socket: &UdpSocket, data: &[u8], address: IpAddr, port: u16) {
    if let Err(error) = socket.try_send_to(data, (address, port).into()) {
        tracing::debug!(%error, "no datagram to the camera");
    }
}
