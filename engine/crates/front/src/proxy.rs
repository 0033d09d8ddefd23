//! Passes requests to the API workers over their Unix socket, WebSockets too.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::UnixStream;

use crate::problem::{Body, Problem, boxed, full};

/// Idle connections kept to the API workers.
const MAX_IDLE: usize = 64;
/// An answer that the front reads itself is short.
const MAX_ANSWER: usize = 64 * 1024;
/// An API worker that is starting answers within this, else it is said to be
/// down.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

pub struct Proxy {
    socket: PathBuf,
    idle: Mutex<Vec<SendRequest<Body>>>,
}

impl Proxy {
    pub fn new(socket: PathBuf) -> Self {
        Self { socket, idle: Mutex::new(Vec::new()) }
    }

    /// Passes a request of a client on.
    pub async fn pass(&self, request: Request<Body>) -> Result<Response<Body>, Problem> {
        self.try_pass(request).await.map_err(|error| down(&error))
    }

    /// Asks the API on the front's own account; the answer is read as a whole.
    pub async fn ask(&self, request: Request<Body>) -> Result<Response<Bytes>, Problem> {
        self.try_ask(request).await.map_err(|error| down(&error))
    }

    async fn try_ask(&self, request: Request<Body>) -> Result<Response<Bytes>, Error> {
        let (sender, response) = self.send(request, false).await?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| Error::Long)?.to_bytes();
        self.keep(sender);
        Ok(Response::from_parts(head, body))
    }

    async fn try_pass(&self, mut request: Request<Body>) -> Result<Response<Body>, Error> {
        let upgrading = is_upgrade(request.headers());
        let client = upgrading.then(|| hyper::upgrade::on(&mut request));
        strip_hop_by_hop(request.headers_mut(), upgrading);
        let (sender, mut response) = self.send(request, upgrading).await?;
        match client {
            Some(client) if response.status() == StatusCode::SWITCHING_PROTOCOLS => {
                tokio::spawn(splice(client, hyper::upgrade::on(&mut response)));
                Ok(response.map(|_| full("")))
            }
            Some(_) => Ok(response.map(boxed)),
            None => {
                strip_hop_by_hop(response.headers_mut(), false);
                self.keep(sender);
                Ok(response.map(boxed))
            }
        }
    }

    /// Sends a request; once more, by a new connection, when an idle one turned
    /// out to be closed before anything of the request had left.
    async fn send(
        &self,
        request: Request<Body>,
        fresh: bool,
    ) -> Result<(SendRequest<Body>, Response<Incoming>), Error> {
        let mut sender = self.connection(fresh).await?;
        let unsent = match answer_of(sender.try_send_request(request)).await? {
            Ok(response) => return Ok((sender, response)),
            Err(mut error) => error.take_message().ok_or_else(|| Error::Http(error.into_error()))?,
        };
        let mut sender = self.connection(true).await?;
        let response = answer_of(sender.try_send_request(unsent)).await?;
        response.map(|response| (sender, response)).map_err(|error| Error::Http(error.into_error()))
    }

    /// An idle connection, or a new one; an upgrade takes its own.
    async fn connection(&self, fresh: bool) -> Result<SendRequest<Body>, Error> {
        while let Some(mut sender) = (!fresh).then(|| self.idle.lock().pop()).flatten() {
            // Its body may still be flowing to another client: then it is not
            // ready at once and is left to finish by itself.
            if sender.is_ready() && sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = UnixStream::connect(&self.socket).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the API ended");
            }
        });
        Ok(sender)
    }

    fn keep(&self, sender: SendRequest<Body>) {
        let mut idle = self.idle.lock();
        idle.retain(|sender| !sender.is_closed());
        if idle.len() < MAX_IDLE {
            idle.push(sender);
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("no connection: {0}")]
    Connect(#[from] std::io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("no answer in {} s", ANSWER_LIMIT.as_secs())]
    Late,
    #[error("an answer over {MAX_ANSWER} bytes, or one that was cut off")]
    Long,
}

fn down(error: &Error) -> Problem {
    tracing::debug!(%error, "the API did not answer");
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "api_down",
        "the API is starting or restarting; running streams are not touched. Try again in a second",
    )
}

async fn answer_of<T>(answer: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(ANSWER_LIMIT, answer).await.map_err(|_| Error::Late)
}

async fn splice(client: hyper::upgrade::OnUpgrade, api: hyper::upgrade::OnUpgrade) {
    let both = async { tokio::try_join!(client, api) };
    let (client, api) = match both.await {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket could not be passed on");
            return;
        }
    };
    let (mut client, mut api) = (TokioIo::new(client), TokioIo::new(api));
    if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut api).await {
        tracing::debug!(%error, "a WebSocket ended");
    }
}

pub fn is_upgrade(headers: &HeaderMap) -> bool {
    let wants = |value: &HeaderValue| {
        value.to_str().is_ok_and(|text| text.split(',').any(|word| word.trim().eq_ignore_ascii_case("upgrade")))
    };
    headers.contains_key(header::UPGRADE) && headers.get_all(header::CONNECTION).iter().any(wants)
}

/// Headers that speak of one connection only (RFC 9110, section 7.6.1).
fn strip_hop_by_hop(headers: &mut HeaderMap, upgrading: bool) {
    for name in [header::TE, header::TRAILER, header::PROXY_AUTHENTICATE, header::PROXY_AUTHORIZATION] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    if !upgrading {
        headers.remove(header::CONNECTION);
        headers.remove(header::UPGRADE);
    }
}
