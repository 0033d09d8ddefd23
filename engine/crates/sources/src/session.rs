//! One RTSP session with a camera, from dialling to its end.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use vms_media::{Track, TrackKind};

use crate::clock::ServerClock;
use crate::describe::choose;
use crate::dial::Dialer;
use crate::feed::{Feed, Item};
use crate::frames::TrackFrames;
use crate::link::Link;
use crate::open::{Lessons, Means};
use crate::reason::Reason;
use crate::rtsp::{self, Address, Description, Habit, Media, Step, Wanted};
use crate::source::Transport;

const USER_AGENT: &str = concat!("vms-enterprise/", env!("CARGO_PKG_VERSION"));
/// A camera that sends us on more often sends us in circles.
const MAX_REDIRECTS: usize = 5;
/// A camera that plays and of which nothing came by UDP for so long is asked
/// by TCP instead: a router or a firewall stands between.
const UDP_PATIENCE: Duration = Duration::from_secs(3);
/// How long a camera is given to answer TEARDOWN.
pub const GOODBYE: Duration = Duration::from_secs(1);

pub struct Session {
    /// `None` once the session has ended.
    link: Option<Link>,
    intake: Intake,
    goodbyes: TaskTracker,
    described: Vec<Track>,
    keeps_dead_sessions: bool,
    lessons: Arc<Mutex<Lessons>>,
}

/// Makes items of media.
struct Intake {
    clock: Arc<ServerClock>,
    /// By the client's numbers; `None` for tracks that the camera refused.
    tracks: Vec<Option<TrackFrames>>,
    queue: VecDeque<Item>,
    /// Anything came at all.
    heard: bool,
}

impl Intake {
    fn take(&mut self, index: usize, media: Media<'_>) {
        self.heard = true;
        let Some(Some(track)) = self.tracks.get_mut(index) else { return };
        match media {
            Media::Packet(packet) => track.push(packet, || self.clock.now(), |item| self.queue.push_back(item)),
            Media::Stamp(timestamp, stamp) => track.stamp(timestamp, stamp),
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
        let mut address = Address::parse(address)?;
        if address.relayed && !means.catches_up {
            address.begin_live();
        }
        // Beside TLS and beside a tunnel nothing would be safe, or get through.
        if transport == Transport::Tcp || !address.carriage.is_plain() {
            return Self::open_by(address, Transport::Tcp, means).await;
        }
        let udp_is_silent = means.lessons.lock().udp_is_silent;
        if !udp_is_silent {
            match Self::open_by_udp(address.clone(), means).await {
                Ok(Some(session)) => return Ok(session),
                Ok(None) => tracing::info!(host = address.host, "nothing came by UDP; the camera is asked by TCP"),
                Err(Reason::Protocol { detail }) => {
                    tracing::info!(host = address.host, detail, "no UDP; the camera is asked by TCP");
                }
                Err(reason) => return Err(reason),
            }
        }
        let opened = Self::open_by(address, Transport::Tcp, means).await;
        // Where TCP is no better, UDP has its chance again.
        means.lessons.lock().udp_is_silent = opened.is_ok();
        opened
    }

    /// `None` where the camera plays and nothing comes.
    async fn open_by_udp(address: Address, means: &Means) -> Result<Option<Self>, Reason> {
        let mut session = Self::open_by(address, Transport::Udp, means).await?;
        let heard = tokio::time::timeout(UDP_PATIENCE, session.hear()).await.is_ok();
        Ok(heard.then_some(session))
    }

    async fn open_by(address: Address, transport: Transport, means: &Means) -> Result<Self, Reason> {
        let habit = means.lessons.lock().habit;
        let (link, description) = describe(address, &means.dialer, habit, false).await?;
        let intake = Intake { clock: means.clock.clone(), tracks: Vec::new(), queue: VecDeque::new(), heard: false };
        let mut session = Self {
            link: Some(link),
            intake,
            goodbyes: means.goodbyes.clone(),
            described: Vec::new(),
            keeps_dead_sessions: transport == Transport::Tcp && description.keeps_dead_sessions(),
            lessons: means.lessons.clone(),
        };
        session.play(&description, transport).await?;
        Ok(session)
    }

    /// Waits until anything came, or the session has ended.
    async fn hear(&mut self) {
        let (link, intake) = (&mut self.link, &mut self.intake);
        poll_fn(|cx| {
            while let Some(link) = link.as_mut().filter(|_| !intake.heard) {
                match link.poll(cx, &mut |index, media| intake.take(index, media)) {
                    Poll::Ready(Ok(())) => {}
                    // Whoever reads next is told the same.
                    Poll::Ready(Err(_)) => break,
                    Poll::Pending if intake.heard => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(())
        })
        .await;
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
        link.client.set_up(description, &wanted, Instant::now());
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
            track.set_round_trip(round_trip);
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
                Poll::Ready(Err(reason)) => {
                    if reason == Reason::CameraClosed {
                        self.lessons.lock().habit = link.client.lesson(Instant::now());
                    }
                    return Poll::Ready(Err(reason));
                }
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

/// Asks a camera what it has, wherever it sends us; `talks`: what it listens on.
pub async fn describe(
    mut address: Address,
    dialer: &Dialer,
    habit: Habit,
    talks: bool,
) -> Result<(Link, Description), Reason> {
    let mut allows_basic = true;
    for _ in 0..=MAX_REDIRECTS {
        let seed = rand::random();
        let options = rtsp::Options { address, allows_basic, user_agent: USER_AGENT, seed, habit, talks };
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
mod tests;
