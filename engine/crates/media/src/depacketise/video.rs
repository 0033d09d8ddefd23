//! Access units of H.264 and H.265 out of their pieces.
//!
//! A unit leaves with the marker, where the marker tells the truth, else when
//! the next picture begins. The marker counts only after picture data, so that
//! one on a parameter set or SEI does no harm; a camera that sets it on every
//! slice is found out by the slice that follows and not believed from then on.

use bytes::Bytes;

use super::dts::DecodeClock;
use super::{AccessUnit, DropReason, MAX_UNIT_BYTES, MAX_UNIT_PACKETS, RtpPacket, h264, h265};
use crate::gate::Gate;
use crate::nal::{self, Kind};
use crate::params::{H264Sps, ParameterSets, VideoInfo};
use crate::{Codec, annexb, sei};

/// What one RTP payload holds.
pub enum Piece<'a> {
    Nal(&'a [u8]),
    /// NAL units, each with a 16-bit size.
    Aggregate(&'a [u8]),
    /// Start codes in the payload, against every standard.
    AnnexB(&'a [u8]),
    Fragment {
        start: bool,
        end: bool,
        /// The NAL unit's own header.
        header: [u8; 2],
        header_len: usize,
        body: &'a [u8],
    },
    Bad(&'static str),
}

/// The buffer kept between units; a larger one is given back.
const KEEP_BUFFER: usize = 1 << 20;
/// NAL units searched from end to end for start codes before a camera is
/// trusted to send none.
const SEARCHED_NALS: u32 = 128;
/// How much of later NAL units is still searched: cameras that send Annex B
/// put the parameter sets in front.
const SEARCHED_HEAD: usize = 256;
/// Units in a row with an honest marker, before it is believed again.
const HONEST_UNITS: u32 = 250;

/// The unit being put together.
#[derive(Debug, Default)]
struct Unit {
    timestamp: i64,
    /// NAL units with their lengths; empty once the unit is damaged.
    buffer: Vec<u8>,
    packets: u32,
    has_slice: bool,
    key: bool,
    /// An SEI said that decoding may begin here.
    recovery: bool,
    vps: bool,
    sps: bool,
    pps: bool,
    damage: Option<DropReason>,
    markers: u32,
    marker_last: bool,
}

impl Unit {
    fn is_empty(&self) -> bool {
        self.buffer.is_empty() && !self.has_slice && self.damage.is_none()
    }

    /// Gives the unit up; the first reason is the one reported.
    fn spoil(&mut self, reason: DropReason) {
        self.damage.get_or_insert(reason);
        self.buffer.clear();
    }

    /// Adds bytes, or gives the unit up when it grows past the cap.
    fn add(&mut self, bytes: &[u8]) {
        if self.damage.is_some() {
            return;
        }
        if self.buffer.len() + bytes.len() > MAX_UNIT_BYTES {
            return self.spoil(DropReason::TooLarge);
        }
        self.buffer.extend_from_slice(bytes);
    }

    fn reset(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.shrink_to(KEEP_BUFFER);
        *self = Self { buffer, ..Self::default() };
    }
}

/// The fragmented NAL unit being put together, at the buffer's end.
#[derive(Debug)]
struct Fragment {
    /// Where its length stands in the buffer.
    at: usize,
    header: [u8; 2],
    header_len: usize,
    /// False until the first bytes after the header have come.
    opened: bool,
    timestamp: i64,
}

/// Where results go.
struct Sink<'a> {
    out: &'a mut Vec<AccessUnit>,
    drops: &'a mut Vec<DropReason>,
}

#[derive(Debug)]
pub struct Video {
    gate: Gate,
    info: Option<VideoInfo>,
    /// Two pictures never share a timestamp (no interlaced fields).
    frames_only: bool,
    clock: DecodeClock,
    unit: Unit,
    fragment: Option<Fragment>,
    /// The marker was seen in mid-picture.
    marker_lies: bool,
    honest_units: u32,
    /// Time of the unit that the latest marker ended.
    ended: Option<i64>,
    /// Packets were lost since the last unit.
    loss: bool,
    /// NAL units in a row without a start code inside.
    clean_nals: u32,
}

impl Video {
    pub fn new(codec: &Codec, clock_rate: u32, fmtp: &str) -> Self {
        let mut video = Self {
            gate: Gate::new(codec.clone(), ParameterSets::from_fmtp(codec, fmtp)),
            info: None,
            frames_only: true,
            clock: DecodeClock::new(clock_rate),
            unit: Unit::default(),
            fragment: None,
            marker_lies: false,
            honest_units: 0,
            ended: None,
            loss: false,
            clean_nals: 0,
        };
        video.sets_changed();
        video
    }

    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.gate.sets
    }

    pub fn info(&self) -> Option<VideoInfo> {
        let mut info = self.info.clone()?;
        info.reorder_frames |= self.clock.reorders();
        Some(info)
    }

    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        let mut sink = Sink { out, drops };
        if packet.loss > 0 {
            self.lost();
        }
        let piece = match self.gate.codec {
            Codec::H264 => h264::piece(packet.payload),
            _ => h265::piece(packet.payload),
        };
        if !matches!(piece, Piece::Fragment { start: false, .. }) {
            // Nothing was lost, so a fragmented NAL unit without its end bit
            // is whole all the same.
            self.close_fragment(&mut sink);
        }
        let time = packet.timestamp;
        match piece {
            Piece::Nal(nal) => self.searched_nal(nal, time, &mut sink),
            Piece::Aggregate(body) => self.aggregate(body, time, &mut sink),
            Piece::AnnexB(body) => self.annexb(body, time, &mut sink),
            Piece::Fragment { .. } => self.fragment(&piece, time, &mut sink),
            Piece::Bad(why) => sink.drops.push(DropReason::BadPacket(why)),
        }
        self.count_packet(packet.marker);
        if packet.marker {
            self.marker(&mut sink);
        }
    }

    fn count_packet(&mut self, marker: bool) {
        if self.unit.is_empty() && self.fragment.is_none() {
            return;
        }
        self.unit.packets += 1;
        self.unit.marker_last = marker;
        if self.unit.packets > MAX_UNIT_PACKETS {
            self.unit.spoil(DropReason::TooManyPackets);
        }
    }

    fn marker(&mut self, sink: &mut Sink<'_>) {
        if self.fragment.is_some() || !self.unit.has_slice {
            return;
        }
        self.unit.markers += 1;
        if !self.marker_lies {
            self.ended = Some(self.unit.timestamp);
            self.flush(sink);
        }
    }

    fn lost(&mut self) {
        self.loss = true;
        self.gate.lost();
        if self.fragment.take().is_some() || self.unit.has_slice {
            self.unit.has_slice = true;
            self.unit.spoil(DropReason::LostPackets);
        }
    }

    fn aggregate(&mut self, body: &[u8], time: i64, sink: &mut Sink<'_>) {
        let mut rest = body;
        while let Some((size, tail)) = rest.split_first_chunk::<2>() {
            let size = usize::from(u16::from_be_bytes(*size));
            if size > tail.len() {
                break;
            }
            let (nal, next) = tail.split_at(size);
            rest = next;
            if !nal.is_empty() {
                self.searched_nal(nal, time, sink);
            }
        }
        if !rest.is_empty() {
            sink.drops.push(DropReason::BadPacket("aggregate cut short"));
        }
    }

    fn annexb(&mut self, body: &[u8], time: i64, sink: &mut Sink<'_>) {
        self.clean_nals = 0;
        for nal in annexb::split(body) {
            self.whole_nal(nal, time, sink);
        }
    }

    /// A NAL unit that may hide others behind start codes.
    fn searched_nal(&mut self, nal: &[u8], time: i64, sink: &mut Sink<'_>) {
        if self.hides_start_code(nal) {
            self.annexb(nal, time, sink);
        } else {
            self.whole_nal(nal, time, sink);
        }
    }

    fn hides_start_code(&mut self, nal: &[u8]) -> bool {
        let searched = if self.clean_nals < SEARCHED_NALS { nal } else { &nal[..nal.len().min(SEARCHED_HEAD)] };
        let found = annexb::find_start_code(searched, 0).is_some();
        self.clean_nals = if found { 0 } else { self.clean_nals.saturating_add(1) };
        found
    }

    fn whole_nal(&mut self, nal: &[u8], time: i64, sink: &mut Sink<'_>) {
        if self.open_nal(nal, time, sink) {
            self.unit.add(&length(nal.len()));
            self.unit.add(nal);
            self.note(nal);
        }
    }

    /// Decides where a NAL unit belongs, by its first bytes; false when it is
    /// not wanted.
    fn open_nal(&mut self, head: &[u8], time: i64, sink: &mut Sink<'_>) -> bool {
        let kind = nal::kind(&self.gate.codec, head);
        match kind {
            Kind::Ignored => return false,
            Kind::Bad => {
                sink.drops.push(DropReason::BadPacket("not a NAL unit"));
                return false;
            }
            _ => {}
        }
        if self.unit.has_slice && self.begins_next(kind, time) {
            self.flush(sink);
        }
        // Parameter sets may carry the time of the picture before; the
        // picture's own counts.
        if !self.unit.has_slice {
            self.unit.timestamp = time;
        }
        match kind {
            Kind::Slice { first, key } => self.slice(head, first, key, time),
            Kind::Vps => self.unit.vps = true,
            Kind::Sps => self.unit.sps = true,
            Kind::Pps => self.unit.pps = true,
            _ => {}
        }
        true
    }

    /// Does a NAL unit after picture data belong to the next picture?
    fn begins_next(&self, kind: Kind, time: i64) -> bool {
        let new_time = time != self.unit.timestamp;
        match kind {
            Kind::Slice { first: true, .. } => new_time || self.frames_only,
            // Some cameras change the time in mid-picture.
            Kind::Slice { first: false, .. } => new_time && self.unit.damage.is_some(),
            Kind::Suffix => false,
            _ => new_time,
        }
    }

    fn slice(&mut self, head: &[u8], first: bool, key: bool, time: i64) {
        if !self.unit.has_slice && !first {
            let reason = self.headless(time);
            self.unit.spoil(reason);
        }
        self.unit.has_slice = true;
        self.unit.key |= key || self.unit.recovery && self.gate.codec == Codec::H264 && nal::is_h264_intra_slice(head);
    }

    /// Why a unit begins without its picture's first slice.
    fn headless(&mut self, time: i64) -> DropReason {
        if self.loss {
            return DropReason::LostPackets;
        }
        if self.ended == Some(time) {
            self.marker_lies = true;
            self.honest_units = 0;
            return DropReason::BadPacket("slice after the marker");
        }
        DropReason::BadPacket("picture without its first slice")
    }

    /// Reads what a whole NAL unit tells about the stream.
    fn note(&mut self, nal: &[u8]) {
        let known = match nal::kind(&self.gate.codec, nal) {
            Kind::Vps => &self.gate.sets.vps,
            Kind::Sps => &self.gate.sets.sps,
            Kind::Pps => &self.gate.sets.pps,
            Kind::Sei => {
                self.unit.recovery |= self.gate.codec == Codec::H264 && sei::is_exact_recovery_point(nal);
                return;
            }
            _ => return,
        };
        if known.as_deref() != Some(nal) && self.gate.sets.update(&self.gate.codec, &Bytes::copy_from_slice(nal)) {
            self.sets_changed();
        }
    }

    fn sets_changed(&mut self) {
        self.info = self.gate.sets.info(&self.gate.codec);
        let reorders = self.info.as_ref().is_some_and(|info| info.reorder_frames);
        let mut depth = u32::from(reorders);
        if let (Codec::H264, Some(sps)) = (&self.gate.codec, self.gate.sets.sps.as_deref())
            && let Some(sps) = H264Sps::parse(sps)
        {
            self.frames_only = sps.frame_mbs_only;
            depth = sps.max_reorder.unwrap_or(0);
        }
        self.clock.declare(depth);
    }

    fn fragment(&mut self, piece: &Piece<'_>, time: i64, sink: &mut Sink<'_>) {
        let Piece::Fragment { start, end, header, header_len, body } = *piece else {
            return;
        };
        if start {
            self.fragment = Some(Fragment { at: 0, header, header_len, opened: false, timestamp: time });
        } else if self.fragment.is_none() {
            return self.orphan(time, sink);
        }
        if !body.is_empty() {
            self.extend_fragment(body, sink);
        }
        if end {
            self.close_fragment(sink);
        }
    }

    /// A fragment whose beginning never came.
    fn orphan(&mut self, time: i64, sink: &mut Sink<'_>) {
        if self.unit.has_slice && time != self.unit.timestamp {
            self.flush(sink);
        }
        let reason =
            if self.loss { DropReason::LostPackets } else { DropReason::BadPacket("fragment without its start") };
        if !self.unit.has_slice {
            self.unit.timestamp = time;
        }
        self.unit.has_slice = true;
        self.unit.spoil(reason);
    }

    fn extend_fragment(&mut self, body: &[u8], sink: &mut Sink<'_>) {
        let Some(mut fragment) = self.fragment.take() else {
            return;
        };
        if !fragment.opened {
            let header = &fragment.header[..fragment.header_len];
            let mut head = [0; 18];
            let shown = body.len().min(16);
            head[..header.len()].copy_from_slice(header);
            head[header.len()..header.len() + shown].copy_from_slice(&body[..shown]);
            if !self.open_nal(&head[..header.len() + shown], fragment.timestamp, sink) {
                return;
            }
            fragment.at = self.unit.buffer.len();
            fragment.opened = true;
            // The length is written when it is known.
            self.unit.add(&[0; 4]);
            self.unit.add(header);
        }
        self.unit.add(body);
        self.fragment = Some(fragment);
    }

    /// The fragmented NAL unit is whole.
    fn close_fragment(&mut self, sink: &mut Sink<'_>) {
        let Some(fragment) = self.fragment.take() else {
            return;
        };
        if !fragment.opened || self.unit.damage.is_some() {
            return;
        }
        let start = fragment.at + 4;
        let nal = std::mem::take(&mut self.unit.buffer);
        if self.hides_start_code(&nal[start..]) {
            self.unit.buffer = nal[..fragment.at].to_vec();
            self.split_fragment(&nal[start..], fragment.timestamp, sink);
            return;
        }
        self.note(&nal[start..]);
        self.unit.buffer = nal;
        let len = length(self.unit.buffer.len() - start);
        self.unit.buffer[fragment.at..start].copy_from_slice(&len);
    }

    /// Several NAL units in one fragmented one; the first is opened already.
    fn split_fragment(&mut self, nals: &[u8], time: i64, sink: &mut Sink<'_>) {
        let mut nals = annexb::split(nals);
        if let Some(first) = nals.next() {
            self.unit.add(&length(first.len()));
            self.unit.add(first);
            self.note(first);
        }
        for nal in nals {
            self.whole_nal(nal, time, sink);
        }
    }

    /// The unit is over: out with it, or with the reason why not.
    fn flush(&mut self, sink: &mut Sink<'_>) {
        self.judge_marker();
        self.loss = false;
        let passed = match self.unit.damage {
            Some(reason) => Err(self.gate.dropped(reason)),
            None => self.gate.pass(self.unit.key),
        };
        match passed {
            Ok(discontinuity) => sink.out.push(self.finished(discontinuity)),
            Err(reason) => sink.drops.push(reason),
        }
        self.unit.reset();
    }

    /// Believes the marker again once it has long been where it belongs.
    fn judge_marker(&mut self) {
        if !self.marker_lies {
            return;
        }
        let honest = self.unit.markers == 1 && self.unit.marker_last;
        self.honest_units = if honest { self.honest_units + 1 } else { 0 };
        if self.honest_units >= HONEST_UNITS {
            self.marker_lies = false;
        }
    }

    fn finished(&mut self, discontinuity: bool) -> AccessUnit {
        let unit = &self.unit;
        let in_band = unit.sps && unit.pps && (unit.vps || self.gate.codec != Codec::H265);
        let data = if unit.key && !in_band {
            let mut data = Vec::with_capacity(unit.buffer.len() + 256);
            for set in self.gate.sets.in_order() {
                annexb::put_nal(&mut data, set);
            }
            data.extend_from_slice(&unit.buffer);
            Bytes::from(data)
        } else {
            Bytes::copy_from_slice(&unit.buffer)
        };
        AccessUnit {
            timestamp: unit.timestamp,
            dts: self.clock.next(unit.timestamp),
            key: unit.key,
            discontinuity,
            data,
        }
    }
}

/// A NAL unit's length, which the cap keeps far below 4 GB.
fn length(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}
