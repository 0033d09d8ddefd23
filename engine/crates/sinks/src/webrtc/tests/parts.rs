//! Pacing, time, budgets, routing and sockets, each by itself.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use str0m::stats::{MediaEgressStats, RemoteIngressStats};
use vms_crowd::{Crowd, Most};
use vms_hub::{BurstTag, StreamStatus};

use crate::webrtc::limits::BurstBudget;
use crate::webrtc::metrics::{Counters, Histogram, Reported};
use crate::webrtc::pacer::{Pacer, Timeline};
use crate::webrtc::router::{Announcement, Table};
use crate::webrtc::session::resend_packets;
use crate::webrtc::signal::{Signal, readable, wait};
use crate::webrtc::socket::{ReceiveBatch, SendBatch, SendCounters, SharedSocket, machine_addresses};
use crate::webrtc::stun::{make_ufrag, shard_of, stun_ufrag};

fn tag(index: u32, of: u32, live_timestamp: i64) -> Option<BurstTag> {
    Some(BurstTag { index, of, live_timestamp })
}

#[test]
fn a_burst_keeps_its_rate_and_twice_the_streams() {
    let start = Instant::now();
    for (configured, stream, expected) in
        [(100_000_000, 4_000_000, 100_000_000), (100_000_000, 80_000_000, 160_000_000), (0, 0, 1)]
    {
        assert_eq!(Pacer::new(configured, stream, start).bits_per_second(), expected);
    }
    let mut pacer = Pacer::new(100_000_000, 0, start);
    let mut sent = 0usize;
    for ms in 0..100 {
        let now = start + Duration::from_millis(ms);
        while pacer.take(1200, now) {
            sent += 1200;
        }
    }
    // 100 ms at 12.5 kB a millisecond, plus the depth of 4 ms.
    assert!((1_230_000..1_300_000).contains(&sent), "{sent}");
    // A loop that slept does not make up for more than the depth.
    let late = start + Duration::from_secs(10);
    let mut after = 0usize;
    while pacer.take(1200, late) {
        after += 1200;
    }
    assert!((48_000..53_000).contains(&after), "{after}");
}

#[test]
fn burst_times_are_a_tick_apart_and_end_live() {
    let mut line = Timeline::new(true);
    let times: Vec<i64> = (0..4).map(|i| line.video(1000 + 3600 * i, tag(i as u32, 4, 11_800))).collect();
    assert_eq!(times, [11_797, 11_798, 11_799, 11_800]);
    assert_eq!(line.video(15_400, None), 15_400);
    // The same group again after a loss: still forwards, still before live.
    let again: Vec<i64> = (0..5).map(|i| line.video(1000 + 3600 * i, tag(i as u32, 5, 15_400))).collect();
    assert_eq!(again, [15_401, 15_402, 15_403, 15_404, 15_405]);
    assert_eq!(line.video(19_000, None), 19_000);
}

#[test]
fn another_stream_goes_on_in_the_time_of_the_first() {
    let mut line = Timeline::new(true);
    assert_eq!(line.video(90_000, None), 90_000);
    assert_eq!(line.video(93_600, None), 93_600);
    // 40 ms later by the clock of the camera, by another count.
    line.follow(5_000_000, 40_000);
    assert_eq!(line.video(5_000_000, None), 97_200);
    // The group again, which is live now.
    let again: Vec<i64> = (0..2).map(|i| line.video(5_000_000 + 3600 * i, tag(i as u32, 2, 5_003_600))).collect();
    assert_eq!(again, [100_799, 100_800]);
    // Back, 80 ms before that: shown at once, until its time has come.
    line.follow(100_000, -80_000);
    let back: Vec<i64> = (0..4).map(|i| line.video(100_000 + 3600 * i, None)).collect();
    assert_eq!(back, [100_801, 100_802, 100_803, 104_400]);
}

#[test]
fn without_playout_delay_times_are_the_cameras() {
    let mut line = Timeline::new(false);
    let times: Vec<i64> = (0..3).map(|i| line.video(1000 + 3600 * i, tag(i as u32, 3, 8200))).collect();
    assert_eq!(times, [1000, 4600, 8200]);
}

#[test]
fn the_burst_budget_lets_one_through_and_no_more_than_its_limit() {
    let budget = BurstBudget::new(250);
    let first = budget.share(1000).expect("the first always");
    assert!(budget.share(1).is_none());
    drop(first);
    let _a = budget.share(100).expect("room");
    let _b = budget.share(100).expect("room");
    assert!(budget.share(100).is_none());
    assert!(budget.share(50).is_some(), "a refused share is given back");
}

#[test]
fn histograms_count_at_or_below_each_bound() {
    let histogram = Histogram::new([1, 10]);
    for value in [0, 1, 5, 100] {
        histogram.add(value);
    }
    let values = histogram.read();
    assert_eq!((values.buckets, values.count, values.sum), (vec![(1, 2), (10, 3)], 4, 106));
}

fn stun(username: &str) -> Vec<u8> {
    let mut packet = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
    packet.extend_from_slice(&[0; 12]);
    packet.extend_from_slice(&[0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]);
    packet.extend_from_slice(&6u16.to_be_bytes());
    packet.extend_from_slice(&(username.len() as u16).to_be_bytes());
    packet.extend_from_slice(username.as_bytes());
    packet.resize(packet.len().next_multiple_of(4), 0);
    packet
}

#[test]
fn stun_is_routed_by_fragment_and_the_rest_by_address() {
    let ufrag = make_ufrag(3, "abcdefghijklmnopqrst");
    assert_eq!(ufrag.len(), 16);
    let packet = stun(&format!("{ufrag}:remote"));
    assert_eq!(stun_ufrag(&packet), Some(ufrag.as_bytes()));
    assert_eq!(shard_of(b"03x"), Some(3));
    let address: SocketAddr = "192.0.2.1:5000".parse().expect("an address");
    let mut table = Table::default();
    assert_eq!(table.route(address, &packet), Some(3));
    assert_eq!(table.route(address, b"\x16dtls"), None);
    table.apply(Announcement::Mine(address, 2));
    assert_eq!(table.route(address, b"\x16dtls"), Some(2));
    table.apply(Announcement::Gone(address, 1));
    assert_eq!(table.route(address, b"\x16dtls"), Some(2), "another shard's word does not count");
    table.apply(Announcement::Gone(address, 2));
    assert_eq!(table.route(address, b"\x16dtls"), None);
}

#[test]
fn broken_stun_routes_nowhere() {
    let good = stun("03abc:remote");
    for len in 0..good.len() - 8 {
        assert_eq!(stun_ufrag(&good[..len]), None, "{len} bytes");
    }
    let mut response = good.clone();
    response[0] = 1;
    assert_eq!(stun_ufrag(&response), None);
    assert_eq!(shard_of(b"zz"), None);
    assert_eq!(shard_of(b"0"), None);
    let nobody = Table::default().route("192.0.2.1:1".parse().expect("an address"), &stun("zz:x"));
    assert_eq!(nobody, None);
}

#[test]
fn a_signal_wakes_once_until_it_is_taken() {
    let signal = Signal::new().expect("an eventfd");
    let mut fds = [readable(signal.fd())];
    wait(&mut fds, Duration::ZERO).expect("poll");
    assert_eq!(fds[0].revents, 0);
    signal.raise();
    signal.raise();
    wait(&mut fds, Duration::from_secs(5)).expect("poll");
    assert_ne!(fds[0].revents, 0);
    signal.take();
    wait(&mut fds, Duration::ZERO).expect("poll");
    assert_eq!(fds[0].revents, 0);
}

/// Sends packets of these lengths from `bind` and returns what arrives.
fn through(bind: &str, from: IpAddr, lengths: &[usize], gso: bool) -> (Vec<usize>, Arc<SendCounters>) {
    let sender = SharedSocket::bind(bind.parse().expect("an address")).expect("a socket");
    if !gso {
        sender.disable_gso();
    }
    let receiver = SharedSocket::bind(SocketAddr::new(from, 0)).expect("a socket");
    let destination = receiver.local();
    let counters = Arc::new(SendCounters::default());
    let mut out = SendBatch::new(Arc::new([sender]), counters.clone());
    for (index, len) in lengths.iter().enumerate() {
        out.push(0, from, destination, &vec![index as u8; *len]);
    }
    out.flush();
    let mut arrived = Vec::new();
    let mut batch = ReceiveBatch::default();
    let mut fds = [readable(receiver.fd())];
    while arrived.len() < lengths.len() {
        wait(&mut fds, Duration::from_secs(5)).expect("poll");
        let count = batch
            .receive(&receiver, |source, to, bytes| {
                assert_eq!((source.ip(), to), (from, destination));
                assert!(bytes.iter().all(|b| usize::from(*b) == arrived.len()), "order");
                arrived.push(bytes.len());
            })
            .expect("receive");
        assert_ne!(count, 0, "{arrived:?} of {lengths:?} arrived");
    }
    (arrived, counters)
}

#[test]
fn packets_arrive_whole_with_and_without_segmentation() {
    let mut lengths = vec![1200; 70];
    lengths.extend([300, 1200, 1200, 64, 65, 1, 1500]);
    for gso in [true, false] {
        for (bind, from) in
            [("127.0.0.1:0", "127.0.0.1"), ("0.0.0.0:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "::1")]
        {
            let (arrived, counters) = through(bind, from.parse().expect("an address"), &lengths, gso);
            assert_eq!(arrived, lengths, "{bind} gso {gso}");
            assert_eq!(counters.packets.load(Ordering::Relaxed), lengths.len() as u64);
            assert_eq!(counters.dropped.load(Ordering::Relaxed), 0);
            let calls = counters.calls.load(Ordering::Relaxed);
            assert!(if gso { calls <= 2 } else { calls == lengths.len() as u64 }, "{calls} calls");
        }
    }
}

#[test]
fn an_impossible_destination_does_not_stop_the_others() {
    let sender = SharedSocket::bind("127.0.0.1:0".parse().expect("an address")).expect("a socket");
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let counters = Arc::new(SendCounters::default());
    let local = sender.local().ip();
    let mut out = SendBatch::new(Arc::new([sender]), counters.clone());
    let good = receiver.local_addr().expect("an address");
    out.push(0, local, "[::1]:9".parse().expect("an address"), b"lost");
    out.push(0, local, good, b"kept");
    out.flush();
    let mut buffer = [0; 16];
    assert_eq!(receiver.recv(&mut buffer).expect("receive"), 4);
    assert_eq!(counters.dropped.load(Ordering::Relaxed), 1);
}

#[test]
fn the_machine_has_a_loopback_address() {
    assert!(machine_addresses(true).contains(&Ipv4Addr::LOCALHOST.into()));
    assert!(machine_addresses(false).iter().all(IpAddr::is_ipv6));
}

#[test]
fn a_second_of_packets_is_kept_and_no_more() {
    let kept = |bitrate, fps| resend_packets(&StreamStatus { bitrate, fps, ..StreamStatus::default() });
    assert_eq!(kept(0, 0.0), 1024, "nothing is known yet");
    assert_eq!(kept(4_000_000, 25.0), 507);
    assert_eq!(kept(100_000, 5.0), 128);
    assert_eq!(kept(1_000_000_000, 60.0), 4096);
}

#[test]
fn what_is_lost_of_pictures_and_of_sound_is_added_up() {
    let told = |line: &str, lost, nacks| MediaEgressStats {
        mid: line.into(),
        rid: None,
        bytes: 0,
        packets: 0,
        firs: 0,
        plis: 0,
        nacks,
        rtt: None,
        loss: None,
        timestamp: Instant::now(),
        remote: Some(RemoteIngressStats { jitter: 0, maximum_sequence_number: 0.into(), packets_lost: lost }),
    };
    let counters = Counters::new(Crowd::new(Most { in_all: 1, of_one: 1 }));
    let mut reported = Reported::default();
    // Totals; a report may be overtaken by the one after it.
    for stats in [told("v", 5, 7), told("a", 3, 0), told("v", 6, 7), told("v", 5, 7), told("a", 4, 0)] {
        reported.count(&stats, &counters);
    }
    assert_eq!((counters.lost.load(Ordering::Relaxed), counters.nacks.load(Ordering::Relaxed)), (10, 7));
}
