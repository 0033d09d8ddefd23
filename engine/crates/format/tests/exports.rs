//! Exports prove themselves: with the golden ones, and with one made here.

mod common;

use common::{Files, golden};
use vms_format::fragment::Group;
use vms_format::ledger::{Body, Entry, entries};
use vms_format::manifest::{About, Maker, verify_export};
use vms_format::mp4::{uuid, uuid_box, walk};
use vms_format::names::Owner;
use vms_format::record::scan;
use vms_format::recover::{HashFrom, Whole, recover};
use vms_format::seal::{SealingKey, Unsealed};
use vms_format::track::TrackConfig;
use vms_format::verify::{Report, Signer, State, Why};
use vms_format::{PartId, PartWriter, Stored, thinned};

fn file<'a>(files: &'a Files, name: &str) -> &'a Vec<u8> {
    &files[&format!("export/{name}")]
}

fn pinned() -> Option<vms_format::Hash> {
    Some(SealingKey::from_seed(&[1; 32]).id())
}

fn is_intact(report: &Report) {
    assert_eq!(report.bad().collect::<Vec<_>>(), Vec::<&vms_format::verify::Finding>::new());
    assert!(report.genuine && report.fragments == 3);
    let spans: Vec<_> = report.findings.iter().map(|f| (f.state, f.first, f.last)).collect();
    assert_eq!(spans, [(State::Intact, 3, 5)]);
}

#[test]
fn the_golden_exports_are_intact() {
    let (mp4, inside, beside) = (golden("mp4-export"), golden("mkv-inside"), golden("mkv-export"));
    is_intact(&verify_export(file(&mp4, "clip.mp4"), None, pinned()).expect("a manifest"));
    is_intact(&verify_export(file(&inside, "clip.mkv"), None, pinned()).expect("a manifest"));
    let manifest = file(&beside, "manifest.json");
    let report = verify_export(file(&beside, "clip.mkv"), Some(manifest), None).expect("a manifest");
    is_intact(&report);
    assert_eq!(report.signer, Signer::Unknown);
    let other = verify_export(file(&mp4, "clip.mp4"), None, Some([9; 32])).expect("a manifest");
    assert!(other.bad().any(|finding| finding.why == Why::KeyUnknown));
}

#[test]
fn a_derived_file_proves_what_it_was_made_from_though_that_does_not_follow_each_other() {
    let files = golden("derived");
    let clip = file(&files, "clip.mp4");
    let report = verify_export(clip, None, pinned()).expect("a manifest");
    assert!(report.genuine, "{:?}", report.findings);
    let found: Vec<_> = report.findings.iter().map(|f| (f.state, f.why, f.first, f.last, f.groups)).collect();
    let key = Group::Key.bit();
    assert_eq!(found, [(State::Intact, Why::Derived, 3, 3, key), (State::Intact, Why::Derived, 5, 5, key)]);
    every_flip_is_found("derived", clip, None, 0);
}

#[test]
fn a_source_that_a_derived_file_names_wrongly_is_found() {
    let files = golden("derived");
    let clip = file(&files, "clip.mp4");
    let at = clip.windows(4).rposition(|name| name == b"uuid").expect("a manifest") + 20;
    let mut told: serde_json::Value = serde_json::from_slice(&clip[at..]).expect("JSON");
    told["fragments"][0]["leaf"] = told["fragments"][1]["leaf"].clone();
    let other = serde_json::to_vec(&told).expect("JSON");
    let report = verify_export(&clip[..at - 24].to_vec(), Some(&other), pinned()).expect("a manifest");
    let wrong: Vec<_> = report.bad().filter(|f| f.first == 3).map(|f| (f.state, f.why)).collect();
    assert_eq!(wrong, [(State::Changed, Why::ProofWrong)]);
    assert!(report.bad().any(|finding| finding.why == Why::SignatureWrong));
}

/// Flips a bit in each byte; `allowed` bytes may go unnoticed.
fn every_flip_is_found(name: &str, clip: &[u8], manifest: Option<&[u8]>, allowed: usize) {
    let mut unnoticed = 0;
    for at in 0..clip.len() {
        let mut changed = clip.to_vec();
        changed[at] ^= 1 << (at % 8);
        if verify_export(&changed, manifest, pinned()).is_ok_and(|report| report.genuine) {
            unnoticed += 1;
        }
    }
    assert!(unnoticed <= allowed, "{name}: {unnoticed} changed bytes of {} went unnoticed", clip.len());
    let Some(manifest) = manifest else { return };
    for at in 0..manifest.len() {
        let mut changed = manifest.to_vec();
        changed[at] ^= 1 << (at % 8);
        let genuine = verify_export(&clip.to_vec(), Some(&changed), pinned()).is_ok_and(|report| report.genuine);
        assert!(!genuine, "{name}: byte {at} of the manifest");
    }
}

#[test]
fn a_flipped_bit_in_any_byte_of_an_export_is_found() {
    let (mp4, beside) = (golden("mp4-export"), golden("mkv-export"));
    every_flip_is_found("mp4", file(&mp4, "clip.mp4"), None, 0);
    every_flip_is_found("mkv", file(&beside, "clip.mkv"), Some(file(&beside, "manifest.json")), 0);
}

#[test]
fn in_matroska_with_the_manifest_inside_every_changed_sample_is_found() {
    let inside = golden("mkv-inside");
    let clip = file(&inside, "clip.mkv");
    let contents = vms_format::matroska::read(clip).expect("Matroska");
    assert!(contents.blocks.len() > 12);
    for block in &contents.blocks {
        for at in block.data.clone() {
            let mut changed = clip.clone();
            changed[at as usize] ^= 0x40;
            let report = verify_export(&changed, None, pinned()).expect("a manifest");
            let bad: Vec<_> = report.bad().map(|f| (f.why, f.last - f.first)).collect();
            assert_eq!(bad, [(Why::SamplesOther, 0)], "byte {at}");
        }
    }
}

#[test]
fn what_cannot_be_an_export_is_refused_without_a_panic() {
    let mp4 = golden("mp4-export");
    let clip = file(&mp4, "clip.mp4");
    for len in (0..clip.len()).step_by(7) {
        assert!(verify_export(&clip[..len].to_vec(), None, None).is_err(), "cut at {len}");
    }
    assert!(verify_export(clip, Some(b"{}"), None).is_err());
}

/// What a golden part holds, for an export of it.
struct Recording {
    entries: Vec<Entry>,
    fragments: Vec<Stored>,
    video: Vec<u8>,
}

fn recording() -> Recording {
    let mut files = golden("plain");
    let ledger = scan(&files["cameras/gate/ledger.vms-idx"]).expect("reads");
    let video = files.remove("cameras/gate/2026-11-27/video_10.mp4").expect("a video");
    let found = recover(&video, None, HashFrom::START).expect("reads");
    let plain = |whole| if let Whole::Plain(stored) = whole { stored } else { panic!("it is not encrypted") };
    Recording {
        entries: entries(&ledger.records).0.into_iter().map(|(_, entry)| entry).collect(),
        fragments: found.fragments.into_iter().map(plain).collect(),
        video,
    }
}

/// An MP4 of the fragments `from` to `to` without some groups, its manifest
/// inside, with or without the seals over them.
fn exported(from: u64, to: u64, without: u8, is_sealed: bool) -> Vec<u8> {
    let (recording, owner, key) = (recording(), Owner::new("porto", "gate"), SealingKey::from_seed(&[1; 32]));
    let mut unsealed = Unsealed::after(&owner, 0, None, vms_format::fragment::first_chain("gate", 0));
    let about = About { file: "clip.mp4".into(), by: "ana".into(), why: "é \"\\".into(), ..About::default() };
    let mut maker = Maker::new(&owner, 0, about);
    for entry in &recording.entries {
        unsealed.add_entry(entry);
    }
    recording.fragments.iter().for_each(|stored| unsealed.add_fragment(stored));
    for entry in &recording.entries {
        match &entry.body {
            Body::Seal(seal) if is_sealed => maker.seal(seal, unsealed.leaves()).expect("all leaves"),
            Body::Key(_) => maker.key(entry),
            _ => {}
        }
    }
    for entry in &recording.entries {
        match &entry.body {
            Body::Config(_) => assert_eq!(maker.entry(entry), is_sealed),
            Body::Gap(gap) => {
                assert_eq!(maker.entry(entry), is_sealed);
                maker.gap(gap);
            }
            _ => {}
        }
    }
    let part = PartId { hour: 498_826, part: 0, stream: 0 };
    let tracks: Vec<TrackConfig> = Vec::new();
    let mut writer = PartWriter::new(&owner, part, 1, &tracks, None);
    let mut file = writer.init().to_vec();
    for stored in recording.fragments.iter().filter(|stored| (from..=to).contains(&stored.core.sequence)) {
        let range = stored.place.offset..stored.place.offset + u64::from(stored.place.size);
        let found = walk::fragment_at(&recording.video, range.start, range.end).expect("whole");
        let samples = thinned(&found.read_samples(&recording.video).expect("reads"), Some(1), without);
        let written = writer.again(stored.core.clone(), stored.chain, &samples).expect("fits");
        written.slices().for_each(|slice| file.extend(slice));
        maker.fragment(stored, 7 & !without, None);
    }
    let manifest = maker.sign(&key, Some(vms_format::sha256(&[&file]))).expect("JSON");
    file.extend(uuid_box(&uuid::MANIFEST, &manifest.to_json().expect("JSON")));
    file
}

#[test]
fn an_export_made_here_proves_itself() {
    let report = verify_export(&exported(2, 4, 0, true), None, pinned()).expect("a manifest");
    assert!(report.genuine, "{:?}", report.findings);
    assert_eq!(report.findings.iter().map(|f| (f.state, f.first, f.last)).collect::<Vec<_>>(), [(State::Intact, 2, 4)]);
}

#[test]
fn sound_that_was_left_out_is_said_and_the_rest_is_intact() {
    let audio = Group::Audio.bit();
    let report = verify_export(&exported(1, 2, audio, true), None, pinned()).expect("a manifest");
    let found: std::collections::BTreeSet<_> = report.findings.iter().map(|f| (f.state, f.groups)).collect();
    assert_eq!(found, [(State::Intact, 3), (State::Missing, audio)].into());
}

#[test]
fn a_seal_takes_only_its_own_leaves() {
    let recording = recording();
    let mut maker = Maker::new(&Owner::new("porto", "gate"), 0, About::default());
    let seal =
        recording.entries.iter().find_map(|entry| if let Body::Seal(seal) = &entry.body { Some(seal) } else { None });
    assert!(maker.seal(seal.expect("a seal"), vec![[1; 32]]).is_err());
}

#[test]
fn without_the_leaves_of_its_seal_a_fragment_is_unsealed_and_not_genuine() {
    let report = verify_export(&exported(2, 4, 0, false), None, pinned()).expect("a manifest");
    let found: Vec<_> = report.findings.iter().map(|f| (f.state, f.why, f.first, f.last)).collect();
    assert_eq!(found, [(State::Unsealed, Why::NoSeal, 2, 4)]);
    assert!(!report.genuine);
}
