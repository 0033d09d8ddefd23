//! Cameras that answer a GET with FLV, with pictures one behind the other
//! (Motion JPEG), or with one picture, which is asked for again.
//!
//! `response` and `multipart` are HTTP without IO; `visit` asks, `pictures` is
//! the feed of Motion JPEG; the feed of FLV is here.

mod multipart;
mod pictures;
mod response;
mod visit;

use std::task::{Context, Poll, ready};

use vms_media::FlvReader;

use self::pictures::{Pictures, Snapshots};
use self::response::Body;
use self::visit::Visit;
use crate::feed::Feed;
use crate::flv::{Bringer, FlvFeed, FlvFrames};
use crate::open::Means;
use crate::reason::Reason;
use crate::wire::Wire;

impl From<response::Error> for Reason {
    fn from(error: response::Error) -> Self {
        Self::Protocol { detail: error.to_string() }
    }
}

/// Asks for the stream, wherever the camera sends us. What it answers tells
/// what it is.
pub async fn open(address: &str, means: &Means) -> Result<Box<dyn Feed>, Reason> {
    let mut visit = Visit::new(address, &means.dialer)?;
    let (wire, head) = visit.ask().await?;
    let kind = head.get("content-type").unwrap_or_default().to_owned();
    let small = kind.to_ascii_lowercase();
    if small.starts_with("multipart/") {
        return Ok(Box::new(Pictures::new(wire, &head, &kind, means.clock.clone())));
    }
    if small.starts_with("image/") {
        return Ok(Box::new(Snapshots::new(visit, wire, head, means.clock.clone()).await?));
    }
    if small.starts_with("text/") {
        return Err(Reason::Protocol { detail: format!("it sends {small} instead of video") });
    }
    let body = Answer { wire, body: head.body(), flv: Vec::new(), reader: FlvReader::default(), begins: true };
    Ok(Box::new(FlvFeed::new(body, means.clock.clone())))
}

/// The answer that never ends.
pub struct Answer {
    wire: Wire,
    body: Body,
    /// What is no whole tag yet.
    flv: Vec<u8>,
    reader: FlvReader,
    /// Nothing was taken yet.
    begins: bool,
}

impl Answer {
    /// Makes frames of what came.
    fn take(&mut self, frames: &mut FlvFrames) -> Result<(), Reason> {
        let used = self.body.decode(&self.wire.rest, &mut self.flv)?;
        self.wire.rest.drain(..used);
        let mut at = 0;
        while let Some(tag) = self.reader.tag(&self.flv[at..])? {
            frames.push(tag.kind, tag.ms, tag.body)?;
            at += tag.used;
        }
        self.flv.drain(..at);
        if self.body.is_over() { Err(Reason::CameraClosed) } else { Ok(()) }
    }
}

impl Bringer for Answer {
    fn poll(&mut self, cx: &mut Context<'_>, frames: &mut FlvFrames) -> Poll<Result<(), Reason>> {
        // The first bytes may have come with the head.
        if !std::mem::take(&mut self.begins) {
            ready!(self.wire.poll_read(cx)).map_err(|error| Reason::of_connection(&error))?;
        }
        Poll::Ready(self.take(frames))
    }
}
