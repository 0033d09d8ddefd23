//! Who talks to a camera: a browser's sound, through real sockets, into the ears
//! of a simulated camera.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Runtime;
use vms_access::{Access, Denied, Kind, Now, Proof, Revocation, Ticket, Wish};
use vms_camsim::{Farm, FarmConfig, Fault, Heard, Sound};
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_media::Law;
use vms_sources::{Dialer, Reason, Talks};

use super::client::{Client, Options};
use super::negotiation::browser_offer;
use crate::webrtc::answer::hear;
use crate::webrtc::sdp::Offer;
use crate::webrtc::talk::{SILENT_AFTER, Talker};
use crate::webrtc::{Answer, TalkEnd, Talked, WebRtc, WebRtcConfig, WhepError, WhepErrorKind};

/// Two cameras, of which the first takes PCMU and the second PCMA.
struct Rig {
    farm: Farm,
    sink: WebRtc,
    access: Access,
    talks: Talks,
    runtime: Runtime,
    told: Arc<Mutex<Vec<Talked>>>,
}

impl Rig {
    fn start() -> Self {
        Self::forgetting(Duration::from_secs(20))
    }

    fn forgetting(vanish_after: Duration) -> Self {
        let clip = PathBuf::from(format!("{}/../../../tests/vectors/camera.h264", env!("CARGO_MANIFEST_DIR")));
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let farm = Farm::start(FarmConfig {
            bind: loopback,
            port: 0,
            cameras: 2,
            main: clip.clone(),
            sub: clip,
            main_fps: 25.0,
            sub_fps: 25.0,
            audio: true,
            sound: Sound::default(),
            user: Some(("admin".to_owned(), "secret".to_owned())),
        });
        let farm = farm.expect("a farm");
        let told = Arc::<Mutex<Vec<Talked>>>::default();
        let hears = told.clone();
        let config = WebRtcConfig {
            bind: vec![SocketAddr::new(loopback, 0)],
            vanish_after,
            talk_listener: Some(Arc::new(move |talked| hears.lock().push(talked))),
            ..WebRtcConfig::default()
        };
        let sink = WebRtc::start(config, Hub::new(HubConfig::default())).expect("the sink starts");
        let runtime = Runtime::new().expect("threads");
        let talks = Talks::new(Dialer::default(), Duration::from_secs(5), runtime.handle().clone());
        let rig = Self { farm, sink, access: Access::new(true), talks, runtime, told };
        rig.talks.apply(rig.addresses("admin:secret"));
        rig
    }

    fn addresses(&self, user: &str) -> BTreeMap<String, String> {
        let address = |camera: usize| self.farm.url(camera, false).replace("rtsp://", &format!("rtsp://{user}@"));
        (1..=2).map(|camera| (format!("cam{camera}"), address(camera))).collect()
    }

    fn enter(&self, camera: usize) -> Result<Ticket, Denied> {
        let key = key(camera);
        self.access.enter(Wish { key: &key, kind: Kind::Talk }, Proof::None, Now::read())
    }

    fn ask(&self, camera: usize, offer: &str) -> Result<Answer, WhepError> {
        let ticket = self.enter(camera).expect("nobody else talks");
        let key = key(camera);
        let talk = self.sink.talk(&key, offer, IpAddr::from([127, 0, 0, 1]), ticket, &self.talks);
        self.runtime.block_on(talk)
    }

    fn talker(&self, camera: usize) -> (Client, String) {
        let (mut client, offer) = Client::new(Options { talks: true, ..Options::default() });
        let answer = self.ask(camera, &offer).expect("an answer");
        client.accept(&answer.sdp);
        assert!(client.run(|c| c.connected));
        (client, answer.session)
    }

    /// Why the one talk of this session is over, as the listener and whoever asks are told.
    fn end_of(&self, session: &str) -> TalkEnd {
        let of_session =
            |told: &[Talked]| told.iter().filter(|one| one.session == session).cloned().collect::<Vec<_>>();
        assert!(within(|| !of_session(&self.told.lock()).is_empty()), "somebody is told");
        let told = of_session(&self.told.lock());
        assert_eq!((told.len(), &*told[0].camera), (1, "cam1"));
        assert_eq!(self.sink.talk_end(session).expect("known"), Some(told[0].end));
        told[0].end
    }

    fn refused(&self, camera: usize) -> Reason {
        let (_, offer) = Client::new(Options { talks: true, ..Options::default() });
        match self.ask(camera, &offer).expect_err("refused").kind {
            WhepErrorKind::Camera(reason) => reason,
            other => panic!("{other:?}"),
        }
    }
}

fn key(camera: usize) -> StreamKey {
    StreamKey::parse(&format!("cam{camera}")).expect("a good name")
}

fn within(mut done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// Every byte there is, in packets of 20 ms.
fn speech() -> Vec<Vec<u8>> {
    let sound: Vec<u8> = (0..=255).cycle().take(160 * 16).collect();
    sound.chunks(160).map(<[u8]>::to_vec).collect()
}

/// Says it, and waits until the camera has heard as much.
fn say(rig: &Rig, client: &mut Client, camera: usize) -> Heard {
    for (number, packet) in speech().into_iter().enumerate() {
        client.send_picture(&[(packet, number == 0)], number as u32 * 160);
        client.run_for(Duration::from_millis(5), &mut |_| false);
    }
    assert!(client.run(|_| rig.farm.heard(camera).packets >= 16), "{:?}", rig.farm.heard(camera).packets);
    rig.farm.heard(camera)
}

#[test]
fn what_a_browser_says_the_camera_hears_byte_for_byte() {
    let rig = Rig::start();
    let (mut client, session) = rig.talker(1);
    let heard = say(&rig, &mut client, 1);
    assert_eq!(heard.sound, speech().concat());
    assert_eq!((heard.breaks, heard.last.map(|last| last.0)), (0, Some(0)), "numbers and times count on");
    assert_eq!(rig.sink.metrics().talkers, 1);
    assert!(matches!(rig.enter(1), Err(Denied::Talking { .. })), "one at a time");
    assert!(rig.enter(2).is_ok(), "another camera is free");
    assert_eq!(rig.farm.stats().teardowns, 0);
    assert_eq!(rig.sink.talk_end(&session).expect("known"), None, "it goes on");
    let begun = Instant::now();
    assert!(rig.sink.unpublish(&session));
    assert!(client.run(|c| c.closed), "he is told");
    assert_eq!(rig.end_of(&session), TalkEnd::Left);
    let lasted = rig.told.lock()[0].lasted;
    assert!(lasted > Duration::from_millis(80) && lasted < begun.elapsed() + Duration::from_secs(10), "{lasted:?}");
    assert!(rig.sink.talk_end("0123").is_err());
    assert!(within(|| rig.farm.stats().teardowns == 1), "the camera is told");
    assert!(within(|| rig.enter(1).is_ok()), "the camera is free again");
    assert!(within(|| rig.sink.metrics().talkers == 0));
}

#[test]
fn a_camera_of_the_other_law_hears_it_in_its_own() {
    let rig = Rig::start();
    let (mut client, offer) = Client::new(Options { talks: true, ..Options::default() });
    let only_mu = offer.replace(" PCMA/8000", " FOREIGN/8000");
    let answer = rig.ask(2, &only_mu).expect("an answer");
    assert!(answer.sdp.contains("PCMU/8000") && answer.sdp.contains("a=recvonly"), "{}", answer.sdp);
    client.accept(&answer.sdp);
    assert!(client.run(|c| c.connected));
    let heard = say(&rig, &mut client, 2);
    let converted: Vec<u8> = speech().concat().iter().map(|byte| Law::A.of(Law::Mu, *byte)).collect();
    assert_eq!(heard.sound, converted);
    assert_eq!(heard.last.map(|last| last.0), Some(8));
}

#[test]
fn each_refusal_of_a_camera_is_told_once_and_frees_it() {
    let rig = Rig::start();
    for (form, expected) in [
        ("absent", Reason::NoBackChannel),
        ("unsupported", Reason::NoBackChannel),
        ("refused", Reason::BackChannelRefused { detail: "SETUP: RTSP 454".into() }),
        ("busy", Reason::BackChannelBusy),
        ("aac", Reason::UnknownCodec { codec: "MPEG4-GENERIC".into() }),
    ] {
        rig.farm.set_fault(1, Fault::read(&format!("bad_talk:{form}")).expect(form)).expect("a camera");
        let before = rig.farm.stats().connections;
        assert_eq!(rig.refused(1), expected, "{form}");
        assert_eq!(rig.farm.stats().connections, before + 1, "{form}: it is not tried again");
    }
    rig.talks.apply(rig.addresses("admin:wrong"));
    assert_eq!(rig.refused(1), Reason::WrongPassword);
    rig.talks.apply(BTreeMap::new());
    assert_eq!(rig.refused(1), Reason::NoBackChannel, "no camera that speaks RTSP");
    assert!(rig.enter(1).is_ok());
}

#[test]
fn a_talk_ends_with_its_camera_and_with_the_cameras_address() {
    let rig = Rig::start();
    rig.farm.set_fault(1, Fault::read("bad_talk:hangs_up").expect("a form")).expect("a camera");
    let (mut client, session) = rig.talker(1);
    client.send_picture(&[(vec![7; 160], true)], 0);
    assert!(client.run(|c| c.closed), "the camera hung up");
    assert_eq!(rig.end_of(&session), TalkEnd::CameraClosed);

    rig.farm.set_fault(1, Fault::read("bad_talk:second_track").expect("a form")).expect("a camera");
    let (mut client, session) = rig.talker(1);
    rig.talks.apply(rig.addresses("admin:secret"));
    assert!(!client.run_for(Duration::from_millis(100), &mut |c| c.closed), "nothing has changed");
    rig.talks.apply(BTreeMap::new());
    assert!(within(|| says_another(&mut client).closed), "the camera left, though he talks on");
    assert_eq!(rig.end_of(&session), TalkEnd::CameraChanged);
    assert!(within(|| rig.enter(1).is_ok()));
}

#[test]
fn whoever_is_not_heard_or_may_talk_no_more_is_told_so() {
    let rig = Rig::forgetting(Duration::from_millis(400));
    let (mut client, session) = rig.talker(1);
    rig.access.revoke(Revocation { camera: Some("cam1".into()), ..Revocation::default() }, Now::read());
    assert!(client.run(|c| c.closed), "his right was withdrawn");
    assert_eq!(rig.end_of(&session), TalkEnd::Withdrawn);
    assert!(within(|| rig.enter(1).is_ok()));
    let (client, session) = rig.talker(1);
    drop(client);
    assert_eq!(rig.end_of(&session), TalkEnd::Unheard);
    assert!(within(|| rig.enter(1).is_ok()));
    let (client, session) = rig.talker(1);
    rig.sink.end_stream(&key(1));
    assert_eq!(rig.end_of(&session), TalkEnd::CameraChanged);
    drop(client);
    assert!(within(|| rig.enter(1).is_ok()));
    let (_client, session) = rig.talker(1);
    rig.sink.stop();
    assert_eq!(rig.end_of(&session), TalkEnd::Stopped);
}

/// Twice as often as the session is looked after.
fn says_another(client: &mut Client) -> &Client {
    client.send_picture(&[(vec![7; 160], false)], 0);
    client.run_for(Duration::from_millis(10), &mut |c| c.closed);
    client
}

#[test]
fn the_law_of_the_camera_is_taken_first() {
    let sends = browser_offer().replace("a=recvonly", "a=sendonly");
    let offer = Offer::parse(&sends).expect("an offer");
    let types: Vec<_> = [Law::Mu, Law::A].map(|law| hear(&offer, law).map(|(line, law)| (line.pt, law))).into();
    assert_eq!(types, [Some((0, Law::Mu)), Some((8, Law::A))]);
    let one = Offer::parse(&sends.replace("111 63 9 0 8", "111 63 9 0")).expect("an offer");
    assert_eq!(hear(&one, Law::A).map(|(_, law)| law), Some(Law::Mu));
    let none = Offer::parse(&sends.replace("111 63 9 0 8", "111 63 9")).expect("an offer");
    assert_eq!(hear(&none, Law::A), None);
    assert_eq!(hear(&Offer::parse(&browser_offer()).expect("an offer"), Law::A), None, "it only receives");
}

#[test]
fn an_offer_without_sound_calls_no_camera() {
    let rig = Rig::start();
    let refused = rig.ask(1, &browser_offer()).expect_err("it sends nothing");
    assert_eq!(refused.kind, WhepErrorKind::Invalid);
    assert_eq!(rig.farm.stats().connections, 0);
}

#[test]
fn who_is_silent_for_a_minute_has_forgotten_that_he_talks() {
    let start = Instant::now();
    let later = |seconds| start + Duration::from_secs(seconds);
    assert_eq!(SILENT_AFTER, Duration::from_secs(60));
    for law in [Law::Mu, Law::A] {
        let loud = law.of(Law::Mu, 0x80);
        let mut heard = start;
        Talker::note(&mut heard, law, &[law.silence(); 160], later(50));
        assert!(Talker::is_silent(heard, later(61)) && !Talker::is_silent(heard, later(60)), "{law:?}");
        Talker::note(&mut heard, law, &[loud; 1], later(50));
        assert!(!Talker::is_silent(heard, later(110)) && Talker::is_silent(heard, later(111)), "{law:?}");
    }
}
