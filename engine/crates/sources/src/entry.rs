//! What the bytes of somebody who calls us go through: his connection, or TLS
//! in it. Which of them it is, the first byte tells.

use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// The first byte of a TLS record that holds a handshake (RFC 8446, 5.1). No
/// RTSP begins with it, which is text, and no RTMP, whose first byte is its
/// version, 3.
const HANDSHAKE: u8 = 22;

/// A connection inside of TLS.
pub trait Secured: AsyncRead + AsyncWrite + Send + Sync + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Secured for S {}

type Shaking = Pin<Box<dyn Future<Output = io::Result<Box<dyn Secured>>> + Send>>;

/// Shakes hands with a caller; given by whoever has the certificate.
pub type Handshake = Arc<dyn Fn(TcpStream, IpAddr) -> Shaking + Send + Sync>;

pub enum Entry {
    Plain(TcpStream),
    Secure(Box<dyn Secured>),
}

impl Entry {
    /// Looks at the first byte, once it comes, and shakes hands where it begins
    /// a handshake.
    ///
    /// # Errors
    /// When the connection or its handshake fails.
    pub async fn of(socket: TcpStream, handshake: Option<&Handshake>) -> io::Result<Self> {
        let Some(handshake) = handshake else { return Ok(Self::Plain(socket)) };
        let mut first = [0];
        if socket.peek(&mut first).await? == 0 || first[0] != HANDSHAKE {
            return Ok(Self::Plain(socket));
        }
        let peer = socket.peer_addr()?.ip();
        Ok(Self::Secure(handshake(socket, peer).await?))
    }
}
