//! What the WebRTC sink counts. Shards add; anyone may read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use str0m::media::Mid;
use str0m::stats::MediaEgressStats;
use vms_crowd::Crowd;

use super::ladder::Stays;
use super::path::Why;
use super::socket::SendCounters;

/// Upper bounds in milliseconds.
pub const RTT_BUCKETS_MS: [u64; 9] = [1, 5, 10, 20, 50, 100, 200, 500, 1000];
/// Upper bounds in hundredths of a per cent.
pub const LOSS_BUCKETS: [u64; 7] = [0, 10, 50, 100, 200, 500, 2000];

/// A histogram with fixed bounds; the last count is of what lies above.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: [u64; N],
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum: AtomicU64,
}

impl<const N: usize> Histogram<N> {
    #[must_use]
    pub fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum: AtomicU64::new(0),
        }
    }

    pub fn add(&self, value: u64) {
        let slot = self.bounds.iter().position(|bound| value <= *bound);
        slot.map_or(&self.above, |i| &self.counts[i]).fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    #[must_use]
    pub fn read(&self) -> HistogramValues {
        let mut total = 0;
        let buckets = self.bounds.iter().zip(&self.counts).map(|(bound, count)| {
            total += count.load(Ordering::Relaxed);
            (*bound, total)
        });
        let buckets: Vec<(u64, u64)> = buckets.collect();
        HistogramValues {
            count: total + self.above.load(Ordering::Relaxed),
            sum: self.sum.load(Ordering::Relaxed),
            buckets,
        }
    }
}

/// A histogram as Prometheus wants it: counts at or below each bound.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistogramValues {
    pub buckets: Vec<(u64, u64)>,
    pub count: u64,
    pub sum: u64,
}

/// Shared by all shards; each adds at most once a batch, never a packet.
#[derive(Debug)]
pub struct Counters {
    pub viewers: AtomicUsize,
    pub publishers: AtomicUsize,
    pub talkers: AtomicUsize,
    pub half_open: Crowd,
    pub sessions: AtomicU64,
    pub refused: AtomicU64,
    pub vanished: AtomicU64,
    pub joins_burst: AtomicU64,
    pub joins_waited: AtomicU64,
    pub nacks: AtomicU64,
    pub plis: AtomicU64,
    pub lost: AtomicU64,
    pub overflow: AtomicU64,
    /// By their places in [`Why::ALL`] and [`Stays::ALL`].
    switches: [AtomicU64; Why::ALL.len()],
    stays: [AtomicU64; Stays::ALL.len()],
    pub rtt_ms: Histogram<9>,
    pub loss: Histogram<7>,
    pub sent: Arc<SendCounters>,
}

impl Counters {
    #[must_use]
    pub fn new(half_open: Crowd) -> Self {
        Self {
            viewers: AtomicUsize::new(0),
            publishers: AtomicUsize::new(0),
            talkers: AtomicUsize::new(0),
            half_open,
            sessions: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            vanished: AtomicU64::new(0),
            joins_burst: AtomicU64::new(0),
            joins_waited: AtomicU64::new(0),
            nacks: AtomicU64::new(0),
            plis: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            overflow: AtomicU64::new(0),
            switches: Default::default(),
            stays: Default::default(),
            rtt_ms: Histogram::new(RTT_BUCKETS_MS),
            loss: Histogram::new(LOSS_BUCKETS),
            sent: Arc::default(),
        }
    }

    pub fn rtt(&self, rtt: Duration) {
        self.rtt_ms.add(u64::try_from(rtt.as_millis()).unwrap_or(u64::MAX));
    }

    /// A viewer was sent the other stream.
    pub fn switched(&self, why: Why) {
        add_one(&self.switches, &Why::ALL, why);
    }

    /// A viewer should have been sent the other stream.
    pub fn stayed(&self, why: Stays) {
        add_one(&self.stays, &Stays::ALL, why);
    }

    #[must_use]
    pub fn read(&self) -> WebRtcMetrics {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        WebRtcMetrics {
            viewers: self.viewers.load(Ordering::Relaxed),
            publishers: self.publishers.load(Ordering::Relaxed),
            talkers: self.talkers.load(Ordering::Relaxed),
            half_open: self.half_open.there(),
            sessions_total: get(&self.sessions),
            refused_total: get(&self.refused),
            vanished_total: get(&self.vanished),
            joins_burst: get(&self.joins_burst),
            joins_waited: get(&self.joins_waited),
            nacks: get(&self.nacks),
            plis: get(&self.plis),
            packets_lost: get(&self.lost),
            datagrams_overflowed: get(&self.overflow),
            switches: Why::ALL
                .iter()
                .zip(&self.switches)
                .map(|(why, count)| (why.leads_to().as_str(), why.as_str(), get(count)))
                .collect(),
            stays: Stays::ALL.iter().zip(&self.stays).map(|(why, count)| (why.as_str(), get(count))).collect(),
            packets_sent: get(&self.sent.packets),
            bytes_sent: get(&self.sent.bytes),
            packets_unsent: get(&self.sent.dropped),
            send_calls: get(&self.sent.calls),
            rtt_ms: self.rtt_ms.read(),
            loss_per_10000: self.loss.read(),
        }
    }
}

fn add_one<T: PartialEq>(counts: &[AtomicU64], all: &[T], one: T) {
    if let Some(count) = all.iter().position(|other| *other == one).and_then(|place| counts.get(place)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// The figures of the sink at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebRtcMetrics {
    /// Sessions that carry or wait for pictures.
    pub viewers: usize,
    /// Sessions that send pictures in.
    pub publishers: usize,
    pub talkers: usize,
    /// Answered, not yet connected.
    pub half_open: usize,
    pub sessions_total: u64,
    pub refused_total: u64,
    /// Sessions freed because nothing was heard of them.
    pub vanished_total: u64,
    pub joins_burst: u64,
    pub joins_waited: u64,
    /// NACK messages received.
    pub nacks: u64,
    /// Picture losses that viewers reported.
    pub plis: u64,
    /// Packets that viewers reported lost for good or resent.
    pub packets_lost: u64,
    /// Datagrams dropped because a shard was behind.
    pub datagrams_overflowed: u64,
    /// Viewers that were sent the camera's other stream: to which, why, how often.
    pub switches: Vec<(&'static str, &'static str, u64)>,
    /// Why viewers were not sent it whose path asked for it, how often.
    pub stays: Vec<(&'static str, u64)>,
    pub packets_sent: u64,
    pub bytes_sent: u64,
    /// Packets that the system refused to send.
    pub packets_unsent: u64,
    pub send_calls: u64,
    pub rtt_ms: HistogramValues,
    pub loss_per_10000: HistogramValues,
}

/// What a viewer has told of each line, as far as it is counted already: reports
/// tell totals.
#[derive(Default)]
pub struct Reported {
    lines: Vec<(Mid, Totals)>,
}

#[derive(Default)]
struct Totals {
    nacks: u64,
    plis: u64,
    lost: u64,
}

impl Reported {
    /// Adds what is new.
    pub fn count(&mut self, stats: &MediaEgressStats, counters: &Counters) {
        if let Some(rtt) = stats.rtt {
            counters.rtt(rtt);
        }
        if let Some(loss) = stats.loss {
            counters.loss.add((f64::from(loss) * 10_000.0) as u64);
        }
        let lost = stats.remote.as_ref().map_or(0, |remote| remote.packets_lost);
        let seen = self.line(stats.mid);
        for (total, seen, counter) in [
            (stats.nacks, &mut seen.nacks, &counters.nacks),
            (stats.plis, &mut seen.plis, &counters.plis),
            (lost, &mut seen.lost, &counters.lost),
        ] {
            counter.fetch_add(total.saturating_sub(*seen), Ordering::Relaxed);
            *seen = total.max(*seen);
        }
    }

    fn line(&mut self, mid: Mid) -> &mut Totals {
        let index = self.lines.iter().position(|(known, _)| *known == mid).unwrap_or_else(|| {
            self.lines.push((mid, Totals::default()));
            self.lines.len() - 1
        });
        &mut self.lines[index].1
    }
}
