//! Viewers whose path bears only the small picture: whole sessions, whose
//! packets get lost.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vms_access::{Access, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;
use vms_media::{Codec, Track, TrackKind};

use super::client::{Client, Narrow, Options, PCMA, Packet};
use super::stream::{Camera, SUB_FILL, TICKS, video_track};
use crate::webrtc::{Keeps, Patience, WebRtc, WebRtcConfig};

/// Pictures in a group: a key frame a second.
const GROUP: usize = 25;
const STEP: Duration = Duration::from_millis(40);
/// Packets a second: more than the sub-stream's 25, less than the main stream's 50.
const NARROW: f64 = 34.0;
/// Ticks of sound in a step.
const SOUND: i64 = 320;
/// Of a scene, on a machine that stands still.
const TRIES: u32 = 5;
const PULSE: Duration = Duration::from_millis(10);
/// Longer than two pictures are apart.
const STANDS_STILL: Duration = Duration::from_millis(90);

fn start(camera: &Camera) -> WebRtc {
    let config = WebRtcConfig {
        bind: vec![([127, 0, 0, 1], 0).into()],
        shards: 1,
        patience: Patience { settle: Duration::from_millis(200), first_wait: Duration::from_secs(2) },
        ..WebRtcConfig::default()
    };
    WebRtc::start(config, camera.hub.clone()).expect("the sink starts")
}

fn ticket(key: &StreamKey) -> Ticket {
    let wish = Wish { key, kind: Kind::Webrtc };
    Access::new(true).enter(wish, Proof::None, Now::read()).expect("an open house")
}

fn joined(sink: &WebRtc, key: &StreamKey, keeps: Keeps, audio: bool) -> Client {
    let (mut client, offer) = Client::new(Options { audio, ..Options::default() });
    let answer = sink.offer(key, keeps, &offer, IpAddr::from([127, 0, 0, 1]), ticket(key)).expect("an answer");
    client.accept(&answer.sdp);
    assert!(client.run(|client| client.connected));
    client
}

fn pictures(client: &Client) -> Vec<Packet> {
    client.in_order().into_iter().filter(|packet| packet.pt != PCMA).collect()
}

fn heard(client: &Client) -> Vec<Packet> {
    client.in_order().into_iter().filter(|packet| packet.pt == PCMA).collect()
}

fn is_small(packet: &Packet) -> bool {
    packet.payload.last() == Some(&SUB_FILL)
}

fn newest_is_small(client: &Client) -> bool {
    pictures(client).last().is_some_and(is_small)
}

/// How often the kind of picture changes.
fn changes(client: &Client) -> usize {
    let kinds: Vec<bool> = pictures(client).iter().map(is_small).collect();
    kinds.windows(2).filter(|two| two[0] != two[1]).count()
}

fn count(sink: &WebRtc, to: &str) -> u64 {
    sink.metrics().switches.iter().filter(|(name, ..)| *name == to).map(|(.., count)| count).sum()
}

/// A camera of two streams in real time. The small one is opened for its readers alone.
struct Stage {
    main: Camera,
    sub: Option<Camera>,
    sub_codec: Codec,
    step: usize,
    with_sound: bool,
}

impl Stage {
    fn new(sub_codec: Codec, with_sound: bool) -> Self {
        let sound = Track {
            id: 1,
            kind: TrackKind::Audio,
            codec: Codec::Pcma,
            clock_rate: 8000,
            channels: 1,
            fmtp: String::new(),
        };
        let tracks = [Some(video_track(Codec::H264)), Some(sound).filter(|_| with_sound)];
        let main = Camera::with_tracks(tracks.into_iter().flatten().collect());
        let sub = StreamKey::parse("cam1/sub").expect("a key");
        main.hub.ensure(&sub).set_on_demand(true);
        Self { main, sub: None, sub_codec, step: 0, with_sound }
    }

    fn sub_key(&self) -> StreamKey {
        StreamKey::parse("cam1/sub").expect("a key")
    }

    fn sub_is_watched(&self) -> bool {
        *self.main.hub.stream(&self.sub_key()).expect("the sub-stream").watched().borrow()
    }

    /// The next picture of both, and what the clients get of it.
    fn play(&mut self, clients: &mut [&mut Client]) {
        let begun = Instant::now();
        let watched = self.sub_is_watched();
        if self.sub.is_none() && watched {
            self.sub = Some(self.main.sub(self.sub_codec.clone()));
        }
        if self.with_sound {
            self.main.sound(self.step as i64 * SOUND);
        }
        self.main.frame(self.step.is_multiple_of(GROUP));
        match &mut self.sub {
            // Half a group later, so that it is waited for.
            Some(sub) if watched => sub.frame(self.step % GROUP == GROUP / 2),
            _ => self.sub = None,
        }
        self.step += 1;
        let share = STEP / clients.len() as u32;
        for (index, client) in clients.iter_mut().enumerate() {
            let until = begun + share * (index as u32 + 1);
            client.run_for(until.saturating_duration_since(Instant::now()), &mut |_| false);
        }
    }

    /// Until that is so, or for so many seconds.
    fn play_until(&mut self, seconds: u64, clients: &mut [&mut Client], done: impl Fn(&[&mut Client]) -> bool) -> bool {
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            self.play(clients);
            if done(clients) {
                return true;
            }
        }
        false
    }
}

/// Plays a scene, and once more where it failed and the machine stood still
/// meanwhile: paths are judged by when packets come.
fn undisturbed(scene: fn()) {
    for _ in 1..TRIES {
        let over = AtomicBool::new(false);
        let (played, stood_still) = std::thread::scope(|threads| {
            let watch = threads.spawn(|| longest_pause(&over));
            let played = std::panic::catch_unwind(scene);
            over.store(true, Ordering::Relaxed);
            (played, watch.join().expect("it only looks at the time"))
        });
        match played {
            Ok(()) => return,
            Err(_) if stood_still > STANDS_STILL => {}
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    scene();
}

/// How long nothing of this process ran, at most.
fn longest_pause(over: &AtomicBool) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(PULSE);
        longest = longest.max(last.elapsed() - PULSE);
        last = Instant::now();
    }
    longest
}

#[test]
fn a_narrow_path_is_sent_the_small_picture_and_a_wide_one_the_large_again() {
    undisturbed(narrow_and_wide_again);
}

fn narrow_and_wide_again() {
    let mut stage = Stage::new(Codec::H264, true);
    let sink = start(&stage.main);
    let mut client = joined(&sink, &stage.main.key, Keeps::WhileBorne, true);
    let mut fixed = joined(&sink, &stage.main.key, Keeps::Always, false);
    stage.play_until(2, &mut [&mut client, &mut fixed], |_| false);
    assert!(!newest_is_small(&client) && !stage.sub_is_watched(), "a wide path keeps what was asked for");

    client.narrow = Some(Narrow::new(NARROW));
    fixed.narrow = Some(Narrow::new(NARROW));
    let small = stage.play_until(8, &mut [&mut client, &mut fixed], |clients| newest_is_small(clients[0]));
    assert!(small, "the large picture is sent on: {:?}", sink.metrics().switches);
    assert_eq!((count(&sink, "sub"), count(&sink, "main")), (1, 0));
    // What the path still lost of the change itself is sent again.
    let begins = |clients: &[&mut Client]| {
        let seen = pictures(clients[0]);
        let at = seen.iter().position(is_small).expect("a small picture");
        seen[at].payload[0] & 0x1f == 5 && seen[at..].iter().all(is_small)
    };
    let whole = stage.play_until(3, &mut [&mut client, &mut fixed], |clients| begins(clients));
    let kinds: Vec<_> = pictures(&client).iter().map(|p| (p.seq, is_small(p), p.payload[0] & 0x1f)).collect();
    assert!(whole, "it begins with its key frame, and none of the large ones comes after it: {kinds:?}");
    let seen = pictures(&client);
    assert!(seen.iter().all(|packet| packet.pt == seen[0].pt));

    client.narrow = None;
    let large = stage.play_until(12, &mut [&mut client, &mut fixed], |clients| !newest_is_small(clients[0]));
    assert!(large, "the small picture is sent on: {:?}", sink.metrics().switches);
    stage.play_until(1, &mut [&mut client, &mut fixed], |_| false);
    assert_eq!((count(&sink, "sub"), count(&sink, "main")), (1, 1));
    assert!(!stage.sub_is_watched(), "a stream that nobody needs is let go");
    assert_eq!(changes(&client), 2);

    let seen = pictures(&client);
    let back = seen.iter().rposition(is_small).expect("a small picture") + 1;
    assert!(seen[back - 20..].windows(2).all(|two| two[1].seq == two[0].seq + 1), "one run of numbers");
    // Both streams have a picture each 40 ms, of the same times by other clocks.
    let times: Vec<u32> = seen.iter().map(|packet| packet.time).collect();
    assert!(times.iter().all(|time| time.wrapping_sub(times[0]) % TICKS as u32 <= 1), "one run of times");
    assert!(times[back - 20..].windows(2).all(|two| two[1].wrapping_sub(two[0]) <= TICKS as u32), "without a hole");
    // A machine that stood still has the last of it waiting.
    let all_heard = client.run(|client| heard(client).len() + 10 >= stage.step);
    let sound = heard(&client);
    assert!(sound.windows(2).all(|two| two[1].seq == two[0].seq + 1), "the sound goes on");
    assert!(sound.windows(2).all(|two| i64::from(two[1].time - two[0].time) == SOUND), "in its own time");
    let (from, to) = (sound[0].time, sound[sound.len() - 1].time);
    assert!(all_heard, "{} of {}, from {from} to {to}", sound.len(), stage.step);

    assert_eq!(changes(&fixed), 0);
    assert!(!newest_is_small(&fixed), "who wants that stream alone is never sent the other");
}

#[test]
fn what_does_not_fit_the_answer_is_not_sent_and_who_asked_for_the_small_one_stays_there() {
    undisturbed(narrow_where_nothing_else_fits);
}

fn narrow_where_nothing_else_fits() {
    let mut stage = Stage::new(Codec::H265, false);
    let sink = start(&stage.main);
    let mut client = joined(&sink, &stage.main.key, Keeps::WhileBorne, false);
    stage.sub = Some(stage.main.sub(Codec::H265));
    let mut small = joined(&sink, &stage.sub_key(), Keeps::WhileBorne, false);
    client.narrow = Some(Narrow::new(NARROW));
    let told = |sink: &WebRtc| sink.metrics().stays.iter().any(|(why, count)| *why == "format" && *count > 0);
    assert!(stage.play_until(8, &mut [&mut client, &mut small], |_| told(&sink)), "{:?}", sink.metrics().stays);
    stage.play_until(1, &mut [&mut client, &mut small], |_| false);
    assert_eq!((changes(&client), changes(&small)), (0, 0));
    assert!(!newest_is_small(&client) && newest_is_small(&small));
    assert_eq!((count(&sink, "sub"), count(&sink, "main")), (0, 0));
}
