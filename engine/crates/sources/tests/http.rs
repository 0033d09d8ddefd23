//! A camera sends FLV over HTTP, or Motion JPEG.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vms_media::Codec;
use vms_sources::State;

use common::{ffmpeg, scene};

/// A camera that is a list of pieces to send, one after the other, for ever;
/// asked for `/picture` it gives one picture and stays connected.
async fn pictures(content_type: &'static str, part: &'static str, asked: Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            asked.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\n");
                if content_type.starts_with("image/") {
                    let length = JPEG.len();
                    while let Ok(1..) = socket.read(&mut request).await {
                        let answer = format!("{head}Content-Length: {length}\r\n\r\n");
                        socket.write_all(&[answer.as_bytes(), JPEG].concat()).await.expect("it listens");
                    }
                    return;
                }
                assert!(socket.read(&mut request).await.expect("a request") > 0);
                let mut unsent = format!("{head}\r\n").into_bytes();
                while socket.write_all(&unsent).await.is_ok() {
                    unsent = [part.as_bytes(), JPEG, b"\r\n"].concat();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            });
        }
    });
    address
}

/// The least that is a picture: a quantiser, a frame of 8x8 and its end.
const JPEG: &[u8] = &[
    0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 8, 0, 8, 1, 1, 0x11, 0, 0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0x2a, 0xff, 0xd9,
];

#[tokio::test(flavor = "multi_thread")]
async fn motion_jpeg_is_cut_however_its_parts_are_marked() {
    for (content_type, part) in [
        ("multipart/x-mixed-replace; boundary=--cut", "--cut\r\nContent-Type: image/jpeg\r\n\r\n"),
        ("Multipart/X-Mixed-Replace;boundary=\"cut\"", "--cut\r\nContent-Length: 28\r\n\r\n"),
    ] {
        let asked = Arc::new(AtomicUsize::new(0));
        let mut scene = scene(&format!("http://{}/video", pictures(content_type, part, asked.clone()).await), true);
        scene.until(State::Live, None).await;
        let frames = scene.pictures(10).await;
        assert!(frames.iter().all(|frame| frame.codec == Codec::Jpeg && frame.key && frame.data == JPEG));
        assert!(frames.windows(2).all(|pair| pair[0].dts < pair[1].dts));
        assert_eq!(asked.load(Ordering::Relaxed), 1, "one connection");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_picture_is_asked_for_each_second_on_one_connection() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut scene = scene(&format!("http://{}/picture", pictures("image/jpeg", "", asked.clone()).await), true);
    scene.until(State::Live, None).await;
    let frames = scene.pictures(3).await;
    assert!(frames.iter().all(|frame| frame.data == JPEG));
    let steps: Vec<_> = frames.windows(2).map(|pair| pair[1].pts - pair[0].pts).collect();
    assert!(steps.iter().all(|step| (80_000..270_000).contains(step)), "a second apart: {steps:?}");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "one connection");
}

/// What a camera answers to a request, and whether FLV follows in chunks.
type Answer = (String, bool);
type Camera = fn(&str) -> Answer;

const FLV: &str = "HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A camera on as many connections as come; gives its address.
async fn camera(answers: Camera) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve(socket, answers));
        }
    });
    address
}

async fn serve(mut socket: TcpStream, answers: Camera) {
    let mut asked = vec![0; 4096];
    let length = socket.read(&mut asked).await.expect("a request");
    let (head, follows) = answers(&String::from_utf8_lossy(&asked[..length]));
    socket.write_all(head.as_bytes()).await.expect("it listens");
    if !follows {
        return;
    }
    let mut sender = ffmpeg(&[], "-");
    let mut flv = sender.stdout.take().expect("piped");
    let mut bytes = vec![0; 1500];
    while let Ok(length @ 1..) = flv.read(&mut bytes).await {
        let chunk = [format!("{length:x}\r\n").as_bytes(), &bytes[..length], b"\r\n"].concat();
        if socket.write_all(&chunk).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flv_is_had_behind_a_password_and_a_redirect() {
    let address = camera(|request| match request {
        moved if moved.starts_with("GET /flv?a=1 ") => {
            ("HTTP/1.1 302 Found\r\nLocation: /live\r\nContent-Length: 0\r\n\r\n".to_owned(), false)
        }
        proved if proved.contains("Authorization: Digest username=\"ad@min\"") && proved.contains("uri=\"/live\"") => {
            (FLV.to_owned(), true)
        }
        _ => {
            let challenge = "WWW-Authenticate: Digest realm=\"cam\", nonce=\"1\", qop=\"auth\"";
            (format!("HTTP/1.1 401 Unauthorized\r\n{challenge}\r\nContent-Length: 0\r\n\r\n"), false)
        }
    })
    .await;
    let mut scene = scene(&format!("http://ad%40min:secret@{address}/flv?a=1"), true);
    scene.until(State::Live, None).await;
    scene.frames(25).await;
    let tracks = scene.hub.stream(&scene.key).expect("it is there").tracks();
    let codecs: Vec<_> = tracks.iter().map(|track| track.codec.clone()).collect();
    assert_eq!(codecs, [Codec::H264, Codec::Aac]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_camera_refuses_has_its_reason() {
    let table: [(Camera, &str); 7] = [
        (|_| ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(), false), "stream_not_found"),
        (|_| ("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\r\n".into(), false), "wrong_password"),
        (|_| ("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n".into(), false), "camera_closed"),
        (|_| ("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n\r\nXPNG".into(), false), "protocol"),
        (|_| ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>".into(), false), "protocol"),
        (|_| ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/x\r\n\r\n".into(), false), "address_refused"),
        (|_| ("RTSP/1.0 400 Bad Request\r\n\r\n".into(), false), "protocol"),
    ];
    for (answers, code) in table {
        let mut scene = scene(&format!("http://a:b@{}/", camera(answers).await), true);
        scene.until(State::BackingOff, Some(code)).await;
    }
}
