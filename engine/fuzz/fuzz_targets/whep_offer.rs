//! Property: any offer of WHEP, WHIP or a talk is refused with a reason, or its answer
//! has one m-line for each of the offer's, sends or takes one picture at most
//! and has no line that is no SDP; any datagram routes without a panic.

#![no_main]

// The pure parsers alone: the crate around them brings a WebRTC stack along.
#[path = "../../crates/sinks/src/webrtc/answer.rs"]
#[allow(dead_code)]
mod answer;
#[path = "../../crates/sinks/src/webrtc/sdp.rs"]
#[allow(dead_code)]
mod sdp;
#[path = "../../crates/sinks/src/webrtc/stun.rs"]
#[allow(dead_code)]
mod stun;

use answer::{Line, Local, Ssrcs, Way, hear, negotiate, take, write};
use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, Law, Track, TrackKind};

const SKELETON: &str = "v=0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 \
00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:0\r\na=rtpmap:102 H264/90000\r\n\
a=fmtp:102 packetization-mode=1\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n";

fn track(kind: TrackKind, codec: Codec, clock_rate: u32) -> Track {
    Track { id: 0, kind, codec, clock_rate, channels: 1, fmtp: String::new() }
}

fn check(text: &str) {
    let Ok(offer) = sdp::Offer::parse(text) else { return };
    for codec in [Codec::H264, Codec::H265] {
        let tracks = [track(TrackKind::Video, codec, 90_000), track(TrackKind::Audio, Codec::Opus, 48_000)];
        let Ok(agreed) = negotiate(&offer, &tracks, Some([0x64, 0, 0x28])) else { continue };
        let video = Ssrcs { main: 1, rtx: agreed.video.rtx.map(|_| 2) };
        answered(&offer, agreed.way, &agreed.lines(), Some(video));
    }
    if let Ok(agreed) = take(&offer) {
        answered(&offer, agreed.way, &agreed.lines(), None);
    }
    for law in [Law::A, Law::Mu] {
        if let Some((line, _)) = hear(&offer, law) {
            answered(&offer, Way::In, &[&line], None);
        }
    }
}

/// `video`: what this side sends by, if it does.
fn answered(offer: &sdp::Offer, way: Way, taken: &[&Line], video: Option<Ssrcs>) {
    let told = if way == Way::In { "a=recvonly" } else { "a=sendonly" };
    let local = Local {
        session: 1,
        ufrag: "u".into(),
        pwd: "p".into(),
        fingerprint: "sha-256 00".into(),
        active: offer.passive,
        candidates: vec!["candidate:1 1 udp 1 127.0.0.1 1 typ host".into()],
        audio: video.map(|_| Ssrcs { main: 3, rtx: None }),
        video,
        cname: "c".into(),
    };
    let answer = write(offer, way, taken, &local);
    let lines: Vec<&str> = answer.split("\r\n").collect();
    assert_eq!(lines.last(), Some(&""));
    let of = |prefix: &str| lines.iter().filter(|line| line.starts_with(prefix)).count();
    assert_eq!(of("m="), offer.media.len());
    assert_eq!(of(told), taken.len());
    assert!(lines.iter().filter(|line| !line.is_empty()).all(|line| line.as_bytes().get(1) == Some(&b'=')));
    assert!(!answer.contains("\n\n") && lines.iter().all(|line| !line.contains('\n')));
}

fuzz_target!(|data: &[u8]| {
    let _ = stun::stun_ufrag(data).and_then(stun::shard_of);
    let text = String::from_utf8_lossy(data);
    check(&text);
    check(&format!("{SKELETON}{text}"));
    let _ = sdp::fragment_ufrag(&text);
});
