//! CPU time of the write path: fragments, both hashes (groups; the checksum
//! of the whole file, as a recorder keeps it), records, chain. Prints
//! milliseconds for each megabit, for streams of two rates.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use vms_format::{Fragmenter, Owner, PartId, PartWriter, Step, StreamState, TrackConfig};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

const FRAMES: usize = 25 * 120;

fn frames(frame_bytes: usize) -> Vec<Frame> {
    let data: Vec<Bytes> = (0..64u8).map(|n| Bytes::from(vec![n; frame_bytes])).collect();
    let frame = |n: usize| Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 1,
        number: n as u64,
        key: n.is_multiple_of(50),
        discontinuity: false,
        dts: n as i64 * 3600,
        pts: n as i64 * 3600,
        timing: Timing { utc_us: n as i64 * 40_000, error_us: Some(500) },
        data: data[n % data.len()].clone(),
    };
    (0..FRAMES).map(frame).collect()
}

fn write(tracks: &[TrackConfig], frames: &[Frame]) -> u64 {
    let mut cutter = Fragmenter::new(tracks);
    let part = PartId { hour: 1, part: 0, stream: 0 };
    let mut writer = PartWriter::new(&Owner::new("porto", "gate"), part, 1, tracks, None);
    let mut state = StreamState::new("gate", 0);
    let mut checksum = Sha256::new();
    checksum.update(writer.init());
    for frame in frames {
        if let Step::Closed(fragment) = cutter.push(frame) {
            let written = writer.fragment(fragment, 0, &mut state).expect("fits");
            written.slices().for_each(|slice| checksum.update(slice));
        }
    }
    std::hint::black_box(writer.close(checksum.finalize().into()));
    writer.size()
}

/// Time that this thread was on a processor (Linux).
fn cpu_ms() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("nanoseconds") / 1e6
}

fn main() {
    let track = Track::video(Codec::H264);
    let tracks = TrackConfig::of_stream(&[track]);
    for (name, frame_bytes) in [("4 Mbit/s", 20_000), ("0.5 Mbit/s", 2_500)] {
        let frames = frames(frame_bytes);
        write(&tracks, &frames);
        let best = (0..5)
            .map(|_| {
                let begin = cpu_ms();
                let bytes = write(&tracks, &frames);
                (cpu_ms() - begin) / (bytes as f64 * 8.0 / 1e6)
            })
            .fold(f64::MAX, f64::min);
        println!("{name}: {best:.4} ms of CPU a Mbit");
    }
    let data = vec![7; 1 << 24];
    let begin = cpu_ms();
    std::hint::black_box(Sha256::digest(&data));
    println!("one pass of SHA-256: {:.4} ms of CPU a Mbit", (cpu_ms() - begin) / (data.len() as f64 * 8.0 / 1e6));
}
