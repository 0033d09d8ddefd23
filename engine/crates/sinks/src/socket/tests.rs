//! What a page is promised on a media socket.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use vms_access::Access;
use vms_hub::{Hub, HubConfig, Publisher, StreamKey};
use vms_media::{Codec, Frame, Timing, Track, TrackKind};

use super::Sockets;
use crate::choice::Pictures;

use super::wire::{BREAK, CATCH_UP, CONFIG, FRAME, HEAD_BYTES, KEY};

/// A sequence and a picture parameter set of 320 x 180.
const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x0d, 0xd9, 0x01, 0x41, 0x96, 0x9a, 0x80];
const PPS: &[u8] = &[0x68, 0xce, 0x3c, 0x80];

fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros() as i64
}

fn picture(number: i64, key: bool, size: usize) -> Frame {
    let mut data = Vec::new();
    let mut put = |nal: &[u8]| {
        data.extend((nal.len() as u32).to_be_bytes());
        data.extend(nal);
    };
    if key {
        put(SPS);
        put(PPS);
    }
    let mut slice = vec![if key { 0x65 } else { 0x41 }];
    slice.resize(size, 7);
    put(&slice);
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 0,
        number: 0,
        key,
        discontinuity: false,
        dts: number * 3_600,
        pts: number * 3_600,
        timing: Timing { utc_us: now_us(), error_us: None },
        data: Bytes::from(data),
    }
}

struct Page {
    wire: DuplexStream,
    bytes: BytesMut,
}

#[derive(Debug)]
enum Got {
    Text(serde_json::Value),
    /// Kind, flags, tile, what follows.
    Media(u8, u8, u16, Bytes),
    Closed(u16),
}

impl Page {
    async fn say(&mut self, text: &str) {
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend((text.len() as u16).to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.wire.write_all(&frame).await.expect("an open socket");
    }

    async fn got(&mut self) -> Got {
        loop {
            if let Some(got) = self.whole() {
                return got;
            }
            let read = tokio::time::timeout(Duration::from_secs(5), self.wire.read_buf(&mut self.bytes)).await;
            assert!(read.expect("in time").expect("an open socket") > 0, "it ended");
        }
    }

    fn whole(&mut self) -> Option<Got> {
        let &[kind, short] = self.bytes.first_chunk::<2>()?;
        let (length, at) = match short {
            126 => (usize::from(u16::from_be_bytes(self.bytes.get(2..4)?.try_into().ok()?)), 4),
            127 => (u64::from_be_bytes(self.bytes.get(2..10)?.try_into().ok()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        self.bytes.get(at..at + length)?;
        let _ = self.bytes.split_to(at);
        let data = self.bytes.split_to(length).freeze();
        Some(match kind & 0x0f {
            1 => Got::Text(serde_json::from_slice(&data).expect("JSON")),
            8 => Got::Closed(u16::from_be_bytes([data[0], data[1]])),
            _ => Got::Media(data[0], data[1], u16::from_be_bytes([data[2], data[3]]), data.slice(HEAD_BYTES..)),
        })
    }

    async fn word(&mut self) -> String {
        loop {
            if let Got::Text(value) = self.got().await {
                return value.to_string();
            }
        }
    }

    /// The next frame of a tile: its flags and its bytes.
    async fn frame(&mut self, tile: u16) -> (u8, usize) {
        loop {
            match self.got().await {
                Got::Media(FRAME, flags, id, data) if id == tile => return (flags, data.len()),
                Got::Closed(code) => panic!("closed with {code}"),
                _ => {}
            }
        }
    }
}

struct Rig {
    hub: Hub,
    sockets: Sockets,
}

impl Rig {
    fn new() -> Self {
        let hub = Hub::new(HubConfig::default());
        Self { sockets: Sockets::new(Pictures::new(hub.clone(), None), Access::new(true)), hub }
    }

    fn camera(&self, name: &str) -> Publisher {
        let track = Track::video(Codec::H264);
        self.hub.publish(&StreamKey::parse(name).expect("a good name"), vec![track])
    }

    fn page(&self, buffer: usize) -> Page {
        let (near, far) = tokio::io::duplex(buffer);
        let sockets = self.sockets.clone();
        tokio::spawn(async move { sockets.serve(near).await });
        Page { wire: far, bytes: BytesMut::new() }
    }
}

const GATE: &str = r#"{"type":"subscribe","id":1,"camera":"gate","stream":"main"}"#;

#[tokio::test]
async fn a_tile_begins_with_its_group_after_how_it_is_decoded() {
    let rig = Rig::new();
    let mut gate = rig.camera("gate");
    for number in 0..3 {
        gate.push(picture(number, number == 0, 50));
    }
    let mut page = rig.page(1 << 20);
    page.say(GATE).await;
    assert_eq!(page.word().await, r#"{"id":1,"type":"subscribed","variant":"as_is"}"#);
    let Got::Media(CONFIG, _, 1, config) = page.got().await else { panic!("no configuration") };
    let config: serde_json::Value = serde_json::from_slice(&config).expect("JSON");
    assert_eq!(config["codec"], "avc1.42c00d");
    assert!(config["description"].as_str().is_some_and(|text| text.starts_with("AULADf/h")), "{config}");
    assert_eq!(page.frame(1).await.0, KEY | BREAK | CATCH_UP);
    assert_eq!((page.frame(1).await.0, page.frame(1).await.0), (CATCH_UP, 0));
    gate.push(picture(3, true, 50));
    assert_eq!(page.frame(1).await.0, KEY, "the same sets are told once");
}

#[tokio::test]
async fn many_tiles_share_a_socket_and_a_paused_one_gets_nothing() {
    let rig = Rig::new();
    let (mut gate, mut yard) = (rig.camera("gate"), rig.camera("yard"));
    let mut page = rig.page(1 << 20);
    page.say(GATE).await;
    page.say(r#"{"type":"subscribe","id":2,"camera":"yard","stream":"main"}"#).await;
    for _ in 0..4 {
        page.word().await;
    }
    gate.push(picture(0, true, 50));
    yard.push(picture(0, true, 60));
    assert!(page.frame(1).await.1 < page.frame(2).await.1);
    page.say(r#"{"type":"pause","id":1}"#).await;
    // What is wished is granted in its order.
    page.say(r#"{"type":"subscribe","id":3,"camera":"nobody","stream":"main"}"#).await;
    assert_eq!(page.word().await, r#"{"code":"not_found","id":3,"type":"refused"}"#);
    page.say(r#"{"type":"subscribe","id":3,"camera":"gate","stream":"main","codecs":"h265,av1"}"#).await;
    assert_eq!(page.word().await, r#"{"code":"no_common_codec","id":3,"type":"refused"}"#);
    page.say(r#"{"type":"subscribe","id":3,"camera":"gate","stream":"main","codecs":"avc1"}"#).await;
    assert_eq!(page.word().await, r#"{"code":"invalid","id":3,"type":"refused"}"#);
    gate.push(picture(1, false, 50));
    yard.push(picture(1, false, 60));
    assert!(matches!(page.got().await, Got::Media(FRAME, _, 2, _)), "of the other tile alone");
    page.say(r#"{"type":"resume","id":1}"#).await;
    assert_eq!(page.frame(1).await.0 & (KEY | BREAK), KEY | BREAK, "it begins anew");
    page.say(GATE).await;
    assert_eq!(page.word().await, r#"{"code":"id_taken","id":1,"type":"refused"}"#);
}

#[tokio::test]
async fn who_is_too_slow_goes_on_with_the_newest_key_frame_and_no_memory_grows() {
    let rig = Rig::new();
    let mut gate = rig.camera("gate");
    let mut page = rig.page(16 * 1024);
    page.say(GATE).await;
    page.word().await;
    gate.push(picture(0, true, 8_000));
    page.frame(1).await;
    // The page takes nothing while 1.5 s of pictures come.
    for number in 1..60 {
        let mut late = picture(number, number % 20 == 0, 8_000);
        late.timing.utc_us -= if number < 40 { 1_500_000 } else { 0 };
        gate.push(late);
    }
    let mut taken = 0;
    loop {
        taken += 1;
        let (flags, _) = page.frame(1).await;
        if flags & BREAK != 0 {
            assert_eq!(flags & KEY, KEY);
            break;
        }
    }
    assert!(taken < 35, "{taken} late pictures were sent");
}

#[tokio::test]
async fn a_page_that_leaves_or_talks_nonsense_is_forgotten() {
    let rig = Rig::new();
    let _gate = rig.camera("gate");
    let mut page = rig.page(1 << 16);
    page.say(GATE).await;
    page.word().await;
    let metrics = rig.sockets.metrics();
    let count = |figure: &std::sync::atomic::AtomicUsize| figure.load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!((count(&metrics.sockets), count(&metrics.tiles)), (1, 1));
    page.say("nonsense").await;
    loop {
        if let Got::Closed(code) = page.got().await {
            assert_eq!(code, 1008);
            break;
        }
    }
    drop(rig.page(1 << 16));
    for _ in 0..200 {
        if (count(&metrics.sockets), count(&metrics.tiles)) == (0, 0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} sockets and {} tiles are left", count(&metrics.sockets), count(&metrics.tiles));
}

#[tokio::test]
async fn a_tile_whose_stream_is_removed_is_ended_and_the_others_go_on() {
    let rig = Rig::new();
    let (_gate, mut yard) = (rig.camera("gate"), rig.camera("yard"));
    let mut page = rig.page(1 << 20);
    page.say(GATE).await;
    page.say(r#"{"type":"subscribe","id":2,"camera":"yard","stream":"main"}"#).await;
    for _ in 0..4 {
        page.word().await;
    }
    rig.hub.remove(&StreamKey::parse("gate").expect("a good name"));
    assert_eq!(page.word().await, r#"{"code":"not_found","id":1,"type":"ended"}"#);
    page.say(GATE).await;
    assert_eq!(page.word().await, r#"{"code":"not_found","id":1,"type":"refused"}"#, "its number is free again");
    yard.push(picture(0, true, 60));
    page.frame(2).await;
}
