//! Recordings for players of RTSP.

use std::sync::Arc;

use vms_hub::StreamKey;
use vms_recording::play::{Last, Play, Player, Steer, Terms};
use vms_recording::{CallError, CallKind};
use vms_sinks::rtsp::{Begin, Moment, NoPlayback, Playback, Recordings};

/// Plays them by the one player of the engine.
pub struct Replay(pub Arc<Player>);

struct Playing(Arc<Play>);

impl Recordings for Replay {
    fn open(&self, key: &StreamKey, begin: &Begin, audio: bool) -> Result<Arc<dyn Playback>, NoPlayback> {
        let steer = Steer { at_us: begin.at_us, speed: Some(begin.speed()), paused: None, mark: Some(begin.cseq) };
        let terms = Terms { audio, bounds: bounds(begin), paced: !begin.unpaced };
        let play = self.0.open(key, steer, terms).map_err(refusal)?;
        Ok(Arc::new(Playing(play)))
    }
}

/// Where it ends, as what may be played; an end of 0 is none.
fn bounds(begin: &Begin) -> (i64, i64) {
    match begin.until_us {
        None => (0, 0),
        Some(until_us) if begin.speed() < 0.0 => (until_us, 0),
        Some(until_us) => (0, until_us),
    }
}

fn refusal(error: CallError) -> NoPlayback {
    tracing::debug!(code = error.code, words = error.message, "no recording is played");
    match error.kind {
        CallKind::NotFound => NoPlayback::NotFound,
        CallKind::Invalid => NoPlayback::Invalid,
        CallKind::Conflict | CallKind::Unavailable | CallKind::Internal => NoPlayback::Unavailable,
    }
}

impl Playback for Playing {
    fn key(&self) -> &StreamKey {
        self.0.key()
    }

    fn steer(&self, begin: &Begin, paused: bool) -> Result<(), NoPlayback> {
        // A pause changes nothing else; a PLAY that names no speed keeps it.
        let speed = begin.speed.map(|_| begin.speed());
        let mark = (!paused).then_some(begin.cseq);
        self.0.steer(Steer { at_us: begin.at_us, speed, paused: Some(paused), mark }).map_err(refusal)
    }

    fn moment(&self, track: u8, dts: i64) -> Option<Moment> {
        let moment = self.0.moment(track, dts)?;
        Some(Moment {
            utc_us: moment.utc_us,
            jumped: moment.jumped,
            ends: moment.last.is_some(),
            terminal: moment.last == Some(Last::OfAll),
            cseq: moment.mark,
        })
    }

    fn is_over(&self) -> bool {
        self.0.has_ended()
    }

    fn taken(&self) {
        self.0.taken();
    }

    fn stop(&self) {
        self.0.stop();
    }
}
