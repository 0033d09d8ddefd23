//! What this process uses, from the system's own books.

use std::time::Instant;

use parking_lot::Mutex;

/// Jiffies a second of /proc, fixed by Linux's interface to user space.
const TICKS: f64 = 100.0;
const PAGE_BYTES: u64 = 4096;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUsage {
    /// Since the last look, in per cent of one core.
    pub cpu_percent: f64,
    pub resident_bytes: u64,
}

#[derive(Debug)]
pub struct ProcessMeter {
    last: Mutex<(Instant, f64)>,
}

impl Default for ProcessMeter {
    fn default() -> Self {
        Self { last: Mutex::new((Instant::now(), cpu_seconds().unwrap_or(0.0))) }
    }
}

impl ProcessMeter {
    /// `None` where the system has no such books.
    pub fn read(&self) -> Option<ProcessUsage> {
        let used = cpu_seconds()?;
        let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        let mut last = self.last.lock();
        let now = Instant::now();
        let (then, before) = std::mem::replace(&mut *last, (now, used));
        let elapsed = now.duration_since(then).as_secs_f64().max(0.001);
        Some(ProcessUsage {
            cpu_percent: (used - before).max(0.0) / elapsed * 100.0,
            resident_bytes: pages * PAGE_BYTES,
        })
    }
}

/// User and system time of all threads (proc(5), fields 14 and 15 of stat).
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_time() {
        let meter = ProcessMeter::default();
        let usage = meter.read().expect("Linux keeps books");
        assert!(usage.resident_bytes > 1 << 20);
        assert!((0.0..=100_000.0).contains(&usage.cpu_percent));
    }
}
