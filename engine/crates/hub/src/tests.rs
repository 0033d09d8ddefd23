//! The hub's promises, each by its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use crate::{CloseReason, Delivery, Hub, HubConfig, Next, Publisher, Reader, ReaderKind, StreamKey, WaitReason, Wake};

/// Counts how often a reader was woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn track(id: u8, kind: TrackKind) -> Track {
    let (codec, clock_rate) = match kind {
        TrackKind::Video => (Codec::H264, 90_000),
        _ => (Codec::Pcma, 8_000),
    };
    Track { id, kind, codec, clock_rate, channels: 1, fmtp: String::new() }
}

fn tracks() -> Vec<Track> {
    vec![track(0, TrackKind::Video), track(1, TrackKind::Audio)]
}

/// A frame of `size` bytes at `ms` after the start; 25 frames a second fit.
fn video(ms: i64, key: bool, size: usize) -> Frame {
    let mut data = vec![0; size.max(5)];
    let length = u32::try_from(data.len() - 4).expect("small");
    data[..4].copy_from_slice(&length.to_be_bytes());
    data[4] = if key { 0x65 } else { 0x41 };
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: ms * 90,
        pts: ms * 90,
        timing: Timing { utc_us: ms * 1000, error_us: None },
        data: Bytes::from(data),
    }
}

fn audio(ms: i64) -> Frame {
    Frame { track: 1, kind: TrackKind::Audio, codec: Codec::Pcma, dts: ms * 8, pts: ms * 8, ..video(ms, false, 160) }
}

struct Rig {
    hub: Hub,
    key: StreamKey,
    publisher: Publisher,
}

impl Rig {
    fn new(config: HubConfig) -> Self {
        let hub = Hub::new(config);
        let key = StreamKey::parse("gate").expect("a good name");
        let publisher = hub.publish(&key, tracks());
        Self { hub, key, publisher }
    }

    fn reader(&self, kind: ReaderKind) -> Reader {
        self.hub.ensure(&self.key).subscribe(kind, Arc::new(Counter::default()))
    }

    fn live(&self) -> Reader {
        self.reader(ReaderKind::Live { burst: true })
    }

    /// Frames at 40 ms each with a key frame every `group`.
    fn play(&mut self, from: i64, frames: i64, group: i64, size: usize) {
        for i in from..from + frames {
            assert!(self.publisher.push(video(i * 40, i % group == 0, size)));
        }
    }
}

impl Default for Rig {
    fn default() -> Self {
        Self::new(HubConfig::default())
    }
}

fn drain(reader: &mut Reader) -> Vec<Delivery> {
    let mut out = Vec::new();
    loop {
        match reader.next() {
            Next::Frame(delivery) => out.push(delivery),
            Next::Waiting(_) | Next::TracksChanged(_) => {}
            Next::Pending | Next::Closed(_) => return out,
        }
    }
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|d| d.frame.number).collect()
}

#[test]
fn a_joining_viewer_gets_the_group_with_times_that_end_at_the_live_one() {
    let mut rig = Rig::default();
    rig.play(0, 31, 25, 500);
    let mut reader = rig.live();
    rig.play(31, 2, 25, 500);
    let got = drain(&mut reader);
    assert_eq!(numbers(&got), [25, 26, 27, 28, 29, 30, 31, 32]);
    let times: Vec<i64> =
        got.iter().map(|d| d.burst.map_or(d.frame.rtp_time, |burst| burst.compressed_time())).collect();
    let live = 30 * 3_600;
    assert_eq!(times, [live - 5, live - 4, live - 3, live - 2, live - 1, live, live + 3_600, live + 7_200]);
    let seqs: Vec<u64> = got.iter().map(|d| d.frame.rtp_seq).collect();
    assert!(seqs.windows(2).all(|w| w[1] == w[0] + 1), "one run of packets: {seqs:?}");
}

#[test]
fn packets_are_cut_once_for_all_readers() {
    let mut rig = Rig::default();
    rig.play(0, 1, 25, 5_000);
    let (mut one, mut two) = (rig.live(), rig.live());
    let (a, b) = (drain(&mut one), drain(&mut two));
    assert!(Arc::ptr_eq(&a[0].frame, &b[0].frame));
    assert!(std::ptr::eq(a[0].frame.payloads().as_ptr(), b[0].frame.payloads().as_ptr()));
    assert_eq!(a[0].frame.payloads().len(), a[0].frame.packets as usize);
    assert_eq!(a[0].frame.interleaved()[..2], [b'$', 0]);
}

#[test]
fn groups_that_would_take_too_long_are_not_sent_at_once() {
    let waits = |group: i64, size: usize| {
        let mut rig = Rig::default();
        rig.play(0, group - 1, group, size);
        match rig.live().next() {
            Next::Waiting(reason) => Some(reason),
            _ => None,
        }
    };
    assert_eq!(waits(25, 500), None);
    assert_eq!(waits(100, 500), Some(WaitReason::GroupTooLong));
    assert_eq!(waits(25, 100_000), Some(WaitReason::GroupTooLarge));
    assert_eq!(waits(25, 500_000), Some(WaitReason::NoGroup), "over the cap of the ring");
}

#[test]
fn a_waiting_viewer_starts_at_the_next_key_frame() {
    let mut rig = Rig::default();
    rig.play(0, 60, 100, 500);
    let mut reader = rig.live();
    rig.play(60, 41, 100, 500);
    let got = drain(&mut reader);
    assert_eq!(numbers(&got), [100]);
    assert_eq!(got[0].burst, None, "it is live itself");
}

#[test]
fn audio_joins_at_live() {
    let mut rig = Rig::default();
    rig.publisher.push(video(0, true, 500));
    rig.publisher.push(audio(10));
    rig.publisher.push(video(40, false, 500));
    let mut reader = rig.live();
    rig.publisher.push(audio(50));
    let kinds: Vec<_> = drain(&mut reader).iter().map(|d| (d.frame.kind, d.frame.number)).collect();
    assert_eq!(kinds, [(TrackKind::Video, 0), (TrackKind::Video, 2), (TrackKind::Audio, 3)]);
}

#[test]
fn an_overtaken_reader_jumps_to_the_newest_key_frame_and_its_loss_is_counted() {
    let mut rig = Rig::default();
    rig.play(0, 1, 25, 500);
    let mut slow = rig.live();
    let mut quick = rig.live();
    assert_eq!(numbers(&drain(&mut slow)), [0]);
    rig.play(1, 120, 25, 500);
    let got = drain(&mut slow);
    assert_eq!(got[0].frame.number, 100);
    assert_eq!(got[0].skipped, 99);
    assert!(got[0].frame.key);
    assert_eq!(slow.stats().drops, 99);
    assert_eq!(slow.stream().status().drops, 99);
    assert!(drain(&mut quick).len() < 50, "each has a cursor of its own");
}

#[test]
fn a_reader_overtaken_in_an_endless_group_waits_for_a_key_frame() {
    let mut rig = Rig::new(HubConfig { ring_bytes: 10_000, ..HubConfig::default() });
    rig.play(0, 1, 1000, 500);
    let mut reader = rig.live();
    drain(&mut reader);
    rig.play(1, 100, 1000, 500);
    assert!(matches!(reader.next(), Next::Waiting(WaitReason::Overtaken)));
    assert!(matches!(reader.next(), Next::Pending), "said once");
    rig.play(1000, 1, 1000, 500);
    assert_eq!(drain(&mut reader).iter().filter(|d| d.frame.key).count(), 1);
}

#[test]
fn a_recorder_keeps_what_the_ring_has_dropped() {
    let mut rig = Rig::default();
    let mut recorder = rig.reader(ReaderKind::Recorder { max_bytes: 1 << 20 });
    rig.play(0, 500, 25, 500);
    assert_eq!(drain(&mut recorder).len(), 500);
}

#[test]
fn a_recorder_behind_a_slow_disk_loses_whole_groups() {
    let mut rig = Rig::default();
    let mut recorder = rig.reader(ReaderKind::Recorder { max_bytes: 30 * 500 });
    rig.play(0, 60, 25, 500);
    let first = drain(&mut recorder);
    assert_eq!(first.len(), 30);
    rig.play(60, 20, 25, 500);
    let then = drain(&mut recorder);
    assert_eq!(numbers(&then), [75, 76, 77, 78, 79]);
    assert_eq!(then[0].skipped, 45);
    assert!(then[0].frame.key);
}

#[test]
fn who_joins_b_frames_at_the_beginning_of_a_group_gets_their_own_times() {
    let mut rig = Rig::default();
    let push = |rig: &mut Rig, n: i64, shown: i64, key: bool| {
        rig.publisher.push(Frame { pts: shown * 3_600, ..video(n * 40, key, 500) });
    };
    for (n, shown) in [(0, 0), (1, 3), (2, 1), (3, 2)] {
        push(&mut rig, n, shown, n == 0);
    }
    // A group that has begun: no picture of it is shown before another yet.
    push(&mut rig, 4, 4, true);
    push(&mut rig, 5, 7, false);
    let got = drain(&mut rig.live());
    let time = |d: &Delivery| d.burst.map_or(d.frame.rtp_time, |burst| burst.compressed_time());
    assert_eq!(got.iter().map(time).collect::<Vec<_>>(), [4 * 3_600, 7 * 3_600]);
}

#[test]
fn a_pulled_reader_begins_with_the_group_that_its_file_has_shown() {
    let mut rig = Rig::default();
    rig.play(0, 7, 5, 500);
    assert_eq!(numbers(&drain(&mut rig.reader(ReaderKind::Pulled { max_bytes: 5_000 }))), [5, 6]);
}

#[test]
fn a_pulled_reader_makes_its_publisher_wait_and_loses_nothing() {
    let mut rig = Rig::default();
    let mut pulled = rig.reader(ReaderKind::Pulled { max_bytes: 5 * 500 });
    let (mut at, mut got) = (0, Vec::new());
    while at < 50 {
        while rig.publisher.pulled_has_room() && at < 50 {
            rig.play(at, 1, 25, 500);
            at += 1;
        }
        assert!(!rig.publisher.pulled_has_room() || at == 50);
        got.extend(numbers(&drain(&mut pulled)));
    }
    assert_eq!(got, (0..50).collect::<Vec<u64>>());
}

#[test]
fn a_frame_larger_than_the_ring_is_held_alone() {
    let mut rig = Rig::new(HubConfig { ring_bytes: 10_000, ..HubConfig::default() });
    let mut reader = rig.live();
    rig.play(0, 3, 25, 500);
    rig.publisher.push(video(120, true, 50_000));
    assert_eq!(rig.hub.held_bytes(), 50_000);
    assert_eq!(drain(&mut reader).last().map(|d| d.frame.data.len()), Some(50_000));
    rig.publisher.push(video(160, false, 500));
    assert_eq!(rig.hub.held_bytes(), 500);
}

#[test]
fn over_its_budget_the_process_keeps_no_groups() {
    let mut rig = Rig::new(HubConfig { process_bytes: 10_000, ..HubConfig::default() });
    rig.play(0, 24, 25, 2_000);
    assert!(rig.hub.held_bytes() <= 8 * 2_000, "{} bytes held", rig.hub.held_bytes());
    assert!(matches!(rig.live().next(), Next::Waiting(WaitReason::NoGroup)));
}

#[test]
fn readers_go_on_over_a_reconnect_in_one_run_of_packets() {
    let mut rig = Rig::default();
    rig.play(0, 3, 25, 500);
    let mut reader = rig.live();
    let before = drain(&mut reader);
    let last = before.last().expect("three frames");
    let (seq, time) = (last.frame.rtp_seq, last.frame.rtp_time);
    // The camera's RTP time begins anew; two seconds have passed.
    rig.publisher = rig.hub.publish(&rig.key, tracks());
    let mut again = video(7, true, 500);
    again.timing.utc_us = 2_080_000;
    rig.publisher.push(again);
    let after = drain(&mut reader);
    assert_eq!(after.len(), 1);
    assert_eq!(after[0].frame.rtp_seq, seq + 1);
    assert_eq!(after[0].frame.rtp_time, time + 2 * 90_000);
    assert_eq!(after[0].frame.epoch, 2);
    assert_eq!(reader.stats().drops, 0, "the camera's break is not the reader's fault");
}

#[test]
fn an_older_publisher_is_shut_out() {
    let mut rig = Rig::default();
    let mut new = rig.hub.publish(&rig.key, tracks());
    assert!(!rig.publisher.push(video(0, true, 500)));
    assert!(new.push(video(0, true, 500)));
    drop(std::mem::replace(&mut rig.publisher, new));
    assert!(rig.hub.held_bytes() > 0, "the older one's end does not touch the stream");
}

#[test]
fn another_codec_is_told_to_readers_and_a_new_fmtp_is_not() {
    let mut rig = Rig::default();
    let mut reader = rig.live();
    drain(&mut reader);
    let mut same = tracks();
    same[0].fmtp = "x=1".into();
    rig.publisher.set_tracks(same);
    assert!(matches!(reader.next(), Next::Pending));
    let mut other = tracks();
    other[0].codec = Codec::H265;
    rig.publisher.set_tracks(other);
    assert!(matches!(reader.next(), Next::TracksChanged(tracks) if tracks[0].codec == Codec::H265));
}

#[test]
fn a_reader_that_stays_behind_for_30_s_is_closed() {
    let mut rig = Rig::new(HubConfig { ring_bytes: 2_000, ..HubConfig::default() });
    let mut reader = rig.live();
    let start = Instant::now();
    rig.play(0, 20, 25, 500);
    reader.overtake_since(start - Duration::from_secs(31));
    rig.play(20, 40, 25, 500);
    let mut closed = false;
    for _ in 0..4 {
        closed |= matches!(reader.next(), Next::Closed(CloseReason::TooSlow));
    }
    assert!(closed);
}

#[test]
fn each_push_wakes_each_reader_and_a_dropped_reader_is_forgotten() {
    let mut rig = Rig::default();
    let wake = Arc::new(Counter::default());
    let reader = rig.hub.ensure(&rig.key).subscribe(ReaderKind::Live { burst: true }, wake.clone());
    rig.play(0, 3, 25, 500);
    assert_eq!(wake.0.load(Ordering::Relaxed), 3);
    assert_eq!(reader.stream().status().readers, 1);
    let stream = reader.stream().clone();
    drop(reader);
    rig.play(3, 3, 25, 500);
    assert_eq!(wake.0.load(Ordering::Relaxed), 3);
    assert_eq!(stream.status().readers, 0);
}

#[test]
fn rates_are_measured() {
    let mut rig = Rig::default();
    let start = Instant::now();
    for i in 0..120_u32 {
        let at = start + Duration::from_millis(40) * i;
        rig.publisher.push_at(video(i64::from(i) * 40, i % 25 == 0, 1000), at);
    }
    let status = rig.hub.ensure(&rig.key).status();
    assert!((24.0..=26.0).contains(&status.fps), "{} frames a second", status.fps);
    assert!((190_000..=210_000).contains(&status.bitrate), "{} bit/s", status.bitrate);
    assert_eq!(status.codec.as_deref(), Some("h264"));
}

#[test]
fn a_lost_picture_starts_again_at_the_cached_group() {
    let mut rig = Rig::default();
    rig.play(0, 10, 25, 500);
    let mut reader = rig.live();
    assert_eq!(drain(&mut reader).len(), 10);
    assert!(!reader.jump_to_key(), "no newer key frame: the camera is asked");
    assert_eq!(reader.stream().key_requests(), 1);
    reader.rejoin();
    assert_eq!(drain(&mut reader)[0].frame.number, 0);
    rig.play(10, 16, 25, 500);
    assert!(reader.jump_to_key());
    assert_eq!(drain(&mut reader)[0].frame.number, 25);
}

#[tokio::test]
async fn a_stream_knows_whether_anybody_reads_it() {
    let rig = Rig::default();
    let stream = rig.hub.ensure(&rig.key);
    let mut watched = stream.watched();
    assert!(!*watched.borrow_and_update());
    let first = rig.live();
    let second = rig.live();
    watched.changed().await.expect("the stream is there");
    assert!(*watched.borrow_and_update());
    drop(first);
    assert!(!watched.has_changed().expect("the stream is there"), "another one reads on");
    drop(second);
    watched.changed().await.expect("the stream is there");
    assert!(!*watched.borrow_and_update());
}

#[tokio::test]
async fn who_waits_for_a_stream_on_demand_has_it_opened() {
    let rig = Rig::default();
    let stream = rig.hub.ensure(&rig.key);
    let long = Duration::from_secs(3600);
    stream.wait_opened(long).await;
    stream.set_on_demand(true);
    let mut watched = stream.watched();
    let opens = async {
        watched.wait_for(|watched| *watched).await.expect("the stream is there");
        let info = "packetization-mode=1;sprop-parameter-sets=Z0LAHtoDwKaAgICg,aM48gA==";
        let described = Track { fmtp: info.to_owned(), ..track(0, TrackKind::Video) };
        rig.hub.publish(&rig.key, vec![described])
    };
    let (_, _publisher) = tokio::join!(stream.wait_opened(long), opens);
    assert!(stream.video_info().is_some());
}

#[test]
fn readers_of_a_stream_that_is_removed_are_woken_and_told_behind_what_waits_for_them() {
    let mut rig = Rig::default();
    rig.publisher.push(video(0, true, 100));
    let kinds = [
        ReaderKind::Live { burst: true },
        ReaderKind::Recorder { max_bytes: 1000 },
        ReaderKind::Pulled { max_bytes: 1000 },
    ];
    let mut readers = kinds.map(|kind| {
        let woken = Arc::new(Counter::default());
        (rig.publisher.stream().subscribe(kind, woken.clone()), woken)
    });
    rig.hub.remove(&rig.key);
    for (at, (reader, woken)) in readers.iter_mut().enumerate() {
        assert_eq!(woken.0.load(Ordering::Relaxed), 1, "reader {at}");
        // A queue is a promise.
        assert_eq!(drain(reader).len(), usize::from(at > 0), "reader {at}");
        for _ in 0..2 {
            assert!(matches!(reader.next(), Next::Closed(CloseReason::Removed)), "reader {at}");
        }
    }
    let other = rig.hub.ensure(&rig.key);
    let mut reader = other.subscribe(ReaderKind::Live { burst: true }, Arc::new(Counter::default()));
    reader.next();
    assert!(matches!(reader.next(), Next::Pending), "another one of its name goes on");
}
