//! What the fuzz targets share: turning fuzzed bytes into a run of packets.

use vms_media::{AccessUnit, Codec, Depacketiser, DropReason, FileItem, MediaFile, RtpPacket, TrackKind};

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
    // and at most the parameter sets again, or the head of a JPEG file.
    assert!(bytes <= data.len() * 8 + units.len() * (data.len() + 1024));
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

/// Decode times rise, unless the sender's clock was set back by over a second.
pub fn check_dts(last: &mut Option<i64>, dts: i64) {
    let before = last.replace(dts);
    assert!(before.is_none_or(|before| dts > before || before.abs_diff(dts) > 90_000), "decode times rise");
}

/// Reads a file to its end or its first mistake, as far as a camera would in
/// hours: tables may name the same bytes again and again.
pub fn play_file(file: Vec<u8>) {
    let Ok(mut opened) = MediaFile::open(Box::new(file)) else { return };
    let mut items = Vec::new();
    for _ in 0..10_000 {
        let more = opened.next(&mut items);
        // Some forms tell with its first picture what a track is.
        let tracks = opened.tracks();
        assert!(tracks.first().is_none_or(|track| track.kind == TrackKind::Video) || items.is_empty());
        for item in items.drain(..) {
            let FileItem::Unit { track, unit } = item else { continue };
            assert!(!unit.data.is_empty() && usize::from(track) < tracks.len());
            if tracks[usize::from(track)].codec.has_nals() {
                let lengths: usize = vms_media::nals(&unit.data).map(|nal| nal.len() + 4).sum();
                assert_eq!(lengths, unit.data.len(), "lengths fill the unit");
            }
        }
        if more != Ok(true) {
            return;
        }
    }
}

/// The rules of access units of codecs without NAL units, and that their
/// packets are as many as are counted.
pub fn check_pictures(codec: &Codec, units: &[AccessUnit]) {
    for unit in units {
        assert!(!unit.data.is_empty());
        let payloads = vms_media::packetise(codec, &unit.data);
        assert_eq!(payloads.len() as u32, vms_media::packet_count(codec, &unit.data));
        assert!(payloads.iter().all(|payload| payload.bytes.len() <= vms_media::MAX_PAYLOAD));
        assert_eq!(unit.key, vms_media::bitstream::is_key(codec, &unit.data));
    }
    assert!(units.first().is_none_or(|unit| unit.key), "nothing before a key frame");
}
