//! A frame in the ring, with its place in the stream's one run of RTP packets.

use std::ops::Deref;
use std::sync::OnceLock;

use bytes::Bytes;
use vms_media::{Frame, InterleavedHeader, RtpPayload, interleaved, packetise};

/// A frame as the hub shares it. RTP packets are cut once, on first use, for
/// all viewers of the stream.
#[derive(Debug)]
pub struct HubFrame {
    frame: Frame,
    /// Index of the track in the stream's track list.
    pub track_index: u8,
    /// Number of the frame's first packet in its track's one run.
    pub rtp_seq: u64,
    pub packets: u32,
    /// RTP time, continuous over reconnects; a sink takes the low 32 bits.
    pub rtp_time: i64,
    pub ssrc: u32,
    /// Counts the frames of its track, over all epochs, whoever reads them.
    pub count: u64,
    payloads: OnceLock<Vec<RtpPayload>>,
    interleaved: OnceLock<Bytes>,
}

impl HubFrame {
    #[must_use]
    pub fn new(frame: Frame, track_index: u8, rtp_seq: u64, packets: u32, rtp_time: i64, ssrc: u32) -> Self {
        Self {
            frame,
            track_index,
            rtp_seq,
            packets,
            rtp_time,
            ssrc,
            count: 0,
            payloads: OnceLock::new(),
            interleaved: OnceLock::new(),
        }
    }

    /// Gives it its number in its track.
    #[must_use]
    pub fn counted(self, count: u64) -> Self {
        Self { count, ..self }
    }

    /// RTP payloads without headers, for sinks that write their own.
    pub fn payloads(&self) -> &[RtpPayload] {
        self.payloads.get_or_init(|| packetise(&self.frame.codec, &self.frame.data))
    }

    /// The channel of interleaved RTSP that `interleaved` was built for.
    #[must_use]
    pub fn channel(&self) -> u8 {
        self.track_index * 2
    }

    /// Dynamic payload type of the track in our own session descriptions.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        96 + self.track_index
    }

    /// The whole frame as interleaved RTSP packets: one write a frame a reader.
    pub fn interleaved(&self) -> &Bytes {
        self.interleaved.get_or_init(|| self.interleaved_at(self.channel(), self.rtp_time))
    }

    /// The same on another channel or at another RTP time, built for one reader.
    #[must_use]
    pub fn interleaved_at(&self, channel: u8, rtp_time: i64) -> Bytes {
        interleaved(
            &self.frame.codec,
            &self.frame.data,
            InterleavedHeader {
                channel,
                payload_type: self.payload_type(),
                // The low bits are what RTP carries (RFC 3550, 5.1).
                seq: self.rtp_seq as u16,
                timestamp: rtp_time as u32,
                ssrc: self.ssrc,
            },
        )
    }
}

impl Deref for HubFrame {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}
