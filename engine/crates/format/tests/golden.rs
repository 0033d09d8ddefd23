//! The writers make the golden vectors of `tests/vectors/recording`, byte by
//! byte; the readers find in them what was put in.

mod common;

use common::{Player, folder, golden, json, vectors};
use vms_format::recover::{HashFrom, Whole, rebuilt_index, recover};
use vms_format::{Stored, record};

fn cases() -> Vec<String> {
    let entries = |folder: std::path::PathBuf| std::fs::read_dir(folder).expect("the vectors");
    let all = entries(vectors()).chain(entries(vectors().join("after")));
    let mut cases: Vec<String> = all
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().join("vector.json").exists())
        .map(|entry| entry.file_name().into_string().expect("UTF-8"))
        .collect();
    cases.sort();
    assert!(cases.len() >= 17, "{cases:?}");
    cases
}

#[test]
fn every_vector_is_written_byte_by_byte() {
    for case in cases() {
        let made = Player::play(&json(folder(&case).join("vector.json")));
        let mut golden = golden(&case);
        golden.retain(|path, _| !path.starts_with("export/"));
        assert_eq!(made.keys().collect::<Vec<_>>(), golden.keys().collect::<Vec<_>>(), "{case}");
        for (path, bytes) in &golden {
            let own = &made[path];
            let differs = own.iter().zip(bytes).position(|(a, b)| a != b);
            assert_eq!((own.len(), differs), (bytes.len(), None), "{case}: {path}");
        }
    }
}

#[test]
fn an_index_made_again_has_the_fragments_of_the_lost_one() {
    let files = golden("plain");
    let (path, video) = files.iter().find(|(path, _)| path.ends_with(".mp4")).expect("a video");
    let index = &files[&path.replace("video_", "index_").replace(".mp4", ".vms-idx")];
    let found = recover(video, None, HashFrom::START).expect("reads");
    assert!(found.torn.is_empty());
    let again = record::scan(&rebuilt_index(&found).expect("a header")).expect("reads");
    let kept = record::scan(index).expect("reads");
    assert!(again.records.iter().all(|(_, record)| record.is_rebuilt()));
    let fragments = |scan: &record::Scan| -> Vec<Stored> {
        scan.records.iter().filter_map(|(_, record)| Stored::parse(record).ok()).collect()
    };
    assert_eq!(fragments(&again), fragments(&kept));
    assert!(fragments(&kept).len() >= 5);
}

#[test]
fn of_a_file_cut_at_any_byte_exactly_the_whole_fragments_are_found() {
    let files = golden("plain");
    let (_, video) = files.iter().find(|(path, _)| path.ends_with(".mp4")).expect("a video");
    let whole = recover(video, None, HashFrom::START).expect("reads");
    for len in whole.init.end as usize..video.len() {
        let cut = recover(&video[..len].to_vec(), None, HashFrom::START).expect("the beginning is whole");
        let expected: Vec<&Whole> = whole.fragments.iter().filter(|f| f.range().end <= len as u64).collect();
        assert_eq!(cut.fragments.iter().collect::<Vec<_>>(), expected, "cut at {len}");
        let end = expected.last().map_or(whole.init.end, |fragment| fragment.range().end);
        assert_eq!(cut.cut_at(len as u64), (end < len as u64).then_some(end), "cut at {len}");
    }
    for len in 0..whole.init.end as usize {
        assert!(recover(&video[..len].to_vec(), None, HashFrom::START).is_err(), "cut at {len}");
    }
}

#[test]
fn torn_bytes_become_one_free_box_and_the_fragments_around_stay() {
    let files = golden("plain");
    let (_, video) = files.iter().find(|(path, _)| path.ends_with(".mp4")).expect("a video");
    let whole = recover(video, None, HashFrom::START).expect("reads");
    let second = whole.fragments[1].range();
    let mut torn = video.clone();
    torn[second.start as usize..second.end as usize].fill(0);
    let found = recover(&torn, None, HashFrom::START).expect("reads");
    assert_eq!(found.to_free(torn.len() as u64).collect::<Vec<_>>(), [&second]);
    let head = vms_format::recover::free_head(&second).expect("long enough");
    torn[second.start as usize..second.start as usize + 8].copy_from_slice(&head);
    let again = recover(&torn, None, HashFrom::START).expect("reads");
    assert_eq!((again.torn.len(), again.free.first()), (0, Some(&second)));
    assert_eq!(again.fragments.len(), whole.fragments.len() - 1);
}
