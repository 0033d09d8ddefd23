//! The cases that the format's page lists, each by its golden vector.

mod common;

use common::{Files, golden};
use vms_format::fragment::Group;
use vms_format::ledger::{Body, Reason, entries};
use vms_format::record::scan;
use vms_format::source::Source;
use vms_format::verify::{Options, Report, State, Tree, Why, is_held, verify};

fn options() -> Options {
    let masters = [("m1".to_owned(), [0x11; 32]), ("m2".to_owned(), [0x12; 32])].into();
    Options { masters, pinned: Some(vms_format::seal::SealingKey::from_seed(&[1; 32]).id()), ..Options::default() }
}

fn look(files: &Files, options: &Options) -> Report {
    let below = |path: &String| path.strip_prefix("cameras/").map(str::to_owned);
    let tree: Tree<'_> = files.iter().filter_map(|(path, bytes)| Some((below(path)?, bytes as &dyn Source))).collect();
    verify("gate", &tree, options).expect("memory reads")
}

fn genuine(case: &str) -> Report {
    let report = look(&golden(case), &options());
    assert!(report.genuine, "{case}: {:?}", report.bad().collect::<Vec<_>>());
    report
}

/// State, groups and first and last sequence of all findings.
fn spans(report: &Report) -> Vec<(State, u8, u64, u64)> {
    report.findings.iter().map(|f| (f.state, f.groups, f.first, f.last)).collect()
}

fn bodies(case: &str) -> Vec<Body> {
    let files = golden(case);
    let found = scan(&files["cameras/gate/ledger.vms-idx"]).expect("reads");
    entries(&found.records).0.into_iter().map(|(_, entry)| entry.body).collect()
}

fn seals(case: &str) -> Vec<vms_format::seal::Seal> {
    bodies(case).into_iter().filter_map(|body| if let Body::Seal(seal) = body { Some(seal) } else { None }).collect()
}

fn gaps(case: &str) -> Vec<vms_format::ledger::Gap> {
    bodies(case).into_iter().filter_map(|body| if let Body::Gap(gap) = body { Some(gap) } else { None }).collect()
}

#[test]
fn key_frames_only() {
    let report = genuine("key-frames-only");
    let of = |groups: u8| report.findings.iter().filter(move |f| f.groups == groups);
    assert!(of(Group::Video.bit()).all(|f| f.state == State::Removed && f.why == Why::RemovedBy));
    assert!(report.findings.iter().any(|f| f.state == State::Intact && f.groups & Group::Key.bit() != 0));
}

#[test]
fn audio_dropped() {
    let report = genuine("audio-dropped");
    let audio: Vec<_> = report.findings.iter().filter(|f| f.groups == Group::Audio.bit()).collect();
    assert!(!audio.is_empty() && audio.iter().all(|f| f.state == State::Removed));
    let rest = report.findings.iter().filter(|f| f.groups != Group::Audio.bit());
    assert!(rest.clone().count() > 0 && rest.clone().all(|f| f.state == State::Intact && f.groups == 3));
}

#[test]
fn encrypted_verifies_as_the_plain_one_and_a_changed_bit_names_the_fragment() {
    let report = genuine("encrypted");
    assert!(report.findings.iter().all(|f| f.state == State::Intact));
    let files = golden("encrypted");
    let unread = look(&files, &Options { masters: Default::default(), ..options() });
    assert!(!unread.genuine && unread.findings.iter().all(|f| f.state == State::Unread));
    let path = files.keys().find(|path| path.ends_with(".mp4e")).expect("a video");
    let mut changed = files.clone();
    let video = changed.get_mut(path).expect("a video");
    let end = video.len();
    video[end - 40] ^= 4;
    let report = look(&changed, &options());
    let bad: Vec<_> = report.bad().map(|f| (f.why, f.first, f.last)).collect();
    assert!(matches!(bad[..], [(Why::TagWrong, first, last)] if first == last && first == report.fragments), "{bad:?}");
}

#[test]
fn re_wrapped_has_the_same_leaves_and_the_same_seal() {
    let report = genuine("re-wrapped");
    assert!(report.findings.iter().all(|f| f.state == State::Intact && f.file.ends_with("video_10-1.mp4e")));
}

#[test]
fn restart_in_mid_hour() {
    let report = genuine("restart-in-mid-hour");
    let configs = bodies("restart-in-mid-hour").iter().filter(|body| matches!(body, Body::Config(_))).count();
    let files: std::collections::BTreeSet<_> = report.findings.iter().map(|f| f.file.clone()).collect();
    assert_eq!((configs, files.len()), (2, 2));
    assert!(gaps("restart-in-mid-hour").iter().any(|gap| Reason::from_code(gap.reason) == Some(Reason::PowerOrCrash)));
}

#[test]
fn clock_back_two_hours() {
    let report = genuine("clock-back-2-h");
    let seals = seals("clock-back-2-h");
    let twice = seals.iter().filter(|seal| seals.iter().filter(|other| other.hour == seal.hour).count() == 2);
    assert_eq!(twice.count(), 2);
    assert!(report.findings.iter().all(|f| f.state == State::Intact));
}

#[test]
fn clock_forward_ten_years() {
    genuine("clock-forward-10-years");
    let clocks = bodies("clock-forward-10-years").iter().filter(|body| matches!(body, Body::Clock(_))).count();
    let seals = seals("clock-forward-10-years");
    assert_eq!((clocks, seals.iter().filter(|seal| seal.hours > 1).count()), (1, 1));
    assert!(seals.len() <= 3, "no flood");
}

#[test]
fn codec_change() {
    let report = genuine("codec-change");
    assert!(report.findings.iter().map(|f| &f.file).collect::<std::collections::BTreeSet<_>>().len() >= 2);
}

#[test]
fn empty_hour() {
    genuine("empty-hour");
    assert!(seals("empty-hour").iter().any(|seal| seal.fragments == 0 && seal.leaves > 0));
    assert!(!gaps("empty-hour").is_empty());
}

#[test]
fn index_lost() {
    let report = genuine("index-lost");
    assert!(report.findings.iter().all(|f| f.state == State::Rebuilt));
}

#[test]
fn hold_on_a_full_disk() {
    genuine("hold-on-a-full-disk");
    assert!(gaps("hold-on-a-full-disk").iter().any(|gap| Reason::from_code(gap.reason) == Some(Reason::DiskFullHeld)));
    let files = golden("hold-on-a-full-disk");
    let found = scan(&files["cameras/gate/ledger.vms-idx"]).expect("reads");
    let entries: Vec<_> = entries(&found.records).0.into_iter().map(|(_, entry)| entry).collect();
    let Some(Body::Hold(hold)) = entries.iter().map(|entry| &entry.body).find(|body| matches!(body, Body::Hold(_)))
    else {
        panic!("a hold");
    };
    assert!(is_held(&entries, 0, hold.from_us, hold.from_us + 1));
    assert!(!is_held(&entries, 0, hold.to_us, hold.to_us + 1));
}

#[test]
fn an_hour_that_was_removed_says_by_which_record() {
    let report = genuine("hour-removed");
    assert!(spans(&report).contains(&(State::Removed, 7, 1, 2)));
}

#[test]
fn a_sub_stream_is_verified_like_a_main_one() {
    let report = genuine("sub-stream");
    assert!(report.findings.iter().all(|f| f.file.contains(".sub.")));
}
