use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream as Socket;

use bytes::Bytes;
use vms_hub::{HubConfig, HubFrame, StreamName};
use vms_media::{Codec, Frame, Timing, Track};

use super::*;

fn frame(number: u64, size: usize) -> Frame {
    Frame {
        track: 0,
        kind: TrackKind::Video,
        codec: Codec::H264,
        epoch: 1,
        number,
        key: number.is_multiple_of(5),
        discontinuity: false,
        dts: number as i64 * 3600,
        pts: number as i64 * 3600,
        timing: Timing { utc_us: 1_000_000 + number as i64 * 40_000, error_us: Some(7) },
        data: Bytes::from(vec![number as u8; size]),
    }
}

fn read_file(file: &OwnedFd) -> Vec<u8> {
    let mut bytes = Vec::new();
    std::fs::File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .expect("the ring can be read");
    bytes
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

#[test]
fn records_go_round_and_round_and_the_newest_are_whole() {
    let mut ring = Ring::new(4096).expect("memory");
    for number in 0..100 {
        assert!(ring.push(&HubFrame::new(frame(number, 501), 0, 0, 1, 0, 0), number == 50));
    }
    let bytes = read_file(&ring.file().try_clone_to_owned().expect("a handle"));
    let (capacity, head, guard, key) = (word(&bytes, 8), word(&bytes, 16), word(&bytes, 24), word(&bytes, 32));
    assert_eq!(&bytes[..8], b"VMSRING1");
    assert_eq!((capacity, head, guard), (4096, 100 * 536, 100 * 536));
    assert_eq!(key, 95 * 536);
    let data = &bytes[HEAD_BYTES..];
    for number in 95..100_u64 {
        let at = |offset: u64| data[((number * 536 + offset) % capacity) as usize];
        assert_eq!(u32::from_le_bytes([at(0), at(1), at(2), at(3)]), 501);
        assert_eq!((at(4), at(5)), (1, u8::from(number == 95)));
        assert!((32..32 + 501).all(|offset| u64::from(at(offset)) == number));
    }
}

#[test]
fn what_does_not_fit_or_is_no_video_is_left_out() {
    let mut ring = Ring::new(4096).expect("memory");
    assert!(!ring.push(&HubFrame::new(frame(0, 5000), 0, 0, 1, 0, 0), false));
    let opus = Frame { codec: Codec::Opus, ..frame(0, 10) };
    assert!(!ring.push(&HubFrame::new(opus, 0, 0, 1, 0, 0), false));
}

#[test]
fn a_reader_can_neither_write_nor_resize() {
    let ring = Ring::new(4096).expect("memory");
    let path = format!("/proc/self/fd/{}", ring.file().as_raw_fd());
    let file = std::fs::OpenOptions::new().write(true).open(path).expect("a handle");
    assert!(file.set_len(0).is_err());
    assert!((&file).write_all(b"x").is_err());
}

fn receive(socket: &Socket) -> (u8, Option<OwnedFd>) {
    let mut word = [0_u8; 1];
    let mut control = [0_u64; 4];
    let mut part = IoSliceMut::new(&mut word);
    // SAFETY: every pointer outlives the call; the answer is checked.
    let file = unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = (&raw mut part).cast();
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = 32;
        assert_eq!(libc::recvmsg(socket.as_raw_fd(), &mut message, 0), 1);
        let header = libc::CMSG_FIRSTHDR(&message);
        (!header.is_null())
            .then(|| OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<libc::c_int>().read_unaligned()))
    };
    (word[0], file)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_gets_the_cached_group_and_what_follows() {
    let folder = std::env::temp_dir().join(format!("vms-frames-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("frames.sock");
    let hub = Hub::new(HubConfig::default());
    let track = Track::video(Codec::H264);
    let mut publisher = hub.publish(&StreamKey::new("gate", StreamName::Sub), vec![track]);
    for number in 0..7 {
        publisher.push(frame(number, 100));
    }
    listen(&path, hub.clone(), Transcodes::new(hub.clone(), 0)).expect("a socket");
    assert_eq!(std::fs::metadata(&path).expect("a socket").permissions().mode() & 0o777, 0o600);
    let asking = path.clone();
    let (ring, mut socket) = tokio::task::spawn_blocking(move || {
        let mut socket = Socket::connect(&asking).expect("a connection");
        socket.write_all(b"gate/sub\n").expect("a name");
        let (word, file) = receive(&socket);
        assert_eq!(word, b'R');
        let mut wake = [0_u8; 1];
        socket.read_exact(&mut wake).expect("a wake");
        (file.expect("a handle"), socket)
    })
    .await
    .expect("no panic");
    let cached = word(&read_file(&ring), 16);
    assert_eq!(cached, 2 * (32 + 104), "the group is frames 5 and 6");
    publisher.push(frame(7, 100));
    let wake = tokio::task::spawn_blocking(move || {
        let mut wake = [0_u8; 1];
        socket.read_exact(&mut wake).map(|()| socket)
    });
    let socket = wake.await.expect("no panic").expect("a wake");
    assert_eq!(word(&read_file(&ring), 16), 3 * (32 + 104));
    drop(socket);

    let refused = tokio::task::spawn_blocking(move || {
        let mut socket = Socket::connect(&path).expect("a connection");
        socket.write_all(b"nobody/sub\n").expect("a name");
        receive(&socket).0
    });
    assert_eq!(refused.await.expect("no panic"), b'?');
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}
