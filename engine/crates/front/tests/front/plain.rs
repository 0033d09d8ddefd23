//! The front without TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::rig::{Rig, Wish, read_head};

pub fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect(address).expect("the front listens");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    socket
}

pub fn ask(address: SocketAddr, request: &str) -> String {
    let mut socket = connect(address);
    let request = request.replace("HOST", &address.to_string()).replace('\n', "\r\n");
    socket.write_all(request.as_bytes()).expect("the front reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn without_api() -> Wish {
    Wish { api: false, ..Wish::default() }
}

#[test]
fn the_api_is_behind_the_front() {
    let rig = Rig::start("api", Wish::default());
    for _ in 0..3 {
        let answer = ask(rig.front.address(), "GET /api/v1/streams?x=1 HTTP/1.1\nHost: HOST\nConnection: close\n\n");
        assert_eq!(status(&answer), "200");
        assert!(answer.contains("\r\n\r\nGET /api/v1/streams?x=1 HTTP/1.1\r\n"), "{answer}");
    }
}

#[test]
fn a_websocket_passes_through() {
    let rig = Rig::start("ws", Wish::default());
    let mut socket = connect(rig.front.address());
    let request = format!(
        "GET /ws/events HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n",
        rig.front.address()
    );
    socket.write_all(request.as_bytes()).expect("the front reads");
    let head = read_head(&mut socket).expect("an answer");
    assert_eq!(status(&head), "101", "{head}");
    socket.write_all(b"ping").expect("an open WebSocket");
    let mut echo = [0; 4];
    socket.read_exact(&mut echo).expect("an echo");
    assert_eq!(&echo, b"ping");
}

#[test]
fn without_the_api_the_front_says_so_and_is_alive() {
    let rig = Rig::start("down", without_api());
    let answer = ask(rig.front.address(), "GET /api/v1/streams HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("retry-after: 1") && answer.contains("\"code\":\"api_down\""), "{answer}");
    let answer = ask(rig.front.address(), "GET /health/live HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "200");
    let answer = ask(rig.front.address(), "GET /metrics/media HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert!(answer.ends_with("vms_hub_bytes 0\n"), "{answer}");
}

#[test]
fn foreign_requests_are_refused_at_both_doors() {
    let rig = Rig::start("guard", Wish::default());
    let hls = rig.front.hls_address().expect("it listens");
    for address in [rig.front.address(), rig.front.players_address(), hls] {
        for request in [
            "GET / HTTP/1.1\nHost: evil.example\nConnection: close\n\n",
            "GET / HTTP/1.1\nHost: HOST\nOrigin: http://evil.example\nConnection: close\n\n",
            "GET / HTTP/1.1\nHost: HOST\nX-Forwarded-For: 1.2.3.4\nConnection: close\n\n",
        ] {
            let answer = ask(address, request);
            assert_eq!(status(&answer), "403", "{request}{answer}");
            assert!(answer.contains("application/problem+json"));
        }
    }
}

#[test]
fn bad_offers_get_a_reason() {
    let rig = Rig::start("whep", without_api());
    let post = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\nHost: HOST\nContent-Type: {kind}\nContent-Length: {length}\nConnection: close\n\n{body}"
        );
        ask(rig.front.address(), &request)
    };
    let stream = "/api/v1/streams/gate/main/whep";
    assert_eq!(status(&post(stream, "application/json", "{}")), "415");
    assert_eq!(status(&post(stream, "application/sdp", "v=0")), "404", "no such stream");
    assert_eq!(status(&post("/api/v1/streams/gate/other/whep", "application/sdp", "v=0")), "404");
    let long = "x".repeat(70_000);
    assert_eq!(status(&post(stream, "application/sdp", &long)), "413");
    let answer =
        ask(rig.front.address(), "GET /api/v1/streams/gate/main/whep HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert!(status(&answer) == "405" && answer.contains("allow: POST"), "{answer}");
    let answer = ask(rig.front.address(), "DELETE /api/v1/whep/00 HTTP/1.1\nHost: HOST\nConnection: close\n\n");
    assert_eq!(status(&answer), "404");
}

#[test]
fn what_a_request_says_of_itself_is_replaced() {
    let forged = "GET /x HTTP/1.1\nHost: HOST\nX-VMS-Client: 10.9.8.7\nX-VMS-Scheme: ftp\nConnection: close\n\n";
    for (behind_proxy, scheme) in [(false, "http"), (true, "https")] {
        let rig = Rig::start(&format!("forged-{scheme}"), Wish { behind_proxy, ..Wish::default() });
        let answer = ask(rig.front.address(), forged);
        assert!(answer.contains("x-vms-client: 127.0.0.1\r\n"), "{answer}");
        assert!(answer.contains(&format!("x-vms-scheme: {scheme}\r\n")), "{answer}");
        assert!(!answer.contains("10.9.8.7") && !answer.contains("ftp"), "{answer}");
    }
}
