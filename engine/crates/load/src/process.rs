//! CPU time and memory of a process, from `/proc`.

use std::fs;

use crate::LoadError;

/// What a process has used up to now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    pub cpu_seconds: f64,
    pub rss_bytes: u64,
}

/// The kernel counts in hundredths of a second on every Linux of today
/// (USER_HZ), whatever its own clock.
const TICKS_PER_SECOND: f64 = 100.0;

/// # Errors
/// When the process is gone or `/proc` is not there.
pub fn usage(pid: u32) -> Result<Usage, LoadError> {
    let read = |file: &str| {
        let path = format!("/proc/{pid}/{file}");
        fs::read_to_string(&path).map_err(|error| LoadError::io(path, error))
    };
    let cpu_seconds = cpu(&read("stat")?).ok_or_else(|| LoadError::Server(format!("/proc/{pid}/stat is odd")))?;
    let rss_bytes = rss(&read("status")?).unwrap_or(0);
    Ok(Usage { cpu_seconds, rss_bytes })
}

/// A viewer is a socket: asks for as many descriptors as the system gives.
pub fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid limit; a refusal leaves things as they
    // are, and shows when a socket cannot be opened.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// User and system time of a `stat` line.
fn cpu(stat: &str) -> Option<f64> {
    // The name in brackets may hold spaces and brackets.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn rss(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_are_read() {
        let stat = "42 (a b) c) S 1 1 1 0 -1 4194560 1 2 3 4 250 150 0 0 20 0 1 0 100";
        assert_eq!(cpu(stat), Some(4.0));
        assert_eq!(cpu("nothing"), None);
        assert_eq!(rss("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        assert_eq!(rss("Name:\tx\n"), None);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(usage(std::process::id()).expect("usage").rss_bytes > 0);
        assert!(usage(u32::MAX).is_err());
    }
}
