//! The listeners, their threads, and the way of a request through the front.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use vms_access::{Access, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;
use vms_sinks::webrtc::WebRtc;

use crate::credential::{self, Refused};
use crate::guard;
use crate::problem::{Body, Problem, full};
use crate::proxy::Proxy;
use crate::route::{Door, Route, route};
use crate::whep;

const THREADS: usize = 2;
/// Open connections of a listener; more wait in the system's queue.
const MAX_CONNECTIONS: usize = 8192;
/// How clients speak to these listeners.
const SCHEME: &str = "http";
const HEADER_LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct FrontConfig {
    pub bind: SocketAddr,
    pub players_bind: SocketAddr,
    pub api_socket: PathBuf,
}

/// Gives the process's metrics as Prometheus text.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// The running front, on threads of its own.
pub struct Front {
    addresses: [SocketAddr; 2],
    cancel: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    webrtc: WebRtc,
    access: Access,
    metrics: MetricsText,
    proxy: Proxy,
}

impl Front {
    pub fn start(config: FrontConfig, webrtc: WebRtc, access: Access, metrics: MetricsText) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("front")
            .enable_all()
            .build()?;
        let cancel = CancellationToken::new();
        let shared = Arc::new(Shared { webrtc, access, metrics, proxy: Proxy::new(config.api_socket) });
        let mut addresses = [config.bind, config.players_bind];
        for (address, door) in addresses.iter_mut().zip([Door::Front, Door::Players]) {
            let listener = runtime.block_on(TcpListener::bind(*address))?;
            *address = listener.local_addr()?;
            runtime.spawn(accept(listener, door, shared.clone(), cancel.clone()));
        }
        Ok(Self { addresses, cancel, runtime: Some(runtime) })
    }

    /// Of the origin.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Of the players' port of WebRTC.
    #[must_use]
    pub fn players_address(&self) -> SocketAddr {
        self.addresses[1]
    }

    pub fn stop(&mut self) {
        self.cancel.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, door: Door, shared: Arc<Shared>, cancel: CancellationToken) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = cancel.cancelled() => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                let (shared, cancel) = (shared.clone(), cancel.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = connection(socket, peer, door, shared) => {}
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

async fn connection(socket: TcpStream, peer: SocketAddr, door: Door, shared: Arc<Shared>) {
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended at once");
        return;
    }
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(shared.answer(door, peer, request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_LIMIT)
        .serve_connection(TokioIo::new(socket), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended");
    }
}

impl Shared {
    async fn answer(&self, door: Door, peer: SocketAddr, request: Request<Incoming>) -> Response<Body> {
        match self.try_answer(door, peer, request).await {
            Ok(response) => response,
            Err(Refused::Problem(problem)) => problem.response(),
            Err(Refused::Answer(response)) => *response,
        }
    }

    /// Lets a viewer in, or says why not.
    async fn enter(&self, key: &StreamKey, headers: &HeaderMap, peer: SocketAddr) -> Result<Ticket, Refused> {
        let wish = Wish { key, kind: Kind::Webrtc };
        let entered = if self.access.is_open() {
            self.access.enter(wish, Proof::None, Now::read())
        } else {
            let address = credential::address(&self.proxy, headers, key, peer.ip(), SCHEME).await?;
            self.access.enter(wish, Proof::Address(&address), Now::read())
        };
        entered.map_err(|denied| credential::denied(&denied).into())
    }

    async fn try_answer(
        &self,
        door: Door,
        peer: SocketAddr,
        mut request: Request<Incoming>,
    ) -> Result<Response<Body>, Refused> {
        if self.access.is_open() {
            guard::check_open(request.headers())?;
        }
        credential::mark(request.headers_mut(), peer.ip(), SCHEME);
        match route(door, request.method(), request.uri().path()) {
            Route::Offer(key) => {
                let (head, body) = request.into_parts();
                let ticket = self.enter(&key, &head.headers, peer).await?;
                Ok(whep::offer(&self.webrtc, door, &key, &head.headers, body, peer.ip(), ticket).await?)
            }
            Route::Session(id) if request.method() == Method::DELETE => {
                self.owns(&id, request.headers())?;
                Ok(whep::end(&self.webrtc, &id)?)
            }
            Route::Session(id) => {
                self.renew(&id, request.headers())?;
                Ok(whep::patch(&self.webrtc, &id, request.into_body()).await?)
            }
            Route::Live => Ok(text("application/json", r#"{"status":"ok"}"#.to_owned())),
            Route::MediaMetrics => Ok(text("text/plain; version=0.0.4", (self.metrics)())),
            Route::Api => Ok(self.proxy.pass(request).await?),
            Route::NoStream => Err(Refused::Problem(Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "no stream can have this address: CAMERA/main or CAMERA/sub",
            ))),
            Route::NotFound => {
                Err(Problem::new(StatusCode::NOT_FOUND, "not_found", "players use /CAMERA[/sub]/whep here").into())
            }
            Route::MethodNotAllowed(allowed) => {
                let mut response = Problem::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "method_not_allowed",
                    format!("this address takes {allowed}"),
                )
                .response();
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
                Ok(response)
            }
        }
    }
}

impl Shared {
    /// Whoever opened a session may end it.
    fn owns(&self, session: &str, headers: &HeaderMap) -> Result<(), Refused> {
        let owned = self.access.owns(session, credential::bearer(headers));
        owned.map_err(|denied| credential::denied(&denied).into())
    }

    /// A fresh address renews a session; the one it was opened by may only
    /// bring candidates.
    fn renew(&self, session: &str, headers: &HeaderMap) -> Result<(), Refused> {
        self.owns(session, headers)?;
        let Some(address) = credential::bearer(headers) else { return Ok(()) };
        match self.access.renew(session, address, Now::read()) {
            Err(denied) if denied != vms_access::Denied::Used => Err(credential::denied(&denied).into()),
            _ => Ok(()),
        }
    }
}

fn text(kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(full(body));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
