//! The shell around one RTSP connection: reads requests, writes frames.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use rtsp_types::{Message, ParseError, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use vms_access::{Kind, Ticket};
use vms_crowd::Place;
use vms_hub::{Delivery, Hub, HubFrame, Next, Reader, ReaderKind, Stream, StreamKey};
use vms_media::{Stamp, Track};

use super::gate::Gate;
use super::replay::{self, Begin, NoPlayback, Playback, Recordings};
use super::report::SenderState;
use super::session::{Answer, FirstPacket, Session, TIMEOUT_S, Way, reply, requested};
use super::udp::Ports;
use super::wire::{self, Reading, Writing};
use super::{Doors, RtspMetrics};

/// A request with its headers and body may be so long.
const MAX_REQUEST: usize = 16 * 1024;
/// A connection that has asked for nothing yet may idle so long.
const IDLE: Duration = Duration::from_secs(60);
/// A client that takes nothing for so long is gone.
const WRITE_STALLED: Duration = Duration::from_secs(30);
/// A player whose media go by UDP and of whom nothing was heard for so long is
/// gone, though his connection stands.
const UNHEARD: Duration = Duration::from_secs(TIMEOUT_S as u64 + 5);
/// So many frames go out before the player is listened to again.
const MOST_AT_ONCE: usize = 64;
/// What is read of a recording before the player has taken it, in bytes, and
/// half a second more.
const READ_AHEAD: usize = 512 * 1024;
/// How often it is looked whether a recording has come to its end.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// DESCRIBE waits so long for a camera that has not answered yet.
const DESCRIBE_WAIT: Duration = Duration::from_secs(5);

/// Serves a connection, which holds its place until it plays.
pub async fn serve(socket: TcpStream, place: Place, doors: Doors) -> io::Result<()> {
    let Doors { hub, access, handshake, recordings, metrics } = doors;
    let gate = Gate::new(access);
    socket.set_nodelay(true)?;
    let (own, peer) = (socket.local_addr()?.ip(), socket.peer_addr()?.ip());
    let opened = tokio::time::timeout(IDLE, wire::open(socket, handshake.as_ref())).await;
    let (read, write) = opened.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let session = Session::new(format!("{:016x}", rand::random::<u64>()), !write.is_secure());
    let ports = Ports::default();
    let mut connection = Connection {
        read,
        write,
        input: BytesMut::new(),
        session,
        hub,
        gate,
        metrics,
        recordings: recordings.get().cloned(),
        play: None,
        senders_of: BTreeMap::new(),
        said_bye: false,
        paused: false,
        own,
        peer,
        ports,
        heard: Instant::now(),
    };
    match connection.until_play().await? {
        Some(playing) => {
            drop(place);
            connection.metrics.readers.fetch_add(1, Ordering::Relaxed);
            let metrics = connection.metrics.clone();
            let ended = connection.play(playing).await;
            metrics.readers.fetch_sub(1, Ordering::Relaxed);
            ended
        }
        None => Ok(()),
    }
}

struct Connection {
    read: Reading,
    write: Writing,
    input: BytesMut,
    session: Session,
    hub: Hub,
    gate: Gate,
    metrics: Arc<RtspMetrics>,
    recordings: Option<Arc<dyn Recordings>>,
    /// The recording that plays.
    play: Option<Arc<dyn Playback>>,
    /// The SSRC of each track that was sent.
    senders_of: BTreeMap<u8, u32>,
    /// A recording has come to its end, and the player knows.
    said_bye: bool,
    /// Nothing of the recording is sent until the next PLAY.
    paused: bool,
    /// Our address and the player's.
    own: IpAddr,
    peer: IpAddr,
    ports: Ports,
    /// When the player last said anything.
    heard: Instant,
}

/// A started reader, with the frame it was asked for to write RTP-Info.
struct Playing {
    reader: Reader,
    wake: Arc<Notify>,
    first: Option<Delivery>,
    senders: Vec<SenderState>,
    /// The player's place, and the word that it is lost.
    _ticket: Ticket,
    revoked: Arc<Notify>,
}

enum Input {
    /// More bytes are needed.
    None,
    /// RTCP of the client, or a reply: of no interest.
    Skip(usize),
    Request(Request<Vec<u8>>, usize),
}

impl Connection {
    /// Answers requests until PLAY; `None` when the client says goodbye.
    async fn until_play(&mut self) -> io::Result<Option<Playing>> {
        loop {
            while let Some(request) = self.next_request()? {
                match self.answer(&request).await? {
                    Step::Go => {}
                    Step::End => return Ok(None),
                    Step::Play(playing) => return Ok(Some(*playing)),
                }
            }
            let read = tokio::time::timeout(IDLE, self.read.read_buf(&mut self.input)).await;
            if read.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? == 0 {
                return Ok(None);
            }
        }
    }

    fn next_request(&mut self) -> io::Result<Option<Request<Vec<u8>>>> {
        loop {
            match parse(&self.input)? {
                Input::None if self.input.len() > MAX_REQUEST => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "request over 16 kB"));
                }
                Input::None => return Ok(None),
                Input::Skip(length) => self.input.advance(length),
                Input::Request(request, length) => {
                    self.input.advance(length);
                    return Ok(Some(request));
                }
            }
        }
    }

    async fn answer(&mut self, owned: &Request<Vec<u8>>) -> io::Result<Step> {
        let request = owned.clone().map_body(|_| &[][..]);
        let hub = self.hub.clone();
        if let Some(refusal) = self.gate.refuse(&request, requested(&request).as_ref()) {
            self.say(&refusal).await?;
            return Ok(Step::Go);
        }
        let out = match self.session.answer(&request, &|key| hub.stream(key)) {
            Answer::Now(bytes) => bytes,
            Answer::Bye(bytes) => {
                self.say(&bytes).await?;
                return Ok(Step::End);
            }
            Answer::Ports { track, theirs } => {
                let ours = self.ports.open(track, self.own, self.peer, theirs);
                if let Err(error) = &ours {
                    tracing::warn!(%error, "no UDP ports for a player");
                }
                self.session.set_up_by_udp(&request, track, theirs, ours.ok())
            }
            Answer::Describe(key) => {
                let tracks = self.tracks_of(&key).await;
                self.session.described(&request, &key, &tracks)
            }
            Answer::DescribeRecorded { key, from_us } => {
                let begin = Begin { at_us: from_us.or(Some(0)), ..Begin::default() };
                match self.open(&key, begin).await {
                    Ok((play, stream)) => {
                        let tracks = stream.tracks();
                        // It is opened anew where it is to be played from.
                        play.stop();
                        self.session.described_recorded(&request, key, from_us, tracks)
                    }
                    Err(refusal) => reply(&request, status_of(refusal), &[], &[]),
                }
            }
            Answer::PlayRecorded { key, begin } => return self.play_recorded(&request, &key, begin).await,
            Answer::PauseRecorded => match &self.play {
                Some(play) => match play.steer(&Begin::default(), true) {
                    Ok(()) => {
                        self.paused = true;
                        self.session.paused(&request)
                    }
                    Err(refusal) => reply(&request, status_of(refusal), &[], &[]),
                },
                None => reply(&request, StatusCode::MethodNotValidInThisState, &[], &[]),
            },
            Answer::Play(stream) => {
                let ticket = match self.gate.enter(&request, stream.key(), Kind::Rtsp) {
                    Ok(ticket) => ticket,
                    Err(refusal) => {
                        self.say(&refusal).await?;
                        return Ok(Step::Go);
                    }
                };
                if !ticket.audio() {
                    self.session.mute();
                }
                let playing = self.start(&stream, ticket, ReaderKind::Live { burst: self.session.catch_up });
                let bytes = self.session.playing(&request, &first_packets(&playing, &stream));
                self.say(&bytes).await?;
                return Ok(Step::Play(Box::new(playing)));
            }
        };
        self.say(&out).await?;
        Ok(Step::Go)
    }

    /// Opens a recording, beside the threads that move packets.
    async fn open(&self, key: &StreamKey, begin: Begin) -> Result<(Arc<dyn Playback>, Arc<Stream>), NoPlayback> {
        let recordings = self.recordings.clone().ok_or(NoPlayback::NotFound)?;
        let key = key.clone();
        // What the player may not hear is left out of what is sent.
        let opened = tokio::task::spawn_blocking(move || recordings.open(&key, &begin, true)).await;
        let play = opened.map_err(|_| NoPlayback::Unavailable)??;
        let stream = self.hub.stream(play.key()).ok_or(NoPlayback::Unavailable)?;
        Ok((play, stream))
    }

    /// PLAY of a recording: the first one, or another place or speed.
    async fn play_recorded(&mut self, request: &Request<&[u8]>, key: &StreamKey, begin: Begin) -> io::Result<Step> {
        if let Some(play) = &self.play {
            let out = match play.steer(&begin, false) {
                Ok(()) => {
                    (self.said_bye, self.paused) = (false, false);
                    self.session.playing_recorded(request, &begin, &[])
                }
                Err(refusal) => reply(request, status_of(refusal), &[], &[]),
            };
            self.say(&out).await?;
            return Ok(Step::Go);
        }
        let ticket = match self.gate.enter(request, key, Kind::Playback) {
            Ok(ticket) => ticket,
            Err(refusal) => {
                self.say(&refusal).await?;
                return Ok(Step::Go);
            }
        };
        if !ticket.audio() {
            self.session.mute();
        }
        match self.open(key, Begin { at_us: begin.at_us.or(Some(0)), ..begin }).await {
            Ok((play, stream)) => {
                let playing = self.start(&stream, ticket, ReaderKind::Pulled { max_bytes: READ_AHEAD });
                self.play = Some(play);
                let out = self.session.playing_recorded(request, &begin, &first_packets(&playing, &stream));
                self.say(&out).await?;
                Ok(Step::Play(Box::new(playing)))
            }
            Err(refusal) => {
                self.say(&reply(request, status_of(refusal), &[], &[])).await?;
                Ok(Step::Go)
            }
        }
    }

    /// A recording has come to its end, and the player does not know yet.
    fn is_over(&self) -> bool {
        !self.said_bye && !self.paused && self.play.as_ref().is_some_and(|play| play.is_over())
    }

    async fn say_bye(&mut self) -> io::Result<()> {
        self.said_bye = true;
        for (track, ssrc) in self.senders_of.clone() {
            match self.session.way(track) {
                Some(Way::Channel(channel)) => self.write_or_give_up(&replay::bye(channel + 1, ssrc)).await?,
                Some(Way::Ports(..)) => self.ports.report(track, &replay::bye(0, ssrc)).await,
                None => {}
            }
        }
        Ok(())
    }

    async fn say(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write.write_all(bytes).await?;
        self.write.flush().await
    }

    /// The stream's tracks, waiting a while for a camera that is connecting.
    async fn tracks_of(&self, key: &StreamKey) -> Arc<[Track]> {
        let Some(stream) = self.hub.stream(key) else { return Arc::new([]) };
        stream.wait_described(DESCRIBE_WAIT).await;
        // Without any the answer says that the stream is not there yet.
        stream.tracks()
    }

    fn start(&self, stream: &Arc<Stream>, ticket: Ticket, kind: ReaderKind) -> Playing {
        let revoked = Arc::new(Notify::new());
        let word = revoked.clone();
        ticket.bind("", move |_| word.notify_one());
        let wake = Arc::new(Notify::new());
        let mut reader = stream.subscribe(kind, wake.clone());
        let first = match reader.next() {
            Next::Frame(delivery) => Some(delivery),
            _ => None,
        };
        let senders = stream.tracks().iter().map(|_| SenderState::default()).collect();
        Playing { reader, wake, first, senders, _ticket: ticket, revoked }
    }

    async fn play(mut self, mut playing: Playing) -> io::Result<()> {
        if let Some(delivery) = playing.first.take() {
            self.send(&delivery, &mut playing.senders).await?;
        }
        loop {
            // What he said while something was written that he did not take.
            if self.keep_alive().await? {
                return Ok(());
            }
            // What led to the end has come by then.
            let over = self.is_over();
            let drained = self.drain(&mut playing).await?;
            match drained {
                Drained::Over => return Ok(()),
                Drained::All if over => self.say_bye().await?,
                Drained::All | Drained::Some => {}
            }
            let unheard = tokio::time::sleep_until((self.heard + UNHEARD).into());
            tokio::select! {
                biased;
                () = playing.revoked.notified() => return Ok(()),
                () = poll_fn(|cx| self.ports.poll_heard(cx)) => self.heard = Instant::now(),
                () = unheard, if !self.ports.is_empty() => return Err(io::ErrorKind::TimedOut.into()),
                read = self.read.read_buf(&mut self.input) => {
                    self.heard = Instant::now();
                    if read? == 0 || self.keep_alive().await? {
                        return Ok(());
                    }
                }
                // Behind what he says: what is pulled is nearly always there.
                () = playing.wake.notified() => {}
                () = tokio::task::yield_now(), if drained == Drained::Some => {}
                () = tokio::time::sleep(LOOK_EVERY), if self.play.is_some() && !self.said_bye => {}
            }
        }
    }

    /// Sends what waits, up to [`MOST_AT_ONCE`] frames.
    async fn drain(&mut self, playing: &mut Playing) -> io::Result<Drained> {
        if self.paused {
            return Ok(Drained::All);
        }
        for _ in 0..MOST_AT_ONCE {
            match playing.reader.next() {
                // The client must ask anew for what has become another stream.
                Next::Frame(delivery) if self.play.is_some() && !self.session.described_as(&delivery.frame) => {
                    return Ok(Drained::Over);
                }
                Next::Frame(delivery) => self.send(&delivery, &mut playing.senders).await?,
                Next::Waiting(_) => {}
                Next::Pending => return Ok(Drained::All),
                Next::TracksChanged(_) | Next::Closed(_) => return Ok(Drained::Over),
            }
            if let Some(play) = &self.play {
                play.taken();
            }
        }
        Ok(Drained::Some)
    }

    /// Requests while playing: keep-alives and TEARDOWN; true at its end.
    async fn keep_alive(&mut self) -> io::Result<bool> {
        while let Some(request) = self.next_request()? {
            match self.answer(&request).await? {
                Step::Go => {}
                // A second PLAY changes nothing of a live stream.
                Step::Play(_) => {}
                Step::End => return Ok(true),
            }
        }
        Ok(false)
    }

    async fn send(&mut self, delivery: &Delivery, senders: &mut [SenderState]) -> io::Result<()> {
        let frame = &delivery.frame;
        let Some(way) = self.session.way(frame.track_index) else { return Ok(()) };
        let channel = if let Way::Channel(channel) = way { channel } else { frame.channel() };
        let time = delivery.burst.map_or(frame.rtp_time, |burst| burst.compressed_time());
        let bytes: Bytes = if channel == frame.channel() && time == frame.rtp_time {
            frame.interleaved().clone()
        } else {
            frame.interleaved_at(channel, time)
        };
        let moment =
            self.play.as_ref().filter(|_| self.session.replay).and_then(|play| play.moment(frame.track, frame.dts));
        let bytes = match moment {
            Some(moment) => replay::with_header(&bytes, moment, frame.key).into(),
            None if self.session.relay && self.play.is_none() => stamp_of(frame).put_into(&bytes).into(),
            None => bytes,
        };
        self.senders_of.insert(frame.track_index, frame.ssrc);
        match way {
            Way::Channel(_) => self.write_or_give_up(&bytes).await?,
            Way::Ports(..) => self.ports.send(frame.track_index, &bytes).await,
        }
        self.metrics.bytes_sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if let Some(sender) = senders.get_mut(usize::from(frame.track_index)) {
            sender.count(frame);
            // A time of the burst is not the frame's own, nor is one without a
            // pace that of now: no report on it.
            let in_time = delivery.burst.is_none() && self.session.is_paced();
            let report = in_time.then(|| sender.due(frame, channel + 1)).flatten();
            match (report, way) {
                (Some(report), Way::Channel(_)) => self.write_or_give_up(&report).await?,
                (Some(report), Way::Ports(..)) => self.ports.report(frame.track_index, &report).await,
                (None, _) => {}
            }
        }
        Ok(())
    }

    /// Who plays a recording takes it as slowly as he likes, while he says that
    /// he is there.
    async fn write_as_taken(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Self { read, write, input, heard, .. } = self;
        *heard = Instant::now();
        let writing = async {
            write.write_all(bytes).await?;
            write.flush().await
        };
        tokio::pin!(writing);
        loop {
            let unheard = tokio::time::sleep_until((*heard + UNHEARD).into());
            tokio::select! {
                written = &mut writing => return written,
                () = unheard => return Err(io::ErrorKind::TimedOut.into()),
                // Answered once this is written.
                read = read.read_buf(input), if input.len() <= MAX_REQUEST => {
                    *heard = Instant::now();
                    if read? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        }
    }

    /// Nearly always one `write`; a timer is set up only for a full socket.
    async fn write_or_give_up(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.write.try_write(bytes)?;
        if written == bytes.len() {
            return Ok(());
        }
        if self.play.is_some() {
            return self.write_as_taken(&bytes[written..]).await;
        }
        let rest = self.say(&bytes[written..]);
        tokio::time::timeout(WRITE_STALLED, rest).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }
}

/// How far [`Connection::drain`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drained {
    All,
    /// More may wait.
    Some,
    /// The session has ended.
    Over,
}

/// What another node is to know of a frame.
fn stamp_of(frame: &HubFrame) -> Stamp {
    Stamp {
        timing: frame.timing,
        // The low bits tell one from the next.
        epoch: frame.epoch as u32,
        number: frame.count as u32,
        discontinuity: frame.discontinuity,
    }
}

fn status_of(refusal: NoPlayback) -> StatusCode {
    match refusal {
        NoPlayback::NotFound => StatusCode::NotFound,
        NoPlayback::Invalid => StatusCode::InvalidRange,
        NoPlayback::Unavailable => StatusCode::ServiceUnavailable,
    }
}

enum Step {
    Go,
    End,
    Play(Box<Playing>),
}

fn parse(input: &[u8]) -> io::Result<Input> {
    // Some clients pad with CRLF between messages.
    let padding = input.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
    if padding > 0 {
        return Ok(Input::Skip(padding));
    }
    match Message::<&[u8]>::parse(input) {
        Ok((Message::Request(request), length)) => Ok(Input::Request(request.map_body(<[u8]>::to_vec), length)),
        Ok((_, length)) => Ok(Input::Skip(length)),
        Err(ParseError::Incomplete(_)) => Ok(Input::None),
        Err(ParseError::Error) => Err(io::Error::new(io::ErrorKind::InvalidData, "not RTSP")),
    }
}

fn first_packets(playing: &Playing, stream: &Arc<Stream>) -> Vec<FirstPacket> {
    let first = playing.first.as_ref();
    (0..playing.senders.len())
        .filter_map(|index| {
            let track_index = u8::try_from(index).ok()?;
            let delivery = first.filter(|delivery| delivery.frame.track_index == track_index);
            if let Some(delivery) = delivery {
                let time = delivery.burst.map_or(delivery.frame.rtp_time, |burst| burst.compressed_time());
                return Some(FirstPacket {
                    track_index,
                    seq: Some(delivery.frame.rtp_seq as u16),
                    rtp_time: time as u32,
                });
            }
            let (_, rtp_time, _) = stream.run_of(index)?;
            Some(FirstPacket { track_index, seq: None, rtp_time: rtp_time as u32 })
        })
        .collect()
}
