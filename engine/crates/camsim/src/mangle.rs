//! Doing a fault to a frame's packets.

use bytes::{BufMut, Bytes, BytesMut};
use rand::Rng;
use vms_media::nal::{Kind, kind};
use vms_media::{Codec, annexb, nals};

use crate::fault::Fault;
use crate::lists::with_scaling_lists;
use crate::scene::{Scene, SceneFrame};
use crate::spoil::{self, BadPayload};

/// A packet on its way out.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub marker: bool,
    pub payload: Bytes,
    /// Counted, but not sent.
    pub lost: bool,
    /// Sent under another session's name.
    pub foreign: bool,
    /// Its time is a tick before the frame's.
    pub early: bool,
}

impl Outgoing {
    pub fn new((marker, payload): (bool, Bytes)) -> Self {
        Self { marker, payload, lost: false, foreign: false, early: false }
    }
}

/// The packets of a frame after `fault` is done to it, each with the place in
/// the run of sequence numbers that its number comes from.
pub fn packets(
    scene: &Scene,
    frame: &SceneFrame,
    sei: &Bytes,
    fault: &Fault,
    rng: &mut impl Rng,
) -> Vec<(u16, Outgoing)> {
    let data = frame.with_sei(&scene.codec, sei);
    // What is done to NAL units leaves codecs without them as they are.
    let has_nals = scene.codec.has_nals();
    let mut packets: Vec<Outgoing> = match fault {
        _ if !has_nals => scene.payloads(&data).into_iter().map(Outgoing::new).collect(),
        Fault::NoParameterSets { in_band: false } | Fault::SetsOnlyInSdp => {
            scene.payloads(&without_sets(&scene.codec, &data)).into_iter().map(Outgoing::new).collect()
        }
        Fault::BigPackets => big_packets(&scene.codec, &data),
        Fault::BadPayload { form: BadPayload::ScalingLists } => {
            scene.payloads(&with_scaling_lists(&scene.codec, &data)).into_iter().map(Outgoing::new).collect()
        }
        Fault::BadPayload { form } => {
            let healthy = scene.payloads(&data).into_iter().map(Outgoing::new).collect();
            spoil::packets(*form, &scene.codec, &data, healthy)
        }
        _ => scene.payloads(&data).into_iter().map(Outgoing::new).collect(),
    };
    match fault {
        Fault::Drop { percent } => {
            for packet in &mut packets {
                packet.lost = rng.random_range(0.0..100.0) < *percent;
            }
        }
        Fault::LyingMarker | Fault::EndlessFrame if !has_nals => {}
        Fault::LyingMarker => lie(&scene.codec, &mut packets),
        Fault::EndlessFrame => never_end(&scene.codec, &mut packets),
        Fault::ForeignPackets => {
            let mut foreign = packets[0].clone();
            foreign.foreign = true;
            packets.push(foreign);
        }
        _ => {}
    }
    let mut numbered: Vec<_> = (0u16..).zip(packets).collect();
    if let Fault::Reorder { percent } = fault {
        for at in 1..numbered.len() {
            if rng.random_range(0.0..100.0) < *percent {
                numbered.swap(at - 1, at);
            }
        }
    }
    numbered
}

fn without_sets(codec: &Codec, data: &Bytes) -> Bytes {
    let mut out = BytesMut::with_capacity(data.len());
    for nal in nals(data) {
        if !matches!(kind(codec, nal), Kind::Vps | Kind::Sps | Kind::Pps) {
            annexb::put_nal(&mut out, nal);
        }
    }
    out.freeze()
}

/// The marker where it does not belong, and not where it does.
fn lie(codec: &Codec, packets: &mut [Outgoing]) {
    for packet in packets {
        packet.marker = matches!(kind(codec, &packet.payload), Kind::Sei | Kind::Vps | Kind::Sps | Kind::Pps);
    }
}

/// Makes every packet a middle fragment of one picture, after a first start.
fn never_end(codec: &Codec, packets: &mut [Outgoing]) {
    for packet in packets {
        packet.marker = false;
        let mut out = BytesMut::with_capacity(packet.payload.len() + 3);
        let skipped = match codec {
            Codec::H265 => {
                out.put_slice(&[49 << 1, 1, 19]);
                3
            }
            _ => {
                out.put_slice(&[0x7c, 5]);
                2
            }
        };
        out.put_slice(packet.payload.get(skipped..).unwrap_or_default());
        packet.payload = out.freeze();
    }
}

/// Fragments far over any path's size, as some makers send them over UDP.
fn big_packets(codec: &Codec, data: &Bytes) -> Vec<Outgoing> {
    const SIZE: usize = 10_000;
    let mut packets = Vec::new();
    for nal in nals(data) {
        if nal.len() <= SIZE {
            packets.push(Outgoing::new((false, Bytes::copy_from_slice(nal))));
            continue;
        }
        let (head, fu_kind, skipped) = match codec {
            Codec::H265 => (vec![nal[0] & 0x81 | 49 << 1, nal[1]], nal[0] >> 1 & 0x3f, 2),
            _ => (vec![nal[0] & 0xe0 | 28], nal[0] & 0x1f, 1),
        };
        let chunks = nal[skipped..].chunks(SIZE - 3);
        let last = chunks.len() - 1;
        for (index, chunk) in chunks.enumerate() {
            let start = if index == 0 { 0x80 } else { 0 };
            let end = if index == last { 0x40 } else { 0 };
            let mut payload = head.clone();
            payload.push(start | end | fu_kind);
            payload.extend_from_slice(chunk);
            packets.push(Outgoing::new((false, payload.into())));
        }
    }
    if let Some(last) = packets.last_mut() {
        last.marker = true;
    }
    packets
}
