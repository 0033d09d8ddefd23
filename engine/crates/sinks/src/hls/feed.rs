//! What a packaging is fed with: a stream's frames and, where players do not
//! take its sound, Opus that a worker makes of it.

use std::sync::Arc;

use tokio::sync::Notify;
use vms_hub::{CloseReason, Next, Reader, ReaderKind, Stream, StreamKey};
use vms_media::{Frame, Track};

use super::segment::{Packager, is_playable};
use super::sound::{self, Filler};
use crate::transcode::{Kind, Listener, Transcodes, opus_track, sound_can_be_transcoded};

/// Frames that wait for the packaging, bytes.
const QUEUE_BYTES: usize = 16 << 20;
/// The same of sound.
const SOUND_BYTES: usize = 1 << 20;

pub struct Feed {
    stream: Arc<Stream>,
    reader: Reader,
    wake: Arc<Notify>,
    /// Who makes sound, and of which stream; none where nobody may hear.
    makers: Option<(Transcodes, StreamKey)>,
    sound: Option<Sound>,
    epoch: Option<u64>,
    /// The stream is no more.
    pub is_over: bool,
}

/// The sound that is made.
struct Sound {
    reader: Reader,
    filler: Filler,
    /// Keeps it being made.
    _listener: Listener,
}

impl Feed {
    #[must_use]
    pub fn new(stream: Arc<Stream>, makers: Option<(Transcodes, StreamKey)>, wake: Arc<Notify>) -> Self {
        let reader = stream.subscribe(ReaderKind::Recorder { max_bytes: QUEUE_BYTES }, wake.clone());
        Self { stream, reader, wake, makers, sound: None, epoch: None, is_over: false }
    }

    /// Packages what waits; whether something new can be had.
    pub fn fill(&mut self, packager: &mut Packager) -> bool {
        let mut added = false;
        loop {
            let delivery = match self.reader.next() {
                Next::Frame(delivery) => delivery,
                end => {
                    self.is_over = matches!(end, Next::Closed(CloseReason::Removed));
                    break;
                }
            };
            let frame: &Frame = &delivery.frame;
            if self.epoch != Some(frame.epoch) {
                self.epoch = Some(frame.epoch);
                self.begin_epoch();
            }
            let silence = self.sound.as_mut().map(|sound| sound.filler.until(frame)).unwrap_or_default();
            for frame in silence.iter().chain([frame]) {
                added |= packager.push(frame, || tracks(&self.stream, self.sound.is_some()));
            }
        }
        added | self.fill_sound(packager)
    }

    fn fill_sound(&mut self, packager: &mut Packager) -> bool {
        let Self { stream, sound: Some(sound), .. } = self else { return false };
        let mut added = false;
        while let Next::Frame(delivery) = sound.reader.next() {
            for frame in sound.filler.take(&delivery.frame) {
                added |= packager.push(&frame, || tracks(stream, true));
            }
        }
        added
    }

    /// With each epoch the camera may send another sound.
    fn begin_epoch(&mut self) {
        let tracks = self.stream.tracks();
        let is_heard = tracks.iter().any(|track| is_playable(&track.codec) && !track.codec.is_video());
        let makers = self.makers.as_ref().filter(|_| !is_heard && tracks.iter().any(sound_can_be_transcoded));
        match makers {
            None => self.sound = None,
            Some(_) if self.sound.is_some() => {}
            Some((transcodes, key)) => {
                // Where too many are at work the pictures come without sound.
                self.sound = transcodes.listen(key, Kind::Sound).ok().map(|listener| Sound {
                    reader: listener
                        .stream()
                        .subscribe(ReaderKind::Recorder { max_bytes: SOUND_BYTES }, self.wake.clone()),
                    filler: Filler::default(),
                    _listener: listener,
                });
            }
        }
    }
}

/// What can be packaged now; `with_made`: sound is made for it.
fn tracks(stream: &Stream, with_made: bool) -> Arc<[Track]> {
    let camera = stream.tracks();
    if !with_made {
        return camera;
    }
    let made = Track { id: sound::TRACK, ..opus_track() };
    camera.iter().cloned().chain([made]).collect()
}
