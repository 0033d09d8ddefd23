//! The section "Verifying" of the format: what of a camera's recordings is
//! genuine, what was removed by whom, what is missing or changed.

mod disk;
mod ledger;
mod report;
mod streams;
mod video;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

pub use ledger::is_held;
pub(crate) use ledger::trusted;
pub use report::{Finding, Report, Signer, State, Why};

pub(crate) use report::hex;
pub use video::{file_hash, file_hash_to};

use crate::source::{Source, SourceError};
use crate::{FormatError, Hash};

/// The files of a camera, by their path below `cameras`.
pub type Tree<'a> = BTreeMap<String, &'a dyn Source>;

/// What verifying is told beside the files.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The fingerprint of the key that is trusted, and so of those it signed.
    pub pinned: Option<Hash>,
    /// Master keys by their names; encrypted parts of others stay unread.
    pub masters: BTreeMap<String, [u8; 32]>,
    /// Parts and fragments of these hours alone are looked at. The ledger is
    /// always read whole.
    pub hours: Option<RangeInclusive<u32>>,
    /// This stream alone is looked at.
    pub stream: Option<u8>,
}

impl Options {
    fn covers(&self, hour: u32) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.contains(&hour))
    }

    fn covers_stream(&self, stream: u8) -> bool {
        self.stream.is_none_or(|asked| asked == stream)
    }

    /// A part begins up to a minute into its hour, so that the one before
    /// holds fragments of this hour too.
    fn covers_part(&self, hour: u32) -> bool {
        self.covers(hour) || self.covers(hour.saturating_add(1))
    }
}

/// Verifies the recordings of one camera. Whatever is wrong with them is in
/// the report; an error is a source that cannot be read.
pub fn verify(camera: &str, tree: &Tree<'_>, options: &Options) -> Result<Report, SourceError> {
    let mut report = Report::new(camera, options.pinned);
    let book = ledger::read(camera, tree, options, &mut report)?;
    let mut parts = disk::read(camera, &book.owner, tree, options, &mut report)?;
    streams::check(&book, &mut parts, options, &mut report);
    for part in &parts {
        video::check(part, &book, options, &mut report)?;
    }
    report.finish();
    Ok(report)
}

/// Splits errors of the source, which end verifying, from what is wrong with
/// the bytes, which is a finding.
fn sourced<T>(result: Result<T, FormatError>) -> Result<Result<T, FormatError>, SourceError> {
    match result {
        Err(FormatError::Source(error)) => Err(error),
        other => Ok(other),
    }
}
