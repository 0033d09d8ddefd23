//! The description of a camera's stream, good or bad.

use std::net::IpAddr;

use vms_media::{Codec, ParameterSets, base64};

use crate::audio::Sound;
use crate::fault::{BadSdp, Fault};
use crate::scene::{Scene, VIDEO_TYPE};
use crate::spoil::{BadAnswer, BadPayload};

/// The sound that is described; `audio` says whether the camera has `sound`
/// when it is healthy.
pub fn sound((audio, sound): (bool, Sound), fault: Option<&Fault>) -> Option<Sound> {
    match fault {
        Some(Fault::BadPayload { form: BadPayload::Adts }) => Some(Sound::Aac),
        Some(
            Fault::AudioOnly
            | Fault::BadSdp { form: BadSdp::NoVideo }
            | Fault::BadAnswer { form: BadAnswer::RefusedAudio },
        ) => Some(sound),
        _ => audio.then_some(sound),
    }
}

/// The SDP of a stream; lines end as RFC 8866 wants them.
pub fn describe(scene: &Scene, address: IpAddr, sound: Option<Sound>, fault: Option<&Fault>) -> String {
    let form = match fault {
        Some(Fault::BadSdp { form }) => Some(*form),
        _ => None,
    };
    if form == Some(BadSdp::Garbage) {
        return "<html>camera</html>".to_owned();
    }
    let mut sdp = head(address, form);
    sdp.push_str("t=0 0\r\na=control:*\r\na=range:npt=now-\r\n");
    if form == Some(BadSdp::Junk) {
        sdp.push_str("m=application/MAKER 0 RTP/AVP smart/1/90000\r\na=control:trackID=9\r\n");
    }
    if form != Some(BadSdp::NoVideo) {
        sdp.push_str(&video(scene, fault, form));
    }
    if let Some(sound) = sound {
        sdp.push_str(sound.sdp());
        sdp.push_str("a=control:trackID=1\r\n");
    }
    sdp
}

/// The lines before the first attribute, which no client needs.
fn head(address: IpAddr, form: Option<BadSdp>) -> String {
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let id = match form {
        Some(BadSdp::HexOrigin) => "0x5f3a 0xabcdef",
        Some(BadSdp::NegativeOrigin) => "-1733450281 -1",
        Some(BadSdp::DecimalOrigin) => "1.5e9 16.25",
        _ => "1 1",
    };
    let origin = match form {
        Some(BadSdp::NoVersion) => String::new(),
        Some(BadSdp::NoOrigin) => "v=0\r\n".to_owned(),
        _ => format!("v=0\r\no=- {id} IN {family} {address}\r\ns=camera\r\n"),
    };
    let anywhere = if address.is_ipv4() { "IP4 0.0.0.0" } else { "IP6 ::" };
    match form {
        Some(BadSdp::Junk) => origin + "s=again\r\nc=IN \r\nx-maker: 7\r\n",
        Some(BadSdp::DoubledConnection) => format!("{origin}c=IN c=IN {anywhere}\r\n"),
        _ => format!("{origin}c=IN {anywhere}\r\n"),
    }
}

fn video(scene: &Scene, fault: Option<&Fault>, form: Option<BadSdp>) -> String {
    let name = if form == Some(BadSdp::UnknownCodec) { "X-SMART" } else { scene.codec.rtpmap() };
    let blank = if form == Some(BadSdp::Junk) { " " } else { "" };
    // Sets that are spoilt in band must be read there.
    let has_no_sets =
        matches!(fault, Some(Fault::NoParameterSets { .. } | Fault::BadPayload { form: BadPayload::ScalingLists }));
    let fmtp = match form {
        _ if has_no_sets && scene.codec == Codec::H264 => "packetization-mode=1".to_owned(),
        _ if has_no_sets => String::new(),
        Some(BadSdp::Junk) => String::new(),
        Some(BadSdp::AnnexBSets) => annexb_fmtp(&scene.codec, &scene.sets),
        _ => scene.sets.fmtp(&scene.codec),
    };
    let fmtp = format!("a=fmtp:{VIDEO_TYPE} {fmtp}\r\n");
    let (own, stray) = if form == Some(BadSdp::StrayFmtp) {
        let section = "m=application/TP-LINK/25000 RTP/AVP smart/1/90000\r\na=control:trackID=9\r\n";
        (String::new(), format!("{section}{fmtp}"))
    } else {
        (fmtp, String::new())
    };
    format!(
        "m=video 0 RTP/AVP {VIDEO_TYPE}\r\n\
         a=rtpmap:{VIDEO_TYPE} {name}/90000{blank}\r\n\
         {own}\
         a=framerate:{}\r\n\
         a=control:trackID=0\r\n\
         {stray}",
        scene.fps
    )
}

/// Parameter sets with start codes in front and noise behind.
fn annexb_fmtp(codec: &Codec, sets: &ParameterSets) -> String {
    let encoded: Vec<String> = sets
        .in_order()
        .map(|set| {
            let mut bytes = vec![0, 0, 0, 1];
            bytes.extend_from_slice(set);
            bytes.extend_from_slice(&[0, 0]);
            base64::encode(&bytes)
        })
        .collect();
    if *codec == Codec::H265 {
        let names = ["vps", "sps", "pps"];
        let parts = names.iter().zip(&encoded);
        parts.map(|(name, set)| format!("sprop-{name}={set};")).collect()
    } else {
        format!("sprop-parameter-sets={}", encoded.join(","))
    }
}
