//! Which tracks of a camera's description are taken, and what it says of them.

use vms_media::{Codec, Depacketiser, Track, TrackKind};

use crate::reason::Reason;
use crate::rtsp::{Description, MediaLine};

/// A track that will be set up.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// Its place in the camera's description.
    pub index: usize,
    pub track: Track,
}

/// Takes the first video that we understand and all audio that we understand.
/// Unknown media are left alone; only the lack of video is an error.
pub fn choose(description: &Description) -> Result<Vec<Chosen>, Reason> {
    let mut chosen: Vec<Chosen> = Vec::new();
    let mut refused = None;
    for (index, media) in description.media.iter().enumerate() {
        let kind = match media.kind.as_str() {
            "video" => TrackKind::Video,
            "audio" => TrackKind::Audio,
            _ => continue,
        };
        if kind == TrackKind::Video && chosen.iter().any(|c| c.track.kind == TrackKind::Video) {
            continue;
        }
        match track(media, kind) {
            Some(track) => chosen.push(Chosen { index, track }),
            None if kind == TrackKind::Video => {
                refused = Some(Reason::UnknownCodec { codec: media.encoding.to_uppercase() });
            }
            None => {}
        }
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

/// The track of a media, if its codec is one of ours.
fn track(media: &MediaLine, kind: TrackKind) -> Option<Track> {
    media.payload_type?;
    let codec = Codec::from_rtpmap(&media.encoding);
    let known = codec.is_video() == (kind == TrackKind::Video)
        && Depacketiser::new(&codec, media.clock_rate, media.channels, &media.fmtp).is_ok();
    known.then(|| Track {
        id: 0,
        kind,
        codec,
        clock_rate: media.clock_rate,
        channels: media.channels,
        fmtp: media.fmtp.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendor_media_and_second_videos_are_left_alone() {
        let description = Description::parse(
            "m=application/TP-LINK/25000 RTP/AVP smart/1/90000\nm=audio 0 RTP/AVP 8\n\
             m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\nm=video 0 RTP/AVP 97\na=rtpmap:97 H265/90000\n",
        );
        let chosen = choose(&description).expect("one video is enough");
        let names: Vec<_> = chosen.iter().map(|c| (c.index, c.track.id, c.track.codec.name())).collect();
        assert_eq!(names, [(2, 0, "h264"), (1, 1, "pcma")]);
    }

    #[test]
    fn every_video_codec_is_chosen_by_its_name() {
        for (lines, codec) in [
            ("m=video 0 RTP/AVP 26\n", "mjpeg"),
            ("m=video 0 RTP/AVP 96\na=rtpmap:96 AV1/90000\n", "av1"),
            ("m=video 0 RTP/AVP 96\na=rtpmap:96 vp8/90000\n", "vp8"),
            ("m=video 0 RTP/AVP 96\na=rtpmap:96 VP9/90000\n", "vp9"),
            ("m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\n", "mpeg4"),
        ] {
            let chosen = choose(&Description::parse(lines)).expect("one video");
            assert_eq!((chosen[0].track.codec.name(), chosen[0].track.clock_rate), (codec, 90_000));
        }
    }

    #[test]
    fn the_unknown_codec_is_named() {
        let choose = |text: &str| choose(&Description::parse(text));
        let error = choose("m=video 0 RTP/AVP 96\na=rtpmap:96 MPV/90000\n").expect_err("MPEG-1 is not taken");
        assert_eq!(error, Reason::UnknownCodec { codec: "MPV".into() });
        let error = choose("m=audio 0 RTP/AVP 8\n").expect_err("audio alone is not a camera");
        assert_eq!(error, Reason::NoVideoTrack);
    }
}
