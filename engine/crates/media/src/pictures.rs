//! Access units of H.264 and H.265 from protocols that carry whole pictures
//! with their times: MPEG-TS, FLV, files.

use bytes::Bytes;

use crate::depacketise::{AccessUnit, DropReason, MAX_UNIT_BYTES};
use crate::gate::Gate;
use crate::nal::{self, Kind};
use crate::params::{H264Sps, ParameterSets, VideoInfo};
use crate::rising::Rising;
use crate::{Codec, annexb, sei};

/// Remembers a stream's parameter sets and puts them in front of key pictures
/// that come without; nothing leaves before the first key picture.
#[derive(Debug)]
pub struct Pictures {
    gate: Gate,
    dts: Rising,
}

impl Pictures {
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self { gate: Gate::new(codec, ParameterSets::default()), dts: Rising::default() }
    }

    #[must_use]
    pub fn codec(&self) -> &Codec {
        &self.gate.codec
    }

    #[must_use]
    pub fn parameter_sets(&self) -> &ParameterSets {
        &self.gate.sets
    }

    #[must_use]
    pub fn info(&self) -> Option<VideoInfo> {
        self.gate.sets.info(&self.gate.codec)
    }

    /// How many places a picture may be shown later than it is decoded, as far
    /// as the stream says.
    #[must_use]
    pub fn reorders(&self) -> u32 {
        let sps = self.gate.sets.sps.as_deref();
        match (&self.gate.codec, sps.and_then(H264Sps::parse)) {
            (Codec::H264, Some(sps)) => sps.max_reorder.unwrap_or(0),
            _ => self.info().map_or(0, |info| info.reorder_frames.into()),
        }
    }

    /// A parameter set that came beside the pictures.
    pub fn learn(&mut self, set: &[u8]) {
        self.gate.sets.update(&self.gate.codec, &Bytes::copy_from_slice(set));
    }

    /// Something was lost before the next picture.
    pub fn lost(&mut self) {
        self.gate.lost();
    }

    /// Makes an access unit of a picture's NAL units. Decode times rise,
    /// unless the sender's clock was set back.
    ///
    /// # Errors
    /// With the reason why there is none.
    pub fn unit<'a>(
        &mut self,
        nals: impl Iterator<Item = &'a [u8]>,
        timestamp: i64,
        dts: i64,
    ) -> Result<AccessUnit, DropReason> {
        let mut picture = Picture::default();
        for nal in nals {
            let Gate { codec, sets, .. } = &mut self.gate;
            picture.add(codec, nal, sets).map_err(|reason| self.gate.dropped(reason))?;
        }
        if !picture.has_slice {
            return Err(DropReason::BadPacket("no picture data"));
        }
        let discontinuity = self.gate.pass(picture.key)?;
        Ok(AccessUnit {
            timestamp,
            dts: self.dts.next(dts),
            key: picture.key,
            discontinuity,
            data: picture.data(&self.gate.codec, &self.gate.sets),
        })
    }
}

#[derive(Default)]
struct Picture {
    /// NAL units with their lengths.
    nals: Vec<u8>,
    has_slice: bool,
    key: bool,
    /// An SEI said that decoding may begin here.
    recovery: bool,
    sets: [bool; 3],
}

impl Picture {
    fn add(&mut self, codec: &Codec, nal: &[u8], sets: &mut ParameterSets) -> Result<(), DropReason> {
        match nal::kind(codec, nal) {
            Kind::Ignored => return Ok(()),
            Kind::Bad => return Err(DropReason::BadPacket("not a NAL unit")),
            Kind::Slice { key, .. } => {
                self.has_slice = true;
                self.key |= key || self.recovery && *codec == Codec::H264 && nal::is_h264_intra_slice(nal);
            }
            Kind::Vps => self.set(0, codec, nal, sets),
            Kind::Sps => self.set(1, codec, nal, sets),
            Kind::Pps => self.set(2, codec, nal, sets),
            Kind::Sei => self.recovery |= *codec == Codec::H264 && sei::is_exact_recovery_point(nal),
            _ => {}
        }
        if self.nals.len() + nal.len() > MAX_UNIT_BYTES {
            return Err(DropReason::TooLarge);
        }
        annexb::put_nal(&mut self.nals, nal);
        Ok(())
    }

    fn set(&mut self, place: usize, codec: &Codec, nal: &[u8], sets: &mut ParameterSets) {
        self.sets[place] = true;
        sets.update(codec, &Bytes::copy_from_slice(nal));
    }

    fn data(self, codec: &Codec, sets: &ParameterSets) -> Bytes {
        let [vps, sps, pps] = self.sets;
        if !self.key || sps && pps && (vps || *codec != Codec::H265) {
            return self.nals.into();
        }
        let mut data = Vec::with_capacity(self.nals.len() + 256);
        for set in sets.in_order() {
            annexb::put_nal(&mut data, set);
        }
        data.extend_from_slice(&self.nals);
        data.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0, 0x1e];
    const PPS: &[u8] = &[0x68, 2];
    const KEY: &[u8] = &[0x65, 0x88, 1];
    const OTHER: &[u8] = &[0x41, 0x9a, 1];

    fn nals(data: &Bytes) -> Vec<Vec<u8>> {
        annexb::nals(data).map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn sets_from_beside_stand_before_each_key_picture() {
        let mut pictures = Pictures::new(Codec::H264);
        pictures.learn(SPS);
        pictures.learn(PPS);
        for _ in 0..2 {
            let unit = pictures.unit([KEY].into_iter(), 0, 0).expect("a picture");
            assert_eq!(nals(&unit.data), [SPS, PPS, KEY]);
        }
        let unit = pictures.unit([SPS, PPS, KEY].into_iter(), 0, 0).expect("a picture");
        assert_eq!(nals(&unit.data), [SPS, PPS, KEY], "not twice");
        let unit = pictures.unit([&[0x09, 0xf0][..], OTHER].into_iter(), 0, 0).expect("a picture");
        assert_eq!((unit.key, nals(&unit.data)), (false, vec![OTHER.to_vec()]));
    }

    #[test]
    fn nothing_leaves_before_a_key_picture_that_can_be_decoded() {
        let mut pictures = Pictures::new(Codec::H264);
        assert_eq!(pictures.unit([OTHER].into_iter(), 0, 0), Err(DropReason::NoKeyYet));
        assert_eq!(pictures.unit([KEY].into_iter(), 0, 0), Err(DropReason::NoKeyYet), "its sets are missing");
        assert_eq!(pictures.unit([SPS].into_iter(), 0, 0), Err(DropReason::BadPacket("no picture data")));
        assert!(pictures.unit([PPS, KEY].into_iter(), 0, 0).is_ok());
        assert!(pictures.unit([OTHER].into_iter(), 0, 0).is_ok());
    }

    #[test]
    fn decode_times_go_back_only_with_the_senders_clock_and_a_loss_is_told_once() {
        let mut pictures = Pictures::new(Codec::H264);
        let mut unit = |dts| pictures.unit([SPS, PPS, KEY].into_iter(), dts, dts).expect("a picture");
        assert_eq!([unit(10).dts, unit(10).dts, unit(5).dts, unit(90).dts], [10, 11, 12, 90]);
        assert_eq!([unit(900_000).dts, unit(3_600).dts, unit(7_200).dts], [900_000, 3_600, 7_200], "it was set back");
        pictures.lost();
        let mut flags = Vec::new();
        for _ in 0..2 {
            flags.push(pictures.unit([KEY].into_iter(), 0, 0).expect("a picture").discontinuity);
        }
        assert_eq!(flags, [true, false]);
    }

    #[test]
    fn a_picture_over_the_cap_is_refused_and_the_next_one_says_so() {
        let mut pictures = Pictures::new(Codec::H264);
        let half = vec![0x65; MAX_UNIT_BYTES / 2 + 1];
        assert_eq!(pictures.unit([&half[..], &half[..]].into_iter(), 0, 0), Err(DropReason::TooLarge));
        assert!(pictures.unit([SPS, PPS, KEY].into_iter(), 0, 0).expect("a picture").discontinuity);
        assert_eq!(pictures.unit([SPS].into_iter(), 0, 0), Err(DropReason::BadPacket("no picture data")));
        assert!(!pictures.unit([KEY].into_iter(), 0, 0).expect("a picture").discontinuity, "nothing was dropped");
    }
}
