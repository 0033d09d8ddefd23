//! What the fuzz targets share: turning fuzzed bytes into a run of packets.

use vms_media::{AccessUnit, Codec, Depacketiser, DropReason, RtpPacket};

/// Feeds `data` as packets: each begins with two bytes for its length, one
/// for marker and loss, one for the step of the timestamp.
pub fn feed(codec: &Codec, data: &[u8]) -> Vec<AccessUnit> {
    let Ok(mut depacketiser) = Depacketiser::new(codec, 90_000, 2, "") else {
        return Vec::new();
    };
    let mut units = Vec::new();
    let mut drops: Vec<DropReason> = Vec::new();
    let mut timestamp = 0i64;
    let mut rest = data;
    while let [len_hi, len_lo, flags, step, tail @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([len_hi & 7, *len_lo])).min(tail.len());
        let (payload, next) = tail.split_at(len);
        rest = next;
        timestamp = timestamp.wrapping_add(i64::from(*step as i8) * 900);
        let packet = RtpPacket { timestamp, marker: flags & 1 != 0, loss: u16::from(flags >> 1 & 3), payload };
        depacketiser.push(packet, &mut units, &mut drops);
    }
    let bytes: usize = units.iter().map(|unit| unit.data.len()).sum();
    // Nothing is made up: each unit holds what came, four bytes a NAL unit
    // and at most the parameter sets again.
    assert!(bytes <= data.len() * 8 + units.len() * (data.len() + 64));
    units
}

/// The rules every video access unit obeys.
pub fn check_video(units: &[AccessUnit]) {
    for unit in units {
        let lengths: usize = vms_media::nals(&unit.data).map(|nal| nal.len() + 4).sum();
        assert_eq!(lengths, unit.data.len(), "lengths fill the unit");
        assert!(!unit.data.is_empty());
    }
    assert!(units.first().is_none_or(|unit| unit.key), "nothing before a key frame");
}
