//! Runs each target on its corpus, without libFuzzer. So a fault that was found once cannot come
//! back.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect shall fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

use channelstream_fuzz::TARGETS;

macro_rules! replays {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target));
        })*

        const REPLAYED: &[&str] = &[$(stringify!($target)),*];
    };
}

replays! {
    bodies
    client_frames
    last_event_id
    proxy_headers
    query
    settings_ini
    settings_toml
    signature
    socket_io_packets
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn names_in(folder: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| name(entry.unwrap()))
        .collect();
    names.sort();
    names
}

fn replay(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name);
    let (target, folder) = (target.unwrap(), corpora().join(name));
    let names = names_in(&folder);
    assert!(names.len() >= 10, "the corpus of {name} is small");
    for input in names {
        // This is shown when the target fails.
        println!("{name}/{input}");
        (target.run)(&fs::read(folder.join(&input)).unwrap());
    }
}

#[test]
fn every_target_has_a_corpus_and_is_replayed() {
    let targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(targets, REPLAYED);
    assert_eq!(names_in(&corpora()), targets);
}
