//! Property: whatever a player asks of the server, by whatever message that can
//! be parsed, there is no panic; what is answered at once is one whole RTSP
//! response with the request's CSeq; and no track goes out that is not there.

#![no_main]

// The answers without IO alone: the crate around them brings a runtime along.
#[path = "../../crates/sinks/src/rtsp/describe.rs"]
#[allow(dead_code)]
mod describe;
#[path = "../../crates/sinks/src/rtsp/replay.rs"]
#[allow(dead_code)]
mod replay;
#[path = "../../crates/sinks/src/rtsp/session.rs"]
#[allow(dead_code)]
mod session;

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use rtsp_types::headers::CSEQ;
use rtsp_types::{Message, Request};
use session::{Answer, Session};
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_media::{Codec, Track, TrackKind};

fn hub() -> (Hub, vms_hub::Publisher) {
    let track = |id, kind, codec, clock_rate| Track { id, kind, codec, clock_rate, channels: 1, fmtp: String::new() };
    let tracks = vec![track(0, TrackKind::Video, Codec::H264, 90_000), track(1, TrackKind::Audio, Codec::Pcma, 8_000)];
    let hub = Hub::new(HubConfig::default());
    let publisher = hub.publish(&StreamKey::parse("gate").expect("a good name"), tracks);
    (hub, publisher)
}

fn check(answer: &[u8], request: &Request<&[u8]>) {
    let parsed = Message::<&[u8]>::parse(answer);
    let Ok((Message::Response(response), length)) = parsed else { panic!("not one response: {parsed:?}") };
    assert_eq!(length, answer.len(), "and nothing behind it");
    let number = |text: Option<&str>| text.map(|text| text.trim().to_owned());
    let asked = number(request.header(&CSEQ).map(|value| value.as_str()));
    assert_eq!(number(response.header(&CSEQ).map(|value| value.as_str())), asked);
}

fuzz_target!(|data: &[u8]| {
    let (hub, _publisher) = hub();
    let mut session = Session::new("1".to_owned(), data.first().is_some_and(|byte| byte & 1 == 0));
    let mut rest = data;
    while let Ok((message, length)) = Message::<&[u8]>::parse(rest) {
        rest = &rest[length..];
        let Message::Request(request) = message else { continue };
        match session.answer(&request, &|key| hub.stream(key)) {
            Answer::Now(answer) | Answer::Bye(answer) => check(&answer, &request),
            Answer::Ports { track, theirs } => {
                check(&session.set_up_by_udp(&request, track, theirs, Some((6000, 6001))), &request);
            }
            Answer::Describe(key) => {
                let tracks = hub.stream(&key).map(|stream| stream.tracks()).unwrap_or_default();
                check(&session.described(&request, &key, &tracks), &request);
            }
            Answer::DescribeRecorded { key, from_us } => {
                let tracks: Arc<[Track]> =
                    hub.stream(&StreamKey::parse("gate").expect("a name")).expect("there").tracks();
                check(&session.described_recorded(&request, key, from_us, tracks), &request);
            }
            Answer::PlayRecorded { begin, .. } => {
                assert!((0.125..=16.0).contains(&begin.speed().abs()));
                check(&session.playing_recorded(&request, &begin, &[]), &request);
            }
            Answer::PauseRecorded => check(&session.paused(&request), &request),
            Answer::Play(_) => check(&session.playing(&request, &[]), &request),
        }
        assert!((2..=u8::MAX).all(|track| session.way(track).is_none()));
    }
});
