//! An eventfd by which threads of the engine wake the steering side.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

#[derive(Debug)]
pub struct Wake(OwnedFd);

impl Wake {
    pub fn new() -> io::Result<Self> {
        // SAFETY: eventfd takes no pointers; a negative answer is checked.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` is a new handle that nothing else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    #[must_use]
    pub fn fd(&self) -> i32 {
        self.0.as_raw_fd()
    }

    /// Makes the handle readable.
    pub fn ring(&self) {
        let one = 1_u64.to_ne_bytes();
        // SAFETY: the handle is open and `one` holds the 8 bytes an eventfd
        // takes. It fails only when its counter is full: then it is readable.
        unsafe { libc::write(self.fd(), one.as_ptr().cast(), one.len()) };
    }

    /// Makes it readable no more, before what waits is taken.
    pub fn hush(&self) {
        let mut count = [0_u8; 8];
        // SAFETY: the handle is open and `count` has the 8 bytes an eventfd
        // gives. An empty eventfd answers EAGAIN, which is as good.
        unsafe { libc::read(self.fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}
