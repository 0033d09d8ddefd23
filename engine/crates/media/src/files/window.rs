//! Bytes of a file, read ahead a little.

use super::{FileError, ReadAt};

/// So much is read at once where less is asked for.
const AHEAD: usize = 32 << 10;
/// A buffer that grew beyond this is given back.
const KEPT: usize = 1 << 20;

pub struct Window {
    file: Box<dyn ReadAt>,
    len: u64,
    start: u64,
    held: Vec<u8>,
}

impl Window {
    pub fn new(file: Box<dyn ReadAt>) -> Self {
        let len = file.len();
        Self { file, len, start: 0, held: Vec::new() }
    }

    /// As it was when the file was opened.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The bytes from `at` on, `count` of them or as many as there are.
    pub fn up_to(&mut self, at: u64, count: usize) -> Result<&[u8], FileError> {
        let left = self.len.saturating_sub(at);
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        let is_held = at >= self.start && at + count as u64 <= self.start + self.held.len() as u64;
        if !is_held {
            let size = count.max(AHEAD).min(usize::try_from(left).unwrap_or(usize::MAX));
            if self.held.capacity() > KEPT && size <= KEPT {
                self.held = Vec::new();
            }
            self.held.resize(size, 0);
            self.start = at;
            if let Err(detail) = self.file.read_at(at, &mut self.held) {
                self.held.clear();
                return Err(FileError::Unreadable { at, detail });
            }
        }
        let from = (at - self.start) as usize;
        Ok(&self.held[from..from + count])
    }

    /// Exactly `count` bytes; `what` they are, if they are not there.
    pub fn exactly(&mut self, at: u64, count: usize, what: &'static str) -> Result<&[u8], FileError> {
        let found = self.up_to(at, count)?;
        if found.len() < count { Err(FileError::Broken { at, what }) } else { Ok(found) }
    }
}
