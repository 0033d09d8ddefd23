//! Offers and answers.

use vms_media::{Codec, Track, TrackKind};

use crate::webrtc::answer::{Agreement, Local, Refusal, Ssrcs, negotiate, write};
use crate::webrtc::sdp::{Offer, fragment_ufrag};

const FINGERPRINT: &str = "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F";

/// A browser's offer, shortened.
pub fn browser_offer() -> String {
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1 2",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9 0 8",
        "c=IN IP4 0.0.0.0",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:0123456789abcdefghijklmn",
        FINGERPRINT,
        "a=setup:actpass",
        "a=mid:0",
        "a=extmap:14 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=recvonly",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=rtpmap:9 G722/8000",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 106 107 108 109 112 113",
        "a=mid:1",
        "a=extmap:14 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        "a=recvonly",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
        "a=rtpmap:103 rtx/90000",
        "a=fmtp:103 apt=102",
        "a=rtpmap:106 H264/90000",
        "a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=64001f",
        "a=rtpmap:108 H264/90000",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f",
        "a=rtpmap:109 rtx/90000",
        "a=fmtp:109 apt=108",
        "a=rtpmap:112 H264/90000",
        "a=fmtp:112 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
        "a=rtpmap:113 rtx/90000",
        "a=fmtp:113 apt=112",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=mid:2",
        "a=sctp-port:5000",
        "",
    ]
    .join("\r\n")
}

fn track(id: u8, kind: TrackKind, codec: Codec, clock_rate: u32) -> Track {
    Track { id, kind, codec, clock_rate, channels: 0, fmtp: String::new() }
}

fn video(codec: Codec) -> Vec<Track> {
    vec![track(0, TrackKind::Video, codec, 90_000)]
}

fn agreed(offer: &str, tracks: &[Track], profile: [u8; 3]) -> Agreement {
    negotiate(&Offer::parse(offer).expect("an offer"), tracks, Some(profile)).expect("an agreement")
}

#[test]
fn the_profile_of_the_camera_decides() {
    let tracks = video(Codec::H264);
    for (profile, pt, rtx) in [
        ([0x42, 0xe0, 0x1f], 102, 103),
        ([0x4d, 0x00, 0x28], 108, 109),
        ([0x64, 0x00, 0x28], 112, 113),
        // Nobody offers extended: a higher profile plays it.
        ([0x58, 0x00, 0x28], 112, 113),
    ] {
        let line = agreed(&browser_offer(), &tracks, profile).video;
        assert_eq!((line.pt, line.rtx), (pt, Some(rtx)), "{profile:x?}");
        assert_eq!((line.index, line.mid_extension, line.playout_delay), (1, Some(14), Some(5)));
    }
    let offer = Offer::parse(&browser_offer()).expect("an offer");
    let unknown = negotiate(&offer, &tracks, None).expect("an agreement");
    assert_eq!(unknown.video.pt, 102, "baseline while the profile is unknown");
}

#[test]
fn a_high_camera_takes_a_lower_profile_rather_than_none() {
    let offer = browser_offer().replace("64001f", "42e01f").replace("4d001f", "42001f");
    assert_eq!(agreed(&offer, &video(Codec::H264), [0x64, 0, 0x28]).video.pt, 102);
}

#[test]
fn no_common_codec_names_both_sides() {
    let offer = Offer::parse(&browser_offer()).expect("an offer");
    let refusal = negotiate(&offer, &video(Codec::H265), None).expect_err("no H.265 here");
    let Refusal::CommonCodec { camera, offered } = refusal else { panic!("{refusal:?}") };
    assert_eq!(camera, "H265");
    assert_eq!(offered, ["VP8", "H264"]);
    // Fragmentation is needed, so mode 0 alone is nothing.
    let only_mode_0 = browser_offer().replace("packetization-mode=1", "packetization-mode=0");
    let offer = Offer::parse(&only_mode_0).expect("an offer");
    assert!(matches!(negotiate(&offer, &video(Codec::H264), None), Err(Refusal::CommonCodec { .. })));
}

#[test]
fn h265_is_taken_where_it_is_offered() {
    let offer = browser_offer()
        .replace("a=rtpmap:96 VP8/90000", "a=rtpmap:96 h265/90000\r\na=fmtp:96 profile-id=2;tx-mode=SRST")
        .replace("a=rtpmap:102 H264/90000", "a=rtpmap:102 H265/90000");
    let line = agreed(&offer, &video(Codec::H265), [0; 3]).video;
    assert_eq!((line.pt, line.rtx, line.codec), (102, Some(103), Codec::H265));
}

#[test]
fn open_codecs_are_taken_in_the_profile_that_the_camera_has() {
    let offer = browser_offer()
        .replace("a=rtpmap:102 H264/90000", "a=rtpmap:102 VP9/90000")
        .replace("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", "profile-id=2")
        .replace("a=rtpmap:108 H264/90000", "a=rtpmap:108 VP9/90000")
        .replace("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f", "profile-id=0")
        .replace("a=rtpmap:112 H264/90000", "a=rtpmap:112 AV1/90000")
        .replace(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f",
            "level-idx=5;profile=0;tier=0",
        );
    for (codec, fmtp, pt) in [
        (Codec::Vp8, "", Some(96)),
        (Codec::Vp9, "", Some(108)),
        (Codec::Vp9, "profile-id=0", Some(108)),
        (Codec::Vp9, "profile-id=2", Some(102)),
        (Codec::Vp9, "profile-id=1", None),
        (Codec::Av1, "profile=0;level-idx=8;tier=0", Some(112)),
        (Codec::Av1, "profile=1;level-idx=8;tier=0", None),
        (Codec::Jpeg, "", None),
        (Codec::Mpeg4, "profile-level-id=1", None),
    ] {
        let tracks = vec![Track { fmtp: fmtp.into(), ..track(0, TrackKind::Video, codec.clone(), 90_000) }];
        let found = negotiate(&Offer::parse(&offer).expect("an offer"), &tracks, None);
        match pt {
            Some(pt) => assert_eq!(found.map(|found| found.video.pt), Ok(pt), "{codec:?} {fmtp}"),
            None => assert!(matches!(found, Err(Refusal::CommonCodec { .. })), "{codec:?} {fmtp}"),
        }
    }
}

#[test]
fn sound_is_taken_where_both_have_it() {
    for (codec, rate, pt) in [
        (Codec::Opus, 48_000, Some(111)),
        (Codec::Pcmu, 8_000, Some(0)),
        (Codec::Pcma, 8_000, Some(8)),
        (Codec::Pcma, 16_000, None),
        (Codec::Aac, 48_000, None),
    ] {
        let mut tracks = video(Codec::H264);
        tracks.push(track(1, TrackKind::Metadata, Codec::Other("onvif".into()), 90_000));
        tracks.push(track(2, TrackKind::Audio, codec.clone(), rate));
        let audio = agreed(&browser_offer(), &tracks, [0x42, 0, 0]).audio;
        assert_eq!(audio.as_ref().map(|a| a.pt), pt, "{codec:?} at {rate}");
        if let Some(audio) = audio {
            assert_eq!((audio.track_index, audio.track_id, audio.rtx), (2, 2, None));
        }
    }
    let mut tracks = video(Codec::H264);
    tracks.push(track(2, TrackKind::Audio, Codec::Opus, 48_000));
    let apart = browser_offer().replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 1");
    assert!(agreed(&apart, &tracks, [0x42, 0, 0]).audio.is_none(), "there is one transport only");
}

#[test]
fn what_cannot_be_sent_is_said() {
    let offer = Offer::parse(&browser_offer()).expect("an offer");
    assert_eq!(negotiate(&offer, &[], None), Err(Refusal::CameraVideo));
    let sending = browser_offer().replace("a=recvonly", "a=sendonly");
    let offer = Offer::parse(&sending).expect("an offer");
    assert_eq!(negotiate(&offer, &video(Codec::H264), None), Err(Refusal::VideoLine));
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let good = browser_offer();
    let many: String = (0..40).map(|_| "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n").collect();
    let long = "x".repeat(300);
    for (offer, word) in [
        ("", "v=0"),
        ("GET / HTTP/1.1", "v=0"),
        ("v=0\r\n", "m-line"),
        ("v=0\r\nm=video", "m-line"),
        (good.replace("a=ice-ufrag:abcd\r\n", "").as_str(), "ice-ufrag"),
        (good.replace("a=ice-pwd:", "a=x:").as_str(), "ice-pwd"),
        (good.replace(FINGERPRINT, "a=x:y").as_str(), "fingerprint"),
        (good.replace(FINGERPRINT, "a=fingerprint:sha-256").as_str(), "fingerprint"),
        (good.replace(FINGERPRINT, "a=fingerprint:sha-256 zz").as_str(), "hexadecimal"),
        (good.replace(FINGERPRINT, "a=fingerprint:sha-1 00:01").as_str(), "sha-256"),
        (good.replace("ice-ufrag:abcd", &format!("ice-ufrag:{long}")).as_str(), "256"),
        (format!("v=0\r\n{many}").as_str(), "32"),
        (format!("v=0\r\n{}", "x".repeat(70_000)).as_str(), "bytes"),
    ] {
        let error = Offer::parse(offer).expect_err("garbage").to_string();
        assert!(error.contains(word), "{error:?} should name {word:?}");
    }
    // Nonsense in attributes that are not needed is passed over.
    let odd = good + "a=rtpmap:x\r\na=rtpmap:300 A/B\r\na=fmtp:9\r\na=extmap:x y\r\na=extmap:1\r\na=mid\r\n";
    assert!(Offer::parse(&odd).is_ok());
}

#[test]
fn the_answer_promises_what_is_sent_and_refuses_the_rest() {
    let offer = Offer::parse(&browser_offer()).expect("an offer");
    let mut tracks = video(Codec::H264);
    tracks.push(track(1, TrackKind::Audio, Codec::Opus, 48_000));
    let agreed = negotiate(&offer, &tracks, None).expect("an agreement");
    let local = Local {
        session: 7,
        ufrag: "00local".into(),
        pwd: "secret".into(),
        fingerprint: "sha-256 AA:BB".into(),
        active: false,
        candidates: vec!["candidate:1 1 udp 1 127.0.0.1 8189 typ host".into()],
        video: Some(Ssrcs { main: 11, rtx: Some(12) }),
        audio: Some(Ssrcs { main: 13, rtx: None }),
        cname: "cname".into(),
    };
    let answer = write(&offer, agreed.way, &agreed.lines(), &local);
    let has = |line: &str| answer.contains(&format!("{line}\r\n"));
    for line in [
        "a=ice-lite",
        "a=group:BUNDLE 0 1",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103",
        "a=rtpmap:102 H264/90000",
        "a=rtpmap:103 rtx/90000",
        "a=fmtp:103 apt=102",
        "a=rtcp-fb:102 nack pli",
        "a=extmap:5 http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
        "a=ssrc-group:FID 11 12",
        "a=ssrc:13 cname:cname",
        "a=setup:passive",
        "a=candidate:1 1 udp 1 127.0.0.1 8189 typ host",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
    ] {
        assert!(has(line), "{line:?} is missing in\n{answer}");
    }
    assert_eq!(answer.matches("a=candidate:").count(), 1);
    assert_eq!(answer.matches("a=inactive").count(), 1);
    assert!(!answer.contains("transport-cc"), "the estimator must stay off");
    // Video alone, the other side waiting for DTLS.
    let agreed = Agreement { audio: None, ..agreed };
    let answer = write(&offer, agreed.way, &agreed.lines(), &Local { active: true, audio: None, ..local });
    assert!(answer.contains("a=group:BUNDLE 1\r\n") && answer.contains("m=audio 0 "));
    assert!(answer.contains("a=setup:active\r\n"));
}

#[test]
fn a_fragment_may_name_its_user() {
    assert_eq!(fragment_ufrag("a=ice-ufrag:x1\r\na=ice-pwd:y\r\n"), Some("x1"));
    assert_eq!(fragment_ufrag("a=candidate:1"), None);
}
