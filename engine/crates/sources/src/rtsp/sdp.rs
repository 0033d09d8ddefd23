//! What we need of a session description (RFC 8866), and nothing else.
//!
//! No line is required and no line is refused: cameras break `o=`, `c=` and
//! `s=` in every way, and none of them matters to a client.

use vms_media::STAMP_URI;

/// The media of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub control: Option<String>,
    /// The server's software, as it names itself.
    pub tool: Option<String>,
    pub media: Vec<MediaLine>,
    /// The number of the header extension that bears [`vms_media::Stamp`]s.
    pub stamp: Option<u8>,
}

/// One `m=` section. Unknown ones are listed too, so that numbers fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MediaLine {
    /// `video`, `audio` or the camera's own word, in lower case.
    pub kind: String,
    pub payload_type: Option<u8>,
    /// Encoding name of the payload type; empty where nothing tells it.
    pub encoding: String,
    pub clock_rate: u32,
    pub channels: u8,
    /// Without the payload type; empty where the camera wrote none.
    pub fmtp: String,
    pub control: Option<String>,
    /// All payload types that the line lists, the first one included.
    pub formats: Vec<Format>,
    /// `a=sendonly`: we may send here (ONVIF Streaming Specification, section 5.3).
    pub is_sendonly: bool,
}

/// A payload type and what it means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    /// Empty where nothing tells it.
    pub encoding: String,
    pub clock_rate: u32,
}

/// Payload types with a fixed meaning (RFC 3551, tables 4 and 5) that cameras
/// use: number, name, clock rate, channels.
const STATIC_TYPES: [(u8, &str, u32, u8); 12] = [
    (0, "PCMU", 8_000, 1),
    (3, "GSM", 8_000, 1),
    (4, "G723", 8_000, 1),
    (8, "PCMA", 8_000, 1),
    (9, "G722", 8_000, 1),
    (10, "L16", 44_100, 2),
    (11, "L16", 44_100, 1),
    (14, "MPA", 90_000, 1),
    (26, "JPEG", 90_000, 1),
    (32, "MPV", 90_000, 1),
    (33, "MP2T", 90_000, 1),
    (34, "H263", 90_000, 1),
];

/// A line about one payload type, and the section it stands in.
struct Mapped<'a> {
    section: Option<usize>,
    payload_type: u8,
    value: &'a str,
}

/// The `m=` line of a section, and its control.
#[derive(Default)]
struct Section<'a> {
    kind: &'a str,
    /// Each once, in the order in which they are listed.
    payload_types: Vec<u8>,
    /// The same, a bit each.
    listed: u128,
    control: Option<&'a str>,
    is_sendonly: bool,
}

/// All that is read of a description before it is put together.
#[derive(Default)]
struct Lines<'a> {
    control: Option<&'a str>,
    tool: Option<&'a str>,
    stamp: Option<u8>,
    sections: Vec<Section<'a>>,
    rtpmaps: Vec<Mapped<'a>>,
    fmtps: Vec<Mapped<'a>>,
}

impl Description {
    /// More media than any camera has; what follows is not read.
    pub const MOST_MEDIA: usize = 64;

    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = Lines::default();
        for line in text.split(['\n', '\r']).map(str::trim) {
            match line.split_once('=') {
                Some(("m", _)) if lines.sections.len() == Self::MOST_MEDIA => break,
                Some(("m", value)) => lines.sections.push(Section::parse(value)),
                Some(("a", value)) => lines.attribute(value.trim()),
                _ => {}
            }
        }
        Self {
            control: lines.control.map(str::to_owned),
            tool: lines.tool.map(str::to_owned),
            media: (0..lines.sections.len()).map(|index| lines.media(index)).collect(),
            stamp: lines.stamp,
        }
    }

    /// True for live555 before 2017.06.04, which goes on sending a dead TCP
    /// session's packets into whatever connection has its descriptor next.
    #[must_use]
    pub fn keeps_dead_sessions(&self) -> bool {
        const FIXED: &str = "2017.06.04";
        let version = self.tool.as_deref().and_then(|tool| tool.split_once("LIVE555 Streaming Media v"));
        // Versions are dates, so that text compares as time does.
        version.is_some_and(|(_, version)| version.starts_with('2') && version < FIXED)
    }
}

impl<'a> Section<'a> {
    fn parse(value: &'a str) -> Self {
        let mut words = value.split_ascii_whitespace();
        let kind = words.next().unwrap_or_default();
        // Port, protocol, then payload types; makers leave some of them out.
        let mut listed = 0;
        let mut is_new = |payload_type: &u8| {
            let bit = 1 << payload_type;
            let is_new = listed & bit == 0;
            listed |= bit;
            is_new
        };
        let payload_types = words.skip(2).filter_map(payload_type).filter(&mut is_new).collect();
        Self { kind, payload_types, listed, control: None, is_sendonly: false }
    }
}

/// The number of our own extension in `ID[/DIRECTION] URI` (RFC 8285, section 8).
fn stamp(extmap: &str) -> Option<u8> {
    let mut words = extmap.split_ascii_whitespace();
    let id = words.next()?.split('/').next()?.parse().ok();
    id.filter(|id| *id > 0 && words.next() == Some(STAMP_URI))
}

fn payload_type(word: &str) -> Option<u8> {
    word.parse().ok().filter(|number| *number < 128)
}

impl<'a> Lines<'a> {
    fn attribute(&mut self, attribute: &'a str) {
        let (name, value) = attribute.split_once(':').unwrap_or((attribute, ""));
        let value = value.trim();
        let section = self.sections.len().checked_sub(1);
        match name.trim() {
            "control" if !value.is_empty() => match self.sections.last_mut() {
                Some(section) => section.control = section.control.or(Some(value)),
                None => self.control = self.control.or(Some(value)),
            },
            "extmap" => self.stamp = self.stamp.or(stamp(value)),
            "sendonly" => {
                if let Some(section) = self.sections.last_mut() {
                    section.is_sendonly = true;
                }
            }
            "tool" => self.tool = self.tool.or(Some(value)),
            "rtpmap" => self.rtpmaps.extend(Mapped::parse(section, value)),
            "fmtp" => self.fmtps.extend(Mapped::parse(section, value)),
            _ => {}
        }
    }

    /// The line about a payload type of section `index`: its own, or one that
    /// stands in a section which has no such type.
    fn mapped(&self, lines: &[Mapped<'a>], index: usize, payload_type: u8) -> Option<&'a str> {
        let of_type = || lines.iter().filter(move |line| line.payload_type == payload_type);
        let own = of_type().find(|line| line.section == Some(index));
        let strays = |line: &&Mapped<'_>| {
            let section = line.section.and_then(|at| self.sections.get(at));
            section.is_none_or(|section| section.listed & 1 << payload_type == 0)
        };
        own.or_else(|| of_type().find(strays)).map(|line| line.value)
    }

    fn media(&self, index: usize) -> MediaLine {
        let section = &self.sections[index];
        let kind = section.kind.to_ascii_lowercase();
        let control = section.control.map(str::to_owned);
        // The first type is the one a sender uses (RFC 8866, section 5.14).
        let Some(&payload_type) = section.payload_types.first() else {
            return MediaLine { kind, control, is_sendonly: section.is_sendonly, ..MediaLine::default() };
        };
        let fmtp = self.mapped(&self.fmtps, index, payload_type).unwrap_or_default().to_owned();
        let usual = if kind == "audio" { 8_000 } else { 90_000 };
        let (encoding, clock_rate, channels) = self.encoding(index, payload_type);
        let formats = section.payload_types.iter().map(|payload_type| {
            let (encoding, clock_rate, _) = self.encoding(index, *payload_type);
            let clock_rate = clock_rate.filter(|rate| *rate > 0).unwrap_or(usual);
            Format { payload_type: *payload_type, encoding, clock_rate }
        });
        let formats = formats.collect();
        MediaLine {
            kind,
            payload_type: Some(payload_type),
            encoding,
            clock_rate: clock_rate.filter(|rate| *rate > 0).unwrap_or(usual),
            channels,
            fmtp,
            control,
            formats,
            is_sendonly: section.is_sendonly,
        }
    }

    /// Name, clock rate and channels of a payload type in section `index`.
    fn encoding(&self, index: usize, payload_type: u8) -> (String, Option<u32>, u8) {
        match self.mapped(&self.rtpmaps, index, payload_type) {
            Some(value) => encoding_of(value),
            None => unmapped(payload_type, self.mapped(&self.fmtps, index, payload_type).unwrap_or_default()),
        }
    }
}

impl<'a> Mapped<'a> {
    /// Reads `96 value`; `96` alone has an empty value.
    fn parse(section: Option<usize>, text: &'a str) -> Option<Self> {
        let (number, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        Some(Self { section, payload_type: payload_type(number)?, value: value.trim() })
    }
}

/// Reads `NAME/rate[/channels]`.
fn encoding_of(rtpmap: &str) -> (String, Option<u32>, u8) {
    let mut parts = rtpmap.split('/').map(str::trim);
    let name = parts.next().unwrap_or_default().to_owned();
    let rate = parts.next().and_then(|rate| rate.parse().ok());
    let channels = parts.next().and_then(|channels| channels.parse().ok());
    (name, rate, channels.filter(|n| *n > 0).unwrap_or(1))
}

/// What a payload type without `rtpmap` is: fixed by the standard, or told by
/// the parameter sets that only one codec has.
fn unmapped(payload_type: u8, fmtp: &str) -> (String, Option<u32>, u8) {
    if let Some((_, name, rate, channels)) = STATIC_TYPES.iter().find(|known| known.0 == payload_type) {
        return ((*name).to_owned(), Some(*rate), *channels);
    }
    let name = if fmtp.contains("sprop-vps") {
        "H265"
    } else if fmtp.contains("sprop-parameter-sets") {
        "H264"
    } else {
        ""
    };
    (name.to_owned(), None, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A description of `tests/vectors/rtsp/sdp`.
    fn vector(name: &str) -> String {
        let path = format!("{}/../../../tests/vectors/rtsp/sdp/{name}.sdp", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn video(text: &str) -> MediaLine {
        let media = Description::parse(text).media;
        media.into_iter().find(|media| media.kind == "video").expect("the video is found")
    }

    #[test]
    fn the_number_of_our_own_extension_is_found() {
        let of = |line: &str| Description::parse(&format!("{line}\r\nm=video 0 RTP/AVP 96\r\n")).stamp;
        assert_eq!(of("a=extmap:3 urn:vms-enterprise:rtp:frame"), Some(3));
        assert_eq!(of("a=extmap:3/sendonly urn:vms-enterprise:rtp:frame"), Some(3));
        for other in ["a=extmap:3 urn:ietf:params:rtp-hdrext:toffset", "a=extmap:0 urn:vms-enterprise:rtp:frame", "a=x"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }

    /// Whatever stands before it, the video is read as if it stood alone.
    #[test]
    fn lines_nobody_needs_may_be_broken_in_any_way() {
        let alone = video(&vector("same_video/nothing_before_the_media"));
        assert_eq!((alone.payload_type, alone.encoding.as_str(), alone.clock_rate), (Some(96), "H264", 90_000));
        assert_eq!((alone.fmtp.as_str(), alone.control.as_deref()), ("packetization-mode=1", Some("trackID=0")));
        let folder = format!("{}/../../../tests/vectors/rtsp/sdp/same_video", env!("CARGO_MANIFEST_DIR"));
        let files: Vec<_> =
            std::fs::read_dir(folder).expect("the vectors").map(|file| file.expect("a file").path()).collect();
        assert!(files.len() >= 14, "none is lost: {}", files.len());
        for file in files {
            let text = std::fs::read_to_string(&file).expect("a description");
            assert_eq!(video(&text), alone, "{}", file.display());
        }
    }

    #[test]
    fn an_rtpmap_may_end_in_blanks() {
        let media = video(&vector("rtpmap_ends_in_blanks"));
        assert_eq!((media.encoding.as_str(), media.clock_rate), ("H264", 90_000));
    }

    #[test]
    fn media_of_the_makers_own_are_listed_and_harmless() {
        let media = Description::parse(&vector("same_video/media_of_the_makers_own")).media;
        assert_eq!(media.len(), 3);
        assert_eq!((media[0].payload_type, media[1].payload_type), (None, None));
        assert_eq!(media[2], video(&vector("same_video/nothing_before_the_media")));
    }

    #[test]
    fn an_empty_fmtp_is_no_fmtp() {
        assert_eq!(video(&vector("fmtp_of_nothing")).fmtp, "");
        assert_eq!(video(&vector("fmtp_of_a_blank")).fmtp, "");
    }

    #[test]
    fn an_fmtp_in_the_wrong_section_still_counts() {
        let media = Description::parse(&vector("fmtp_in_the_wrong_section")).media;
        assert_eq!((media[0].fmtp.as_str(), media[1].fmtp.as_str()), ("packetization-mode=1", "config=1408"));
    }

    #[test]
    fn an_fmtp_of_another_section_with_the_same_type_is_not_taken() {
        let media = Description::parse(&vector("fmtp_of_another_section_with_the_same_type")).media;
        assert_eq!((media[0].fmtp.as_str(), media[1].fmtp.as_str()), ("a=1;b=2", ""));
    }

    #[test]
    fn fixed_payload_types_need_no_rtpmap() {
        let media = Description::parse(&vector("fixed_payload_types")).media;
        assert_eq!((media[0].encoding.as_str(), media[0].clock_rate), ("PCMA", 8_000));
        assert_eq!((media[1].encoding.as_str(), media[1].clock_rate), ("JPEG", 90_000));
    }

    #[test]
    fn a_missing_rtpmap_is_made_up_for_by_the_parameter_sets() {
        assert_eq!(video("m=video 0 RTP/AVP 96\r\na=fmtp:96 sprop-parameter-sets=Z0I=,aM4=\r\n").encoding, "H264");
        assert_eq!(video("m=video 0 RTP/AVP 96\r\na=fmtp:96 sprop-vps=QAE=\r\n").encoding, "H265");
        assert_eq!(video("m=video 0 RTP/AVP 96\r\n").encoding, "");
    }

    #[test]
    fn old_live555_is_known_by_its_name() {
        let keeps = |tool: &str| {
            Description::parse(&format!("a=tool:{tool}\r\nm=video 0 RTP/AVP 96\r\n")).keeps_dead_sessions()
        };
        assert!(keeps("LIVE555 Streaming Media v2013.04.08"));
        assert!(keeps("LIVE555 Streaming Media v2011.05.25 CHAM.LI@ANJVISION.COM"));
        assert!(!keeps("LIVE555 Streaming Media v2017.06.04"));
        assert!(!keeps("LIVE555 Streaming Media vX"));
        assert!(!keeps("GStreamer"));
        assert!(!Description::parse(&vector("video_and_audio")).keeps_dead_sessions());
    }

    #[test]
    fn what_is_listed_again_and_again_is_kept_once_and_in_its_order() {
        let listed = |text: &str| {
            let media = Description::parse(text).media;
            media[0].formats.iter().map(|format| format.payload_type).collect::<Vec<_>>()
        };
        assert_eq!(listed("m=audio 0 RTP/AVP 8 127 8 0 127 128 8\r\na=rtpmap:127 PCMU/8000\r\n"), [8, 127, 0]);
        let long =
            format!("m=audio 0 RTP/AVP{}\r\n{}", " 96 0".repeat(6_000), "a=rtpmap:0 PCMU/8000\r\n".repeat(1_500));
        assert_eq!(listed(&long), [96, 0]);
        let many = Description::parse(&"m=video 0 RTP/AVP 96\r\n".repeat(3_000)).media;
        assert_eq!(many.len(), Description::MOST_MEDIA);
    }

    #[test]
    fn what_is_no_description_has_no_media() {
        assert_eq!(Description::parse("<html>camera</html>"), Description::default());
    }
}
