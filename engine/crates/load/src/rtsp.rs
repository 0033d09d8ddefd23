//! RTSP readers: TCP interleaved, the first video track.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vms_media::Codec;

use crate::LoadError;
use crate::args::Viewing;
use crate::report::Report;
use crate::run::{Stop, run as course};
use crate::viewers::{Run, Tally};

const KEEP_ALIVE: Duration = Duration::from_secs(20);
const READ_BYTES: usize = 64 << 10;

/// Runs the readers.
///
/// # Errors
/// Those of the run; readers that fail are in the report.
pub fn run(options: Viewing) -> Result<Report, LoadError> {
    course("rtsp", options, |index, options, run, stop| Box::pin(view(index, options, run, stop)))
}

async fn view(index: usize, options: Arc<Viewing>, run: Arc<Run>, mut stop: Stop) -> Result<(), String> {
    let url = options.url_of(index);
    let mut connection = Connection::open(&url).await?;
    let (control, codec) = connection.describe().await?;
    connection.setup(&control).await?;
    let played = connection.play().await?;
    run.connected.fetch_add(1, Ordering::Relaxed);
    let mut tally = Tally::new(&run, codec, played);
    let light = !options.watches(index);
    let leave = options.stay.map_or(Duration::from_secs(u64::from(u32::MAX)), |stay| stay);
    let result = connection.read_all(&mut tally, light, leave, &mut stop).await;
    tally.finish();
    if result.is_err() && !run.ended() {
        run.closed.fetch_add(1, Ordering::Relaxed);
    }
    connection.teardown().await?;
    result
}

/// Something that arrived on the connection.
enum Item {
    Packet { channel: u8, len: usize },
    Response(Reply),
}

struct Reply {
    status: u16,
    headers: String,
    body: String,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
    url: String,
    session: Option<String>,
    cseq: u32,
}

impl Connection {
    async fn open(url: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("rtsp://").ok_or_else(|| format!("{url} is no rtsp address"))?;
        let authority = rest.split('/').next().unwrap_or(rest);
        let host = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:554") };
        let stream = TcpStream::connect(&host).await.map_err(|e| format!("{host}: {e}"))?;
        stream.set_nodelay(true).map_err(|e| e.to_string())?;
        Ok(Self {
            stream,
            buffer: BytesMut::with_capacity(READ_BYTES * 2),
            url: url.to_owned(),
            session: None,
            cseq: 0,
        })
    }

    async fn describe(&mut self) -> Result<(String, Codec), String> {
        let url = self.url.clone();
        let reply = self.request("DESCRIBE", &url, "Accept: application/sdp\r\n").await?;
        let base = reply.header("Content-Base").unwrap_or(&url).trim_end_matches('/').to_owned();
        video_of(&reply.body, &base).ok_or_else(|| format!("{url} describes no H.264 or H.265 video"))
    }

    async fn setup(&mut self, control: &str) -> Result<(), String> {
        let transport = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
        let reply = self.request("SETUP", control, transport).await?;
        let session = reply.header("Session").ok_or("SETUP gave no session")?;
        self.session = session.split(';').next().map(str::to_owned);
        Ok(())
    }

    /// When the server answered PLAY.
    async fn play(&mut self) -> Result<Instant, String> {
        let url = self.url.clone();
        self.request("PLAY", &url, "Range: npt=0-\r\n").await?;
        Ok(Instant::now())
    }

    async fn teardown(&mut self) -> Result<(), String> {
        let url = self.url.clone();
        self.write("TEARDOWN", &url, "").await
    }

    async fn request(&mut self, method: &str, url: &str, headers: &str) -> Result<Reply, String> {
        self.write(method, url, headers).await?;
        loop {
            match self.next()? {
                Some(Item::Response(reply)) if reply.status == 200 => return Ok(reply),
                Some(Item::Response(reply)) => return Err(format!("{method} {url} answered {}", reply.status)),
                // Media before the answer to PLAY is kept out of the figures.
                Some(Item::Packet { len, .. }) => self.buffer.advance(len),
                None => self.fill().await?,
            }
        }
    }

    async fn write(&mut self, method: &str, url: &str, headers: &str) -> Result<(), String> {
        self.cseq += 1;
        let session = self.session.as_ref().map(|id| format!("Session: {id}\r\n")).unwrap_or_default();
        let text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n{session}{headers}\r\n", self.cseq);
        self.stream.write_all(text.as_bytes()).await.map_err(|e| format!("{method} {url}: {e}"))
    }

    async fn fill(&mut self) -> Result<(), String> {
        self.buffer.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(format!("{} closed the connection", self.url)),
            Ok(_) => Ok(()),
            Err(error) => Err(format!("{}: {error}", self.url)),
        }
    }

    /// The next whole item. A packet stays in the buffer, behind its header of
    /// four bytes that is taken off.
    fn next(&mut self) -> Result<Option<Item>, String> {
        match self.buffer.first() {
            None => Ok(None),
            Some(b'$') => {
                let Some(header) = self.buffer.first_chunk::<4>() else { return Ok(None) };
                let (channel, len) = (header[1], usize::from(u16::from_be_bytes([header[2], header[3]])));
                if self.buffer.len() < 4 + len {
                    return Ok(None);
                }
                self.buffer.advance(4);
                Ok(Some(Item::Packet { channel, len }))
            }
            Some(_) => self.response(),
        }
    }

    fn response(&mut self) -> Result<Option<Item>, String> {
        let Some(end) = self.buffer.windows(4).position(|w| w == b"\r\n\r\n") else {
            return if self.buffer.len() > READ_BYTES { Err("this is not RTSP".to_owned()) } else { Ok(None) };
        };
        let headers = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let status = headers.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut reply = Reply { status: status.ok_or("this is not RTSP")?, headers, body: String::new() };
        let len: usize = reply.header("Content-Length").and_then(|n| n.parse().ok()).unwrap_or(0);
        if self.buffer.len() < end + 4 + len {
            return Ok(None);
        }
        reply.body = String::from_utf8_lossy(&self.buffer[end + 4..end + 4 + len]).into_owned();
        self.buffer.advance(end + 4 + len);
        Ok(Some(Item::Response(reply)))
    }

    async fn read_all(
        &mut self,
        tally: &mut Tally<'_>,
        light: bool,
        leave: Duration,
        stop: &mut Stop,
    ) -> Result<(), String> {
        let mut keep_alive = tokio::time::interval(KEEP_ALIVE);
        keep_alive.tick().await;
        let end = tokio::time::sleep(leave);
        tokio::pin!(end);
        loop {
            self.take_packets(tally, light)?;
            tokio::select! {
                read = self.fill() => read?,
                _ = stop.changed() => return Ok(()),
                () = &mut end => return Ok(()),
                _ = keep_alive.tick() => {
                    let url = self.url.clone();
                    self.write("OPTIONS", &url, "").await?;
                }
            }
        }
    }

    fn take_packets(&mut self, tally: &mut Tally<'_>, light: bool) -> Result<(), String> {
        let now = Instant::now();
        while let Some(item) = self.next()? {
            let Item::Packet { channel, len } = item else { continue };
            if channel == 0 {
                count(tally, &self.buffer[..len], light, now);
            }
            self.buffer.advance(len);
        }
        Ok(())
    }
}

fn count(tally: &mut Tally<'_>, packet: &[u8], light: bool, now: Instant) {
    let Some((header, payload)) = packet.split_first_chunk::<12>() else { return };
    let seq = u16::from_be_bytes([header[2], header[3]]);
    let marker = header[1] & 0x80 != 0;
    if light && tally.has_key() {
        tally.header(seq, marker, packet.len(), now);
    } else {
        tally.packet(seq, marker, payload, packet.len(), now);
    }
}

/// The control address and codec of the first video track.
fn video_of(sdp: &str, base: &str) -> Option<(String, Codec)> {
    let section = sdp.split("m=").find(|section| section.starts_with("video"))?;
    let value = |name: &str| section.lines().find_map(|line| line.trim().strip_prefix(name));
    let encoding = value("a=rtpmap:")?.split_whitespace().nth(1)?;
    let codec = Codec::from_rtpmap(encoding.split('/').next()?);
    let control = value("a=control:").unwrap_or("");
    let control = if control.contains("://") { control.to_owned() } else { format!("{base}/{control}") };
    codec.is_video().then_some((control, codec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_video_track_is_found() {
        let sdp =
            "v=0\r\nm=audio 0 RTP/AVP 8\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:track1\r\n";
        let found = video_of(sdp, "rtsp://h/cam");
        assert_eq!(found, Some(("rtsp://h/cam/track1".to_owned(), Codec::H265)));
        let absolute = sdp.replace("track1", "rtsp://other/x").replace("H265", "H264");
        assert_eq!(video_of(&absolute, "x"), Some(("rtsp://other/x".to_owned(), Codec::H264)));
        assert_eq!(video_of(&sdp.replace("H265", "THEORA"), "x"), None);
        assert_eq!(video_of("v=0", "x"), None);
    }
}
