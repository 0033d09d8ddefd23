//! The listeners: connections within bounds, TLS where it is wanted, and the
//! version of HTTP that a client asked for.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use vms_crowd::{Crowd, Most, Place};

use crate::patient::Patient;
use crate::problem::{Body, Problem, boxed, full};
use crate::route::Door;
use crate::serve::{Caller, Shared};
use crate::streams::{End, Streams};
use crate::tls::{HANDSHAKE_LIMIT, HTTP2, Tls};

/// Open connections of a listener; more wait in the system's queue.
pub const MAX_CONNECTIONS: usize = 8192;
/// Of those, connections of one address that have asked for nothing yet. A
/// browser opens six at most, of which it may leave some unused.
const MOST_SILENT: usize = 512;
pub const HEADER_LIMIT: Duration = Duration::from_secs(10);
/// Of a request's head by HTTP/1; a longer one is refused with 431.
const HEAD_BYTES: usize = 64 * 1024;
/// The first byte of a TLS record that holds a handshake (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
/// A year, as browsers' own lists ask.
const STRICT_TRANSPORT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Of one HTTP/2 or HTTP/3 connection.
pub mod limits {
    use std::time::Duration;

    pub const STREAMS: u32 = 128;
    pub const HEADER_LIST: u32 = 32 * 1024;
    /// Of bodies that come in, and of answers that wait to go out, bytes.
    pub const STREAM_WINDOW: u32 = 256 * 1024;
    pub const CONNECTION_WINDOW: u32 = 1024 * 1024;
    pub const SEND_BUFFER: usize = 64 * 1024;
    /// Resets that came before we had looked at the request, and resets that
    /// errors of the client made us send.
    pub const RESETS_PENDING: usize = 20;
    pub const RESETS_LOCAL: usize = 64;
    /// A client that vanished is noticed by its missing answer to a ping.
    pub const PING_EVERY: Duration = Duration::from_secs(30);
    pub const PING_LIMIT: Duration = Duration::from_secs(15);
    /// For the last answers of a connection that is being closed.
    pub const CLOSE: Duration = Duration::from_secs(5);
}

/// Those who have asked for nothing yet, at each listener.
#[derive(Clone, Debug)]
pub struct Crowds {
    pub front: Crowd,
    pub players: Crowd,
    pub hls: Crowd,
}

impl Crowds {
    /// Behind a proxy, all clients have its address.
    #[must_use]
    pub fn new(behind_proxy: bool) -> Self {
        let of_one = if behind_proxy { MAX_CONNECTIONS } else { MOST_SILENT };
        let crowd = || Crowd::new(Most { in_all: MAX_CONNECTIONS, of_one });
        Self { front: crowd(), players: crowd(), hls: crowd() }
    }

    pub(crate) fn of(&self, door: Door) -> &Crowd {
        match door {
            Door::Front => &self.front,
            Door::Players => &self.players,
            Door::Hls => &self.hls,
        }
    }
}

/// One listener, and how it is spoken to.
pub struct Listener {
    pub door: Door,
    pub silent: Crowd,
    /// What clients see, https behind the operator's own proxy too.
    pub scheme: &'static str,
    pub tls: Option<Arc<Tls>>,
    /// Whether browsers are told to use TLS alone from now on.
    pub strict_transport: bool,
    /// Where the same is had by HTTP/3 (RFC 7838).
    pub alternative: Option<HeaderValue>,
}

impl Listener {
    pub async fn answer(&self, peer: SocketAddr, request: Request<Body>, shared: &Shared) -> Response<Body> {
        let caller = Caller { door: self.door, peer, scheme: self.scheme };
        let mut response = shared.answer(caller, request).await;
        if self.strict_transport {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT_TRANSPORT);
        }
        if let Some(alternative) = &self.alternative {
            response.headers_mut().insert(header::ALT_SVC, alternative.clone());
        }
        response
    }
}

pub async fn accept(socket: TcpListener, listener: Arc<Listener>, shared: Arc<Shared>, cancel: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                // Whoever has too many already finds this one closed.
                let Some(silent) = listener.silent.enter(peer.ip()) else { continue };
                let client = Client { peer, silent: Mutex::new(Some(silent)) };
                let (listener, shared, cancel) = (listener.clone(), shared.clone(), cancel.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        ended = connection(socket, client, listener, shared) => if let Err(error) = ended {
                            tracing::debug!(%error, "a connection ended");
                        },
                        () = cancel.cancelled() => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of handles: those in use must close first.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
    #[error("its client gave up too many requests")]
    GivenUp,
}

/// Whose connection it is.
struct Client {
    peer: SocketAddr,
    /// His place among those who have asked for nothing yet.
    silent: Mutex<Option<Place>>,
}

impl Client {
    /// Gives the place to the next one.
    fn asks(&self) {
        self.silent.lock().take();
    }
}

/// What comes after the first byte is on the heap, so that a connection on
/// which nothing is said holds neither it nor its buffers.
async fn connection(
    socket: TcpStream,
    client: Client,
    listener: Arc<Listener>,
    shared: Arc<Shared>,
) -> Result<(), Ended> {
    socket.set_nodelay(true)?;
    let Some(first) = first_byte(&socket).await? else { return Ok(()) };
    match listener.tls.clone() {
        None => Box::pin(serve_http1(socket, client, listener, shared)).await,
        Some(tls) if first == HANDSHAKE => Box::pin(serve_tls(&tls, socket, client, listener, shared)).await,
        // A browser that was given an address without `https`.
        Some(_) => Box::pin(send_to_tls(socket)).await,
    }
}

async fn serve_tls(
    tls: &Tls,
    socket: TcpStream,
    client: Client,
    listener: Arc<Listener>,
    shared: Arc<Shared>,
) -> Result<(), Ended> {
    let stream = tls.accept(socket, client.peer.ip()).await?;
    if stream.get_ref().1.alpn_protocol() == Some(HTTP2) {
        serve_http2(stream, client, listener, shared).await
    } else {
        serve_http1(stream, client, listener, shared).await
    }
}

/// The first byte, which stays to be read; `None` of a connection that ended
/// without one.
async fn first_byte(socket: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let length = tokio::time::timeout(HANDSHAKE_LIMIT, socket.peek(&mut first)).await??;
    Ok((length > 0).then_some(first[0]))
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_LIMIT).max_buf_size(HEAD_BYTES);
    builder
}

async fn serve_http1<S>(stream: S, client: Client, listener: Arc<Listener>, shared: Arc<Shared>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        client.asks();
        let (peer, listener, shared) = (client.peer, listener.clone(), shared.clone());
        async move { Ok::<_, Infallible>(listener.answer(peer, request.map(boxed), &shared).await) }
    });
    let served = http1_builder().serve_connection(TokioIo::new(Patient::new(stream)), service).with_upgrades();
    Ok(served.await?)
}

async fn serve_http2<S>(stream: S, client: Client, listener: Arc<Listener>, shared: Arc<Shared>) -> Result<(), Ended>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let streams = Streams::new();
    let counted = streams.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        client.asks();
        let (listener, shared, stream) = (listener.clone(), shared.clone(), counted.begin());
        let peer = client.peer;
        async move {
            let response = listener.answer(peer, request.map(boxed), &shared).await;
            Ok::<_, Infallible>(response.map(|body| stream.answer(body)))
        }
    });
    let served = http2_builder().serve_connection(TokioIo::new(Patient::new(stream)), service);
    let mut served = std::pin::pin!(served);
    let end = tokio::select! {
        done = &mut served => return Ok(done?),
        end = streams.over() => end,
    };
    if end == End::GivenUp {
        return Err(Ended::GivenUp);
    }
    served.as_mut().graceful_shutdown();
    tokio::time::timeout(limits::CLOSE, served).await.map_err(io::Error::from)??;
    Ok(())
}

fn http2_builder() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(limits::HEADER_LIST)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .max_send_buf_size(limits::SEND_BUFFER)
        .max_pending_accept_reset_streams(limits::RESETS_PENDING)
        .max_local_error_reset_streams(limits::RESETS_LOCAL)
        .keep_alive_interval(limits::PING_EVERY)
        .keep_alive_timeout(limits::PING_LIMIT);
    builder
}

/// Answers one request that came without TLS: the page is at the same address
/// with https.
async fn send_to_tls(socket: TcpStream) -> Result<(), Ended> {
    let service = service_fn(|request: Request<Incoming>| async move { Ok::<_, Infallible>(at_https(&request)) });
    Ok(http1_builder().keep_alive(false).serve_connection(TokioIo::new(socket), service).await?)
}

fn at_https<B>(request: &Request<B>) -> Response<Body> {
    let refused = || Problem::new(StatusCode::BAD_REQUEST, "tls_required", "this port speaks https").response();
    // What else a request holds has already gone over the net in the open: that
    // must fail loudly.
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return refused();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Some(Ok(to)) = host.map(|host| HeaderValue::from_str(&format!("https://{host}{path}"))) else {
        return refused();
    };
    let mut response = Response::new(full(""));
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(header::LOCATION, to);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_without_tls_is_sent_to_the_one_with_it_and_nothing_else_is() {
        let asked = |method: Method, host: Option<&str>| {
            let mut request = Request::builder().method(method).uri("/a?b=c");
            if let Some(host) = host {
                request = request.header(header::HOST, host);
            }
            let response = at_https(&request.body(()).expect("a request"));
            let to = response.headers().get(header::LOCATION).map(|to| to.to_str().expect("text").to_owned());
            (response.status().as_u16(), to)
        };
        let page = Some("https://vms.example:8000/a?b=c".to_owned());
        assert_eq!(asked(Method::GET, Some("vms.example:8000")), (307, page));
        assert_eq!(asked(Method::POST, Some("vms.example:8000")), (400, None));
        assert_eq!(asked(Method::GET, None), (400, None));
    }
}
