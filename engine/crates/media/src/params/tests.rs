use super::*;

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
    // High 4:4:4 and High 4:2:2 of the same encoder, and a set of a baseline
    // camera that says nothing of its rate.
    let mut bits = BitWriter::default();
    bits.bits(244, 8).bits(0, 8).bits(30, 8).ue(0);
    bits.ue(3).bits(0, 1).ue(0).ue(0).bits(0, 1);
    // Twelve scaling lists, the first one given, with an early end.
    bits.bits(1, 1).bits(1, 1).se(1).se(-9);
    for _ in 1..12 {
        bits.bits(0, 1);
    }
    bits.ue(0).ue(1).bits(0, 1).se(1).se(-1).ue(2).se(3).se(4);
    bits.ue(1).bits(0, 1).ue(9).ue(8).bits(1, 1).bits(0, 1).bits(0, 1).bits(0, 1);
    let nal = bits.nal(&[0x67]);
    let sps = H264Sps::parse(&nal).unwrap();
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
fn h265_rate_comes_from_the_video_set_where_the_sequence_has_none() {
    // A 1080p camera's sets as many makers write them: no VUI in the SPS.
    let mut sps = BitWriter::default();
    h265_sps_head(&mut sps);
    // Scaling lists: one given in full, one copied, then a prediction of a
    // reference set from the one before.
    sps.bits(1, 1).bits(1, 1);
    for size in 0..4 {
        for list in 0..if size == 3 { 2 } else { 6 } {
            if size == 2 && list == 0 {
                sps.bits(1, 1).se(8);
                for _ in 0..64 {
                    sps.se(0);
                }
            } else {
                sps.bits(0, 1).ue(0);
            }
        }
    }
    sps.bits(0, 2).bits(1, 1).bits(0, 8).ue(0).ue(0).bits(0, 1);
    sps.ue(2).ue(1).ue(0).ue(0).bits(1, 1);
    sps.bits(1, 1).bits(0, 1).ue(0).bits(1, 1).bits(0, 1).bits(1, 1);
    sps.bits(1, 1).ue(1).bits(3, 9).bits(0, 2).bits(0, 1);
    let sps = sps.nal(&[0x42, 1]);

    let mut vps = BitWriter::default();
    vps.bits(0, 12).bits(0, 3).bits(1, 17);
    tier(&mut vps);
    vps.bits(1, 1).ue(4).ue(2).ue(0).bits(0, 6).ue(0).bits(1, 1).bits(1, 32).bits(15, 32);
    let vps = vps.nal(&[0x40, 1]);

    let info = h265::info(&sps, Some(&vps)).unwrap();
    assert_eq!((info.width, info.height, info.fps), (1920, 1080, Some(15.0)));
    assert!(info.reorder_frames);
    assert_eq!(h265::info(&sps, None).unwrap().fps, None);
    assert_eq!(h265::info(&sps, Some(&vps[..8])).unwrap().fps, None);
}

fn tier(bits: &mut BitWriter) {
    bits.bits(1, 2).bits(1, 1).bits(2, 5).bits(0x2000_0000, 32);
    bits.bits(0xb0, 8).bits(0, 32).bits(0, 8).bits(93, 8);
}

fn h265_sps_head(bits: &mut BitWriter) {
    bits.bits(0, 4).bits(0, 3).bits(1, 1);
    tier(bits);
    bits.ue(0).ue(1).ue(1920).ue(1088).bits(1, 1).ue(0).ue(0).ue(0).ue(4);
    bits.ue(0).ue(0).ue(4).bits(1, 1).ue(4).ue(2).ue(0);
    for _ in 0..6 {
        bits.ue(1);
    }
}

#[test]
fn h265_usability_information_is_read_to_the_rate() {
    let mut sps = BitWriter::default();
    h265_sps_head(&mut sps);
    sps.bits(0, 1).bits(0, 2).bits(0, 1).ue(0).bits(0, 1).bits(0, 2);
    sps.bits(1, 1).bits(1, 1).bits(255, 8).bits(1, 32);
    sps.bits(1, 1).bits(1, 1).bits(1, 1).bits(5, 4).bits(1, 1).bits(0, 24);
    sps.bits(1, 1).ue(0).ue(0).bits(0, 3).bits(1, 1).ue(0).ue(0).ue(0).ue(0);
    sps.bits(1, 1).bits(1001, 32).bits(30_000, 32);
    let info = h265::info(&sps.nal(&[0x42, 1]), None).unwrap();
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
    let sets = sets(&Codec::H264, "camera.h264");
    let mut both = vec![0, 0, 0, 1];
    both.extend_from_slice(sets.sps.as_deref().unwrap());
    both.extend_from_slice(&[0, 0, 0, 1]);
    both.extend_from_slice(sets.pps.as_deref().unwrap());
    both.extend_from_slice(&[0, 0]);
    let fmtp = format!("96 sprop-parameter-sets={},", base64::encode(&both));
    assert_eq!(ParameterSets::from_fmtp(&Codec::H264, &fmtp), sets);
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

    fn se(&mut self, value: i32) -> &mut Self {
        self.ue(if value > 0 { value as u32 * 2 - 1 } else { value.unsigned_abs() * 2 })
    }

    fn nal(&mut self, header: &[u8]) -> Vec<u8> {
        self.bits(1, 1);
        let mut rbsp = header.to_vec();
        rbsp.extend_from_slice(&self.bytes);
        crate::bits::escape(&rbsp)
    }
}
