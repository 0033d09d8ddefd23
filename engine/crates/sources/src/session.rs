//! One RTSP session with a camera, from dialling to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use vms_media::{Track, TrackKind};

use crate::clock::ServerClock;
use crate::describe::choose;
use crate::dial::Dialer;
use crate::feed::{Feed, Item};
use crate::frames::TrackFrames;
use crate::link::Link;
use crate::open::Means;
use crate::reason::Reason;
use crate::rtsp::{self, Address, Description, Media, Step, Wanted};
use crate::source::Transport;

const USER_AGENT: &str = concat!("vms-enterprise/", env!("CARGO_PKG_VERSION"));
/// A camera that sends us on more often sends us in circles.
const MAX_REDIRECTS: usize = 5;
/// How long a camera is given to answer TEARDOWN.
const GOODBYE: Duration = Duration::from_secs(1);

pub struct Session {
    /// `None` once the session has ended.
    link: Option<Link>,
    intake: Intake,
    goodbyes: TaskTracker,
    described: Vec<Track>,
    keeps_dead_sessions: bool,
}

/// Makes items of media.
struct Intake {
    clock: Arc<ServerClock>,
    /// By the client's numbers; `None` for tracks that the camera refused.
    tracks: Vec<Option<TrackFrames>>,
    queue: VecDeque<Item>,
}

impl Intake {
    fn take(&mut self, index: usize, media: Media<'_>) {
        let Some(Some(track)) = self.tracks.get_mut(index) else { return };
        match media {
            Media::Packet(packet) => track.push(packet, || self.clock.now(), |item| self.queue.push_back(item)),
            Media::Report(report) => {
                if let Some(offset) = track.timed.clock.camera_offset_ms(report.timestamp, report.utc_us) {
                    self.queue.push_back(Item::CameraOffset(offset));
                }
            }
        }
    }
}

impl Drop for Session {
    /// The camera is told, whatever ended the session; only without a runtime
    /// there is nobody left to tell it.
    fn drop(&mut self) {
        if let (Some(link), Ok(runtime)) = (self.link.take(), Handle::try_current()) {
            self.goodbyes.spawn_on(link.say_goodbye(GOODBYE), &runtime);
        }
    }
}

impl Session {
    /// Dials, describes, sets up and plays.
    pub async fn open(address: &str, transport: Transport, means: &Means) -> Result<Self, Reason> {
        let (link, description) = describe(Address::parse(address)?, &means.dialer).await?;
        let intake = Intake { clock: means.clock.clone(), tracks: Vec::new(), queue: VecDeque::new() };
        let mut session = Self {
            link: Some(link),
            intake,
            goodbyes: means.goodbyes.clone(),
            described: Vec::new(),
            keeps_dead_sessions: transport == Transport::Tcp && description.keeps_dead_sessions(),
        };
        session.play(&description, transport).await?;
        Ok(session)
    }

    async fn play(&mut self, description: &Description, transport: Transport) -> Result<(), Reason> {
        let Some(link) = &mut self.link else { return Err(Reason::CameraClosed) };
        let chosen = choose(description)?;
        let mut wanted = Vec::new();
        for choice in &chosen {
            let ports = match transport {
                Transport::Tcp => None,
                Transport::Udp => Some(link.add_udp()?),
            };
            let optional = choice.track.kind == TrackKind::Audio;
            wanted.push(Wanted { media: choice.index, optional, ports });
        }
        self.intake.tracks = chosen.into_iter().map(|choice| TrackFrames::new(choice.track)).collect();
        link.client.set_up(description, &wanted, std::time::Instant::now());
        let intake = &mut self.intake;
        loop {
            match link.step(&mut |index, media| intake.take(index, media)).await? {
                Step::Playing { round_trip } => {
                    self.number_tracks(round_trip);
                    return Ok(());
                }
                step => tracing::debug!(?step, "not expected before PLAY"),
            }
        }
    }

    /// Leaves out what the camera refused, so that tracks count from 0.
    fn number_tracks(&mut self, round_trip: Duration) {
        let Some(link) = &self.link else { return };
        for (index, slot) in self.intake.tracks.iter_mut().enumerate() {
            let Some(track) = slot.as_mut().filter(|_| link.client.peer(index).is_some()) else {
                tracing::warn!("the camera refused its audio; going on with video alone");
                *slot = None;
                // Nothing that came early has a wrong number.
                self.intake.queue.retain(|item| matches!(item, Item::Frame(frame) if frame.kind == TrackKind::Video));
                continue;
            };
            track.timed.clock.set_round_trip(round_trip);
            let id = u8::try_from(self.described.len()).unwrap_or(u8::MAX);
            self.described.push(track.numbered(id));
        }
    }
}

impl Feed for Session {
    fn tracks(&self) -> &[Track] {
        &self.described
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        let (link, intake) = (&mut self.link, &mut self.intake);
        loop {
            if let Some(item) = intake.queue.pop_front() {
                return Poll::Ready(Ok(item));
            }
            let Some(link) = link else { return Poll::Ready(Err(Reason::CameraClosed)) };
            match link.poll(cx, &mut |index, media| intake.take(index, media)) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(reason)) => return Poll::Ready(Err(reason)),
                // A timer may have let packets go.
                Poll::Pending if !intake.queue.is_empty() => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn reset_clocks(&mut self) {
        for track in self.intake.tracks.iter_mut().flatten() {
            track.timed.clock.reset();
        }
    }

    fn keeps_dead_sessions(&self) -> bool {
        self.keeps_dead_sessions
    }
}

/// Asks a camera what it has, wherever it sends us.
async fn describe(mut address: Address, dialer: &Dialer) -> Result<(Link, Description), Reason> {
    let mut allows_basic = true;
    for _ in 0..=MAX_REDIRECTS {
        let options = rtsp::Options { address, allows_basic, user_agent: USER_AGENT, seed: rand::random() };
        let mut link = Link::connect(dialer, options).await?;
        loop {
            match link.step(&mut |_, _| {}).await? {
                Step::Described(description) => return Ok((link, description)),
                Step::Redirected { address: next, allows_basic: basic } => {
                    (address, allows_basic) = (*next, basic);
                    break;
                }
                step => tracing::debug!(?step, "not expected before SETUP"),
            }
        }
    }
    Err(rtsp::Error::TooManyRedirects.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, UdpSocket};

    const LIMIT: Duration = Duration::from_secs(10);
    const SDP: &str =
        "m=audio 0 RTP/AVP 8\r\na=control:a\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n";

    fn means() -> Means {
        Means { clock: Arc::default(), dialer: Dialer::default(), goodbyes: TaskTracker::new() }
    }

    /// A camera that sends one answer a request, on as many connections as
    /// come, and then closes; gives its address and what it was asked.
    async fn camera(answers: fn(&str) -> Option<String>) -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("rtsp://{}/live", listener.local_addr().expect("bound"));
        let (asked, requests) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    let answer = answers(&request);
                    // The test may have seen enough.
                    let _ = asked.send(request);
                    let Some(answer) = answer else { break };
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        break;
                    }
                }
            }
        });
        (address, requests)
    }

    fn ok(headers: &str, body: &str) -> Option<String> {
        Some(format!("RTSP/1.0 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
    }

    async fn refused(answers: fn(&str) -> Option<String>) -> Reason {
        let (address, _requests) = camera(answers).await;
        let opened = Session::open(&address, Transport::Tcp, &means()).await;
        opened.err().expect("this camera cannot be played")
    }

    #[tokio::test]
    async fn redirects_are_followed_as_far_as_they_lead_somewhere_allowed() {
        let circle = refused(|request| {
            let uri = request.split(' ').nth(1)?;
            Some(format!("RTSP/1.0 302 Moved\r\nLocation: {uri}\r\n\r\n"))
        });
        assert_eq!(circle.await.value(), Some(("detail", "the camera redirects again and again")));
        let metadata = |_: &str| Some("RTSP/1.0 301 Moved\r\nLocation: rtsp://169.254.169.254/x\r\n\r\n".to_owned());
        assert_eq!(refused(metadata).await, Reason::AddressRefused { detail: "169.254.169.254".into() });
    }

    #[tokio::test]
    async fn a_connection_that_ends_early_has_its_reason() {
        assert_eq!(refused(|_| None).await, Reason::CameraClosed);
        assert_eq!(refused(|_| Some("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned())).await, Reason::NotRtsp);
    }

    /// Video stands second in the description, audio is refused.
    #[tokio::test]
    async fn the_end_of_a_session_is_told() {
        let (address, mut requests) = camera(|request| match request.split(' ').next()? {
            "DESCRIBE" => ok("", SDP),
            "SETUP" if request.contains("/a RTSP") => Some("RTSP/1.0 461 No\r\n\r\n".to_owned()),
            _ => ok("Session: 5\r\n", ""),
        })
        .await;
        let means = means();
        let session = Session::open(&address, Transport::Tcp, &means).await.expect("it plays");
        assert_eq!(session.described.len(), 1);
        assert_eq!((session.described[0].kind, session.described[0].id), (TrackKind::Video, 0));
        drop(session);
        means.goodbyes.close();
        tokio::time::timeout(LIMIT, means.goodbyes.wait()).await.expect("goodbyes are bounded");
        let mut methods = Vec::new();
        while let Ok(request) = requests.try_recv() {
            methods.push(request.split(' ').next().unwrap_or_default().to_owned());
        }
        assert_eq!(methods, ["DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
    }

    /// The camera closes the connection at PLAY; its packets would go on.
    #[tokio::test]
    async fn a_udp_session_is_ended_though_its_connection_is_gone() {
        let (address, mut requests) = camera(|request| match request.split(' ').next()? {
            "DESCRIBE" => ok("", SDP),
            "PLAY" => None,
            _ => ok("Session: 5\r\n", ""),
        })
        .await;
        let means = means();
        let opened = Session::open(&address, Transport::Udp, &means).await;
        assert_eq!(opened.err(), Some(Reason::CameraClosed));
        means.goodbyes.close();
        tokio::time::timeout(LIMIT, means.goodbyes.wait()).await.expect("goodbyes are bounded");
        let mut last = String::new();
        while let Ok(request) = requests.try_recv() {
            last = request;
        }
        assert!(last.starts_with("TEARDOWN ") && last.contains("Session: 5\r\n"), "{last}");
    }

    /// An RTP packet of H.264 with a picture of one slice; of no use, but a
    /// loss is told of it, as no key frame came before.
    fn picture(sequence: u8) -> Vec<u8> {
        vec![0x80, 0x80 | 96, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 1, 0x41, 0x9a, sequence]
    }

    #[tokio::test]
    async fn datagrams_of_foreign_addresses_are_dropped() {
        let (address, mut requests) = camera(|request| match request.split(' ').next()? {
            "DESCRIBE" => ok("", &SDP[SDP.find("m=video")?..]),
            _ => ok("Session: 5\r\n", ""),
        })
        .await;
        let means = means();
        let mut session = Session::open(&address, Transport::Udp, &means).await.expect("it plays");
        let mut port = None;
        while let Ok(request) = requests.try_recv() {
            let ports = request.split("client_port=").nth(1).and_then(|rest| rest.split('-').next());
            port = ports.and_then(|port| port.parse::<u16>().ok()).or(port);
        }
        let to = ("127.0.0.1", port.expect("it asked for ports"));
        let foreign = UdpSocket::bind("127.0.0.2:0").await.expect("all of 127/8 is ours");
        let own = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        for _ in 0..3 {
            foreign.send_to(&picture(200), to).await.expect("sent");
        }
        own.send_to(&picture(7), to).await.expect("sent");
        own.send_to(&picture(8), to).await.expect("sent");
        for _ in 0..2 {
            let item = tokio::time::timeout(LIMIT, std::future::poll_fn(|cx| session.poll_item(cx)))
                .await
                .expect("packets came")
                .expect("it plays on");
            assert!(matches!(item, Item::Lost(vms_media::DropReason::NoKeyYet)), "and nothing was missing between");
        }
    }
}
