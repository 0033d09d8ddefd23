//! The two kinds of connection about what is transcoded: of the steward, who is
//! told what is wanted, and of a worker.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::sync::Notify;
use vms_hub::{CloseReason, Next, Publisher, Reader, ReaderKind, Stream, StreamKey};
use vms_media::{Frame, Track, TrackKind};

use super::wire::{self, FromWorker, Run, most_bytes};
use super::{End, Kind, Transcodes, Work, picture, sound};

/// A worker that has not read for so long is stuck.
const READ_WITHIN: Duration = Duration::from_secs(5);

/// Tells a steward by kind and name what wants a worker, until it is gone.
pub async fn advise(mut socket: UnixStream, transcodes: &Transcodes) -> io::Result<()> {
    struct Gone<'a>(&'a Transcodes);
    impl Drop for Gone<'_> {
        fn drop(&mut self) {
            self.0.stewards(false);
        }
    }
    transcodes.stewards(true);
    let _gone = Gone(transcodes);
    let mut end = [0_u8; 1];
    loop {
        let (wanted, next) = transcodes.ask(Instant::now());
        for (key, kind) in wanted {
            socket.write_all(format!("{} {key}\n", kind.as_str()).as_bytes()).await?;
        }
        tokio::select! {
            () = transcodes.inner.wanted.notified() => {}
            () = tokio::time::sleep_until(next.into()) => {}
            read = socket.read(&mut end) => if read? == 0 { return Ok(()) },
        }
    }
}

/// Gives a worker a stream's frames and publishes what it makes of them.
pub async fn work(mut socket: UnixStream, transcodes: &Transcodes, key: &StreamKey, kind: Kind) -> io::Result<()> {
    let source = transcodes.inner.hub.stream(key);
    let name = (key.clone(), kind);
    let Some((source, work)) = source.and_then(|source| Some((source, transcodes.begin(&name, Instant::now())?)))
    else {
        // It ends by itself.
        return socket.shutdown().await;
    };
    let (from, to) = socket.into_split();
    let end = tokio::select! {
        end = feed(&source, &work, to) => end,
        end = take(&source, &work, from) => end,
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

/// Follows the camera's frames.
struct Feed<'a> {
    work: &'a Work,
    reader: Reader,
    /// Of the stream's tracks, the one that is transcoded.
    index: Option<usize>,
    epoch: Option<u64>,
    /// Key frames that viewers of what is made had asked for.
    keys_asked: u64,
}

async fn feed(source: &Arc<Stream>, work: &Work, mut to: impl AsyncWrite + Unpin) -> End {
    let wake = Arc::new(Notify::new());
    // A picture needs those before it.
    let kind = ReaderKind::Live { burst: work.kind() == Kind::Picture };
    let reader = source.subscribe(kind, wake.clone());
    let mut feed = Feed { work, reader, index: None, epoch: None, keys_asked: work.stream.key_requests() };
    feed.choose(&source.tracks());
    loop {
        let (bytes, closed) = feed.waiting();
        if closed == Some(CloseReason::Removed) {
            return End::Removed;
        }
        if !bytes.is_empty() {
            match tokio::time::timeout(READ_WITHIN, to.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return failed("worker_lost", &error),
                Err(late) => return failed("worker_stuck", &late),
            }
        }
        if closed.is_some() {
            return failed("worker_stuck", &"it was too slow for too long");
        }
        wake.notified().await;
    }
}

impl Feed<'_> {
    fn choose(&mut self, tracks: &[Track]) {
        self.index = tracks.iter().position(|track| self.work.kind().takes(track));
        self.epoch = None;
    }

    /// All that came, and why there is no more.
    fn waiting(&mut self) -> (Vec<u8>, Option<CloseReason>) {
        let mut out = Vec::new();
        let asked = self.work.stream.key_requests();
        if asked != self.keys_asked {
            self.keys_asked = asked;
            out.extend(wire::key_wanted());
        }
        let mut newest_us = None;
        let closed = loop {
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
                    newest_us = Some(self.work.gives(frame.epoch, frame.timing.utc_us));
                    out.extend(wire::frame(frame, delivery.skipped > 0));
                }
                Next::Frame(delivery)
                    if self.work.kind() == Kind::Picture && delivery.frame.kind == TrackKind::Audio =>
                {
                    self.work.hold(Frame::clone(&delivery.frame));
                }
                Next::Frame(_) | Next::Waiting(_) => {}
                Next::TracksChanged(tracks) => self.choose(&tracks),
                Next::Pending => break None,
                Next::Closed(why) => break Some(why),
            }
        };
        // Nothing is left: the newest one came just now.
        if let Some(newest_us) = newest_us.filter(|_| self.work.kind() == Kind::Picture) {
            let lag = wire::lag(utc_now_us() - newest_us);
            out.splice(..0, lag);
        }
        (out, closed)
    }
}

/// Publishes what a worker makes.
async fn take(source: &Stream, work: &Work, mut from: impl AsyncRead + Unpin) -> End {
    let kind = work.kind();
    let mut body = vec![0; most_bytes(kind)];
    let mut run = Run::new(kind);
    let mut publisher = None;
    loop {
        let (epoch, at, data) = match read_message(&mut from, &mut body).await {
            Ok(Some(FromWorker::Made { epoch, at, data })) => (epoch, at, data),
            Ok(Some(FromWorker::Costs(cost))) => {
                work.note(|job| job.cost = Some(cost));
                continue;
            }
            Ok(Some(FromWorker::GivesUp(why))) => return End::Failed(kind.undecodable(), why),
            Ok(None) => return failed("worker_wrong", &"it said what nobody understands"),
            Err(error) => return failed("worker_lost", &error),
        };
        let judged = work.given(epoch).and_then(|newest_us| run.judge(epoch, at, newest_us));
        let Some(begins) = judged else {
            return End::Failed("worker_wrong", format!("what it made has the impossible time {at}"));
        };
        if begins {
            publisher = Some(work.publish(source));
        }
        let utc_us = run.utc_us(at);
        work.note(|job| job.delay_ms = Some((utc_now_us() - utc_us) / 1_000));
        if let Some(publisher) = &mut publisher
            && !work.push(publisher, at, utc_us, data)
        {
            return failed("worker_wrong", &"what it made is no picture");
        }
    }
}

impl Work {
    fn publish(&self, source: &Stream) -> Publisher {
        let (key, kind) = &self.name;
        self.transcodes.inner.hub.publish(&kind.derived(key), kind.tracks(&source.tracks()))
    }

    /// Publishes a frame; false for one that is none.
    fn push(&self, publisher: &mut Publisher, at: i64, utc_us: i64, data: bytes::Bytes) -> bool {
        if self.kind() == Kind::Sound {
            publisher.push(sound::frame(at, data));
            return true;
        }
        let tracks = publisher.stream().tracks();
        let track = tracks.iter().find(|track| track.kind == TrackKind::Video).map_or(0, |track| track.id);
        let Some(frame) = picture::frame(track, at, &data) else { return false };
        publisher.push(frame);
        for frame in self.held_until(utc_us) {
            publisher.push(frame);
        }
        true
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
