//! The two kinds of connection about sound: of the steward, who is told what
//! is wanted, and of a worker.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use vms_hub::{Next, Publisher, Reader, ReaderKind, Stream, StreamKey};
use vms_media::Track;

use super::wire::{self, FromWorker, MOST_FROM_WORKER, Run};
use super::{End, Sounds, Work, can_be_transcoded, opus_track};

/// A worker that has not read for so long is stuck.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Tells a steward by name which streams want a worker, until it is gone.
pub async fn advise(mut socket: UnixStream, sounds: &Sounds) -> io::Result<()> {
    struct Gone<'a>(&'a Sounds);
    impl Drop for Gone<'_> {
        fn drop(&mut self) {
            self.0.stewards(false);
        }
    }
    sounds.stewards(true);
    let _gone = Gone(sounds);
    let mut end = [0_u8; 1];
    loop {
        let (wanted, next) = sounds.ask(Instant::now());
        for key in wanted {
            socket.write_all(format!("{key}\n").as_bytes()).await?;
        }
        tokio::select! {
            () = sounds.inner.wanted.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
            read = socket.read(&mut end) => if read? == 0 { return Ok(()) },
        }
    }
}

/// Gives a worker the sound of a stream and publishes what it makes of it.
pub async fn work(mut socket: UnixStream, sounds: &Sounds, key: &StreamKey) -> io::Result<()> {
    let source = sounds.inner.hub.stream(key);
    let Some((source, work)) = source.and_then(|source| Some((source, sounds.begin(key, Instant::now())?))) else {
        // It ends by itself.
        return socket.shutdown().await;
    };
    let (from, to) = socket.into_split();
    let end = tokio::select! {
        end = feed(&source, to) => end,
        end = take(&work, from) => end,
        end = quiet(&work) => end,
    };
    work.end(&end);
    Ok(())
}

async fn quiet(work: &Work) -> End {
    loop {
        let changed = work.changed.notified();
        match work.quiet_at() {
            None => changed.await,
            Some(at) if at <= Instant::now() => return End::Quiet,
            Some(at) => {
                // Late is no error: then it is looked again.
                let _ = tokio::time::timeout_at(at.into(), changed).await;
            }
        }
    }
}

fn failed(code: &'static str, error: &dyn std::fmt::Display) -> End {
    End::Failed(code, error.to_string())
}

/// Follows the camera's sound.
struct Feed {
    reader: Reader,
    /// Of the stream's tracks, the one that is transcoded.
    index: Option<usize>,
    epoch: Option<u64>,
}

async fn feed(source: &Arc<Stream>, mut to: impl AsyncWrite + Unpin) -> End {
    let wake = Arc::new(Notify::new());
    let reader = source.subscribe(ReaderKind::Live { burst: false }, wake.clone());
    let mut feed = Feed { reader, index: None, epoch: None };
    feed.choose(&source.tracks());
    loop {
        let (bytes, closed) = feed.waiting();
        if !bytes.is_empty() {
            match tokio::time::timeout(READ_WITHIN, to.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return failed("worker_lost", &error),
                Err(late) => return failed("worker_stuck", &late),
            }
        }
        if closed {
            return failed("worker_stuck", &"it was too slow for too long");
        }
        wake.notified().await;
    }
}

impl Feed {
    fn choose(&mut self, tracks: &[Track]) {
        self.index = tracks.iter().position(can_be_transcoded);
        self.epoch = None;
    }

    /// All that came; true when there is no more.
    fn waiting(&mut self) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        loop {
            match self.reader.next() {
                Next::Frame(delivery) if Some(usize::from(delivery.frame.track_index)) == self.index => {
                    let frame = &delivery.frame;
                    if self.epoch != Some(frame.epoch) {
                        let tracks = self.reader.stream().tracks();
                        let Some(head) =
                            tracks.get(usize::from(frame.track_index)).and_then(|t| wire::head(frame.epoch, t))
                        else {
                            continue;
                        };
                        self.epoch = Some(frame.epoch);
                        out.extend(head);
                    }
                    out.extend(wire::frame(frame, false));
                }
                Next::Frame(_) | Next::Waiting(_) => {}
                Next::TracksChanged(tracks) => self.choose(&tracks),
                Next::Pending => return (out, false),
                Next::Closed(_) => return (out, true),
            }
        }
    }
}

/// Publishes a worker's Opus until it ends.
async fn take(work: &Work, mut from: impl AsyncRead + Unpin) -> End {
    let mut run = Run::default();
    let mut publisher: Option<Publisher> = None;
    let mut body = [0_u8; MOST_FROM_WORKER];
    loop {
        let message = match read_message(&mut from, &mut body).await {
            Ok(Some(message)) => message,
            Ok(None) => return End::Failed("worker_wrong", "it said what no worker says".to_owned()),
            Err(error) => return failed("worker_lost", &error),
        };
        let (epoch, at, data) = match message {
            FromWorker::Packet { epoch, at, data } => (epoch, at, data),
            FromWorker::GivesUp(why) => return End::Failed("sound_undecodable", why),
        };
        let now_us = utc_now_us();
        let Some(begins) = run.judge(epoch, at, now_us) else {
            return End::Failed("worker_wrong", format!("its sound has the impossible time {at}"));
        };
        if begins {
            publisher = Some(work.publish());
        }
        work.delay((now_us - wire::utc_us(at)) / 1_000);
        if let Some(publisher) = &mut publisher {
            publisher.push(wire::opus(at, data));
        }
    }
}

impl Work {
    fn publish(&self) -> Publisher {
        self.sounds.inner.hub.publish(&super::derived(&self.key), vec![opus_track()])
    }
}

async fn read_message(from: &mut (impl AsyncRead + Unpin), body: &mut [u8]) -> io::Result<Option<FromWorker>> {
    let size = from.read_u32_le().await? as usize;
    let Some(body) = body.get_mut(..size) else { return Ok(None) };
    from.read_exact(body).await?;
    Ok(wire::read(body))
}

fn utc_now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
