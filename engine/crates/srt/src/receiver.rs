//! The receiver's buffer: order, loss, and when payloads leave (draft,
//! sections 4.5 to 4.8).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::packet::Seq;
use crate::settings::Delivery;
use crate::stats::Stats;
use crate::timebase::TimeBase;

/// Packets that are held at most; also told to the sender as its window.
pub const CAPACITY: usize = 8192;
/// A loss is asked for again no sooner.
const LEAST_PAUSE: Duration = Duration::from_millis(4);
/// Ranges in one loss report: they fill a packet.
const MOST_RANGES: usize = 160;

#[derive(Debug)]
enum Slot {
    /// `None`: not asked for yet.
    Missing(Option<Instant>),
    /// The sender said that it will not come.
    GivenUp,
    Here {
        time: i64,
        payload: Bytes,
    },
}

impl Slot {
    fn is_missing(&self) -> bool {
        matches!(self, Self::Missing(_))
    }
}

#[derive(Debug)]
pub struct Receiver {
    /// Number of the first slot.
    next: Seq,
    slots: VecDeque<Slot>,
    /// Slots at the front of which none is missing.
    whole: usize,
    missing: usize,
    pub base: TimeBase,
    pub latency: Duration,
    delivery: Delivery,
}

impl Receiver {
    pub fn new(first: Seq, latency: Duration, delivery: Delivery, start: Instant) -> Self {
        Self {
            next: first,
            slots: VecDeque::new(),
            whole: 0,
            missing: 0,
            base: TimeBase::new(start),
            latency,
            delivery,
        }
    }

    /// The first packet that has not come.
    pub fn acknowledged(&self) -> Seq {
        self.next.plus(self.whole as u32)
    }

    /// Packets there is room for.
    pub fn room(&self) -> u32 {
        (CAPACITY - self.slots.len()) as u32
    }

    #[cfg(test)]
    pub fn any_missing(&self) -> bool {
        self.missing > 0
    }

    /// Whether a packet is new and fits; else it is counted and dropped.
    pub fn wants(&self, seq: Seq, stats: &mut Stats) -> bool {
        let place = seq.ahead_of(self.next);
        if place < 0 {
            stats.belated += 1;
            return false;
        }
        match self.slots.get(place as usize) {
            Some(Slot::Here { .. } | Slot::GivenUp) => {
                stats.doubles += 1;
                false
            }
            _ => (place as usize) < CAPACITY,
        }
    }

    /// Takes a packet that is wanted.
    pub fn put(&mut self, seq: Seq, time: i64, payload: Bytes, stats: &mut Stats) {
        let Ok(place) = usize::try_from(seq.ahead_of(self.next)) else { return };
        if place >= CAPACITY {
            return;
        }
        while self.slots.len() <= place {
            let is_gap = self.slots.len() < place;
            stats.lost_packets += u64::from(is_gap);
            self.missing += 1;
            self.slots.push_back(Slot::Missing(None));
        }
        self.missing -= usize::from(self.slots[place].is_missing());
        self.slots[place] = Slot::Here { time, payload };
        self.extend_whole();
    }

    fn extend_whole(&mut self) {
        while self.slots.get(self.whole).is_some_and(|slot| !slot.is_missing()) {
            self.whole += 1;
        }
    }

    /// The sender will not send these again. Packets that were never announced
    /// are not waited for either.
    pub fn give_up(&mut self, first: Seq, last: Seq, stats: &mut Stats) {
        for slot in self.slots_of(first, last) {
            if slot.is_missing() {
                *slot = Slot::GivenUp;
                stats.dropped_packets += 1;
            }
        }
        self.missing = self.slots.iter().filter(|slot| slot.is_missing()).count();
        self.extend_whole();
    }

    fn slots_of(&mut self, first: Seq, last: Seq) -> impl Iterator<Item = &mut Slot> {
        let from = usize::try_from(first.ahead_of(self.next)).unwrap_or(0).min(self.slots.len());
        let to = usize::try_from(last.ahead_of(self.next)).map_or(0, |at| at + 1).clamp(from, self.slots.len());
        self.slots.range_mut(from..to)
    }

    /// The next payload, if its time has come.
    pub fn take(&mut self, now: Instant, stats: &mut Stats) -> Option<Bytes> {
        loop {
            if self.whole == 0 {
                self.skip_late(now, stats)?;
            }
            match self.slots.front()? {
                Slot::GivenUp => {}
                Slot::Missing(_) => return None,
                Slot::Here { time, .. } => {
                    if self.delivery == Delivery::OnTime && self.due(*time) > now {
                        return None;
                    }
                }
            }
            let slot = self.slots.pop_front();
            self.whole -= 1;
            self.next = self.next.plus(1);
            if let Some(Slot::Here { payload, .. }) = slot {
                return Some(payload);
            }
        }
    }

    /// Stops waiting for what is missing in front of a packet whose time has come.
    fn skip_late(&mut self, now: Instant, stats: &mut Stats) -> Option<()> {
        let (place, time) = self.first_here()?;
        if self.due(time) > now {
            return None;
        }
        let lost = self.slots.drain(..place).filter(Slot::is_missing).count();
        self.missing -= lost;
        stats.dropped_packets += lost as u64;
        self.next = self.next.plus(place as u32);
        self.extend_whole();
        Some(())
    }

    fn first_here(&self) -> Option<(usize, i64)> {
        self.slots.iter().enumerate().find_map(|(place, slot)| match slot {
            Slot::Here { time, .. } => Some((place, *time)),
            _ => None,
        })
    }

    fn due(&self, time: i64) -> Instant {
        self.base.arrival_of(time) + self.latency
    }

    /// When a payload will be due.
    pub fn deadline(&self) -> Option<Instant> {
        let (_, time) = self.first_here()?;
        Some(self.due(time))
    }

    /// When the next loss report is due.
    pub fn report_deadline(&self, pause: Duration) -> Option<Instant> {
        if self.missing == 0 {
            return None;
        }
        let asked = self.slots.iter().filter_map(|slot| match slot {
            Slot::Missing(asked) => Some(*asked),
            _ => None,
        });
        // Nothing asked for yet: at once, which is any time in the past.
        let earliest = asked.min()?;
        Some(earliest.map_or(self.base.start(), |at| at + pause.max(LEAST_PAUSE)))
    }

    /// The ranges to ask for now; each is asked for again after `pause`.
    pub fn report(&mut self, now: Instant, pause: Duration) -> Vec<(Seq, Seq)> {
        let mut ranges: Vec<(Seq, Seq)> = Vec::new();
        let pause = pause.max(LEAST_PAUSE);
        for (place, slot) in self.slots.iter_mut().enumerate() {
            let Slot::Missing(asked) = slot else { continue };
            if asked.is_some_and(|at| now.saturating_duration_since(at) < pause) {
                continue;
            }
            let seq = self.next.plus(place as u32);
            let is_full = ranges.len() == MOST_RANGES;
            match ranges.last_mut() {
                Some((_, last)) if last.plus(1) == seq => *last = seq,
                _ if is_full => break,
                _ => ranges.push((seq, seq)),
            }
            *asked = Some(now);
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Duration = Duration::from_millis(100);

    struct Bench {
        receiver: Receiver,
        stats: Stats,
        start: Instant,
    }

    impl Bench {
        fn new(delivery: Delivery) -> Self {
            let start = Instant::now();
            let receiver = Receiver::new(Seq::new(0x7fff_fffe), LATENCY, delivery, start);
            Self { receiver, stats: Stats::default(), start }
        }

        fn at(&self, ms: u64) -> Instant {
            self.start + Duration::from_millis(ms)
        }

        /// Packet `number`, sent at `sent_ms`, comes at `ms`.
        fn comes(&mut self, number: u32, sent_ms: u64, ms: u64) -> bool {
            let seq = Seq::new(0x7fff_fffe).plus(number);
            if !self.receiver.wants(seq, &mut self.stats) {
                return false;
            }
            let time = self.receiver.base.unwrap((sent_ms * 1000) as u32);
            self.receiver.base.learn(time, self.at(ms));
            self.receiver.put(seq, time, Bytes::from(vec![number as u8]), &mut self.stats);
            true
        }

        fn taken(&mut self, ms: u64) -> Vec<u8> {
            let now = self.at(ms);
            std::iter::from_fn(|| self.receiver.take(now, &mut self.stats)).map(|payload| payload[0]).collect()
        }
    }

    #[test]
    fn payloads_leave_in_order_and_in_time() {
        let mut bench = Bench::new(Delivery::OnTime);
        for (number, sent, ms) in [(0, 0, 10), (2, 20, 31), (1, 10, 35)] {
            assert!(bench.comes(number, sent, ms));
        }
        assert_eq!(bench.receiver.deadline(), Some(bench.at(110)));
        assert_eq!(bench.taken(109), []);
        assert_eq!(bench.taken(110), [0]);
        assert_eq!(bench.taken(130), [1, 2]);
        assert!(!bench.comes(2, 20, 140) && bench.stats.belated == 1);
    }

    #[test]
    fn whole_runs_leave_at_once_where_the_media_keep_time() {
        let mut bench = Bench::new(Delivery::InOrder);
        bench.comes(0, 0, 10);
        bench.comes(2, 20, 31);
        assert_eq!(bench.taken(32), [0]);
        bench.comes(1, 10, 50);
        assert_eq!(bench.taken(50), [1, 2]);
    }

    #[test]
    fn what_stays_missing_is_waited_for_as_long_as_the_latency_says() {
        for delivery in [Delivery::OnTime, Delivery::InOrder] {
            let mut bench = Bench::new(delivery);
            bench.comes(1, 10, 20);
            assert_eq!((bench.stats.lost_packets, bench.receiver.acknowledged()), (1, Seq::new(0x7fff_fffe)));
            assert_eq!(bench.taken(119), [], "{delivery:?}");
            assert_eq!(bench.taken(120), [1], "{delivery:?}");
            assert_eq!((bench.stats.dropped_packets, bench.receiver.any_missing()), (1, false));
            assert!(!bench.comes(0, 0, 121), "too late");
        }
    }

    #[test]
    fn losses_are_asked_for_at_once_and_again_after_a_pause() {
        let mut bench = Bench::new(Delivery::OnTime);
        bench.comes(0, 0, 10);
        bench.comes(3, 30, 40);
        bench.comes(5, 50, 60);
        let pause = Duration::from_millis(30);
        let seq = |number| Seq::new(0x7fff_fffe).plus(number);
        let all = [(seq(1), seq(2)), (seq(4), seq(4))];
        assert!(bench.receiver.report_deadline(pause).is_some_and(|at| at <= bench.at(0)), "at once");
        assert_eq!(bench.receiver.report(bench.at(60), pause), all);
        assert_eq!(bench.receiver.report(bench.at(89), pause), []);
        assert_eq!(bench.receiver.report_deadline(pause), Some(bench.at(90)));
        bench.receiver.give_up(seq(1), seq(1), &mut bench.stats);
        assert_eq!(bench.receiver.report(bench.at(90), pause), [(seq(2), seq(2)), (seq(4), seq(4))]);
        bench.receiver.give_up(seq(0), seq(99), &mut bench.stats);
        assert_eq!((bench.receiver.any_missing(), bench.receiver.acknowledged()), (false, seq(6)));
        assert_eq!(bench.taken(200), [0, 3, 5]);
    }

    #[test]
    fn no_more_is_held_than_there_is_room() {
        let mut bench = Bench::new(Delivery::OnTime);
        assert!(!bench.comes(CAPACITY as u32, 0, 0));
        assert!(bench.comes(CAPACITY as u32 - 1, 0, 0));
        assert_eq!(bench.receiver.room(), 0);
        let ranges = bench.receiver.report(bench.at(0), LATENCY);
        assert_eq!(ranges.len(), 1, "one range");
        assert_eq!(bench.taken(100).len(), 1);
        assert_eq!(bench.receiver.room(), CAPACITY as u32);
    }
}
