//! Which pictures a viewer gets who asks for a stream, and why: the camera's own
//! where he takes them; else its sub-stream; else one transcode that all share.
//!
//! [`choose`] is the rule, and knows nothing but what is handed to it;
//! [`Pictures`] asks the hub and the workers. Every way out by which a viewer
//! can say what he takes goes through it.

use std::collections::BTreeSet;
use std::sync::Arc;

use vms_hub::{Hub, Stream, StreamKey, StreamName, VideoSeen};
use vms_media::Codec;

use crate::transcode::{Kind, Listener, NoRoom, Transcodes};

/// What a viewer takes.
pub struct Takes<'a> {
    pub codec: &'a dyn Fn(&Codec) -> bool,
    /// Pictures that are shown in another order than they are sent in.
    pub b_frames: bool,
}

/// The codecs that a viewer says he takes, where his protocol does not say it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codecs {
    /// He says nothing.
    #[default]
    All,
    /// By their names in the API.
    These(BTreeSet<String>),
}

impl Codecs {
    /// Reads a list with commas; `None` where it holds what is no codec of pictures.
    #[must_use]
    pub fn parse(list: &str) -> Option<Self> {
        let known = ["h264", "h265", "av1", "vp8", "vp9", "mjpeg", "mpeg4"];
        let named: BTreeSet<String> = list.split(',').map(str::to_owned).collect();
        named.iter().all(|name| known.contains(&name.as_str())).then_some(Self::These(named))
    }

    #[must_use]
    pub fn takes(&self, codec: &Codec) -> bool {
        match self {
            Self::All => true,
            Self::These(named) => named.contains(codec.name()),
        }
    }
}

/// What is sent to a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    AsIs,
    Sub,
    Transcoded,
}

/// Why it is not simply what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Codec,
    BFrames,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub variant: Variant,
    /// With [`Variant::AsIs`]: it is sent though he does not take it well.
    pub reason: Option<Why>,
}

/// What was asked for.
pub const AS_ASKED: Choice = Choice { variant: Variant::AsIs, reason: None };

impl Variant {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Sub => "sub",
            Self::Transcoded => "transcoded",
        }
    }
}

impl Why {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Codec => "codec",
            Self::BFrames => "b_frames",
        }
    }
}

/// The rule. `sub` is the other stream that may stand in, while it gives
/// pictures; `room`: a transcode can be had. `None`: nothing that he takes.
#[must_use]
pub fn choose(asked: &VideoSeen, sub: Option<&VideoSeen>, takes: &Takes<'_>, room: bool) -> Option<Choice> {
    let fits = |seen: &VideoSeen| (takes.codec)(&seen.codec) && (takes.b_frames || !seen.reorders);
    let choice = |variant, reason| Some(Choice { variant, reason });
    if fits(asked) {
        return choice(Variant::AsIs, None);
    }
    let reason = if (takes.codec)(&asked.codec) { Why::BFrames } else { Why::Codec };
    let plain = |seen: &VideoSeen| seen.live && seen.codec == Codec::H264 && !seen.reorders;
    if sub.is_some_and(|sub| plain(sub) && fits(sub)) {
        return choice(Variant::Sub, Some(reason));
    }
    match reason {
        _ if room && (takes.codec)(&Codec::H264) => choice(Variant::Transcoded, Some(reason)),
        // Pictures out of their order are better than none.
        Why::BFrames => choice(Variant::AsIs, Some(reason)),
        Why::Codec => None,
    }
}

/// Where a viewer's pictures come from.
#[derive(Debug)]
pub struct Picked {
    pub stream: Arc<Stream>,
    pub choice: Choice,
    /// Keeps the transcode going.
    pub listener: Option<Listener>,
}

/// Why a viewer gets none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    NoStream,
    /// He takes neither the camera's codec nor what could be made of it.
    Codec {
        camera: Codec,
    },
    /// As many transcodes as this machine may do are going on.
    Full {
        camera: Codec,
        most: usize,
    },
}

/// The streams, and those who transcode.
#[derive(Clone, Debug)]
pub struct Pictures {
    hub: Hub,
    /// Absent: nothing is transcoded.
    transcodes: Option<Transcodes>,
}

impl Pictures {
    #[must_use]
    pub fn new(hub: Hub, transcodes: Option<Transcodes>) -> Self {
        Self { hub, transcodes }
    }

    #[must_use]
    pub fn transcodes(&self) -> Option<&Transcodes> {
        self.transcodes.as_ref()
    }

    /// What a viewer gets who asks for `key`. Of a stream without pictures yet,
    /// the stream itself.
    ///
    /// # Errors
    /// Why he gets none.
    pub fn pick(&self, key: &StreamKey, takes: &Takes<'_>) -> Result<Picked, Refused> {
        let stream = self.hub.stream(key).ok_or(Refused::NoStream)?;
        let Some(seen) = stream.video() else {
            return Ok(Picked { stream, choice: AS_ASKED, listener: None });
        };
        let sub = self.sub_of(key);
        let sub_seen = sub.as_ref().and_then(|sub| sub.video());
        // Of a codec that nobody knows nothing can be made.
        let room = if seen.codec.is_video() { self.room(key) } else { Err(NoRoom::Nobody) };
        let Some(choice) = choose(&seen, sub_seen.as_ref(), takes, room.is_ok()) else {
            return Err(refused(seen.codec, takes, room));
        };
        match (choice.variant, sub) {
            (Variant::Sub, Some(sub)) => Ok(Picked { stream: sub, choice, listener: None }),
            (Variant::Transcoded, _) => {
                let listener = self.listen(key).map_err(|none| refused(seen.codec, takes, Err(none)))?;
                Ok(Picked { stream: listener.stream().clone(), choice, listener: Some(listener) })
            }
            _ => Ok(Picked { stream, choice, listener: None }),
        }
    }

    fn sub_of(&self, key: &StreamKey) -> Option<Arc<Stream>> {
        (key.stream == StreamName::Main)
            .then(|| StreamKey { stream: StreamName::Sub, ..key.clone() })
            .and_then(|sub| self.hub.stream(&sub))
    }

    /// Recordings that are played keep their own time, which workers do not: they
    /// are not transcoded.
    fn room(&self, key: &StreamKey) -> Result<(), NoRoom> {
        let live = vms_hub::is_camera_id(&key.camera);
        let transcodes = self.transcodes.as_ref().filter(|_| live).ok_or(NoRoom::Nobody)?;
        transcodes.room(key, Kind::Picture)
    }

    fn listen(&self, key: &StreamKey) -> Result<Listener, NoRoom> {
        self.transcodes.as_ref().ok_or(NoRoom::Nobody)?.listen(key, Kind::Picture)
    }
}

/// What is said to a viewer who finds no room: why, and what to do.
#[must_use]
pub fn full(camera: &Codec, most: usize) -> String {
    format!(
        "its pictures ({}) have to be converted for this viewer, and {most} cameras, as many as streams.max_transcodes \
         allows, are being converted; close one of them, or give the camera a sub-stream of H.264",
        camera.rtpmap()
    )
}

fn refused(camera: Codec, takes: &Takes<'_>, room: Result<(), NoRoom>) -> Refused {
    match room {
        Err(NoRoom::Full { most }) if (takes.codec)(&Codec::H264) => Refused::Full { camera, most },
        _ => Refused::Codec { camera },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(codec: Codec, reorders: bool) -> VideoSeen {
        VideoSeen { codec, reorders, live: true }
    }

    /// As `variant reason`.
    fn chosen(asked: &VideoSeen, sub: Option<&VideoSeen>, codecs: &[Codec], b_frames: bool, room: bool) -> String {
        let takes = Takes { codec: &|codec| codecs.contains(codec), b_frames };
        let Some(choice) = choose(asked, sub, &takes, room) else { return "none".to_owned() };
        format!("{} {}", choice.variant.as_str(), choice.reason.map_or("-", Why::as_str))
    }

    #[test]
    fn a_list_of_codecs_is_read_or_refused() {
        let list = Codecs::parse("h265,h264").expect("codecs");
        assert!(list.takes(&Codec::H264) && list.takes(&Codec::H265) && !list.takes(&Codec::Jpeg));
        assert_eq!(list, Codecs::parse("h264,h265").expect("the same in another order"));
        assert!(Codecs::All.takes(&Codec::Other("x".to_owned())));
        for bad in ["", "h264,", "avc1", "H264"] {
            assert_eq!(Codecs::parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_viewer_gets_what_he_takes_at_the_least_cost() {
        let (h264, b, h265) = (seen(Codec::H264, false), seen(Codec::H264, true), seen(Codec::H265, false));
        let off = VideoSeen { live: false, ..h264.clone() };
        let only = &[Codec::H264][..];
        let both = &[Codec::H264, Codec::H265][..];
        let new = &[Codec::H265][..];
        for (asked, sub, codecs, b_frames, room, expected) in [
            (&h264, None, only, false, true, "as_is -"),
            (&h264, Some(&h264), only, false, true, "as_is -"),
            (&h265, Some(&h264), both, false, true, "as_is -"),
            (&b, None, only, true, true, "as_is -"),
            (&h265, Some(&h264), only, false, true, "sub codec"),
            (&h265, Some(&h264), only, false, false, "sub codec"),
            (&h265, Some(&off), only, false, true, "transcoded codec"),
            (&h265, Some(&h265), only, false, true, "transcoded codec"),
            (&h265, Some(&b), only, false, true, "transcoded codec"),
            // Even for one who would take them: it has to be H.264 without B-frames.
            (&h265, Some(&b), only, true, true, "transcoded codec"),
            (&h265, None, only, false, true, "transcoded codec"),
            (&h265, None, only, false, false, "none"),
            (&h264, None, new, false, true, "none"),
            (&b, Some(&h264), only, false, true, "sub b_frames"),
            (&b, Some(&b), only, false, true, "transcoded b_frames"),
            (&b, None, only, false, true, "transcoded b_frames"),
            (&b, None, only, false, false, "as_is b_frames"),
        ] {
            assert_eq!(
                chosen(asked, sub, codecs, b_frames, room),
                expected,
                "{asked:?} {sub:?} {codecs:?} B-frames {b_frames} room {room}"
            );
        }
    }
}
