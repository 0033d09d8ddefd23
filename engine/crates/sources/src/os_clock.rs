//! What the operating system vouches for of its own clock.

/// Largest error of the system's UTC clock in microseconds, or `None` while it
/// is not synchronised (adjtimex(2): `maxerror`, `STA_UNSYNC`).
#[must_use]
pub fn error_bound_us() -> Option<u32> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: `timex` is plain data for which zero is valid, and modes = 0
        // makes the call read only.
        let (state, timex) = unsafe {
            let mut timex: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut timex), timex)
        };
        if state < 0 || timex.status & libc::STA_UNSYNC != 0 {
            return None;
        }
        u32::try_from(timex.maxerror).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}
