//! Sums a run up.

use std::time::Duration;

use serde::Serialize;

use crate::process::Usage;
use crate::viewers::Figures;

/// A viewer below this share of the median rate is starved.
const STARVED_BELOW: f64 = 0.9;
/// So is one that saw no frame for so long.
const STARVED_GAP: Duration = Duration::from_secs(2);

/// One line of JSON a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub kind: &'static str,
    pub viewers: usize,
    pub connected: u64,
    /// Sessions that the server ended.
    pub closed: u64,
    pub failed: usize,
    /// The first few reasons.
    pub failures: Vec<String>,
    pub seconds: f64,
    pub join_seconds: f64,
    /// Received by all viewers together, in Mbit/s.
    pub received_mbit: f64,
    pub viewer_mbit: MinMedian,
    pub starved: usize,
    pub frames: u64,
    pub lost_packets: u64,
    /// From the answer to the last packet of the first key frame.
    pub first_key_ms: Spread,
    /// From the camera's write to the frame's last packet.
    pub latency_ms: Spread,
    pub longest_gap_ms: f64,
    pub own_cpu_seconds: f64,
    pub process: Option<ProcessReport>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MinMedian {
    pub min: f64,
    pub median: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    pub p50: f64,
    pub p95: f64,
    pub max: f64,
    pub samples: usize,
}

/// The process under test while it was measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ProcessReport {
    pub pid: u32,
    pub cpu_seconds: f64,
    /// CPU seconds a second.
    pub cores: f64,
    /// Milliseconds of CPU for each Mbit sent.
    pub cpu_ms_per_mbit: f64,
    pub rss_before_bytes: u64,
    pub rss_bytes: u64,
    pub rss_bytes_per_viewer: f64,
    /// For the joins alone: while viewers joined, less what serving those who
    /// had joined took by then.
    pub join_cpu_seconds: f64,
}

/// Usage at the start, when all had joined, and at the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Samples {
    pub start: Usage,
    pub joined: Usage,
    pub end: Usage,
}

/// What a run hands over.
pub struct Outcome {
    pub kind: &'static str,
    pub viewers: usize,
    pub connected: u64,
    pub closed: u64,
    pub failures: Vec<String>,
    pub figures: Vec<Figures>,
    pub measured: Duration,
    pub joining: Duration,
    pub own: Samples,
    pub process: Option<(u32, Samples)>,
}

impl Outcome {
    #[must_use]
    pub fn report(&self) -> Report {
        let seconds = self.measured.as_secs_f64();
        let mut rates: Vec<f64> = self.figures.iter().map(|f| f.bytes as f64 * 8.0 / seconds / 1e6).collect();
        rates.sort_by(f64::total_cmp);
        let viewer_mbit = MinMedian { min: rates.first().copied().unwrap_or(0.0), median: at(&rates, 0.5) };
        let received_mbit: f64 = rates.iter().sum();
        let starved = |f: &&Figures| {
            let rate = f.bytes as f64 * 8.0 / seconds / 1e6;
            f.first_key.is_none() || rate < viewer_mbit.median * STARVED_BELOW || f.longest_gap > STARVED_GAP
        };
        let keys = self.figures.iter().filter_map(|f| f.first_key).map(|d| d.as_secs_f64() * 1e3);
        let delays = self.figures.iter().flat_map(|f| &f.delays_us).map(|us| f64::from(*us) / 1e3);
        let gap = self.figures.iter().map(|f| f.longest_gap).max().unwrap_or_default();
        Report {
            kind: self.kind,
            viewers: self.viewers,
            connected: self.connected,
            closed: self.closed,
            failed: self.failures.len(),
            failures: self.failures.iter().take(3).cloned().collect(),
            seconds,
            join_seconds: self.joining.as_secs_f64(),
            received_mbit,
            viewer_mbit,
            starved: self.figures.iter().filter(starved).count(),
            frames: self.figures.iter().map(|f| f.frames).sum(),
            lost_packets: self.figures.iter().map(|f| f.lost).sum(),
            first_key_ms: spread(keys.collect()),
            latency_ms: spread(delays.collect()),
            longest_gap_ms: gap.as_secs_f64() * 1e3,
            own_cpu_seconds: self.own.end.cpu_seconds - self.own.joined.cpu_seconds,
            process: self.process.map(|(pid, samples)| self.of_process(pid, samples, received_mbit * seconds)),
        }
    }

    fn of_process(&self, pid: u32, samples: Samples, mbit: f64) -> ProcessReport {
        let cpu_seconds = samples.end.cpu_seconds - samples.joined.cpu_seconds;
        let cores = cpu_seconds / self.measured.as_secs_f64();
        // They join at an even rate, so half of them are there on average.
        let serving = cores * self.joining.as_secs_f64() / 2.0;
        let joining = samples.joined.cpu_seconds - samples.start.cpu_seconds;
        let grown = samples.end.rss_bytes.saturating_sub(samples.start.rss_bytes);
        ProcessReport {
            pid,
            cpu_seconds,
            cores,
            cpu_ms_per_mbit: if mbit > 0.0 { cpu_seconds * 1e3 / mbit } else { 0.0 },
            rss_before_bytes: samples.start.rss_bytes,
            rss_bytes: samples.end.rss_bytes,
            rss_bytes_per_viewer: grown as f64 / self.viewers.max(1) as f64,
            join_cpu_seconds: (joining - serving).max(0.0),
        }
    }
}

/// The value at a share of sorted values.
fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0.0)
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    Spread { p50: at(&values, 0.5), p95: at(&values, 0.95), max: at(&values, 1.0), samples: values.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(bytes: u64, key: Option<u64>) -> Figures {
        Figures { bytes, first_key: key.map(Duration::from_millis), delays_us: vec![1000, 3000], ..Figures::default() }
    }

    #[test]
    fn starved_viewers_are_told_from_the_others() {
        let usage = |cpu_seconds, rss_bytes| Usage { cpu_seconds, rss_bytes };
        let samples = Samples { start: usage(1.0, 100), joined: usage(2.0, 150), end: usage(4.0, 500) };
        let mut outcome = Outcome {
            kind: "webrtc",
            viewers: 4,
            connected: 4,
            closed: 0,
            failures: vec!["no".into()],
            figures: vec![
                figures(1_250_000, Some(10)),
                figures(1_250_000, Some(20)),
                figures(500_000, Some(30)),
                figures(1_250_000, None),
            ],
            measured: Duration::from_secs(10),
            joining: Duration::from_secs(1),
            own: samples,
            process: Some((7, samples)),
        };
        outcome.figures[1].longest_gap = Duration::from_secs(3);
        let report = outcome.report();
        assert_eq!((report.starved, report.failed), (3, 1));
        assert_eq!(report.viewer_mbit, MinMedian { min: 0.4, median: 1.0 });
        assert_eq!(report.first_key_ms, Spread { p50: 20.0, p95: 30.0, max: 30.0, samples: 3 });
        assert_eq!((report.latency_ms.samples, report.latency_ms.max), (8, 3.0));
        let process = report.process.expect("a process");
        assert_eq!((process.cpu_seconds, process.cores, process.rss_bytes_per_viewer), (2.0, 0.2, 100.0));
        // 0.2 core for half of one second is what serving took.
        assert_eq!(process.join_cpu_seconds, 0.9);
        assert!((process.cpu_ms_per_mbit - 2000.0 / 34.0).abs() < 1e-9);
    }

    #[test]
    fn nothing_is_nothing() {
        assert_eq!(spread(Vec::new()), Spread::default());
    }
}
