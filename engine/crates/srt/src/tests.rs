//! A caller and a listener, whole, over networks of every kind.

use std::time::{Duration, Instant};

use crate::simulator::{Net, Way};
use crate::{Connection, Delivery, End, Identity, Incoming, KeyLength, Listener, Passphrase, Reject, Settings};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn settings(latency_ms: u64) -> Settings {
    Settings { latency: ms(latency_ms), ..Settings::default() }
}

fn secret(settings: Settings, text: &str) -> Settings {
    Settings { passphrase: Some(Passphrase::new(text).expect("long enough")), ..settings }
}

fn connected(mut net: Net) -> Net {
    // Lost handshakes are sent again each 250 ms, for 3 s.
    net.pass(ms(2_900));
    assert!(net.caller.is_open() && net.accepted.is_some(), "{:?}", net.caller.end());
    net
}

/// In order, none twice, none later than latency and way say.
fn check_order_and_time(net: &Net, latency: Duration) {
    assert!(net.delivered.windows(2).all(|pair| pair[0].number < pair[1].number), "in order, none twice");
    for one in &net.delivered {
        let age = one.at.duration_since(one.sent);
        // Until the quickest packet has come, time is judged by slower ones.
        let most = net.way.delay + net.way.jitter + latency + ms(2);
        assert!(age <= most, "{} came after {age:?}", one.number);
    }
}

/// Loss and jitter, latency, and how many of 4000 must come.
#[test]
fn what_is_lost_is_sent_again_in_time() {
    let way = |loss, jitter| Way { loss, doubles: 0.0, delay: ms(5), jitter: ms(jitter) };
    let table = [
        (way(0.0, 0), 20, 4000),
        (way(0.01, 0), 60, 4000),
        (way(0.01, 3), 60, 4000),
        (way(0.05, 0), 120, 4000),
        (way(0.20, 0), 300, 4000),
        (way(0.20, 20), 500, 3990),
        (Way { loss: 0.05, doubles: 0.05, delay: ms(5), jitter: ms(10) }, 300, 3998),
        (way(0.01, 200), 1_200, 3990),
        (way(0.05, 200), 2_000, 3990),
    ];
    for delivery in [Delivery::OnTime, Delivery::InOrder] {
        for (row, &(way, latency, least)) in table.iter().enumerate() {
            let accepts = Settings { delivery, ..settings(latency) };
            let mut net = connected(Net::new(row as u64, way, settings(latency), accepts));
            net.stream(4000, Duration::from_micros(2_600));
            net.pass(ms(latency + 500));
            check_order_and_time(&net, ms(latency));
            let came = net.delivered.len();
            assert!(came >= least, "row {row}, {delivery:?}: {came} came");
            let stats = net.accepted.as_ref().expect("accepted").stats();
            assert_eq!(came as u64 + stats.dropped_packets, 4000, "row {row}: what did not come was counted");
        }
    }
}

#[test]
fn what_cannot_come_in_time_is_dropped_and_the_rest_is_not_late() {
    let way = Way { loss: 0.05, doubles: 0.0, delay: ms(60), jitter: ms(200) };
    let mut net = connected(Net::new(3, way, settings(40), settings(40)));
    net.stream(4000, Duration::from_micros(2_600));
    net.pass(ms(1_000));
    check_order_and_time(&net, ms(40));
    let stats = net.accepted.as_ref().expect("accepted").stats();
    assert!(stats.dropped_packets > 100, "{stats:?}");
    assert!(net.delivered.len() > 400, "{stats:?}");
}

#[test]
fn payloads_leave_as_they_came_in_or_at_once() {
    let age_of = |delivery| {
        let accepts = Settings { delivery, ..settings(120) };
        let mut net = connected(Net::new(1, Way::good(), settings(20), accepts));
        net.stream(400, Duration::from_micros(2_600));
        net.pass(ms(500));
        assert_eq!(net.delivered.len(), 400);
        net.delivered.iter().map(|one| one.at.duration_since(one.sent)).max().expect("some came")
    };
    // The larger latency counts, and 5 ms of way.
    assert!((ms(124)..=ms(126)).contains(&age_of(Delivery::OnTime)));
    assert!(age_of(Delivery::InOrder) <= ms(6));
}

#[test]
fn every_length_of_key_encrypts() {
    for key_length in [KeyLength::Aes128, KeyLength::Aes192, KeyLength::Aes256] {
        let calls = Settings { key_length, ..secret(settings(60), "correct horse") };
        let way = Way { loss: 0.02, ..Way::good() };
        let mut net = connected(Net::new(5, way, calls, secret(settings(60), "correct horse")));
        net.stream(500, ms(1));
        net.pass(ms(500));
        assert_eq!(net.delivered.len(), 500);
    }
}

#[test]
fn keys_are_renewed_without_a_break() {
    let calls = Settings { key_refresh: (300, 100), ..secret(settings(120), "correct horse") };
    let way = Way { loss: 0.05, ..Way::good() };
    let mut net = connected(Net::new(6, way, calls, secret(settings(120), "correct horse")));
    net.stream(2_000, ms(1));
    net.pass(ms(500));
    let stats = net.accepted.as_ref().expect("accepted").stats();
    assert_eq!((net.delivered.len(), stats.undecrypted), (2_000, 0));
    // The first key, and one more for each 300 packets, when the peer has said that it knows it.
    assert!((5..=7).contains(&stats.key_changes), "{stats:?}");
}

#[test]
fn passphrases_must_fit() {
    let table = [
        (secret(settings(20), "correct horse"), secret(settings(20), "another horse"), Reject::WrongPassphrase),
        (settings(20), secret(settings(20), "another horse"), Reject::Unsecure),
        (secret(settings(20), "correct horse"), settings(20), Reject::Unsecure),
    ];
    for (calls, accepts, expected) in table {
        let mut net = Net::new(0, Way::good(), calls, accepts);
        net.pass(ms(500));
        assert_eq!(net.caller.end(), Some(End::Refused(expected)));
        assert_eq!(net.refused, Some(expected));
    }
}

#[test]
fn both_sides_know_when_it_is_over() {
    let mut net = connected(Net::new(0, Way::good(), settings(20), settings(20)));
    net.caller.close();
    net.pass(ms(100));
    assert_eq!(net.caller.end(), Some(End::Closed));
    assert_eq!(net.accepted.as_ref().and_then(Connection::end), Some(End::PeerClosed));

    let mut net = connected(Net::new(0, Way::good(), settings(20), settings(20)));
    net.pass(ms(10_000));
    assert!(net.caller.is_open(), "keep-alives keep a quiet connection");
    net.way.loss = 1.0;
    net.pass(ms(6_500));
    assert_eq!(net.caller.end(), Some(End::Idle));
    assert_eq!(net.accepted.as_ref().and_then(Connection::end), Some(End::Idle));
}

#[test]
fn a_call_that_nobody_answers_ends() {
    let way = Way { loss: 1.0, ..Way::good() };
    let mut net = Net::new(0, way, settings(20), settings(20));
    net.pass(ms(3_100));
    assert_eq!(net.caller.end(), Some(End::Unanswered));
    assert_eq!(net.caller.deadline(), None);
}

/// What a caller writes in its first two questions.
fn questions(listener: &mut Listener, now: Instant) -> (Vec<u8>, Vec<u8>) {
    questions_of("192.0.2.7:5000", listener, now)
}

fn questions_of(from: &str, listener: &mut Listener, now: Instant) -> (Vec<u8>, Vec<u8>) {
    let from = from.parse().expect("an address");
    let mut caller = Connection::call(settings(20), Identity::random(), now);
    let mut first = Vec::new();
    assert!(caller.poll_output(&mut first, now));
    let Incoming::Reply(reply) = listener.input(from, &first, now) else { panic!("a cookie is given") };
    caller.input(&reply, now);
    let mut second = Vec::new();
    assert!(caller.poll_output(&mut second, now));
    (first, second)
}

#[test]
fn a_cookie_is_good_for_its_address_and_for_a_while() {
    let now = Instant::now();
    let mut listener = Listener::new(now);
    let (_, conclusion) = questions(&mut listener, now);
    let judge = |listener: &mut Listener, from: &str, seconds| {
        let now = now + Duration::from_secs(seconds);
        matches!(listener.input(from.parse().expect("an address"), &conclusion, now), Incoming::Request(_))
    };
    assert!(judge(&mut listener, "192.0.2.7:5000", 0));
    assert!(judge(&mut listener, "192.0.2.7:5000", 119));
    assert!(!judge(&mut listener, "192.0.2.7:5000", 120), "too old");
    assert!(!judge(&mut listener, "192.0.2.7:5001", 0), "another port");
    assert!(!judge(&mut listener, "192.0.2.8:5000", 0), "another host");
}

/// At each word of a question, what a wrong one leads to.
#[test]
fn questions_that_cannot_be_met_are_refused_with_a_reason() {
    let now = Instant::now();
    let table = [
        // (offset behind the header, word, of the conclusion?, wire code)
        (0, 3_u32, false, 1008),
        (0, 4, true, 1008),
        // HSREQ: SRT 1.2.0, then flags without time-based delivery.
        (48 + 4, 0x01_02_00, true, 1008),
        (48 + 8, 0, true, 1013),
    ];
    for (offset, word, concludes, code) in table {
        let mut listener = Listener::new(now);
        let (first, second) = questions(&mut listener, now);
        let mut question = if concludes { second } else { first };
        question[16 + offset..20 + offset].copy_from_slice(&word.to_be_bytes());
        let answer = listener.input("192.0.2.7:5000".parse().expect("an address"), &question, now);
        let Incoming::Reply(reply) = answer else { panic!("{offset}: {answer:?}") };
        assert_eq!(reply[36..40], u32::to_be_bytes(code), "offset {offset}");
    }
}

#[test]
fn a_flood_of_conclusions_is_answered_up_to_a_rate() {
    let now = Instant::now();
    let mut listener = Listener::new(now);
    let (_, conclusion) = questions(&mut listener, now);
    let judged = |listener: &mut Listener, now| {
        let from = "192.0.2.7:5000".parse().expect("an address");
        (0..1_000).filter(|_| matches!(listener.input(from, &conclusion, now), Incoming::Request(_))).count()
    };
    assert_eq!(judged(&mut listener, now), 100);
    assert_eq!(listener.turned_away(), 900);
    assert_eq!(judged(&mut listener, now + Duration::from_secs(1)), 100);
}

#[test]
fn a_flood_of_one_caller_keeps_no_other_out() {
    let now = Instant::now();
    let mut listener = Listener::new(now);
    let mut judged = |from: &str, times: usize| {
        let (_, conclusion) = questions_of(from, &mut listener, now);
        let from = from.parse().expect("an address");
        (0..times).filter(|_| matches!(listener.input(from, &conclusion, now), Incoming::Request(_))).count()
    };
    // Another port is the same caller.
    assert_eq!([judged("192.0.2.7:5000", 1_000), judged("192.0.2.7:5001", 1_000)], [100, 0]);
    assert_eq!(judged("192.0.2.8:5000", 20), 20);
}

/// Whatever comes, nothing panics and no more is held than a window.
#[test]
fn random_bytes_do_nothing() {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(9);
    let mut net = connected(Net::new(0, Way::good(), settings(20), settings(20)));
    let mut listener = Listener::new(net.now);
    for _ in 0..50_000 {
        let length = random.random_range(0..200);
        let mut datagram: Vec<u8> = (0..length).map(|_| random.random()).collect();
        if datagram.len() >= 16 {
            // Half of them look like control packets for this connection.
            datagram[0] = if random.random_bool(0.5) { 0x80 } else { random.random() };
            datagram[1] = random.random_range(0..9);
            datagram[12..16].copy_from_slice(&[0, 0, 0, 22]);
            // But for the goodbye.
            if datagram[..2] == [0x80, 5] {
                continue;
            }
        }
        let now = net.now;
        if let Some(accepted) = &mut net.accepted {
            accepted.input(&datagram, now);
        }
        assert!(!matches!(
            listener.input("192.0.2.9:1".parse().expect("an address"), &datagram, now),
            Incoming::Request(_)
        ));
        net.pass(Duration::from_micros(100));
    }
    assert!(net.accepted.as_ref().is_some_and(Connection::is_open));
}
