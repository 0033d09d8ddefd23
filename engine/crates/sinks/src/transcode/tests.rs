use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use vms_hub::{CloseReason, HubConfig, Next, Publisher, ReaderKind, StreamName};
use vms_media::{Codec, Timing};

use super::sound::STEP;
use super::wire::{self, FromWorker, Run};
use super::*;

const MOST: usize = 1;
const BEGUN_US: i64 = 1_790_000_000_000_000;

fn track(codec: Codec) -> Track {
    Track { id: 1, kind: TrackKind::Audio, codec, clock_rate: 16_000, channels: 1, fmtp: "config=1408".into() }
}

fn frame(utc_us: i64) -> Frame {
    Frame {
        track: 1,
        kind: TrackKind::Audio,
        codec: Codec::Aac,
        epoch: 0,
        number: 0,
        key: true,
        discontinuity: false,
        dts: utc_us,
        pts: utc_us,
        timing: Timing { utc_us, error_us: None },
        data: Bytes::from_static(&[1, 2, 3]),
    }
}

/// A camera with AAC, and the socket of the workers.
struct Rig {
    hub: Hub,
    transcodes: Transcodes,
    key: StreamKey,
    publisher: Publisher,
    path: PathBuf,
}

impl Rig {
    fn new(name: &str) -> Self {
        Self::of(name, StreamKey::new("gate", StreamName::Main))
    }

    fn of(name: &str, key: StreamKey) -> Self {
        let folder = std::env::temp_dir().join(format!("vms-transcode-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("frames.sock");
        let hub = Hub::new(HubConfig::default());
        let transcodes = Transcodes::new(hub.clone(), MOST);
        let publisher = hub.publish(&key, vec![track(Codec::Aac)]);
        crate::frames::listen(&path, hub.clone(), transcodes.clone()).expect("a socket");
        Self { hub, transcodes, key, publisher, path }
    }

    fn report(&self) -> Report {
        self.transcodes.reports().pop().expect("a stream")
    }

    async fn until(&self, what: &str, done: impl Fn(&[Report]) -> bool) {
        for _ in 0..2000 {
            if done(&self.transcodes.reports()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{what}: {:?}", self.transcodes.reports());
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(folder) = self.path.parent() {
            std::fs::remove_dir_all(folder).expect("the folder goes");
        }
    }
}

async fn connect(path: &Path, words: &str) -> UnixStream {
    let mut socket = UnixStream::connect(path).await.expect("a connection");
    socket.write_all(words.as_bytes()).await.expect("words");
    socket
}

async fn steward(rig: &Rig) -> BufReader<UnixStream> {
    let steward = BufReader::new(connect(&rig.path, "transcode\n").await);
    for _ in 0..2000 {
        if rig.transcodes.inner.state.lock().stewards == 1 {
            return steward;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the steward is not known");
}

async fn told(steward: &mut BufReader<UnixStream>) -> String {
    let mut line = String::new();
    tokio::time::timeout(Duration::from_secs(10), steward.read_line(&mut line))
        .await
        .expect("in time")
        .expect("a line");
    line
}

/// The next message but those about how late frames come.
async fn message(socket: &mut UnixStream) -> Vec<u8> {
    loop {
        let message = any_message(socket).await;
        if message[0] != b'L' {
            return message;
        }
    }
}

async fn any_message(socket: &mut UnixStream) -> Vec<u8> {
    let size = socket.read_u32_le().await.expect("a size");
    let mut body = vec![0; size as usize];
    socket.read_exact(&mut body).await.expect("a message");
    body
}

fn packet(epoch: u64, at: i64, data: &[u8]) -> Vec<u8> {
    let mut out = (17 + data.len() as u32).to_le_bytes().to_vec();
    out.push(b'P');
    out.extend(epoch.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend(data);
    out
}

#[test]
fn a_worker_may_send_no_more_than_sound_goes_by() {
    let mut run = Run::new(Kind::Sound);
    let at = BEGUN_US / 1000 * 48;
    assert_eq!(run.judge(1, at, BEGUN_US), Some(true));
    assert_eq!(run.judge(1, at + STEP, BEGUN_US), Some(false));
    assert_eq!(run.judge(1, at + STEP + 1, BEGUN_US), None, "two packets in 20 ms");
    assert_eq!(run.judge(1, at + 96_000, BEGUN_US), None, "two seconds ahead");
    assert_eq!(run.judge(2, at, BEGUN_US), Some(true), "the clock went back: a new epoch");
    assert_eq!(run.judge(1, at + 5 * STEP, BEGUN_US), None, "an old epoch");
}

#[test]
fn what_a_worker_says_is_read_or_refused() {
    let whole = packet(3, 77, &[9, 9]);
    let data = Bytes::from_static(&[9, 9]);
    assert_eq!(wire::read(&whole[4..]), Some(FromWorker::Made { epoch: 3, at: 77, data }));
    assert_eq!(wire::read(b"Eno decoder"), Some(FromWorker::GivesUp("no decoder".into())));
    for bad in [&b""[..], b"P123", b"X", &whole[4..whole.len() - 2]] {
        assert_eq!(wire::read(bad), None, "{bad:?}");
    }
}

#[test]
fn only_sound_that_workers_know_is_transcoded() {
    for (codec, expected) in
        [(Codec::Aac, true), (Codec::Pcma, true), (Codec::Pcmu, true), (Codec::Opus, false), (Codec::H264, false)]
    {
        assert_eq!(sound_can_be_transcoded(&track(codec.clone())), expected, "{codec:?}");
    }
    let video = Track { kind: TrackKind::Video, ..track(Codec::Aac) };
    assert!(!sound_can_be_transcoded(&video));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_wanted_while_somebody_listens_and_its_opus_is_published() {
    let mut rig = Rig::new("opus");
    assert!(rig.transcodes.listen(&rig.key, Kind::Sound).is_err(), "nobody transcodes");
    let mut steward = steward(&rig).await;
    let first = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    let second = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    assert_eq!(told(&mut steward).await, "sound gate/main\n");
    let mut worker = connect(&rig.path, "sound gate/main\n").await;
    rig.until("it works", |reports| reports[0].works).await;
    let mut other = connect(&rig.path, "sound gate/main\n").await;
    assert_eq!(other.read(&mut [0]).await.expect("an end"), 0, "one worker a stream");

    let now_us = utc_now_us();
    rig.publisher.push(frame(now_us));
    let head = message(&mut worker).await;
    let epoch = u64::from_le_bytes(head[1..9].try_into().expect("8 bytes"));
    assert_eq!((head[0], &head[9..15], &head[15..]), (b'H', &[1, 1, 0x80, 0x3e, 0, 0][..], &b"config=1408"[..]));
    let body = message(&mut worker).await;
    assert_eq!((body[0], body[1], &body[10..]), (b'F', 2, &[1, 2, 3][..]));
    assert_eq!(body[2..10], now_us.to_le_bytes());

    let wake = Arc::new(Notify::new());
    let mut reader = first.stream().subscribe(ReaderKind::Live { burst: false }, wake.clone());
    worker.write_all(&packet(epoch, now_us / 1000 * 48, &[5; 40])).await.expect("a packet");
    let opus = loop {
        match reader.next() {
            Next::Frame(delivery) => break delivery.frame,
            Next::Pending => wake.notified().await,
            _ => {}
        }
    };
    assert_eq!((&opus.codec, opus.data.len(), opus.timing.utc_us), (&Codec::Opus, 40, now_us / 1000 * 1000));
    let report = rig.report();
    assert_eq!((report.listeners, report.works, report.failures), (2, true, 0));
    assert!(report.delay_ms.is_some_and(|ms| ms < 5_000), "{report:?}");
    drop((first, reader));
    assert_eq!(rig.report().listeners, 1);
    drop(second);
    let ended = tokio::time::timeout(LINGER * 2, worker.read(&mut [0])).await.expect("it is let go");
    assert_eq!(ended.expect("an end"), 0);
    rig.until("all is forgotten", <[Report]>::is_empty).await;
    let derived = Kind::Sound.derived(&rig.key);
    assert!(rig.hub.stream(&derived).is_none());
}

fn video() -> Track {
    Track::video(Codec::H265)
}

/// A picture of the camera.
fn seen(utc_us: i64) -> Frame {
    let data = Bytes::from_static(&[0, 0, 0, 3, 38, 1, 7]);
    Frame { track: 0, kind: TrackKind::Video, codec: Codec::H265, data, ..frame(utc_us) }
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_are_made_h264_with_the_cameras_sound_beside_them_and_a_cap_holds() {
    let mut rig = Rig::new("picture");
    rig.publisher.set_tracks(vec![video(), track(Codec::Aac)]);
    let mut steward = steward(&rig).await;
    let viewer = rig.transcodes.listen(&rig.key, Kind::Picture).expect("a place");
    let second = rig.transcodes.listen(&rig.key, Kind::Picture).expect("the one worker serves all");
    assert_eq!(told(&mut steward).await, "picture gate/main\n");
    let other = StreamKey::new("yard", StreamName::Main);
    let _yard = rig.hub.publish(&other, vec![video()]);
    assert_eq!(rig.transcodes.listen(&other, Kind::Picture).map(|_| ()), Err(NoRoom::Full { most: MOST }));
    let codecs: Vec<Codec> = viewer.stream().tracks().iter().map(|track| track.codec.clone()).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Aac], "known before the first picture");

    let mut worker = connect(&rig.path, "picture gate/main\n").await;
    rig.until("it works", |reports| reports[0].works).await;
    let now_us = utc_now_us();
    // The sound before, so that it is known once the worker has been given the picture.
    rig.publisher.push(frame(now_us - 10_000));
    rig.publisher.push(seen(now_us));
    rig.publisher.push(frame(now_us + 10_000));
    let head = message(&mut worker).await;
    assert_eq!((head[0], &head[9..15]), (b'H', &[17, 0, 0x90, 0x5f, 1, 0][..]));
    let body = message(&mut worker).await;
    assert_eq!((body[0], body[1], &body[10..]), (b'F', 2, &[0, 0, 0, 3, 38, 1, 7][..]));

    let wake = Arc::new(Notify::new());
    let mut reader = viewer.stream().subscribe(ReaderKind::Live { burst: true }, wake.clone());
    let epoch = u64::from_le_bytes(head[1..9].try_into().expect("8 bytes"));
    let at = now_us / 1000 * 90;
    worker.write_all(&packet(epoch, at, &[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9])).await.expect("a picture");
    let mut got = Vec::new();
    while got.len() < 2 {
        match reader.next() {
            Next::Frame(delivery) => got.push(delivery.frame),
            Next::Pending => wake.notified().await,
            _ => {}
        }
    }
    assert_eq!(
        (&got[0].codec, got[0].key, &got[0].data[..]),
        (&Codec::H264, true, &[0, 0, 0, 2, 0x67, 1, 0, 0, 0, 2, 0x65, 9][..])
    );
    assert_eq!(
        (&got[1].codec, got[1].timing.utc_us),
        (&Codec::Aac, now_us - 10_000),
        "the sound of its time, no later"
    );

    reader.request_key();
    rig.publisher.push(seen(now_us + 40_000));
    assert_eq!(message(&mut worker).await, b"K");
    let cost = Cost { cpu_permille: 300, memory_bytes: 90 << 20 };
    let mut words = vec![13, 0, 0, 0, b'C'];
    words.extend(cost.cpu_permille.to_le_bytes());
    words.extend(cost.memory_bytes.to_le_bytes());
    worker.write_all(&words).await.expect("words");
    rig.until("its cost is known", |reports| reports[0].cost == Some(cost)).await;
    worker.write_all(&packet(epoch, at + 3_600, &[0, 0, 0, 1])).await.expect("no picture");
    rig.until("it is let go", |reports| reports[0].reason == Some("worker_wrong")).await;
    drop((viewer, second, reader));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_with_another_clock_is_transcoded_and_the_worker_told_of_it() {
    const HOUR_US: i64 = 3_600_000_000;
    let mut rig = Rig::new("clock");
    rig.publisher.set_tracks(vec![video()]);
    let mut steward = steward(&rig).await;
    let viewer = rig.transcodes.listen(&rig.key, Kind::Picture).expect("a place");
    assert_eq!(told(&mut steward).await, "picture gate/main\n");
    let mut worker = connect(&rig.path, "picture gate/main\n").await;
    rig.until("it works", |reports| reports[0].works).await;
    let wake = Arc::new(Notify::new());
    let mut reader = viewer.stream().subscribe(ReaderKind::Live { burst: true }, wake.clone());

    let ahead_us = utc_now_us() + HOUR_US;
    rig.publisher.push(seen(ahead_us));
    let lag = any_message(&mut worker).await;
    let lag_us = i64::from_le_bytes(lag[1..].try_into().expect("8 bytes"));
    assert_eq!(lag[0], b'L', "before the frames");
    assert!((-HOUR_US..-HOUR_US + 60_000_000).contains(&lag_us), "{lag_us}");
    let head = message(&mut worker).await;
    let epoch = u64::from_le_bytes(head[1..9].try_into().expect("8 bytes"));
    let at = ahead_us / 1000 * 90;
    let picture = [0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x65, 9];
    worker.write_all(&packet(epoch, at, &picture)).await.expect("a picture");
    let shown = async {
        loop {
            match reader.next() {
                Next::Frame(delivery) => break delivery.frame,
                Next::Pending => wake.notified().await,
                _ => {}
            }
        }
    };
    let shown = tokio::time::timeout(Duration::from_secs(10), shown).await.expect("a picture is shown");
    assert_eq!(shown.timing.utc_us / 1000, ahead_us / 1000);

    worker.write_all(&packet(epoch + 1, at + 90_000, &picture)).await.expect("a picture");
    rig.until("it was given none of this epoch", |reports| reports[0].reason == Some("worker_wrong")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_given_the_transcode_and_keeps_it_going() {
    let rig = Rig::new("picked");
    let _publisher = rig.hub.publish(&rig.key, vec![video()]);
    let pictures = crate::choice::Pictures::new(rig.hub.clone(), Some(rig.transcodes.clone()));
    let takes = crate::choice::Takes { codec: &|codec| *codec == Codec::H264, b_frames: false };
    let refused = pictures.pick(&rig.key, &takes).map(|_| ());
    assert_eq!(refused, Err(crate::choice::Refused::Codec { camera: Codec::H265 }), "nobody transcodes");
    let _steward = steward(&rig).await;
    let picked = pictures.pick(&rig.key, &takes).expect("pictures");
    assert_eq!(*picked.stream.key(), Kind::Picture.derived(&rig.key));
    assert_eq!(rig.report().listeners, 1);
    let played = StreamKey::new("gate@7", StreamName::Main);
    let _played = rig.hub.publish(&played, vec![video()]);
    assert!(pictures.pick(&played, &takes).is_err(), "recordings are not transcoded");
    let other = StreamKey::new("yard", StreamName::Main);
    let _yard = rig.hub.publish(&other, vec![video()]);
    let full = crate::choice::Refused::Full { camera: Codec::H265, most: MOST };
    assert_eq!(pictures.pick(&other, &takes).map(|_| ()), Err(full));
    drop(picked);
    assert!(rig.transcodes.reports().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_for_those_alone_who_rest_and_they_keep_their_place() {
    let rig = Rig::new("rest");
    let _publisher = rig.hub.publish(&rig.key, vec![video()]);
    let mut steward = steward(&rig).await;
    let mut first = rig.transcodes.listen(&rig.key, Kind::Picture).expect("a place");
    let mut second = rig.transcodes.listen(&rig.key, Kind::Picture).expect("a place");
    assert_eq!(told(&mut steward).await, "picture gate/main\n");
    let mut worker = connect(&rig.path, "picture gate/main\n").await;
    rig.until("it works", |reports| reports[0].works).await;
    first.rest(true);
    first.rest(true);
    let is_wanted = || rig.transcodes.inner.state.lock().jobs.values().all(Job::is_wanted);
    assert!(is_wanted(), "by the other one");
    second.rest(true);
    let ended = tokio::time::timeout(LINGER * 2, worker.read(&mut [0])).await.expect("it is let go");
    assert_eq!(ended.expect("an end"), 0);
    rig.until("it works no more", |reports| !reports[0].works).await;
    assert_eq!((rig.report().listeners, rig.report().failures), (2, 0));
    let other = StreamKey::new("yard", StreamName::Main);
    let _yard = rig.hub.publish(&other, vec![video()]);
    assert_eq!(rig.transcodes.listen(&other, Kind::Picture).map(|_| ()), Err(NoRoom::Full { most: MOST }));

    second.rest(false);
    assert_eq!(told(&mut steward).await, "picture gate/main\n");
    let _worker = connect(&rig.path, "picture gate/main\n").await;
    rig.until("it works again", |reports| reports[0].works).await;
    let derived = rig.hub.stream(&Kind::Picture.derived(&rig.key)).expect("the stream");
    assert!(Arc::ptr_eq(&derived, second.stream()), "where its listeners wait");
    drop((first, second));
    assert_eq!(rig.report().listeners, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_is_played_can_be_heard_too() {
    let rig = Rig::of("played", StreamKey::new("gate@7", StreamName::Sub));
    let mut steward = steward(&rig).await;
    let _listener = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    assert_eq!(told(&mut steward).await, "sound gate@7/sub\n");
    let _worker = connect(&rig.path, "sound gate@7/sub\n").await;
    rig.until("it works", |reports| reports[0].works).await;
    let mut ring = connect(&rig.path, "gate@7/sub\n").await;
    assert_eq!(ring.read_u8().await.expect("an answer"), b'?', "its pictures are for nobody else");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_fails_is_replaced_after_a_pause_and_the_reason_is_told() {
    let rig = Rig::new("lost");
    let mut steward = steward(&rig).await;
    let _listener = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    assert_eq!(told(&mut steward).await, "sound gate/main\n");
    let asked = Instant::now();
    for (words, code, pause) in [
        (&b""[..], "worker_lost", 1),
        (
            &[14, 0, 0, 0, b'E', b'n', b'o', b' ', b'd', b'e', b'c', b'o', b'd', b'e', b'r', b'.', b'.', b'.'][..],
            "sound_undecodable",
            2,
        ),
    ] {
        let mut worker = connect(&rig.path, "sound gate/main\n").await;
        rig.until("it works", |reports| reports[0].works).await;
        worker.write_all(words).await.expect("words");
        drop(worker);
        rig.until("it failed", |reports| reports[0].reason == Some(code)).await;
        let failed = Instant::now();
        assert_eq!(told(&mut steward).await, "sound gate/main\n");
        assert!(failed.elapsed() > Duration::from_millis(pause * 1000 - 200), "after {:?}", failed.elapsed());
    }
    assert_eq!(rig.report().failures, 2);
    assert!(asked.elapsed() < COME_WITHIN);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_a_camera_that_is_removed_is_forgotten_with_its_failures() {
    let rig = Rig::new("removed");
    let _publisher = rig.hub.publish(&rig.key, vec![video(), track(Codec::Aac)]);
    let mut steward = steward(&rig).await;
    let pictures = rig.transcodes.listen(&rig.key, Kind::Picture).expect("a place");
    assert_eq!(told(&mut steward).await, "picture gate/main\n");
    drop(connect(&rig.path, "picture gate/main\n").await);
    rig.until("it failed", |reports| reports[0].failures == 1).await;
    drop(pictures);
    assert_eq!(rig.report().failures, 1, "who watches over the engine is told");

    let sound = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    assert_eq!(told(&mut steward).await, "sound gate/main\n");
    let mut worker = connect(&rig.path, "sound gate/main\n").await;
    rig.until("it works", |reports| reports.iter().any(|report| report.works)).await;
    let mut heard = sound.stream().subscribe(ReaderKind::Live { burst: false }, Arc::new(Notify::new()));

    rig.hub.remove(&rig.key);
    rig.transcodes.end_stream(&rig.key);
    rig.until("all is forgotten", <[Report]>::is_empty).await;
    let mut rest = Vec::new();
    tokio::time::timeout(LINGER, worker.read_to_end(&mut rest)).await.expect("it is let go").expect("an end");
    assert!(matches!(heard.next(), Next::Closed(CloseReason::Removed)), "so is who hears it");
    // One that comes back under its name has nothing to do with whoever left.
    let _again = rig.hub.publish(&rig.key, vec![track(Codec::Aac)]);
    let _listener = rig.transcodes.listen(&rig.key, Kind::Sound).expect("a place");
    drop(sound);
    assert_eq!((rig.report().listeners, rig.report().failures), (1, 0));
}

fn utc_now_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    i64::try_from(since.as_micros()).expect("fits")
}
