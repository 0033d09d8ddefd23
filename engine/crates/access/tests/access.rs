//! Every way in, and every way to be kept out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vms_access::{
    Access, Challenge, Cut, Denied, Digest, Kind, Limits, Now, Proof, PublicKey, Revocation, Rules, StreamKeyRule,
    Ticket, Who, Wish,
};
use vms_hub::StreamKey;

const SEED: [u8; 32] = [7; 32];
const NOW_S: u64 = 1_700_000_000;

fn signer() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&SEED).expect("32 bytes are a seed")
}

fn payload(nonce: &str) -> Value {
    json!({
        "c": "gate", "s": "main", "t": "sp", "k": "webrtc", "w": "masked", "a": 1, "v": "ana", "i": "s1",
        "n": "", "e": NOW_S + 300, "f": 0, "u": 0, "j": format!("{nonce:0>16}"), "m": 0,
    })
}

fn sign(payload: &Value) -> String {
    let signed = format!("v1.k1.{}", URL_SAFE_NO_PAD.encode(payload.to_string()));
    let signature = signer().sign(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn address(nonce: &str) -> String {
    sign(&payload(nonce))
}

fn with(nonce: &str, key: &str, value: Value) -> String {
    let mut changed = payload(nonce);
    changed[key] = value;
    sign(&changed)
}

fn rules() -> Rules {
    let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), "sp".to_owned())).collect();
    let mut cities: BTreeMap<String, String> = named(&["gate", "yard", "dark"]);
    cities.insert("pier".into(), "rj".into());
    Rules {
        node: "n1".into(),
        keys: vec![PublicKey { id: "k1".into(), public: URL_SAFE_NO_PAD.encode(signer().public_key()) }],
        stream_keys: vec![StreamKeyRule {
            id: "wall".into(),
            secret: "secret".into(),
            city: Some("sp".into()),
            cameras: None,
            expires_s: NOW_S + 1000,
            audio: false,
            publish: false,
        }],
        cities,
        masked: BTreeSet::from(["dark".to_owned()]),
        ..Rules::default()
    }
}

struct House {
    access: Access,
    start: Instant,
}

impl House {
    fn new(rules: Rules) -> Self {
        let house = Self { access: Access::new(false), start: Instant::now() };
        house.access.apply(rules, house.at(0));
        house
    }

    fn at(&self, seconds: u64) -> Now {
        Now { utc_s: NOW_S + seconds, at: self.start + Duration::from_secs(seconds) }
    }

    fn enter(&self, stream: &str, proof: Proof<'_>, seconds: u64) -> Result<Ticket, Denied> {
        let key = StreamKey::parse(stream).expect("a good name");
        let kind = if matches!(proof, Proof::Digest { .. }) { Kind::Rtsp } else { Kind::Webrtc };
        self.access.enter(Wish { key: &key, kind }, proof, self.at(seconds))
    }

    fn refusal(&self, stream: &str, text: &str) -> &'static str {
        self.enter(stream, Proof::Address(text), 0).err().map_or("let in", |denied| denied.code())
    }

    /// A watched session named `label`, and how often it was told to end.
    fn watched(&self, label: &str, text: &str) -> (Ticket, Arc<AtomicUsize>) {
        let ticket = self.enter("gate", Proof::Address(text), 0).expect("a good address");
        let ended = Arc::new(AtomicUsize::new(0));
        let count = ended.clone();
        ticket.bind(label, move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (ticket, ended)
    }
}

fn revoke(viewer: Option<&str>, session: Option<&str>, camera: Option<&str>) -> Revocation {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Revocation { viewer: owned(viewer), session: owned(session), camera: owned(camera) }
}

#[test]
fn an_address_opens_its_stream_once_within_its_time() {
    let house = House::new(rules());
    let ticket = house.enter("gate", Proof::Address(&address("1")), 300).expect("its last second");
    assert!(ticket.audio());
    assert_eq!(house.access.sessions(), 1);
    assert_eq!(house.refusal("gate", &address("1")), "address_used");
    assert_eq!(house.enter("gate", Proof::Address(&address("2")), 301).err(), Some(Denied::Expired));
    drop(ticket);
    assert_eq!(house.access.sessions(), 0);
    assert_eq!(house.refusal("gate", &address("1")), "address_used", "also when its session is over");
}

#[test]
fn forged_and_foreign_addresses_open_nothing() {
    let house = House::new(rules());
    let good = address("1");
    let (signed, signature) = good.rsplit_once('.').expect("four parts");
    let other = sign(&payload("2"));
    let table = [
        (String::new(), "address_invalid"),
        ("v1.k1.e30".into(), "address_invalid"),
        ("v1.k1.e30.".into(), "address_invalid"),
        (good.replace("v1.", "v2."), "address_invalid"),
        (good.replace(".k1.", ".k2."), "address_invalid"),
        (format!("{signed}.{}", "A".repeat(86)), "address_invalid"),
        (format!("{}.{signature}", other.rsplit_once('.').expect("four parts").0), "address_invalid"),
        (format!("{good}="), "address_invalid"),
        (format!("{}{good}", "A".repeat(3000)), "address_invalid"),
        (with("3", "c", json!("yard")), "address_foreign"),
        (with("3", "s", json!("sub")), "address_foreign"),
        (with("3", "k", json!("hls")), "address_foreign"),
        (with("3", "t", json!("rj")), "address_foreign"),
        (with("3", "n", json!("n2")), "address_foreign"),
        (with("3", "e", json!(NOW_S - 1)), "address_expired"),
        (with("3", "a", json!(2)), "address_invalid"),
        (with("3", "j", json!("short")), "address_invalid"),
        (with("3", "v", json!("")), "address_invalid"),
        (with("3", "v", json!("x".repeat(65))), "address_invalid"),
        (with("3", "admin", json!(true)), "address_invalid"),
        (with("3", "e", json!("never")), "address_invalid"),
    ];
    for (text, code) in table {
        assert_eq!(house.refusal("gate", &text), code, "{text}");
    }
    assert_eq!(house.enter("gate", Proof::None, 0).err(), Some(Denied::Missing));
    assert_eq!(house.access.sessions(), 0);
    assert_eq!(house.refusal("gate", &with("3", "n", json!("n1"))), "let in", "none of those used the nonce up");
}

#[test]
fn every_changed_character_is_noticed() {
    let house = House::new(rules());
    let good = address("1");
    for at in 0..good.len() {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let text = String::from_utf8(bytes).expect("still ASCII");
        assert_eq!(house.refusal("gate", &text), "address_invalid", "character {at}");
    }
}

#[test]
fn before_any_rules_nothing_opens_and_with_open_everything_does() {
    let house = House { access: Access::new(false), start: Instant::now() };
    assert_eq!(house.refusal("gate", &address("1")), "address_invalid");
    let open = House { access: Access::new(true), start: Instant::now() };
    assert!(open.enter("gate", Proof::None, 0).is_ok());
}

#[test]
fn a_masked_camera_is_dark_but_for_those_who_may_see_all() {
    let house = House::new(rules());
    assert_eq!(house.refusal("dark", &with("1", "c", json!("dark"))), "masked_dark");
    let mut original = payload("2");
    original["c"] = json!("dark");
    original["w"] = json!("original");
    assert_eq!(house.refusal("dark", &sign(&original)), "let in");
}

#[test]
fn limits_hold_and_say_what_they_are() {
    let limits = Limits { stream: 2, ..Limits::default() };
    let house = House::new(Rules { limits, city_limits: BTreeMap::from([("sp".into(), 3)]), ..rules() });
    let _first = house.enter("gate", Proof::Address(&address("1")), 0).expect("room");
    let _second = house.enter("gate", Proof::Address(&address("2")), 0).expect("room");
    let third = house.enter("gate", Proof::Address(&address("3")), 0).err();
    assert_eq!(third, Some(Denied::Limit { of: "the stream", limit: 2 }));
    let yard = |nonce, most| {
        let mut changed = payload(nonce);
        (changed["c"], changed["m"]) = (json!("yard"), json!(most));
        sign(&changed)
    };
    let own = house.enter("yard", Proof::Address(&yard("4", 2)), 0).err();
    assert_eq!(own, Some(Denied::Limit { of: "the viewer", limit: 2 }), "the limit that the address brings");
    let _yard = house.enter("yard", Proof::Address(&yard("5", 0)), 0).expect("room");
    let city = house.enter("yard", Proof::Address(&yard("6", 0)), 0).err();
    assert_eq!(city, Some(Denied::Limit { of: "the city", limit: 3 }), "the limit of the city's plan");
}

#[test]
fn a_session_lives_by_its_renewal() {
    let house = House::new(rules());
    let (_ticket, ended) = house.watched("w1", &address("1"));
    house.access.sweep(house.at(599));
    assert_eq!(ended.load(Ordering::Relaxed), 0);
    let fresh = |nonce| with(nonce, "e", json!(NOW_S + 800));
    house.access.renew("w1", &fresh("2"), house.at(599)).expect("the same viewer and stream");
    assert_eq!(house.access.renew("w1", &fresh("2"), house.at(599)), Err(Denied::Used));
    assert_eq!(house.access.renew("w2", &fresh("3"), house.at(599)), Err(Denied::Foreign("session")));
    let bia = sign(&{
        let mut other = payload("4");
        (other["v"], other["e"]) = (json!("bia"), json!(NOW_S + 800));
        other
    });
    assert_eq!(house.access.renew("w1", &bia, house.at(599)), Err(Denied::Foreign("session")));
    house.access.sweep(house.at(1198));
    assert_eq!(ended.load(Ordering::Relaxed), 0);
    house.access.sweep(house.at(1199));
    house.access.sweep(house.at(1300));
    assert_eq!(ended.load(Ordering::Relaxed), 1, "told once");
}

#[test]
fn only_the_opener_owns_a_session() {
    let house = House::new(rules());
    let mine = address("1");
    let (_ticket, _) = house.watched("w1", &mine);
    assert_eq!(house.access.owns("w1", Some(&mine), house.at(0)), Ok(()), "the used address still names its owner");
    assert_eq!(house.access.owns("w1", None, house.at(0)), Err(Denied::Missing));
    assert_eq!(
        house.access.owns("w1", Some(&with("2", "v", json!("bia"))), house.at(0)),
        Err(Denied::Foreign("session"))
    );
    assert_eq!(house.access.owns("", Some(&mine), house.at(0)), Err(Denied::Foreign("session")));
}

#[test]
fn what_is_revoked_ends_and_does_not_come_back() {
    for revocation in
        [revoke(Some("ana"), None, None), revoke(None, Some("s1"), None), revoke(None, None, Some("gate"))]
    {
        let house = House::new(rules());
        let (ticket, ended) = house.watched("w1", &address("1"));
        assert_eq!(house.access.revoke(revoke(Some("bia"), None, None), house.at(1)), 0);
        assert_eq!(house.access.revoke(revocation.clone(), house.at(1)), 1, "{revocation:?}");
        assert_eq!(ended.load(Ordering::Relaxed), 1);
        assert_eq!(house.refusal("gate", &address("2")), "address_revoked", "signed before, not yet run out");
        let fresh = with("3", "e", json!(NOW_S + 302));
        assert!(house.enter("gate", Proof::Address(&fresh), 2).is_ok(), "signed after: the right was given again");
        drop(ticket);
        assert_eq!(house.access.sessions(), 0);
    }
}

#[test]
fn a_playback_takes_a_place_within_its_times_and_ends_when_it_is_revoked() {
    let house = House::new(Rules { limits: Limits { stream: 2, ..Limits::default() }, ..rules() });
    let gate = StreamKey::parse("gate").expect("a good name");
    let mut right = payload("1");
    (right["k"], right["f"], right["u"], right["a"]) = (json!("playback"), json!(1_000), json!(2_000), json!(0));
    let right = sign(&right);
    let play = |at_us, seconds| house.access.enter_playback(&gate, Some(&right), at_us, house.at(seconds));
    assert_eq!(play(999, 0).err(), Some(Denied::Foreign("time")));
    assert_eq!(play(2_001, 0).err(), Some(Denied::Foreign("time")));
    assert_eq!(house.access.enter_playback(&gate, None, 1_500, house.at(0)).err(), Some(Denied::Missing));
    let live = house.access.enter_playback(&gate, Some(&address("2")), 1_500, house.at(0)).err();
    assert_eq!(live, Some(Denied::Foreign("kind of stream")));
    let (ticket, period) = play(1_500, 0).expect("its own time");
    assert_eq!((ticket.audio(), period), (false, (1_000, 2_000)));
    let _second = play(1_600, 0).expect("an address of this kind opens more than one");
    assert_eq!(play(1_700, 0).err(), Some(Denied::Limit { of: "the stream", limit: 2 }));
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    ticket.bind("p1", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    // It needs no renewal; its address has run out, and still steers it.
    house.access.sweep(house.at(3_600));
    assert_eq!(ended.load(Ordering::Relaxed), 0);
    assert!(house.access.owns("p1", Some(&right), house.at(0)).is_ok());
    assert!(house.access.owns("p1", Some(&address("3")), house.at(0)).is_err());
    assert_eq!(house.access.revoke(revoke(Some("ana"), None, None), house.at(3_601)), 1, "the one that is bound");
    assert_eq!(ended.load(Ordering::Relaxed), 1);
    house.access.sweep(house.at(13 * 3_600));
}

#[test]
fn many_requests_with_one_address_are_one_session_of_hls() {
    let house = House::new(Rules { limits: Limits { viewer: 1, ..Limits::default() }, ..rules() });
    let gate = StreamKey::parse("gate").expect("a good name");
    let (first, second) = (with("1", "k", json!("hls")), with("2", "k", json!("hls")));
    let watch = |text: &str, seconds| house.access.may_watch(&gate, Some(text), house.at(seconds));
    assert_eq!(house.access.may_watch(&gate, None, house.at(0)), Err(Denied::Missing));
    assert_eq!(watch(&address("3"), 0), Err(Denied::Foreign("kind of stream")));
    assert_eq!(watch(&first, 301), Err(Denied::Expired), "it opens nothing after its time");
    for seconds in [0, 20, 40] {
        assert_eq!(watch(&first, seconds), Ok(true));
    }
    assert_eq!(house.access.sessions(), 1);
    let yard = StreamKey::parse("yard").expect("a good name");
    assert_eq!(house.access.may_watch(&yard, Some(&first), house.at(40)), Err(Denied::Foreign("stream")));
    assert_eq!(watch(&second, 40), Err(Denied::Limit { of: "the viewer", limit: 1 }));
    assert_eq!(watch(&second, 70), Ok(true), "the first has not asked for 30 s");
    for seconds in (90..400).step_by(20) {
        assert_eq!(watch(&second, seconds), Ok(true), "who goes on asking stays in");
    }
    assert_eq!(house.access.revoke(revoke(Some("ana"), None, None), house.at(400)), 1);
    assert_eq!(watch(&second, 401), Err(Denied::Expired));
    assert_eq!(house.access.sessions(), 0);
}

#[test]
fn a_camera_that_is_masked_meanwhile_goes_dark_for_players_of_hls() {
    let house = House::new(rules());
    let gate = StreamKey::parse("gate").expect("a good name");
    let right = with("1", "k", json!("hls"));
    assert_eq!(house.access.may_watch(&gate, Some(&right), house.at(0)), Ok(true));
    house.access.apply(Rules { masked: BTreeSet::from(["gate".to_owned()]), ..rules() }, house.at(1));
    assert_eq!(house.access.may_watch(&gate, Some(&right), house.at(2)), Err(Denied::Dark));
}

#[test]
fn whoever_watches_a_camera_that_is_masked_meanwhile_is_ended_but_for_those_who_may_see_all() {
    let mut before = rules();
    before.playback_keys.insert("wall".into());
    let encoder = StreamKeyRule { id: "encoder".into(), publish: true, ..before.stream_keys[0].clone() };
    before.stream_keys.push(encoder);
    let after = Rules { masked: BTreeSet::from(["gate".to_owned()]), ..before.clone() };
    let house = House::new(before);
    let (gate, yard) = (StreamKey::parse("gate").expect("a name"), StreamKey::parse("yard").expect("a name"));
    let by_key = |key, kind, id| {
        let wish = Wish { key, kind };
        house.access.enter(wish, Proof::Secret { id, secret: "secret" }, house.at(0)).expect("it may")
    };
    let by_address = |nonce: &str, kind: Kind, name: &str, view: &str| {
        let mut payload = payload(nonce);
        (payload["k"], payload["w"]) = (json!(name), json!(view));
        let address = sign(&payload);
        let wish = Wish { key: &gate, kind };
        house.access.enter(wish, Proof::Address(&address), house.at(0)).expect("a good address")
    };
    let played = with("9", "k", json!("playback"));
    let playback = house.access.enter_playback(&gate, Some(&played), 0, house.at(0)).expect("its own time").0;
    let sessions = [
        ("rtsp by key", by_key(&gate, Kind::Rtsp, "wall")),
        ("srt by key", by_key(&gate, Kind::Srt, "wall")),
        ("recordings by key", by_key(&gate, Kind::Playback, "wall")),
        ("webrtc", by_address("1", Kind::Webrtc, "webrtc", "masked")),
        ("socket", by_address("2", Kind::Socket, "socket", "masked")),
        ("recordings", playback),
        ("another camera", by_key(&yard, Kind::Rtsp, "wall")),
        ("the camera's own encoder", by_key(&gate, Kind::Publish, "encoder")),
        ("who may see all", by_address("3", Kind::Webrtc, "webrtc", "original")),
    ];
    let cuts = Arc::<parking_lot::Mutex<Vec<(&str, Cut)>>>::default();
    for (name, ticket) in &sessions {
        let (cuts, name) = (cuts.clone(), *name);
        ticket.bind(name, move |cut| cuts.lock().push((name, cut)));
    }
    house.access.apply(after, house.at(1));
    let mut ended = cuts.lock().clone();
    ended.sort_unstable_by_key(|(name, _)| *name);
    let expected = ["recordings", "recordings by key", "rtsp by key", "socket", "srt by key", "webrtc"];
    assert_eq!(ended, expected.map(|name| (name, Cut::Withdrawn)));
}

#[test]
fn a_playback_that_runs_is_judged_as_one_that_begins_but_for_its_time() {
    let gate = StreamKey::parse("gate").expect("a good name");
    let right = with("1", "k", json!("playback"));
    let masked = Rules { masked: BTreeSet::from(["gate".to_owned()]), ..rules() };
    let mut moved = rules();
    moved.cities.insert("gate".into(), "rj".into());
    for (after, denied) in [(rules(), None), (masked, Some(Denied::Dark)), (moved, Some(Denied::Foreign("city")))] {
        let house = House::new(rules());
        let play = |seconds| house.access.may_play(&gate, Some(&right), 0, 0, house.at(seconds)).err();
        for seconds in [0, 100, 200, 300] {
            assert_eq!(play(seconds), None);
        }
        house.access.apply(after, house.at(310));
        assert_eq!(play(310), denied, "its address has run out, and it runs");
    }
}

#[test]
fn a_stream_key_of_a_city_ends_with_its_camera_that_moves_away() {
    let everywhere = StreamKeyRule { id: "chief".into(), city: None, ..rules().stream_keys[0].clone() };
    let mut before = rules();
    before.stream_keys.push(everywhere);
    let mut after = before.clone();
    after.cities.insert("gate".into(), "rj".into());
    let house = House::new(before);
    let key = StreamKey::parse("gate").expect("a good name");
    let ended = Arc::<parking_lot::Mutex<Vec<&str>>>::default();
    let tickets = ["wall", "chief"].map(|id| {
        let wish = Wish { key: &key, kind: Kind::Rtsp };
        let ticket = house.access.enter(wish, Proof::Secret { id, secret: "secret" }, house.at(0)).expect("it may");
        let ended = ended.clone();
        ticket.bind("", move |_| ended.lock().push(id));
        ticket
    });
    house.access.apply(after, house.at(1));
    assert_eq!(*ended.lock(), ["wall"], "that of all cities goes on");
    drop(tickets);
}

#[test]
fn a_revocation_that_names_nothing_ends_nothing() {
    let house = House::new(rules());
    let (_ticket, ended) = house.watched("w1", &address("1"));
    assert_eq!(house.access.revoke(Revocation::default(), house.at(1)), 0);
    assert_eq!(ended.load(Ordering::Relaxed), 0);
}

#[test]
fn a_revocation_between_entering_and_binding_is_not_missed() {
    let house = House::new(rules());
    let ticket = house.enter("gate", Proof::Address(&address("1")), 0).expect("a good address");
    house.access.revoke(revoke(Some("ana"), None, None), house.at(0));
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    ticket.bind("w1", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

#[test]
fn stream_keys_open_their_cameras_while_they_live() {
    let house = House::new(rules());
    let challenge = Challenge { nonce: "abc".into() };
    let wrong = Digest::answer("wall", "guess", &challenge, "SETUP", "rtsp://h/gate");
    let proof = |digest| Proof::Digest { digest, challenge: &challenge, method: "SETUP" };
    assert_eq!(house.enter("gate", proof(&wrong), 0).err(), Some(Denied::WrongKey));
    let digest = Digest::answer("wall", "secret", &challenge, "SETUP", "rtsp://h/gate");
    let ticket = house.enter("gate", proof(&digest), 0).expect("the right password");
    assert!(!ticket.audio(), "this key may not hear");
    assert_eq!(house.enter("pier", proof(&digest), 0).err(), Some(Denied::Foreign("camera")));
    assert_eq!(house.enter("dark", proof(&digest), 0).err(), Some(Denied::Dark));
    assert_eq!(house.enter("gate", proof(&digest), 1000).err(), Some(Denied::WrongKey), "it ran out");
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    ticket.bind("", move |_| {
        count.fetch_add(1, Ordering::Relaxed);
    });
    house.access.apply(Rules { stream_keys: Vec::new(), ..rules() }, house.at(1));
    assert_eq!(ended.load(Ordering::Relaxed), 1, "its key is gone");
}

#[test]
fn the_addresses_that_the_control_plane_signs_are_understood() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/vectors/addresses.json");
    let text = std::fs::read_to_string(file).expect("the vectors are there");
    let vectors: Value = serde_json::from_str(&text).expect("JSON");
    let key = PublicKey { id: "k1".into(), public: vectors["public"].as_str().expect("a text").into() };
    for vector in vectors["addresses"].as_array().expect("a list") {
        let house = House::new(Rules { keys: vec![key.clone()], ..rules() });
        let text = vector["address"].as_str().expect("a text");
        let expected = vector["code"].as_str().expect("a text");
        assert_eq!(house.refusal("gate", text), expected, "{}", vector["name"]);
    }
}

#[test]
fn a_key_publishes_or_views_and_never_both() {
    let mut rules = rules();
    let viewing = rules.stream_keys[0].clone();
    rules.stream_keys.push(StreamKeyRule { id: "encoder".into(), publish: true, ..viewing });
    rules.limits = Limits { machine: 1, ..Limits::default() };
    let house = House::new(rules.clone());
    let key = StreamKey::parse("gate").expect("a good name");
    let enter =
        |kind, id, secret| house.access.enter(Wish { key: &key, kind }, Proof::Secret { id, secret }, house.at(0));
    let denied = |kind, id, secret| enter(kind, id, secret).err();
    assert_eq!(denied(Kind::Publish, "wall", "secret"), Some(Denied::Foreign("right")));
    assert_eq!(denied(Kind::Srt, "encoder", "secret"), Some(Denied::Foreign("right")));
    assert_eq!(denied(Kind::Publish, "encoder", "wrong"), Some(Denied::WrongKey));
    assert_eq!(denied(Kind::Publish, "nobody", "secret"), Some(Denied::WrongKey));
    let publisher = enter(Kind::Publish, "encoder", "secret").expect("it may");
    // It takes no viewer's place; and it ends when the key may publish no more.
    let _viewer = enter(Kind::Srt, "wall", "secret").expect("the only place is free");
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    publisher.bind("", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    rules.stream_keys[1].publish = false;
    house.access.apply(rules, house.at(1));
    assert_eq!(ended.load(Ordering::SeqCst), 1);
    assert_eq!(house.access.secret_of("encoder").as_deref(), Some("secret"));
    assert_eq!(house.access.secret_of("nobody"), None);
}

#[test]
fn a_key_plays_recordings_only_while_it_has_that_right() {
    let house = House::new(rules());
    let key = StreamKey::parse("gate").expect("a good name");
    let enter = |secret| {
        let wish = Wish { key: &key, kind: Kind::Playback };
        house.access.enter(wish, Proof::Secret { id: "wall", secret }, house.at(0))
    };
    assert_eq!(enter("secret").err(), Some(Denied::Foreign("right")), "not because it may view");
    let with_right = Rules { playback_keys: BTreeSet::from(["wall".to_owned()]), ..rules() };
    house.access.apply(with_right, house.at(0));
    assert_eq!(enter("wrong").err(), Some(Denied::WrongKey));
    let playing = enter("secret").expect("it may");
    let ended = Arc::new(AtomicUsize::new(0));
    let count = ended.clone();
    playing.bind("", move |_| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    house.access.apply(rules(), house.at(1));
    assert_eq!(ended.load(Ordering::SeqCst), 1, "the right was taken back");
}

#[test]
fn one_talks_to_a_camera_at_a_time_by_an_address_of_its_own() {
    let house = House::new(rules());
    let talk = |nonce: &str, camera: &str, called: &str| {
        let mut changed = payload(nonce);
        (changed["k"], changed["c"], changed["d"]) = (json!("talk"), json!(camera), json!(called));
        sign(&changed)
    };
    let enter = |camera: &str, kind: Kind, address: &str| {
        let key = StreamKey::parse(camera).expect("a good name");
        house.access.enter(Wish { key: &key, kind }, Proof::Address(address), house.at(0))
    };
    let kind = Denied::Foreign("kind of stream");
    assert_eq!(enter("gate", Kind::Talk, &address("1")).err(), Some(kind.clone()), "who watches does not talk");
    assert_eq!(enter("gate", Kind::Webrtc, &talk("2", "gate", "")).err(), Some(kind), "nor the other way");
    let ana = enter("gate", Kind::Talk, &talk("3", "gate", "Ana")).expect("nobody talks");
    let busy = enter("gate", Kind::Talk, &talk("4", "gate", "Bia")).err().expect("she talks");
    assert_eq!((busy.code(), busy.status()), ("camera_busy_talking", 409));
    assert_eq!(busy, Denied::Talking { who: "Ana".into() });
    let _watches = enter("gate", Kind::Webrtc, &address("5")).expect("whoever watches is not in the way");
    let _other = enter("yard", Kind::Talk, &talk("6", "yard", "")).expect("another camera");
    drop(ana);
    assert!(enter("gate", Kind::Talk, &talk("7", "gate", "Bia")).is_ok(), "she has ended");
    let secret = Proof::Secret { id: "wall", secret: "secret" };
    let key = StreamKey::parse("gate").expect("a good name");
    let by_key = house.access.enter(Wish { key: &key, kind: Kind::Talk }, secret, house.at(0));
    assert_eq!(by_key.err(), Some(Denied::Foreign("right")), "a key is nobody");
}

#[test]
fn whoever_talked_is_known_a_minute_longer_and_told_apart_from_whom_it_was_withdrawn() {
    let house = House::new(rules());
    let talk = |nonce: &str, viewer: &str| {
        let mut changed = payload(nonce);
        (changed["k"], changed["v"], changed["b"]) = (json!("talk"), json!(viewer), json!(format!("user:{viewer}")));
        sign(&changed)
    };
    let key = StreamKey::parse("gate").expect("a good name");
    let cuts = Arc::<parking_lot::Mutex<Vec<Cut>>>::default();
    let enter = |address: &str, label: &str| {
        let wish = Wish { key: &key, kind: Kind::Talk };
        let ticket = house.access.enter(wish, Proof::Address(address), house.at(0)).expect("nobody talks");
        let cuts = cuts.clone();
        ticket.bind(label, move |cut| cuts.lock().push(cut));
        ticket
    };
    let (ana, bia) = (talk("1", "ana"), talk("2", "bia"));
    let ticket = enter(&ana, "t1");
    assert_eq!(ticket.who(), Who { actor: "user:ana".into(), city: "sp".into() });
    assert_eq!(house.access.owns("t1", Some(&ana), house.at(0)), Ok(()));
    house.access.sweep(house.at(601));
    drop(ticket);
    assert_eq!(house.access.owns("t1", Some(&ana), house.at(0)), Ok(()), "she may ask why");
    assert_eq!(house.access.owns("t1", Some(&bia), house.at(0)), Err(Denied::Foreign("session")), "nobody else may");
    house.access.sweep(house.at(70));
    assert_eq!(house.access.owns("t1", Some(&ana), house.at(0)), Err(Denied::Foreign("session")), "it is long ago");
    let ticket = enter(&bia, "t2");
    house.access.revoke(Revocation { viewer: Some("bia".into()), ..Revocation::default() }, house.at(0));
    drop(ticket);
    assert_eq!(*cuts.lock(), [Cut::RanOut, Cut::Withdrawn]);
}
