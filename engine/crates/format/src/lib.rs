//! The recording format of `docs/design/recording-format.md`, read and written.
//!
//! Data flow of writing: [`fragmenter`] cuts frames into fragments of at most
//! half a second, [`part`] turns each into the bytes of a video file and of
//! its index, [`ledger`] and [`seal`] prove them. Of reading: [`record`] and
//! [`mp4::walk`] parse, [`recover`] finds what is whole after a crash,
//! [`verify`] tells what is genuine.
//!
//! What is absent: files, clocks, threads, randomness. Time and keys come in
//! as parameters, bytes come from a [`source::Source`].

#![forbid(unsafe_code)]

pub mod crypt;
pub mod fragment;
pub mod fragmenter;
pub mod ledger;
pub mod manifest;
pub mod matroska;
pub mod merkle;
pub mod mkv;
pub mod mp4;
pub mod names;
pub mod part;
pub mod record;
pub mod recover;
pub mod seal;
pub mod source;
pub mod time;
pub mod track;
pub mod verify;
mod wire;

pub use fragment::{Core, Fragment, Hash, Place, Sample, Stored, TrackStart};
pub use fragmenter::{Fragmenter, Step};
pub use ledger::{Body, Entry, LedgerWriter};
pub use names::{Owner, PartId};
pub use part::{PartWriter, StreamState, Written};
pub use record::{Record, Scan};
pub use source::{Source, SourceError};
pub use track::TrackConfig;

/// What a file holds cannot be read as what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("{what} is cut short")]
    Short { what: &'static str },
    #[error("{what} has the value {value}, which cannot be")]
    Value { what: &'static str, value: u64 },
    #[error("{what} is not UTF-8")]
    Text { what: &'static str },
    #[error("{what} is too large: {bytes} bytes")]
    Large { what: &'static str, bytes: u64 },
    #[error("{what} is missing")]
    Missing { what: &'static str },
    #[error("the key does not open {what}")]
    Sealed { what: &'static str },
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// The groups of a fragment's samples that stay when those of `without` (bits
/// of [`fragment::Group`]) are removed.
#[must_use]
pub fn thinned(samples: &[Sample], video_track: Option<u8>, without: u8) -> Vec<Sample> {
    let stays =
        |sample: &&Sample| fragment::Group::of(Some(sample.track) == video_track, sample.key).bit() & without == 0;
    samples.iter().filter(stays).cloned().collect()
}

/// SHA-256 of the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    use sha2::Digest;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}
