//! A scene: a file of Annex B, or of IVF for codecs without NAL units, cut into
//! frames and packets, once for all cameras.

use std::path::Path;

use bytes::{Bytes, BytesMut};
use vms_media::ivf::Ivf;
use vms_media::nal::{Kind, kind};
use vms_media::{
    Codec, InterleavedHeader, ParameterSets, WholePictures, access_units, annexb, interleaved, nals, packetise,
    utc_sei_h264, utc_sei_h265,
};

use crate::FarmError;

/// The payload type of all video here.
pub const VIDEO_TYPE: u8 = 96;
/// `$`, channel, length and RTP header.
pub const FRAMING: usize = 16;

/// RTP packets in their interleaved form, without numbers, times and sender.
#[derive(Clone, Debug, Default)]
pub struct Packets {
    wire: Bytes,
    /// Where each packet begins.
    starts: Vec<u32>,
}

/// What differs from session to session.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    pub channel: u8,
    pub timestamp: u32,
    pub ssrc: u32,
}

#[derive(Clone, Debug)]
pub struct SceneFrame {
    pub key: bool,
    /// The whole picture, parameter sets included, without our SEI.
    pub data: Bytes,
    /// Parameter sets and whatever else comes before the picture.
    head: Packets,
    body: Packets,
}

#[derive(Debug)]
pub struct Scene {
    pub codec: Codec,
    pub fps: f64,
    pub frames: Vec<SceneFrame>,
    pub sets: ParameterSets,
}

impl Packets {
    fn new(codec: &Codec, data: &Bytes, marker: bool) -> Self {
        let header = InterleavedHeader { channel: 0, payload_type: VIDEO_TYPE, seq: 0, timestamp: 0, ssrc: 0 };
        let mut wire = BytesMut::from(&interleaved(codec, data, header)[..]);
        let starts = starts(&wire);
        if let (false, Some(&last)) = (marker, starts.last()) {
            wire[last as usize + 5] &= 0x7f;
        }
        Self { wire: wire.freeze(), starts }
    }

    /// Appends the packets with their stamp; `seq` goes on.
    fn write(&self, out: &mut Vec<u8>, stamp: Stamp, seq: &mut u16) {
        let base = out.len();
        out.extend_from_slice(&self.wire);
        for &start in &self.starts {
            let packet = &mut out[base + start as usize..][..FRAMING];
            packet[1] = stamp.channel;
            packet[6..8].copy_from_slice(&seq.to_be_bytes());
            packet[8..12].copy_from_slice(&stamp.timestamp.to_be_bytes());
            packet[12..16].copy_from_slice(&stamp.ssrc.to_be_bytes());
            *seq = seq.wrapping_add(1);
        }
    }
}

/// Where each interleaved packet begins.
fn starts(wire: &[u8]) -> Vec<u32> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some([_, _, hi, lo]) = wire.get(at..at + 4) {
        starts.push(at as u32);
        at += 4 + usize::from(u16::from_be_bytes([*hi, *lo]));
    }
    starts
}

impl SceneFrame {
    fn new(codec: &Codec, key: bool, data: Bytes) -> Self {
        let mut head = BytesMut::new();
        let mut body = BytesMut::new();
        for nal in nals(&data) {
            let before = body.is_empty() && !matches!(kind(codec, nal), Kind::Slice { .. });
            annexb::put_nal(if before { &mut head } else { &mut body }, nal);
        }
        Self {
            key,
            head: Packets::new(codec, &head.freeze(), false),
            body: Packets::new(codec, &body.freeze(), true),
            data,
        }
    }

    /// A frame without NAL units, to which nothing is added.
    fn whole(codec: &Codec, key: bool, data: Bytes) -> Self {
        Self { key, head: Packets::default(), body: Packets::new(codec, &data, true), data }
    }

    /// Appends the frame as a healthy camera sends it: parameter sets, the
    /// time as SEI, the picture.
    pub fn write(&self, sei: &Bytes, out: &mut Vec<u8>, stamp: Stamp, seq: &mut u16) {
        self.head.write(out, stamp, seq);
        if !sei.is_empty() {
            put_packet(out, stamp, seq, VIDEO_TYPE, false, sei);
        }
        self.body.write(out, stamp, seq);
    }

    /// The frame with our SEI in front of the picture, as access unit.
    pub fn with_sei(&self, codec: &Codec, sei: &[u8]) -> Bytes {
        if !codec.has_nals() {
            return self.data.clone();
        }
        let mut out = BytesMut::with_capacity(self.data.len() + sei.len() + 4);
        let mut put = false;
        for nal in nals(&self.data) {
            if !put && matches!(kind(codec, nal), Kind::Slice { .. }) {
                annexb::put_nal(&mut out, sei);
                put = true;
            }
            annexb::put_nal(&mut out, nal);
        }
        out.freeze()
    }
}

/// Appends one packet.
pub fn put_packet(out: &mut Vec<u8>, stamp: Stamp, seq: &mut u16, payload_type: u8, marker: bool, payload: &[u8]) {
    let len = 12 + payload.len() as u16;
    out.extend_from_slice(&[b'$', stamp.channel]);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&[0x80, u8::from(marker) << 7 | payload_type]);
    out.extend_from_slice(&seq.to_be_bytes());
    out.extend_from_slice(&stamp.timestamp.to_be_bytes());
    out.extend_from_slice(&stamp.ssrc.to_be_bytes());
    out.extend_from_slice(payload);
    *seq = seq.wrapping_add(1);
}

impl Scene {
    pub fn load(path: &Path, fps: f32) -> Result<Self, FarmError> {
        let stream = std::fs::read(path).map_err(|source| FarmError::Read { path: path.to_owned(), source })?;
        let codec = match path.extension().and_then(|e| e.to_str()) {
            Some("ivf") => {
                let scene = Self::of_ivf(&stream.into(), fps);
                return scene.map_err(|problem| FarmError::Scene { path: path.to_owned(), problem });
            }
            Some("h265" | "hevc" | "265") => Codec::H265,
            _ => Codec::H264,
        };
        Self::new(codec, &stream, fps).map_err(|problem| FarmError::Scene { path: path.to_owned(), problem })
    }

    fn new(codec: Codec, stream: &[u8], fps: f32) -> Result<Self, &'static str> {
        let units = access_units(&codec, stream);
        match units.first() {
            None => return Err("no picture in it"),
            Some(unit) if !unit.key => return Err("it does not begin with a key frame"),
            Some(_) => {}
        }
        let mut sets = ParameterSets::default();
        for nal in nals(&units[0].data) {
            sets.update(&codec, &Bytes::copy_from_slice(nal));
        }
        if !sets.complete(&codec) {
            return Err("no parameter sets before the first picture");
        }
        let frames = units.into_iter().map(|unit| SceneFrame::new(&codec, unit.key, unit.data)).collect();
        Ok(Self { codec, fps: f64::from(fps), frames, sets })
    }

    fn of_ivf(file: &Bytes, fps: f32) -> Result<Self, &'static str> {
        let stream = Ivf::read(file).ok_or("it is no IVF file of a codec that is known")?;
        let mut pictures = WholePictures::new(stream.codec.clone(), "");
        let mut frames = Vec::with_capacity(stream.frames.len());
        for (_, data) in &stream.frames {
            let picture = pictures.take(data.to_vec()).map_err(|_| "it does not begin with a key frame")?;
            frames.push(SceneFrame::whole(&stream.codec, picture.key, picture.data));
        }
        if frames.is_empty() {
            return Err("no picture in it");
        }
        let sets = pictures.parameter_sets().clone();
        Ok(Self { codec: stream.codec, fps: f64::from(fps), frames, sets })
    }

    /// The SEI NAL unit that tells the time; empty for a codec that has none.
    pub fn sei(&self, utc_us: i64) -> Bytes {
        Bytes::from(match self.codec {
            _ if !self.codec.has_nals() => Vec::new(),
            Codec::H265 => utc_sei_h265(utc_us),
            _ => utc_sei_h264(utc_us),
        })
    }

    /// A frame's payloads, for a fault to be done to them.
    pub fn payloads(&self, data: &Bytes) -> Vec<(bool, Bytes)> {
        packetise(&self.codec, data)
            .into_iter()
            .map(|payload| (payload.marker, Bytes::copy_from_slice(&payload.bytes)))
            .collect()
    }

    pub fn frame(&self, number: u64) -> &SceneFrame {
        &self.frames[(number % self.frames.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] =
        &[0, 0, 1, 0x67, 0x42, 0, 0x1e, 0, 0, 1, 0x68, 0xce, 0, 0, 1, 0x65, 0x88, 1, 0, 0, 1, 0x41, 0x9a, 2];

    #[test]
    fn a_scene_must_begin_with_a_whole_key_frame() {
        assert!(Scene::new(Codec::H264, STREAM, 25.0).is_ok());
        assert_eq!(Scene::new(Codec::H264, &[], 25.0).unwrap_err(), "no picture in it");
        assert_eq!(Scene::new(Codec::H264, &STREAM[18..], 25.0).unwrap_err(), "it does not begin with a key frame");
        assert!(Scene::new(Codec::H264, &STREAM[12..], 25.0).is_err());
        let ivf = |name: &str| format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
        for (name, codec) in [("camera.av1.ivf", Codec::Av1), ("camera.mjpeg.ivf", Codec::Jpeg)] {
            let scene = Scene::load(Path::new(&ivf(name)), 25.0).unwrap();
            assert_eq!((&scene.codec, scene.frames.len(), scene.sei(7).len()), (&codec, 12, 0));
            assert!(scene.frames[0].key && scene.sets.complete(&codec));
            assert!(!scene.payloads(&scene.frames[0].data).is_empty());
        }
        assert!(Scene::of_ivf(&Bytes::from_static(b"DKIF"), 25.0).is_err());
    }

    #[test]
    fn the_fast_path_writes_what_packetising_writes() {
        let scene = Scene::new(Codec::H264, STREAM, 25.0).unwrap();
        let stamp = Stamp { channel: 2, timestamp: 77, ssrc: 0xdead_beef };
        for frame in &scene.frames {
            let sei = scene.sei(1_791_022_334_000_000);
            let (mut fast, mut slow) = (Vec::new(), Vec::new());
            let (mut seq, mut slow_seq) = (65_535, 65_535);
            frame.write(&sei, &mut fast, stamp, &mut seq);
            for (marker, payload) in scene.payloads(&frame.with_sei(&scene.codec, &sei)) {
                put_packet(&mut slow, stamp, &mut slow_seq, VIDEO_TYPE, marker, &payload);
            }
            assert_eq!(fast, slow);
            assert_eq!(seq, slow_seq);
        }
    }
}
