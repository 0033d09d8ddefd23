//! Exports prove themselves: with the golden ones, and with one made here.

mod common;

use common::{Files, golden};
use vms_format::manifest::verify_export;
use vms_format::verify::{Report, Signer, State, Why};

fn file<'a>(files: &'a Files, name: &str) -> &'a Vec<u8> {
    &files[&format!("export/{name}")]
}

fn pinned() -> Option<vms_format::Hash> {
    Some(vms_format::seal::SealingKey::from_seed(&[1; 32]).id())
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
