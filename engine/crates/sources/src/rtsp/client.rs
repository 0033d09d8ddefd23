//! The session as a state machine: DESCRIBE, SETUP of each wanted track, PLAY,
//! and then media until TEARDOWN.

mod tracks;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use vms_media::{RtpPacket, Stamp};

use super::Error;
use super::auth::{Authenticator, Verdict};
use super::keepalive::{Habit, Keepalive, Method};
use super::message::{self, Message, Start};
use super::rtcp::SenderReport;
use super::rtp::Receiver;
use super::sdp::Description;
use super::transport::{self, Agreed, Way};
use super::uri::{self, Address};
use super::wire::{self, Cut};
use tracks::Track;

/// Receiver reports go out this often.
const REPORT_EVERY: Duration = Duration::from_secs(5);
/// So many answers of 401 to one request are enough.
const MAX_CHALLENGES: u8 = 3;
/// So many bytes in a row that are nothing are no hiccup.
const MAX_STRAY: usize = 1 << 20;
/// A camera that takes nothing gets no more reports.
const MAX_UNSENT: usize = 64 << 10;
/// Asks for the track that a camera listens on; one that knows none answers 551
/// (ONVIF Streaming Specification, section 5.3).
const BACK_CHANNEL: &str = "Require: www.onvif.org/ver20/backchannel\r\n";

#[derive(Clone, Debug)]
pub struct Options {
    pub address: Address,
    /// False where the address is not of the operator's own host.
    pub allows_basic: bool,
    pub user_agent: &'static str,
    /// Random: our SSRC, and the client's part of Digest.
    pub seed: u64,
    /// What earlier sessions have taught.
    pub habit: Habit,
    /// The session is opened to be sent to, not to get anything.
    pub talks: bool,
}

/// A track to set up.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Its place in the description.
    pub media: usize,
    /// The session goes on without it if the camera refuses.
    pub optional: bool,
    /// Our own ports, for UDP.
    pub ports: Option<(u16, u16)>,
}

/// What the session has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// [`Client::set_up`] is to be called.
    Described(Description),
    /// Another connection is to be made, to this address.
    Redirected { address: Box<Address>, allows_basic: bool },
    /// The camera agreed to PLAY after so long.
    Playing { round_trip: Duration },
    /// The camera answered TEARDOWN.
    TornDown,
}

/// What comes of a track.
#[derive(Clone, Copy, Debug)]
pub enum Media<'a> {
    Packet(RtpPacket<'a>),
    /// What another node says of the frame at this RTP time; its first packet
    /// is next.
    Stamp(i64, Stamp),
    Report(SenderReport),
}

/// Where the packets of a UDP track come from, as far as the camera says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub source: Option<IpAddr>,
    pub ports: Option<(u16, u16)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Describe,
    SetUp(usize),
    Play,
    KeepAlive(Method),
    TearDown,
}

impl Kind {
    fn method(self) -> &'static str {
        match self {
            Self::Describe => "DESCRIBE",
            Self::SetUp(_) => "SETUP",
            Self::Play => "PLAY",
            Self::KeepAlive(Method::Options) => "OPTIONS",
            Self::KeepAlive(Method::GetParameter) => "GET_PARAMETER",
            Self::TearDown => "TEARDOWN",
        }
    }
}

/// The request that waits for its answer; there is never more than one.
#[derive(Debug)]
struct Pending {
    kind: Kind,
    cseq: u32,
    uri: String,
    /// It answered a challenge.
    carried: bool,
    challenges: u8,
    sent: Instant,
}

/// One RTSP session, from the first request on.
#[derive(Debug)]
pub struct Client {
    address: Address,
    allows_basic: bool,
    user_agent: &'static str,
    ssrc: u32,
    auth: Authenticator,
    /// What track controls are relative to.
    base: String,
    /// The address of PLAY, TEARDOWN and keep-alives.
    aggregate: String,
    session: Option<String>,
    keepalive: Keepalive,
    cseq: u32,
    pending: Option<Pending>,
    tracks: Vec<Track>,
    /// The extension that bears the stamps of another node.
    stamp: Option<u8>,
    step: Option<Step>,
    out: Vec<u8>,
    datagrams: Vec<(usize, Vec<u8>)>,
    reports_due: Option<Instant>,
    /// An RTSP message has come: this is a camera.
    heard: bool,
    in_step: bool,
    stray: usize,
    talks: bool,
}

impl Client {
    /// A session whose first request waits in [`Self::unsent`].
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        let Options { address, allows_basic, user_agent, seed, habit, talks } = options;
        let mut client = Self {
            allows_basic,
            user_agent,
            ssrc: seed as u32,
            auth: Authenticator::new(address.credentials.clone(), allows_basic, format!("{seed:016x}")),
            base: address.uri.clone(),
            aggregate: address.uri.clone(),
            address,
            session: None,
            keepalive: Keepalive::new(habit),
            cseq: 0,
            pending: None,
            tracks: Vec::new(),
            stamp: None,
            step: None,
            out: Vec::new(),
            datagrams: Vec::new(),
            reports_due: None,
            heard: false,
            in_step: true,
            stray: 0,
            talks,
        };
        client.send(Kind::Describe, client.address.uri.clone(), 0, now);
        client
    }

    /// Bytes for the camera; whoever sends some takes them out.
    pub fn unsent(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Receiver reports of tracks that come by UDP.
    pub fn take_datagrams(&mut self) -> Vec<(usize, Vec<u8>)> {
        std::mem::take(&mut self.datagrams)
    }

    pub fn take_step(&mut self) -> Option<Step> {
        self.step.take()
    }

    /// What the next session is to know, if the camera has ended this one now.
    #[must_use]
    pub fn lesson(&self, now: Instant) -> Habit {
        self.keepalive.lesson(now)
    }

    /// True once a track is set up: the camera is to be told the end.
    #[must_use]
    pub fn holds_session(&self) -> bool {
        self.tracks.iter().any(|track| track.agreed.is_some())
    }

    /// Where a track's packets come from, once it is set up.
    #[must_use]
    pub fn peer(&self, track: usize) -> Option<Peer> {
        let agreed = self.tracks.get(track)?.agreed?;
        Some(Peer { source: agreed.source, ports: agreed.server_ports })
    }

    /// Asks for the tracks, in their order, and then to play.
    pub fn set_up(&mut self, description: &Description, wanted: &[Wanted], now: Instant) {
        let control = description.control.as_deref();
        // Without a control of its own a session is named by the request.
        self.aggregate = match control {
            Some(_) => uri::control(&self.base, control),
            None => self.address.uri.clone(),
        };
        let tracks = wanted.iter().zip((0u8..).step_by(2)).filter_map(|(wanted, channel)| {
            let media = description.media.get(wanted.media)?;
            let payload_type = media.payload_type?;
            let way = match wanted.ports {
                Some((rtp, rtcp)) => Way::Udp { rtp, rtcp },
                None => Way::Tcp { channel },
            };
            Some(Track {
                uri: uri::control(&self.base, media.control.as_deref()),
                optional: wanted.optional,
                way,
                agreed: None,
                channels: None,
                payload_type,
                clock_rate: media.clock_rate,
                receiver: Receiver::new(payload_type, media.clock_rate, None, false),
            })
        });
        self.tracks = tracks.collect();
        self.set_up_next(0, now);
    }

    fn set_up_next(&mut self, index: usize, now: Instant) {
        match self.tracks.get(index) {
            Some(track) => self.send(Kind::SetUp(index), track.uri.clone(), 0, now),
            None => self.send(Kind::Play, self.aggregate.clone(), 0, now),
        }
    }

    /// Says goodbye, if there is a session.
    pub fn tear_down(&mut self, now: Instant) {
        if self.holds_session() {
            self.reports_due = None;
            self.keepalive.stop();
            self.send(Kind::TearDown, self.aggregate.clone(), 0, now);
        }
    }

    fn send(&mut self, kind: Kind, uri: String, challenges: u8, now: Instant) {
        self.cseq += 1;
        let mut headers = self.auth.header(kind.method(), &uri);
        let carried = !headers.is_empty();
        if let Some(session) = &self.session {
            headers.push_str(&format!("Session: {session}\r\n"));
        }
        if self.talks && matches!(kind, Kind::Describe | Kind::SetUp(_) | Kind::Play) {
            headers.push_str(BACK_CHANNEL);
        }
        match kind {
            Kind::Describe => {
                headers.push_str("Accept: application/sdp\r\n");
                if self.address.relayed {
                    headers.push_str("Require: vms-relay\r\n");
                }
            }
            Kind::SetUp(index) => headers.push_str(&self.tracks[index].way.header()),
            Kind::Play => headers.push_str("Range: npt=0.000-\r\n"),
            Kind::KeepAlive(_) | Kind::TearDown => {}
        }
        message::write_request(&mut self.out, kind.method(), &uri, self.cseq, self.user_agent, &headers);
        self.pending = Some(Pending { kind, cseq: self.cseq, uri, carried, challenges, sent: now });
    }

    /// Takes what came by the connection; answers how much of it was used. The
    /// rest is the beginning of something and comes again with what follows.
    pub fn input(
        &mut self,
        bytes: &[u8],
        now: Instant,
        out: &mut impl FnMut(usize, Media<'_>),
    ) -> Result<usize, Error> {
        let mut at = 0;
        loop {
            let cut = wire::cut(&bytes[at..], self.in_step, |channel, data| self.is_media(channel, data));
            at += match cut {
                Cut::Incomplete => return Ok(at),
                Cut::TooLong => return Err(Error::TooLong("the camera's message is too long")),
                Cut::Blank(length) => length,
                Cut::Stray(length) => self.pass_over(length)?,
                Cut::Packet { channel, data } => {
                    (self.in_step, self.stray) = (true, 0);
                    self.packet(channel, data, now, out);
                    wire::FRAMING + data.len()
                }
                Cut::Message(message, length) => {
                    (self.in_step, self.stray, self.heard) = (true, 0, true);
                    self.message(&message, now)?;
                    length
                }
            };
        }
    }

    fn pass_over(&mut self, length: usize) -> Result<usize, Error> {
        if !self.heard {
            return Err(Error::NotRtsp);
        }
        self.in_step = false;
        self.stray += length;
        if self.stray > MAX_STRAY {
            return Err(Error::TooLong("a megabyte of neither RTSP nor media"));
        }
        Ok(length)
    }

    /// When [`Self::tick`] is to be called though nothing came.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let held = self.tracks.iter().filter_map(|track| track.receiver.deadline()).min();
        [self.keepalive.deadline(), self.reports_due, held].into_iter().flatten().min()
    }

    /// Does what is due by now.
    pub fn tick(&mut self, now: Instant, out: &mut impl FnMut(usize, Media<'_>)) {
        self.release(now, out);
        if let Some(method) = self.keepalive.take_due(now)
            && self.out.len() < MAX_UNSENT
        {
            self.send(Kind::KeepAlive(method), self.aggregate.clone(), 0, now);
        }
        if self.reports_due.is_some_and(|due| due <= now) {
            self.reports_due = Some(now + REPORT_EVERY);
            self.write_reports(now);
        }
    }

    fn message(&mut self, message: &Message, now: Instant) -> Result<(), Error> {
        match &message.start {
            Start::Request { method } => {
                let known = ["OPTIONS", "GET_PARAMETER", "SET_PARAMETER", "ANNOUNCE", "TEARDOWN"];
                let status = if known.contains(&method.as_str()) { "200 OK" } else { "501 Not Implemented" };
                if self.out.len() < MAX_UNSENT {
                    message::write_reply(&mut self.out, status, message.cseq());
                }
                Ok(())
            }
            Start::Response { status } => self.response(*status, message, now),
        }
    }

    fn response(&mut self, status: u16, message: &Message, now: Instant) -> Result<(), Error> {
        let late = |pending: &Pending| message.cseq().is_some_and(|cseq| cseq > 0 && cseq < pending.cseq);
        if status < 200 || self.pending.as_ref().is_some_and(late) {
            return Ok(());
        }
        let Some(pending) = self.pending.take() else { return Ok(()) };
        if let Some(public) = message.header("Public") {
            self.keepalive.learn(public);
        }
        match status {
            200..=299 => {
                if pending.carried {
                    self.auth.accepted();
                }
                self.agreed(&pending, message, now)
            }
            300..=399 => self.redirected(&pending, status, message),
            401 => self.challenged(&pending, message, now),
            _ => self.refused(&pending, status, now),
        }
    }

    fn challenged(&mut self, pending: &Pending, message: &Message, now: Instant) -> Result<(), Error> {
        let verdict = self.auth.refused(message.headers("WWW-Authenticate"), pending.carried);
        if verdict == Verdict::Retry && pending.challenges < MAX_CHALLENGES {
            self.send(pending.kind, pending.uri.clone(), pending.challenges + 1, now);
            return Ok(());
        }
        self.refused(pending, 401, now)
    }

    fn redirected(&mut self, pending: &Pending, status: u16, message: &Message) -> Result<(), Error> {
        let refused = Error::Refused { method: pending.kind.method(), status };
        if !matches!(pending.kind, Kind::Describe) {
            return Err(refused);
        }
        let location = message.header("Location").ok_or(refused)?;
        let mut address = Address::parse(&uri::base(Some(location), &self.address.uri))?;
        self.keep_safe(&mut address)?;
        let allows_basic = self.allows_basic && address.host == self.address.host;
        if address.credentials.is_none() {
            address.credentials = self.address.credentials.clone();
        }
        self.step = Some(Step::Redirected { address: Box::new(address), allows_basic });
        Ok(())
    }

    /// Wherever a camera sends us, we travel no less safely.
    fn keep_safe(&self, address: &mut Address) -> Result<(), Error> {
        let own = self.address.carriage;
        if own.tunnel {
            // What it names is what is asked for within the tunnel.
            (address.carriage, address.port) = (own, self.address.port);
        } else if own.tls && !address.carriage.tls {
            return Err(Error::BadAddress("the camera sends us from TLS into the open".to_owned()));
        }
        (address.trust, address.relayed) = (self.address.trust.clone(), self.address.relayed);
        Ok(())
    }

    fn refused(&mut self, pending: &Pending, status: u16, now: Instant) -> Result<(), Error> {
        match pending.kind {
            Kind::SetUp(index) if self.tracks[index].optional => {
                self.set_up_next(index + 1, now);
                Ok(())
            }
            Kind::KeepAlive(_) => {
                self.keepalive.answered(status);
                Ok(())
            }
            Kind::TearDown => {
                self.step = Some(Step::TornDown);
                Ok(())
            }
            kind => Err(match status {
                401 | 403 => Error::WrongPassword,
                551 if self.talks && kind == Kind::Describe => Error::NoBackChannel,
                // Somebody else talks, as far as a camera can say it.
                453 | 503 if self.talks => Error::BackChannelBusy,
                status if self.talks && kind != Kind::Describe => {
                    Error::BackChannelRefused { method: kind.method(), status }
                }
                404 | 454 => Error::NotFound,
                status => Error::Refused { method: kind.method(), status },
            }),
        }
    }

    fn agreed(&mut self, pending: &Pending, message: &Message, now: Instant) -> Result<(), Error> {
        match pending.kind {
            Kind::Describe => self.described(message),
            Kind::SetUp(index) => {
                self.note_session(message);
                self.track_agreed(index, Agreed::parse(message.header("Transport").unwrap_or_default()));
                self.set_up_next(index + 1, now);
                Ok(())
            }
            Kind::Play => {
                self.note_session(message);
                self.keepalive.start(now);
                self.reports_due = Some(now + REPORT_EVERY);
                let round_trip = now.saturating_duration_since(pending.sent);
                self.step = Some(Step::Playing { round_trip });
                Ok(())
            }
            Kind::KeepAlive(_) => {
                self.keepalive.answered(200);
                Ok(())
            }
            Kind::TearDown => {
                self.step = Some(Step::TornDown);
                Ok(())
            }
        }
    }

    fn described(&mut self, message: &Message) -> Result<(), Error> {
        let given = message.header("Content-Base").or_else(|| message.header("Content-Location"));
        self.base = uri::base(given, &self.address.uri);
        // Whatever the Content-Type says: some cameras name none, some a wrong one.
        let description = Description::parse(&message.body);
        if description.media.is_empty() {
            return Err(Error::NoMedia);
        }
        if self.address.relayed {
            self.stamp = Some(description.stamp.ok_or(Error::NoStamps)?);
        }
        self.step = Some(Step::Described(description));
        Ok(())
    }

    /// The first id stays: some cameras name a new one at each SETUP.
    fn note_session(&mut self, message: &Message) {
        let Some((id, timeout)) = message.header("Session").map(transport::session) else { return };
        if self.session.is_none() && !id.is_empty() {
            self.session = Some(id);
        }
        if let Some(timeout) = timeout {
            self.keepalive.set_timeout(timeout);
        }
    }
}
