//! Connections on which nothing is said.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::rig::{Rig, Wish};
use crate::tls::wait_for;

const LIMIT: Duration = Duration::from_secs(5);
const MOST: usize = 3;
const ONE: [u8; 4] = [127, 0, 0, 1];
const OTHER: [u8; 4] = [127, 0, 0, 2];

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::from((from, 0))).expect("an address of this machine");
    socket.connect(to).await.expect("the front listens")
}

/// Asks for something; the connection stays.
async fn is_answered(stream: &mut TcpStream) -> bool {
    stream.write_all(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("the front reads");
    let mut answer = Vec::new();
    while !answer.ends_with(br#"{"status":"ok"}"#) {
        answer.push(tokio::time::timeout(LIMIT, stream.read_u8()).await.expect("soon").expect("an answer"));
    }
    answer.starts_with(b"HTTP/1.1 200 ")
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    tokio::time::timeout(LIMIT, stream.read_u8()).await.expect("at once").is_err()
}

#[test]
fn silent_connections_of_one_address_keep_no_other_out() {
    let rig = Rig::start("silent", Wish { most_silent: Some(MOST), ..Wish::default() });
    let (address, crowd) = (rig.front.address(), &rig.crowds.front);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut held = Vec::new();
        for _ in 0..MOST {
            held.push(connect(ONE, address).await);
        }
        wait_for("all have a place", || crowd.there() == MOST).await;
        assert!(is_closed(&mut connect(ONE, address).await).await);
        assert_eq!(crowd.refused(), 1);
        let mut other = connect(OTHER, address).await;
        assert!(is_answered(&mut other).await);
        // Who has asked is no stranger any more, and his connection stays.
        assert!(is_answered(&mut held[0]).await && is_answered(&mut held[0]).await);
        assert_eq!(crowd.there(), MOST - 1);
        assert!(is_answered(&mut connect(ONE, address).await).await);
        drop(held);
        wait_for("nobody has a place", || crowd.there() == 0).await;
    });
}
