//! Media by UDP: two ports of ours for each track, towards two of the player's
//! own address, and nobody else's.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;

/// Tries to find two free ports in a row.
const PORT_TRIES: usize = 64;
/// A receiver report and what stands behind it.
const MAX_REPORT: usize = 1500;
/// `$`, channel, length (RFC 2326, section 10.12).
const FRAMING: usize = 4;

/// The ports of all tracks that go by UDP.
#[derive(Default)]
pub struct Ports {
    tracks: BTreeMap<u8, Track>,
}

struct Track {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    to: (SocketAddr, SocketAddr),
}

impl Ports {
    pub fn is_empty(&self) -> bool {
        self.tracks.is_empty()
    }

    /// Ports of ours for a track, whose player listens at `theirs`.
    pub fn open(&mut self, track: u8, own: IpAddr, peer: IpAddr, theirs: (u16, u16)) -> io::Result<(u16, u16)> {
        let (rtp, rtcp, ports) = pair(own)?;
        let to = (SocketAddr::new(peer, theirs.0), SocketAddr::new(peer, theirs.1));
        self.tracks.insert(track, Track { rtp, rtcp, to });
        Ok(ports)
    }

    /// Sends interleaved packets as datagrams. One that cannot be sent is lost,
    /// as on its further way.
    pub async fn send(&self, track: u8, mut interleaved: &[u8]) {
        let Some(track) = self.tracks.get(&track) else { return };
        while let Some((packet, rest)) = cut(interleaved) {
            if let Err(error) = track.rtp.send_to(packet, track.to.0).await {
                tracing::debug!(%error, "no datagram to a player");
            }
            interleaved = rest;
        }
    }

    pub async fn report(&self, track: u8, interleaved: &[u8]) {
        let Some(track) = self.tracks.get(&track) else { return };
        if let Some((report, _)) = cut(interleaved)
            && let Err(error) = track.rtcp.send_to(report, track.to.1).await
        {
            tracing::debug!(%error, "no report to a player");
        }
    }

    /// Ready when the player was heard of: a report, or a packet that opens its
    /// router for ours.
    pub fn poll_heard(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut heard = Poll::Pending;
        for track in self.tracks.values() {
            for socket in [&track.rtcp, &track.rtp] {
                let mut buffer = [0; MAX_REPORT];
                let mut read = ReadBuf::new(&mut buffer);
                while let Poll::Ready(received) = socket.poll_recv_from(cx, &mut read) {
                    match received {
                        Ok(from) if from.ip() == track.to.0.ip() => heard = Poll::Ready(()),
                        Ok(_) => {}
                        Err(error) => tracing::debug!(%error, "a player's UDP port"),
                    }
                    read.clear();
                }
            }
        }
        heard
    }
}

/// The first of interleaved packets, and those behind it.
fn cut(interleaved: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[_, _, high, low], rest) = interleaved.split_first_chunk::<FRAMING>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))
}

/// RTP on an even port, RTCP on the next (RFC 3550, section 11).
fn pair(own: IpAddr) -> io::Result<(UdpSocket, UdpSocket, (u16, u16))> {
    let mut last = io::Error::other("no even UDP port is free");
    for _ in 0..PORT_TRIES {
        let rtp = bind(own, 0)?;
        let port = rtp.local_addr()?.port();
        if !port.is_multiple_of(2) {
            continue;
        }
        match bind(own, port + 1) {
            Ok(rtcp) => return Ok((rtp, rtcp, (port, port + 1))),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind(own: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((own, port))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn each_interleaved_packet_is_a_datagram_to_the_players_own_ports() {
        let own = IpAddr::from([127, 0, 0, 1]);
        let (rtp, rtcp, theirs) = pair(own).expect("free ports");
        let mut ports = Ports::default();
        let ours = ports.open(1, own, own, theirs).expect("free ports");
        assert_eq!((ours.0 % 2, ours.1), (0, ours.0 + 1));
        ports.send(1, b"$\x02\x00\x03abc$\x02\x00\x01d").await;
        ports.send(7, b"$\x02\x00\x01x").await;
        ports.report(1, b"$\x03\x00\x02rr").await;
        let mut came = Vec::new();
        for socket in [&rtp, &rtp, &rtcp] {
            let mut buffer = [0; 64];
            let (length, from) =
                tokio::time::timeout(LIMIT, socket.recv_from(&mut buffer)).await.expect("in time").expect("a datagram");
            came.push((buffer[..length].to_vec(), from.port()));
        }
        assert_eq!(came, [(b"abc".to_vec(), ours.0), (b"d".to_vec(), ours.0), (b"rr".to_vec(), ours.1)]);
    }

    #[tokio::test]
    async fn a_player_is_heard_and_nobody_else() {
        let own = IpAddr::from([127, 0, 0, 1]);
        let (_, rtcp, theirs) = pair(own).expect("free ports");
        let mut ports = Ports::default();
        let ours = ports.open(0, own, own, theirs).expect("free ports");
        let foreign = UdpSocket::bind("127.0.0.2:0").await.expect("all of 127/8 is ours");
        foreign.send_to(b"rr", ("127.0.0.1", ours.1)).await.expect("sent");
        let heard = tokio::time::timeout(Duration::from_millis(200), poll_fn(|cx| ports.poll_heard(cx))).await;
        assert!(heard.is_err(), "of a foreign address");
        rtcp.send_to(b"rr", ("127.0.0.1", ours.1)).await.expect("sent");
        tokio::time::timeout(LIMIT, poll_fn(|cx| ports.poll_heard(cx))).await.expect("it is heard");
    }

    #[test]
    fn what_is_no_whole_packet_is_not_sent() {
        assert_eq!(cut(b"$\x00\x00\x02ab$"), Some((&b"ab"[..], &b"$"[..])));
        assert_eq!(cut(b"$\x00\x00\x02a"), None);
        assert_eq!(cut(b"$\x00\x00"), None);
    }
}
