//! What is asked about recordings: by calls of the steering side, and by
//! players through the front.

use std::sync::Arc;

use vms_front::{Find, NotRecorded, Recorded, Wanted};
use vms_hub::{Hub, StreamKey};
use vms_recording::export::Exports;
use vms_recording::play::Player;
use vms_recording::read::{Amount, Archive, Segment, stream_number};
use vms_recording::{Answer, CallError, CallKind, Recording};

use crate::config::{Error, Kind};

/// Answers calls about recordings, whatever else the engine does meanwhile.
#[derive(Clone, Default)]
pub struct Recordings(Option<Parts>);

#[derive(Clone)]
struct Parts {
    recording: Arc<Recording>,
    archive: Arc<Archive>,
    exports: Arc<Exports>,
    player: Arc<Player>,
}

impl Recordings {
    pub(crate) fn of(recording: Option<&Arc<Recording>>, hub: &Hub) -> Result<Self, Error> {
        let Some(recording) = recording.cloned() else { return Ok(Self(None)) };
        let masters = vms_recording::read::part::masters_in(recording.config.keys.clone());
        let archive = Archive::new(recording.everywhere().to_vec(), masters, recording.leases());
        let archive = Arc::new(archive.beside(recording.beyond_files()));
        let exports = Exports::start(&recording, archive.clone())
            .map_err(|error| Error::new(Kind::Internal, format!("no threads: {error}")))?;
        let player = Arc::new(Player::new(archive.clone(), hub.clone()));
        Ok(Self(Some(Parts { recording, archive, exports: Arc::new(exports), player })))
    }

    /// JSON in, JSON and bytes out.
    pub fn call(&self, call: &str, request: &[u8]) -> Result<Answer, Error> {
        let Some(Parts { recording, archive, exports, .. }) = &self.0 else {
            return Err(Error::new(Kind::Unavailable, "nothing is recorded here: no volume is configured"));
        };
        let read = archive.call(call, request).or_else(|| exports.call(call, request));
        Ok(read.unwrap_or_else(|| recording.call(call, request))?)
    }

    /// Ends exports, which seal and read while recording goes on.
    pub(crate) fn stop(&self) {
        if let Some(parts) = &self.0 {
            parts.exports.stop();
        }
    }

    /// How many recordings are being played by WebRTC.
    pub(crate) fn plays(&self) -> usize {
        self.0.as_ref().map_or(0, |parts| parts.player.plays())
    }

    /// What players of RTSP have played to them.
    pub(crate) fn player(&self) -> Option<Arc<Player>> {
        self.0.as_ref().map(|parts| parts.player.clone())
    }

    /// Answers players.
    pub(crate) fn for_players(&self) -> Option<vms_front::Recordings> {
        let parts = self.0.as_ref()?;
        let (archive, player) = (parts.archive.clone(), parts.player.clone());
        let find: Find = Arc::new(move |key, wanted| found(&archive, key, wanted).map_err(|error| refusal(&error)));
        Some(vms_front::Recordings { find, player })
    }
}

fn found(archive: &Archive, key: &StreamKey, wanted: &Wanted) -> Result<Recorded, CallError> {
    let (camera, stream) = (&*key.camera, stream_number(key.stream));
    match wanted {
        Wanted::Init { at_us } => {
            let (body, init) = archive.init(camera, stream, *at_us)?;
            Ok(Recorded { content_type: "video/mp4", headers: vec![("vms-init", init)], body })
        }
        Wanted::Segment { at_us, until_us, keys } => {
            let amount = keys.map_or(Amount::Groups { until_us: until_us.unwrap_or(i64::MIN) }, Amount::Keys);
            Ok(segment(archive.segment(camera, stream, *at_us, amount)?))
        }
        Wanted::Playlist { from_us, to_us, query } => {
            let body = archive.playlist(camera, stream, *from_us, *to_us, query)?.into_bytes();
            Ok(Recorded { content_type: "application/vnd.apple.mpegurl", headers: Vec::new(), body })
        }
    }
}

fn segment(found: Segment) -> Recorded {
    let mut headers =
        vec![("vms-from", found.from_us.to_string()), ("vms-to", found.to_us.to_string()), ("vms-init", found.init)];
    headers.extend(found.next_us.map(|us| ("vms-next", us.to_string())));
    headers.extend(found.previous_us.map(|us| ("vms-previous", us.to_string())));
    Recorded { content_type: "video/iso.segment", headers, body: found.body }
}

fn refusal(error: &CallError) -> NotRecorded {
    let status = match error.kind {
        CallKind::Invalid => 400,
        CallKind::NotFound => 404,
        CallKind::Conflict => 409,
        CallKind::Unavailable => 503,
        CallKind::Internal => 500,
    };
    NotRecorded { status, code: error.code, message: error.message.clone() }
}
