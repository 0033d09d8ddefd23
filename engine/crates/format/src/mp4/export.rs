//! What an export changes of a part's boxes: an init segment of its own, and
//! when its fragments are shown. Samples stay as they are.

use super::walk::{InitTrack, children, find};
use super::{boxed, full};
use crate::FormatError;
use crate::wire::{Put, Reader};

/// Of the durations in `moov`, as in a part's `mvhd`.
const MOVIE_TIMESCALE: i64 = 1000;

/// `ftyp` and `moov` of an export, from those of a part: with the `tracks` that
/// are taken, played from `skip_us` behind decode time 0 on (ISO/IEC 14496-12,
/// 8.6.6), `duration_us` long. A part's HEADER is left out: this is none.
pub fn init(of_part: &[u8], tracks: &[InitTrack], skip_us: i64, duration_us: i64) -> Result<Vec<u8>, FormatError> {
    let ftyp = find(of_part, &[b"ftyp"]).ok_or(FormatError::Missing { what: "ftyp" })?;
    let moov = find(of_part, &[b"moov"]).ok_or(FormatError::Missing { what: "moov" })?;
    let mut out = Vec::with_capacity(of_part.len() + 256);
    boxed(&mut out, b"ftyp", |out| out.put(ftyp));
    let mut bad = None;
    boxed(&mut out, b"moov", |out| {
        for (name, inside) in children(moov) {
            match &name {
                b"udta" => {}
                b"trak" => match track_id(inside).map(|id| tracks.iter().find(|track| u32::from(track.id) == id)) {
                    Ok(Some(track)) => put_track(out, inside, track, skip_us, duration_us),
                    Ok(None) => {}
                    Err(error) => bad = Some(error),
                },
                b"mvex" => put_extends(out, inside, tracks, duration_us),
                _ => boxed(out, &name, |out| out.put(inside)),
            }
        }
    });
    bad.map_or(Ok(out), Err)
}

fn track_id(trak: &[u8]) -> Result<u32, FormatError> {
    let mut tkhd = Reader::new(find(trak, &[b"tkhd"]).ok_or(FormatError::Missing { what: "tkhd" })?, "tkhd");
    let wide = tkhd.u8()? == 1;
    tkhd.take(if wide { 19 } else { 11 })?;
    tkhd.u32()
}

fn put_track(out: &mut Vec<u8>, trak: &[u8], track: &InitTrack, skip_us: i64, duration_us: i64) {
    boxed(out, b"trak", |out| {
        for (name, inside) in children(trak) {
            boxed(out, &name, |out| out.put(inside));
            if &name == b"tkhd" && skip_us > 0 {
                boxed(out, b"edts", |out| {
                    full(out, b"elst", 1, 0, |out| {
                        out.put_u32(1);
                        out.put_i64(ticks(duration_us, MOVIE_TIMESCALE));
                        out.put_i64(ticks(skip_us, track.timescale.into()));
                        out.put_u32(0x1_0000);
                    });
                });
            }
        }
    });
}

fn put_extends(out: &mut Vec<u8>, mvex: &[u8], tracks: &[InitTrack], duration_us: i64) {
    let taken = |trex: &[u8]| {
        let id = trex.get(4..8).and_then(|id| id.try_into().ok()).map(u32::from_be_bytes);
        tracks.iter().any(|track| Some(u32::from(track.id)) == id)
    };
    boxed(out, b"mvex", |out| {
        full(out, b"mehd", 1, 0, |out| out.put_i64(ticks(duration_us, MOVIE_TIMESCALE)));
        for (_, trex) in children(mvex).filter(|(name, inside)| name == b"trex" && taken(inside)) {
            boxed(out, b"trex", |out| out.put(trex));
        }
    });
}

/// A time in ticks of `timescale`, to the nearest.
#[must_use]
pub fn ticks(us: i64, timescale: i64) -> i64 {
    let scaled = (i128::from(us) * i128::from(timescale) + 500_000).div_euclid(1_000_000);
    scaled.clamp(i64::MIN.into(), i64::MAX.into()) as i64
}

/// Moves the decode times in a `moof`, whose contents these are.
pub fn shift(moof: &mut [u8], by: &dyn Fn(u8) -> i64) -> Result<(), FormatError> {
    each_child(moof, &mut |name, traf| {
        if name != *b"traf" {
            return Ok(());
        }
        let mut track = 0;
        each_child(traf, &mut |name, inside| {
            let field =
                |range: std::ops::Range<usize>| inside.get(range).ok_or(FormatError::Short { what: "a box of traf" });
            match &name {
                b"tfhd" => track = field(4..8)?[3],
                b"tfdt" => {
                    let mut time = [0; 8];
                    time.copy_from_slice(field(4..12)?);
                    let time = i64::from_be_bytes(time).saturating_add(by(track));
                    inside[4..12].copy_from_slice(&time.to_be_bytes());
                }
                _ => {}
            }
            Ok(())
        })
    })
}

type OnChild<'a> = &'a mut dyn FnMut([u8; 4], &mut [u8]) -> Result<(), FormatError>;

fn each_child(data: &mut [u8], with: OnChild<'_>) -> Result<(), FormatError> {
    let mut rest = data;
    while let Some((head, _)) = rest.split_first_chunk::<8>() {
        let size = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let name = [head[4], head[5], head[6], head[7]];
        if size < 8 || size > rest.len() {
            return Err(FormatError::Value { what: "a box's size", value: size as u64 });
        }
        let (own, after) = rest.split_at_mut(size);
        with(name, &mut own[8..])?;
        rest = after;
    }
    Ok(())
}

/// A `moof` of a fragment that no sample is left of: it keeps its turn.
#[must_use]
pub fn empty(sequence: u64) -> Vec<u8> {
    let mut out = Vec::new();
    boxed(&mut out, b"moof", |out| full(out, b"mfhd", 0, 0, |out| out.put_u32(sequence as u32)));
    out
}
