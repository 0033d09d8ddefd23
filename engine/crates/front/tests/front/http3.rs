//! The front by HTTP/3.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use h3::client::SendRequest;
use http::{Request, Response, StatusCode, header};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::version::TLS13;

use crate::rig::LARGE;
use crate::tls::{OFFER, Secure, empty, publish_gate, request, text, wait_for, with_front};

type Sender = SendRequest<h3_quinn::OpenStreams, Bytes>;

/// A client of its own connection.
struct Client {
    sender: Sender,
    connection: quinn::Connection,
    _endpoint: Endpoint,
}

async fn connect(address: SocketAddr, trusted: &CertificateDer<'static>) -> Result<Client, quinn::ConnectionError> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .expect("a version")
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h3".to_vec()];
    let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).expect("TLS 1.3")));
    let endpoint = Endpoint::client(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let connection = endpoint.connect_with(config, address, "localhost").expect("a way to it").await?;
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection.clone())).await.expect("HTTP/3");
    tokio::spawn(async move { driver.wait_idle().await });
    Ok(Client { sender, connection, _endpoint: endpoint })
}

impl Client {
    async fn ask(&mut self, request: Request<()>, body: &str) -> (Response<()>, Vec<u8>) {
        let mut stream = self.sender.send_request(request).await.expect("a request is taken");
        if !body.is_empty() {
            stream.send_data(Bytes::from(body.to_owned())).await.expect("a body is taken");
        }
        stream.finish().await.expect("it is whole");
        let response = stream.recv_response().await.expect("an answer");
        let mut bytes = Vec::new();
        while let Some(mut data) = stream.recv_data().await.expect("more of the answer") {
            bytes.extend_from_slice(&data.copy_to_bytes(data.remaining()));
        }
        (response, bytes)
    }

    async fn get(&mut self, uri: &str) -> (Response<()>, String) {
        let asked = request("GET", uri).body(()).expect("a request");
        let (response, bytes) = self.ask(asked, "").await;
        (response, String::from_utf8(bytes).expect("text"))
    }
}

async fn open(secure: &Secure) -> Client {
    connect(secure.rig.front.address(), &secure.certificate).await.expect("a handshake")
}

#[test]
fn who_comes_by_tcp_is_told_of_http3_and_gets_the_same_by_it() {
    with_front("h3", true, async |secure| {
        let port = secure.rig.front.address().port();
        let mut by_tcp = secure.http2().await;
        let asked = || request("GET", "https://localhost:1/api/v1/streams?x=1").header("x-vms-client", "10.9.8.7");
        let response = by_tcp.send_request(empty(asked())).await.expect("an answer");
        assert_eq!(response.headers()[header::ALT_SVC], format!("h3=\":{port}\"; ma=86400"));
        let head = text(response).await;
        let mut client = open(secure).await;
        let (response, bytes) = client.ask(asked().body(()).expect("a request"), "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers().contains_key(header::STRICT_TRANSPORT_SECURITY));
        assert!(response.headers().contains_key(header::DATE));
        assert_eq!(String::from_utf8(bytes).expect("text"), head, "what the API is asked does not tell them apart");
        assert!(head.contains("x-vms-client: 127.0.0.1\r\n") && head.contains("host: localhost:1\r\n"), "{head}");
    });
}

#[test]
fn a_large_answer_comes_whole_and_a_head_without_its_body() {
    with_front("h3-large", false, async |secure| {
        let mut client = open(secure).await;
        let (response, body) = client.get("https://localhost/large").await;
        assert_eq!(response.headers()[header::CONTENT_LENGTH], LARGE.to_string());
        assert_eq!(body.len(), LARGE);
        let asked = request("HEAD", "https://localhost/health/live").body(()).expect("a request");
        let (response, body) = client.ask(asked, "").await;
        assert_eq!((response.status(), body.len()), (StatusCode::OK, 0));
    });
}

#[test]
fn foreign_requests_are_refused_by_http3_too() {
    with_front("h3-guard", false, async |secure| {
        let mut client = open(secure).await;
        let (response, body) = client.get("https://evil.example/").await;
        assert_eq!(response.status(), StatusCode::FORBIDDEN);
        assert!(body.contains("foreign_host"), "{body}");
        let asked = request("GET", "https://localhost/").header("upgrade", "websocket").body(()).expect("a request");
        let mut stream = client.sender.send_request(asked).await.expect("a request is taken");
        assert!(stream.recv_response().await.is_err(), "HTTP/3 has no upgrades");
        let (response, _) = client.get("https://localhost/").await;
        assert_eq!(response.status(), StatusCode::OK, "the connection goes on");
    });
}

#[test]
fn an_offer_by_http3_gets_its_answer() {
    with_front("h3-whep", false, async |secure| {
        let _camera = publish_gate(secure);
        let mut client = open(secure).await;
        let offer = request("POST", "https://localhost/api/v1/streams/gate/main/whep")
            .header(header::CONTENT_TYPE, "application/sdp")
            .body(())
            .expect("a request");
        let (response, answer) = client.ask(offer, OFFER).await;
        assert_eq!(response.status(), StatusCode::CREATED);
        assert!(String::from_utf8(answer).expect("text").contains("a=ice-ufrag:"));
    });
}

#[test]
fn a_new_certificate_is_served_by_http3_without_a_restart() {
    with_front("h3-renewed", false, async |secure| {
        let address = secure.rig.front.address();
        let mut running = open(secure).await;
        let new = secure.renew();
        let begun = Instant::now();
        while connect(address, &new).await.is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the new certificate is not served");
        }
        assert_eq!(running.get("https://localhost/").await.0.status(), StatusCode::OK, "what was open goes on");
    });
}

#[test]
fn a_client_has_no_more_requests_open_than_it_may_and_leaves_none() {
    with_front("h3-many", false, async |secure| {
        let at_api = || secure.rig.to_api.load(Ordering::Relaxed);
        let mut client = open(secure).await;
        let mut streams = Vec::new();
        for _ in 0..128 {
            let asked = request("GET", "https://localhost/never").body(()).expect("a request");
            streams.push(client.sender.send_request(asked).await.expect("one of 128"));
        }
        wait_for("all are at the API", || at_api() == 128).await;
        let more = request("GET", "https://localhost/never").body(()).expect("a request");
        let waits = tokio::time::timeout(Duration::from_millis(300), client.sender.send_request(more)).await;
        assert!(waits.is_err(), "one more than 128");
        client.connection.close(0u32.into(), b"");
        wait_for("the API is left", || at_api() == 0).await;
    });
}
