//! What a handshake and a request cost the front's threads. Prints figures and
//! judges none: `cargo test --release -p vms-front --test front cost -- --ignored --nocapture --test-threads 1`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::HandshakeKind;
use rustls::version::TLS13;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::rig::{LARGE, Rig, Wish};
use crate::tls::{connector, try_connect, with_front};

const HANDSHAKES: u32 = 500;
const REQUESTS: u32 = 2000;

/// Time on a processor of the threads named `front`, so far.
fn spent() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").expect("the threads of this process");
    let of = |task: std::fs::DirEntry| {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default();
        let nanoseconds = read("schedstat").split(' ').next().and_then(|text| text.parse().ok());
        nanoseconds.filter(|_| read("comm").trim() == "front").unwrap_or(0)
    };
    Duration::from_nanos(tasks.flatten().map(of).sum())
}

fn tell(what: &str, before: Duration, count: u32) {
    println!("{what:<42} {:>8.1} us", (spent() - before).as_secs_f64() * 1e6 / f64::from(count));
}

trait Ask {
    async fn get(&mut self, path: &str) -> Bytes;
}

impl Ask for http1::SendRequest<Full<Bytes>> {
    async fn get(&mut self, path: &str) -> Bytes {
        self.ready().await.expect("an open connection");
        let asked = Request::get(path).header(header::HOST, "localhost").body(Full::default()).expect("a request");
        let answer = self.send_request(asked).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.expect("a body").to_bytes()
    }
}

impl Ask for http2::SendRequest<Full<Bytes>> {
    async fn get(&mut self, path: &str) -> Bytes {
        let uri = format!("https://localhost{path}");
        let answer = self.send_request(Request::get(uri).body(Full::default()).expect("a request")).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.expect("a body").to_bytes()
    }
}

async fn by_http1<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> http1::SendRequest<Full<Bytes>> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a connection");
    tokio::spawn(connection);
    sender
}

async fn requests(name: &str, sender: &mut impl Ask) {
    for (path, length) in [("/small", None), ("/large", Some(LARGE))] {
        let begun = spent();
        for _ in 0..REQUESTS {
            let body = sender.get(path).await;
            assert!(length.is_none_or(|length| body.len() == length));
        }
        tell(&format!("GET {path}, {name}"), begun, REQUESTS);
    }
}

#[test]
#[ignore = "measures; see the head of the file"]
fn cost_by_tls() {
    with_front("cost-tls", false, async |secure| {
        let address = secure.rig.front.address();
        let begun = spent();
        for _ in 0..HANDSHAKES {
            // A connector of its own each time: nothing is resumed.
            drop(secure.connect(address, &[b"h2"]).await);
        }
        tell("handshake, whole", begun, HANDSHAKES);
        let same = connector(&secure.certificate, &[b"http/1.1"], &TLS13);
        let begun = spent();
        for count in 0..HANDSHAKES {
            let stream = try_connect(address, &same).await.expect("a handshake");
            let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
            assert!(resumed || count == 0, "the ticket is taken back");
            // The next ticket comes after the handshake, with the answer.
            by_http1(stream).await.get("/health/live").await;
        }
        tell("handshake, resumed, and a GET", begun, HANDSHAKES);
        let mut sender = by_http1(secure.connect(address, &[b"http/1.1"]).await).await;
        requests("HTTP/1.1 and TLS", &mut sender).await;
        let stream = secure.connect(address, &[b"h2"]).await;
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("a connection");
        tokio::spawn(connection);
        requests("HTTP/2 and TLS", &mut sender).await;
    });
}

#[test]
#[ignore = "measures; see the head of the file"]
fn cost_without_tls() {
    let rig = Rig::start("cost-plain", Wish::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let begun = spent();
        for _ in 0..HANDSHAKES {
            let stream = TcpStream::connect(rig.front.address()).await.expect("the front listens");
            by_http1(stream).await.get("/health/live").await;
        }
        tell("connection without TLS, and a GET", begun, HANDSHAKES);
        let stream = TcpStream::connect(rig.front.address()).await.expect("the front listens");
        requests("HTTP/1.1 without TLS", &mut by_http1(stream).await).await;
    });
}
