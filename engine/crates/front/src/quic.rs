//! HTTP/3 (RFC 9114): the same answers by QUIC, on the UDP port of the number
//! that the listener has by TCP. Clients learn of it by `Alt-Svc` (RFC 7838).
//!
//! No request is taken before the handshake is done: one that comes with the
//! first packet (0-RTT) could be somebody's recording of it.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use bytes::{Buf, Bytes};
use h3::error::{Code, ConnectionError, StreamError};
use h3::server::{RequestResolver, RequestStream};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame};
use quinn::crypto::rustls::{NoInitialCipherSuite, QuicServerConfig};
use quinn::{Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::listen::{HEADER_LIMIT, Listener, MAX_CONNECTIONS, limits};
use crate::patient;
use crate::problem::{Body, BodyError, boxed};
use crate::serve::Shared;
use crate::streams::{End, Stream, Streams};
use crate::tls::Tls;

/// Of a client: its control stream, two of header compression, and some to spare.
const UNIDIRECTIONAL: u32 = 16;
/// In a day a client may ask by TCP again.
const KNOWN_FOR: Duration = Duration::from_secs(86_400);

/// What clients by TCP are told: the same host, by HTTP/3 at a port.
pub fn advertised(port: u16) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("h3=\":{port}\"; ma={}", KNOWN_FOR.as_secs())).ok()
}

/// How QUIC is spoken with a certificate.
pub fn configure(tls: rustls::ServerConfig) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport()));
    Ok(config)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    let silence = limits::PING_EVERY + limits::PING_LIMIT;
    transport
        .max_concurrent_bidi_streams(limits::STREAMS.into())
        .max_concurrent_uni_streams(UNIDIRECTIONAL.into())
        .stream_receive_window(limits::STREAM_WINDOW.into())
        .receive_window(limits::CONNECTION_WINDOW.into())
        .send_window(limits::CONNECTION_WINDOW.into())
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(limits::PING_EVERY))
        .max_idle_timeout(IdleTimeout::try_from(silence).ok());
    transport
}

/// Opens the UDP port; inside the runtime that will serve it.
pub fn open(address: SocketAddr, tls: &Tls) -> io::Result<Endpoint> {
    let config = Some((*tls.quic()).clone());
    Endpoint::new(EndpointConfig::default(), config, UdpSocket::bind(address)?, Arc::new(TokioRuntime))
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("{0}")]
    Quic(#[from] quinn::ConnectionError),
    #[error("{0}")]
    Http(#[from] ConnectionError),
    #[error("its client gave up too many requests")]
    GivenUp,
    #[error("its address has too many that have asked for nothing yet")]
    Crowd,
}

pub async fn accept(
    endpoint: Endpoint,
    tls: Arc<Tls>,
    listener: Arc<Listener>,
    shared: Arc<Shared>,
    cancel: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            () = cancel.cancelled() => None,
        };
        let Some(incoming) = incoming else { break };
        let Ok(place) = places.clone().try_acquire_owned() else {
            incoming.refuse();
            continue;
        };
        // In a crowd a client shows first that it gets what is sent to its
        // address, so that nobody fills the places with addresses of others
        // (RFC 9000, 8.1.2).
        if tls.is_crowded() && incoming.may_retry() && !incoming.remote_address_validated() {
            // What may fail is ruled out by the line above.
            let _ = incoming.retry();
            continue;
        }
        let (tls, listener, shared) = (tls.clone(), listener.clone(), shared.clone());
        tokio::spawn(async move {
            if let Err(error) = connection(incoming, &tls, listener, shared).await {
                tracing::debug!(%error, "a connection by QUIC ended");
            }
            drop(place);
        });
    }
    endpoint.close(code(Code::H3_NO_ERROR), b"");
}

fn code(code: Code) -> VarInt {
    // Codes of HTTP/3 are small.
    VarInt::from_u64(code.value()).unwrap_or_default()
}

async fn connection(incoming: Incoming, tls: &Tls, listener: Arc<Listener>, shared: Arc<Shared>) -> Result<(), Ended> {
    let peer = incoming.remote_address();
    let connecting = incoming.accept_with(tls.quic())?;
    let quic = tls.within_limits(peer.ip(), async { Ok(connecting.await?) }).await?;
    let streams = Streams::new();
    // Only now it is known that the address is the client's own.
    let mut silent = listener.silent.enter(peer.ip());
    if silent.is_none() {
        quic.close(code(Code::H3_EXCESSIVE_LOAD), b"");
        return Err(Ended::Crowd);
    }
    let mut http = h3::server::builder()
        .max_field_section_size(limits::HEADER_LIST.into())
        .build(h3_quinn::Connection::new(quic.clone()))
        .await?;
    // They end with their connection: what it asked of the API is given up.
    let mut requests = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = http.accept() => accepted,
            Some(_) = requests.join_next() => continue,
            end = streams.over() => {
                let idle = end == End::Idle;
                quic.close(code(if idle { Code::H3_NO_ERROR } else { Code::H3_EXCESSIVE_LOAD }), b"");
                return if idle { Ok(()) } else { Err(Ended::GivenUp) };
            }
        };
        match accepted {
            Ok(Some(resolver)) => {
                drop(silent.take());
                let (listener, shared, stream) = (listener.clone(), shared.clone(), streams.begin());
                requests.spawn(async move {
                    if let Err(error) = answer(resolver, peer, &listener, &shared, stream).await {
                        tracing::debug!(%error, "a request by HTTP/3 ended");
                    }
                });
            }
            Ok(None) => return Ok(()),
            Err(error) if error.is_h3_no_error() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Stream(#[from] StreamError),
    #[error("its client is too slow")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("its answer broke off: {0}")]
    Answer(BodyError),
    #[error("it speaks of connections, which HTTP/3 does not know (RFC 9114, 4.2)")]
    Malformed,
}

/// A request whose client takes nothing of its answer for long is ended, as one
/// by TCP is.
async fn taken<T>(sent: impl Future<Output = Result<T, StreamError>>) -> Result<T, Broken> {
    Ok(tokio::time::timeout(patient::LIMIT, sent).await??)
}

async fn answer(
    resolver: RequestResolver<h3_quinn::Connection, Bytes>,
    peer: SocketAddr,
    listener: &Listener,
    shared: &Shared,
    stream: Stream,
) -> Result<(), Broken> {
    let (request, both) = tokio::time::timeout(HEADER_LIMIT, resolver.resolve_request()).await??;
    let (mut send, receive) = both.split();
    if speaks_of_connections(request.headers()) {
        send.stop_stream(Code::H3_MESSAGE_ERROR);
        return Err(Broken::Malformed);
    }
    let only_head = request.method() == Method::HEAD;
    let request: Request<Body> = request.map(|()| boxed(Asked { receive }));
    let mut response = listener.answer(peer, request, shared).await;
    let length = response.body().size_hint().exact();
    shape(response.headers_mut(), length.filter(|length| *length > 0));
    let (head, body) = response.into_parts();
    let mut body = stream.answer(body);
    taken(send.send_response(Response::from_parts(head, ()))).await?;
    while let Some(frame) = if only_head { None } else { body.frame().await } {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => taken(send.send_data(data)).await?,
            // Trailers; nothing here sends any.
            Ok(Err(_)) => {}
            Err(error) => {
                send.stop_stream(Code::H3_INTERNAL_ERROR);
                return Err(Broken::Answer(error));
            }
        }
    }
    taken(send.finish()).await
}

fn speaks_of_connections(headers: &HeaderMap) -> bool {
    [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING].iter().any(|name| headers.contains_key(name))
}

/// Takes out what only HTTP/1.1 knows (RFC 9114, 4.2), and says how long the
/// answer is and when it was given (RFC 9110, 6.6.1).
fn shape(headers: &mut HeaderMap, length: Option<u64>) {
    for name in [header::CONNECTION, header::UPGRADE, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    if let Ok(now) = HeaderValue::from_str(&httpdate::fmt_http_date(SystemTime::now())) {
        headers.entry(header::DATE).or_insert(now);
    }
    if let Some(length) = length {
        headers.entry(header::CONTENT_LENGTH).or_insert(length.into());
    }
}

/// The body of a request, as it comes in.
struct Asked {
    receive: RequestStream<h3_quinn::RecvStream, Bytes>,
}

impl HttpBody for Asked {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let data = ready!(self.receive.poll_recv_data(context));
        Poll::Ready(data.transpose().map(|data| data.map(|mut data| Frame::data(data.copy_to_bytes(data.remaining())))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_date_and_nothing_of_a_connection() {
        let mut headers = HeaderMap::new();
        for name in ["connection", "keep-alive", "transfer-encoding", "upgrade"] {
            headers.insert(name, HeaderValue::from_static("x"));
        }
        assert!(speaks_of_connections(&headers));
        shape(&mut headers, None);
        assert_eq!(headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["date"]);
        assert!(!speaks_of_connections(&headers));
        let given = HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT");
        headers.insert(header::DATE, given.clone());
        shape(&mut headers, Some(7));
        assert_eq!(headers[header::CONTENT_LENGTH], "7");
        assert_eq!(headers[header::DATE], given, "the API's own is kept");
        assert_eq!(advertised(8000).expect("text"), "h3=\":8000\"; ma=86400");
    }
}
