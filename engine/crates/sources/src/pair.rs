//! A stream's two addresses as one feed. Which of them plays is decided in
//! `failover`; here they are opened, read and closed.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::{Interval, MissedTickBehavior, interval};
use vms_media::{Track, TrackKind};

use crate::failover::{Failover, Lane, START};
use crate::feed::{Feed, Item};
use crate::open::{Means, open};
use crate::reason::Reason;
use crate::source::Transport;
use crate::state::BackOff;

/// How often it is looked whether an address is lost, or due again.
const LOOK_EVERY: Duration = Duration::from_millis(100);

type Opening = Pin<Box<dyn Future<Output = Result<Box<dyn Feed>, Reason>> + Send>>;

enum Slot {
    Closed,
    Opening(Opening),
    Open(Box<dyn Feed>),
}

/// Where the pictures may come from, and how they are asked for.
#[derive(Clone)]
pub struct Addresses {
    pub first: String,
    pub second: String,
    pub transport: Transport,
    /// For each opening.
    pub limit: Duration,
    /// Without video for so long, the stream as a whole is down.
    pub no_video: Duration,
    pub back_off: BackOff,
}

pub struct Pair {
    addresses: Addresses,
    means: [Means; 2],
    failover: Failover,
    slots: [Slot; 2],
    /// Why the first address is down.
    reason: Option<Reason>,
    queue: VecDeque<Item>,
    told: Option<Lane>,
    ticks: Interval,
}

fn place(lane: Lane) -> usize {
    match lane {
        Lane::First => 0,
        Lane::Second => 1,
    }
}

impl Pair {
    /// Opens the first address, and the second if need be, until one of them
    /// shows a picture.
    pub async fn open(addresses: Addresses, means: &Means) -> Result<Self, Reason> {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let limit = addresses.limit + START;
        let mut pair = Self {
            failover: Failover::new(addresses.back_off, addresses.no_video, Instant::now()),
            addresses,
            // What one address teaches says nothing of the other.
            means: [means.clone(), Means { lessons: Default::default(), ..means.clone() }],
            slots: [Slot::Closed, Slot::Closed],
            reason: None,
            queue: VecDeque::new(),
            told: None,
            ticks,
        };
        let first = poll_fn(|cx| pair.poll_next(cx));
        let first = tokio::time::timeout(limit, first).await.unwrap_or(Err(Reason::Timeout))?;
        pair.queue.push_front(first);
        Ok(pair)
    }

    fn begin(&self, lane: Lane) -> Opening {
        let Addresses { first, second, transport, limit, .. } = self.addresses.clone();
        let address = if lane == Lane::First { first } else { second };
        let means = self.means[place(lane)].clone();
        Box::pin(async move { open(&address, transport, &means, limit).await })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Poll::Ready(Ok(item));
            }
            self.open_and_close(Instant::now());
            let mut moved = false;
            for lane in Lane::BOTH {
                match self.poll_lane(lane, cx) {
                    Poll::Ready(Ok(())) => moved = true,
                    Poll::Ready(Err(reason)) => {
                        self.failed(lane, reason)?;
                        moved = true;
                    }
                    Poll::Pending => {}
                }
            }
            if !moved && self.ticks.poll_tick(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    fn open_and_close(&mut self, now: Instant) {
        for lane in Lane::BOTH {
            if self.failover.wants(lane, now) {
                self.failover.begun(lane, now);
                self.slots[place(lane)] = Slot::Opening(self.begin(lane));
            }
        }
        if self.failover.is_idle() {
            self.failover.closed(Lane::Second);
            self.slots[place(Lane::Second)] = Slot::Closed;
        }
    }

    /// Ready when something came of an address.
    fn poll_lane(&mut self, lane: Lane, cx: &mut Context<'_>) -> Poll<Result<(), Reason>> {
        let slot = &mut self.slots[place(lane)];
        match slot {
            Slot::Closed => Poll::Pending,
            Slot::Opening(opening) => opening.as_mut().poll(cx).map_ok(|feed| {
                self.failover.opened(lane, feed.keeps_dead_sessions());
                *slot = Slot::Open(feed);
            }),
            Slot::Open(feed) => feed.poll_item(cx).map_ok(|item| self.take(lane, item)),
        }
    }

    /// An error where no address is left.
    fn failed(&mut self, lane: Lane, reason: Reason) -> Result<(), Reason> {
        self.slots[place(lane)] = Slot::Closed;
        if lane == Lane::First {
            self.reason = Some(reason.clone());
        }
        if self.failover.failed(lane, Instant::now(), rand::random()) {
            return Ok(());
        }
        Err(self.reason.take().unwrap_or(reason))
    }

    /// Keeps what comes of the address that plays.
    fn take(&mut self, lane: Lane, item: Item) {
        if let Item::Frame(frame) = &item
            && frame.kind == TrackKind::Video
        {
            self.failover.video(lane, frame.key, Instant::now());
        }
        let plays = self.failover.plays();
        if plays != Some(lane) {
            return;
        }
        if plays != self.told {
            self.told = plays;
            self.queue.push_back(Item::Address { backup: lane == Lane::Second });
        }
        self.queue.push_back(item);
    }
}

impl Feed for Pair {
    fn tracks(&self) -> &[Track] {
        match self.told.map(|lane| &self.slots[place(lane)]) {
            Some(Slot::Open(feed)) => feed.tracks(),
            _ => &[],
        }
    }

    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Result<Item, Reason>> {
        self.poll_next(cx)
    }

    fn reset_clocks(&mut self) {
        for slot in &mut self.slots {
            if let Slot::Open(feed) = slot {
                feed.reset_clocks();
            }
        }
    }
}
