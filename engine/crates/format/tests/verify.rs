//! What is genuine is found intact; whatever is changed is found and named.

mod common;

use common::{Files, Player, golden, json, vectors};
use vms_format::source::Source;
use vms_format::verify::{Finding, Options, Report, Signer, State, Tree, Why, verify};

fn masters() -> Options {
    let vector = json(vectors().join("plain/vector.json"));
    let keys = vector["master_keys"].as_object().expect("keys");
    Options {
        masters: keys.iter().map(|(name, key)| (name.clone(), common::array(key))).collect(),
        ..Options::default()
    }
}

fn look(files: &Files, options: &Options) -> Report {
    let tree: Tree<'_> = files
        .iter()
        .filter_map(|(path, bytes)| Some((path.strip_prefix("cameras/")?.to_owned(), bytes as &dyn Source)))
        .collect();
    verify("gate", &tree, options).expect("memory reads")
}

#[test]
fn the_golden_vector_is_intact_and_says_who_signed() {
    let files = golden("plain");
    let report = look(&files, &masters());
    assert_eq!(report.bad().collect::<Vec<_>>(), Vec::<&Finding>::new());
    assert!(report.genuine && report.fragments == 5);
    assert_eq!((report.signer, report.city.as_str()), (Signer::Unknown, "porto"));
    let id = vms_format::seal::SealingKey::from_seed(&[1; 32]).id();
    let pinned = look(&files, &Options { pinned: Some(id), ..masters() });
    assert_eq!((pinned.signer, pinned.genuine), (Signer::Pinned, true));
    let other = look(&files, &Options { pinned: Some([7; 32]), ..masters() });
    assert!(!other.genuine && other.bad().any(|finding| finding.why == Why::KeyUnknown));
}

#[test]
fn a_flipped_bit_in_any_byte_is_found_and_named() {
    let files = golden("plain");
    let cameras: Vec<&String> = files.keys().filter(|path| path.starts_with("cameras/")).collect();
    assert_eq!(cameras.len(), 4);
    for path in cameras {
        let own = path.strip_prefix("cameras/").expect("below cameras");
        for at in 0..files[path].len() {
            let mut changed = files.clone();
            changed.get_mut(path).expect("a file")[at] ^= 1 << (at % 8);
            let report = look(&changed, &masters());
            let named = report.bad().find(|finding| finding.file == own);
            let named = named.unwrap_or_else(|| panic!("{own}, byte {at}: {:?}", report.findings));
            assert!(named.to_us >= named.from_us || named.to_us == 0, "{own}, byte {at}: {named:?}");
            assert!(!report.genuine);
        }
    }
}

#[test]
fn a_changed_sample_names_its_fragment_and_no_other() {
    let mut files = golden("plain");
    let path = "cameras/gate/2026-11-27/video_10.mp4";
    let video = files.get_mut(path).expect("a video");
    let found = vms_format::recover::recover(video, None, vms_format::recover::HashFrom::START).expect("reads");
    let third = found.fragments[2].range();
    video[third.end as usize - 1] ^= 1;
    let report = look(&files, &masters());
    let bad: Vec<_> = report.bad().map(|f| (f.state, f.why, f.first, f.last, f.from_us)).collect();
    assert_eq!(bad, [(State::Changed, Why::SamplesOther, 3, 3, 1_795_773_601_000_000)]);
}

#[test]
fn a_lost_index_is_taken_from_the_video_and_a_lost_video_is_missed() {
    let mut files = golden("plain");
    files.remove("cameras/gate/2026-11-27/index_10.vms-idx");
    let report = look(&files, &masters());
    let bad: Vec<_> = report.bad().map(|f| (f.state, f.why)).collect();
    assert_eq!(bad, [(State::Missing, Why::FileMissing)]);
    assert!(report.findings.iter().any(|f| (f.state, f.first, f.last) == (State::Rebuilt, 1, 5)));
    let mut files = golden("plain");
    files.remove("cameras/gate/2026-11-27/video_10.mp4");
    let report = look(&files, &masters());
    assert!(report.bad().any(|f| (f.state, f.first, f.last) == (State::Missing, 1, 5)));
}

#[test]
fn a_fragment_that_is_gone_without_a_record_is_missing() {
    let mut files = golden("plain");
    for name in ["video_10.mp4", "index_10.vms-idx", "video_10.sha256"] {
        files.remove(&format!("cameras/gate/2026-11-27/{name}"));
    }
    let report = look(&files, &masters());
    let bad: Vec<_> = report.bad().map(|f| (f.state, f.why, f.first, f.last, f.file.as_str())).collect();
    assert_eq!(bad, [(State::Missing, Why::NotExplained, 1, 5, "gate/2026-11-27/video_10.mp4")]);
    // Who asks for other hours is not told of it.
    let report = look(&files, &Options { hours: Some(1..=2), ..masters() });
    assert!(report.genuine);
}

#[test]
fn strangers_are_named_and_never_read() {
    let mut files = golden("plain");
    files.insert("cameras/gate/notes.txt".into(), b"mine".to_vec());
    let report = look(&files, &masters());
    assert_eq!((report.genuine, report.strangers), (true, vec!["gate/notes.txt".to_owned()]));
}

#[test]
fn what_the_engine_plays_again_is_as_good_as_the_golden_files() {
    let made = Player::play(&json(vectors().join("plain/vector.json")));
    assert!(look(&made, &masters()).genuine);
}
