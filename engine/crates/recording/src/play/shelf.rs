//! Fragments of one recorded stream, out of the archive.

use std::sync::Arc;

use vms_format::mp4::walk::InitTrack;
use vms_format::{FormatError, Sample, Stored};
use vms_media::{Codec, Track, TrackKind};

use super::head::{Picture, Shelf};
use crate::calls::CallError;
use crate::read::Archive;
use crate::read::archive::unreadable;
use crate::read::part::{Frag, Part, PartFile};

/// Reads one stream of a camera.
pub struct Recorded {
    archive: Arc<Archive>,
    camera: String,
    stream: u8,
    audio: bool,
    /// The part that was read last.
    open: Option<(Arc<Part>, PartFile)>,
}

impl Recorded {
    pub fn new(archive: Arc<Archive>, camera: &str, stream: u8, audio: bool) -> Self {
        Self { archive, camera: camera.to_owned(), stream, audio, open: None }
    }

    fn file(&mut self, part: &Arc<Part>) -> Result<&PartFile, CallError> {
        // One that grew has more to read; one that was thinned is another file.
        let same = |open: &Arc<Part>| open.place == part.place && open.video_bytes == part.video_bytes;
        let open = match self.open.take() {
            Some(open) if same(&open.0) => open,
            _ => (part.clone(), self.archive.open(part)?),
        };
        Ok(&self.open.insert(open).1)
    }
}

impl Shelf for Recorded {
    fn at_or_after(&mut self, at_us: i64) -> Result<(Arc<Part>, usize), CallError> {
        self.archive.at_or_after(&self.camera, self.stream, at_us)
    }

    fn before(&mut self, at_us: i64) -> Option<(Arc<Part>, usize)> {
        self.archive.before(&self.camera, self.stream, at_us)
    }

    fn again(&mut self, part: &Arc<Part>) -> Result<Arc<Part>, CallError> {
        self.archive.part(&part.place)
    }

    fn read(&mut self, part: &Arc<Part>, fragment: &Frag) -> Result<Vec<Picture>, CallError> {
        let audio = self.audio;
        let file = self.file(part)?;
        let fail = |error: FormatError| unreadable(&part.place, &error);
        let (stored, samples) = file.fragment(fragment).map_err(fail)?;
        let mut pictures: Vec<Picture> =
            samples.iter().filter_map(|sample| picture(file, &stored, sample, audio)).collect();
        // Samples lie track by track.
        pictures.sort_by_key(|picture| picture.utc_us);
        Ok(pictures)
    }

    fn tracks(&mut self, part: &Arc<Part>) -> Result<Vec<Track>, CallError> {
        let audio = self.audio;
        let file = self.file(part)?;
        let tracks = file.tracks().iter().filter_map(|track| {
            let codec = codec_of(track)?;
            let (channels, fmtp) = (track.channels, fmtp_of(track));
            let kind = if codec.is_video() { TrackKind::Video } else { TrackKind::Audio };
            let clock_rate = track.timescale;
            let wanted = if codec.is_video() { Some(track.id) == file.video_track() } else { audio };
            wanted.then_some(Track { id: track.id, kind, codec, clock_rate, channels, fmtp })
        });
        let tracks: Vec<Track> = tracks.collect();
        if tracks.iter().any(|track| track.kind == TrackKind::Video) {
            Ok(tracks)
        } else {
            Err(unreadable(&part.place, &FormatError::Missing { what: "video" }))
        }
    }
}

pub fn codec_of(track: &InitTrack) -> Option<Codec> {
    match &track.entry {
        b"avc1" | b"avc3" => Some(Codec::H264),
        b"hvc1" | b"hev1" => Some(Codec::H265),
        b"av01" => Some(Codec::Av1),
        b"vp08" => Some(Codec::Vp8),
        b"vp09" => Some(Codec::Vp9),
        b"jpeg" => Some(Codec::Jpeg),
        b"mp4v" => Some(Codec::Mpeg4),
        // Not without its configuration, which nobody can guess.
        b"mp4a" if !track.audio_config.is_empty() => Some(Codec::Aac),
        b"alaw" => Some(Codec::Pcma),
        b"ulaw" => Some(Codec::Pcmu),
        b"Opus" => Some(Codec::Opus),
        _ => None,
    }
}

/// As a camera would describe it (RFC 3640, 4.1).
fn fmtp_of(track: &InitTrack) -> String {
    let config: String = track.audio_config.iter().map(|byte| format!("{byte:02x}")).collect();
    if config.is_empty() { config } else { format!("config={config}") }
}

fn picture(file: &PartFile, stored: &Stored, sample: &Sample, audio: bool) -> Option<Picture> {
    let track = file.tracks().iter().find(|track| track.id == sample.track)?;
    let codec = codec_of(track)?;
    let video = codec.is_video();
    if (video && Some(track.id) != file.video_track()) || (!video && !audio) {
        return None;
    }
    // All tracks of a part share one zero.
    let clock = stored.core.tracks.first()?;
    let rate_of = |id| file.tracks().iter().find(|track| track.id == id).map_or(1, |track| track.timescale.max(1));
    let us = |ticks: i64, rate: u32| (i128::from(ticks) * 1_000_000 / i128::from(rate)) as i64;
    let zero_us = stored.core.utc_us - us(clock.first_dts, rate_of(clock.id));
    let rate = track.timescale.max(1);
    Some(Picture {
        track: sample.track,
        video,
        key: sample.key,
        utc_us: zero_us + us(sample.dts, rate),
        later_us: us(sample.pts - sample.dts, rate),
        last: None,
        data: sample.data.clone(),
    })
}
