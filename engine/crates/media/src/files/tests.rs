//! Files that lie, and what they cost.

use super::*;

fn boxed(name: &[u8; 4], contents: &[u8]) -> Vec<u8> {
    let size = u32::try_from(contents.len() + 8).expect("small");
    [&size.to_be_bytes()[..], name, contents].concat()
}

fn full(name: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
    boxed(name, &[&[0; 4][..], &numbers].concat())
}

const SPS: &[u8] = &[0x67, 0x42, 0xc0, 0x1e, 0xda, 0x02, 0x80, 0xbf, 0xe5, 0xc0, 0x44];
const PPS: &[u8] = &[0x68, 0xce, 0x38, 0x80];
const KEY: &[u8] = &[0, 0, 0, 3, 0x65, 0x88, 1];

fn avc_config() -> Vec<u8> {
    let sized = |set: &[u8]| [&[0, set.len() as u8][..], set].concat();
    [&[1, 0x42, 0, 0x1e, 0xff, 0xe1][..], &sized(SPS), &[1], &sized(PPS)].concat()
}

/// A `moov` with one track of H.264 whose `stbl` holds these tables too.
fn moov(tables: &[Vec<u8>], beside: &[u8]) -> Vec<u8> {
    let entry = boxed(b"avc1", &[vec![0; 78], boxed(b"avcC", &avc_config())].concat());
    let stsd = boxed(b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1][..], &entry].concat());
    let stbl = boxed(b"stbl", &[stsd, tables.concat()].concat());
    let hdlr = boxed(b"hdlr", &[&[0; 8][..], b"vide"].concat());
    let mdia = boxed(b"mdia", &[full(b"mdhd", &[0, 0, 25, 0]), hdlr, boxed(b"minf", &stbl)].concat());
    let trak = boxed(b"trak", &[full(b"tkhd", &[0, 0, 1, 0]), mdia].concat());
    let moov = boxed(b"moov", &[trak, beside.to_vec()].concat());
    [boxed(b"ftyp", b"isom"), moov].concat()
}

/// The tables of pictures that lie at `at` and have the size of `KEY`.
fn tables(count: u32, at: u32) -> Vec<Vec<u8>> {
    vec![
        full(b"stts", &[1, count, 1]),
        full(b"stsc", &[1, 1, count, 1]),
        full(b"stsz", &[KEY.len() as u32, count]),
        full(b"stco", &[1, at]),
    ]
}

fn all(file: Vec<u8>) -> Result<Vec<FileItem>, FileError> {
    let mut opened = MediaFile::open(Box::new(file))?;
    let mut items = Vec::new();
    while opened.next(&mut items)? {
        assert!(items.len() < 100_000, "it ends");
    }
    Ok(items)
}

fn decode_times(items: &[FileItem]) -> Vec<i64> {
    let time = |item: &FileItem| match item {
        FileItem::Unit { unit, .. } => Some(unit.dts),
        FileItem::Lost(_) => None,
    };
    items.iter().filter_map(time).collect()
}

#[test]
fn samples_lie_where_the_tables_say() {
    let head = moov(&tables(2, 0), &[]).len() as u32;
    let file = [moov(&tables(2, head + 8), &[]), boxed(b"mdat", &[KEY, KEY].concat())].concat();
    let items = all(file).expect("sound");
    assert_eq!(decode_times(&items), [0, 3600]);
}

#[test]
fn the_picture_behind_one_that_is_too_large_says_so() {
    let discontinuities = |items: &[FileItem]| match items {
        [FileItem::Lost(DropReason::TooLarge), FileItem::Unit { unit, .. }] => unit.discontinuity,
        other => panic!("{other:?}"),
    };
    let large = 20 << 20;
    let tables = |at: u32| {
        let sizes = full(b"stsz", &[0, 2, large, KEY.len() as u32]);
        [full(b"stts", &[1, 2, 1]), full(b"stsc", &[1, 1, 1, 1]), sizes, full(b"stco", &[2, at, at])]
    };
    let head = moov(&tables(0), &[]).len() as u32;
    let mp4 = [moov(&tables(head + 8), &[]), boxed(b"mdat", KEY)].concat();
    assert!(discontinuities(&all(mp4).expect("sound")), "MP4");
    let block = |data: &[u8]| element(0xa3, &[&[0x81, 0, 0, 0x80][..], data].concat());
    let file = matroska(&[block(&vec![0; large as usize]), block(KEY)]);
    assert!(discontinuities(&all(file).expect("sound")), "Matroska");
}

#[test]
fn an_edit_list_says_where_time_begins() {
    let with = |elst: &[u32]| {
        let edts = boxed(b"edts", &full(b"elst", elst));
        let plain = moov(&tables(1, 0), &[]);
        // Into the track, which is what the table lies in.
        let head = (plain.len() + edts.len()) as u32;
        let mut file = moov(&tables(1, head + 8), &[]);
        let (ftyp, moov) = (12, 12 + 8);
        file.splice(moov + 8..moov + 8, edts.iter().copied());
        for at in [ftyp, moov] {
            let size = u32::from_be_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]]) + edts.len() as u32;
            file[at..at + 4].copy_from_slice(&size.to_be_bytes());
        }
        decode_times(&all([file, boxed(b"mdat", KEY)].concat()).expect("sound"))
    };
    assert_eq!(with(&[1, 100, 2, 0x1_0000]), [-7200], "what is shown first is the third tick");
    assert_eq!(with(&[2, 50, u32::MAX, 0x1_0000, 100, 0, 0x1_0000]), [180_000], "shown two seconds later");
}

#[test]
fn no_number_of_a_file_decides_how_much_is_held_or_read() {
    let broken = |file: Vec<u8>| match all(file) {
        Err(FileError::Broken { at, what }) => (at, what),
        other => panic!("{other:?}"),
    };
    let short = moov(&tables(u32::MAX, 40), &[]);
    let len = short.len() as u64;
    let (at, what) = broken(short);
    assert_eq!(what, "the file ends before a picture or sound");
    assert!(at > len - 7 && at <= len, "{at}");
    let endless = [full(b"tfhd", &[1]), full(b"trun", &[u32::MAX])].concat();
    let file = [moov(&[], &[]), boxed(b"moof", &boxed(b"traf", &endless))].concat();
    assert_eq!(broken(file).1, "a fragment has too many samples");
    let foreign = [full(b"tfhd", &[9]), full(b"trun", &[u32::MAX])].concat();
    let file = [moov(&[], &[]), boxed(b"moof", &boxed(b"traf", &foreign))].concat();
    assert_eq!(broken(file).1, "a fragment has too many samples", "of a track that is not played");
    let ahead = [&[0, 0, 0, 1][..], b"moov", &u64::MAX.to_be_bytes()].concat();
    assert_eq!(broken(ahead), (0, "a box is cut short"));
    let never_finished = [boxed(b"ftyp", b"isom"), boxed(b"mdat", KEY)].concat();
    assert_eq!(broken(never_finished).0, 27);
    let mut large = moov(&tables(1, 0), &[]);
    large.resize((65 << 20) + 12, 0);
    large[12..16].copy_from_slice(&(65u32 << 20).to_be_bytes());
    assert_eq!(broken(large), (12, "its table (moov) is too large"));
}

#[test]
fn what_is_no_video_is_told() {
    assert_eq!(all(b"hello, world".to_vec()).err(), Some(FileError::UnknownForm));
    assert_eq!(all(Vec::new()).err(), Some(FileError::UnknownForm));
    let no_tracks = [boxed(b"ftyp", b"isom"), boxed(b"moov", &[])].concat();
    assert_eq!(all(no_tracks).err(), Some(FileError::NoVideo));
    let mut other = moov(&tables(1, 0), &[]);
    let at = other.windows(4).position(|name| name == b"avc1").expect("it is there");
    other[at..at + 4].copy_from_slice(b"ap4h");
    assert_eq!(all(other).err(), Some(FileError::UnknownVideo("AP4H".into())));
}

/// An element of Matroska with a size of 8 bytes.
fn element(id: u32, body: &[u8]) -> Vec<u8> {
    let id = id.to_be_bytes();
    let id = &id[id.iter().take_while(|byte| **byte == 0).count()..];
    let size = (body.len() as u64 | 1 << 56).to_be_bytes();
    [id, &size, body].concat()
}

fn matroska(blocks: &[Vec<u8>]) -> Vec<u8> {
    let entry =
        [element(0xd7, &[1]), element(0x83, &[1]), element(0x86, b"V_MPEG4/ISO/AVC"), element(0x63a2, &avc_config())];
    let tracks = element(0x1654_ae6b, &element(0xae, &entry.concat()));
    let cluster = [element(0xe7, &[100]), blocks.concat()].concat();
    // A live recorder knows no sizes.
    let open =
        |id: u32, body: Vec<u8>| [&id.to_be_bytes()[..], &[0x01, 255, 255, 255, 255, 255, 255, 255], &body].concat();
    let segment = [tracks, open(0x1f43_b675, cluster)].concat();
    [element(0x1a45_dfa3, &[]), open(0x1853_8067, segment)].concat()
}

#[test]
fn how_long_a_unit_of_time_is_may_be_told_behind_the_tracks() {
    let block = |time: u8| element(0xa3, &[&[0x81, 0, time, 0x80][..], KEY].concat());
    let mut file = matroska(&[block(0), block(40)]);
    let info = element(0x1549_a966, &element(0x002a_d7b1, &500_000u32.to_be_bytes()));
    let cluster = file.windows(4).position(|id| id == [0x1f, 0x43, 0xb6, 0x75]).expect("it is there");
    file.splice(cluster..cluster, info);
    assert_eq!(decode_times(&all(file).expect("sound")), [4_500, 6_300]);
}

#[test]
fn blocks_of_a_recorder_that_knows_no_sizes_are_read() {
    let block = |time: u8, flags: u8| [&[0x81, 0, time, flags][..], KEY].concat();
    let file = matroska(&[element(0xa3, &block(0, 0x80)), element(0xa0, &element(0xa1, &block(40, 0)))]);
    assert_eq!(decode_times(&all(file.clone()).expect("sound")), [9_000, 12_600]);
    let cut = all(file[..file.len() - 1].to_vec());
    assert!(matches!(cut, Err(FileError::Broken { what: "an element is cut short", .. })), "{cut:?}");
    let laced = all(matroska(&[element(0xa3, &block(0, 0x86))]));
    assert!(matches!(laced, Err(FileError::Broken { .. })), "{laced:?}");
    let foreign = all(matroska(&[element(0xa3, &[&[0x82, 0, 0, 0][..], KEY].concat())]));
    assert_eq!(foreign, Ok(Vec::new()), "a track that was not told");
}

/// A file that counts what is read of it.
struct Counted(Vec<u8>, std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl ReadAt for Counted {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&mut self, at: u64, buffer: &mut [u8]) -> Result<(), String> {
        self.1.fetch_add(buffer.len(), std::sync::atomic::Ordering::Relaxed);
        self.0.read_at(at, buffer)
    }
}

#[test]
fn what_is_read_of_flv_is_near_its_length() {
    let tag = |ms: u32, body: &[u8]| {
        let ([_, s0, s1, s2], [t3, t0, t1, t2]) = ((body.len() as u32).to_be_bytes(), ms.to_be_bytes());
        let size = (body.len() as u32 + 11).to_be_bytes();
        [&[9, s0, s1, s2, t0, t1, t2, t3, 0, 0, 0][..], body, &size].concat()
    };
    let mut file =
        [&b"FLV\x01\x01\0\0\0\x09\0\0\0\0"[..], &tag(0, &[&[0x17, 0, 0, 0, 0], &avc_config()[..]].concat())].concat();
    for number in 0..60 {
        let mut key = [&[0x17, 1, 0, 0, 0][..], &400_000u32.to_be_bytes(), &[0x65, 0x88]].concat();
        key.resize(5 + 4 + 400_000, 1);
        file.extend(tag(number * 40, &key));
    }
    let (len, read) = (file.len(), std::sync::Arc::default());
    let mut opened = MediaFile::open(Box::new(Counted(file, std::sync::Arc::clone(&read)))).expect("FLV");
    let mut items = Vec::new();
    while opened.next(&mut items).expect("sound") {}
    assert_eq!(decode_times(&items).len(), 60);
    let read = read.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read < 4 * len, "{read} bytes of {len}");
}

#[test]
fn raw_pictures_that_have_no_times_are_not_guessed_at() {
    // max_num_reorder_frames of this stream's VUI is 2.
    let reordered = include_bytes!("../../../../../tests/vectors/b_frames.h264").to_vec();
    assert_eq!(all(reordered), Err(FileError::NoTimes));
}

#[test]
fn a_picture_is_a_file_too() {
    let picture = include_bytes!("../../../../../tests/vectors/camera.mjpeg.ivf");
    let stream = crate::ivf::Ivf::read(&picture.to_vec().into()).expect("a vector");
    let opened = MediaFile::open(Box::new(stream.frames[0].1.to_vec())).expect("a picture");
    assert!(opened.is_still());
    let items = all(stream.frames[0].1.to_vec()).expect("a picture");
    assert!(matches!(&items[..], [FileItem::Unit { unit, .. }] if unit.key && unit.data == stream.frames[0].1));
    let cut = all(stream.frames[0].1[..40].to_vec());
    assert_eq!(cut, Err(FileError::Broken { at: 0, what: "no JPEG picture" }));
}
