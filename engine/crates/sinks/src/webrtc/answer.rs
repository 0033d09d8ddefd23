//! From an offer and the camera's tracks to what is sent and an answer: pure.
//!
//! The answer is written here and not by the WebRTC library, so that exactly
//! what is sent is promised: one video and at most one audio line, no bandwidth
//! estimation, no header extension beyond MID and playout delay. Of a publisher bandwidth
//! estimation is taken too: it tells him how much gets through.

use std::fmt::Write;

use vms_media::{Codec, Law, Track, TrackKind};

use super::sdp::{Offer, OfferFormat, OfferKind, OfferMedia};

const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const PLAYOUT_DELAY_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
const TRANSPORT_CC_URI: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// Ids above 14 need the two-byte form, which costs every packet.
const MAX_EXTENSION_ID: u8 = 14;

/// Which way media go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// To a viewer.
    Out,
    /// From a publisher.
    In,
}

/// What is missing for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    VideoLine,
    CameraVideo,
    CommonCodec { camera: String, offered: Vec<String> },
}

/// One line that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Index in the offer's m-lines.
    pub index: usize,
    /// Index and id in the stream's track list.
    pub track_index: usize,
    pub track_id: u8,
    pub codec: Codec,
    pub clock_rate: u32,
    pub channels: u8,
    pub pt: u8,
    pub rtx: Option<u8>,
    pub fmtp: String,
    pub mid: Option<String>,
    pub mid_extension: Option<u8>,
    pub playout_delay: Option<u8>,
    pub transport_cc: Option<u8>,
}

impl Line {
    /// The track that is taken by this line.
    #[must_use]
    pub fn track(&self) -> Track {
        let kind = if self.codec.is_video() { TrackKind::Video } else { TrackKind::Audio };
        Track {
            id: self.track_id,
            kind,
            codec: self.codec.clone(),
            clock_rate: self.clock_rate,
            channels: if kind == TrackKind::Video { 0 } else { self.channels },
            fmtp: self.fmtp.clone(),
        }
    }
}

/// What both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub way: Way,
    pub video: Line,
    pub audio: Option<Line>,
}

impl Agreement {
    /// The lines that are taken, pictures first.
    #[must_use]
    pub fn lines(&self) -> Vec<&Line> {
        [Some(&self.video), self.audio.as_ref()].into_iter().flatten().collect()
    }
}

/// What the camera's parameter sets say of its H.264 profile.
pub type ProfileLevel = Option<[u8; 3]>;

/// Chooses lines and payload types.
///
/// # Errors
/// Says what is missing on which side.
pub fn negotiate(offer: &Offer, tracks: &[Track], profile: ProfileLevel) -> Result<Agreement, Refusal> {
    let camera = track_of(tracks, |t| t.kind == TrackKind::Video && t.codec.is_video());
    let Some((track_index, track)) = camera else {
        return Err(Refusal::CameraVideo);
    };
    let lines = || lines_of(offer, OfferKind::Video);
    if lines().next().is_none() {
        return Err(Refusal::VideoLine);
    }
    let video = lines()
        .find_map(|(index, media)| {
            let format = video_format(media, track, profile)?;
            Some(line(index, media, format, track_index, track))
        })
        .ok_or_else(|| Refusal::CommonCodec { camera: track.codec.rtpmap().to_owned(), offered: offered(offer) })?;
    let audio = audio_line(offer, tracks, &video);
    Ok(Agreement { way: Way::Out, video, audio })
}

/// Chooses what is taken of a publisher: H.264 where he has it, as every viewer
/// plays it, else the first codec of his that is known here.
///
/// # Errors
/// Says what is missing.
pub fn take(offer: &Offer) -> Result<Agreement, Refusal> {
    let lines = |kind| offer.media.iter().enumerate().filter(move |(_, m)| m.kind == kind && m.sends);
    let (index, media) = lines(OfferKind::Video).next().ok_or(Refusal::VideoLine)?;
    let known = || media.formats.iter().filter(|format| taken_track(format, 0).is_some_and(|t| t.codec.is_video()));
    let whole = |f: &&OfferFormat| f.name == "H264" && f.parameter("packetization-mode") == Some("1");
    let format = known().find(whole).or_else(|| known().find(|f| f.name == "H264")).or_else(|| known().next());
    let format =
        format.ok_or_else(|| Refusal::CommonCodec { camera: "H264".to_owned(), offered: codec_names(media) })?;
    let taken = |index, media, format, id: u8| {
        let track = taken_track(format, id)?;
        let line = line(index, media, format, usize::from(id), &track);
        let transport_cc = media.extension(TRANSPORT_CC_URI).filter(usable_extension);
        Some(Line { transport_cc, playout_delay: None, ..line })
    };
    let video = taken(index, media, format, 0).ok_or(Refusal::VideoLine)?;
    let bundled = |mid: &Option<String>| mid.as_ref().is_some_and(|m| offer.bundle.contains(m));
    let audio = lines(OfferKind::Audio).filter(|(_, media)| bundled(&media.mid) && bundled(&video.mid)).find_map(
        |(index, media)| {
            let format = media.formats.iter().find(|f| taken_track(f, 1).is_some_and(|t| !t.codec.is_video()))?;
            taken(index, media, format, 1)
        },
    );
    Ok(Agreement { way: Way::In, video, audio })
}

/// Chooses what is heard of one who talks: what his camera takes where he has
/// it, which spares a conversion, else the other law.
#[must_use]
pub fn hear(offer: &Offer, camera: Law) -> Option<(Line, Law)> {
    let mut lines = offer.media.iter().enumerate().filter(|(_, m)| m.kind == OfferKind::Audio && m.sends);
    let (index, media) = lines.next()?;
    let other = if camera == Law::Mu { Law::A } else { Law::Mu };
    [camera, other].into_iter().find_map(|law| {
        let format = media.formats.iter().find(|format| format.name == law.rtpmap())?;
        let track = taken_track(format, 0)?;
        Some((line(index, media, format, 0, &track), law))
    })
}

/// The track that a publisher's format becomes, if it is understood here.
#[must_use]
pub fn taken_track(format: &OfferFormat, id: u8) -> Option<Track> {
    let codec = Codec::from_rtpmap(&format.name);
    let kind = if codec.is_video() { TrackKind::Video } else { TrackKind::Audio };
    let (channels, clock_rate) = match codec {
        Codec::H264 | Codec::H265 | Codec::Av1 | Codec::Vp8 | Codec::Vp9 => (0, 90_000),
        // Two by its payload format, whatever is in it (RFC 7587, section 7).
        Codec::Opus => (2, 48_000),
        Codec::Pcma | Codec::Pcmu => (1, 8_000),
        // No payload format of WebRTC.
        Codec::Jpeg | Codec::Mpeg4 | Codec::Aac | Codec::Other(_) => return None,
    };
    let fits = format.clock_rate == clock_rate && (channels != 1 || format.channels == 1);
    fits.then(|| Track { id, kind, codec, clock_rate, channels, fmtp: format.fmtp.clone() })
}

/// Whether the offer has a line for pictures.
pub fn wants_video(offer: &Offer) -> bool {
    lines_of(offer, OfferKind::Video).next().is_some()
}

/// Whether a codec of pictures is offered, as the camera sends it if it does.
pub fn offers(offer: &Offer, codec: &Codec, camera: &[Track]) -> bool {
    let plain = Track::video(codec.clone());
    let track = camera.iter().find(|track| track.codec == *codec).unwrap_or(&plain);
    lines_of(offer, OfferKind::Video).any(|(_, media)| video_format(media, track, None).is_some())
}

/// The codecs of pictures that are offered, by name.
pub fn offered(offer: &Offer) -> Vec<String> {
    lines_of(offer, OfferKind::Video).flat_map(|(_, media)| codec_names(media)).fold(Vec::new(), unique)
}

fn lines_of(offer: &Offer, kind: OfferKind) -> impl Iterator<Item = (usize, &OfferMedia)> {
    offer.media.iter().enumerate().filter(move |(_, m)| m.kind == kind && m.receives)
}

fn track_of(tracks: &[Track], wanted: impl Fn(&Track) -> bool) -> Option<(usize, &Track)> {
    tracks.iter().enumerate().find(|(_, track)| wanted(track))
}

/// Sound is taken where both sides can, and never stands in video's way. It
/// must share the video's transport, because there is only that one.
pub fn audio_line(offer: &Offer, tracks: &[Track], video: &Line) -> Option<Line> {
    let bundled = |mid: &Option<String>| mid.as_ref().is_some_and(|m| offer.bundle.contains(m));
    if !bundled(&video.mid) {
        return None;
    }
    tracks.iter().enumerate().filter(|(_, t)| t.kind == TrackKind::Audio).find_map(|(track_index, track)| {
        lines_of(offer, OfferKind::Audio).filter(|(_, media)| bundled(&media.mid)).find_map(|(index, media)| {
            let format = audio_format(media, track)?;
            Some(line(index, media, format, track_index, track))
        })
    })
}

fn audio_format<'a>(media: &'a OfferMedia, track: &Track) -> Option<&'a OfferFormat> {
    // AAC has no payload format in browsers.
    let clock_rate = match track.codec {
        Codec::Opus => 48_000,
        Codec::Pcma | Codec::Pcmu => 8_000,
        _ => return None,
    };
    if track.clock_rate != clock_rate {
        return None;
    }
    let name = track.codec.rtpmap().to_ascii_uppercase();
    media.formats.iter().find(|f| f.name == name && f.clock_rate == clock_rate)
}

fn video_format<'a>(media: &'a OfferMedia, track: &Track, profile: ProfileLevel) -> Option<&'a OfferFormat> {
    let name = track.codec.rtpmap();
    let mut formats = media.formats.iter().filter(|f| f.name == name && f.clock_rate == 90_000);
    match track.codec {
        // Frames are cut into fragments, which mode 0 does not allow.
        Codec::H264 => formats
            .filter(|f| f.parameter("packetization-mode") == Some("1"))
            .reduce(|best, f| if h264_fit(f, profile) > h264_fit(best, profile) { f } else { best }),
        Codec::H265 => formats.reduce(|best, f| if h265_fit(f) > h265_fit(best) { f } else { best }),
        Codec::Vp8 => formats.next(),
        Codec::Vp9 | Codec::Av1 => {
            let key = if track.codec == Codec::Vp9 { "profile-id" } else { "profile" };
            formats.find(|f| profile_of(f.parameter(key)) == profile_of(told(track, key)))
        }
        _ => None,
    }
}

/// How well an offered H.264 profile suits the camera's. Any will do: decoders
/// read the real profile from the parameter sets, and refusing a picture that
/// would have played helps nobody.
fn h264_fit(format: &OfferFormat, profile: ProfileLevel) -> u8 {
    let offered =
        format.parameter("profile-level-id").and_then(|id| u32::from_str_radix(id, 16).ok()).unwrap_or(0x42_0010);
    let offered_idc = (offered >> 16) as u8;
    let Some([camera_idc, _, _]) = profile else {
        return u8::from(offered_idc == 0x42);
    };
    if offered_idc == camera_idc {
        3
    } else {
        // A decoder of a higher profile plays the lower ones.
        2 * u8::from(rank(offered_idc) > rank(camera_idc))
    }
}

fn rank(profile_idc: u8) -> u8 {
    match profile_idc {
        66 => 0,
        77 => 1,
        88 => 2,
        _ => 3,
    }
}

/// Whether another stream's pictures can go where `line` was agreed on for
/// pictures of the profile `played`: the same codec, and of H.264 no profile
/// above both. Levels are not compared: it is the smaller picture that comes in,
/// or the one for which the line was agreed on.
pub fn covers(line: &Line, played: ProfileLevel, track: &Track, profile: ProfileLevel) -> bool {
    if track.codec != line.codec || track.clock_rate != line.clock_rate {
        return false;
    }
    let agreed = |key| parameter(&line.fmtp, key);
    match track.codec {
        Codec::H264 => {
            let plain = Some(0x42);
            let offered = agreed("profile-level-id").and_then(|id| u32::from_str_radix(id, 16).ok());
            let best = [offered.map(|id| (id >> 16) as u8), played.map(|[idc, ..]| idc), plain];
            let best = best.into_iter().flatten().map(rank).max();
            profile.is_none_or(|[idc, ..]| best >= Some(rank(idc)))
        }
        Codec::Vp9 => profile_of(agreed("profile-id")) == profile_of(told(track, "profile-id")),
        Codec::Av1 => profile_of(agreed("profile")) == profile_of(told(track, "profile")),
        _ => true,
    }
}

/// The profile that a camera or an offer of AV1 or VP9 tells; the first where
/// it does not. No decoder of one profile plays another.
fn profile_of(told: Option<&str>) -> u8 {
    told.and_then(|profile| profile.parse().ok()).unwrap_or(0)
}

/// The value of one `key=value` of a track's fmtp.
fn told<'a>(track: &'a Track, key: &str) -> Option<&'a str> {
    parameter(&track.fmtp, key)
}

fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    let mut pairs = fmtp.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
}

/// Main profile is what cameras send.
fn h265_fit(format: &OfferFormat) -> u8 {
    u8::from(format.parameter("profile-id").is_none_or(|id| id == "1"))
}

fn line(index: usize, media: &OfferMedia, format: &OfferFormat, track_index: usize, track: &Track) -> Line {
    // The library keeps 16 bytes of a MID; browsers use one or two.
    let short_mid = media.mid.as_ref().is_some_and(|m| m.len() <= 16);
    let video = media.kind == OfferKind::Video;
    Line {
        index,
        track_index,
        track_id: track.id,
        codec: track.codec.clone(),
        clock_rate: format.clock_rate,
        channels: format.channels,
        pt: format.pt,
        rtx: media.rtx_of(format.pt).filter(|_| video),
        fmtp: format.fmtp.clone(),
        mid: media.mid.clone(),
        mid_extension: media.extension(MID_URI).filter(usable_extension).filter(|_| short_mid),
        playout_delay: media.extension(PLAYOUT_DELAY_URI).filter(usable_extension).filter(|_| video),
        transport_cc: None,
    }
}

fn usable_extension(id: &u8) -> bool {
    (1..=MAX_EXTENSION_ID).contains(id)
}

/// The codecs of a line by name, without the helpers of loss recovery.
fn codec_names(media: &OfferMedia) -> Vec<String> {
    media
        .formats
        .iter()
        .map(|f| f.name.as_str())
        .filter(|name| !matches!(*name, "" | "RTX" | "RED" | "ULPFEC" | "FLEXFEC-03"))
        .map(str::to_owned)
        .collect()
}

fn unique(mut seen: Vec<String>, name: String) -> Vec<String> {
    if !seen.contains(&name) && seen.len() < 16 {
        seen.push(name);
    }
    seen
}

/// This side's words in the answer.
#[derive(Clone, Debug)]
pub struct Local {
    pub session: u64,
    pub ufrag: String,
    pub pwd: String,
    /// `sha-256 AB:CD:...`
    pub fingerprint: String,
    /// This side starts DTLS.
    pub active: bool,
    /// `candidate:...` lines without `a=`.
    pub candidates: Vec<String>,
    /// What this side sends by; nothing of a publisher's lines.
    pub video: Option<Ssrcs>,
    pub audio: Option<Ssrcs>,
    pub cname: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssrcs {
    pub main: u32,
    pub rtx: Option<u32>,
}

/// The answer to an offer: taken lines in full, the others refused.
#[must_use]
pub fn write(offer: &Offer, way: Way, taken: &[&Line], local: &Local) -> String {
    let mut sdp = Sdp(String::with_capacity(2048));
    sdp.line(format_args!("v=0"));
    sdp.line(format_args!("o=- {} 1 IN IP4 0.0.0.0", local.session));
    sdp.line(format_args!("s=-"));
    sdp.line(format_args!("t=0 0"));
    sdp.line(format_args!("a=ice-lite"));
    let bundled = |line: &&&Line| line.mid.as_ref().is_some_and(|m| offer.bundle.contains(m));
    let mut group: Vec<&&Line> = taken.iter().filter(bundled).collect();
    group.sort_by_key(|line| line.index);
    if !group.is_empty() {
        let mids: String =
            group.iter().filter_map(|l| l.mid.as_deref()).fold(String::new(), |all, mid| all + " " + mid);
        sdp.line(format_args!("a=group:BUNDLE{mids}"));
    }
    if offer.extmap_allow_mixed {
        sdp.line(format_args!("a=extmap-allow-mixed"));
    }
    if way == Way::Out {
        sdp.line(format_args!("a=msid-semantic: WMS vms"));
    }
    let first = taken.iter().map(|l| l.index).min();
    for (index, media) in offer.media.iter().enumerate() {
        match taken.iter().find(|line| line.index == index) {
            Some(line) => sdp.taken(media, line, way, local, first == Some(index)),
            None => sdp.refused(media),
        }
    }
    sdp.0
}

struct Sdp(String);

impl Sdp {
    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.0.write_fmt(text);
        self.0.push_str("\r\n");
    }

    fn refused(&mut self, media: &OfferMedia) {
        self.line(format_args!("m={} 0 {} {}", media.media, media.proto, media.first_format));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = &media.mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        self.line(format_args!("a=inactive"));
    }

    fn taken(&mut self, media: &OfferMedia, line: &Line, way: Way, local: &Local, first: bool) {
        let video = media.kind == OfferKind::Video;
        let rtx = line.rtx.map(|pt| format!(" {pt}")).unwrap_or_default();
        self.line(format_args!("m={} 9 {} {}{rtx}", media.media, media.proto, line.pt));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.line(format_args!("a=rtcp:9 IN IP4 0.0.0.0"));
        self.transport(local, first);
        if let Some(mid) = &line.mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        if let Some(id) = line.mid_extension {
            self.line(format_args!("a=extmap:{id} {MID_URI}"));
        }
        if let Some(id) = line.playout_delay {
            self.line(format_args!("a=extmap:{id} {PLAYOUT_DELAY_URI}"));
        }
        if let Some(id) = line.transport_cc {
            self.line(format_args!("a=extmap:{id} {TRANSPORT_CC_URI}"));
        }
        match way {
            Way::Out => {
                self.line(format_args!("a=sendonly"));
                self.line(format_args!("a=msid:vms {}", media.media));
            }
            Way::In => self.line(format_args!("a=recvonly")),
        }
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-rsize"));
        self.formats(line, video);
        if let Some(ssrcs) = if video { local.video } else { local.audio } {
            self.ssrcs(ssrcs, &local.cname);
        }
    }

    fn transport(&mut self, local: &Local, first: bool) {
        self.line(format_args!("a=ice-ufrag:{}", local.ufrag));
        self.line(format_args!("a=ice-pwd:{}", local.pwd));
        self.line(format_args!("a=fingerprint:{}", local.fingerprint));
        let setup = if local.active { "active" } else { "passive" };
        self.line(format_args!("a=setup:{setup}"));
        if first {
            for candidate in &local.candidates {
                self.line(format_args!("a={candidate}"));
            }
            self.line(format_args!("a=end-of-candidates"));
        }
    }

    fn formats(&mut self, line: &Line, video: bool) {
        let pt = line.pt;
        let channels = if line.channels > 1 { format!("/{}", line.channels) } else { String::new() };
        self.line(format_args!("a=rtpmap:{pt} {}/{}{channels}", line.codec.rtpmap(), line.clock_rate));
        if video {
            self.line(format_args!("a=rtcp-fb:{pt} nack"));
            self.line(format_args!("a=rtcp-fb:{pt} nack pli"));
            self.line(format_args!("a=rtcp-fb:{pt} ccm fir"));
        }
        if line.transport_cc.is_some() {
            self.line(format_args!("a=rtcp-fb:{pt} transport-cc"));
        }
        if !line.fmtp.is_empty() {
            self.line(format_args!("a=fmtp:{pt} {}", line.fmtp));
        }
        if let Some(rtx) = line.rtx {
            self.line(format_args!("a=rtpmap:{rtx} rtx/{}", line.clock_rate));
            self.line(format_args!("a=fmtp:{rtx} apt={pt}"));
        }
    }

    fn ssrcs(&mut self, ssrcs: Ssrcs, cname: &str) {
        if let Some(rtx) = ssrcs.rtx {
            self.line(format_args!("a=ssrc-group:FID {} {rtx}", ssrcs.main));
        }
        for ssrc in [Some(ssrcs.main), ssrcs.rtx].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{cname}"));
        }
    }
}
