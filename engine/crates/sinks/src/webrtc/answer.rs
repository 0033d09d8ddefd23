//! From an offer and the camera's tracks to what is sent and an answer: pure.
//!
//! The answer is written here and not by the WebRTC library, so that exactly
//! what is sent is promised: one video and at most one audio line, no
//! bandwidth estimation, no header extension beyond MID and playout delay.

use std::fmt::Write;

use vms_media::{Codec, Track, TrackKind};

use super::sdp::{Offer, OfferFormat, OfferKind, OfferMedia};

const MID_URI: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const PLAYOUT_DELAY_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Ids above 14 need the two-byte form, which costs every packet.
const MAX_EXTENSION_ID: u8 = 14;

/// What is missing for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    VideoLine,
    CameraVideo,
    CommonCodec { camera: String, offered: Vec<String> },
}

/// One line that is sent.
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
}

/// What both sides agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement {
    pub video: Line,
    pub audio: Option<Line>,
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
            let format = video_format(media, &track.codec, profile)?;
            Some(line(index, media, format, track_index, track))
        })
        .ok_or_else(|| Refusal::CommonCodec {
            camera: track.codec.rtpmap().to_owned(),
            offered: lines().flat_map(|(_, media)| codec_names(media)).fold(Vec::new(), unique),
        })?;
    let audio = audio_line(offer, tracks, &video);
    Ok(Agreement { video, audio })
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

fn video_format<'a>(media: &'a OfferMedia, codec: &Codec, profile: ProfileLevel) -> Option<&'a OfferFormat> {
    let name = codec.rtpmap();
    let formats = media.formats.iter().filter(|f| f.name == name && f.clock_rate == 90_000);
    match codec {
        // Frames are cut into fragments, which mode 0 does not allow.
        Codec::H264 => formats
            .filter(|f| f.parameter("packetization-mode") == Some("1"))
            .reduce(|best, f| if h264_fit(f, profile) > h264_fit(best, profile) { f } else { best }),
        Codec::H265 => formats.reduce(|best, f| if h265_fit(f) > h265_fit(best) { f } else { best }),
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

/// Main profile is what cameras send.
fn h265_fit(format: &OfferFormat) -> u8 {
    u8::from(format.parameter("profile-id").is_none_or(|id| id == "1"))
}

fn line(index: usize, media: &OfferMedia, format: &OfferFormat, track_index: usize, track: &Track) -> Line {
    let usable = |id: &u8| (1..=MAX_EXTENSION_ID).contains(id);
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
        mid_extension: media.extension(MID_URI).filter(usable).filter(|_| short_mid),
        playout_delay: media.extension(PLAYOUT_DELAY_URI).filter(usable).filter(|_| video),
    }
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
    pub video: Ssrcs,
    pub audio: Option<Ssrcs>,
    pub cname: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ssrcs {
    pub main: u32,
    pub rtx: Option<u32>,
}

/// The answer to an offer: sent lines in full, the others refused.
#[must_use]
pub fn write(offer: &Offer, agreed: &Agreement, local: &Local) -> String {
    let mut sdp = Sdp(String::with_capacity(2048));
    sdp.line(format_args!("v=0"));
    sdp.line(format_args!("o=- {} 1 IN IP4 0.0.0.0", local.session));
    sdp.line(format_args!("s=-"));
    sdp.line(format_args!("t=0 0"));
    sdp.line(format_args!("a=ice-lite"));
    let sent: Vec<&Line> = [Some(&agreed.video), agreed.audio.as_ref()].into_iter().flatten().collect();
    let bundled = |line: &&&Line| line.mid.as_ref().is_some_and(|m| offer.bundle.contains(m));
    let mut group: Vec<&&Line> = sent.iter().filter(bundled).collect();
    group.sort_by_key(|line| line.index);
    if !group.is_empty() {
        let mids: String =
            group.iter().filter_map(|l| l.mid.as_deref()).fold(String::new(), |all, mid| all + " " + mid);
        sdp.line(format_args!("a=group:BUNDLE{mids}"));
    }
    if offer.extmap_allow_mixed {
        sdp.line(format_args!("a=extmap-allow-mixed"));
    }
    sdp.line(format_args!("a=msid-semantic: WMS vms"));
    let first = sent.iter().map(|l| l.index).min();
    for (index, media) in offer.media.iter().enumerate() {
        match sent.iter().find(|line| line.index == index) {
            Some(line) => sdp.sent(media, line, local, first == Some(index)),
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

    fn sent(&mut self, media: &OfferMedia, line: &Line, local: &Local, first: bool) {
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
        self.line(format_args!("a=sendonly"));
        self.line(format_args!("a=msid:vms {}", media.media));
        self.line(format_args!("a=rtcp-mux"));
        self.line(format_args!("a=rtcp-rsize"));
        self.formats(line, video);
        if let Some(ssrcs) = if video { Some(local.video) } else { local.audio } {
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
