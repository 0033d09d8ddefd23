use super::*;
use crate::rtp_cases;

fn vector(name: &str) -> Vec<u8> {
    let path = format!("{}/../../../tests/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a test vector")
}

fn sets(codec: &Codec, name: &str) -> ParameterSets {
    let mut sets = ParameterSets::default();
    for nal in annexb::split(&vector(name)) {
        sets.update(codec, &Bytes::copy_from_slice(nal));
    }
    sets
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn h264_size_rate_and_profile_come_from_the_bits() {
    let info = sets(&Codec::H264, "camera.h264").info(&Codec::H264).unwrap();
    assert_eq!((info.width, info.height, info.fps), (160, 120, Some(25.0)));
    assert_eq!(info.profile, "High 1.1");
    assert_eq!(info.codec_string, "avc1.64000b");
    assert_eq!(info.profile_level_id, [0x64, 0, 0x0b]);
    assert!(!info.reorder_frames);
}

#[test]
fn h264_cropping_interlacing_and_reordering_are_read() {
    let cropped = sets(&Codec::H264, "slices.h264").info(&Codec::H264).unwrap();
    assert_eq!((cropped.width, cropped.height), (1918, 1078));
    assert_eq!(cropped.profile, "Constrained Baseline 4.0");
    let interlaced = sets(&Codec::H264, "interlaced.h264");
    let info = interlaced.info(&Codec::H264).unwrap();
    assert_eq!((info.width, info.height), (176, 144));
    assert!(!H264Sps::parse(interlaced.sps.as_deref().unwrap()).unwrap().frame_mbs_only);
    assert!(sets(&Codec::H264, "b_frames.h264").info(&Codec::H264).unwrap().reorder_frames);
}

#[test]
fn h264_profiles_with_scaling_lists_chroma_and_order_types() {
    let sps = H264Sps::parse(&rtp_cases::payloads("h264_scaling_lists")[0]).unwrap();
    assert_eq!((sps.width, sps.height), (160, 144));
    assert_eq!(sps.fps, None);
    assert_eq!(sps.info().profile, "High 4:4:4 3.0");

    for (profile, name) in [(88, "Extended"), (77, "Main"), (110, "High 10"), (122, "High 4:2:2"), (9, "Profile 9")] {
        assert_eq!(profile_of(profile), format!("{name} 3.0"));
    }
    assert_eq!(profile_of(66), "Baseline 3.0");
}

fn profile_of(profile: u32) -> String {
    let mut bits = BitWriter::default();
    bits.bits(profile, 8).bits(0, 8).bits(30, 8).ue(0);
    if profile > 100 {
        bits.ue(2).ue(0).ue(0).bits(0, 1).bits(0, 1);
    }
    bits.ue(0).ue(2).ue(1).bits(0, 1).ue(9).ue(8).bits(1, 1).bits(0, 1);
    // Cropped by one unit on each side, then a VUI with everything in it.
    bits.bits(1, 1).ue(1).ue(1).ue(1).ue(1);
    bits.bits(1, 1).bits(1, 1).bits(255, 8).bits(1, 32);
    bits.bits(1, 1).bits(1, 1).bits(1, 1).bits(5, 4).bits(1, 1).bits(0, 24);
    bits.bits(1, 1).ue(0).ue(0);
    bits.bits(1, 1).bits(1, 32).bits(60, 32).bits(1, 1);
    for _ in 0..2 {
        bits.bits(1, 1).ue(0).bits(0, 8).ue(1).ue(1).bits(0, 1).bits(0, 20);
    }
    bits.bits(0, 1).bits(1, 1);
    bits.bits(1, 1).bits(1, 1).ue(0).ue(0).ue(9).ue(9).ue(1).ue(1);
    let sps = H264Sps::parse(&bits.nal(&[0x67])).unwrap();
    assert_eq!(sps.fps, Some(30.0));
    assert_eq!(sps.max_reorder, Some(0), "order type 2 never reorders");
    sps.info().profile
}

#[test]
fn h265_size_rate_and_profile_come_from_the_bits() {
    let sets = sets(&Codec::H265, "camera.h265");
    let info = sets.info(&Codec::H265).unwrap();
    assert_eq!((info.width, info.height, info.fps), (160, 120, Some(25.0)));
    assert_eq!(info.profile, "Main 1.0");
    assert!(info.codec_string.starts_with("hvc1.1.6.L30"), "{}", info.codec_string);
    assert!(!info.reorder_frames);
    assert!(sets.complete(&Codec::H265));
}

#[test]
fn h265_scaling_lists_and_reference_sets_are_passed_over() {
    let [vps, sps] = rtp_cases::payloads("h265_scaling_lists").try_into().unwrap();
    let info = h265::info(&sps, Some(&vps)).unwrap();
    assert_eq!((info.width, info.height, info.fps), (1920, 1080, Some(15.0)));
    assert!(info.reorder_frames);
    assert_eq!(h265::info(&sps, None).unwrap().fps, None);
    assert_eq!(h265::info(&sps, Some(&vps[..8])).unwrap().fps, None);
}

#[test]
fn h265_sub_layers_are_passed_over_to_the_rate() {
    let info = h265::info(&rtp_cases::payloads("h265_sub_layers")[0], None).unwrap();
    assert_eq!((info.width, info.height), (1920, 1080));
    assert!((info.fps.unwrap() - 29.97).abs() < 0.01);
    assert_eq!(info.profile, "Main 10 3.1");
    assert_eq!(info.codec_string, "hvc1.A2.4.H93.B0");
}

#[test]
fn damaged_sets_are_refused_without_harm() {
    for name in ["camera.h264", "interlaced.h264", "b_frames.h264", "slices.h264"] {
        let sps = sets(&Codec::H264, name).sps.unwrap();
        for len in 0..sps.len() {
            let _any = H264Sps::parse(&sps[..len]);
        }
    }
    let sets = sets(&Codec::H265, "camera.h265");
    let sps = sets.sps.unwrap();
    for len in 0..sps.len() {
        let _any = h265::info(&sps[..len], sets.vps.as_deref().map(|vps| &vps[..vps.len() / 2]));
    }
    // A picture 65,536 wide, and one cropped to nothing.
    assert_eq!(H264Sps::parse(&hex("6742001e0000000000")), None);
    assert_eq!(ParameterSets::default().info(&Codec::H264), None);
}

#[test]
fn sets_survive_the_way_through_sdp() {
    for (codec, name) in [(Codec::H264, "camera.h264"), (Codec::H265, "camera.h265")] {
        let sets = sets(&codec, name);
        let fmtp = sets.fmtp(&codec);
        assert_eq!(ParameterSets::from_fmtp(&codec, &fmtp), sets);
        assert_eq!(ParameterSets::from_fmtp(&codec, &format!("96 {fmtp}")), sets);
    }
    let fmtp = sets(&Codec::H264, "camera.h264").fmtp(&Codec::H264);
    assert!(fmtp.starts_with("packetization-mode=1;profile-level-id=64000b;sprop-parameter-sets=Z2"));
    assert_eq!(ParameterSets::default().fmtp(&Codec::H264), "packetization-mode=1");
    assert_eq!(ParameterSets::default().fmtp(&Codec::Aac), "");
    assert!(!ParameterSets::default().complete(&Codec::H264));
}

#[test]
fn start_codes_and_extra_bytes_in_sprop_are_forgiven() {
    let sdp = include_str!("../../../../../tests/vectors/rtsp/sdp/sprop_with_start_codes.sdp");
    let fmtp = sdp.lines().find_map(|line| line.strip_prefix("a=fmtp:")).unwrap();
    assert_eq!(ParameterSets::from_fmtp(&Codec::H264, fmtp), sets(&Codec::H264, "camera.h264"));
}

#[test]
fn nonsense_in_sprop_is_left_out() {
    for fmtp in ["", "96", "96 ", "sprop-parameter-sets=", "sprop-parameter-sets=*,*", "sprop-parameter-sets=Z0I=,"] {
        let sets = ParameterSets::from_fmtp(&Codec::H264, fmtp);
        assert_eq!(sets.sps, None, "{fmtp}");
    }
    assert_eq!(ParameterSets::from_fmtp(&Codec::Aac, "config=1210"), ParameterSets::default());
    assert_eq!(ParameterSets::from_fmtp(&Codec::H265, "sprop-sps=QgE="), ParameterSets::default());
}

#[test]
fn several_picture_sets_do_not_replace_each_other_for_ever() {
    let mut sets = ParameterSets::default();
    let (first, second) = (Bytes::from_static(&[0x68, 0x80]), Bytes::from_static(&[0x68, 0x40]));
    assert!(sets.update(&Codec::H264, &first));
    assert!(!sets.update(&Codec::H264, &second));
    assert!(!sets.update(&Codec::H264, &first));
    assert!(sets.update(&Codec::H264, &Bytes::from_static(&[0x68, 0x81])));
    assert!(!sets.update(&Codec::H264, &Bytes::from_static(&[0x65, 0x88])));
}

/// Writes parameter sets bit by bit, for forms no encoder here makes.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    fn bits(&mut self, value: u32, count: u32) -> &mut Self {
        for shift in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = (value >> shift & 1) as u8;
            *self.bytes.last_mut().unwrap() |= bit << (7 - self.used % 8);
            self.used += 1;
        }
        self
    }

    fn ue(&mut self, value: u32) -> &mut Self {
        let code = value + 1;
        let len = 32 - code.leading_zeros();
        self.bits(0, len - 1).bits(code, len)
    }

    fn nal(&mut self, header: &[u8]) -> Vec<u8> {
        self.bits(1, 1);
        let mut rbsp = header.to_vec();
        rbsp.extend_from_slice(&self.bytes);
        crate::bits::escape(&rbsp)
    }
}
