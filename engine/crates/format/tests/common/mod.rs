//! Plays the steps of a golden vector with the crate's own writers.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use serde_json::Value;
use vms_format::crypt::PartKey;
use vms_format::fragment::{Fragment, Sample, Stored};
use vms_format::ledger::{Body, Clock, Config, ConfigTrack, Gap, Hold, LedgerWriter};
use vms_format::merkle;
use vms_format::mp4::walk::fragment_at;
use vms_format::names::{FileKind, Name, Owner, PartId, WHOLE_CAMERA};
use vms_format::part::{PartWriter, StreamState};
use vms_format::recover::{HashFrom, Whole, rebuilt_index, recover};
use vms_format::seal::{Key, Removed, SealingKey, Unsealed};
use vms_format::thinned;
use vms_format::track::TrackConfig;
use vms_media::{Codec, ParameterSets};

pub type Files = BTreeMap<String, Vec<u8>>;

pub fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/recording")
}

pub fn json(path: PathBuf) -> Value {
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).expect("JSON")
}

/// The folder of a vector; those of what is done after recording lie apart.
pub fn folder(case: &str) -> PathBuf {
    let own = vectors().join(case);
    if own.exists() { own } else { vectors().join("after").join(case) }
}

/// The golden files of a vector, by their path below the root.
pub fn golden(case: &str) -> Files {
    let vector = json(folder(case).join("vector.json"));
    let names = vector["files"].as_array().expect("files");
    let read = |name: &Value| {
        let name = name.as_str().expect("a path");
        (name.to_owned(), std::fs::read(folder(case).join("root").join(name)).expect(name))
    };
    names.iter().map(read).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

pub fn array<const N: usize>(value: &Value) -> [u8; N] {
    unhex(text(value)).try_into().expect("the right length")
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

pub fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is a number"))
}

fn codec_of(entry: &str) -> Codec {
    match entry {
        "avc3" => Codec::H264,
        "hev1" => Codec::H265,
        "mp4a" => Codec::Aac,
        "Opus" => Codec::Opus,
        "alaw" => Codec::Pcma,
        "ulaw" => Codec::Pcmu,
        other => panic!("unknown entry {other}"),
    }
}

/// A track of a vector, with the parameter sets of its first key frame.
pub fn track(values: &Value, samples: &Value) -> TrackConfig {
    let codec = codec_of(text(&values["codec"]));
    let mut sets = ParameterSets::default();
    if codec.is_video() {
        let first = unhex(text(&samples["samples"][0]["hex"]));
        for nal in vms_media::nals(&first) {
            sets.update(&codec, &Bytes::copy_from_slice(nal));
        }
    }
    let timescale = int(&values["timescale"]) as u32;
    TrackConfig {
        id: int(&values["id"]) as u8,
        source: int(&values["id"]) as u8,
        audio_config: if codec == Codec::Aac { unhex(text(&samples["config"])).into() } else { Bytes::new() },
        codec,
        clock_rate: timescale,
        timescale,
        width: int(&values["width"]) as u16,
        height: int(&values["height"]) as u16,
        channels: int(&values["channels"]) as u8,
        sets,
    }
}

pub struct Player {
    owner: Owner,
    keys: BTreeMap<String, SealingKey>,
    masters: BTreeMap<String, [u8; 32]>,
    ledger: LedgerWriter,
    streams: BTreeMap<u8, Stream>,
    pub files: Files,
    samples: BTreeMap<String, Value>,
}

struct Stream {
    state: StreamState,
    unsealed: Unsealed,
    part: Option<PartWriter>,
    encrypted: bool,
    tracks: Vec<TrackConfig>,
}

impl Player {
    /// All steps of a vector's JSON.
    pub fn play(vector: &Value) -> Files {
        let owner = Owner::new(text(&vector["city"]), text(&vector["camera"]));
        let map = |name: &str| vector[name].as_object().expect("an object").clone();
        let ledger = LedgerWriter::new(owner.clone());
        let mut player = Self {
            keys: map("keys").iter().map(|(name, seed)| (name.clone(), SealingKey::from_seed(&array(seed)))).collect(),
            masters: map("master_keys").iter().map(|(name, key)| (name.clone(), array(key))).collect(),
            files: Files::new(),
            streams: BTreeMap::new(),
            samples: BTreeMap::new(),
            ledger,
            owner,
        };
        let volume = format!("{{\"format\": 1, \"volume\": \"{}\"}}\n", text(&vector["volume"]));
        player.files.insert("volume.json".into(), volume.into());
        let head = player.ledger.head();
        player.file("ledger.vms-idx").extend(head);
        vector["steps"].as_array().expect("steps").iter().for_each(|step| player.step(step));
        player.files
    }

    fn file(&mut self, name: &str) -> &mut Vec<u8> {
        self.files.entry(format!("cameras/{}/{name}", self.owner.camera)).or_default()
    }

    fn stream(&mut self, id: u8) -> &mut Stream {
        let owner = self.owner.clone();
        self.streams.entry(id).or_insert_with(|| {
            let state = StreamState::new(&owner.camera, id);
            let unsealed = Unsealed::after(&owner, id, None, state.chain);
            Stream { state, unsealed, part: None, encrypted: false, tracks: Vec::new() }
        })
    }

    fn samples(&mut self, name: &str) -> &Value {
        self.samples
            .entry(name.to_owned())
            .or_insert_with(|| json(vectors().join("samples").join(format!("{name}.json"))))
    }

    fn append(&mut self, step: &Value, body: Body) {
        let stream = step["stream"].as_u64().map_or(WHOLE_CAMERA, |stream| stream as u8);
        let (bytes, entry) = self.ledger.append(int(&step["utc_us"]), stream, body);
        self.file("ledger.vms-idx").extend(bytes);
        if entry.body.is_sealed() {
            self.stream(stream).unsealed.add_entry(&entry);
        }
    }

    fn step(&mut self, step: &Value) {
        let id = step["stream"].as_u64().map_or(WHOLE_CAMERA, |stream| stream as u8);
        match text(&step["do"]) {
            "key" => {
                let key = self.keys[text(&step["key"])].public();
                let key = Key::signed(key, &self.keys[text(&step["signer"])], &self.owner);
                self.append(step, Body::Key(key));
            }
            "reserve" => self.append(step, Body::Reserve { up_to: int(&step["up_to"]) as u64 }),
            "gap" => self.append(step, Body::Gap(gap(step))),
            "clock" => self.append(step, Body::Clock(clock(step))),
            "hold" => self.append(step, Body::Hold(hold(step))),
            "config" => self.config(step, id),
            "fragment" => self.fragment(step, id),
            "close" => self.close(id),
            "seal" => {
                let key = self.keys[text(&step["key"])].clone();
                let (kind, hour, hours) = (int(&step["kind"]) as u8, int(&step["hour"]), int(&step["hours"]));
                let seal = self.stream(id).unsealed.seal(&key, kind, hour as u32, hours as u32);
                self.append(step, Body::Seal(seal));
            }
            "removed" => self.removed(step, id),
            "remake" => self.remake(step, id),
            "delete" => {
                self.take_part(step, id);
            }
            "rebuild" => self.rebuild(step, id),
            // Its containers are made by others than this crate.
            "export" => {}
            other => panic!("unknown step {other}"),
        }
    }

    fn part_of(&self, step: &Value, id: u8) -> (PartId, FileKind) {
        let part = PartId { hour: int(&step["hour"]) as u32, part: int(&step["part"]) as u16, stream: id };
        let there = |kind| self.files.contains_key(&format!("cameras/{}/{}", self.owner.camera, part.path(kind)));
        (part, if there(FileKind::Sealed) { FileKind::Sealed } else { FileKind::Video })
    }

    /// Removes a part's files and returns its video.
    fn take_part(&mut self, step: &Value, id: u8) -> Vec<u8> {
        let (part, video) = self.part_of(step, id);
        let mut take = |kind| self.files.remove(&format!("cameras/{}/{}", self.owner.camera, part.path(kind)));
        take(FileKind::Index).expect("an index");
        take(FileKind::Checksum);
        take(video).expect("a video")
    }

    fn rebuild(&mut self, step: &Value, id: u8) {
        let (part, video) = self.part_of(step, id);
        let found = recover(self.file(&part.path(video)), None, HashFrom::START).expect("reads");
        *self.file(&part.path(FileKind::Index)) = rebuilt_index(&found).expect("a header");
    }

    fn removed(&mut self, step: &Value, id: u8) {
        let (first, last) = (int(&step["first"]) as u64, int(&step["last"]) as u64);
        let groups = int(&step["groups"]) as u8;
        let (mut leaves, mut count, mut bytes) = (Vec::new(), 0, 0);
        for (path, file) in self.files.iter().filter(|(path, _)| path.ends_with(".mp4")) {
            let name = Name::parse(path.strip_prefix("cameras/").expect("below cameras")).expect("a name");
            if name.part.expect("a part").stream != id {
                continue;
            }
            let found = recover(file, None, HashFrom::START).expect("reads");
            for fragment in &found.fragments {
                let Whole::Plain(stored) = fragment else { panic!("it is not encrypted") };
                if !(first..=last).contains(&stored.core.sequence) {
                    continue;
                }
                let at = fragment_at(file, fragment.range().start, fragment.range().end).expect("whole");
                let all = at.read_samples(file).expect("reads");
                let kept = thinned(&all, found.init.video_track(), groups);
                let size = |samples: &[Sample]| samples.iter().map(|sample| sample.data.len() as u64).sum::<u64>();
                bytes += size(&all) - size(&kept);
                count += 1;
                leaves.push(merkle::leaf(&stored.leaf()));
            }
        }
        let removed = Removed {
            first_sequence: first,
            last_sequence: last,
            groups,
            reason: int(&step["reason"]) as u16,
            count,
            bytes,
            from_us: int(&step["from_us"]),
            to_us: int(&step["to_us"]),
            by: text(&step["by"]).to_owned(),
            why: text(&step["why"]).to_owned(),
            root: merkle::root(&leaves),
            key_id: [0; 32],
            signature: [0; 64],
        };
        let removed = removed.signed(&self.keys[text(&step["key"])], &self.owner, id);
        self.append(step, Body::Removed(removed));
    }

    fn remake(&mut self, step: &Value, id: u8) {
        let old = self.take_part(step, id);
        let found = recover(&old, None, HashFrom::START).expect("reads");
        let without = int(&step["without"]) as u8;
        let part = PartId { hour: int(&step["hour"]) as u32, part: int(&step["to_part"]) as u16, stream: id };
        let key = self.part_key(step);
        let encrypted = key.is_some();
        let tracks = self.streams[&id].tracks.clone();
        let mut writer = PartWriter::new(&self.owner, part, 0, &tracks, key);
        let (mut video, mut index) = (writer.init().to_vec(), writer.index_head().to_vec());
        for fragment in &found.fragments {
            let Whole::Plain(stored) = fragment else { panic!("it is not encrypted") };
            let at = fragment_at(&old, fragment.range().start, fragment.range().end).expect("whole");
            let left = thinned(&at.read_samples(&old).expect("reads"), found.init.video_track(), without);
            let written = writer.again(stored.core.clone(), stored.chain, &left).expect("fits");
            written.slices().for_each(|slice| video.extend(slice));
            index.extend(&written.record);
        }
        *self.file(&part.path(if encrypted { FileKind::Sealed } else { FileKind::Video })) = video;
        *self.file(&part.path(FileKind::Index)) = index;
        let stream = self.stream(id);
        (stream.part, stream.encrypted) = (Some(writer), encrypted);
        self.close(id);
    }

    fn part_key(&self, step: &Value) -> Option<PartKey> {
        step.get("encryption").map(|encryption| {
            let name = text(&encryption["master"]);
            let (key, nonce) = (array(&encryption["data_key"]), array(&encryption["nonce"]));
            PartKey::wrap(&self.owner.camera, name, &self.masters[name], key, nonce).expect("wraps")
        })
    }

    fn config(&mut self, step: &Value, id: u8) {
        let names = step["samples"].as_array().expect("samples").clone();
        let values = step["tracks"].as_array().expect("tracks");
        let tracks: Vec<TrackConfig> =
            values.iter().zip(&names).map(|(values, name)| track(values, self.samples(text(name)))).collect();
        let key = self.part_key(step);
        let part = PartId { hour: int(&step["hour"]) as u32, part: int(&step["part"]) as u16, stream: id };
        let config = Config {
            epoch: int(&step["epoch"]) as u32,
            part: part.part,
            hour: part.hour,
            first_sequence: int(&step["first"]) as u64,
            origin_us: int(&step["origin_us"]),
            tracks: tracks.iter().map(TrackConfig::config).collect::<Vec<ConfigTrack>>(),
            encrypted: key.is_some(),
            software: text(&step["software"]).to_owned(),
        };
        self.append(step, Body::Config(config.clone()));
        let encrypted = key.is_some();
        let writer = PartWriter::new(&self.owner, part, config.epoch, &tracks, key);
        let video = if encrypted { FileKind::Sealed } else { FileKind::Video };
        *self.file(&part.path(video)) = writer.init().to_vec();
        *self.file(&part.path(FileKind::Index)) = writer.index_head().to_vec();
        let stream = self.stream(id);
        (stream.part, stream.encrypted, stream.tracks) = (Some(writer), encrypted, tracks);
    }

    fn fragment(&mut self, step: &Value, id: u8) {
        let mut samples = Vec::new();
        for track in step["tracks"].as_array().expect("tracks") {
            let source = self.samples(text(&track["samples"][0]))["samples"].clone();
            samples.extend(taken(track, source.as_array().expect("samples")));
        }
        let fragment = Fragment {
            utc_us: int(&step["utc_us"]),
            error_us: int(&step["error_us"]) as u32,
            duration_us: int(&step["duration_us"]) as u32,
            flags: int(&step["flags"]) as u16,
            samples,
        };
        let offset_ms = int(&step["camera_offset_ms"]) as i32;
        let stream = self.stream(id);
        stream.state.next_sequence = int(&step["sequence"]) as u64;
        let part = stream.part.as_mut().expect("a part");
        let written = part.fragment(fragment, offset_ms, &mut stream.state).expect("fits");
        assert_eq!(written.stored.core.key_sequence, int(&step["key_sequence"]) as u64);
        assert_eq!(Stored::parse(&written.stored.record(0)).as_ref(), Ok(&written.stored));
        stream.unsealed.add_fragment(&written.stored);
        let (part, encrypted) = (part.part(), stream.encrypted);
        let video = part.path(if encrypted { FileKind::Sealed } else { FileKind::Video });
        for slice in written.slices() {
            self.file(&video).extend(slice);
        }
        self.file(&part.path(FileKind::Index)).extend(&written.record);
    }

    fn close(&mut self, id: u8) {
        let stream = self.stream(id);
        let writer = stream.part.take().expect("a part");
        let (part, encrypted) = (writer.part(), stream.encrypted);
        let video = part.path(if encrypted { FileKind::Sealed } else { FileKind::Video });
        let index = part.path(FileKind::Index);
        let sha256 = vms_format::sha256(&[self.file(&video)]);
        self.file(&index).extend(writer.close(sha256));
        let mut sums = String::new();
        for path in [&video, &index] {
            let name = path.rsplit('/').next().expect("a name");
            sums += &format!("{}  {name}\n", hex(&vms_format::sha256(&[self.file(path)])));
        }
        *self.file(&part.path(FileKind::Checksum)) = sums.into();
    }
}

pub fn hex(data: &[u8]) -> String {
    data.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn taken(track: &Value, source: &[Value]) -> Vec<Sample> {
    let (first, count) = (int(&track["samples"][1]) as usize, int(&track["samples"][2]) as usize);
    let mut dts = int(&track["first"]);
    (first..first + count)
        .map(|number| {
            let each = &source[number % source.len()];
            let sample = Sample {
                track: int(&track["id"]) as u8,
                key: each["key"].as_bool().expect("a truth"),
                dts,
                pts: dts + int(&each["shift"]),
                duration: int(&each["duration"]) as u32,
                data: unhex(text(&each["hex"])).into(),
            };
            dts += int(&each["duration"]);
            sample
        })
        .collect()
}

fn gap(step: &Value) -> Gap {
    Gap {
        from_us: int(&step["from_us"]),
        to_us: int(&step["to_us"]),
        before_sequence: int(&step["before"]) as u64,
        frames: int(&step["frames"]) as u32,
        reason: int(&step["reason"]) as u16,
        values: text(&step["values"]).to_owned(),
    }
}

fn clock(step: &Value) -> Clock {
    Clock {
        reason: int(&step["reason"]) as u8,
        before_us: int(&step["before_us"]),
        after_us: int(&step["after_us"]),
        error_us: int(&step["error_us"]) as u32,
        epoch: int(&step["epoch"]) as u32,
    }
}

fn hold(step: &Value) -> Hold {
    Hold {
        hold: text(&step["hold"]).to_owned(),
        on: int(&step["on"]) == 1,
        from_us: int(&step["from_us"]),
        to_us: int(&step["to_us"]),
        by: text(&step["by"]).to_owned(),
        why: text(&step["why"]).to_owned(),
    }
}
