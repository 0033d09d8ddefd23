//! One RTSP session with a camera, from dialling to its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use retina::client as rtsp;
use url::Url;
use vms_media::{DropReason, Frame, RtpPacket, Track, TrackKind};

use crate::clock::ServerClock;
use crate::describe::{Chosen, Offered, choose};
use crate::frames::TrackFrames;
use crate::reason::Reason;
use crate::source::Transport;

/// What a session gives to its source.
pub enum Item {
    Frame(Frame),
    Lost(DropReason),
    /// The camera's clock is so many milliseconds ahead of ours.
    CameraOffset(i64),
}

pub struct Session {
    playing: rtsp::Session<rtsp::Playing>,
    /// By the camera's stream number; `None` for media that were not taken.
    tracks: Vec<Option<TrackFrames>>,
    pub described: Vec<Track>,
    pub keeps_dead_sessions: bool,
    clock: Arc<ServerClock>,
    queue: std::collections::VecDeque<Item>,
}

/// An address without its credentials, and those.
pub fn split_credentials(address: &str) -> Result<(Url, Option<rtsp::Credentials>), Reason> {
    let bad = |detail: String| Reason::BadUrl { detail };
    let mut url = Url::parse(address).map_err(|error| bad(error.to_string()))?;
    if url.scheme() != "rtsp" {
        return Err(bad(format!("scheme {} where rtsp is expected", url.scheme())));
    }
    let decode = |text: &str| percent_decode(text);
    let credentials = (!url.username().is_empty()).then(|| rtsp::Credentials {
        username: decode(url.username()),
        password: decode(url.password().unwrap_or_default()),
    });
    // Both fail only for addresses that have no host, which rtsp always has.
    let cleared = url.set_username("").and_then(|()| url.set_password(None));
    cleared.map_err(|()| bad("no host".to_owned()))?;
    Ok((url, credentials))
}

fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Session {
    /// Dials, describes, sets up and plays within `limit`.
    pub async fn open(
        address: &str,
        transport: Transport,
        clock: Arc<ServerClock>,
        group: Arc<rtsp::SessionGroup>,
        limit: Duration,
    ) -> Result<Self, Reason> {
        match tokio::time::timeout(limit, Self::open_now(address, transport, clock, group)).await {
            Ok(result) => result,
            Err(_) => Err(Reason::Timeout),
        }
    }

    async fn open_now(
        address: &str,
        transport: Transport,
        clock: Arc<ServerClock>,
        group: Arc<rtsp::SessionGroup>,
    ) -> Result<Self, Reason> {
        let (url, credentials) = split_credentials(address)?;
        let options = rtsp::SessionOptions::default()
            .creds(credentials)
            .user_agent(concat!("vms-enterprise/", env!("CARGO_PKG_VERSION")).to_owned())
            .session_group(group)
            // Some cameras name a new session at each SETUP.
            .session_id(rtsp::SessionIdPolicy::UseFirst);
        let mut session = rtsp::Session::describe(url, options).await.map_err(|error| Reason::of(&error, true))?;
        let keeps_dead_sessions =
            transport == Transport::Tcp && session.tool().is_some_and(rtsp::Tool::has_live555_tcp_bug);
        let chosen = choose(&offered(&session), &String::from_utf8_lossy(session.sdp()))?;
        let chosen = set_up(&mut session, chosen, transport).await?;
        let count = session.streams().len();
        let before_play = Instant::now();
        let playing = session.play(play_options()).await.map_err(|error| Reason::of(&error, false))?;
        let round_trip = before_play.elapsed();
        let mut tracks: Vec<Option<TrackFrames>> = std::iter::repeat_with(|| None).take(count).collect();
        let mut described = Vec::new();
        for Chosen { index, track } in chosen {
            tracks[index] = TrackFrames::new(track.clone(), round_trip);
            described.push(track);
        }
        let queue = std::collections::VecDeque::new();
        Ok(Self { playing, tracks, described, keeps_dead_sessions, clock, queue })
    }

    /// The next frame, loss or report; the reason why the session ended.
    pub async fn next(&mut self) -> Result<Item, Reason> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(item);
            }
            match self.playing.next().await {
                Some(Ok(item)) => self.take(&item),
                Some(Err(error)) => return Err(Reason::of(&error, false)),
                None => return Err(Reason::CameraClosed),
            }
        }
    }

    /// A step of the server's clock makes all that was learnt of it wrong.
    pub fn reset_clocks(&mut self) {
        for track in self.tracks.iter_mut().flatten() {
            track.clock.reset();
        }
    }

    fn take(&mut self, item: &rtsp::PacketItem) {
        match item {
            rtsp::PacketItem::Rtp(packet) => self.take_rtp(packet),
            rtsp::PacketItem::Rtcp(packet) => self.take_rtcp(packet),
            _ => {}
        }
    }

    fn take_rtp(&mut self, packet: &retina::rtp::ReceivedPacket) {
        let Some(Some(track)) = self.tracks.get_mut(packet.stream_id()) else { return };
        let rtp = RtpPacket {
            timestamp: packet.timestamp().timestamp(),
            marker: packet.mark(),
            loss: packet.loss(),
            payload: packet.payload(),
        };
        let queue = std::cell::RefCell::new(&mut self.queue);
        track.push(
            rtp,
            || self.clock.now(),
            |frame| queue.borrow_mut().push_back(Item::Frame(frame)),
            |drop| queue.borrow_mut().push_back(Item::Lost(drop)),
        );
    }

    fn take_rtcp(&mut self, packet: &retina::rtcp::ReceivedCompoundPacket) {
        let Some(Some(track)) = self.tracks.get(packet.stream_id()) else { return };
        let Some(rtp) = packet.rtp_timestamp() else { return };
        for part in packet.pkts() {
            if let Ok(Some(report)) = part.as_sender_report() {
                let utc_us = ntp_to_utc_us(report.ntp_timestamp().0);
                if let Some(offset) = track.clock.camera_offset_ms(rtp.timestamp(), utc_us) {
                    self.queue.push_back(Item::CameraOffset(offset));
                }
            }
        }
    }
}

/// NTP counts from 1900 in 32.32 fixed point (RFC 5905, section 6).
fn ntp_to_utc_us(ntp: u64) -> i64 {
    const FROM_1900_TO_1970_S: i64 = 2_208_988_800;
    let seconds = i64::from((ntp >> 32) as u32) - FROM_1900_TO_1970_S;
    let fraction = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    seconds * 1_000_000 + i64::try_from(fraction).unwrap_or(0)
}

fn offered(session: &rtsp::Session<rtsp::Described>) -> Vec<Offered> {
    let of = |stream: &rtsp::Stream| Offered {
        media: stream.media().to_owned(),
        encoding: stream.encoding_name().to_owned(),
        payload_type: stream.rtp_payload_type(),
        clock_rate: stream.clock_rate_hz(),
        channels: stream.channels().map_or(1, |n| u8::try_from(n.get()).unwrap_or(u8::MAX)),
    };
    session.streams().iter().map(of).collect()
}

/// Sets up the chosen tracks; audio that the camera refuses is left out.
async fn set_up(
    session: &mut rtsp::Session<rtsp::Described>,
    chosen: Vec<Chosen>,
    transport: Transport,
) -> Result<Vec<Chosen>, Reason> {
    let mut ready = Vec::new();
    for choice in chosen {
        let wire = match transport {
            Transport::Tcp => rtsp::Transport::Tcp(rtsp::TcpTransportOptions::default()),
            Transport::Udp => rtsp::Transport::Udp(rtsp::UdpTransportOptions::default()),
        };
        let options = rtsp::SetupOptions::default().transport(wire);
        match session.setup(choice.index, options).await {
            Ok(()) => ready.push(choice),
            Err(error) if choice.track.kind == TrackKind::Audio => {
                tracing::warn!(%error, "the camera refused its audio; going on with video alone");
            }
            Err(error) => return Err(Reason::of(&error, false)),
        }
    }
    Ok(ready)
}

/// Lenient where cameras are known to lie: RTP-Info values are not trusted,
/// and reports from unknown senders are dropped.
fn play_options() -> rtsp::PlayOptions {
    rtsp::PlayOptions::default()
        .initial_timestamp(rtsp::InitialTimestampPolicy::Ignore)
        .initial_seq(rtsp::InitialSequenceNumberPolicy::Ignore)
        .unknown_rtcp_ssrc(rtsp::UnknownRtcpSsrcPolicy::DropPackets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_the_address() {
        let (url, credentials) = split_credentials("rtsp://us%40er:p%3Ass@10.0.0.1:554/x?a=1").expect("a good address");
        assert_eq!(url.as_str(), "rtsp://10.0.0.1:554/x?a=1");
        let credentials = credentials.expect("both are there");
        assert_eq!((credentials.username.as_str(), credentials.password.as_str()), ("us@er", "p:ss"));
        assert!(split_credentials("rtsp://h/x").expect("a good address").1.is_none());
    }

    #[test]
    fn other_addresses_are_refused_with_the_reason() {
        for bad in ["http://h/x", "nonsense", "rtsp://"] {
            let reason = split_credentials(bad).expect_err("a bad address");
            assert_eq!(reason.code(), "bad_url", "{bad}");
        }
    }

    #[test]
    fn ntp_time_counts_from_1900() {
        assert_eq!(ntp_to_utc_us(2_208_988_800 << 32), 0);
        assert_eq!(ntp_to_utc_us((2_208_988_801 << 32) | 0x8000_0000), 1_500_000);
    }
}
