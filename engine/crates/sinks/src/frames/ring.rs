//! Frames in memory that another process reads: one writer, one reader, no
//! waiting on either side.
//!
//! Layout (little-endian): a head of 64 bytes, then `capacity` bytes of data
//! that are written round and round. Positions count bytes ever written.
//!
//! | offset | field |
//! |---|---|
//! | 0 | magic `VMSRING1` |
//! | 8 | capacity `u64` |
//! | 16 | head `u64`: all records before it are whole |
//! | 24 | guard `u64`: head, once the record being written is whole |
//! | 32 | key `u64`: the newest record that begins a group of pictures |
//!
//! A record, aligned to 8: size of the payload `u32`, codec `u8` (1 H.264,
//! 2 H.265), flags `u8` (1 key, 2 frames before it are missing), 2 bytes 0, time
//! in UTC microseconds `i64`, error of it `u32` (`0xFFFFFFFF` unknown), epoch low
//! 32 bits `u32`, number `u64`, payload (NAL units with 4-byte lengths), zeros
//! up to the next multiple of 8. What a reader copied from position `p` is valid
//! if, after it was copied, `guard - p <= capacity`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use vms_hub::HubFrame;
use vms_media::Codec;

pub const HEAD_BYTES: usize = 64;
const RECORD_HEAD: usize = 32;
const MAGIC: [u8; 8] = *b"VMSRING1";
const AT_HEAD: usize = 16;
const AT_GUARD: usize = 24;
const AT_KEY: usize = 32;

/// Memory shared with one reader, which may neither resize nor write it.
#[derive(Debug)]
pub struct Ring {
    file: OwnedFd,
    memory: NonNull<u8>,
    capacity: usize,
    // Kept here as well: the shared ones are for the reader and never read back.
    head: u64,
}

// SAFETY: the memory belongs to this object alone and is written through
// `&mut self`; its reader is another process.
unsafe impl Send for Ring {}

fn checked(answer: libc::c_int) -> io::Result<libc::c_int> {
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

impl Ring {
    /// `capacity` is rounded up to whole pages.
    pub fn new(capacity: usize) -> io::Result<Self> {
        let capacity = capacity.next_multiple_of(4096);
        // SAFETY: the name is a constant that ends with 0.
        let fd = checked(unsafe {
            libc::memfd_create(c"vms-frames".as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING)
        })?;
        // SAFETY: `fd` is a new handle that nothing else owns.
        let file = unsafe { OwnedFd::from_raw_fd(fd) };
        let length = HEAD_BYTES + capacity;
        let size = libc::off_t::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: `fd` is open; no pointer is passed.
        checked(unsafe { libc::ftruncate(fd, size) })?;
        // SAFETY: a new shared mapping of an open file; the answer is checked.
        let memory = unsafe {
            libc::mmap(std::ptr::null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, fd, 0)
        };
        if memory == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let memory = NonNull::new(memory.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
        let ring = Self { file, memory, capacity, head: 0 };
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_FUTURE_WRITE | libc::F_SEAL_SEAL;
        // SAFETY: `fd` is open; no pointer is passed.
        checked(unsafe { libc::fcntl(fd, libc::F_ADD_SEALS, seals) })?;
        ring.put(0, &MAGIC);
        ring.put(8, &(capacity as u64).to_le_bytes());
        ring.word(AT_KEY).store(u64::MAX.to_le(), Ordering::Release);
        Ok(ring)
    }

    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Writes a frame over the oldest ones; false for one that is too large.
    pub fn push(&mut self, frame: &HubFrame, missing: bool) -> bool {
        let codec = match frame.codec {
            Codec::H264 => 1,
            Codec::H265 => 2,
            Codec::Av1 => 3,
            Codec::Vp8 => 4,
            Codec::Vp9 => 5,
            Codec::Jpeg => 6,
            Codec::Mpeg4 => 7,
            _ => return false,
        };
        let size = frame.data.len();
        let whole = (RECORD_HEAD + size).next_multiple_of(8);
        if whole > self.capacity {
            return false;
        }
        let (start, end) = (self.head, self.head + whole as u64);
        self.word(AT_GUARD).store(end.to_le(), Ordering::Release);
        // Nothing of the record may be written before the reader can see the guard.
        std::sync::atomic::fence(Ordering::SeqCst);
        let mut head = [0_u8; RECORD_HEAD];
        head[..4].copy_from_slice(&(size as u32).to_le_bytes());
        head[4] = codec;
        head[5] = u8::from(frame.key) | (u8::from(missing || frame.discontinuity) << 1);
        head[8..16].copy_from_slice(&frame.timing.utc_us.to_le_bytes());
        head[16..20].copy_from_slice(&frame.timing.error_us.unwrap_or(u32::MAX).to_le_bytes());
        head[20..24].copy_from_slice(&(frame.epoch as u32).to_le_bytes());
        head[24..].copy_from_slice(&frame.number.to_le_bytes());
        self.put_data(start, &head);
        self.put_data(start + RECORD_HEAD as u64, &frame.data);
        if frame.key {
            self.word(AT_KEY).store(start.to_le(), Ordering::Release);
        }
        self.head = end;
        self.word(AT_HEAD).store(end.to_le(), Ordering::Release);
        true
    }

    fn put_data(&self, position: u64, bytes: &[u8]) {
        let at = (position % self.capacity as u64) as usize;
        let first = bytes.len().min(self.capacity - at);
        self.put(HEAD_BYTES + at, &bytes[..first]);
        self.put(HEAD_BYTES, &bytes[first..]);
    }

    fn put(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= HEAD_BYTES + self.capacity);
        // SAFETY: the range was checked to lie in the mapping, which is ours.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.memory.as_ptr().add(offset), bytes.len());
        }
    }

    fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= HEAD_BYTES);
        // SAFETY: inside the mapping, aligned, and only ever used as an atomic.
        unsafe { &*self.memory.as_ptr().add(offset).cast::<AtomicU64>() }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this length.
        unsafe { libc::munmap(self.memory.as_ptr().cast(), HEAD_BYTES + self.capacity) };
    }
}

/// Hands a file to the process at the other end of a Unix socket.
pub fn send_file(socket: BorrowedFd<'_>, file: BorrowedFd<'_>, word: &[u8]) -> io::Result<()> {
    let mut control = [0_u64; 4];
    let mut part = libc::iovec { iov_base: word.as_ptr().cast_mut().cast(), iov_len: word.len() };
    // SAFETY: all-zero is a valid msghdr; every pointer set here outlives the
    // call, and the control buffer is large and aligned enough for one handle.
    let sent = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(size_of::<libc::c_int>() as u32) as _;
        let header = libc::CMSG_FIRSTHDR(&message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(size_of::<libc::c_int>() as u32) as _;
        libc::CMSG_DATA(header).cast::<libc::c_int>().write_unaligned(file.as_raw_fd());
        libc::sendmsg(socket.as_raw_fd(), &message, libc::MSG_NOSIGNAL)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
