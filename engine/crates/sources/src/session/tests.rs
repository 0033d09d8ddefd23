//! Sessions with cameras that are made up here.

use super::*;
use crate::dial::Dialer;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use sha2::{Digest, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use vms_media::base64;

const LIMIT: Duration = Duration::from_secs(10);
const SDP: &str =
    "m=audio 0 RTP/AVP 8\r\na=control:a\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n";

fn means() -> Means {
    Means {
        clock: Arc::default(),
        dialer: Dialer::default(),
        goodbyes: TaskTracker::new(),
        catches_up: false,
        lessons: Arc::default(),
        media_dir: None,
    }
}

/// A camera that sends one answer a request, on as many connections as
/// come, and then closes; gives its address and what it was asked.
async fn camera(answers: fn(&str) -> Option<String>) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("rtsp://{}/live", listener.local_addr().expect("bound"));
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            talk(stream, answers, &asked).await;
        }
    });
    (address, requests)
}

async fn talk(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: fn(&str) -> Option<String>,
    asked: &mpsc::UnboundedSender<String>,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        let request = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let answer = answers(&request);
        // The test may have seen enough.
        let _ = asked.send(request);
        let Some(answer) = answer else { break };
        if stream.write_all(answer.as_bytes()).await.is_err() {
            break;
        }
    }
}

fn ok(headers: &str, body: &str) -> Option<String> {
    Some(format!("RTSP/1.0 200 OK\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()))
}

async fn refused(answers: fn(&str) -> Option<String>) -> Reason {
    let (address, _requests) = camera(answers).await;
    let opened = Session::open(&address, Transport::Tcp, &means()).await;
    opened.err().expect("this camera cannot be played")
}

#[tokio::test]
async fn redirects_are_followed_as_far_as_they_lead_somewhere_allowed() {
    let circle = refused(|request| {
        let uri = request.split(' ').nth(1)?;
        Some(format!("RTSP/1.0 302 Moved\r\nLocation: {uri}\r\n\r\n"))
    });
    assert_eq!(circle.await.value(), Some(("detail", "the camera redirects again and again")));
    let metadata = |_: &str| Some("RTSP/1.0 301 Moved\r\nLocation: rtsp://169.254.169.254/x\r\n\r\n".to_owned());
    assert_eq!(refused(metadata).await, Reason::AddressRefused { detail: "169.254.169.254".into() });
}

#[tokio::test]
async fn a_connection_that_ends_early_has_its_reason() {
    assert_eq!(refused(|_| None).await, Reason::CameraClosed);
    assert_eq!(refused(|_| Some("HTTP/1.1 400 Bad Request\r\n\r\n".to_owned())).await, Reason::NotRtsp);
}

/// Video stands second in the description, audio is refused.
#[tokio::test]
async fn the_end_of_a_session_is_told() {
    let (address, mut requests) = camera(|request| match request.split(' ').next()? {
        "DESCRIBE" => ok("", SDP),
        "SETUP" if request.contains("/a RTSP") => Some("RTSP/1.0 461 No\r\n\r\n".to_owned()),
        _ => ok("Session: 5\r\n", ""),
    })
    .await;
    let means = means();
    let session = Session::open(&address, Transport::Tcp, &means).await.expect("it plays");
    assert_eq!(session.described.len(), 1);
    assert_eq!((session.described[0].kind, session.described[0].id), (TrackKind::Video, 0));
    drop(session);
    means.goodbyes.close();
    tokio::time::timeout(LIMIT, means.goodbyes.wait()).await.expect("goodbyes are bounded");
    let mut methods = Vec::new();
    while let Ok(request) = requests.try_recv() {
        methods.push(request.split(' ').next().unwrap_or_default().to_owned());
    }
    assert_eq!(methods, ["DESCRIBE", "SETUP", "SETUP", "PLAY", "TEARDOWN"]);
}

/// The camera closes the connection at PLAY; its packets would go on.
#[tokio::test]
async fn a_udp_session_is_ended_though_its_connection_is_gone() {
    let (address, mut requests) = camera(|request| match request.split(' ').next()? {
        "DESCRIBE" => ok("", SDP),
        "PLAY" => None,
        _ => ok("Session: 5\r\n", ""),
    })
    .await;
    let means = means();
    let opened = Session::open(&address, Transport::Udp, &means).await;
    assert_eq!(opened.err(), Some(Reason::CameraClosed));
    means.goodbyes.close();
    tokio::time::timeout(LIMIT, means.goodbyes.wait()).await.expect("goodbyes are bounded");
    let mut last = String::new();
    while let Ok(request) = requests.try_recv() {
        last = request;
    }
    assert!(last.starts_with("TEARDOWN ") && last.contains("Session: 5\r\n"), "{last}");
}

/// An RTP packet of H.264 with a picture of one slice; of no use, but a
/// loss is told of it, as no key frame came before.
fn picture(sequence: u8) -> Vec<u8> {
    vec![0x80, 0x80 | 96, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 1, 0x41, 0x9a, sequence]
}

#[tokio::test]
async fn datagrams_of_foreign_addresses_are_dropped() {
    let (address, mut requests) = camera(|request| match request.split(' ').next()? {
        "DESCRIBE" => ok("", &SDP[SDP.find("m=video")?..]),
        _ => ok("Session: 5\r\n", ""),
    })
    .await;
    let means = means();
    let sending = async {
        let mut port = None;
        while let Some(request) = requests.recv().await {
            let ports = request.split("client_port=").nth(1).and_then(|rest| rest.split('-').next());
            port = ports.and_then(|port| port.parse::<u16>().ok()).or(port);
            if request.starts_with("PLAY ") {
                break;
            }
        }
        let to = ("127.0.0.1", port.expect("it asked for ports"));
        let foreign = UdpSocket::bind("127.0.0.2:0").await.expect("all of 127/8 is ours");
        let own = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        for _ in 0..3 {
            foreign.send_to(&picture(200), to).await.expect("sent");
        }
        own.send_to(&picture(7), to).await.expect("sent");
        own.send_to(&picture(8), to).await.expect("sent");
    };
    let (opened, ()) = tokio::join!(Session::open(&address, Transport::Udp, &means), sending);
    let mut session = opened.expect("it plays");
    for _ in 0..2 {
        let item = tokio::time::timeout(LIMIT, std::future::poll_fn(|cx| session.poll_item(cx)))
            .await
            .expect("packets came")
            .expect("it plays on");
        assert!(matches!(item, Item::Lost(vms_media::DropReason::NoKeyYet)), "and nothing was missing between");
    }
}

/// A camera's answers where one track of video is asked for.
fn plays(request: &str) -> Option<String> {
    match request.split(' ').next()? {
        "DESCRIBE" => ok("", &SDP[SDP.find("m=video")?..]),
        _ => ok("Session: 5\r\n", ""),
    }
}

/// A camera that made its own certificate, and speaks one version of TLS;
/// gives its port and the certificate's fingerprint.
async fn camera_with_tls(version: &'static SupportedProtocolVersion) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["camera".to_owned()]).expect("a certificate");
    let fingerprint: String = Sha256::digest(made.cert.der()).iter().map(|byte| format!("{byte:02x}")).collect();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialized_der().to_vec()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .expect("a version that is compiled in")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a pair");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    let (asked, _) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that trusts nobody hangs up in the handshake.
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, plays, &asked).await;
            }
        }
    });
    (port, fingerprint)
}

#[tokio::test]
async fn a_camera_with_a_certificate_of_its_own_is_played_by_tls_1_2_and_1_3() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let (port, fingerprint) = camera_with_tls(version).await;
        for asked in [String::new(), format!("?tls=sha256:{fingerprint}")] {
            let address = format!("rtsps://127.0.0.1:{port}/live{asked}");
            let session = Session::open(&address, Transport::Udp, &means()).await.expect(&address);
            assert_eq!(session.described.len(), 1, "by TCP, whatever was wished for");
        }
    }
}

#[tokio::test]
async fn a_camera_that_does_not_show_the_certificate_that_is_asked_for_is_refused() {
    let (port, _) = camera_with_tls(&rustls::version::TLS13).await;
    for asked in ["verify".to_owned(), format!("sha256:{}", "00".repeat(32))] {
        let address = format!("rtsps://127.0.0.1:{port}/live?tls={asked}");
        let reason = Session::open(&address, Transport::Tcp, &means()).await.err().expect("it is not the one");
        assert_eq!(reason.code(), "certificate_refused", "{asked}: {reason:?}");
    }
}

#[tokio::test]
async fn a_camera_without_tls_is_told_so() {
    let (address, _requests) = camera(plays).await;
    let reason = Session::open(&address.replace("rtsp:", "rtsps:"), Transport::Tcp, &means()).await.err();
    assert!(reason.as_ref().is_some_and(|reason| ["tls", "camera_closed"].contains(&reason.code())), "{reason:?}");
}

/// Reads the head of a request of HTTP; gives what came behind it too.
async fn head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut came = Vec::new();
    loop {
        if let Some(end) = came.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = came.split_off(end + 4);
            return (String::from_utf8(came).expect("text"), rest);
        }
        assert!(stream.read_buf(&mut came).await.expect("it speaks") > 0, "it hung up");
    }
}

/// A camera in a tunnel that wants a password for it.
async fn camera_with_tunnel() -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("rtsp+http://u:p@{}/live", listener.local_addr().expect("bound"));
    let (asked, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut get = listener.accept().await.expect("a GET").0;
        head(&mut get).await;
        let challenge = b"HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n";
        get.write_all(challenge).await.expect("it listens");
        let mut get = listener.accept().await.expect("another GET").0;
        let (text, _) = head(&mut get).await;
        let cookie = text.lines().find(|line| line.starts_with("x-sessioncookie: ")).expect("a cookie").to_owned();
        asked.send(text).expect("the test listens");
        get.write_all(b"HTTP/1.0 200 OK\r\nContent-Type: application/x-rtsp-tunnelled\r\n\r\n").await.expect("taken");
        let mut post = listener.accept().await.expect("a POST").0;
        let (text, mut said) = head(&mut post).await;
        assert!(text.contains(&cookie), "{text}");
        asked.send(text).expect("the test listens");
        loop {
            let request = base64::decode(&String::from_utf8_lossy(&said)).unwrap_or_default();
            if request.ends_with(b"\r\n\r\n") {
                said.clear();
                let request = String::from_utf8(request).expect("text");
                get.write_all(plays(&request).expect("an answer").as_bytes()).await.expect("it listens");
                asked.send(request).expect("the test listens");
            }
            if !matches!(post.read_buf(&mut said).await, Ok(1..)) {
                return;
            }
        }
    });
    (address, requests)
}

#[tokio::test]
async fn a_camera_is_played_and_left_through_an_http_tunnel() {
    let (address, mut requests) = camera_with_tunnel().await;
    let means = means();
    let session = Session::open(&address, Transport::Tcp, &means).await.expect("it plays");
    drop(session);
    means.goodbyes.close();
    tokio::time::timeout(LIMIT, means.goodbyes.wait()).await.expect("goodbyes are bounded");
    let mut methods = Vec::new();
    while let Ok(request) = requests.try_recv() {
        methods.push(request.split(' ').next().unwrap_or_default().to_owned());
    }
    assert_eq!(methods, ["GET", "POST", "DESCRIBE", "SETUP", "PLAY", "TEARDOWN"]);
}

#[tokio::test]
async fn where_nothing_comes_by_udp_the_camera_is_asked_by_tcp_and_that_is_remembered() {
    let (address, mut requests) = camera(plays).await;
    let means = means();
    let begun = Instant::now();
    let first = Session::open(&address, Transport::Udp, &means).await.expect("it plays by TCP");
    assert!(begun.elapsed() >= UDP_PATIENCE);
    drop(first);
    let begun = Instant::now();
    drop(Session::open(&address, Transport::Udp, &means).await.expect("it plays by TCP"));
    assert!(begun.elapsed() < UDP_PATIENCE, "without waiting again");
    let mut ways = Vec::new();
    while let Ok(request) = requests.try_recv() {
        if request.starts_with("SETUP ") {
            ways.push(if request.contains("RTP/AVP/TCP") { "tcp" } else { "udp" });
        }
    }
    assert_eq!(ways, ["udp", "tcp", "tcp"]);
}

#[tokio::test]
async fn a_camera_that_refuses_udp_is_asked_by_tcp() {
    let (address, _requests) = camera(|request| {
        if request.contains("client_port") {
            Some("RTSP/1.0 461 Unsupported\r\n\r\n".to_owned())
        } else {
            plays(request)
        }
    })
    .await;
    Session::open(&address, Transport::Udp, &means()).await.expect("it plays by TCP");
}
