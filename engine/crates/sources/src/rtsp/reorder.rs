//! Puts UDP packets back in order: holds what came early for a moment.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A packet that is missing for so long is lost.
pub const PATIENCE: Duration = Duration::from_millis(100);
/// Packets held at most.
const MOST_HELD: usize = 32;
/// Further away from the next number than this, a packet does not belong to
/// the same run of numbers.
const WINDOW: u16 = 1_000;

/// What to do with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// It is the next one.
    Now,
    /// It was early, and is kept.
    Held,
    /// Its place has been passed; it is lost or was there before.
    Late,
}

#[derive(Debug, Default)]
pub struct Reorder {
    next: Option<u16>,
    /// In the order of their numbers.
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    since: Instant,
    packet: Vec<u8>,
}

impl Reorder {
    pub fn take(&mut self, sequence: u16, packet: &[u8], now: Instant) -> Order {
        let next = *self.next.get_or_insert(sequence);
        let ahead = sequence.wrapping_sub(next);
        match ahead {
            0 => {
                self.next = Some(sequence.wrapping_add(1));
                Order::Now
            }
            1..=WINDOW => self.hold(sequence, ahead, packet, now),
            _ if next.wrapping_sub(sequence) <= WINDOW => Order::Late,
            _ => {
                // The camera counts anew.
                self.held.clear();
                self.next = Some(sequence.wrapping_add(1));
                Order::Now
            }
        }
    }

    fn hold(&mut self, sequence: u16, ahead: u16, packet: &[u8], now: Instant) -> Order {
        let next = sequence.wrapping_sub(ahead);
        let at = self.held.partition_point(|held| held.sequence.wrapping_sub(next) < ahead);
        if self.held.get(at).is_some_and(|held| held.sequence == sequence) {
            return Order::Late;
        }
        self.held.insert(at, Held { sequence, since: now, packet: packet.to_vec() });
        Order::Held
    }

    /// A held packet whose turn it is, or that has waited long enough.
    pub fn pop(&mut self, now: Instant) -> Option<Vec<u8>> {
        let first = self.held.front()?;
        let due = Some(first.sequence) == self.next
            || self.held.len() > MOST_HELD
            || self.held.iter().any(|held| now.saturating_duration_since(held.since) >= PATIENCE);
        if !due {
            return None;
        }
        let held = self.held.pop_front()?;
        self.next = Some(held.sequence.wrapping_add(1));
        Some(held.packet)
    }

    /// When `pop` must be asked again though nothing came.
    pub fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.since + PATIENCE).min()
    }

    /// Forgets all, for another sender.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which packets leave that come in the order given.
    fn play(reorder: &mut Reorder, sequences: &[u16], now: Instant) -> Vec<u16> {
        let mut out = Vec::new();
        for &sequence in sequences {
            if reorder.take(sequence, &sequence.to_be_bytes(), now) == Order::Now {
                out.push(sequence);
            }
            while let Some(packet) = reorder.pop(now) {
                out.push(u16::from_be_bytes([packet[0], packet[1]]));
            }
        }
        out
    }

    #[test]
    fn early_packets_wait_for_their_turn() {
        let now = Instant::now();
        let out = play(&mut Reorder::default(), &[65_534, 1, 0, 65_535, 2, 2, 5, 4, 3], now);
        assert_eq!(out, [65_534, 65_535, 0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_missing_packet_is_given_up_after_a_moment() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        assert_eq!(play(&mut reorder, &[1, 3, 4], now), [1]);
        assert_eq!(reorder.deadline(), Some(now + PATIENCE));
        assert_eq!(reorder.pop(now + PATIENCE / 2), None);
        let later = now + PATIENCE;
        assert_eq!(play(&mut reorder, &[5], later), [3, 4, 5]);
        assert_eq!(play(&mut reorder, &[2], later), [] as [u16; 0], "too late");
        assert_eq!(reorder.deadline(), None);
    }

    #[test]
    fn no_more_is_held_than_the_bound() {
        let now = Instant::now();
        let mut reorder = Reorder::default();
        let sequences: Vec<u16> = (0..200).filter(|n| *n != 1).collect();
        let out = play(&mut reorder, &sequences, now);
        assert_eq!(out, sequences);
        assert!(reorder.held.is_empty());
        reorder.reset();
        let gaps: Vec<u16> = (0..400).step_by(2).collect();
        play(&mut reorder, &gaps, now);
        assert!(reorder.held.len() <= MOST_HELD);
    }

    #[test]
    fn a_camera_that_counts_anew_is_followed() {
        let now = Instant::now();
        assert_eq!(play(&mut Reorder::default(), &[10, 12, 40_000, 40_001], now), [10, 40_000, 40_001]);
    }
}
