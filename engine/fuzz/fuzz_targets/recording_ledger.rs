//! Property: any ledger, index and video are verified without panic, and
//! bytes that nobody signed are never genuine.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_format::record::{MAGIC, Record};
use vms_format::source::Source;
use vms_format::verify::{Options, Tree, verify};
use vms_format::{Entry, Owner, ledger::LedgerWriter};

fuzz_target!(|data: &[u8]| {
    let (kind, rest) = data.split_first().map_or((0, data), |(kind, rest)| (*kind, rest));
    if let Ok(entry) = Entry::parse(&Record::new(16 + kind % 9, 0, rest.to_vec())) {
        assert!(entry.leaf.len() + 32 == rest.len() + 1);
    }
    let mut ledger = LedgerWriter::new(Owner::new("c", "gate")).head().to_vec();
    ledger.extend(Record::new(16 + kind % 9, 0, rest.to_vec()).encode());
    ledger.extend(rest);
    let index = [&MAGIC[..], &Record::new(2, 0, rest.to_vec()).encode(), rest].concat();
    let video = rest.to_vec();
    let tree: Tree<'_> = [
        ("gate/ledger.vms-idx", &ledger),
        ("gate/2026-11-27/index_10.vms-idx", &index),
        ("gate/2026-11-27/video_10.mp4", &video),
    ]
    .map(|(path, bytes)| (path.to_owned(), bytes as &dyn Source))
    .into();
    let report = verify("gate", &tree, &Options { pinned: Some([1; 32]), ..Options::default() });
    assert!(!report.expect("memory reads").genuine);
});
