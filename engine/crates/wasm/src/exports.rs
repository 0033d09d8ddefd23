//! The boundary to JavaScript: plain functions and one memory.

use vms_format::source::{Source, SourceError};

use crate::check::{Answer, Request, answer};

#[link(wasm_import_module = "files")]
unsafe extern "C" {
    /// Bytes of a file of the request.
    fn size(file: u32) -> f64;
    /// Fills memory from a file; 0 says that it could not be read.
    fn read(file: u32, offset: f64, into: *mut u8, count: u32) -> u32;
}

struct Given {
    file: u32,
    len: u64,
}

impl Source for Given {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
        let fits = offset.checked_add(buffer.len() as u64).is_some_and(|end| end <= self.len);
        // SAFETY: the page writes `buffer.len()` bytes at `buffer`, which is
        // ours and stays where it is during the call.
        let read = fits && unsafe { read(self.file, offset as f64, buffer.as_mut_ptr(), buffer.len() as u32) } != 0;
        if read { Ok(()) } else { Err(SourceError(format!("{} bytes at {offset}", buffer.len()))) }
    }
}

/// Memory for a request, which [`verify`] takes.
#[unsafe(no_mangle)]
pub extern "C" fn allocate(len: u32) -> *mut u8 {
    let memory: Box<[u8]> = vec![0; len as usize].into_boxed_slice();
    Box::into_raw(memory).cast()
}

/// Verifies the request that stands at `at`. The answer stands behind its
/// length, a little-endian `u32`, at the address that is returned.
///
/// # Safety
///
/// `at` and `len` are those of one call of [`allocate`], and are not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn verify(at: *mut u8, len: u32) -> *const u8 {
    // SAFETY: what `allocate` gave away comes back once, by this function's contract.
    let request = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(at, len as usize)) };
    let answer = match serde_json::from_slice::<Request>(&request) {
        Ok(request) => {
            let given: Vec<Given> = (0..request.files.len() as u32)
                // SAFETY: a plain call into the page.
                .map(|file| Given { file, len: unsafe { size(file) } as u64 })
                .collect();
            let sources: Vec<&dyn Source> = given.iter().map(|given| given as &dyn Source).collect();
            answer(&request, &sources)
        }
        Err(error) => Answer::Error("unreadable", error.to_string()),
    };
    // A report is made of texts and numbers, which JSON always holds.
    let json = serde_json::to_vec(&answer).unwrap_or_default();
    let out = [&(json.len() as u32).to_le_bytes()[..], &json].concat();
    Box::leak(out.into_boxed_slice()).as_ptr()
}
