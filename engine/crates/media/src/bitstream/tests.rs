use super::*;

/// Writes values of so many bits each.
fn bits(fields: &[(u32, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut filled = 0;
    for (value, count) in fields {
        for at in (0..*count).rev() {
            if filled % 8 == 0 {
                out.push(0);
            }
            *out.last_mut().expect("a byte") |= ((value >> at & 1) as u8) << (7 - filled % 8);
            filled += 1;
        }
    }
    out
}

#[test]
fn a_sequence_header_with_everything_in_it_is_read() {
    // Professional, 4:2:2 of 12 bits, timing, a decoder model, two points.
    let body = bits(&[
        (2, 3),
        (0, 1),
        (0, 1),
        (1, 1),
        (1, 32),
        (25, 32),
        (1, 1),
        (1, 1),
        (1, 1),
        (9, 5),
        (1, 32),
        (3, 5),
        (4, 5),
        (1, 1),
        (1, 5),
        (0, 12),
        (13, 5),
        (1, 1),
        (1, 1),
        (77, 10),
        (78, 10),
        (0, 1),
        (1, 1),
        (5, 4),
        (1, 12),
        (8, 5),
        (0, 1),
        (0, 1),
        (0, 1),
        (12, 4),
        (11, 4),
        (4095, 13),
        (2159, 12),
        (1, 1),
        (3, 4),
        (2, 3),
        (0, 3),
        (15, 4),
        (1, 1),
        (3, 2),
        (0, 1),
        (1, 1),
        (0, 1),
        (1, 1),
        (6, 3),
        (7, 3),
        (1, 1),
        (1, 1),
        (0, 1),
        (1, 1),
        (9, 8),
        (16, 8),
        (9, 8),
        (0, 1),
        (1, 1),
        (0, 1),
        (0, 1),
        (0, 1),
    ]);
    let mut obu = vec![0x0a, body.len() as u8];
    obu.extend(&body);
    let sequence = av1::Sequence::of_obu(&obu).expect("readable");
    assert_eq!((sequence.width, sequence.height, sequence.depth), (4096, 2160, 12));
    assert_eq!((sequence.subsampling_x, sequence.subsampling_y), (true, false));
    assert_eq!(sequence.codec_string(), "av01.2.13H.12");
    assert_eq!(sequence.info().profile, "Professional 5.1");
    for end in 0..obu.len() - 1 {
        let mut cut = obu[..end].to_vec();
        if let Some(size) = cut.get_mut(1) {
            *size = end.saturating_sub(2) as u8;
        }
        assert_eq!(av1::Sequence::of_obu(&cut), None, "{end}");
    }
}

#[test]
fn sizes_of_units_are_read_and_written() {
    for value in [0, 1, 127, 128, 16_383, 16_384, 1 << 24] {
        let mut out = Vec::new();
        av1::put_leb128(&mut out, value);
        assert_eq!(out.len(), av1::leb128_len(value));
        assert_eq!(av1::leb128(&out), Some((value, &[][..])));
        assert_eq!(av1::leb128(&out[..out.len() - 1]), None);
    }
    assert_eq!(av1::leb128(&[0x80; 9]), None, "nine bytes");
    assert_eq!(av1::leb128(&[0xff, 0xff, 0xff, 0xff, 0x7f]), None, "over 32 bits");
    assert_eq!(av1::obus(&[0x0a, 5, 1]).count(), 0, "cut short");
    assert_eq!(av1::obus(&[0x80, 0]).count(), 0, "the forbidden bit");
}

#[test]
fn a_hidden_key_frame_is_no_key() {
    let unit = |first: u8| [0x32, 2, first, 0];
    assert!(av1::is_key(&unit(0x10)));
    assert!(!av1::is_key(&unit(0x00)), "not shown");
    assert!(!av1::is_key(&unit(0x30)), "inter");
    assert!(!av1::is_key(&unit(0x90)), "shows an older frame");
}

#[test]
fn heads_of_vp9_have_every_profile() {
    // Profile 2, ten bits, BT.709; then profile 1 with 4:4:4.
    let ten = bits(&[
        (2, 2),
        (0, 1),
        (1, 1),
        (0, 1),
        (0, 1),
        (1, 1),
        (0, 1),
        (0x49_8342, 24),
        (0, 1),
        (2, 3),
        (0, 1),
        (1919, 16),
        (1079, 16),
    ]);
    let head = vp9::Head::of_key(&ten).expect("a key frame");
    assert_eq!((head.profile, head.depth, head.width, head.height, head.chroma()), (2, 10, 1920, 1080, 1));
    assert_eq!(head.codec_string(), "vp09.02.40.10");
    assert_eq!(vp9::Head::from_bytes(&head.bytes()), Some(head));
    let full = bits(&[
        (2, 2),
        (1, 1),
        (0, 1),
        (0, 1),
        (0, 1),
        (1, 1),
        (0, 1),
        (0x49_8342, 24),
        (1, 3),
        (1, 1),
        (0, 2),
        (0, 1),
        (63, 16),
        (63, 16),
    ]);
    let head = vp9::Head::of_key(&full).expect("a key frame");
    assert_eq!((head.profile, head.full_range, head.chroma()), (1, true, 3));
    let mut inter = ten.clone();
    inter[0] |= 4;
    assert_eq!(vp9::Head::of_key(&inter), None);
    for end in 0..ten.len() - 1 {
        assert_eq!(vp9::Head::of_key(&ten[..end]), None, "{end}");
    }
}

#[test]
fn layers_become_one_superframe() {
    assert_eq!(vp9::superframe(vec![1, 2, 3], &[3]), [1, 2, 3]);
    let made = vp9::superframe(vec![1, 2, 3], &[1, 2]);
    assert_eq!(made, [1, 2, 3, 0xd9, 1, 0, 0, 0, 2, 0, 0, 0, 0xd9]);
}

#[test]
fn a_key_frame_of_vp8_has_its_start_code_and_a_size() {
    let key = [0x50, 1, 0, 0x9d, 1, 0x2a, 0x40, 0x41, 0xf0, 0x80, 9];
    let head = vp8::Head::of_key(&key).expect("a key frame");
    assert_eq!((head.width, head.height), (320, 240), "the scale is no part of it");
    assert_eq!(vp8::Head::from_bytes(&head.bytes()), Some(head));
    for (at, value) in [(0, 0x51), (3, 0x9c)] {
        let mut other = key;
        other[at] = value;
        assert_eq!(vp8::Head::of_key(&other), None);
    }
    assert_eq!(vp8::Head::of_key(&key[..9]), None);
}

#[test]
fn a_layer_of_mpeg4_with_its_controls_is_read() {
    let layer = bits(&[
        (0, 1),
        (17, 8),
        (1, 1),
        (5, 4),
        (1, 3),
        (15, 4),
        (12, 8),
        (11, 8),
        (1, 1),
        (1, 2),
        (0, 1),
        (1, 1),
        (0, 32),
        (0, 32),
        (0, 15),
        (0, 2),
        (1, 1),
        (25_000, 16),
        (1, 1),
        (1, 1),
        (1_000, 15),
        (1, 1),
        (720, 13),
        (1, 1),
        (576, 13),
        (1, 1),
    ]);
    let config = [&[0, 0, 1, 0xb0, 0xf3, 0, 0, 1, 0x20][..], &layer].concat();
    let read = mpeg4::Layer::of_config(&config).expect("readable");
    assert_eq!((read.width, read.height, read.low_delay, read.profile_level), (720, 576, false, 0xf3));
    assert_eq!((read.info().profile.as_str(), read.info().reorder_frames), ("Advanced Simple 3", true));
    assert_eq!(mpeg4::config(&[&[9, 9][..], &config, &[0, 0, 1, 0xb6, 0x10]].concat()), Some(&config[..]));
    assert!(mpeg4::is_key(&[0, 0, 1, 0xb6, 0x3f]) && !mpeg4::is_key(&[0, 0, 1, 0xb6, 0x40]));
    assert_eq!(mpeg4::Layer::of_config(&config[..20]), None);
}

#[test]
fn segments_of_a_picture_end_where_it_is_cut() {
    let picture = [0xff, 0xd8, 0xff, 0xff, 0xfe, 0, 3, 7, 0xff, 0xc0, 0, 9, 8, 0, 16, 0, 32, 1, 2, 0xff, 0xda, 0, 2, 5];
    let found: Vec<_> = jpeg::segments(&picture).map(|(marker, body, end)| (marker, body.len(), end)).collect();
    assert_eq!(found, [(0xfe, 1, 8), (0xc0, 7, 19), (0xda, 0, 23)]);
    let info = jpeg::info(jpeg::head(&picture).expect("a frame header")).expect("described");
    assert_eq!((info.width, info.height), (32, 16));
    assert_eq!(jpeg::head(&picture[..18]), None);
    assert_eq!(jpeg::segments(&picture[1..]).count(), 0);
}
