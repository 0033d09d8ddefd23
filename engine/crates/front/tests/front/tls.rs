//! The front by TLS, with HTTP/2 and HTTP/1.1.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::rig::{Rig, Wish, folder_of};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, crypto::aws_lc_rs};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use vms_front::{TlsConfig, TlsFiles};
use vms_hub::{Publisher, StreamKey};
use vms_media::{Codec, Track};

const LIMIT: Duration = Duration::from_secs(20);

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", BASE64_STANDARD.encode(der))
}

/// Writes a new pair; returns its certificate.
fn write_pair(folder: &Path) -> CertificateDer<'static> {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let pair = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let key = pem("PRIVATE KEY", pair.signing_key.serialized_der());
    std::fs::write(folder.join("key.pem"), key).expect("a file");
    std::fs::write(folder.join("certificate.pem"), pem("CERTIFICATE", pair.cert.der())).expect("a file");
    pair.cert.der().clone()
}

pub struct Secure {
    pub rig: Rig,
    pub certificate: CertificateDer<'static>,
    folder: std::path::PathBuf,
}

impl Secure {
    fn start(name: &str, strict_transport: bool) -> Self {
        let folder = folder_of(&format!("tls-{name}"));
        let certificate = write_pair(&folder);
        let files = TlsFiles { certificate: folder.join("certificate.pem"), key: folder.join("key.pem"), node: None };
        let tls = TlsConfig { files, origin: true, players: true, hls: true, strict_transport, http3: true };
        let rig = Rig::start(name, Wish { tls: Some(tls), ..Wish::default() });
        Self { rig, certificate, folder }
    }

    pub async fn connect(&self, address: SocketAddr, protocols: &[&[u8]]) -> TlsStream<TcpStream> {
        try_connect(address, &connector(&self.certificate, protocols, &TLS13)).await.expect("a handshake")
    }

    /// Puts a new pair in place of the served one; returns its certificate.
    pub fn renew(&self) -> CertificateDer<'static> {
        write_pair(&self.folder)
    }

    pub async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.connect(self.rig.front.address(), &[b"h2", b"http/1.1"]).await;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        sender
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        // The system clears its temporary folder should this fail.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs a test beside a front; the front has threads of its own.
pub fn with_front(name: &str, strict_transport: bool, test: impl AsyncFnOnce(&Secure)) {
    let secure = Secure::start(name, strict_transport);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(test(&secure));
}

pub fn connector(
    trusted: &CertificateDer<'static>,
    protocols: &[&[u8]],
    version: &'static SupportedProtocolVersion,
) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

pub async fn try_connect(address: SocketAddr, connector: &TlsConnector) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(address).await.expect("the front listens");
    let name = ServerName::try_from("localhost").expect("a name");
    connector.connect(name, socket).await
}

pub fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().method(method).uri(uri)
}

pub fn empty(builder: http::request::Builder) -> Request<Full<Bytes>> {
    builder.body(Full::default()).expect("a request")
}

pub async fn text(response: Response<hyper::body::Incoming>) -> String {
    let bytes = response.into_body().collect().await.expect("a body").to_bytes();
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[test]
fn only_tls_1_3_is_spoken() {
    with_front("old", false, async |secure| {
        let address = secure.rig.front.address();
        let error = try_connect(address, &connector(&secure.certificate, &[], &TLS12)).await.expect_err("too old");
        assert!(error.to_string().contains("ProtocolVersion"), "{error}");
        let stream = secure.connect(address, &[]).await;
        assert_eq!(stream.get_ref().1.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    });
}

#[test]
fn the_api_is_reached_by_http2_as_by_http1() {
    with_front("h2", false, async |secure| {
        let mut sender = secure.http2().await;
        let asked = request("GET", "https://localhost:1/api/v1/streams?x=1")
            .header("x-vms-scheme", "http")
            .header("x-vms-client", "10.9.8.7")
            .header("te", "trailers")
            .header(header::COOKIE, "a=1")
            .header(header::COOKIE, "b=2");
        let response = sender.send_request(empty(asked)).await.expect("an answer");
        assert_eq!((response.status(), response.version()), (StatusCode::OK, Version::HTTP_2));
        assert!(!response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
        let head = text(response).await;
        assert!(head.starts_with("GET /api/v1/streams?x=1 HTTP/1.1\r\n"), "{head}");
        for line in ["host: localhost:1", "x-vms-scheme: https", "x-vms-client: 127.0.0.1", "cookie: a=1; b=2"] {
            assert_eq!(head.lines().filter(|found| *found == line).count(), 1, "{line} in {head}");
        }
        assert!(!head.contains("10.9.8.7") && !head.contains("te: "), "{head}");
    });
}

#[test]
fn who_knows_no_http2_gets_http1() {
    with_front("h1", true, async |secure| {
        for protocols in [&[b"http/1.1".as_slice()][..], &[]] {
            let stream = secure.connect(secure.rig.front.players_address(), protocols).await;
            assert_ne!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
            tokio::spawn(connection);
            let asked = empty(request("GET", "/health/live").header(header::HOST, "localhost"));
            let response = sender.send_request(asked).await.expect("an answer");
            assert_eq!(response.headers()[header::STRICT_TRANSPORT_SECURITY], "max-age=31536000");
            assert_eq!(text(response).await, r#"{"status":"ok"}"#);
        }
    });
}

#[test]
fn foreign_requests_are_refused_by_http2_too() {
    with_front("h2-guard", true, async |secure| {
        let mut sender = secure.http2().await;
        for (uri, name, value, code) in [
            ("https://evil.example/", "x-a", "b", "foreign_host"),
            ("https://localhost/", "origin", "http://localhost", "foreign_origin"),
            ("https://localhost/", "x-forwarded-for", "1.2.3.4", "forwarded"),
        ] {
            let response =
                sender.send_request(empty(request("GET", uri).header(name, value))).await.expect("an answer");
            assert_eq!(response.status(), StatusCode::FORBIDDEN);
            assert!(response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY), "on refusals too");
            assert!(text(response).await.contains(code), "{uri}");
        }
        let own = request("GET", "https://localhost/").header("origin", "https://localhost");
        assert_eq!(sender.send_request(empty(own)).await.expect("an answer").status(), StatusCode::OK);
    });
}

#[test]
fn a_websocket_passes_through_tls() {
    with_front("wss", false, async |secure| {
        let mut stream = secure.connect(secure.rig.front.address(), &[b"http/1.1"]).await;
        let asked =
            "GET /ws/events HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nping";
        stream.write_all(asked.as_bytes()).await.expect("the front reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\nping") {
            let byte = tokio::time::timeout(LIMIT, stream.read_u8()).await.expect("soon").expect("an open WebSocket");
            answer.push(byte);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
    });
}

/// A browser's offer, shortened to what is needed.
pub const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdefghijklmn\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n";

/// A camera `gate` that gives H.264.
pub fn publish_gate(secure: &Secure) -> Publisher {
    let video = Track::video(Codec::H264);
    secure.rig.hub.publish(&StreamKey::parse("gate").expect("a name"), vec![video])
}

#[test]
fn an_offer_by_http2_gets_its_answer() {
    with_front("h2-whep", false, async |secure| {
        let _camera = publish_gate(secure);
        let mut sender = secure.http2().await;
        let offer = request("POST", "https://localhost/api/v1/streams/gate/main/whep")
            .header(header::CONTENT_TYPE, "application/sdp")
            .body(Full::from(OFFER))
            .expect("a request");
        let response = sender.send_request(offer).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::CREATED);
        let session = response.headers()[header::LOCATION].to_str().expect("text").to_owned();
        assert!(text(response).await.contains("a=ice-ufrag:"));
        let ended = sender.send_request(empty(request("DELETE", &format!("https://localhost{session}")))).await;
        assert_eq!(ended.expect("an answer").status(), StatusCode::OK);
    });
}

#[test]
fn an_address_without_https_leads_to_the_one_with_it() {
    with_front("plain", true, async |secure| {
        let mut socket = TcpStream::connect(secure.rig.front.address()).await.expect("the front listens");
        socket.write_all(b"GET /wall HTTP/1.1\r\nHost: localhost:8000\r\n\r\n").await.expect("the front reads");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("an answer and the end");
        assert!(answer.starts_with("HTTP/1.1 307 ") && answer.contains("location: https://localhost:8000/wall\r\n"));
        // RFC 6797, 7.2: never without TLS.
        assert!(!answer.contains("strict-transport-security"), "{answer}");
    });
}

#[test]
fn a_new_certificate_is_served_without_a_restart() {
    with_front("renewed", false, async |secure| {
        let address = secure.rig.front.address();
        let running = secure.connect(address, &[b"h2"]).await;
        let new = connector(&secure.renew(), &[b"h2"], &TLS13);
        let begun = Instant::now();
        while try_connect(address, &new).await.is_err() {
            assert!(begun.elapsed() < LIMIT, "the new certificate is not served");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let (mut sender, connection) =
            http2::handshake::<_, _, Full<Bytes>>(TokioExecutor::new(), TokioIo::new(running))
                .await
                .expect("still open");
        tokio::spawn(connection);
        let response = sender.send_request(empty(request("GET", "https://localhost/"))).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "what was open goes on");
    });
}

/// Opens requests and gives each up at once, until the front has had enough;
/// returns how many it took.
async fn storm(secure: &Secure, most: usize) -> usize {
    let stream = secure.connect(secure.rig.front.address(), &[b"h2"]).await;
    let (sender, connection) = h2::client::handshake(stream).await.expect("a connection");
    let ended = tokio::spawn(connection);
    for count in 0..most {
        let Ok(mut ready) = sender.clone().ready().await else { return count };
        let asked = Request::get("https://localhost/never").body(()).expect("a request");
        let Ok((_, mut stream)) = ready.send_request(asked, true) else { return count };
        // Every second one is given up when the API has it already.
        if count % 2 == 0 {
            tokio::task::yield_now().await;
        }
        stream.send_reset(h2::Reason::CANCEL);
    }
    drop(sender);
    assert!(ended.is_finished(), "{most} requests were given up and the connection is open");
    most
}

pub async fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn resident_bytes() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("figures of this process");
    let pages: usize = text.split(' ').nth(1).and_then(|n| n.parse().ok()).expect("a number");
    pages * 4096
}

#[test]
fn a_storm_of_resets_ends_its_connection_and_leaves_nothing() {
    with_front("storm", false, async |secure| {
        let most = 20_000;
        assert!(storm(secure, most).await < most);
        let before = resident_bytes();
        for _ in 0..20 {
            storm(secure, most).await;
        }
        wait_for("the API is left", || secure.rig.to_api.load(Ordering::Relaxed) == 0).await;
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown < 16 << 20, "{grown} bytes more after 20 storms");
    });
}

type Sender = h2::client::SendRequest<Bytes>;

/// Opens `count` requests that are not answered; fewer where the connection
/// has ended.
async fn open_unanswered(sender: &Sender, count: usize) -> Vec<h2::SendStream<Bytes>> {
    let mut streams = Vec::new();
    for _ in 0..count {
        let Ok(mut ready) = sender.clone().ready().await else { break };
        let asked = Request::get("https://localhost/never").body(()).expect("a request");
        let Ok((_, stream)) = ready.send_request(asked, true) else { break };
        streams.push(stream);
    }
    streams
}

#[test]
fn who_gives_up_all_that_the_api_was_asked_is_sent_away() {
    with_front("given-up", false, async |secure| {
        let at_api = || secure.rig.to_api.load(Ordering::Relaxed);
        let stream = secure.connect(secure.rig.front.address(), &[b"h2"]).await;
        let (sender, connection) = h2::client::handshake(stream).await.expect("a connection");
        let ended = tokio::spawn(connection);
        let mut given_up = 0;
        loop {
            let mut streams = open_unanswered(&sender, 50).await;
            wait_for("every request is at the API", || ended.is_finished() || at_api() == 50).await;
            if ended.is_finished() {
                break;
            }
            given_up += streams.len();
            for stream in &mut streams {
                stream.send_reset(h2::Reason::CANCEL);
            }
            wait_for("the API is left", || at_api() == 0).await;
        }
        assert_eq!(given_up, 300, "the first count of whole rounds over 256");
    });
}
