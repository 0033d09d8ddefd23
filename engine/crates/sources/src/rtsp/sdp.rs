//! What we need of a session description (RFC 8866), and nothing else.
//!
//! No line is required and no line is refused: cameras break `o=`, `c=` and
//! `s=` in every way, and none of them matters to a client.

/// The media of a camera.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Description {
    pub control: Option<String>,
    /// The server's software, as it names itself.
    pub tool: Option<String>,
    pub media: Vec<MediaLine>,
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
    payload_types: Vec<u8>,
    control: Option<&'a str>,
}

/// All that is read of a description before it is put together.
#[derive(Default)]
struct Lines<'a> {
    control: Option<&'a str>,
    tool: Option<&'a str>,
    sections: Vec<Section<'a>>,
    rtpmaps: Vec<Mapped<'a>>,
    fmtps: Vec<Mapped<'a>>,
}

impl Description {
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut lines = Lines::default();
        for line in text.split(['\n', '\r']).map(str::trim) {
            match line.split_once('=') {
                Some(("m", value)) => lines.sections.push(Section::parse(value)),
                Some(("a", value)) => lines.attribute(value.trim()),
                _ => {}
            }
        }
        Self {
            control: lines.control.map(str::to_owned),
            tool: lines.tool.map(str::to_owned),
            media: (0..lines.sections.len()).map(|index| lines.media(index)).collect(),
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
        let payload_types = words.skip(2).filter_map(payload_type).collect();
        Self { kind, payload_types, control: None }
    }
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
            section.is_none_or(|section| !section.payload_types.contains(&payload_type))
        };
        own.or_else(|| of_type().find(strays)).map(|line| line.value)
    }

    fn media(&self, index: usize) -> MediaLine {
        let section = &self.sections[index];
        let kind = section.kind.to_ascii_lowercase();
        let control = section.control.map(str::to_owned);
        // The first type is the one a sender uses (RFC 8866, section 5.14).
        let Some(&payload_type) = section.payload_types.first() else {
            return MediaLine { kind, control, ..MediaLine::default() };
        };
        let fmtp = self.mapped(&self.fmtps, index, payload_type).unwrap_or_default().to_owned();
        let rtpmap = self.mapped(&self.rtpmaps, index, payload_type);
        let (encoding, clock_rate, channels) = match rtpmap {
            Some(value) => encoding_of(value),
            None => unmapped(payload_type, &fmtp),
        };
        let usual = if kind == "audio" { 8_000 } else { 90_000 };
        MediaLine {
            kind,
            payload_type: Some(payload_type),
            encoding,
            clock_rate: clock_rate.filter(|rate| *rate > 0).unwrap_or(usual),
            channels,
            fmtp,
            control,
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

    const VIDEO: &str =
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:trackID=0\r\n";

    fn video(text: &str) -> MediaLine {
        let media = Description::parse(text).media;
        media.into_iter().find(|media| media.kind == "video").expect("the video is found")
    }

    /// Whatever stands before it, the video is read as if it stood alone.
    #[test]
    fn lines_nobody_needs_may_be_broken_in_any_way() {
        let alone = video(VIDEO);
        assert_eq!((alone.payload_type, alone.encoding.as_str(), alone.clock_rate), (Some(96), "H264", 90_000));
        assert_eq!((alone.fmtp.as_str(), alone.control.as_deref()), ("packetization-mode=1", Some("trackID=0")));
        let heads = [
            ("no v=, o= or s=", ""),
            ("no o=", "v=0\r\ns=x\r\nt=0 0\r\n"),
            ("broken c=", "v=0\r\no=- 1 1 IN IP4 h\r\ns=x\r\nc=IN \r\nt=0 0\r\n"),
            ("doubled c=", "v=0\r\nc=IN c=IN IP4 0.0.0.0\r\n"),
            ("repeated s=", "v=0\r\ns=a\r\ns=b\r\ns=\r\n"),
            ("a line of the maker's own", "v=0\r\nx-maker: 7\r\n=\r\ntext\r\n"),
            ("hexadecimal o=", "v=0\r\no=- 0x1d7f 0xabcdef IN IP4 h\r\n"),
            ("negative o=", "v=0\r\no=- -1733450281 -12 IN IP4 h\r\n"),
            ("decimal o=", "v=0\r\no=- 1.5e9 16.25 IN IP4 h\r\n"),
            ("o= without address", "v=0\r\no=- 1 1\r\n"),
            ("IP where IN belongs", "v=0\r\no=- 1 1 IP IP4 h\r\n"),
            ("line ends of Unix", "v=0\no=- 1 1 IN IP4 h\n"),
        ];
        for (name, head) in heads {
            assert_eq!(video(&format!("{head}{VIDEO}")), alone, "{name}");
        }
        assert_eq!(video(&VIDEO.replace("\r\n", "\n")), alone);
    }

    #[test]
    fn an_rtpmap_may_end_in_blanks() {
        let media = video("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000 \r\n");
        assert_eq!((media.encoding.as_str(), media.clock_rate), ("H264", 90_000));
    }

    #[test]
    fn media_of_the_makers_own_are_listed_and_harmless() {
        let text = format!(
            "m=application/TP-LINK/25000 RTP/AVP smart/1/90000\r\na=rtpmap:95 TP-LINK/90000\r\na=control:track3\r\nm=\r\n{VIDEO}"
        );
        let media = Description::parse(&text).media;
        assert_eq!(media.len(), 3);
        assert_eq!((media[0].payload_type, media[1].payload_type), (None, None));
        assert_eq!(media[2], video(VIDEO));
    }

    #[test]
    fn an_empty_fmtp_is_no_fmtp() {
        assert_eq!(video("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96\r\n").fmtp, "");
        assert_eq!(video("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 \r\n").fmtp, "");
    }

    #[test]
    fn an_fmtp_in_the_wrong_section_still_counts() {
        let text = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 0 RTP/AVP 97\r\n\
                    a=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=fmtp:97 config=1408\r\na=fmtp:96 packetization-mode=1\r\n";
        let media = Description::parse(text).media;
        assert_eq!((media[0].fmtp.as_str(), media[1].fmtp.as_str()), ("packetization-mode=1", "config=1408"));
    }

    #[test]
    fn an_fmtp_of_another_section_with_the_same_type_is_not_taken() {
        let text = "m=video 0 RTP/AVP 96\r\na=fmtp:97 wrong=1\r\na=fmtp:96 a=1;b=2\r\nm=audio 0 RTP/AVP 96\r\n\
                    a=rtpmap:96 PCMA/8000\r\na=fmtp:96\r\n";
        let media = Description::parse(text).media;
        assert_eq!((media[0].fmtp.as_str(), media[1].fmtp.as_str()), ("a=1;b=2", ""));
    }

    #[test]
    fn fixed_payload_types_need_no_rtpmap() {
        let media = Description::parse("m=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 26\r\n").media;
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
        let keeps = |tool: &str| Description::parse(&format!("a=tool:{tool}\r\n{VIDEO}")).keeps_dead_sessions();
        assert!(keeps("LIVE555 Streaming Media v2013.04.08"));
        assert!(keeps("LIVE555 Streaming Media v2011.05.25 CHAM.LI@ANJVISION.COM"));
        assert!(!keeps("LIVE555 Streaming Media v2017.06.04"));
        assert!(!keeps("LIVE555 Streaming Media vX"));
        assert!(!keeps("GStreamer"));
        assert!(!Description::parse(VIDEO).keeps_dead_sessions());
    }

    #[test]
    fn what_is_no_description_has_no_media() {
        assert_eq!(Description::parse("<html>camera</html>"), Description::default());
    }
}
