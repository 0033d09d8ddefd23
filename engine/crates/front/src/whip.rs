//! WHIP (RFC 9725) over the WebRTC sink: who may send a stream in, and his
//! session.

use std::net::IpAddr;

use http::{HeaderMap, Response};
use vms_access::{Access, Denied, Kind, Now, Proof, Ticket, Wish};
use vms_hub::StreamKey;
use vms_sinks::webrtc::WebRtc;

use crate::credential;
use crate::problem::{Body, Problem};
use crate::route::Door;
use crate::whep;

/// Takes a publisher's offer.
pub async fn offer(
    (webrtc, access): (&WebRtc, &Access),
    door: Door,
    key: &StreamKey,
    headers: &HeaderMap,
    body: Body,
    peer: IpAddr,
) -> Result<Response<Body>, Problem> {
    let ticket = enter(access, key, headers)?;
    let sdp = whep::sdp(headers, body).await?;
    let answer = webrtc.publish(key, &sdp, peer, ticket).map_err(|error| whep::refusal(&error))?;
    whep::created(&format!("{}/whip", door.prefix()), answer)
}

fn enter(access: &Access, key: &StreamKey, headers: &HeaderMap) -> Result<Ticket, Problem> {
    access.enter(Wish { key, kind: Kind::Publish }, proof(headers), Now::read()).map_err(|why| denied(&why))
}

/// `Bearer KEY:SECRET`, as WHIP knows one token and no name.
fn proof(headers: &HeaderMap) -> Proof<'_> {
    let pair = credential::bearer(headers).and_then(|token| token.split_once(':'));
    pair.map_or(Proof::None, |(id, secret)| Proof::Secret { id, secret })
}

/// Whoever opened a session may steer and end it, by the same key.
pub fn own(access: &Access, session: &str, headers: &HeaderMap) -> Result<(), Problem> {
    access.owns_by_key(session, proof(headers)).map_err(|why| denied(&why))
}

pub fn end(webrtc: &WebRtc, session: &str) -> Result<Response<Body>, Problem> {
    whep::ended(webrtc.unpublish(session))
}

/// The refusals of stream keys, in words for who publishes.
fn denied(why: &Denied) -> Problem {
    let mut problem = credential::denied(why);
    let words = match why {
        Denied::Missing => "to publish, send Authorization: Bearer KEY:SECRET of a stream key that may publish",
        Denied::Foreign("right") => "this stream key may only watch; make one that publishes",
        Denied::Foreign("camera") => "this stream key is for other cameras; make one for this camera",
        Denied::Foreign("session") => "there is no such session of this stream key; it may have ended",
        _ => return problem,
    };
    words.clone_into(&mut problem.detail);
    problem
}
