//! Motion JPEG: pictures that a camera sends one behind the other, or one that
//! is asked for each second.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use vms_media::{Codec, Frame, Track, TrackKind};

use super::multipart::{self, MAX_PICTURE, Multipart};
use super::response::{Body, Head};
use super::visit::Visit;
use crate::clock::ServerClock;
use crate::feed::{Feed, Item};
use crate::reason::Reason;
use crate::wire::Wire;

/// How often a camera is asked that gives one picture.
const ASK_EVERY: Duration = Duration::from_secs(1);
const CLOCK_RATE: u32 = 90_000;

impl From<multipart::Error> for Reason {
    fn from(error: multipart::Error) -> Self {
        match error {
            multipart::Error::TooLarge => Self::FrameTooLarge,
            multipart::Error::NoPictures => Self::Protocol { detail: error.to_string() },
        }
    }
}

/// Pictures as frames: nothing tells when they were taken but their arrival.
struct Frames {
    clock: Arc<ServerClock>,
    tracks: [Track; 1],
    began: Instant,
    last: Option<i64>,
}

impl Frames {
    fn new(clock: Arc<ServerClock>) -> Self {
        Self { clock, tracks: [Track::video(Codec::Jpeg)], began: Instant::now(), last: None }
    }

    fn frame(&mut self, data: Bytes) -> Item {
        let now = Instant::now();
        let ticks = now.duration_since(self.began).as_micros() * u128::from(CLOCK_RATE) / 1_000_000;
        let ticks = i64::try_from(ticks).unwrap_or(i64::MAX);
        let pts = self.last.map_or(ticks, |last| ticks.max(last.saturating_add(1)));
        self.last = Some(pts);
        Item::Frame(Frame {
            track: 0,
            kind: TrackKind::Video,
            codec: Codec::Jpeg,
            epoch: 0,
            number: 0,
            key: true,
            discontinuity: false,
            dts: pts,
            pts,
            timing: self.clock.utc_at(now),
            data,
        })
    }
}

/// The answer that never ends.
pub struct Pictures {
    wire: Wire,
    body: Body,
    multipart: Multipart,
    /// What is no whole picture yet.
    held: Vec<u8>,
    frames: Frames,
    queue: VecDeque<Item>,
    /// Nothing was taken yet.
    begins: bool,
}

impl Pictures {
    pub fn new(wire: Wire, head: &Head, content_type: &str, clock: Arc<ServerClock>) -> Self {
        Self {
            wire,
            body: head.body(),
            multipart: Multipart::new(content_type),
            held: Vec::new(),
            frames: Frames::new(clock),
            queue: VecDeque::new(),
            begins: true,
        }
    }

    fn take(&mut self) -> Result<(), Reason> {
        let used = self.body.decode(&self.wire.rest, &mut self.held)?;
        self.wire.rest.drain(..used);
        let mut at = 0;
        loop {
            let (picture, used) = self.multipart.next(&self.held[at..])?;
            at += used;
            let Some(picture) = picture else { break };
            self.queue.push_back(self.frames.frame(Bytes::copy_from_slice(picture)));
        }
        self.held.drain(..at);
        Ok(())
    }
}

impl Feed for Pictures {
    fn tracks(&self) -> &[Track] {
        &self.frames.tracks
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Poll::Ready(Ok(item));
            }
            if self.body.is_over() {
                return Poll::Ready(Err(Reason::CameraClosed));
            }
            // The first bytes may have come with the head.
            if !std::mem::take(&mut self.begins) {
                ready!(self.wire.poll_read(cx)).map_err(|error| Reason::of_connection(&error))?;
            }
            self.take()?;
        }
    }

    /// Times are those of arrival: there is nothing to forget.
    fn reset_clocks(&mut self) {}
}

/// The camera, its next picture, and when it was asked for.
type Asked = Result<(Visit, Bytes, Instant), Reason>;
type Asking = Pin<Box<dyn Future<Output = Asked> + Send>>;

/// A camera that gives one picture, asked again and again.
pub struct Snapshots {
    asking: Asking,
    first: Option<Bytes>,
    frames: Frames,
}

impl Snapshots {
    /// Takes the first picture, whose head has come.
    pub async fn new(visit: Visit, wire: Wire, head: Head, clock: Arc<ServerClock>) -> Result<Self, Reason> {
        let asked = Instant::now();
        let (visit, first) = take(visit, wire, &head).await?;
        Ok(Self { asking: Box::pin(again(visit, asked)), first: Some(first), frames: Frames::new(clock) })
    }
}

/// Asks for the next picture when it is time.
async fn again(mut visit: Visit, asked: Instant) -> Asked {
    tokio::time::sleep_until((asked + ASK_EVERY).into()).await;
    let asked = Instant::now();
    let (wire, head) = visit.ask().await?;
    let (visit, picture) = take(visit, wire, &head).await?;
    Ok((visit, picture, asked))
}

/// Reads the picture that follows a head.
async fn take(mut visit: Visit, mut wire: Wire, head: &Head) -> Result<(Visit, Bytes), Reason> {
    let (mut body, mut picture) = (head.body(), Vec::new());
    let told = head.length_of_body().filter(|_| matches!(body, Body::Plain));
    loop {
        let used = body.decode(&wire.rest, &mut picture)?;
        wire.rest.drain(..used);
        if picture.len() > MAX_PICTURE || told.is_some_and(|length| length > MAX_PICTURE) {
            return Err(Reason::FrameTooLarge);
        }
        if body.is_over() || told.is_some_and(|length| picture.len() >= length) {
            break;
        }
        match poll_fn(|cx| wire.poll_read(cx)).await {
            Ok(()) => {}
            // Without a length its end is that of the connection.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && is_open(told, &body) => break,
            Err(error) => return Err(Reason::of_connection(&error)),
        }
    }
    if head.keeps_alive() && told.is_none_or(|length| picture.len() == length) {
        visit.keep(wire);
    }
    if !picture.starts_with(&[0xff, 0xd8, 0xff]) {
        return Err(Reason::Protocol { detail: "it sends a picture that is no JPEG".into() });
    }
    Ok((visit, picture.into()))
}

fn is_open(told: Option<usize>, body: &Body) -> bool {
    told.is_none() && matches!(body, Body::Plain)
}

impl Feed for Snapshots {
    fn tracks(&self) -> &[Track] {
        &self.frames.tracks
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Ok(self.frames.frame(first)));
        }
        let (visit, picture, asked) = ready!(self.asking.as_mut().poll(cx))?;
        self.asking = Box::pin(again(visit, asked));
        Poll::Ready(Ok(self.frames.frame(picture)))
    }

    /// Times are those of arrival: there is nothing to forget.
    fn reset_clocks(&mut self) {}
}
