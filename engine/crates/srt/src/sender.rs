//! The sender's buffer: what is to be sent, what may be asked for again, and
//! what has become too old for either (draft, sections 4.6 and 4.8).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::packet::Seq;
use crate::stats::Stats;

/// Packets that are held at most: 10 MB, a second and a half of 50 Mbit/s.
pub const CAPACITY: usize = 8192;
/// The draft lets a sender keep what is younger than this whatever the latency.
const LEAST_AGE: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Held {
    payload: Bytes,
    key: u8,
    at: Instant,
    /// It waits among those to be sent again.
    asked: bool,
}

/// One packet that leaves now.
#[derive(Debug)]
pub struct Leaving<'a> {
    pub seq: Seq,
    pub key: u8,
    pub resent: bool,
    pub at: Instant,
    pub payload: &'a [u8],
}

#[derive(Debug)]
pub struct Sender {
    /// Number of the first held packet.
    first: Seq,
    held: VecDeque<Held>,
    /// Of the held ones, those that have left once.
    left: usize,
    asked: VecDeque<Seq>,
    /// Packets that the peer has room for.
    window: usize,
    /// How long a packet may be of use.
    age: Duration,
    sent_last: Option<Instant>,
}

impl Sender {
    pub fn new(first: Seq, window: u32, latency: Duration) -> Self {
        Self {
            first,
            held: VecDeque::new(),
            left: 0,
            asked: VecDeque::new(),
            window: window as usize,
            age: latency.max(LEAST_AGE) + SLACK,
            sent_last: None,
        }
    }

    /// The number that the next payload gets; `None` while there is no room.
    pub fn next(&self) -> Option<Seq> {
        (self.held.len() < CAPACITY).then(|| self.first.plus(self.held.len() as u32))
    }

    /// Takes a payload under the number that `next` gave.
    pub fn push(&mut self, payload: Bytes, key: u8, now: Instant) {
        self.held.push_back(Held { payload, key, at: now, asked: false });
    }

    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a packet would leave, had it the time.
    pub fn wants_to_send(&self) -> bool {
        !self.asked.is_empty() || (self.left < self.held.len() && self.left < self.window)
    }

    /// The next packet to leave: what was asked for goes before what is new.
    pub fn take(&mut self, now: Instant) -> Option<Leaving<'_>> {
        let (place, resent) = loop {
            match self.asked.pop_front() {
                Some(seq) => {
                    if let Some(place) = self.place(seq) {
                        self.held[place].asked = false;
                        break (place, true);
                    }
                }
                None if self.left < self.held.len() && self.left < self.window => {
                    self.left += 1;
                    break (self.left - 1, false);
                }
                None => return None,
            }
        };
        self.sent_last = Some(now);
        let seq = self.first.plus(place as u32);
        let held = &self.held[place];
        Some(Leaving { seq, key: held.key, resent, at: held.at, payload: &held.payload })
    }

    /// Where a packet that has left stands.
    fn place(&self, seq: Seq) -> Option<usize> {
        usize::try_from(seq.ahead_of(self.first)).ok().filter(|place| *place < self.left)
    }

    /// All before `next` have come; `room` is there for more.
    pub fn acknowledge(&mut self, next: Seq, room: Option<u32>) {
        if let Ok(count) = usize::try_from(next.ahead_of(self.first))
            && count <= self.left
        {
            self.forget(count);
        }
        if let Some(room) = room {
            self.window = (room as usize).max(1);
        }
    }

    fn forget(&mut self, count: usize) {
        self.held.drain(..count);
        self.left -= count.min(self.left);
        self.first = self.first.plus(count as u32);
    }

    /// A range is missing over there. Returns what of it is gone for good.
    pub fn lost(&mut self, first: Seq, last: Seq) -> Option<(Seq, Seq)> {
        let end = self.first.plus(self.left as u32);
        let mut seq = if first.ahead_of(self.first) < 0 { self.first } else { first };
        // Many reports of the same loss cost no more than one.
        while last.ahead_of(seq) >= 0 && end.ahead_of(seq) > 0 && self.asked.len() < self.left {
            if let Some(place) = self.place(seq)
                && !self.held[place].asked
            {
                self.held[place].asked = true;
                self.asked.push_back(seq);
            }
            seq = seq.plus(1);
        }
        let before = Seq::new(self.first.raw().wrapping_sub(1));
        let gone_last = if last.ahead_of(before) < 0 { last } else { before };
        (first.ahead_of(self.first) < 0).then_some((first, gone_last))
    }

    /// Nothing has been acknowledged for long: the newest packet is sent
    /// again, so that a peer that lost the end of a run notices.
    pub fn probe(&mut self) {
        if let Some(held) = self.left.checked_sub(1).and_then(|place| self.held.get_mut(place))
            && !held.asked
        {
            held.asked = true;
            self.asked.push_back(self.first.plus(self.left as u32 - 1));
        }
    }

    /// When a probe is due, `pause` after the last packet.
    pub fn probe_deadline(&self, pause: Duration) -> Option<Instant> {
        if self.left == 0 || !self.asked.is_empty() { None } else { self.sent_last.map(|at| at + pause) }
    }

    /// Gives up what has become too old to be of use.
    pub fn drop_late(&mut self, now: Instant, stats: &mut Stats) {
        let late = self.held.iter().take_while(|held| now.saturating_duration_since(held.at) > self.age).count();
        if late > 0 {
            stats.dropped_to_send += late as u64;
            self.forget(late);
        }
    }

    /// When the oldest packet becomes too old.
    pub fn late_deadline(&self) -> Option<Instant> {
        // A little later than it is late, so that it is late then.
        self.held.front().map(|held| held.at + self.age + Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(packets: u8) -> (Sender, Instant) {
        let now = Instant::now();
        let mut sender = Sender::new(Seq::new(0x7fff_fffe), 8192, Duration::from_millis(20));
        for number in 0..packets {
            assert!(sender.next().is_some());
            sender.push(Bytes::from(vec![number]), 0, now);
        }
        (sender, now)
    }

    fn leaving(sender: &mut Sender, now: Instant) -> Vec<(u8, bool)> {
        std::iter::from_fn(|| sender.take(now).map(|leaving| (leaving.payload[0], leaving.resent))).collect()
    }

    fn seq(number: u32) -> Seq {
        Seq::new(0x7fff_fffe).plus(number)
    }

    #[test]
    fn what_was_asked_for_goes_first_and_once() {
        let (mut sender, now) = sender(3);
        assert_eq!(leaving(&mut sender, now), [(0, false), (1, false), (2, false)]);
        sender.push(Bytes::from_static(&[3]), 0, now);
        assert_eq!(sender.lost(seq(0), seq(1)), None);
        assert_eq!(sender.lost(seq(1), seq(1)), None);
        assert_eq!(leaving(&mut sender, now), [(0, true), (1, true), (3, false)]);
    }

    #[test]
    fn acknowledged_packets_are_forgotten_and_told_as_gone() {
        let (mut sender, now) = sender(4);
        leaving(&mut sender, now);
        sender.acknowledge(seq(2), None);
        assert_eq!(sender.lost(seq(0), seq(2)), Some((seq(0), seq(1))));
        assert_eq!(leaving(&mut sender, now), [(2, true)]);
        assert_eq!(sender.lost(seq(0), seq(0)), Some((seq(0), seq(0))));
        sender.acknowledge(seq(1), None);
        sender.acknowledge(seq(99), None);
        assert!(!sender.is_empty(), "numbers that never left acknowledge nothing");
        sender.acknowledge(seq(4), None);
        assert!(sender.is_empty());
    }

    #[test]
    fn no_more_is_under_way_than_the_peer_has_room_for() {
        let (mut sender, now) = sender(4);
        sender.acknowledge(seq(0), Some(2));
        assert_eq!(leaving(&mut sender, now).len(), 2);
        assert!(!sender.wants_to_send());
        sender.acknowledge(seq(1), Some(2));
        assert_eq!(leaving(&mut sender, now), [(2, false)]);
    }

    #[test]
    fn a_full_buffer_takes_nothing_and_old_packets_go() {
        let (mut sender, now) = sender(0);
        for _ in 0..CAPACITY {
            sender.push(Bytes::from_static(&[1]), 0, now);
        }
        assert_eq!(sender.next(), None);
        let mut stats = Stats::default();
        let late = sender.late_deadline().expect("one is held");
        sender.drop_late(late - Duration::from_millis(2), &mut stats);
        assert_eq!(stats.dropped_to_send, 0);
        sender.drop_late(late, &mut stats);
        assert_eq!((stats.dropped_to_send, sender.is_empty()), (CAPACITY as u64, true));
        assert_eq!(sender.next(), Some(seq(CAPACITY as u32)), "numbers go on");
    }

    #[test]
    fn the_end_of_a_run_is_sent_again_when_nothing_is_heard() {
        let (mut sender, now) = sender(2);
        let pause = Duration::from_millis(30);
        assert_eq!(sender.probe_deadline(pause), None, "nothing has left");
        leaving(&mut sender, now);
        assert_eq!(sender.probe_deadline(pause), Some(now + pause));
        sender.probe();
        sender.probe();
        assert_eq!(leaving(&mut sender, now), [(1, true)]);
        sender.acknowledge(seq(2), None);
        assert_eq!(sender.probe_deadline(pause), None);
    }
}
