//! From packets of a WebRTC publisher to items: put in order, with their time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vms_media::{RtpPacket, Track, TrackKind};

use crate::clock::ServerClock;
use crate::feed::Item;
use crate::frames::TrackFrames;

/// A packet that is missing is asked for again, several times over a distant
/// way; once any that came behind it has waited so long, it is lost.
const PATIENCE: Duration = Duration::from_millis(300);
/// Packets of a track held at most: half a second of a large picture.
const MOST_HELD: usize = 1024;
/// Numbers so far back are not late ones: the sender counts anew.
const MAX_MISORDER: u64 = 3_000;

/// One packet of a track.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// Both extended over their turns.
    pub sequence: u64,
    pub timestamp: i64,
    pub marker: bool,
    pub payload: Arc<[u8]>,
}

pub struct RtpIntake {
    clock: Arc<ServerClock>,
    tracks: Vec<(TrackFrames, Order)>,
    queue: VecDeque<Item>,
    needs_key: bool,
}

impl RtpIntake {
    /// `None` where a codec has no depacketiser.
    #[must_use]
    pub fn new(tracks: Vec<Track>, clock: Arc<ServerClock>) -> Option<Self> {
        let tracks = tracks.into_iter().map(|track| Some((TrackFrames::new(track)?, Order::default())));
        Some(Self { clock, tracks: tracks.collect::<Option<_>>()?, queue: VecDeque::new(), needs_key: true })
    }

    #[must_use]
    pub fn tracks(&self) -> Vec<Track> {
        self.tracks.iter().map(|(frames, _)| frames.timed.track.clone()).collect()
    }

    /// Takes a packet of a track, by its place.
    pub fn push(&mut self, track: usize, packet: Arrived, now: Instant) {
        if let Some((_, order)) = self.tracks.get_mut(track) {
            order.take(packet, now);
            self.release(now);
        }
    }

    /// Makes frames of what is in order, and gives up what was missing for too
    /// long.
    pub fn release(&mut self, now: Instant) {
        let (clock, queue, needs_key) = (&self.clock, &mut self.queue, &mut self.needs_key);
        for (frames, order) in &mut self.tracks {
            let video = frames.timed.track.kind == TrackKind::Video;
            while let Some((packet, loss)) = order.pop(now) {
                let Arrived { timestamp, marker, ref payload, .. } = packet;
                let packet = RtpPacket { timestamp, marker, loss, payload };
                frames.push(
                    packet,
                    || clock.utc_at(now),
                    |item| {
                        match &item {
                            Item::Frame(frame) if video && frame.key => *needs_key = false,
                            // A whole picture was lost before it.
                            Item::Frame(frame) if video && frame.discontinuity => *needs_key = true,
                            Item::Lost(_) if video => *needs_key = true,
                            _ => {}
                        }
                        queue.push_back(item);
                    },
                );
            }
        }
    }

    pub fn pop(&mut self) -> Option<Item> {
        self.queue.pop_front()
    }

    /// Nothing can be shown before the sender makes a key frame.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.needs_key
    }

    pub fn reset_clocks(&mut self) {
        for (frames, _) in &mut self.tracks {
            frames.timed.clock.reset();
        }
    }
}

/// Puts the packets of one track in order.
#[derive(Debug, Default)]
struct Order {
    next: Option<u64>,
    /// The next one, which most often waits for nothing else.
    ready: Option<Arrived>,
    early: BTreeMap<u64, (Arrived, Instant)>,
}

impl Order {
    fn take(&mut self, packet: Arrived, now: Instant) {
        let next = *self.next.get_or_insert(packet.sequence);
        if packet.sequence == next {
            self.ready = Some(packet);
        } else if packet.sequence > next {
            self.early.entry(packet.sequence).or_insert((packet, now));
        } else if next - packet.sequence > MAX_MISORDER {
            self.early.clear();
            // So that what was put together so far is given up.
            self.next = Some(packet.sequence.saturating_sub(1));
            self.early.insert(packet.sequence, (packet, now - PATIENCE));
        }
    }

    /// The next packet, and how many are missing before it.
    fn pop(&mut self, now: Instant) -> Option<(Arrived, u16)> {
        let next = self.next?;
        if let Some(packet) = self.ready.take() {
            self.next = Some(next + 1);
            return Some((packet, 0));
        }
        let (&sequence, _) = self.early.first_key_value()?;
        let any_waited = || self.early.values().any(|(_, since)| now.saturating_duration_since(*since) >= PATIENCE);
        if sequence != next && self.early.len() <= MOST_HELD && !any_waited() {
            return None;
        }
        let (packet, _) = self.early.remove(&sequence)?;
        self.next = Some(sequence + 1);
        Some((packet, u16::try_from(sequence - next).unwrap_or(u16::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vms_media::Codec;

    fn packet(sequence: u64) -> Arrived {
        // One picture a packet; every tenth is a key frame.
        let payload: Arc<[u8]> =
            if sequence.is_multiple_of(10) { [0x65, 0x88, 1].into() } else { [0x41, 0x9a, 1].into() };
        Arrived { sequence, timestamp: sequence as i64 * 3_600, marker: true, payload }
    }

    fn intake() -> RtpIntake {
        let track = Track {
            id: 0,
            kind: TrackKind::Video,
            codec: Codec::H264,
            clock_rate: 90_000,
            channels: 0,
            fmtp: "packetization-mode=1;sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==".to_owned(),
        };
        RtpIntake::new(vec![track], Arc::default()).expect("a known codec")
    }

    /// The numbers of the pictures that came out; a loss is `None`.
    fn pictures(intake: &mut RtpIntake) -> Vec<Option<i64>> {
        let of = |item| match item {
            Item::Frame(frame) => Some(frame.pts / 3_600),
            _ => None,
        };
        std::iter::from_fn(|| intake.pop()).map(of).collect()
    }

    #[test]
    fn pictures_leave_in_order_and_only_once() {
        let (mut intake, now) = (intake(), Instant::now());
        for sequence in [70_000, 70_003, 70_001, 70_001, 70_002, 70_004, 70_000] {
            intake.push(0, packet(sequence), now);
        }
        let expected: Vec<_> = (70_000..70_005).map(Some).collect();
        assert_eq!(pictures(&mut intake), expected);
        assert!(!intake.needs_key());
    }

    #[test]
    fn what_does_not_come_again_is_given_up_and_a_key_frame_is_needed() {
        let (mut intake, now) = (intake(), Instant::now());
        assert!(intake.needs_key(), "nothing came yet");
        intake.push(0, packet(10), now);
        intake.push(0, packet(12), now);
        intake.release(now + PATIENCE / 2);
        assert_eq!(pictures(&mut intake), [Some(10)], "11 may still come");
        intake.release(now + PATIENCE);
        assert!(!pictures(&mut intake).contains(&Some(11)));
        assert!(intake.needs_key(), "it was lost");
        intake.push(0, packet(11), now + PATIENCE);
        assert!(!pictures(&mut intake).contains(&Some(11)), "too late");
        for sequence in 13..=20 {
            intake.push(0, packet(sequence), now + PATIENCE);
        }
        assert_eq!(pictures(&mut intake).last(), Some(&Some(20)));
        assert!(!intake.needs_key());
    }

    #[test]
    fn what_comes_again_of_a_gap_does_not_prolong_the_wait_for_its_rest() {
        let (mut intake, now) = (intake(), Instant::now());
        intake.push(0, packet(10), now);
        intake.push(0, packet(20), now);
        for sequence in [19, 18, 17] {
            intake.push(0, packet(sequence), now + PATIENCE * 2 / 3);
        }
        assert_eq!(pictures(&mut intake), [Some(10)]);
        intake.release(now + PATIENCE);
        assert_eq!(pictures(&mut intake).last(), Some(&Some(20)));
    }

    #[test]
    fn a_sender_that_counts_anew_is_followed_and_no_more_is_held_than_the_bound() {
        let (mut intake, now) = (intake(), Instant::now());
        intake.push(0, packet(50_000), now);
        intake.push(0, packet(10), now);
        intake.push(0, packet(11), now);
        assert!(pictures(&mut intake).ends_with(&[Some(10), Some(11)]));
        for sequence in 0..3 * MOST_HELD as u64 {
            intake.push(0, packet(100 + 2 * sequence), now);
        }
        assert!(intake.tracks[0].1.early.len() <= MOST_HELD);
        intake.push(9, packet(1), now);
    }
}
