//! `prft`, `moof` and the head of `mdat` of one fragment.

use super::{boxed, full, uuid, uuid_box};
use crate::fragment::{TrackStart, tracks_of};
use crate::wire::Put;
use crate::{Sample, Stored};

/// The bytes of a `prft` of version 1.
pub const PRFT_BYTES: usize = 32;

pub(super) const FLAGS_KEY: u32 = 0x0200_0000;
const FLAGS_OTHER: u32 = 0x0101_0000;

/// Seconds from 1900 to 1970.
const NTP_1970: i64 = 2_208_988_800;

/// NTP time: seconds modulo 2^32, and their fraction, rounded down.
#[must_use]
pub fn ntp(utc_us: i64) -> u64 {
    let seconds = (utc_us.div_euclid(1_000_000).wrapping_add(NTP_1970)) as u32;
    let fraction = ((utc_us.rem_euclid(1_000_000) as u64) << 32) / 1_000_000;
    u64::from(seconds) << 32 | fraction
}

/// `prft`: when the sample at `dts` of `track` was taken.
fn put_prft(out: &mut Vec<u8>, track: u8, utc_us: i64, dts: i64) {
    full(out, b"prft", 1, 24, |out| {
        out.put_u32(track.into());
        out.put_u64(ntp(utc_us));
        out.put_i64(dts);
    });
}

/// All of a fragment but the samples' bytes, which follow it: `prft`, the
/// record with these flags, `moof`, the head of `mdat`. Without samples the
/// last two are not there.
#[must_use]
pub fn head(stored: &Stored, flags: u16, samples: &[Sample]) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 + samples.len() * 16);
    let clock = stored.core.tracks.first();
    let (track, dts) = clock.map_or((1, 0), |track| (track.id, track.first_dts));
    put_prft(&mut out, track, stored.core.utc_us, dts);
    out.extend(uuid_box(&uuid::FRAGMENT, &stored.record(flags).encode()));
    if !samples.is_empty() {
        put_moof(&mut out, stored.core.sequence, &tracks_of(samples), samples);
    }
    out
}

/// Samples as a segment that a player takes: `moof` and `mdat`, without what
/// proves them. They stand track by track.
#[must_use]
pub fn segment(sequence: u64, samples: &[Sample]) -> Vec<u8> {
    let bytes: usize = samples.iter().map(|sample| sample.data.len()).sum();
    let mut out = Vec::with_capacity(bytes + 512 + samples.len() * 16);
    if !samples.is_empty() {
        put_moof(&mut out, sequence, &tracks_of(samples), samples);
        samples.iter().for_each(|sample| out.put(&sample.data));
    }
    out
}

/// `moof`, and the head of the `mdat` that the samples' bytes follow.
fn put_moof(out: &mut Vec<u8>, sequence: u64, tracks: &[TrackStart], samples: &[Sample]) {
    // `traf`, `tfhd`, `tfdt`, `trun` without samples take 8 + 16 + 20 + 20.
    let size = 8 + 16 + tracks.len() * 64 + samples.len() * 16;
    let mut data_at = size as u64 + 8;
    let mut rest = samples;
    boxed(out, b"moof", |out| {
        full(out, b"mfhd", 0, 0, |out| out.put_u32(sequence as u32));
        for track in tracks {
            let (own, others) = rest.split_at(track.samples as usize);
            rest = others;
            put_traf(out, track, own, data_at as u32);
            data_at += own.iter().map(|sample| sample.data.len() as u64).sum::<u64>();
        }
    });
    out.put_u32((data_at - size as u64) as u32);
    out.put(b"mdat");
}

fn put_traf(out: &mut Vec<u8>, track: &TrackStart, samples: &[Sample], data_at: u32) {
    boxed(out, b"traf", |out| {
        full(out, b"tfhd", 0, 0x2_0000, |out| out.put_u32(track.id.into()));
        full(out, b"tfdt", 1, 0, |out| out.put_i64(track.first_dts));
        full(out, b"trun", 1, 0xf01, |out| {
            out.put_u32(samples.len() as u32);
            out.put_u32(data_at);
            for sample in samples {
                out.put_u32(sample.duration);
                out.put_u32(sample.data.len() as u32);
                out.put_u32(if sample.key { FLAGS_KEY } else { FLAGS_OTHER });
                out.put_i32(sample.pts.wrapping_sub(sample.dts) as i32);
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ntp_time_is_that_of_the_standard() {
        // RFC 5905: 1970-01-01 is 2208988800; half a second is 2^31.
        assert_eq!(ntp(500_000), 2_208_988_800 << 32 | 1 << 31);
        assert_eq!(ntp(-1) >> 32, 2_208_988_799);
        // The first era ends in 2036.
        assert_eq!(ntp(2_085_978_496_000_000), 0);
    }
}
