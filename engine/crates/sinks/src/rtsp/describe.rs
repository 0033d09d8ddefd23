//! The session description of a stream (RFC 8866).

use std::fmt::Write;

use vms_hub::StreamKey;
use vms_media::{STAMP_ID, STAMP_URI, Track, TrackKind};

/// Tracks get payload types 96, 97, ... in their order, as the hub numbers
/// their packets; `range` is what can be asked for.
pub fn sdp(key: &StreamKey, tracks: &[Track], range: &str) -> String {
    let mut text = format!(
        "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns={key}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\na=range:{range}\r\n"
    );
    for (index, track) in tracks.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write_media(&mut text, index, track);
    }
    text
}

/// Says in a description that each frame begins with its stamp (RFC 8285).
pub fn name_stamps(sdp: &mut String) {
    let at = sdp.find("\r\nm=").map_or(sdp.len(), |end| end + 2);
    sdp.insert_str(at, &format!("a=extmap:{STAMP_ID} {STAMP_URI}\r\n"));
}

fn write_media(text: &mut String, index: usize, track: &Track) -> std::fmt::Result {
    let payload_type = 96 + index;
    let media = match track.kind {
        TrackKind::Video => "video",
        TrackKind::Audio => "audio",
        TrackKind::Metadata => "application",
    };
    write!(text, "m={media} 0 RTP/AVP {payload_type}\r\n")?;
    write!(text, "a=rtpmap:{payload_type} {}/{}", track.codec.rtpmap(), track.clock_rate)?;
    if track.kind == TrackKind::Audio {
        write!(text, "/{}", track.channels.max(1))?;
    }
    text.push_str("\r\n");
    if !track.fmtp.is_empty() {
        write!(text, "a=fmtp:{payload_type} {}\r\n", track.fmtp)?;
    }
    write!(text, "a=control:trackID={index}\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use vms_media::Codec;

    #[test]
    fn a_description_names_every_track() {
        let track = |id, kind, codec: Codec, clock_rate, fmtp: &str| Track {
            id,
            kind,
            codec,
            clock_rate,
            channels: u8::from(kind == TrackKind::Audio),
            fmtp: fmtp.into(),
        };
        let tracks = [
            track(0, TrackKind::Video, Codec::H264, 90_000, "packetization-mode=1"),
            track(1, TrackKind::Audio, Codec::Pcma, 8_000, ""),
        ];
        let key = StreamKey::parse("gate").expect("a good name");
        let text = sdp(&key, &tracks, "npt=now-");
        for line in [
            "s=gate/main",
            "m=video 0 RTP/AVP 96",
            "a=rtpmap:96 H264/90000",
            "a=fmtp:96 packetization-mode=1",
            "a=control:trackID=0",
            "m=audio 0 RTP/AVP 97",
            "a=rtpmap:97 PCMA/8000/1",
            "a=control:trackID=1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
        }
    }
}
