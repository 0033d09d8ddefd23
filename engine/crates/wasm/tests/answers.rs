//! What a person drops on the page, and what the page says.

use std::path::{Path, PathBuf};

use vms_format::source::Source;
use vms_format::verify::{Signer, State};
use vms_wasm::{Answer, GivenFile, Request, answer};

fn root(case: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/vectors/recording").join(case).join("root")
}

/// Drops files, with only their names, as a browser gives them.
fn dropped(paths: &[PathBuf], pin: &str) -> Answer {
    let bytes: Vec<Vec<u8>> = paths.iter().map(|path| std::fs::read(path).expect("a vector")).collect();
    let name = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    let files = paths.iter().map(|path| GivenFile { name: name(path) }).collect();
    let sources: Vec<&dyn Source> = bytes.iter().map(|bytes| bytes as &dyn Source).collect();
    answer(&Request { files, pin: pin.to_owned() }, &sources)
}

fn fingerprint() -> String {
    let id = vms_format::seal::SealingKey::from_seed(&[1; 32]).id();
    id.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

fn part() -> Vec<PathBuf> {
    let camera = root("plain").join("cameras/gate");
    ["2026-11-27/video_10.mp4", "2026-11-27/index_10.vms-idx", "2026-11-27/video_10.sha256", "ledger.vms-idx"]
        .iter()
        .map(|name| camera.join(name))
        .collect()
}

#[test]
fn a_part_with_index_and_ledger_is_verified() {
    let Answer::Recording(report) = dropped(&part(), &fingerprint()) else { panic!("a recording") };
    assert!(report.genuine && report.signer == Signer::Pinned, "{report:?}");
    assert!(report.strangers.is_empty());
    let Answer::Recording(report) = dropped(&part(), "") else { panic!("a recording") };
    assert!(report.genuine && report.signer == Signer::Unknown);
}

#[test]
fn an_export_is_verified_with_its_manifest_inside_or_beside() {
    for (case, names) in [("after/mp4-export", &["clip.mp4"][..]), ("after/mkv-export", &["manifest.json", "clip.mkv"])]
    {
        let paths: Vec<PathBuf> = names.iter().map(|name| root(case).join("export").join(name)).collect();
        let Answer::Export(report) = dropped(&paths, &fingerprint()) else { panic!("an export") };
        assert!(report.genuine && report.findings.iter().all(|f| f.state == State::Intact), "{case}");
    }
}

#[test]
fn what_is_not_to_be_verified_is_said() {
    assert!(matches!(dropped(&[], ""), Answer::Error("nothing_to_verify", _)));
    assert!(matches!(dropped(&part()[..1], ""), Answer::Error("nothing_to_verify", _)));
    assert!(matches!(dropped(&part(), "12ab"), Answer::Error("bad_fingerprint", _)));
    assert!(matches!(dropped(&part(), &"+f".repeat(32)), Answer::Error("bad_fingerprint", _)));
    let Answer::Recording(report) = dropped(&part()[1..], "") else { panic!("a recording") };
    assert!(!report.genuine && report.bad().any(|f| f.state == State::Missing));
}
