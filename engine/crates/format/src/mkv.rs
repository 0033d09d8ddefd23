//! Matroska (RFC 9559) as exports are written: one cluster a group of
//! pictures, cues, and the manifest as an attachment.

use crate::FormatError;
use crate::mp4::visual_config;
use crate::mp4::walk::{audio_config, children, find, parse_track};
use crate::wire::Put;

/// Sizes and places that are known when all else is written: the head has the
/// same length whatever they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Of the whole file.
    pub bytes: u64,
    pub duration_ms: u64,
    pub cues_at: u64,
    pub attachments_at: u64,
}

/// A track as Matroska describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Track {
    pub id: u8,
    codec: &'static str,
    private: Vec<u8>,
    shape: Shape,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Video { width: u16, height: u16 },
    Audio { rate: u32, channels: u16 },
}

/// Where a key frame can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    pub time_ms: u64,
    pub track: u8,
    pub cluster_at: u64,
}

/// Bytes of a visual and of an audible sample entry before their boxes
/// (ISO/IEC 14496-12, 12.1.3 and 12.2.3).
const VISUAL: usize = 78;
const AUDIBLE: usize = 28;

impl Track {
    /// The tracks of a part's `ftyp` and `moov`.
    pub fn all(init: &[u8]) -> Result<Vec<Self>, FormatError> {
        let moov = find(init, &[b"moov"]).ok_or(FormatError::Missing { what: "moov" })?;
        children(moov).filter(|(name, _)| name == b"trak").map(|(_, trak)| Self::of(trak)).collect()
    }

    fn of(trak: &[u8]) -> Result<Self, FormatError> {
        const ENTRY: FormatError = FormatError::Missing { what: "a sample entry" };
        let track = parse_track(trak)?;
        let stsd = find(trak, &[b"mdia", b"minf", b"stbl", b"stsd"]).and_then(|stsd| stsd.get(8..)).ok_or(ENTRY)?;
        let (name, entry) = children(stsd).next().ok_or(ENTRY)?;
        let field = |at: usize| entry.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]])).ok_or(ENTRY);
        let inside = |fixed: usize, name: &[u8; 4]| {
            let found = entry.get(fixed..).and_then(|boxes| find(boxes, &[name]));
            found.map(<[u8]>::to_vec).ok_or(FormatError::Missing { what: "a codec's configuration" })
        };
        let rate = track.timescale;
        let (codec, private) = match &name {
            b"avc3" => ("V_MPEG4/ISO/AVC", inside(VISUAL, b"avcC")?),
            b"hev1" => ("V_MPEGH/ISO/HEVC", inside(VISUAL, b"hvcC")?),
            b"av01" => ("V_AV1", inside(VISUAL, b"av1C")?),
            b"vp08" => ("V_VP8", Vec::new()),
            b"vp09" => ("V_VP9", Vec::new()),
            b"jpeg" => ("V_MJPEG", Vec::new()),
            b"mp4v" => {
                let config = visual_config(&inside(VISUAL, b"esds")?).map(<[u8]>::to_vec);
                ("V_MPEG4/ISO/ASP", config.ok_or(FormatError::Missing { what: "a visual configuration" })?)
            }
            b"mp4a" => {
                let config = audio_config(&inside(AUDIBLE, b"esds")?).map(<[u8]>::to_vec);
                ("A_AAC", config.ok_or(FormatError::Missing { what: "AudioSpecificConfig" })?)
            }
            b"Opus" => ("A_OPUS", opus_head(&inside(AUDIBLE, b"dOps")?)?),
            b"alaw" => ("A_MS/ACM", wave_format(6, field(16)?, rate)),
            b"ulaw" => ("A_MS/ACM", wave_format(7, field(16)?, rate)),
            _ => return Err(ENTRY),
        };
        let shape = if track.is_video {
            Shape::Video { width: field(24)?, height: field(26)? }
        } else {
            Shape::Audio { rate, channels: field(16)? }
        };
        Ok(Self { id: track.id, codec, private, shape })
    }

    fn entry(&self) -> Vec<u8> {
        let mut out = Vec::new();
        unsigned(&mut out, 0xd7, self.id.into());
        unsigned(&mut out, 0x73c5, self.id.into());
        unsigned(&mut out, 0x83, if matches!(self.shape, Shape::Video { .. }) { 1 } else { 2 });
        unsigned(&mut out, 0x9c, 0);
        element(&mut out, 0x86, self.codec.as_bytes());
        if self.codec == "A_OPUS" {
            // 80 ms before a seek (RFC 7845, 4.6), in nanoseconds.
            unsigned(&mut out, 0x56bb, 80_000_000);
        }
        if !self.private.is_empty() {
            element(&mut out, 0x63a2, &self.private);
        }
        let mut shape = Vec::new();
        match self.shape {
            Shape::Video { width, height } => {
                unsigned(&mut shape, 0xb0, width.into());
                unsigned(&mut shape, 0xba, height.into());
                element(&mut out, 0xe0, &shape);
            }
            Shape::Audio { rate, channels } => {
                element(&mut shape, 0xb5, &f64::from(rate).to_be_bytes());
                unsigned(&mut shape, 0x9f, channels.into());
                element(&mut out, 0xe1, &shape);
            }
        }
        out
    }
}

/// `OpusHead` (RFC 7845, 5.1) has the fields of `dOps`, least byte first.
fn opus_head(dops: &[u8]) -> Result<Vec<u8>, FormatError> {
    let Some(&[_, channels, skip_high, skip_low, a, b, c, d, gain_high, gain_low, family]) = dops.first_chunk() else {
        return Err(FormatError::Short { what: "dOps" });
    };
    let mut out = b"OpusHead\x01".to_vec();
    out.put(&[channels, skip_low, skip_high, d, c, b, a, gain_low, gain_high, family]);
    Ok(out)
}

/// WAVEFORMATEX of 8 bits a sample, least byte first.
fn wave_format(tag: u16, channels: u16, rate: u32) -> Vec<u8> {
    let mut out = Vec::new();
    out.put(&tag.to_le_bytes());
    out.put(&channels.to_le_bytes());
    out.put(&rate.to_le_bytes());
    out.put(&(rate * u32::from(channels)).to_le_bytes());
    out.put(&channels.to_le_bytes());
    out.put(&8u16.to_le_bytes());
    out.put(&0u16.to_le_bytes());
    out
}

const SEGMENT: u32 = 0x1853_8067;
const CUES: u32 = 0x1c53_bb6b;
const ATTACHMENTS: u32 = 0x1941_a469;
/// From 1970 to 2001, in microseconds.
const EPOCH_US: i64 = 978_307_200_000_000;

/// Always of the same length.
fn ebml() -> Vec<u8> {
    let (mut fields, mut out) = (Vec::new(), Vec::new());
    for (id, value) in [(0x4286, 1), (0x42f7, 1), (0x42f2, 4), (0x42f3, 8), (0x4287, 4), (0x4285, 2)] {
        unsigned(&mut fields, id, value);
    }
    element(&mut fields, 0x4282, b"matroska");
    element(&mut out, 0x1a45_dfa3, &fields);
    out
}

/// Where the segment's contents begin, behind its id and size: what places in
/// it are counted from.
fn segment_at() -> u64 {
    ebml().len() as u64 + 4 + 8
}

/// All before the first cluster; `utc_us` is that of time 0.
#[must_use]
pub fn head(tracks: &[Track], utc_us: i64, software: &str, totals: &Totals) -> Vec<u8> {
    let mut out = ebml();
    put_id(&mut out, SEGMENT);
    let begins = segment_at();
    out.put_u64(1 << 56 | totals.bytes.saturating_sub(begins));
    let mut seeks = Vec::new();
    for (id, at) in [(CUES, totals.cues_at), (ATTACHMENTS, totals.attachments_at)] {
        let mut seek = Vec::new();
        element(&mut seek, 0x53ab, &id.to_be_bytes());
        unsigned(&mut seek, 0x53ac, at.saturating_sub(begins));
        element(&mut seeks, 0x4dbb, &seek);
    }
    element(&mut out, 0x114d_9b74, &seeks);
    let mut info = Vec::new();
    unsigned(&mut info, 0x2a_d7b1, 1_000_000);
    element(&mut info, 0x4489, &(totals.duration_ms as f64).to_be_bytes());
    element(&mut info, 0x4461, &((utc_us - EPOCH_US) * 1000).to_be_bytes());
    element(&mut info, 0x4d80, software.as_bytes());
    element(&mut info, 0x5741, software.as_bytes());
    element(&mut out, 0x1549_a966, &info);
    let mut entries = Vec::new();
    tracks.iter().for_each(|track| element(&mut entries, 0xae, &track.entry()));
    element(&mut out, 0x1654_ae6b, &entries);
    out
}

/// A cluster's id, and its size in eight bytes, which is known last.
const CLUSTER_HEAD: usize = 12;

/// Frames of about one group of pictures.
#[derive(Debug)]
pub struct Cluster {
    time_ms: i64,
    /// With room for the head, so that frames are copied once.
    body: Vec<u8>,
}

impl Cluster {
    #[must_use]
    pub fn new(time_ms: i64) -> Self {
        let mut body = vec![0; CLUSTER_HEAD];
        unsigned(&mut body, 0xe7, time_ms.max(0) as u64);
        Self { time_ms: time_ms.max(0), body }
    }

    #[must_use]
    pub fn time_ms(&self) -> u64 {
        self.time_ms as u64
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
    }

    /// Whether a frame of that time can be in it.
    #[must_use]
    pub fn takes(&self, time_ms: i64) -> bool {
        i16::try_from(time_ms - self.time_ms).is_ok()
    }

    /// A frame that [`Self::takes`] allowed.
    pub fn frame(&mut self, track: u8, time_ms: i64, key: bool, data: &[u8]) {
        put_id(&mut self.body, 0xa3);
        put_size(&mut self.body, data.len() as u64 + 4);
        // Track numbers are below 127: one byte.
        self.body.put_u8(0x80 | track);
        self.body.put(&((time_ms - self.time_ms) as i16).to_be_bytes());
        self.body.put_u8(if key { 0x80 } else { 0 });
        self.body.put(data);
    }

    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        let size = (self.body.len() - CLUSTER_HEAD) as u64;
        self.body[..4].copy_from_slice(&0x1f43_b675_u32.to_be_bytes());
        self.body[4..CLUSTER_HEAD].copy_from_slice(&(1 << 56 | size).to_be_bytes());
        self.body
    }
}

/// Where key frames are.
#[must_use]
pub fn cues(all: &[Cue]) -> Vec<u8> {
    let begins = segment_at();
    let mut points = Vec::new();
    for cue in all {
        let (mut place, mut point) = (Vec::new(), Vec::new());
        unsigned(&mut place, 0xf7, cue.track.into());
        unsigned(&mut place, 0xf1, cue.cluster_at.saturating_sub(begins));
        unsigned(&mut point, 0xb3, cue.time_ms);
        element(&mut point, 0xb7, &place);
        element(&mut points, 0xbb, &point);
    }
    let mut out = Vec::new();
    element(&mut out, CUES, &points);
    out
}

/// A file in the file.
#[must_use]
pub fn attachment(name: &str, media_type: &str, data: &[u8]) -> Vec<u8> {
    let mut file = Vec::with_capacity(data.len() + 128);
    element(&mut file, 0x466e, name.as_bytes());
    element(&mut file, 0x4660, media_type.as_bytes());
    unsigned(&mut file, 0x46ae, 1);
    element(&mut file, 0x465c, data);
    let (mut files, mut out) = (Vec::new(), Vec::new());
    element(&mut files, 0x61a7, &file);
    element(&mut out, ATTACHMENTS, &files);
    out
}

fn put_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    out.put(&bytes[id.leading_zeros() as usize / 8..]);
}

/// In four bytes, or in eight (RFC 8794, 4).
fn put_size(out: &mut Vec<u8>, size: u64) {
    if size < (1 << 28) - 1 { out.put_u32(1 << 28 | size as u32) } else { out.put_u64(1 << 56 | size) }
}

fn element(out: &mut Vec<u8>, id: u32, data: &[u8]) {
    put_id(out, id);
    put_size(out, data.len() as u64);
    out.put(data);
}

fn unsigned(out: &mut Vec<u8>, id: u32, value: u64) {
    element(out, id, &value.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::TrackConfig;
    use vms_media::Codec;

    #[test]
    fn audio_is_described_as_each_codec_demands() {
        let track = |id, codec, rate, channels, config: &'static [u8]| TrackConfig {
            id,
            source: id,
            codec,
            clock_rate: rate,
            timescale: rate,
            width: 0,
            height: 0,
            channels,
            sets: vms_media::ParameterSets::default(),
            audio_config: bytes::Bytes::from_static(config),
        };
        let tracks = [
            track(1, Codec::Aac, 16_000, 1, &[0x14, 0x08]),
            track(2, Codec::Opus, 48_000, 2, &[]),
            track(3, Codec::Pcmu, 8_000, 1, &[]),
        ];
        let init = crate::mp4::init::init(&tracks, &[]);
        let walked = crate::mp4::walk::read_init(&init).expect("an init segment").tracks;
        let told: Vec<_> = walked.iter().map(|track| (track.channels, &track.audio_config[..])).collect();
        assert_eq!(told, [(1, &[0x14, 0x08][..]), (2, &[]), (1, &[])]);
        let found = Track::all(&init).expect("tracks");
        let told: Vec<_> = found.iter().map(|track| (track.codec, &track.private[..])).collect();
        let wave = [7, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x40, 0x1f, 0, 0, 1, 0, 8, 0, 0, 0];
        assert_eq!(told[0], ("A_AAC", &[0x14, 0x08][..]));
        assert_eq!(told[1], ("A_OPUS", &b"OpusHead\x01\x02\0\0\x80\xbb\0\0\0\0\0"[..]));
        assert_eq!(told[2], ("A_MS/ACM", &wave[..]));
    }

    #[test]
    fn the_head_has_one_length_and_the_reader_finds_what_was_written() {
        let totals = Totals { bytes: 1 << 40, duration_ms: u64::MAX, cues_at: 1 << 39, attachments_at: 1 << 38 };
        assert_eq!(head(&[], 5, "x", &totals).len(), head(&[], 5, "x", &Totals::default()).len());
        let mut cluster = Cluster::new(1000);
        assert!(cluster.takes(33_767) && !cluster.takes(33_768));
        cluster.frame(1, 1040, true, b"frame");
        let rest = [cluster.finish(), attachment("manifest.json", "application/json", b"{}")].concat();
        let bytes = (head(&[], 5, "x", &Totals::default()).len() + rest.len()) as u64;
        let file = [head(&[], 5, "x", &Totals { bytes, ..Totals::default() }), rest].concat();
        let found = crate::matroska::read(&file).expect("Matroska");
        let block = &found.blocks[0];
        assert_eq!(&file[block.data.start as usize..block.data.end as usize], b"frame");
        assert_eq!((block.track, found.attached[0].0.as_str()), (1, "manifest.json"));
    }
}
