//! The RTSP server: requests in, answers out, sessions onto the pacer.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::{Buf, BytesMut};
use rtsp_types::headers::{self, HeaderName};
use rtsp_types::{Message, Method, ParseError, Request};
use tokio::net::{TcpStream, UdpSocket};
use tokio_util::sync::CancellationToken;

use crate::audio::Sound;
use crate::auth;
use crate::command::{self, Command};
use crate::config::FarmConfig;
use crate::farm::Counters;
use crate::fault::{Fault, Faults};
use crate::pacer::Pacer;
use crate::sdp;
use crate::session::{Connection, Session, Transport};
use crate::spoil::{self, BadAnswer};
use crate::talk::{self, BadTalk, Ears};

/// No request is longer.
const MAX_REQUEST: usize = 64 << 10;

pub struct Server {
    config: FarmConfig,
    pacer: Rc<Pacer>,
    faults: Arc<Faults>,
    ears: Arc<Ears>,
    counters: Arc<Counters>,
    stop: CancellationToken,
}

/// A stream that an address names.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// From 0.
    pub camera: usize,
    pub sub: bool,
    track: Option<usize>,
    fault: Option<Fault>,
}

impl Target {
    /// The stream's number among those of the farm.
    pub fn index(&self) -> usize {
        self.camera * 2 + usize::from(self.sub)
    }

    /// Reads `rtsp://host/cam3/sub?fault=stall`, with a track's control
    /// behind the path or, as clients put it there, behind the query.
    pub fn parse(uri: &str, cameras: usize) -> Option<Self> {
        let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let (_, path) = rest.split_once('/')?;
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (query, behind) = query.split_once('/').unwrap_or((query, ""));
        let mut target = Self { camera: 0, sub: false, track: None, fault: None };
        let mut named = false;
        for part in path.split('/').chain(behind.split('/')) {
            if let Some(number) = part.strip_prefix("cam") {
                let number: usize = number.parse().ok()?;
                target.camera = number.checked_sub(1).filter(|camera| *camera < cameras)?;
                named = true;
            } else if let Some(track) = part.strip_prefix("trackID=") {
                target.track = Some(track.parse().ok()?);
            } else {
                match part {
                    "sub" => target.sub = true,
                    "" | "main" => {}
                    _ => return None,
                }
            }
        }
        for pair in query.split('&') {
            if let Some(fault) = pair.strip_prefix("fault=") {
                target.fault = Some(fault.parse().ok()?);
            }
        }
        named.then_some(target)
    }
}

/// An answer on its way.
struct Answer {
    status: &'static str,
    headers: String,
    body: String,
    /// Close once it is sent.
    close: bool,
}

impl Answer {
    fn new(status: &'static str) -> Self {
        Self { status, headers: String::new(), body: String::new(), close: false }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        for part in [name, ": ", value, "\r\n"] {
            self.headers.push_str(part);
        }
        self
    }

    fn write(&self, cseq: &str) -> String {
        let length =
            if self.body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", self.body.len()) };
        format!("RTSP/1.0 {}\r\nCSeq: {cseq}\r\n{}{length}\r\n{}", self.status, self.headers, self.body)
    }
}

/// A pair of UDP sockets, the first on an even port.
pub fn bind_udp(ip: IpAddr) -> std::io::Result<(std::net::UdpSocket, std::net::UdpSocket)> {
    let mut last = None;
    for _ in 0..64 {
        let rtp = std::net::UdpSocket::bind((ip, 0))?;
        let port = rtp.local_addr()?.port();
        if !port.is_multiple_of(2) {
            continue;
        }
        match std::net::UdpSocket::bind((ip, port + 1)) {
            Ok(rtcp) => {
                rtp.set_nonblocking(true)?;
                rtcp.set_nonblocking(true)?;
                return Ok((rtp, rtcp));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| std::io::Error::other("no even UDP port is free")))
}

impl Server {
    pub fn new(
        config: FarmConfig,
        pacer: Rc<Pacer>,
        (faults, ears): (Arc<Faults>, Arc<Ears>),
        counters: Arc<Counters>,
        stop: CancellationToken,
    ) -> Rc<Self> {
        Rc::new(Self { config, pacer, faults, ears, counters, stop })
    }

    /// What a camera sounds like with a fault.
    fn sound(&self, fault: Option<&Fault>) -> Option<Sound> {
        sdp::sound((self.config.audio, self.config.sound), fault)
    }

    /// Serves until the farm is stopped.
    pub async fn run(
        self: Rc<Self>,
        listener: TcpListener,
        udp: (std::net::UdpSocket, std::net::UdpSocket),
    ) -> std::io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let sockets = Rc::new((UdpSocket::from_std(udp.0)?, UdpSocket::from_std(udp.1)?));
        let pacer = Rc::clone(&self.pacer);
        tokio::task::spawn_local(async move { pacer.run().await });
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return Ok(()),
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let client = Client::new(&self, stream, peer, Rc::clone(&sockets));
                        tokio::task::spawn_local(client.serve());
                    }
                    // Out of handles: clients come again, the farm stays.
                    Err(error) => {
                        tracing::warn!(%error, "camera farm could not accept");
                        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    }
                },
            }
        }
    }
}

/// One connection.
struct Client {
    server: Rc<Server>,
    connection: Rc<Connection>,
    peer: SocketAddr,
    local: SocketAddr,
    sockets: Rc<(UdpSocket, UdpSocket)>,
    nonce: String,
    session_id: String,
    /// The stream that is set up, with its session.
    session: RefCell<Option<(usize, Rc<Session>)>>,
    talk: Cell<Option<Talker>>,
}

/// Who is set up to talk.
#[derive(Clone, Copy)]
struct Talker {
    /// From 0.
    camera: usize,
    channel: u8,
    plays: bool,
    hangs_up: bool,
}

impl Client {
    fn new(server: &Rc<Server>, stream: TcpStream, peer: SocketAddr, sockets: Rc<(UdpSocket, UdpSocket)>) -> Self {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let local = stream.local_addr().unwrap_or(peer);
        let closed = server.stop.child_token();
        Self {
            server: Rc::clone(server),
            connection: Connection::new(stream, closed),
            peer,
            local,
            sockets,
            nonce: format!("{:016x}", rand::random::<u64>()),
            session_id: format!("{:08X}", rand::random::<u32>()),
            session: RefCell::default(),
            talk: Cell::default(),
        }
    }

    async fn serve(self) {
        let counters = &self.server.counters;
        counters.connections.fetch_add(1, Ordering::Relaxed);
        counters.open.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.read_requests().await {
            tracing::debug!(%error, peer = %self.peer, "camera connection ended");
        }
        self.end_session();
        self.connection.closed.cancel();
        self.connection.shut_down();
        counters.open.fetch_sub(1, Ordering::Relaxed);
    }

    fn end_session(&self) {
        if let Some((index, session)) = self.session.borrow_mut().take() {
            self.server.pacer.remove(index, &session);
        }
    }

    async fn read_requests(&self) -> std::io::Result<()> {
        let mut buffer = BytesMut::new();
        loop {
            tokio::select! {
                () = self.connection.closed.cancelled() => return Ok(()),
                ready = self.connection.stream.readable() => ready?,
            }
            match self.connection.stream.try_read_buf(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if !self.take_requests(&mut buffer) {
                return Ok(());
            }
        }
    }

    /// Answers all whole requests; false when the connection is over.
    fn take_requests(&self, buffer: &mut BytesMut) -> bool {
        loop {
            let blank = buffer.iter().take_while(|b| b"\r\n".contains(b)).count();
            buffer.advance(blank);
            if buffer.is_empty() {
                return true;
            }
            let consumed = match Message::<Vec<u8>>::parse(&buffer[..]) {
                Ok((Message::Request(request), consumed)) => {
                    if !self.answer(&request) {
                        return false;
                    }
                    consumed
                }
                Ok((Message::Data(data), consumed)) => {
                    if !self.hear(data.channel_id(), data.as_slice()) {
                        return false;
                    }
                    consumed
                }
                // Answers to nothing.
                Ok((_, consumed)) => consumed,
                Err(ParseError::Incomplete(_)) if buffer.len() < MAX_REQUEST => return true,
                Err(_) => {
                    self.connection.send(b"RTSP/1.0 400 Bad Request\r\n\r\n");
                    return false;
                }
            };
            buffer.advance(consumed);
        }
    }

    /// Takes what came on a channel; false where the camera hangs up at it.
    fn hear(&self, channel: u8, packet: &[u8]) -> bool {
        let Some(talker) = self.talk.get().filter(|talker| talker.plays && talker.channel == channel) else {
            return true;
        };
        self.server.ears.hear(talker.camera, packet);
        !talker.hangs_up
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> bool {
        let cseq = header(request, &headers::CSEQ).unwrap_or("0");
        let uri = request.request_uri().map_or("*", |uri| uri.as_str());
        // Before any fault, so that every fault can be taken back.
        if let Some(command) = Command::read(request) {
            let answer = self.command(uri, &command);
            self.connection.send(answer.write(cseq).as_bytes());
            return true;
        }
        let target = Target::parse(uri, self.server.config.cameras);
        let fault = target.as_ref().and_then(|target| {
            let of_stream = self.server.faults.get(target.index());
            target.fault.clone().or(of_stream)
        });
        if fault == Some(Fault::NotRtsp) {
            self.connection.send(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            return false;
        }
        let bad = match &fault {
            Some(Fault::BadAnswer { form }) => Some(*form),
            _ => None,
        };
        if bad == Some(BadAnswer::HangsUpOnGetParameter) && *request.method() == Method::GetParameter {
            return false;
        }
        let is_options = *request.method() == Method::Options;
        let answer = if !is_options && !self.may_enter(request, fault.as_ref()) {
            let challenge = format!(r#"Digest realm="{}", nonce="{}""#, auth::REALM, self.nonce);
            Answer::new("401 Unauthorized").header("WWW-Authenticate", &challenge)
        } else {
            self.respond(request, uri, target, fault.as_ref())
        };
        let text = answer.write(cseq);
        let text = bad.map_or(Some(text.clone()), |form| spoil::answer(form, request.method(), text));
        self.connection.send(text.unwrap_or_default().as_bytes());
        !answer.close
    }

    /// Carries out a command. It asks for no password, as the fault may be
    /// that none is right; so only this machine may send one.
    fn command(&self, uri: &str, command: &Command) -> Answer {
        if !self.peer.ip().to_canonical().is_loopback() {
            return Answer::new("403 Forbidden");
        }
        let Some(streams) = command::streams(uri, self.server.config.cameras) else {
            return Answer::new("404 Not Found");
        };
        let mut answer = Answer::new("200 OK");
        match command {
            Command::Tell => {
                answer = answer.header("Content-Type", command::MEDIA_TYPE);
                answer.body = command::tell(&self.server.faults, streams);
            }
            Command::TellHeard => {
                answer = answer.header("Content-Type", command::MEDIA_TYPE);
                answer.body = self.server.ears.tell(streams.start / 2);
            }
            Command::Set(Ok(fault)) => self.server.faults.set(streams, fault.clone()),
            Command::Set(Err(error)) => {
                tracing::debug!(%error, "command refused");
                answer.status = "451 Parameter Not Understood";
            }
        }
        answer
    }

    fn may_enter(&self, request: &Request<Vec<u8>>, fault: Option<&Fault>) -> bool {
        if fault == Some(&Fault::WrongPassword) {
            return false;
        }
        let names_itself = request.header(&headers::USER_AGENT).is_some();
        if fault == Some(&Fault::BadAnswer { form: BadAnswer::WantsUserAgent }) && !names_itself {
            return false;
        }
        let Some((name, password)) = &self.server.config.user else {
            return true;
        };
        let method: &str = request.method().into();
        header(request, &headers::AUTHORIZATION)
            .is_some_and(|given| auth::accepts(given, (name, password), &self.nonce, method))
    }

    fn respond(&self, request: &Request<Vec<u8>>, uri: &str, target: Option<Target>, fault: Option<&Fault>) -> Answer {
        match request.method() {
            Method::Options => Answer::new("200 OK")
                .header("Public", "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER"),
            Method::Describe => match target {
                Some(target) => self.describe(request, uri, &target, fault),
                None => Answer::new("404 Not Found"),
            },
            Method::Setup => match target {
                Some(target) => self.set_up(request, &target, fault),
                None => Answer::new("404 Not Found"),
            },
            Method::Play => self.play(),
            Method::Pause => self.pause(),
            Method::Teardown => self.tear_down(),
            Method::GetParameter | Method::SetParameter => self.in_session("200 OK"),
            _ => Answer::new("501 Not Implemented"),
        }
    }

    fn in_session(&self, status: &'static str) -> Answer {
        let id = format!("{};timeout=60", self.session_id);
        Answer::new(status).header("Session", &id)
    }

    fn describe(&self, request: &Request<Vec<u8>>, uri: &str, target: &Target, fault: Option<&Fault>) -> Answer {
        let talks = wants_to_talk(request);
        if talks && bad_talk(fault) == Some(BadTalk::Unsupported) {
            return Answer::new("551 Option not supported").header("Unsupported", talk::FEATURE);
        }
        let scene = self.server.pacer.scene(target.index());
        let mut answer = Answer::new("200 OK")
            .header("Content-Base", &format!("{}/", uri.trim_end_matches('/')))
            .header("Content-Type", "application/sdp");
        answer.body = sdp::describe(scene, self.local.ip(), self.server.sound(fault), fault);
        if talks {
            answer.body.push_str(&talk::describe(target.camera, bad_talk(fault)));
        }
        answer
    }

    fn set_up(&self, request: &Request<Vec<u8>>, target: &Target, fault: Option<&Fault>) -> Answer {
        let track = target.track.unwrap_or(0);
        if talk::is_track(track) && wants_to_talk(request) {
            return self.set_up_talk(request, target.camera, track, bad_talk(fault));
        }
        let sound = self.server.sound(fault);
        if track > usize::from(sound.is_some()) {
            return Answer::new("404 Not Found");
        }
        let of_audio = track == 1;
        if of_audio && fault == Some(&Fault::BadAnswer { form: BadAnswer::RefusedAudio }) {
            return Answer::new("400 Bad Request");
        }
        let wanted = header(request, &headers::TRANSPORT).unwrap_or_default();
        // The channels count on from here.
        let other = fault == Some(&Fault::BadAnswer { form: BadAnswer::OtherChannels });
        let Some((transport, echo)) = self.transport(wanted, track, if other { 6 } else { 0 }) else {
            return Answer::new("461 Unsupported Transport");
        };
        let mut slot = self.session.borrow_mut();
        let (_, session) = slot.get_or_insert_with(|| {
            let connection = Rc::clone(&self.connection);
            let seed = rand::random();
            let session = Session::new(connection, target.fault.clone(), fault.cloned(), seed);
            (target.index(), session)
        });
        let Some(ssrc) = session.set_up(sound.filter(|_| of_audio), transport) else {
            return Answer::new("461 Unsupported Transport");
        };
        self.in_session("200 OK").header("Transport", &format!("{echo};ssrc={ssrc:08X}"))
    }

    fn set_up_talk(&self, request: &Request<Vec<u8>>, camera: usize, track: usize, form: Option<BadTalk>) -> Answer {
        if let Some(refusal) = talk::refusal(track, form) {
            return Answer::new(refusal);
        }
        let wanted = header(request, &headers::TRANSPORT).unwrap_or_default();
        let Some((Transport::Tcp { channel }, echo)) = self.transport(wanted, track, 0) else {
            return Answer::new("461 Unsupported Transport");
        };
        let hangs_up = form == Some(BadTalk::HangsUp);
        self.talk.set(Some(Talker { camera, channel, plays: false, hangs_up }));
        self.in_session("200 OK").header("Transport", &echo)
    }

    /// The first way of the client's list that is served here, and how it is
    /// said back.
    fn transport(&self, wanted: &str, track: usize, shift: u8) -> Option<(Transport, String)> {
        wanted.split(',').find_map(|way| {
            let mut parts = way.trim().split(';').map(str::trim);
            let protocol = parts.next()?;
            let pair = |name: &str| -> Option<(u16, u16)> {
                let value = way.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))?;
                let (first, second) = value.split_once('-').unwrap_or((value, ""));
                let first = first.trim().parse().ok()?;
                Some((first, second.trim().parse().unwrap_or(first + 1)))
            };
            match protocol {
                "RTP/AVP/TCP" => {
                    let default = (track * 2) as u16;
                    let (channel, _) = pair("interleaved").unwrap_or((default, default + 1));
                    let channel = u8::try_from(channel).ok()?.checked_add(shift).filter(|c| *c < 254)?;
                    let echo = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{}", channel + 1);
                    Some((Transport::Tcp { channel }, echo))
                }
                "RTP/AVP" | "RTP/AVP/UDP" if !way.contains("multicast") => self.udp_transport(pair("client_port")?),
                _ => None,
            }
        })
    }

    fn udp_transport(&self, (rtp, rtcp): (u16, u16)) -> Option<(Transport, String)> {
        let own = self.sockets.0.local_addr().ok()?.port();
        let echo = format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};server_port={own}-{}", own + 1);
        let transport = Transport::Udp {
            rtp: SocketAddr::new(self.peer.ip(), rtp),
            rtcp: SocketAddr::new(self.peer.ip(), rtcp),
            sockets: Rc::clone(&self.sockets),
        };
        Some((transport, echo))
    }

    fn play(&self) -> Answer {
        let talker = self.talk.get();
        self.talk.set(talker.map(|talker| Talker { plays: true, ..talker }));
        let session = self.session.borrow();
        if session.is_none() && talker.is_some() {
            return self.in_session("200 OK");
        }
        let Some((index, session)) = session.as_ref() else {
            return Answer::new("455 Method Not Valid in This State");
        };
        self.server.counters.plays.fetch_add(1, Ordering::Relaxed);
        self.server.pacer.add(*index, Rc::clone(session));
        self.in_session("200 OK").header("Range", "npt=now-")
    }

    fn pause(&self) -> Answer {
        if let Some((index, session)) = self.session.borrow().as_ref() {
            self.server.pacer.remove(*index, session);
        }
        self.in_session("200 OK")
    }

    fn tear_down(&self) -> Answer {
        self.end_session();
        self.talk.set(None);
        self.server.counters.teardowns.fetch_add(1, Ordering::Relaxed);
        let mut answer = self.in_session("200 OK");
        answer.close = true;
        answer
    }
}

fn wants_to_talk(request: &Request<Vec<u8>>) -> bool {
    header(request, &headers::REQUIRE).is_some_and(|wanted| wanted.split(',').any(|one| one.trim() == talk::FEATURE))
}

fn bad_talk(fault: Option<&Fault>) -> Option<BadTalk> {
    match fault {
        Some(Fault::BadTalk { form }) => Some(*form),
        _ => None,
    }
}

fn header<'a>(request: &'a Request<Vec<u8>>, name: &HeaderName) -> Option<&'a str> {
    request.header(name).map(|value| value.as_str().trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_a_stream() {
        let parse = |uri: &str| Target::parse(uri, 3);
        let target = |camera, sub, track| Target { camera, sub, track, fault: None };
        assert_eq!(parse("rtsp://h:1/cam1"), Some(target(0, false, None)));
        assert_eq!(parse("rtsp://h/cam3/main/"), Some(target(2, false, None)));
        assert_eq!(parse("rtsp://h/cam2/sub/trackID=1"), Some(target(1, true, Some(1))));
        let faulty = parse("rtsp://h/cam1?fault=drop:5/trackID=0").unwrap();
        assert_eq!(faulty.fault, Some(Fault::Drop { percent: 5.0 }));
        assert_eq!(faulty.track, Some(0));
        for bad in [
            "*",
            "rtsp://h",
            "rtsp://h/",
            "rtsp://h/cam0",
            "rtsp://h/cam4",
            "rtsp://h/camx",
            "rtsp://h/other",
            "rtsp://h/cam1?fault=melt",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
