//! Where publishers and the streams that wait for them meet.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::mpsc;
use vms_hub::StreamKey;

use crate::feed::Feed;

/// What happens to a second publisher of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Second {
    #[default]
    Refused,
    /// It takes the stream over.
    Replaces,
}

/// Why a publisher was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("no stream of this name waits for a publisher")]
    NotWaited,
    #[error("the stream has a publisher already")]
    Busy,
}

struct Waiting {
    second: Second,
    /// Holds one feed at most: the next is refused until it was taken.
    feeds: mpsc::Sender<Box<dyn Feed>>,
    /// A publisher plays.
    busy: bool,
    id: u64,
}

#[derive(Default)]
struct Doors {
    waiting: HashMap<StreamKey, Waiting>,
    next: u64,
}

/// Shared by all listeners and all sources.
#[derive(Clone, Default)]
pub struct Arrivals {
    doors: Arc<Mutex<Doors>>,
}

impl Arrivals {
    /// Whether a publisher of this stream would be taken: to be asked before
    /// its media is looked at.
    ///
    /// # Errors
    /// With the reason why not.
    pub fn would_take(&self, key: &StreamKey) -> Result<(), NotTaken> {
        let doors = self.doors.lock();
        let waiting = doors.waiting.get(key).ok_or(NotTaken::NotWaited)?;
        if waiting.busy && waiting.second == Second::Refused { Err(NotTaken::Busy) } else { Ok(()) }
    }

    /// Gives a publisher's feed to the stream that waits for it.
    ///
    /// # Errors
    /// With the reason why it was not taken; the feed is dropped.
    pub fn offer(&self, key: &StreamKey, feed: Box<dyn Feed>) -> Result<(), NotTaken> {
        self.would_take(key)?;
        let mut doors = self.doors.lock();
        let waiting = doors.waiting.get_mut(key).ok_or(NotTaken::NotWaited)?;
        waiting.feeds.try_send(feed).map_err(|_| NotTaken::Busy)?;
        waiting.busy = true;
        Ok(())
    }

    /// From now on publishers of this stream are taken.
    pub(crate) fn expect(&self, key: &StreamKey, second: Second) -> Expected {
        let (feeds, arrived) = mpsc::channel(1);
        let mut doors = self.doors.lock();
        doors.next += 1;
        let id = doors.next;
        doors.waiting.insert(key.clone(), Waiting { second, feeds, busy: false, id });
        Expected { arrivals: self.clone(), key: key.clone(), arrived, id }
    }
}

/// A stream's side: the feeds that came for it.
pub(crate) struct Expected {
    arrivals: Arrivals,
    key: StreamKey,
    arrived: mpsc::Receiver<Box<dyn Feed>>,
    id: u64,
}

impl Expected {
    /// The next publisher. While one plays it comes only where a second
    /// replaces the first.
    pub async fn next(&mut self) -> Box<dyn Feed> {
        match self.arrived.recv().await {
            Some(feed) => feed,
            // A newer expectation of the same stream has taken its place.
            None => std::future::pending().await,
        }
    }

    /// The publisher has left; the next one is welcome.
    pub fn left(&mut self) {
        // One that came meanwhile keeps the place.
        let is_empty = self.arrived.is_empty();
        if let Some(waiting) = self.arrivals.doors.lock().waiting.get_mut(&self.key)
            && waiting.id == self.id
        {
            waiting.busy = !is_empty;
        }
    }
}

impl Drop for Expected {
    fn drop(&mut self) {
        let mut doors = self.arrivals.doors.lock();
        if doors.waiting.get(&self.key).is_some_and(|waiting| waiting.id == self.id) {
            doors.waiting.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use super::*;
    use crate::feed::Item;
    use crate::reason::Reason;

    struct Silent;

    impl Feed for Silent {
        fn tracks(&self) -> &[vms_media::Track] {
            &[]
        }

        fn poll_item(&mut self, _: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
            Poll::Pending
        }

        fn reset_clocks(&mut self) {}
    }

    fn key() -> StreamKey {
        StreamKey::parse("gate").expect("a good name")
    }

    #[tokio::test]
    async fn a_publisher_is_taken_by_the_stream_that_waits_and_a_second_is_refused() {
        let arrivals = Arrivals::default();
        assert_eq!(arrivals.offer(&key(), Box::new(Silent)), Err(NotTaken::NotWaited));
        let mut expected = arrivals.expect(&key(), Second::Refused);
        arrivals.offer(&key(), Box::new(Silent)).expect("it waits");
        assert_eq!(arrivals.would_take(&key()), Err(NotTaken::Busy));
        drop(expected.next().await);
        assert_eq!(arrivals.offer(&key(), Box::new(Silent)), Err(NotTaken::Busy));
        expected.left();
        arrivals.offer(&key(), Box::new(Silent)).expect("the first has left");
        drop(expected);
        assert_eq!(arrivals.would_take(&key()), Err(NotTaken::NotWaited));
    }

    #[tokio::test]
    async fn a_second_publisher_replaces_the_first_where_it_may() {
        let arrivals = Arrivals::default();
        let mut expected = arrivals.expect(&key(), Second::Replaces);
        arrivals.offer(&key(), Box::new(Silent)).expect("it waits");
        drop(expected.next().await);
        arrivals.offer(&key(), Box::new(Silent)).expect("it replaces");
        // The first leaves because of it.
        expected.left();
        drop(expected.next().await);
    }

    #[tokio::test]
    async fn an_expectation_that_was_replaced_leaves_the_newer_one_alone() {
        let arrivals = Arrivals::default();
        let old = arrivals.expect(&key(), Second::Refused);
        let mut new = arrivals.expect(&key(), Second::Refused);
        drop(old);
        arrivals.offer(&key(), Box::new(Silent)).expect("the newer waits");
        drop(new.next().await);
    }
}
