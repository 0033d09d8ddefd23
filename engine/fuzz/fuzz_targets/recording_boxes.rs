//! Property: any bytes behind a good beginning, and any bytes at all, are
//! read as a video file without panic; fragments and torn bytes fill it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_format::recover::{HashFrom, recover};
use vms_format::{Owner, PartId, PartWriter, matroska, mp4};

fuzz_target!(|data: &[u8]| {
    let part = PartId { hour: 1, part: 0, stream: 0 };
    let mut file = PartWriter::new(&Owner::new("c", "a"), part, 1, &[], None).init().to_vec();
    file.extend(data);
    for file in [file, data.to_vec()] {
        let Ok(found) = recover(&file, None, HashFrom::START) else { continue };
        let mut ranges: Vec<_> = found.fragments.iter().map(|fragment| fragment.range()).collect();
        ranges.extend(found.torn.iter().chain(&found.free).cloned());
        ranges.sort_by_key(|range| range.start);
        let end = ranges.iter().fold(found.init.end, |at, range| {
            assert_eq!(at, range.start);
            range.end
        });
        assert_eq!(end, file.len() as u64);
    }
    let _ = mp4::walk::parse_moof(data, 0);
    let _ = matroska::read(&data.to_vec());
});
