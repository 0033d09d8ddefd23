//! Pictures of codecs whose packets hold a picture's bytes and no NAL units.
//!
//! A picture ends with the marker, or where the next one's time begins: if no
//! packet was lost in between, it is whole all the same.

use super::dts::DecodeClock;
use super::{AccessUnit, DropReason, MAX_UNIT_BYTES, MAX_UNIT_PACKETS, RtpPacket};
use crate::params::{ParameterSets, VideoInfo};
use crate::whole::WholePictures;
use crate::{Codec, depacketise};

/// The rules of one payload format.
pub trait Format: std::fmt::Debug + Send {
    /// Adds what a packet holds to the picture; `begins` on its first one.
    fn take(&mut self, payload: &[u8], begins: bool, picture: &mut Vec<u8>) -> Result<(), &'static str>;

    /// Its last packet came: the whole picture. `None` where there was none in
    /// the packets, but only what stands before one.
    fn finish(&mut self, picture: Vec<u8>) -> Result<Option<Vec<u8>>, &'static str>;

    /// The picture is given up.
    fn forget(&mut self);
}

/// The picture being put together.
#[derive(Debug)]
struct Picture {
    timestamp: i64,
    data: Vec<u8>,
    packets: u32,
    /// Of all payloads.
    bytes: usize,
    damage: Option<DropReason>,
}

#[derive(Debug)]
pub struct Pictures {
    format: Box<dyn Format>,
    whole: WholePictures,
    clock: DecodeClock,
    picture: Option<Picture>,
    /// Packets were lost since the last picture.
    loss: bool,
}

impl Pictures {
    pub fn new(codec: &Codec, clock_rate: u32, fmtp: &str) -> Self {
        let format: Box<dyn Format> = match codec {
            Codec::Av1 => Box::<depacketise::av1::Av1>::default(),
            Codec::Vp8 => Box::<depacketise::vp8::Vp8>::default(),
            Codec::Vp9 => Box::<depacketise::vp9::Vp9>::default(),
            Codec::Jpeg => Box::<depacketise::jpeg::Jpeg>::default(),
            _ => Box::<depacketise::mpeg4::Mpeg4>::default(),
        };
        let mut pictures = Self {
            format,
            whole: WholePictures::new(codec.clone(), fmtp),
            clock: DecodeClock::new(clock_rate),
            picture: None,
            loss: false,
        };
        pictures.declare();
        pictures
    }

    pub fn parameter_sets(&self) -> &ParameterSets {
        self.whole.parameter_sets()
    }

    pub fn info(&self) -> Option<VideoInfo> {
        let mut info = self.whole.info()?.clone();
        info.reorder_frames |= self.clock.reorders();
        Some(info)
    }

    /// B-VOPs come at most one behind another's place (ISO/IEC 14496-2, 6.1.3.6).
    fn declare(&mut self) {
        let reorders = self.whole.info().is_some_and(|info| info.reorder_frames);
        self.clock.declare(u32::from(reorders));
    }

    pub fn push(&mut self, packet: RtpPacket<'_>, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        if packet.loss > 0 {
            self.whole.lost();
            if let Some(picture) = &mut self.picture {
                picture.damage.get_or_insert(DropReason::LostPackets);
            }
        }
        if self.picture.as_ref().is_some_and(|picture| picture.timestamp != packet.timestamp) {
            self.end(out, drops);
        }
        self.loss |= packet.loss > 0;
        if packet.payload.is_empty() {
            drops.push(DropReason::BadPacket("empty payload"));
        } else {
            self.add(packet);
        }
        if packet.marker {
            self.end(out, drops);
        }
    }

    fn add(&mut self, packet: RtpPacket<'_>) {
        let begins = self.picture.is_none();
        let picture = self.picture.get_or_insert_with(|| Picture {
            timestamp: packet.timestamp,
            data: Vec::new(),
            packets: 0,
            bytes: 0,
            damage: None,
        });
        picture.packets += 1;
        picture.bytes += packet.payload.len();
        if picture.damage.is_some() {
            return;
        }
        let damage = if picture.bytes > MAX_UNIT_BYTES {
            Some(DropReason::TooLarge)
        } else if picture.packets > MAX_UNIT_PACKETS {
            Some(DropReason::TooManyPackets)
        } else {
            let taken = self.format.take(packet.payload, begins, &mut picture.data);
            taken.err().map(|why| if self.loss { DropReason::LostPackets } else { DropReason::BadPacket(why) })
        };
        if damage.is_some() {
            picture.damage = damage;
            picture.data = Vec::new();
            self.format.forget();
        }
    }

    /// The picture is over: out with it, or with the reason why not.
    fn end(&mut self, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        let Some(picture) = self.picture.take() else { return };
        let lost = std::mem::take(&mut self.loss);
        let data = match picture.damage {
            Some(damage) => {
                self.format.forget();
                Err(damage)
            }
            None => self
                .format
                .finish(picture.data)
                .map_err(|why| if lost { DropReason::LostPackets } else { DropReason::BadPacket(why) }),
        };
        match data {
            Ok(Some(data)) => self.emit(data, picture.timestamp, out, drops),
            Ok(None) => {}
            Err(reason) => {
                self.whole.lost();
                drops.push(reason);
            }
        }
    }

    fn emit(&mut self, data: Vec<u8>, timestamp: i64, out: &mut Vec<AccessUnit>, drops: &mut Vec<DropReason>) {
        match self.whole.take(data) {
            Ok(picture) => {
                if picture.key {
                    self.declare();
                }
                out.push(AccessUnit {
                    timestamp,
                    dts: self.clock.next(timestamp),
                    key: picture.key,
                    discontinuity: picture.discontinuity,
                    data: picture.data,
                });
            }
            Err(reason) => drops.push(reason),
        }
    }
}
