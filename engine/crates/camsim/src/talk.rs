//! The cameras' loudspeakers: what is offered to who asks for the back channel
//! of ONVIF, and what was heard by it. Cameras take PCMU and PCMA in turns.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use vms_media::Law;

/// What a client asks for it by (ONVIF Streaming Specification, section 5.3).
pub const FEATURE: &str = "www.onvif.org/ver20/backchannel";
/// The track that is listened on, and one that is offered and never given.
pub const TRACK: usize = 2;
const FALSE_TRACK: usize = 3;
/// So many bytes are kept of what a camera heard: two minutes.
const MOST_KEPT: usize = 1 << 20;
/// What is quieter is silence.
const LOUD: u16 = 512;
const RTP_HEADER: usize = 12;

/// Forms of back channels that cameras are known for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BadTalk {
    /// The wish is passed over: no such track is described.
    Absent,
    /// The wish is refused: 551.
    Unsupported,
    /// The track is described, and its SETUP refused: 454.
    Refused,
    /// Somebody else talks: 453.
    Busy,
    /// It takes AAC alone.
    Aac,
    /// Two such tracks, the first with several payload types; the second breaks SETUP.
    SecondTrack,
    /// The connection is closed at the first sound.
    HangsUp,
}

impl fmt::Display for BadTalk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A unit variant is written as its bare name.
        self.serialize(f)
    }
}

/// What the camera takes, counted from 0.
fn law_of(camera: usize) -> Law {
    if camera.is_multiple_of(2) { Law::Mu } else { Law::A }
}

/// The lines of a description for who asks for the back channel.
pub fn describe(camera: usize, form: Option<BadTalk>) -> String {
    let track = |lines: &str, track: usize| format!("{lines}a=control:trackID={track}\r\na=sendonly\r\n");
    match (form, law_of(camera)) {
        (Some(BadTalk::Absent), _) => String::new(),
        (Some(BadTalk::Aac), _) => track("m=audio 0 RTP/AVP 99\r\na=rtpmap:99 mpeg4-generic/16000/1\r\n", TRACK),
        (Some(BadTalk::SecondTrack), _) => {
            let several = "m=audio 0 RTP/AVP 97 98\r\na=rtpmap:97 PCMA/16000\r\na=rtpmap:98 PCMA/8000\r\n";
            track(several, TRACK) + &track("m=audio 0 RTP/AVP 0\r\n", FALSE_TRACK)
        }
        (_, Law::Mu) => track("m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n", TRACK),
        (_, Law::A) => track("m=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n", TRACK),
    }
}

/// The refusal of a SETUP of the track, if it is refused.
pub fn refusal(track: usize, form: Option<BadTalk>) -> Option<&'static str> {
    match form {
        Some(BadTalk::Absent) => Some("404 Not Found"),
        Some(BadTalk::Refused) => Some("454 Session Not Found"),
        Some(BadTalk::Busy) => Some("453 Not Enough Bandwidth"),
        Some(BadTalk::SecondTrack) if track == FALSE_TRACK => Some("400 Bad Request"),
        _ => None,
    }
}

/// Whether a track is one to be sent to.
pub fn is_track(track: usize) -> bool {
    track == TRACK || track == FALSE_TRACK
}

/// What one camera has heard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Payload type and sequence number of the last packet, and where it ends.
    pub last: Option<(u8, u16, u32)>,
    pub packets: u64,
    /// Those of them that were no silence.
    pub loud: u64,
    /// Packets that did not come right behind the one before, nor after a pause
    /// that they tell of (RFC 3551, section 4.1).
    pub breaks: u64,
    /// The sound, from the first packet on.
    pub sound: Vec<u8>,
}

/// The ears of all cameras, read from any thread.
#[derive(Debug)]
pub(crate) struct Ears {
    cameras: Mutex<Vec<Heard>>,
}

impl Ears {
    pub fn new(cameras: usize) -> Arc<Self> {
        Arc::new(Self { cameras: Mutex::new(vec![Heard::default(); cameras]) })
    }

    /// Takes a packet of RTP for a camera, counted from 0.
    pub fn hear(&self, camera: usize, packet: &[u8]) {
        let mut cameras = self.cameras.lock();
        let (Some(heard), Some((head, payload))) = (cameras.get_mut(camera), packet.split_at_checked(RTP_HEADER))
        else {
            return;
        };
        let sequence = u16::from_be_bytes([head[2], head[3]]);
        let time = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let samples = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        let begins = head[1] & 0x80 != 0;
        let follows = heard.last.is_none_or(|(_, last, end)| {
            let pause = time.wrapping_sub(end) as i32;
            sequence == last.wrapping_add(1) && (pause == 0 || begins && pause > 0)
        });
        heard.breaks += u64::from(!follows);
        // The next one begins where this one ends.
        heard.last = Some((head[1] & 0x7f, sequence, time.wrapping_add(samples)));
        heard.packets += 1;
        let law = law_of(camera);
        heard.loud += u64::from(payload.iter().any(|byte| law.linear(*byte).unsigned_abs() >= LOUD));
        let room = MOST_KEPT.saturating_sub(heard.sound.len()).min(payload.len());
        heard.sound.extend_from_slice(&payload[..room]);
    }

    /// What a camera has heard, counted from 0.
    pub fn of(&self, camera: usize) -> Option<Heard> {
        self.cameras.lock().get(camera).cloned()
    }

    /// The same in the words of a command's answer.
    pub fn tell(&self, camera: usize) -> String {
        let heard = self.of(camera).unwrap_or_default();
        format!("packets: {}\r\nloud: {}\r\nbreaks: {}\r\n", heard.packets, heard.loud, heard.breaks)
    }
}
