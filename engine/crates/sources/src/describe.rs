//! Which tracks of a camera's description are taken, and what it says of them.

use vms_media::{Codec, Depacketiser, Track, TrackKind};

use crate::reason::Reason;

/// One media of the description, in the words of the RTSP client.
#[derive(Clone, Debug)]
pub struct Offered {
    pub media: String,
    pub encoding: String,
    pub payload_type: u8,
    pub clock_rate: u32,
    pub channels: u8,
}

/// A track that will be set up.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its place in the camera's description.
    pub index: usize,
    pub track: Track,
}

/// Takes the first video that we understand and all audio that we understand.
/// Unknown media are left alone; only the lack of video is an error.
pub fn choose(offered: &[Offered], sdp: &str) -> Result<Vec<Chosen>, Reason> {
    let mut chosen = Vec::new();
    let mut refused = None;
    for (index, offer) in offered.iter().enumerate() {
        let codec = Codec::from_rtpmap(&offer.encoding);
        let kind = match offer.media.as_str() {
            "video" => TrackKind::Video,
            "audio" => TrackKind::Audio,
            _ => continue,
        };
        let have_video = chosen.iter().any(|c: &Chosen| c.track.kind == TrackKind::Video);
        if kind == TrackKind::Video && have_video {
            continue;
        }
        let fmtp = fmtp(sdp, index, offer.payload_type);
        let known = codec.is_video() == (kind == TrackKind::Video)
            && Depacketiser::new(&codec, offer.clock_rate, offer.channels, &fmtp).is_ok();
        if !known {
            if kind == TrackKind::Video {
                refused = Some(Reason::UnknownCodec { codec: offer.encoding.to_uppercase() });
            }
            continue;
        }
        let track = Track {
            id: u8::try_from(chosen.len()).unwrap_or(u8::MAX),
            kind,
            codec,
            clock_rate: offer.clock_rate,
            channels: offer.channels,
            fmtp,
        };
        chosen.push(Chosen { index, track });
    }
    // Video first, so that it is the first track of our own descriptions.
    chosen.sort_by_key(|c| c.track.kind != TrackKind::Video);
    for (id, c) in chosen.iter_mut().enumerate() {
        c.track.id = u8::try_from(id).unwrap_or(u8::MAX);
    }
    if chosen.first().is_some_and(|c| c.track.kind == TrackKind::Video) {
        Ok(chosen)
    } else {
        Err(refused.unwrap_or(Reason::NoVideoTrack))
    }
}

/// The `a=fmtp` value of a payload type within the description's media number
/// `index`; empty where the camera wrote none or an empty one.
fn fmtp(sdp: &str, index: usize, payload_type: u8) -> String {
    let mut media = None;
    for line in sdp.lines().map(str::trim) {
        if line.starts_with("m=") {
            media = Some(media.map_or(0, |i: usize| i + 1));
        }
        let value = line.strip_prefix("a=fmtp:").filter(|_| media == Some(index));
        if let Some((number, rest)) = value.and_then(|v| v.trim().split_once(' '))
            && number.parse() == Ok(payload_type)
        {
            return rest.trim().to_owned();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(media: &str, encoding: &str, payload_type: u8) -> Offered {
        let clock_rate = if media == "video" { 90_000 } else { 8_000 };
        Offered { media: media.into(), encoding: encoding.into(), payload_type, clock_rate, channels: 1 }
    }

    #[test]
    fn vendor_media_and_second_videos_are_left_alone() {
        let offered = [
            offer("application", "tp-link", 25),
            offer("audio", "pcma", 8),
            offer("video", "h264", 96),
            offer("video", "h265", 97),
        ];
        let chosen = choose(&offered, "").expect("one video is enough");
        let names: Vec<_> = chosen.iter().map(|c| (c.index, c.track.id, c.track.codec.name())).collect();
        assert_eq!(names, [(2, 0, "h264"), (1, 1, "pcma")]);
    }

    #[test]
    fn the_unknown_codec_is_named() {
        let error = choose(&[offer("video", "jpeg", 26)], "").expect_err("JPEG is not taken");
        assert_eq!(error, Reason::UnknownCodec { codec: "JPEG".into() });
        let error = choose(&[offer("audio", "pcma", 8)], "").expect_err("audio alone is not a camera");
        assert_eq!(error, Reason::NoVideoTrack);
    }

    #[test]
    fn the_fmtp_is_the_one_of_its_own_media() {
        let sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:97 wrong=1\r\na=fmtp:96 a=1;b=2\r\nm=audio 0 RTP/AVP 96\r\na=fmtp:96\r\n";
        assert_eq!(fmtp(sdp, 0, 96), "a=1;b=2");
        assert_eq!(fmtp(sdp, 1, 96), "");
        assert_eq!(fmtp(sdp, 2, 96), "");
    }
}
