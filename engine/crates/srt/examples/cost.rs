//! What SRT costs, and how late it makes a picture: our sender and receiver
//! beside libsrt's (`srt-live-transmit`) in the same run, over loopback.
//!
//! `cargo run --release -p vms-srt --example cost -- SECONDS MBIT`

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use vms_srt::{
    Connection, Delivery, Identity, Incoming, KeyLength, LIVE_PAYLOAD, Listener, Packet, Passphrase, Settings,
};

const SECRET: &str = "correct horse battery";
const LATENCY: Duration = Duration::from_millis(20);

fn settings(encrypts: bool, delivery: Delivery) -> Settings {
    Settings {
        latency: LATENCY,
        passphrase: encrypts.then(|| Passphrase::new(SECRET).expect("long enough")),
        key_length: KeyLength::Aes128,
        delivery,
        ..Settings::default()
    }
}

/// CPU that a thread of this process, or a child, has used, by `/proc`.
fn cpu_s(path: &str) -> f64 {
    let text = std::fs::read_to_string(format!("{path}/stat")).unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time, in hundredths.
    (ticks(11) + ticks(12)) / 100.0
}

fn own_thread() -> String {
    let link = std::fs::read_link("/proc/thread-self").expect("this is Linux");
    format!("/proc/{}", link.display())
}

/// One connection on a socket of its own.
struct End {
    socket: UdpSocket,
    peer: SocketAddr,
    connection: Connection,
    out: Vec<u8>,
}

impl End {
    fn call(to: SocketAddr, settings: Settings) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let connection = Connection::call(settings, Identity::random(), Instant::now());
        let mut end = Self { socket, peer: to, connection, out: Vec::new() };
        while !end.connection.is_open() {
            assert!(end.connection.end().is_none(), "{:?}", end.connection.end());
            end.turn(Duration::from_millis(5));
        }
        end
    }

    fn listen(socket: UdpSocket, settings: &Settings) -> Self {
        let mut listener = Listener::new(Instant::now());
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).expect("a datagram");
            match listener.input(from, &buffer[..length], Instant::now()) {
                Incoming::Reply(reply) => {
                    socket.send_to(&reply, from).expect("sent");
                }
                Incoming::Request(request) => {
                    let connection = request.accept(settings.clone(), 5, Instant::now()).expect("it fits");
                    return Self { socket, peer: from, connection, out: Vec::new() };
                }
                Incoming::Ignored => {}
            }
        }
    }

    fn flush(&mut self) {
        while self.connection.poll_output(&mut self.out, Instant::now()) {
            // A peer that is gone is noticed by its silence.
            let _ = self.socket.send_to(&self.out, self.peer);
            self.out.clear();
        }
    }

    /// Waits for datagrams at most so long, and takes all that wait.
    fn turn(&mut self, most: Duration) {
        self.flush();
        let due = self.connection.deadline().map_or(most, |at| at.saturating_duration_since(Instant::now()).min(most));
        self.socket.set_read_timeout(Some(due.max(Duration::from_micros(50)))).expect("a pause");
        let mut buffer = [0; 2048];
        if let Ok(length) = self.socket.recv(&mut buffer) {
            if Packet::destination(&buffer[..length]) != Some(0) || self.connection.is_open() {
                self.connection.input(&buffer[..length], Instant::now());
            }
            self.socket.set_nonblocking(true).expect("a socket");
            while let Ok(length) = self.socket.recv(&mut buffer) {
                self.connection.input(&buffer[..length], Instant::now());
            }
            self.socket.set_nonblocking(false).expect("a socket");
        }
        self.flush();
    }
}

/// Sends frames of 40 ms, as a camera does; answers CPU and bits.
fn send(mut end: End, seconds: u64, mbit: u64) -> (f64, f64) {
    let (thread, start) = (own_thread(), Instant::now());
    let before = cpu_s(&thread);
    let packets = (mbit * 1_000_000 / 25 / 8).div_ceil(LIVE_PAYLOAD as u64);
    let mut payload = vec![0x47; LIVE_PAYLOAD];
    for frame in 0..seconds * 25 {
        let due = start + Duration::from_millis(frame * 40);
        while Instant::now() < due {
            end.turn(due.saturating_duration_since(Instant::now()));
        }
        let stamp = now_us().to_be_bytes();
        payload[1..9].copy_from_slice(&stamp);
        for _ in 0..packets {
            end.connection.send(&payload, Instant::now());
        }
        end.flush();
    }
    let cpu = cpu_s(&thread) - before;
    let sent = end.connection.stats().sent_bytes as f64 * 8.0 / 1e6;
    end.connection.close();
    end.flush();
    (cpu, sent)
}

fn now_us() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    since.as_micros() as u64
}

/// Takes all until the sender says goodbye; answers CPU, bits and ages in milliseconds.
fn receive(mut end: End, mut onwards: Option<End>) -> (f64, f64, Vec<f64>) {
    let thread = own_thread();
    let before = cpu_s(&thread);
    let mut ages = Vec::new();
    while end.connection.end().is_none() || end.connection.deadline().is_some() {
        end.turn(Duration::from_millis(5));
        while let Some(payload) = end.connection.take(Instant::now()) {
            let stamp = payload.get(1..9).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_be_bytes);
            ages.push((now_us().saturating_sub(stamp)) as f64 / 1e3);
            if let Some(onwards) = &mut onwards {
                onwards.connection.send(&payload, Instant::now());
            }
        }
        if let Some(onwards) = &mut onwards {
            onwards.turn(Duration::from_micros(50));
        }
    }
    if let Some(onwards) = &mut onwards {
        onwards.connection.close();
        onwards.flush();
    }
    let bits = end.connection.stats().received_bytes as f64 * 8.0 / 1e6;
    (cpu_s(&thread) - before, bits, ages)
}

fn pair(encrypts: bool, seconds: u64, mbit: u64) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let at = socket.local_addr().expect("bound");
    let taking = std::thread::spawn(move || receive(End::listen(socket, &settings(encrypts, Delivery::InOrder)), None));
    let (cpu, sent) = send(End::call(at, settings(encrypts, Delivery::OnTime)), seconds, mbit);
    let (taken_cpu, taken, _) = taking.join().expect("it ends");
    let word = if encrypts { "AES-128" } else { "plain" };
    println!("ours,    {word:8} send {:6.2} ms a Mbit, receive {:6.2}", cpu * 1e3 / sent, taken_cpu * 1e3 / taken);
}

/// The same bytes through two processes of srt-live-transmit.
fn libsrt(encrypts: bool, seconds: u64, mbit: u64) {
    let port = UdpSocket::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let secret = if encrypts { format!("&passphrase={SECRET}&pbkeylen=16") } else { String::new() };
    let address = |mode: &str| format!("srt://127.0.0.1:{port}?mode={mode}&latency=20{secret}");
    let tool = |from: &str, to: &str| {
        let mut command = Command::new("srt-live-transmit");
        command.args(["-q", "-a", "no", "-chunk", "1316", from, to]).stderr(Stdio::null());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("apt install srt-tools")
    };
    let mut receiver = tool(&address("listener"), "file://con");
    let mut output = receiver.stdout.take().expect("piped");
    let ended = Arc::new(AtomicBool::new(false));
    let (word, drain) = (
        ended.clone(),
        std::thread::spawn(move || {
            let (mut buffer, mut all) = (vec![0; 1 << 16], 0_u64);
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                all += length as u64;
            }
            all
        }),
    );
    std::thread::sleep(Duration::from_millis(500));
    let mut sender = tool("file://con", &address("caller"));
    let mut input = sender.stdin.take().expect("piped");
    std::thread::sleep(Duration::from_millis(500));
    let [from, to] = [sender.id(), receiver.id()].map(|id| format!("/proc/{id}"));
    let before = (cpu_s(&from), cpu_s(&to));
    let (start, frame) = (Instant::now(), vec![0x47; (mbit * 1_000_000 / 25 / 8) as usize]);
    for number in 0..seconds * 25 {
        let due = start + Duration::from_millis(number * 40);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        input.write_all(&frame).expect("it reads");
    }
    let used = (cpu_s(&from) - before.0, cpu_s(&to) - before.1);
    word.store(true, Ordering::Relaxed);
    sender.kill().expect("it runs");
    receiver.kill().expect("it runs");
    sender.wait().expect("it ended");
    receiver.wait().expect("it ended");
    let taken = drain.join().expect("it ends") as f64 * 8.0 / 1e6;
    let kind = if encrypts { "AES-128" } else { "plain" };
    println!("libsrt,  {kind:8} send {:6.2} ms a Mbit, receive {:6.2}", used.0 * 1e3 / taken, used.1 * 1e3 / taken);
}

/// A publisher, a server that hands on, a player; 20 ms set everywhere.
fn latency(encrypts: bool, seconds: u64) {
    let [first, second] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    let [to_first, to_second] = [&first, &second].map(|socket| socket.local_addr().expect("bound"));
    let player = std::thread::spawn(move || {
        let end = End::listen(second, &settings(encrypts, Delivery::OnTime));
        receive(end, None).2
    });
    let server = std::thread::spawn(move || {
        let onwards = End::call(to_second, settings(encrypts, Delivery::OnTime));
        receive(End::listen(first, &settings(encrypts, Delivery::InOrder)), Some(onwards))
    });
    std::thread::sleep(Duration::from_millis(100));
    send(End::call(to_first, settings(encrypts, Delivery::OnTime)), seconds, 4);
    server.join().expect("it ends");
    let mut ages = player.join().expect("it ends");
    ages.sort_by(f64::total_cmp);
    let at = |part: f64| ages.get((ages.len() as f64 * part) as usize).copied().unwrap_or(0.0);
    let kind = if encrypts { "AES-128" } else { "plain" };
    println!("live,    {kind:8} P50 {:.1} ms, P95 {:.1} ms, of {} packets", at(0.5), at(0.95), ages.len());
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("a number"));
    let (seconds, mbit) = (arguments.next().unwrap_or(10), arguments.next().unwrap_or(20));
    for encrypts in [false, true] {
        pair(encrypts, seconds, mbit);
        libsrt(encrypts, seconds, mbit);
    }
    for encrypts in [false, true] {
        latency(encrypts, seconds);
    }
}
