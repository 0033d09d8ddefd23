//! Against libsrt: its own tool and ffmpeg, in all roles, plain and with each
//! length of key, over a network that loses packets.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use vms_srt::{Connection, End, Identity, Incoming, KeyLength, LIVE_PAYLOAD, Listener, Passphrase, Settings};

const SECRET: &str = "correct horse";
const PAYLOADS: usize = 1_000;
/// srt-live-transmit keeps the last of what it reads until more comes.
const MORE: usize = 200;
const LIMIT: Duration = Duration::from_secs(20);
const LOSS: f64 = 0.03;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    LiveTransmit,
    Ffmpeg,
}

/// What we do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    CallAndSend,
    CallAndReceive,
    ListenAndSend,
    ListenAndReceive,
}

const ROLES: [Role; 4] = [Role::CallAndSend, Role::CallAndReceive, Role::ListenAndSend, Role::ListenAndReceive];
const KEYS: [Option<KeyLength>; 4] = [None, Some(KeyLength::Aes128), Some(KeyLength::Aes192), Some(KeyLength::Aes256)];

impl Role {
    fn calls(self) -> bool {
        matches!(self, Self::CallAndSend | Self::CallAndReceive)
    }

    fn sends(self) -> bool {
        matches!(self, Self::CallAndSend | Self::ListenAndSend)
    }
}

/// Ends the tool with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("bound").port()
}

/// The other side, by its address and whether it reads from us.
fn start(tool: Tool, role: Role, key: Option<KeyLength>, port: u16) -> Running {
    let mode = if role.calls() { "listener" } else { "caller" };
    let secret = key.map_or(String::new(), |key| format!("&passphrase={SECRET}&pbkeylen={}", key.bytes()));
    let (command, latency) = match tool {
        Tool::LiveTransmit => ("srt-live-transmit", "400"),
        Tool::Ffmpeg => ("ffmpeg", "400000"),
    };
    let address = format!("srt://127.0.0.1:{port}?mode={mode}&latency={latency}{secret}");
    let mut command = Command::new(command);
    match (tool, role.sends()) {
        (Tool::LiveTransmit, true) => command.args(["-q", "-a", "no", &address, "file://con"]),
        (Tool::LiveTransmit, false) => command.args(["-q", "-a", "no", "file://con", &address]),
        (Tool::Ffmpeg, true) => command.args([
            "-v",
            "error",
            "-analyzeduration",
            "500000",
            "-i",
            &address,
            "-c",
            "copy",
            "-f",
            "mpegts",
            "pipe:1",
        ]),
        (Tool::Ffmpeg, false) => {
            let scene = ["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"];
            command.args(scene).args(["-t", "3", "-c:v", "mpeg2video", "-b:v", "3M", "-f", "mpegts", &address])
        }
    };
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    Running(child.unwrap_or_else(|error| panic!("{tool:?}: {error}; apt install srt-tools ffmpeg")))
}

/// A socket with a connection, which loses packets in both directions.
struct Shell {
    socket: UdpSocket,
    peer: Option<SocketAddr>,
    listener: Listener,
    settings: Settings,
    connection: Option<Connection>,
    random: StdRng,
    loses: bool,
}

impl Shell {
    fn new(role: Role, key: Option<KeyLength>, port: u16) -> Self {
        let settings = Settings {
            // A machine that stands still for a moment loses nothing.
            latency: Duration::from_millis(1_000),
            passphrase: key.map(|_| Passphrase::new(SECRET).expect("long enough")),
            key_length: key.unwrap_or_default(),
            ..Settings::default()
        };
        let own = if role.calls() { 0 } else { port };
        let socket = UdpSocket::bind(("127.0.0.1", own)).expect("a free port");
        let now = Instant::now();
        let calling = role.calls().then(|| Connection::call(settings.clone(), Identity::random(), now));
        Self {
            socket,
            peer: role.calls().then(|| SocketAddr::from(([127, 0, 0, 1], port))),
            listener: Listener::new(now),
            settings,
            connection: calling,
            random: StdRng::seed_from_u64(1),
            loses: false,
        }
    }

    fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_mut()
    }

    /// Media alone: what a lost handshake or goodbye does is tested elsewhere.
    fn is_lost(&mut self) -> bool {
        self.loses && self.random.random_bool(LOSS)
    }

    /// Sends what waits, then takes what comes within a few milliseconds.
    fn turn(&mut self, until: Instant) {
        self.flush();
        let now = Instant::now();
        let due = self.connection.as_ref().and_then(Connection::deadline).unwrap_or(until).min(until);
        let pause = due.saturating_duration_since(now).max(Duration::from_micros(200));
        self.socket.set_read_timeout(Some(pause)).expect("a pause");
        let mut buffer = [0; 2048];
        let Ok((length, from)) = self.socket.recv_from(&mut buffer) else { return };
        if !self.is_lost() {
            self.arrived(from, &buffer[..length]);
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut out = Vec::new();
        while self.connection.as_mut().is_some_and(|connection| connection.poll_output(&mut out, Instant::now())) {
            if let (Some(peer), false) = (self.peer, self.is_lost()) {
                // A peer that is not there yet is called again.
                let _ = self.socket.send_to(&out, peer);
            }
            out.clear();
        }
    }

    fn arrived(&mut self, from: SocketAddr, datagram: &[u8]) {
        let now = Instant::now();
        if let Some(connection) = &mut self.connection {
            return connection.input(datagram, now);
        }
        match self.listener.input(from, datagram, now) {
            Incoming::Ignored => {}
            Incoming::Reply(reply) => {
                self.socket.send_to(&reply, from).expect("sent");
            }
            Incoming::Request(request) => match request.accept(self.settings.clone(), 77, now) {
                Ok(connection) => {
                    self.peer = Some(from);
                    self.connection = Some(connection);
                }
                Err(reject) => {
                    self.socket.send_to(&request.refuse(reject), from).expect("sent");
                }
            },
        }
    }
}

/// Numbered payloads that are packets of MPEG-TS in the eyes of nobody.
fn payload(number: usize) -> Vec<u8> {
    let mut payload = vec![number as u8; LIVE_PAYLOAD];
    payload[..4].copy_from_slice(&(number as u32).to_be_bytes());
    payload
}

fn wait_until_open(shell: &mut Shell, role: Role) {
    let end = Instant::now() + LIMIT;
    while !shell.connection.as_ref().is_some_and(Connection::is_open) {
        assert!(Instant::now() < end, "it does not open");
        if role.calls() && shell.connection.as_ref().is_some_and(|one| one.end() == Some(End::Unanswered)) {
            // The tool was not there yet.
            shell.connection = Some(Connection::call(shell.settings.clone(), Identity::random(), Instant::now()));
        }
        shell.turn(Instant::now() + Duration::from_millis(20));
    }
    shell.loses = true;
}

/// We send `stream`; what the tool wrote comes back.
fn send_all(shell: &mut Shell, running: &mut Running, stream: &[Vec<u8>]) -> Vec<u8> {
    let mut stdout = running.0.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let mut all = Vec::new();
        stdout.read_to_end(&mut all).expect("read");
        all
    });
    for payload in stream {
        let next = Instant::now() + Duration::from_millis(2);
        assert!(shell.connection().expect("open").send(payload, Instant::now()), "there is room");
        while Instant::now() < next {
            shell.turn(next);
        }
    }
    let end = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < end {
        shell.turn(end);
    }
    shell.loses = false;
    shell.connection().expect("open").close();
    shell.turn(Instant::now() + Duration::from_millis(1));
    reading.join().expect("it reads to the end")
}

/// Bytes of the tool, until there are enough or it says goodbye.
fn receive_all(shell: &mut Shell, enough: usize) -> Vec<u8> {
    let end = Instant::now() + LIMIT;
    let mut came = Vec::new();
    while Instant::now() < end && came.len() < enough {
        shell.turn(Instant::now() + Duration::from_millis(20));
        let now = Instant::now();
        while let Some(payload) = shell.connection().and_then(|connection| connection.take(now)) {
            came.extend_from_slice(&payload);
        }
        if shell.connection.as_ref().is_some_and(|one| one.end().is_some() && one.deadline().is_none()) {
            break;
        }
    }
    came
}

fn live_transmit(role: Role, key: Option<KeyLength>) {
    let port = free_port();
    let mut running;
    let mut shell;
    if role.calls() {
        running = start(Tool::LiveTransmit, role, key, port);
        shell = Shell::new(role, key, port);
    } else {
        shell = Shell::new(role, key, port);
        running = start(Tool::LiveTransmit, role, key, port);
    }
    wait_until_open(&mut shell, role);
    let stream: Vec<Vec<u8>> = (0..PAYLOADS).map(payload).collect();
    if role.sends() {
        let came = send_all(&mut shell, &mut running, &stream);
        assert_eq!(came.len(), PAYLOADS * LIVE_PAYLOAD, "{role:?} {key:?}");
        assert!(came == stream.concat(), "{role:?} {key:?}: other bytes");
    } else {
        let mut stdin = running.0.stdin.take().expect("piped");
        let feeding = std::thread::spawn(move || {
            for payload in stream.into_iter().chain((0..MORE).map(|_| payload(0))) {
                // It may have been ended, when enough has come.
                if stdin.write_all(&payload).is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let came = receive_all(&mut shell, PAYLOADS * LIVE_PAYLOAD);
        let sent: Vec<u8> = (0..PAYLOADS).flat_map(payload).collect();
        assert!(came.len() >= sent.len(), "{role:?} {key:?}: {} bytes", came.len());
        // The tool cuts what it reads as it likes.
        assert!(came[..sent.len()] == sent, "{role:?} {key:?}: other bytes");
        drop(feeding.join());
    }
    let stats = shell.connection().expect("it was open").stats();
    assert_eq!(stats.undecrypted, 0);
    let repaired = if role.sends() { stats.resent_packets } else { stats.lost_packets };
    assert!(repaired > 0, "{role:?} {key:?}: nothing was lost in this test");
}

#[test]
fn srt_live_transmit_in_all_roles_and_with_all_keys() {
    std::thread::scope(|scope| {
        for key in KEYS {
            scope.spawn(move || ROLES.iter().for_each(|role| live_transmit(*role, key)));
        }
    });
}

/// A stream of MPEG-TS, as ffmpeg writes it.
fn transport_stream() -> Vec<Vec<u8>> {
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25", "-t", "4"])
        .args(["-c:v", "mpeg2video", "-g", "10", "-b:v", "3M", "-f", "mpegts", "pipe:1"])
        .output()
        .expect("apt install ffmpeg");
    made.stdout.chunks(LIVE_PAYLOAD).map(<[u8]>::to_vec).collect()
}

fn ffmpeg(role: Role, key: Option<KeyLength>, stream: &[Vec<u8>]) {
    let port = free_port();
    let mut running;
    let mut shell;
    if role.calls() {
        running = start(Tool::Ffmpeg, role, key, port);
        shell = Shell::new(role, key, port);
    } else {
        shell = Shell::new(role, key, port);
        running = start(Tool::Ffmpeg, role, key, port);
    }
    wait_until_open(&mut shell, role);
    let came =
        if role.sends() { send_all(&mut shell, &mut running, stream) } else { receive_all(&mut shell, usize::MAX) };
    assert!(came.len() > 300_000, "{role:?} {key:?}: {} bytes", came.len());
    let synced = came.chunks_exact(188).filter(|packet| packet[0] == 0x47).count();
    assert_eq!(synced, came.len() / 188, "{role:?} {key:?}: all of it is MPEG-TS");
    let stats = shell.connection().expect("it was open").stats();
    assert_eq!((stats.undecrypted, stats.dropped_packets), (0, 0), "{role:?} {key:?}");
}

#[test]
fn ffmpeg_in_all_roles_and_with_all_keys() {
    let stream = transport_stream();
    std::thread::scope(|scope| {
        for key in KEYS {
            let stream = &stream;
            scope.spawn(move || ROLES.iter().for_each(|role| ffmpeg(*role, key, stream)));
        }
    });
}
