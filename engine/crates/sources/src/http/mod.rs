//! Cameras that send FLV as the answer to a GET. `response` is HTTP without IO;
//! here are the connection and the feed.

mod response;

use std::future::poll_fn;
use std::task::{Context, Poll, ready};

use vms_media::{FlvReader, base64};

use self::response::{Body, Head};
use crate::dial::Dialer;
use crate::flv::{Bringer, FlvFeed, FlvFrames};
use crate::open::Means;
use crate::place::Place;
use crate::reason::Reason;
use crate::rtsp::{Authenticator, Verdict};
use crate::tls;
use crate::wire::{Socket, Wire};

/// A camera that sends us on more often sends us in circles.
const MAX_REDIRECTS: usize = 5;

impl From<response::Error> for Reason {
    fn from(error: response::Error) -> Self {
        Self::Protocol { detail: error.to_string() }
    }
}

/// Asks for the stream, wherever the camera sends us.
pub async fn open(address: &str, means: &Means) -> Result<FlvFeed<Answer>, Reason> {
    let mut place = Place::parse(address, &[("http", 80), ("https", 443)])?;
    let mut auth = authenticator(&place, true);
    let (mut redirects, mut carried) = (0, false);
    loop {
        let (wire, head) = ask(&place, &mut auth, &means.dialer).await?;
        match head.status {
            200 => return feed(wire, &head, means),
            401 => match auth.refused(head.all("www-authenticate"), carried) {
                Verdict::Retry => carried = true,
                Verdict::Refused => return Err(Reason::WrongPassword),
            },
            301 | 302 | 303 | 307 | 308 if redirects < MAX_REDIRECTS => {
                redirects += 1;
                let next = place.onwards(head.get("location").unwrap_or_default())?;
                // Basic shows the password: never to another host, nor outside of TLS.
                let same = next.host == place.host && next.tls >= place.tls;
                (place, carried) = (next, false);
                auth = authenticator(&place, same);
            }
            404 | 410 => return Err(Reason::StreamNotFound),
            status => return Err(Reason::Protocol { detail: format!("HTTP {status}") }),
        }
    }
}

fn authenticator(place: &Place, allows_basic: bool) -> Authenticator {
    let cnonce = base64::encode(&rand::random::<[u8; 12]>());
    Authenticator::new(place.credentials.clone(), allows_basic, cnonce)
}

/// One GET, and the head of its answer.
async fn ask(place: &Place, auth: &mut Authenticator, dialer: &Dialer) -> Result<(Wire, Head), Reason> {
    let socket = dialer.connect(&place.host, place.port).await?;
    let socket: Box<dyn Socket> = match place.tls {
        true => Box::new(tls::shake_hands(socket, &place.host, place.trust).await?),
        false => Box::new(socket),
    };
    let mut wire = Wire { socket, rest: Vec::new() };
    let (path, host) = (&place.path, place.authority());
    let login = auth.header("GET", path);
    let agent = concat!("vms-enterprise/", env!("CARGO_PKG_VERSION"));
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{login}\r\n");
    let mut unsent = request.into_bytes();
    let closed = |error: std::io::Error| Reason::of_connection(&error);
    poll_fn(|cx| wire.poll_write(cx, &mut unsent)).await.map_err(closed)?;
    loop {
        poll_fn(|cx| wire.poll_read(cx)).await.map_err(closed)?;
        if let Some(head) = Head::parse(&wire.rest)? {
            wire.rest.drain(..head.length);
            return Ok((wire, head));
        }
    }
}

fn feed(wire: Wire, head: &Head, means: &Means) -> Result<FlvFeed<Answer>, Reason> {
    let kind = head.get("content-type").unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("multipart/") || kind.starts_with("image/") {
        return Err(Reason::UnknownCodec { codec: "MOTION JPEG".into() });
    }
    if kind.starts_with("text/") {
        return Err(Reason::Protocol { detail: format!("it sends {kind} instead of FLV") });
    }
    let body = Answer { wire, body: head.body(), flv: Vec::new(), reader: FlvReader::default(), begins: true };
    Ok(FlvFeed::new(body, means.clock.clone()))
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
