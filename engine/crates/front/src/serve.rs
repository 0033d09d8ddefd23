//! The running front, and the way of a request through it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vms_access::{Access, Denied, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;
use vms_sinks::hls::Hls;
use vms_sinks::socket::Sockets;
use vms_sinks::webrtc::{Way, WebRtc};
use vms_sources::Talks;

use crate::credential::{self, Refused, Use};
use crate::guard;
use crate::hls::{self, Ask};
use crate::listen::{Crowds, Listener, accept};
use crate::media;
use crate::playing::{self, Playing};
use crate::problem::{Body, Problem, full};
use crate::proxy::Proxy;
use crate::quic;
use crate::recorded::{self, Find, Recordings};
use crate::route::{Door, Route, route};
use crate::shape::reshape;
use crate::talk;
use crate::tls::{Tls, TlsError, TlsFiles};
use crate::whep;
use crate::whip;

const THREADS: usize = 2;
/// Of a number that is free by TCP, until one is free by UDP too.
const PORT_TRIES: u32 = 16;

#[derive(Clone, Debug)]
pub struct FrontConfig {
    pub bind: SocketAddr,
    pub players_bind: SocketAddr,
    /// Unset: HLS is at the origin alone.
    pub hls_bind: Option<SocketAddr>,
    pub api_socket: PathBuf,
    pub tls: Option<TlsConfig>,
    /// A proxy of the operator's stands in front and speaks TLS to clients.
    pub behind_proxy: bool,
}

#[derive(Clone, Debug)]
pub struct TlsConfig {
    pub files: TlsFiles,
    /// The listeners that speak TLS.
    pub origin: bool,
    pub players: bool,
    pub hls: bool,
    /// The certificate is one that browsers trust: they are told to come by
    /// TLS alone from now on (RFC 6797).
    pub strict_transport: bool,
    /// HTTP/3 beside it, at origin and HLS, for those who come straight here.
    pub http3: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    #[error("{0}")]
    Tls(#[from] TlsError),
    #[error("{0}")]
    Listen(#[from] io::Error),
}

/// Gives the process's metrics as Prometheus text.
pub type MetricsText = Arc<dyn Fn() -> String + Send + Sync>;

/// What the front serves of the engine's.
pub struct Media {
    pub webrtc: WebRtc,
    pub hls: Hls,
    pub sockets: Sockets,
    pub access: Access,
    pub metrics: MetricsText,
    pub crowds: Crowds,
    /// Absent where nothing is recorded.
    pub recordings: Option<Recordings>,
    pub talks: Talks,
}

/// The running front, on threads of its own.
pub struct Front {
    addresses: Vec<SocketAddr>,
    cancel: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
}

/// Who asks, and through which listener.
#[derive(Clone, Copy)]
pub struct Caller {
    pub door: Door,
    pub peer: SocketAddr,
    pub scheme: &'static str,
}

pub struct Shared {
    webrtc: WebRtc,
    hls: Hls,
    sockets: Sockets,
    access: Access,
    metrics: MetricsText,
    recordings: Option<(Find, Playing)>,
    talks: Talks,
    proxy: Proxy,
}

impl FrontConfig {
    /// Of the origin, of the players' port and of that of HLS.
    fn listeners(&self, tls: Option<&Arc<Tls>>, crowds: &Crowds) -> Vec<(SocketAddr, Listener)> {
        let wants = |door| {
            self.tls.as_ref().is_some_and(|tls| match door {
                Door::Front => tls.origin,
                Door::Players => tls.players,
                Door::Hls => tls.hls,
            })
        };
        let doors =
            [(Door::Front, Some(self.bind)), (Door::Players, Some(self.players_bind)), (Door::Hls, self.hls_bind)];
        let listener = |door| {
            let tls = tls.filter(|_| wants(door)).cloned();
            Listener {
                door,
                silent: crowds.of(door).clone(),
                scheme: if tls.is_some() || self.behind_proxy { "https" } else { "http" },
                strict_transport: tls.is_some() && self.tls.as_ref().is_some_and(|tls| tls.strict_transport),
                alternative: None,
                tls,
            }
        };
        doors.into_iter().filter_map(|(door, bind)| Some((bind?, listener(door)))).collect()
    }
}

/// Listens by TCP and, by `second`, at the same number of another protocol; where
/// any number will do, at one that is free for both.
async fn bind<T>(
    address: SocketAddr,
    mut second: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<(TcpListener, T)> {
    let mut tries = if address.port() == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        let socket = TcpListener::bind(address).await?;
        match second(socket.local_addr()?) {
            Ok(other) => return Ok((socket, other)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries > 0 => {}
            Err(error) => return Err(error),
        }
    }
}

impl Front {
    pub fn start(config: FrontConfig, media: Media) -> Result<Self, FrontError> {
        let tls = config.tls.as_ref().map(|tls| Tls::load(tls.files.clone())).transpose()?.map(Arc::new);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("front")
            .enable_all()
            .build()?;
        let cancel = CancellationToken::new();
        if let Some(tls) = tls.clone() {
            runtime.spawn(async move { tls.follow().await });
        }
        let mut addresses = Vec::new();
        let Media { webrtc, hls, sockets, access, metrics, crowds, recordings, talks } = media;
        let listeners = config.listeners(tls.as_ref(), &crowds);
        let recordings = recordings.map(|recordings| (recordings.find, Playing::new(recordings.player)));
        let proxy = Proxy::new(config.api_socket);
        let shared = Arc::new(Shared { webrtc, hls, sockets, access, metrics, recordings, talks, proxy });
        let http3 = config.tls.as_ref().is_some_and(|tls| tls.http3) && !config.behind_proxy;
        for (address, mut listener) in listeners {
            let by_quic = listener.tls.clone().filter(|_| http3 && listener.door != Door::Players);
            let open = |address| by_quic.as_ref().map(|tls| quic::open(address, tls)).transpose();
            let (socket, endpoint) = runtime.block_on(bind(address, open))?;
            let address = socket.local_addr()?;
            addresses.push(address);
            listener.alternative = endpoint.as_ref().and_then(|_| quic::advertised(address.port()));
            let listener = Arc::new(listener);
            if let (Some(tls), Some(endpoint)) = (by_quic, endpoint) {
                runtime.spawn(quic::accept(endpoint, tls, listener.clone(), shared.clone(), cancel.clone()));
            }
            runtime.spawn(accept(socket, listener, shared.clone(), cancel.clone()));
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

    /// Of the port of HLS.
    #[must_use]
    pub fn hls_address(&self) -> Option<SocketAddr> {
        self.addresses.get(2).copied()
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

impl Shared {
    pub async fn answer(&self, caller: Caller, request: Request<Body>) -> Response<Body> {
        let mut response = match self.try_answer(caller, request).await {
            Ok(response) => response,
            Err(Refused::Problem(problem)) => problem.response(),
            Err(Refused::Answer(response)) => *response,
        };
        if caller.door == Door::Hls && !self.access.is_open() {
            hls::allow_origins(response.headers_mut());
        }
        response
    }

    /// Lets a viewer in, or says why not.
    async fn enter(&self, key: &StreamKey, headers: &HeaderMap, caller: Caller) -> Result<Ticket, Refused> {
        let wish = Wish { key, kind: Kind::Webrtc };
        let entered = if self.access.is_open() {
            self.access.enter(wish, Proof::None, Now::read())
        } else {
            let address = self.address(headers, key, Use::Open, caller).await?;
            self.access.enter(wish, Proof::Address(&address), Now::read())
        };
        entered.map_err(|denied| credential::denied(&denied).into())
    }

    async fn try_answer(&self, caller: Caller, mut request: Request<Body>) -> Result<Response<Body>, Refused> {
        let Caller { door, peer, scheme } = caller;
        reshape(&mut request)?;
        if self.access.is_open() {
            guard::check_open(request.headers(), scheme)?;
        }
        credential::mark(request.headers_mut(), peer.ip(), scheme);
        match route(door, request.method(), request.uri().path()) {
            Route::Offer(key) => {
                let (head, body) = request.into_parts();
                let ticket = self.enter(&key, &head.headers, caller).await?;
                Ok(whep::offer(&self.webrtc, door, &key, &head, body, peer.ip(), ticket).await?)
            }
            Route::Session(id) if request.method() == Method::DELETE => {
                self.own(&id, request.headers(), caller).await?;
                Ok(whep::end(&self.webrtc, &id)?)
            }
            Route::Session(id) if whep::is_json(request.headers()) => {
                self.own(&id, request.headers(), caller).await?;
                Ok(whep::rest(&self.webrtc, &id, request.into_body()).await?)
            }
            Route::Session(id) => {
                self.renew(&id, request.headers(), caller).await?;
                let (head, body) = request.into_parts();
                Ok(whep::trickle(&self.webrtc, Way::Out, &id, &head.headers, body).await?)
            }
            Route::Publish(key) => {
                let (head, body) = request.into_parts();
                let means = (&self.webrtc, &self.access);
                Ok(whip::offer(means, door, &key, &head.headers, body, peer.ip()).await?)
            }
            Route::Published(id) => {
                whip::own(&self.access, &id, request.headers())?;
                if request.method() == Method::DELETE {
                    return Ok(whip::end(&self.webrtc, &id)?);
                }
                let (head, body) = request.into_parts();
                Ok(whep::trickle(&self.webrtc, Way::In, &id, &head.headers, body).await?)
            }
            Route::Talk(key) => {
                let (head, body) = request.into_parts();
                let means = (&self.webrtc, &self.access, &self.talks);
                Ok(talk::offer(means, &key, &head.headers, body, peer.ip()).await?)
            }
            Route::Talked(id) if request.method() == Method::GET => {
                let told = talk::look(&self.webrtc, &self.access, &id, request.headers())?;
                Ok(text("application/json", told))
            }
            Route::Talked(id) => Ok(talk::end(&self.webrtc, &self.access, &id, request.headers())?),
            Route::Playback(key, what) => self.recorded(key, &what, &request).await,
            Route::Play(key) => {
                let (_, playing) = self.recordings.as_ref().ok_or_else(playing::records_nothing)?;
                Ok(playing.offer(&self.webrtc, &self.access, key, request, peer.ip()).await?)
            }
            Route::PlaySession(id) => {
                let (_, playing) = self.recordings.as_ref().ok_or_else(playing::records_nothing)?;
                Ok(playing.session(&self.webrtc, &self.access, &id, request).await?)
            }
            Route::Hls { key, address, file } => {
                let (headers, query) = (request.headers(), request.uri().query());
                let ask = Ask { key: &key, address: address.as_deref(), file: &file, headers, query };
                Ok(hls::answer(&self.hls, &self.access, ask).await?)
            }
            Route::Media => Ok(media::open(&self.sockets, request)?),
            Route::Preflight => Ok(hls::preflight()),
            Route::Live => Ok(text("application/json", r#"{"status":"ok"}"#.to_owned())),
            Route::MediaMetrics => Ok(text("text/plain; version=0.0.4", (self.metrics)())),
            Route::Api => Ok(self.proxy.pass(request).await?),
            Route::NoStream => Err(Refused::Problem(Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "no stream can have this address: CAMERA/main or CAMERA/sub",
            ))),
            Route::NotFound => Err(Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "players use /CAMERA[/sub]/whep here, publishers /CAMERA[/sub]/whip",
            )
            .into()),
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
    async fn recorded(&self, key: StreamKey, what: &str, request: &Request<Body>) -> Result<Response<Body>, Refused> {
        let query = request.uri().query();
        let wanted = recorded::wanted(what, query)?;
        recorded::judge(&self.access, &key, &wanted, request.headers(), query)?;
        let (find, _) = self.recordings.as_ref().ok_or_else(playing::records_nothing)?;
        Ok(recorded::answer(find, key, wanted).await?)
    }

    async fn address(
        &self,
        headers: &HeaderMap,
        key: &StreamKey,
        purpose: Use,
        caller: Caller,
    ) -> Result<String, Refused> {
        credential::address(&self.proxy, headers, key, purpose, caller.peer.ip(), caller.scheme).await
    }

    /// Whoever opened a session may end it, by an address or by the token that
    /// the address was had for; returns the address.
    async fn own(&self, session: &str, headers: &HeaderMap, caller: Caller) -> Result<Option<String>, Refused> {
        if self.access.is_open() {
            return Ok(None);
        }
        let unknown = || Refused::from(credential::denied(&Denied::Foreign("session")));
        let key = self.access.stream_of(session).ok_or_else(unknown)?;
        let address = self.address(headers, &key, Use::GoOn, caller).await?;
        match self.access.owns(session, Some(&address), Now::read()) {
            Ok(()) => Ok(Some(address)),
            Err(denied) => Err(credential::denied(&denied).into()),
        }
    }

    /// A fresh address renews a session; the one it was opened by may only
    /// bring candidates.
    async fn renew(&self, session: &str, headers: &HeaderMap, caller: Caller) -> Result<(), Refused> {
        let Some(address) = self.own(session, headers, caller).await? else { return Ok(()) };
        match self.access.renew(session, &address, Now::read()) {
            Err(denied) if denied != Denied::Used => Err(credential::denied(&denied).into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn taken() -> io::Error {
        io::ErrorKind::AddrInUse.into()
    }

    #[tokio::test]
    async fn where_any_port_will_do_one_is_found_that_both_protocols_have_free() {
        let mut asked = Vec::new();
        let free_at_last = |address: SocketAddr| {
            asked.push(address.port());
            if asked.len() < 3 { Err(taken()) } else { Ok(address) }
        };
        let (socket, second) = bind(SocketAddr::from(([127, 0, 0, 1], 0)), free_at_last).await.expect("a port");
        assert_eq!(socket.local_addr().expect("bound"), second);
        assert_eq!((asked.len(), asked[2]), (3, second.port()));
    }

    #[tokio::test]
    async fn a_port_that_is_named_is_not_replaced_and_none_is_looked_for_without_end() {
        let mut asked = 0;
        let mut never = |_| -> io::Result<()> {
            asked += 1;
            Err(taken())
        };
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        assert!(bind(any, &mut never).await.is_err());
        let named = TcpListener::bind(any).await.and_then(|socket| socket.local_addr()).expect("a free port");
        assert!(bind(named, &mut never).await.is_err());
        assert_eq!(asked, PORT_TRIES + 1);
    }
}
