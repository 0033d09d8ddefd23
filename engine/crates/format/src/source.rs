//! Where bytes are read from: a file, a download, a slice. The caller decides.

use crate::FormatError;

/// Reading failed; in the words of who reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// Bytes with random access.
pub trait Source {
    fn len(&self) -> u64;

    /// Fills `buffer` with the bytes from `offset` on; all of them or an error.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError>;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Source for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let found = usize::try_from(offset)
            .ok()
            .and_then(|from| self.get(from..from.checked_add(buffer.len())?))
            .ok_or_else(|| SourceError(format!("{} bytes at {offset} are past the end", buffer.len())))?;
        buffer.copy_from_slice(found);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        Source::len(self.as_slice())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.as_slice().read_at(offset, buffer)
    }
}

impl Source for bytes::Bytes {
    fn len(&self) -> u64 {
        Source::len(self.as_ref())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        self.as_ref().read_at(offset, buffer)
    }
}

/// Reads `count` bytes at `offset`; refuses more than `most`, so that no file
/// decides how much memory it gets.
pub fn read(
    source: &dyn Source,
    offset: u64,
    count: u64,
    most: u64,
    what: &'static str,
) -> Result<Vec<u8>, FormatError> {
    if count > most {
        return Err(FormatError::Large { what, bytes: count });
    }
    if offset.checked_add(count).is_none_or(|end| end > source.len()) {
        return Err(FormatError::Short { what });
    }
    let mut buffer = vec![0; count as usize];
    source.read_at(offset, &mut buffer)?;
    Ok(buffer)
}

/// Bytes read ahead in steps for who looks at a little at a time.
pub struct Window<'a> {
    source: &'a dyn Source,
    start: u64,
    held: Vec<u8>,
}

const STEP: u64 = 256 * 1024;

impl<'a> Window<'a> {
    pub fn new(source: &'a dyn Source) -> Self {
        Self { source, start: 0, held: Vec::new() }
    }

    pub fn len(&self) -> u64 {
        self.source.len()
    }

    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The bytes from `offset` on, `count` of them or as many as there are.
    pub fn up_to(&mut self, offset: u64, count: u64) -> Result<&[u8], SourceError> {
        let left = self.source.len().saturating_sub(offset);
        let count = count.min(left);
        let inside = offset >= self.start && offset + count <= self.start + self.held.len() as u64;
        if !inside {
            let size = count.max(STEP).min(left) as usize;
            self.held.clear();
            self.held.resize(size, 0);
            self.source.read_at(offset, &mut self.held)?;
            self.start = offset;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.held[from..from + count as usize])
    }
}
