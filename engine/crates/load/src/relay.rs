//! A UDP relay that loses packets and adds delay, for tests of players.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::net::UdpSocket;

use crate::LoadError;
use crate::args::Relaying;

/// Clients are test players; more than this is a mistake.
const MAX_CLIENTS: usize = 256;

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Listening {
    pub listening: SocketAddr,
}

/// Room for a whole group of pictures: what the relay loses must be what it was
/// told to lose.
const BUFFER_BYTES: libc::c_int = 8 << 20;

/// A socket with a large receive buffer. Beyond the system's limit only root
/// may go; for others the limit is as good as it gets.
async fn bind(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address).await?;
    let bytes = BUFFER_BYTES;
    for option in [libc::SO_RCVBUF, libc::SO_RCVBUFFORCE] {
        // SAFETY: the handle is open, and the value is a c_int that outlives the
        // call, as both options take it. A refusal leaves the buffer as it was.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                option,
                (&raw const bytes).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            );
        }
    }
    Ok(socket)
}

/// Decides the fate of packets, the same for the same seed.
#[derive(Clone, Copy, Debug)]
struct Dice {
    state: u64,
    /// Of 2^32.
    lose_below: u64,
}

impl Dice {
    fn new(seed: u64, percent: f64) -> Self {
        let share = (percent / 100.0).clamp(0.0, 1.0);
        Self { state: seed, lose_below: (share * (u64::from(u32::MAX) + 1) as f64) as u64 }
    }

    fn loses(&mut self) -> bool {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 32 < self.lose_below
    }
}

/// Relays until the process is ended.
///
/// # Errors
/// When a socket cannot be used.
pub fn run(options: &Relaying, ready: impl FnOnce(Listening) -> Result<(), LoadError>) -> Result<(), LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| LoadError::io("the runtime", error))?;
    runtime.block_on(serve(options, ready))
}

pub async fn serve(
    options: &Relaying,
    ready: impl FnOnce(Listening) -> Result<(), LoadError>,
) -> Result<(), LoadError> {
    let failed = |error| LoadError::io("the relay's socket", error);
    let front = Arc::new(bind(options.listen).await.map_err(failed)?);
    ready(Listening { listening: front.local_addr().map_err(failed)? })?;
    let mut dice = Dice::new(options.seed, options.loss_percent);
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = [0; 2048];
    loop {
        let (len, client) = front.recv_from(&mut buffer).await.map_err(failed)?;
        let back = match backs.get(&client) {
            Some(back) => back.clone(),
            None if backs.len() == MAX_CLIENTS => continue,
            None => {
                let back = connect(options, &front, client, backs.len() as u64).await.map_err(failed)?;
                backs.insert(client, back.clone());
                back
            }
        };
        if !dice.loses() {
            pass(&back, &buffer[..len], options.to, options.delay).await;
        }
    }
}

/// A socket of its own for each client, so that the server tells them apart.
async fn connect(
    options: &Relaying,
    front: &Arc<UdpSocket>,
    client: SocketAddr,
    number: u64,
) -> std::io::Result<Arc<UdpSocket>> {
    let back = Arc::new(bind(SocketAddr::new(options.listen.ip(), 0)).await?);
    let (reader, front, delay) = (back.clone(), front.clone(), options.delay);
    let mut dice = Dice::new(options.seed.wrapping_add(number + 1), options.loss_percent);
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        // Ends with the relay; a refused packet means the server is gone.
        while let Ok((len, _)) = reader.recv_from(&mut buffer).await {
            if !dice.loses() {
                pass(&front, &buffer[..len], client, delay).await;
            }
        }
    });
    Ok(back)
}

/// Sends at once or later; a packet that the system refuses is lost like any.
async fn pass(socket: &Arc<UdpSocket>, bytes: &[u8], to: SocketAddr, delay: Duration) {
    if delay.is_zero() {
        let _lost = socket.send_to(bytes, to).await;
        return;
    }
    let (socket, bytes) = (socket.clone(), bytes.to_vec());
    tokio::spawn(async move {
        tokio::time::sleep(delay).await;
        let _lost = socket.send_to(&bytes, to).await;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_fair_and_repeat() {
        let losses = |seed, percent| {
            let mut dice = Dice::new(seed, percent);
            (0..10_000).filter(|_| dice.loses()).count()
        };
        assert_eq!(losses(1, 5.0), losses(1, 5.0));
        assert!((400..600).contains(&losses(1, 5.0)));
        assert_eq!((losses(2, 0.0), losses(2, 100.0)), (0, 10_000));
    }

    #[tokio::test]
    async fn packets_go_there_and_back() {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let to = server.local_addr().expect("an address");
        for delay in [Duration::ZERO, Duration::from_millis(2)] {
            let options =
                Relaying { listen: SocketAddr::from(([127, 0, 0, 1], 0)), to, loss_percent: 0.0, seed: 1, delay };
            let (tell, told) = tokio::sync::oneshot::channel();
            let relay = tokio::spawn(async move {
                serve(&options, |listening| {
                    tell.send(listening.listening).map_err(|_| LoadError::Server("nobody waits".into()))
                })
                .await
            });
            let client = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            client.connect(told.await.expect("an address")).await.expect("connect");
            client.send(b"there").await.expect("send");
            let mut buffer = [0; 16];
            let (len, from) = server.recv_from(&mut buffer).await.expect("receive");
            assert_eq!(&buffer[..len], b"there");
            server.send_to(b"back", from).await.expect("send");
            let len = client.recv(&mut buffer).await.expect("receive");
            assert_eq!(&buffer[..len], b"back");
            relay.abort();
        }
    }
}
