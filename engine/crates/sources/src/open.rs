//! What an address means: the table of protocols.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::arrivals::Second;
use crate::clock::ServerClock;
use crate::dial::Dialer;
use crate::feed::Feed;
use crate::file;
use crate::http;
use crate::reason::Reason;
use crate::rtmp;
use crate::rtsp::Habit;
use crate::session::Session;
use crate::source::Transport;
use crate::srt::SrtCall;

/// What sessions are opened with.
#[derive(Clone)]
pub struct Means {
    pub clock: Arc<ServerClock>,
    pub dialer: Dialer,
    /// Runs the goodbyes of sessions that have ended.
    pub goodbyes: TaskTracker,
    /// Viewers wait for what is opened, so that a node sends what it has.
    pub catches_up: bool,
    /// What this stream's camera has taught, as long as the source runs.
    pub lessons: Arc<Mutex<Lessons>>,
    /// Where the files of `file:` lie.
    pub media_dir: Option<PathBuf>,
}

/// What sessions with a camera have taught, for the next one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lessons {
    /// Nothing came by UDP.
    pub udp_is_silent: bool,
    pub habit: Habit,
    /// The file of a folder to begin with: the one behind that which failed.
    pub file: usize,
}

/// How a stream's pictures come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// We call, or read.
    Opened,
    /// A publisher calls.
    Published(Second),
}

impl Way {
    pub fn of(address: &str) -> Self {
        match address.strip_prefix("publish:") {
            Some("replace") => Self::Published(Second::Replaces),
            Some(_) => Self::Published(Second::Refused),
            None => Self::Opened,
        }
    }
}

/// Opens what an address names within `limit`.
pub(crate) async fn open(
    address: &str,
    transport: Transport,
    means: &Means,
    limit: Duration,
) -> Result<Box<dyn Feed>, Reason> {
    let opening = async {
        let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
        match scheme {
            "rtsp" | "rtsps" | "rtsp+http" | "rtsp+https" | "node" => {
                Ok(Box::new(Session::open(address, transport, means).await?) as Box<dyn Feed>)
            }
            "http" | "https" => http::open(address, means).await,
            "rtmp" | "rtmps" => Ok(Box::new(rtmp::open(address, means).await?) as Box<dyn Feed>),
            "srt" => Ok(Box::new(SrtCall::open(address, means).await?) as Box<dyn Feed>),
            "file" => Ok(Box::new(file::open(address, means).await?) as Box<dyn Feed>),
            "" => Err(Reason::BadUrl { detail: "it names no protocol".into() }),
            other => Err(Reason::BadUrl { detail: format!("{other} is no protocol of a camera") }),
        }
    };
    tokio::time::timeout(limit, opening).await.unwrap_or(Err(Reason::Timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_how_pictures_come() {
        assert_eq!(Way::of("rtsp://camera/1"), Way::Opened);
        assert_eq!(Way::of("publish:"), Way::Published(Second::Refused));
        assert_eq!(Way::of("publish:replace"), Way::Published(Second::Replaces));
    }

    #[tokio::test]
    async fn what_is_no_protocol_is_told_so() {
        let means = Means {
            clock: Arc::default(),
            dialer: Dialer::default(),
            goodbyes: TaskTracker::new(),
            catches_up: false,
            lessons: Arc::default(),
            media_dir: None,
        };
        for (address, detail) in
            [("gopher://x/", "gopher is no protocol of a camera"), ("camera", "it names no protocol")]
        {
            let refused = open(address, Transport::Tcp, &means, Duration::from_secs(1)).await.err();
            assert_eq!(refused, Some(Reason::BadUrl { detail: detail.into() }));
        }
    }
}
