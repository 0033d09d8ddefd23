//! WebRTC viewers: each a real session over its own socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::change::SdpAnswer;
use str0m::media::{Direction, MediaKind};
use str0m::net::{Protocol, Receive};
use str0m::rtp::Extension;
use str0m::{Candidate, Event, Input, Output, Rtc, RtcConfig};
use tokio::net::UdpSocket;
use vms_media::Codec;

use crate::LoadError;
use crate::args::Viewing;
use crate::report::Report;
use crate::run::{Stop, run as course};
use crate::viewers::{Run, Tally};
use crate::whep;

/// Timers of a session; packets drive the rest.
const TICK_CONNECTING: Duration = Duration::from_millis(10);
const TICK: Duration = Duration::from_millis(100);
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
const JUST_COME: Duration = Duration::from_secs(1);
/// Datagrams read before other viewers get their turn.
const TURN: usize = 64;

/// Runs the viewers.
///
/// # Errors
/// Those of the run; viewers that fail are in the report.
pub fn run(options: Viewing) -> Result<Report, LoadError> {
    course("webrtc", options, |index, options, run, stop| Box::pin(view(index, options, run, stop)))
}

async fn view(index: usize, options: Arc<Viewing>, run: Arc<Run>, mut stop: Stop) -> Result<(), String> {
    let address = options.url_of(index);
    let socket = UdpSocket::bind((local_ip(&address), 0)).await.map_err(|e| format!("a socket: {e}"))?;
    // Known to be writable, or the first packets would seem not to fit.
    socket.writable().await.map_err(|e| format!("a socket: {e}"))?;
    let local = socket.local_addr().map_err(|e| format!("a socket: {e}"))?;
    let (mut rtc, offer, pending) = offer(local)?;
    let posted = whep::post(&address, offer).await?;
    let answered = Instant::now();
    let answer = match options.via {
        Some(relay) => through(&posted.answer, relay),
        None => posted.answer,
    };
    let parsed = SdpAnswer::from_sdp_string(&answer).map_err(|e| format!("the answer: {e}"))?;
    rtc.sdp_api().accept_answer(pending, parsed).map_err(|e| format!("the answer: {e}"))?;
    let mut viewer = Viewer {
        rtc,
        socket,
        local,
        tally: Tally::new(&run, codec_of(&answer), answered),
        run: &run,
        ssrc: None,
        connected: false,
        closed: false,
        light: !options.watches(index),
    };
    let result = viewer.watch(options.stay, answered, &mut stop).await;
    viewer.tally.finish();
    if let Some(session) = posted.session.filter(|_| !viewer.closed) {
        whep::delete(&session).await?;
    }
    result
}

/// The address that reaches the server: loopback for loopback.
fn local_ip(address: &str) -> IpAddr {
    if address.contains("//[") { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]) } else { IpAddr::from([127, 0, 0, 1]) }
}

fn offer(local: SocketAddr) -> Result<(Rtc, String, str0m::change::SdpPendingOffer), String> {
    let mut rtc = RtcConfig::new().set_rtp_mode(true).set_extension(5, Extension::PlayoutDelay).build(Instant::now());
    let candidate = Candidate::host(local, "udp").map_err(|e| e.to_string())?;
    rtc.add_local_candidate(candidate);
    let mut api = rtc.sdp_api();
    api.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
    let (offer, pending) = api.apply().ok_or("no offer was made")?;
    Ok((rtc, offer.to_sdp_string(), pending))
}

fn codec_of(answer: &str) -> Codec {
    if answer.contains(" H265/90000") { Codec::H265 } else { Codec::H264 }
}

/// The answer with a relay in place of the server's address.
fn through(answer: &str, relay: SocketAddr) -> String {
    let lines = answer.lines().map(|line| {
        if !line.starts_with("a=candidate:") {
            return line.to_owned();
        }
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        if words.len() > 5 {
            words[4] = relay.ip().to_string();
            words[5] = relay.port().to_string();
        }
        words.join(" ")
    });
    lines.fold(String::new(), |all, line| all + &line + "\r\n")
}

struct Viewer<'a> {
    rtc: Rtc,
    socket: UdpSocket,
    local: SocketAddr,
    tally: Tally<'a>,
    run: &'a Run,
    /// Of the video itself, not of resends.
    ssrc: Option<u32>,
    connected: bool,
    closed: bool,
    /// After the first picture, read headers alone.
    light: bool,
}

impl Viewer<'_> {
    async fn watch(&mut self, stay: Option<Duration>, since: Instant, stop: &mut Stop) -> Result<(), String> {
        let mut tick = tokio::time::interval(TICK_CONNECTING);
        let mut buffer = [0; 2048];
        self.drain(0)?;
        while !self.closed {
            let was_connected = self.connected;
            tokio::select! {
                // Who had just come when the run ended has missed nothing.
                _ = stop.changed() => return if since.elapsed() < JUST_COME { Ok(()) } else { self.missed() },
                ready = self.socket.readable() => {
                    ready.map_err(|e| e.to_string())?;
                    self.read(&mut buffer)?;
                }
                _ = tick.tick() => {
                    self.rtc.handle_input(Input::Timeout(Instant::now())).map_err(|e| e.to_string())?;
                    self.drain(0)?;
                }
            }
            if self.connected && !was_connected {
                tick = tokio::time::interval(TICK);
            }
            if !self.connected && since.elapsed() > CONNECT_WITHIN {
                return self.missed();
            }
            if stay.is_some_and(|stay| since.elapsed() > stay) {
                return Ok(());
            }
        }
        Ok(())
    }

    fn missed(&self) -> Result<(), String> {
        if self.connected { Ok(()) } else { Err("the session did not connect".to_owned()) }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<(), String> {
        for _ in 0..TURN {
            match self.socket.try_recv_from(buffer) {
                Ok((len, source)) => self.datagram(source, &buffer[..len])?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // A closed port on the way is not the end.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    fn datagram(&mut self, source: SocketAddr, bytes: &[u8]) -> Result<(), String> {
        let now = Instant::now();
        if self.light && self.tally.has_key() && self.header(bytes, now) {
            return Ok(());
        }
        // What is not WebRTC is passed over, as a browser does.
        if let Ok(receive) = Receive::new(Protocol::Udp, source, self.local, bytes) {
            self.rtc.handle_input(Input::Receive(now, receive)).map_err(|e| e.to_string())?;
            self.drain(bytes.len())?;
        }
        Ok(())
    }

    /// Counts a video packet by its header, which is not encrypted.
    fn header(&mut self, bytes: &[u8], now: Instant) -> bool {
        let Some(header) = bytes.first_chunk::<12>() else { return false };
        let ssrc = u32::from_be_bytes([header[8], header[9], header[10], header[11]]);
        if header[0] >> 6 != 2 || Some(ssrc) != self.ssrc {
            return false;
        }
        let seq = u16::from_be_bytes([header[2], header[3]]);
        self.tally.header(seq, header[1] & 0x80 != 0, bytes.len(), now);
        true
    }

    /// Acts on what the library has; `len` is the datagram it comes from.
    fn drain(&mut self, len: usize) -> Result<(), String> {
        loop {
            match self.rtc.poll_output().map_err(|e| e.to_string())? {
                Output::Timeout(_) => return Ok(()),
                Output::Transmit(t) => match self.socket.try_send_to(&t.contents, t.destination) {
                    Ok(_) => {}
                    // Lost, as on any network; the library sends again.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error.to_string()),
                },
                Output::Event(event) => self.event(event, len),
            }
            if !self.rtc.is_alive() {
                self.close();
                return Ok(());
            }
        }
    }

    fn event(&mut self, event: Event, len: usize) {
        match event {
            Event::Connected => {
                self.connected = true;
                self.run.connected.fetch_add(1, Ordering::Relaxed);
            }
            Event::Closed => self.close(),
            Event::RtpPacket(packet) => {
                self.ssrc = Some(*packet.header.ssrc);
                self.tally.packet(packet.seq_no.as_u16(), packet.header.marker, &packet.payload, len, Instant::now());
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        if !self.closed {
            self.closed = true;
            self.run.closed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relay_stands_in_for_the_server() {
        let answer = "v=0\r\na=candidate:1 1 udp 7 192.0.2.1 8189 typ host\r\na=x\r\n";
        let via = through(answer, SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(via, "v=0\r\na=candidate:1 1 udp 7 127.0.0.1 9 typ host\r\na=x\r\n");
        assert!(local_ip("http://[::1]:1/x").is_ipv6() && local_ip("http://localhost/x").is_ipv4());
        assert_eq!(codec_of("a=rtpmap:102 H265/90000"), Codec::H265);
    }
}
