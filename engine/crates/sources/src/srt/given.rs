//! Frames that a listener hands to the source that waits for its publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::sync::mpsc;
use vms_media::Track;

use crate::feed::{Feed, Item};
use crate::reason::Reason;

/// A source that is so many items behind loses some: it stands still.
const MOST_WAITING: usize = 1024;

/// The listener's end.
pub struct Giver {
    items: mpsc::Sender<Result<Item, Reason>>,
    reset: Arc<AtomicBool>,
}

/// The source's end.
pub struct Given {
    tracks: Vec<Track>,
    items: mpsc::Receiver<Result<Item, Reason>>,
    reset: Arc<AtomicBool>,
}

/// Both ends for one publisher.
#[must_use]
pub fn give(tracks: Vec<Track>) -> (Giver, Given) {
    let (sender, receiver) = mpsc::channel(MOST_WAITING);
    let reset = Arc::new(AtomicBool::new(false));
    (Giver { items: sender, reset: reset.clone() }, Given { tracks, items: receiver, reset })
}

impl Giver {
    /// Whether the source still listens.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        !self.items.is_closed()
    }

    /// False when the item found no room.
    pub fn give(&self, item: Item) -> bool {
        self.items.try_send(Ok(item)).is_ok()
    }

    /// Says why there will be no more.
    pub fn end(self, reason: Reason) {
        // A source that is gone, or has no room, sees the end itself.
        let _ = self.items.try_send(Err(reason));
    }

    /// Whether the server's clock has stepped since this was asked last.
    pub fn take_reset(&self) -> bool {
        self.reset.swap(false, Ordering::Relaxed)
    }
}

impl Feed for Given {
    fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        Poll::Ready(ready!(self.items.poll_recv(cx)).unwrap_or(Err(Reason::CameraClosed)))
    }

    fn reset_clocks(&mut self) {
        self.reset.store(true, Ordering::Relaxed);
    }
}
