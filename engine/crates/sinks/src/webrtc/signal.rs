//! A wake-up call for a thread that sleeps in `poll`: an eventfd.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

#[derive(Debug)]
pub struct Signal {
    fd: OwnedFd,
    /// Set from the first raise until the sleeper takes it, so that a raise
    /// costs a system call only then.
    raised: AtomicBool,
}

impl Signal {
    /// # Errors
    /// When the process has no descriptor left.
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd returns a new descriptor or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and owned by nobody else.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd, raised: AtomicBool::new(false) })
    }

    pub fn raise(&self) {
        if self.raised.swap(true, Ordering::AcqRel) {
            return;
        }
        let one = 1u64;
        // SAFETY: writes eight bytes to an eventfd. It can only fail when its
        // counter is full, and then the sleeper wakes anyway.
        unsafe { libc::write(self.fd.as_raw_fd(), std::ptr::from_ref(&one).cast(), 8) };
    }

    /// Makes the next raise count again; called before looking for work.
    pub fn take(&self) {
        let mut count = 0u64;
        // SAFETY: reads eight bytes from an eventfd; fails only when empty.
        unsafe { libc::read(self.fd.as_raw_fd(), std::ptr::from_mut(&mut count).cast(), 8) };
        self.raised.store(false, Ordering::Release);
    }

    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Sleeps until one of the descriptors is readable or the time has passed;
/// returns which are readable.
///
/// # Errors
/// Those of `poll`, without interruptions.
pub fn wait(fds: &mut [libc::pollfd], timeout: Duration) -> io::Result<()> {
    let timeout =
        libc::timespec { tv_sec: timeout.as_secs().min(3600) as libc::time_t, tv_nsec: timeout.subsec_nanos() as _ };
    // SAFETY: the slice is valid for its length; no signal mask is changed.
    let result =
        unsafe { libc::ppoll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, &raw const timeout, std::ptr::null()) };
    if result < 0 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
        for fd in fds {
            fd.revents = 0;
        }
    }
    Ok(())
}

#[must_use]
pub fn readable(fd: RawFd) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}
