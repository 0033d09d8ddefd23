//! A flood of strangers leaves nothing behind in the SRT listener. Alone in its
//! process, because it looks at all of the process's memory and threads.

use std::net::UdpSocket;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use vms_access::Access;
use vms_hub::{Hub, HubConfig, StreamKey};
use vms_sinks::srt::{SrtConfig, SrtMeans, SrtServer};
use vms_sources::Arrivals;
use vms_srt::{Connection, Identity, Settings};

const LIMIT: Duration = Duration::from_secs(10);

/// Resident bytes and threads of this process.
fn usage() -> (u64, usize) {
    let text = std::fs::read_to_string("/proc/self/statm").expect("this is Linux");
    let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number");
    (pages * 4096, std::fs::read_dir("/proc/self/task").expect("this is Linux").count())
}

/// As many first questions as may come within a minute, and noise between.
fn flood(socket: &UdpSocket, random: &mut rand::rngs::StdRng) {
    for _ in 0..10_000 {
        let length = random.random_range(1..1_400);
        let noise: Vec<u8> = (0..length).map(|_| random.random()).collect();
        socket.send(&noise).expect("sent");
        let mut question = Vec::new();
        let mut caller = Connection::call(Settings::default(), Identity::random(), Instant::now());
        assert!(caller.poll_output(&mut question, Instant::now()));
        socket.send(&question).expect("sent");
    }
}

/// A good caller is served, which also shows that all before was dealt with.
fn is_served(server: &SrtServer) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(server.address()).expect("an address");
    socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a pause");
    let settings = Settings { stream_id: "read:gate".into(), ..Settings::default() };
    let mut caller = Connection::call(settings, Identity::random(), Instant::now());
    let end = Instant::now() + LIMIT;
    let (mut out, mut buffer) = (Vec::new(), [0; 2048]);
    while !caller.is_open() {
        assert!(Instant::now() < end && caller.end().is_none(), "{:?}", caller.end());
        while caller.poll_output(&mut out, Instant::now()) {
            socket.send(&out).expect("sent");
            out.clear();
        }
        if let Ok(length) = socket.recv(&mut buffer) {
            caller.input(&buffer[..length], Instant::now());
        }
    }
    caller.close();
    while caller.poll_output(&mut out, Instant::now()) {
        socket.send(&out).expect("sent");
        out.clear();
    }
}

#[test]
fn memory_and_threads_stay_flat_under_a_flood_of_strangers() {
    let hub = Hub::new(HubConfig::default());
    hub.ensure(&StreamKey::parse("gate").expect("a good name"));
    let access = Access::new(true);
    let means = SrtMeans { hub, access: access.clone(), arrivals: Arrivals::default(), clock: Default::default() };
    let config = SrtConfig { bind: ([127, 0, 0, 1], 0).into(), latency: Duration::from_millis(20) };
    let server = SrtServer::start(&config, means).expect("a free port");
    let mut random = rand::rngs::StdRng::seed_from_u64(2);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(server.address()).expect("an address");
    flood(&socket, &mut random);
    is_served(&server);
    let before = usage();
    for _ in 0..3 {
        flood(&socket, &mut random);
        is_served(&server);
    }
    let end = Instant::now() + LIMIT;
    while access.sessions() > 0 || server.metrics().readers.load(Ordering::Relaxed) > 0 {
        assert!(Instant::now() < end, "sessions are left");
        std::thread::sleep(Duration::from_millis(5));
    }
    let after = usage();
    assert_eq!(after.1, before.1, "threads");
    assert!(after.0.saturating_sub(before.0) < 4 << 20, "{} bytes became {}", before.0, after.0);
}
