//! The description of a camera's stream, good or bad.

use std::fmt::Write as _;
use std::net::IpAddr;

use vms_media::{Codec, ParameterSets, base64};

use crate::audio::AUDIO_TYPE;
use crate::fault::{BadSdp, Fault};
use crate::scene::{Scene, VIDEO_TYPE};

/// True where the description has an audio track; `audio` says whether the
/// camera has sound when it is healthy.
pub fn has_audio(audio: bool, fault: Option<&Fault>) -> bool {
    audio || matches!(fault, Some(Fault::AudioOnly | Fault::BadSdp { form: BadSdp::NoVideo }))
}

/// The SDP of a stream; lines end as RFC 8866 wants them.
pub fn describe(scene: &Scene, address: IpAddr, audio: bool, fault: Option<&Fault>) -> String {
    let form = match fault {
        Some(Fault::BadSdp { form }) => Some(*form),
        _ => None,
    };
    if form == Some(BadSdp::Garbage) {
        return "<html>camera</html>".to_owned();
    }
    let family = if address.is_ipv4() { "IP4" } else { "IP6" };
    let mut sdp = String::from("v=0\r\n");
    if form != Some(BadSdp::NoOrigin) {
        let _infallible = write!(sdp, "o=- 1 1 IN {family} {address}\r\ns=camera\r\n");
    }
    sdp.push_str(if form == Some(BadSdp::Junk) {
        "s=again\r\nc=IN \r\nx-maker: 7\r\n"
    } else if address.is_ipv4() {
        "c=IN IP4 0.0.0.0\r\n"
    } else {
        "c=IN IP6 ::\r\n"
    });
    sdp.push_str("t=0 0\r\na=control:*\r\na=range:npt=now-\r\n");
    if form == Some(BadSdp::Junk) {
        sdp.push_str("m=application/MAKER 0 RTP/AVP smart/1/90000\r\na=control:trackID=9\r\n");
    }
    if form != Some(BadSdp::NoVideo) {
        sdp.push_str(&video(scene, fault, form));
    }
    if has_audio(audio, fault) {
        let _infallible =
            write!(sdp, "m=audio 0 RTP/AVP {AUDIO_TYPE}\r\na=rtpmap:{AUDIO_TYPE} PCMA/8000\r\na=control:trackID=1\r\n");
    }
    sdp
}

fn video(scene: &Scene, fault: Option<&Fault>, form: Option<BadSdp>) -> String {
    let name = if form == Some(BadSdp::UnknownCodec) { "X-SMART" } else { scene.codec.rtpmap() };
    let blank = if form == Some(BadSdp::Junk) { " " } else { "" };
    let fmtp = match (fault, form) {
        (Some(Fault::NoParameterSets { .. }), _) if scene.codec == Codec::H264 => "packetization-mode=1".to_owned(),
        (Some(Fault::NoParameterSets { .. }), _) | (_, Some(BadSdp::Junk)) => String::new(),
        (_, Some(BadSdp::AnnexBSets)) => annexb_fmtp(&scene.codec, &scene.sets),
        _ => scene.sets.fmtp(&scene.codec),
    };
    format!(
        "m=video 0 RTP/AVP {VIDEO_TYPE}\r\n\
         a=rtpmap:{VIDEO_TYPE} {name}/90000{blank}\r\n\
         a=fmtp:{VIDEO_TYPE} {fmtp}\r\n\
         a=framerate:{}\r\n\
         a=control:trackID=0\r\n",
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
