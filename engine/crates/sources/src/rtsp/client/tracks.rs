//! The media side of a session: packets of its tracks in, reports and our own
//! packets out.

use std::time::Instant;

use super::super::rtcp;
use super::super::rtp::{Receiver, Stamped};
use super::super::transport::{Agreed, Way};
use super::{Client, MAX_UNSENT, Media};

/// So many bytes of sound may wait: half a second of G.711.
const MAX_UNHEARD: usize = 4_000;

#[derive(Debug)]
pub struct Track {
    pub uri: String,
    pub optional: bool,
    pub way: Way,
    /// Once the camera has agreed.
    pub agreed: Option<Agreed>,
    pub channels: Option<(u8, u8)>,
    pub payload_type: u8,
    pub clock_rate: u32,
    pub receiver: Receiver,
}

impl Track {
    fn takes(&self, channel: u8, is_rtcp: bool, payload_type: u8) -> bool {
        self.channels.is_some_and(|(rtp, rtcp)| {
            if is_rtcp {
                channel == rtp || channel == rtcp
            } else {
                channel == rtp && payload_type == self.payload_type
            }
        })
    }
}

impl Client {
    /// Sends a packet of RTP to the camera, by the connection. False where it
    /// was not taken: the camera is behind with what it was sent before, and
    /// sound that comes late helps nobody.
    pub fn send_packet(&mut self, track: usize, packet: &[u8]) -> bool {
        let channel = self.tracks.get(track).and_then(|track| track.channels).map(|(rtp, _)| rtp);
        let (Some(channel), Ok(length)) = (channel, u16::try_from(packet.len())) else { return false };
        if self.out.len() > MAX_UNHEARD {
            return false;
        }
        let [high, low] = length.to_be_bytes();
        self.out.extend_from_slice(&[b'$', channel, high, low]);
        self.out.extend_from_slice(packet);
        true
    }

    pub(super) fn is_media(&self, channel: u8, data: &[u8]) -> bool {
        let known = |track: &Track| track.channels.is_some_and(|(rtp, rtcp)| channel == rtp || channel == rtcp);
        data.first().is_some_and(|first| first >> 6 == 2) && self.tracks.iter().any(known)
    }

    /// Media of channels that nobody set up are passed over.
    pub(super) fn packet(&mut self, channel: u8, data: &[u8], now: Instant, out: &mut impl FnMut(usize, Media<'_>)) {
        let is_rtcp = rtcp::is_rtcp(data);
        let payload_type = data.get(1).map_or(0, |byte| byte & 0x7f);
        for index in 0..self.tracks.len() {
            if self.tracks[index].takes(channel, is_rtcp, payload_type) {
                self.datagram(index, data, now, out);
            }
        }
    }

    /// Takes a packet of a track, RTP or RTCP.
    pub fn datagram(&mut self, index: usize, data: &[u8], now: Instant, out: &mut impl FnMut(usize, Media<'_>)) {
        let Some(track) = self.tracks.get_mut(index) else { return };
        if !rtcp::is_rtcp(data) {
            track.receiver.push(data, now, &mut |packet| hand_on(index, packet, out));
        } else if let Some(report) = track.receiver.report(data, now) {
            out(index, Media::Report(report));
        }
    }

    /// Lets go of packets that waited long enough for those before them.
    pub(super) fn release(&mut self, now: Instant, out: &mut impl FnMut(usize, Media<'_>)) {
        for (index, track) in self.tracks.iter_mut().enumerate() {
            track.receiver.release(now, &mut |packet| hand_on(index, packet, out));
        }
    }

    pub(super) fn write_reports(&mut self, now: Instant) {
        for (index, track) in self.tracks.iter_mut().enumerate().filter(|(_, track)| track.agreed.is_some()) {
            let Some(reception) = track.receiver.reception(now) else { continue };
            let mut report = Vec::with_capacity(64);
            rtcp::write_receiver_report(&mut report, self.ssrc, Some(&reception));
            match track.channels {
                Some((_, channel)) if self.out.len() < MAX_UNSENT => {
                    self.out.extend_from_slice(&[b'$', channel, 0, report.len() as u8]);
                    self.out.extend_from_slice(&report);
                }
                Some(_) => {}
                None => self.datagrams.push((index, report)),
            }
        }
    }

    pub(super) fn track_agreed(&mut self, index: usize, agreed: Agreed) {
        let track = &mut self.tracks[index];
        let asked = match track.way {
            Way::Tcp { channel } => Some((channel, channel.saturating_add(1))),
            Way::Udp { .. } => None,
        };
        track.channels = agreed.channels.or(asked);
        let reorders = track.channels.is_none();
        track.receiver = Receiver::new(track.payload_type, track.clock_rate, agreed.ssrc, reorders).stamped(self.stamp);
        track.agreed = Some(agreed);
    }
}

fn hand_on(index: usize, (packet, stamp): Stamped<'_>, out: &mut impl FnMut(usize, Media<'_>)) {
    if let Some(stamp) = stamp {
        out(index, Media::Stamp(packet.timestamp, stamp));
    }
    out(index, Media::Packet(packet));
}
