//! Frames for the workers that decode: over a Unix socket that only this user
//! may open, a worker's steward names a stream and gets a [`Ring`] of it.
//!
//! The words: `CAMERA/STREAM\n` in; `R` with the ring's handle out, then a byte
//! for each frame (none while the reader has not taken the last ones). Closing
//! the connection ends the ring. `?` is the answer to an unknown stream.
//!
//! `transcode\n` is the word of the steward of those who transcode: he gets
//! `sound CAMERA/STREAM\n` or `picture CAMERA/STREAM\n` for whatever wants a
//! worker, and the same is the word of such a worker ([`crate::transcode`]).

mod ring;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, Semaphore};
use vms_hub::{CloseReason, Hub, Next, Reader, ReaderKind, Stream, StreamKey};
use vms_media::TrackKind;

pub use ring::{HEAD_BYTES, Ring};

use crate::transcode::{self, Kind, Transcodes};

/// Some seconds of a sub-stream, and a group of most main streams.
const RING_BYTES: usize = 4 << 20;
/// Rings of one process together: 1 GB.
const MOST_RINGS: usize = 256;
const MAX_NAME: u64 = 128;
const NAME_LIMIT: Duration = Duration::from_secs(5);

/// Listens until the runtime it was started in ends.
pub fn listen(path: &Path, hub: Hub, transcodes: Transcodes) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    tokio::spawn(serve(listener, hub, transcodes));
    Ok(())
}

async fn serve(listener: UnixListener, hub: Hub, transcodes: Transcodes) {
    let rings = Arc::new(Semaphore::new(MOST_RINGS));
    loop {
        let Ok(permit) = rings.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((socket, _)) => {
                let (hub, transcodes) = (hub.clone(), transcodes.clone());
                tokio::spawn(async move {
                    if let Err(error) = answer(socket, &hub, &transcodes).await {
                        tracing::debug!(%error, "a reader of frames is gone");
                    }
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no reader of frames can be let in");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn answer(mut socket: UnixStream, hub: &Hub, transcodes: &Transcodes) -> io::Result<()> {
    let mut words = String::new();
    let line = BufReader::new((&mut socket).take(MAX_NAME));
    tokio::time::timeout(NAME_LIMIT, { line }.read_line(&mut words)).await??;
    let words = words.trim_end();
    if words == "transcode" {
        return transcode::advise(socket, transcodes).await;
    }
    let work = words.split_once(' ').and_then(|(kind, name)| Some((Kind::parse(kind)?, name)));
    let key = work.map_or_else(|| StreamKey::parse(words), |(_, name)| whatever(name));
    let Some((key, stream)) = key.and_then(|key| hub.stream(&key).map(|stream| (key, stream))) else {
        socket.try_write(b"?")?;
        return Ok(());
    };
    match work {
        Some((kind, _)) => transcode::work(socket, transcodes, &key, kind).await,
        None => feed(socket, &stream).await,
    }
}

/// A stream by the name that a steward was told, which may be one that no
/// camera can have: of a recording that is played.
fn whatever(name: &str) -> Option<StreamKey> {
    let (camera, stream) = name.rsplit_once('/')?;
    let named = StreamKey::parse(&format!("any/{stream}"))?;
    Some(StreamKey { camera: camera.into(), ..named })
}

async fn feed(socket: UnixStream, stream: &Arc<Stream>) -> io::Result<()> {
    let mut ring = Ring::new(RING_BYTES)?;
    let file = ring.file().try_clone_to_owned()?;
    socket.async_io(Interest::WRITABLE, || ring::send_file(socket.as_fd(), file.as_fd(), b"R")).await?;
    drop(file);
    let wake = Arc::new(Notify::new());
    let mut reader = stream.subscribe(ReaderKind::Live { burst: true }, wake.clone());
    let mut end = [0_u8; 1];
    loop {
        let filled = fill(&mut ring, &mut reader);
        if filled.over || (filled.wrote && told(&socket)?) {
            return Ok(());
        }
        tokio::select! {
            () = wake.notified() => {}
            read = socket.readable() => {
                read?;
                match socket.try_read(&mut end) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Wakes the reader; one that has not read the last bytes is awake. True when
/// it is gone.
fn told(socket: &UnixStream) -> io::Result<bool> {
    match socket.try_write(b".") {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(error) => Err(error),
    }
}

/// What became of what waited.
#[derive(Default)]
struct Filled {
    /// There was something.
    wrote: bool,
    /// The stream is no more.
    over: bool,
}

/// Writes what waits.
fn fill(ring: &mut Ring, reader: &mut Reader) -> Filled {
    let mut filled = Filled::default();
    loop {
        match reader.next() {
            Next::Frame(delivery) if delivery.frame.kind == TrackKind::Video => {
                filled.wrote |= ring.push(&delivery.frame, delivery.skipped > 0);
            }
            Next::Frame(_) | Next::Waiting(_) | Next::TracksChanged(_) => {}
            Next::Closed(CloseReason::Removed) => return Filled { over: true, ..filled },
            Next::Pending | Next::Closed(CloseReason::TooSlow) => return filled,
        }
    }
}
