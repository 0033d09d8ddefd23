//! Asking a camera by HTTP: through its passwords, wherever it sends us.

use std::future::poll_fn;

use vms_media::base64;

use super::response::Head;
use crate::dial::Dialer;
use crate::place::Place;
use crate::reason::Reason;
use crate::rtsp::{Authenticator, Verdict};
use crate::tls;
use crate::wire::{Socket, Wire};

/// A camera that sends us on more often sends us in circles.
const MAX_REDIRECTS: usize = 5;

/// Where a stream is asked for, and what was learnt on the way.
pub struct Visit {
    place: Place,
    auth: Authenticator,
    dialer: Dialer,
    /// A connection that can be asked again.
    kept: Option<Wire>,
}

impl Visit {
    pub fn new(address: &str, dialer: &Dialer) -> Result<Self, Reason> {
        let place = Place::parse(address, &[("http", 80), ("https", 443)])?;
        let auth = authenticator(&place, true);
        Ok(Self { place, auth, dialer: dialer.clone(), kept: None })
    }

    /// The connection is asked again next time.
    pub fn keep(&mut self, wire: Wire) {
        self.kept = Some(wire);
    }

    /// Asks until the camera gives what it has.
    pub async fn ask(&mut self) -> Result<(Wire, Head), Reason> {
        let (mut redirects, mut carried) = (0, false);
        loop {
            let (wire, head) = self.ask_once().await?;
            match head.status {
                200 => return Ok((wire, head)),
                401 => match self.auth.refused(head.all("www-authenticate"), carried) {
                    Verdict::Retry => carried = true,
                    Verdict::Refused => return Err(Reason::WrongPassword),
                },
                301 | 302 | 303 | 307 | 308 if redirects < MAX_REDIRECTS => {
                    redirects += 1;
                    let next = self.place.onwards(head.get("location").unwrap_or_default())?;
                    // Basic shows the password: never to another host, nor outside of TLS.
                    let same = next.host == self.place.host && next.tls >= self.place.tls;
                    (self.place, carried) = (next, false);
                    self.auth = authenticator(&self.place, same);
                }
                404 | 410 => return Err(Reason::StreamNotFound),
                status => return Err(Reason::Protocol { detail: format!("HTTP {status}") }),
            }
        }
    }

    /// One GET, and the head of its answer.
    async fn ask_once(&mut self) -> Result<(Wire, Head), Reason> {
        if let Some(wire) = self.kept.take()
            && let Ok(answer) = self.ask_on(wire).await
        {
            return Ok(answer);
        }
        // A camera may have closed what it kept: that is no failure.
        let wire = self.connect().await?;
        self.ask_on(wire).await
    }

    async fn connect(&mut self) -> Result<Wire, Reason> {
        let socket = self.dialer.connect(&self.place.host, self.place.port).await?;
        let socket: Box<dyn Socket> = match self.place.tls {
            true => {
                let (host, trust) = (&self.place.host, &self.place.trust);
                Box::new(tls::shake_hands(socket, host, trust, self.dialer.authority()).await?)
            }
            false => Box::new(socket),
        };
        Ok(Wire { socket, rest: Vec::new() })
    }

    async fn ask_on(&mut self, mut wire: Wire) -> Result<(Wire, Head), Reason> {
        let (path, host) = (&self.place.path, self.place.authority());
        let login = self.auth.header("GET", path);
        let agent = concat!("vms-enterprise/", env!("CARGO_PKG_VERSION"));
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {agent}\r\nAccept: */*\r\n{login}\r\n");
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
}

fn authenticator(place: &Place, allows_basic: bool) -> Authenticator {
    let cnonce = base64::encode(&rand::random::<[u8; 12]>());
    Authenticator::new(place.credentials.clone(), allows_basic, cnonce)
}
