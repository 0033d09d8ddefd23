//! A stream that we bring to somebody: he is called, and called again for as
//! long as it is wished.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use vms_hub::{ReaderKind, Stream};
use vms_media::TrackKind;
use vms_sources::{BackOff, Dialer, Reason, SrtLine, State};

use super::viewer::{Pumped, Viewer};

/// From the first question to an open connection.
const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Where a target stands.
#[derive(Clone, Debug, serde::Serialize)]
pub struct PushStatus {
    /// Host and port: what else stands in its address may be secret.
    pub target: String,
    pub state: State,
    pub reason: Option<Reason>,
}

impl PushStatus {
    /// That of a target which is not called, for this reason.
    #[must_use]
    pub fn off(address: &str, reason: Reason) -> Self {
        Self { target: target_of(address), state: State::Off, reason: Some(reason) }
    }
}

/// What targets are called with.
#[derive(Clone)]
pub struct PushMeans {
    pub dialer: Dialer,
    pub back_off: BackOff,
}

/// A target that is called. Dropping it says goodbye.
pub struct Push {
    status: Arc<Mutex<PushStatus>>,
    cancel: CancellationToken,
}

impl Push {
    /// Calls an `srt://` address on the current runtime.
    #[must_use]
    pub fn start(address: String, stream: Arc<Stream>, means: PushMeans) -> Self {
        let status = PushStatus { target: target_of(&address), state: State::Connecting, reason: None };
        let status = Arc::new(Mutex::new(status));
        let cancel = CancellationToken::new();
        let (caller, stop) = (Caller { address, stream, means, status: status.clone() }, cancel.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = caller.run() => {}
                () = stop.cancelled() => {}
            }
        });
        Self { status, cancel }
    }

    #[must_use]
    pub fn status(&self) -> PushStatus {
        self.status.lock().clone()
    }
}

impl Drop for Push {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

/// Only what is no secret of an address.
fn target_of(address: &str) -> String {
    let behind = address.split_once("://").map_or(address, |(_, behind)| behind);
    behind.split(['/', '?']).next().unwrap_or_default().to_owned()
}

struct Caller {
    address: String,
    stream: Arc<Stream>,
    means: PushMeans,
    status: Arc<Mutex<PushStatus>>,
}

impl Caller {
    async fn run(self) {
        let mut failures = 0;
        loop {
            let reason = match self.open().await {
                Ok(line) => {
                    failures = 0;
                    self.tell(State::Live, None);
                    self.bring(line).await
                }
                Err(reason) => reason,
            };
            tracing::info!(stream = %self.stream.key(), code = reason.code(), "a target of SRT is not reached");
            failures += 1;
            self.tell(State::BackingOff, Some(reason.clone()));
            tokio::time::sleep(self.means.back_off.delay(failures, rand::random())).await;
            // Why the last call ended is told until the next one succeeds.
            self.tell(State::Connecting, Some(reason));
        }
    }

    fn tell(&self, state: State, reason: Option<Reason>) {
        let mut status = self.status.lock();
        (status.state, status.reason) = (state, reason);
    }

    async fn open(&self) -> Result<SrtLine, Reason> {
        let opening = async {
            let mut line = SrtLine::call(&self.address, &self.means.dialer).await?;
            poll_fn(|cx| {
                loop {
                    let turned = line.poll_turn(cx)?;
                    // It may have opened in a turn that waits for more.
                    if line.connection.is_open() {
                        return Poll::Ready(Ok::<_, Reason>(()));
                    }
                    if turned.is_pending() {
                        return Poll::Pending;
                    }
                }
            })
            .await?;
            Ok(line)
        };
        tokio::time::timeout(OPEN_LIMIT, opening).await.unwrap_or(Err(Reason::Timeout))
    }

    /// Sends until it cannot go on; says why.
    async fn bring(&self, mut line: SrtLine) -> Reason {
        let wake = Arc::new(Notify::new());
        let reader = self.stream.subscribe(ReaderKind::Live { burst: false }, wake.clone());
        let mut viewer = Viewer::new(reader, true);
        loop {
            let now = Instant::now();
            match viewer.pump(&mut line.connection, now) {
                Pumped::Goes => {}
                // A reader ends by itself only when it is overtaken; one whose stream is no more is stopped.
                Pumped::Ended | Pumped::TooSlow => return Reason::TooSlow,
                Pumped::NotCarried => return Reason::UnknownCodec { codec: self.codec() },
            }
            if let Err(reason) = line.send(now) {
                return reason;
            }
            let turned = tokio::select! {
                () = wake.notified() => Ok(()),
                turned = poll_fn(|cx| line.poll_turn(cx)) => turned,
            };
            if let Err(reason) = turned {
                return reason;
            }
        }
    }

    fn codec(&self) -> String {
        let tracks = self.stream.tracks();
        let video = tracks.iter().find(|track| track.kind == TrackKind::Video);
        video.map(|track| track.codec.name().to_uppercase()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_named_without_what_may_be_secret() {
        let address = "srt://[::1]:9000?streamid=publish:gate:key:secret&passphrase=correct%20horse";
        assert_eq!(target_of(address), "[::1]:9000");
        let off = PushStatus::off("srt://core:9000/x?passphrase=correct%20horse", Reason::Masked);
        assert_eq!(off.target, "core:9000");
        assert!(!format!("{off:?}").contains("horse"));
    }
}
