//! Property: any bytes at all are read as parameter sets without panic; sizes
//! that are answered are those of a picture; and sets survive the way through
//! an fmtp line, if they are sets at all.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vms_media::{Codec, ParameterSets, find_utc};

fuzz_target!(|data: &[u8]| {
    for (codec, sps, vps) in [(Codec::H264, &[0x67][..], &[][..]), (Codec::H265, &[0x42, 1], &[0x40, 1])] {
        let half = data.len() / 2;
        let mut sets = ParameterSets::default();
        sets.update(&codec, &Bytes::from([sps, data].concat()));
        sets.update(&codec, &Bytes::from([vps, &data[half..]].concat()));
        if let Some(info) = sets.info(&codec) {
            assert!((1..=16_384).contains(&info.width) && (1..=16_384).contains(&info.height));
            assert!(info.fps.is_none_or(|fps| fps.is_finite() && fps > 0.0));
        }
        let again = ParameterSets::from_fmtp(&codec, &sets.fmtp(&codec));
        assert!(again.sps.is_none() || again.info(&codec).is_some());
        if let Ok(text) = std::str::from_utf8(data) {
            ParameterSets::from_fmtp(&codec, text);
            ParameterSets::from_fmtp(&codec, &format!("sprop-parameter-sets={text};sprop-sps={text}"));
        }
        find_utc(&codec, data);
    }
});
