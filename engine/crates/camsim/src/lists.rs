//! Scaling lists in sequence sets, as some cameras have them: of nothing but 16, by
//! which pictures decode as without any.

use bytes::{Bytes, BytesMut};
use vms_media::bits::{escape, unescape};
use vms_media::nal::{Kind, kind};
use vms_media::params::scaling_lists_at;
use vms_media::{Codec, annexb, nals};

/// Eight lists of H.264 (ITU-T H.264, 7.3.2.1.1.1): whole bytes, so that what
/// follows keeps its place in its own.
const FLAT_LISTS: [u8; 25] = [
    0x84, 0x3f, 0xff, 0x90, 0x87, 0xff, 0xf2, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x08, 0x7f, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

/// Puts scaling lists in the sequence sets of a frame.
pub fn with_scaling_lists(codec: &Codec, data: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len() + FLAT_LISTS.len());
    for nal in nals(data) {
        let told = match codec {
            _ if kind(codec, nal) != Kind::Sps => None,
            Codec::H265 => in_h265(nal),
            _ => in_h264(nal),
        };
        annexb::put_nal(&mut out, told.as_deref().unwrap_or(nal));
    }
    out.freeze()
}

/// In sets of High profile with 4:2:0 and eight bits, whose fifth byte ends with
/// the flag that says whether there are any.
fn in_h264(nal: &[u8]) -> Option<Vec<u8>> {
    match nal {
        [head, 100, constraints, level, 0xac, rest @ ..] => {
            Some([&[*head, 100, *constraints, *level, 0xad], &FLAT_LISTS[..], rest].concat())
        }
        _ => None,
    }
}

/// In sets that have none; what follows moves by single bits.
fn in_h265(nal: &[u8]) -> Option<Vec<u8>> {
    let rbsp = unescape(nal.get(2..)?);
    let bits: Vec<bool> = rbsp.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1 == 1)).collect();
    let at = scaling_lists_at(nal)?;
    if bits[at] {
        return None;
    }
    // Behind the bit that ends the set comes only what fills the byte.
    let end = bits.iter().rposition(|bit| *bit)? + 1;
    let told = [&bits[..at], &[true, true], &flat_h265()[..], bits.get(at + 1..end)?].concat();
    let bytes: Vec<u8> = told
        .chunks(8)
        .map(|eight| eight.iter().enumerate().fold(0, |byte, (at, bit)| byte | u8::from(*bit) << (7 - at)))
        .collect();
    Some([&nal[..2], &escape(&bytes)].concat())
}

/// ITU-T H.265, 7.3.4: six lists of each size and two of the largest, each
/// written out as differences, the larger ones with their first value apart.
fn flat_h265() -> Vec<bool> {
    // Eight as a signed Exp-Golomb value; nought is a single 1 (9.2).
    const EIGHT: [bool; 9] = [false, false, false, false, true, false, false, false, false];
    let mut bits = Vec::new();
    for size in 0..4 {
        let values = if size == 0 { 16 } else { 64 };
        for _ in 0..if size == 3 { 2 } else { 6 } {
            bits.push(true);
            bits.extend(EIGHT);
            // Differences begin at 8, or at the value that stands apart.
            bits.resize(bits.len() + if size > 1 { values } else { values - 1 }, true);
        }
    }
    bits
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use vms_media::{access_units, to_annexb};

    use super::*;

    /// What ffmpeg decodes: a line a picture.
    fn decoded(codec: &str, stream: &[u8]) -> String {
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-v", "error", "-f", codec, "-i", "pipe:0", "-f", "framemd5", "-"]);
        let pipes = ffmpeg.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut running = pipes.spawn().expect("ffmpeg runs");
        running.stdin.take().expect("a pipe").write_all(stream).expect("it is taken");
        let output = running.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn pictures_decode_with_flat_lists_as_without_any() {
        for (codec, name, muxer) in [(Codec::H264, "camera.h264", "h264"), (Codec::H265, "camera.h265", "hevc")] {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors").join(name);
            let healthy = std::fs::read(&file).expect("a vector");
            let told: Vec<u8> = access_units(&codec, &healthy)
                .iter()
                .flat_map(|unit| to_annexb(&with_scaling_lists(&codec, &unit.data)))
                .collect();
            assert!(told.len() > healthy.len() + 25, "{name}: {} and {}", told.len(), healthy.len());
            assert_eq!(decoded(muxer, &told), decoded(muxer, &healthy), "{name}");
        }
    }
}
