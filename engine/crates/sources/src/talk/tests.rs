//! What cameras say of their loudspeakers, and what is sent to them.

use vms_media::Law;

use super::packer::Packer;
use super::{Listens, Spoken};
use crate::reason::Reason;
use crate::rtsp::Description;

const VIDEO: &str = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=0\r\na=recvonly\r\n";
const HEARS: &str = "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000\r\na=control:trackID=1\r\na=recvonly\r\n";

fn find(tail: &str) -> Result<(usize, u8, Law), Reason> {
    let found = Listens::find(&Description::parse(&format!("{VIDEO}{HEARS}{tail}")));
    found.map(|listens| (listens.media, listens.payload_type, listens.law))
}

#[test]
fn the_track_that_a_camera_listens_on_is_found_by_its_direction() {
    for (name, tail, expected) in [
        ("as ONVIF has it", "m=audio 0 RTP/AVP 0\r\na=control:rtsp://cam/back\r\na=sendonly\r\n", (2, 0, Law::Mu)),
        ("A-law", "m=audio 0 RTP/AVP 8\r\na=sendonly\r\n", (2, 8, Law::A)),
        (
            "a dynamic type, in small letters",
            "m=audio 0 RTP/AVP 98\r\na=sendonly\r\na=rtpmap:98 pcma/8000/1\r\n",
            (2, 98, Law::A),
        ),
        (
            "Dahua: several types in the second audio track, 16 kHz first",
            "m=audio 0 RTP/AVP 97 8 0\r\na=rtpmap:97 PCMA/16000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
             a=control:trackID=5\r\na=sendonly\r\n",
            (2, 8, Law::A),
        ),
        (
            "the first of two, as a second SETUP breaks the session",
            "m=audio 0 RTP/AVP 0\r\na=sendonly\r\nm=audio 0 RTP/AVP 8\r\na=sendonly\r\n",
            (2, 0, Law::Mu),
        ),
    ] {
        assert_eq!(find(tail), Ok(expected), "{name}");
    }
}

#[test]
fn what_a_camera_does_not_offer_or_we_do_not_speak_is_told() {
    assert_eq!(find(""), Err(Reason::NoBackChannel));
    assert_eq!(find("m=video 0 RTP/AVP 97\r\na=sendonly\r\n"), Err(Reason::NoBackChannel), "no sound");
    let aac = "m=audio 0 RTP/AVP 99\r\na=rtpmap:99 mpeg4-generic/16000/1\r\na=sendonly\r\n";
    assert_eq!(find(aac), Err(Reason::UnknownCodec { codec: "MPEG4-GENERIC".into() }));
    let wide = "m=audio 0 RTP/AVP 99\r\na=rtpmap:99 PCMU/16000\r\na=sendonly\r\n";
    assert_eq!(find(wide), Err(Reason::UnknownCodec { codec: "PCMU".into() }));
}

fn spoken(law: Law, timestamp: i64, payload: &[u8]) -> Spoken {
    Spoken { law, timestamp, payload: payload.into() }
}

/// Marker, number, time and sound of each packet that is ready.
fn packets(packer: &mut Packer) -> Vec<(bool, u16, u32, Vec<u8>)> {
    std::iter::from_fn(|| packer.next_packet())
        .map(|bytes| {
            let word = u32::from_be_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
            assert_eq!((bytes[0], bytes[1] & 0x7f, bytes[11]), (0x80, 8, 9), "one sender, of this type");
            (bytes[1] & 0x80 != 0, u16::from_be_bytes([bytes[2], bytes[3]]), word, bytes[12..].to_vec())
        })
        .collect()
}

#[test]
fn packets_are_of_20_ms_and_count_on_whatever_the_browser_cuts() {
    // Numbers begin at 65535, times just before their turn.
    let mut packer = Packer::new(Law::A, 8, 0xffff_ff60_0009);
    let sound: Vec<u8> = (0..=255).cycle().take(480).collect();
    let mut got = Vec::new();
    for (at, part) in [(1_000, 0..80), (1_080, 80..400), (1_400, 400..480)] {
        packer.take(&spoken(Law::A, at, &sound[part]));
        got.extend(packets(&mut packer));
    }
    let heads: Vec<_> = got.iter().map(|(marker, sequence, time, _)| (*marker, *sequence, *time)).collect();
    assert_eq!(heads, [(true, 65_535, 0xffff_ff60), (false, 0, 0), (false, 1, 160)]);
    assert_eq!(got.concat_sound(), sound);
}

#[test]
fn what_was_lost_is_silence_and_what_comes_late_is_left_out() {
    let mut packer = Packer::new(Law::A, 8, 9);
    packer.take(&spoken(Law::A, 0, &[1; 160]));
    packer.take(&spoken(Law::A, 320, &[3; 160]));
    packer.take(&spoken(Law::A, 160, &[2; 160]));
    let got = packets(&mut packer);
    assert_eq!(got.concat_sound(), [vec![1; 160], vec![Law::A.silence(); 160], vec![3; 160]].concat());
    packer.take(&spoken(Law::A, 480, &[4; 40]));
    packer.take(&spoken(Law::A, 520 + 8_001, &[5; 160]));
    let before = got[2].2 + 160;
    assert_eq!(
        packets(&mut packer),
        [(true, 3, before + 40 + 8_001, vec![5; 160])],
        "a new spurt at its own time, no second of zeros, and no part of a packet from before"
    );
    packer.take(&spoken(Law::A, 5, &[6; 160]));
    assert_eq!(packets(&mut packer), [(true, 4, before + 40 + 8_001 + 160, vec![6; 160])], "the browser counts anew");
}

#[test]
fn the_other_law_is_converted() {
    let mut packer = Packer::new(Law::A, 8, 9);
    let sound: Vec<u8> = (0..160).collect();
    packer.take(&spoken(Law::Mu, 0, &sound));
    let converted: Vec<u8> = sound.iter().map(|byte| Law::A.of(Law::Mu, *byte)).collect();
    assert_eq!(packets(&mut packer).concat_sound(), converted);
}

trait Sound {
    fn concat_sound(&self) -> Vec<u8>;
}

impl Sound for Vec<(bool, u16, u32, Vec<u8>)> {
    fn concat_sound(&self) -> Vec<u8> {
        self.iter().flat_map(|packet| packet.3.clone()).collect()
    }
}
