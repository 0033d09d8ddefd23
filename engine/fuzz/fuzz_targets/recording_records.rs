//! Property: any bytes are read as an index without panic; records and torn
//! places fill the file, and a record that is written again is the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vms_format::Stored;
use vms_format::record::{Close, Header, MAGIC, scan};

fuzz_target!(|data: &[u8]| {
    for file in [data.to_vec(), [&MAGIC[..], data].concat()] {
        let found = scan(&file).expect("memory reads");
        let mut at = if found.magic { 8 } else { 0 };
        let mut torn = found.torn.iter().peekable();
        for (offset, record) in &found.records {
            while let Some(range) = torn.next_if(|range| range.start < *offset) {
                at = range.end;
            }
            // One of another version is passed over, but not torn.
            assert!(at <= *offset);
            let bytes = record.encode();
            assert_eq!(&file[*offset as usize..][..bytes.len()], bytes);
            at = offset + bytes.len() as u64;
            if let Ok(stored) = Stored::parse(record) {
                assert!(record.payload.starts_with(&stored.record(0).payload));
            }
            if let Ok(header) = Header::parse(record) {
                assert_eq!(Header::parse(&header.record(0)), Ok(header));
            }
            if let Ok(close) = Close::parse(record) {
                assert!(record.payload.starts_with(&close.record().payload));
            }
        }
    }
});
