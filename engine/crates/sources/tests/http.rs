//! A camera sends FLV over HTTP.

mod common;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vms_media::Codec;
use vms_sources::State;

use common::{ffmpeg, scene};

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
    let table: [(Camera, &str); 6] = [
        (|_| ("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(), false), "stream_not_found"),
        (|_| ("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\r\n".into(), false), "wrong_password"),
        (|_| ("HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace\r\n\r\n".into(), false), "unknown_codec"),
        (|_| ("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>".into(), false), "protocol"),
        (|_| ("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/x\r\n\r\n".into(), false), "address_refused"),
        (|_| ("RTSP/1.0 400 Bad Request\r\n\r\n".into(), false), "protocol"),
    ];
    for (answers, code) in table {
        let mut scene = scene(&format!("http://a:b@{}/", camera(answers).await), true);
        scene.until(State::BackingOff, Some(code)).await;
    }
}
