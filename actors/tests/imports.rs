//! What decides stays free of what carries: no actor, runtime or clock in `core` and `protocol`.

#![expect(
    clippy::unwrap_used,
    reason = "a test that meets what it does not expect shall fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn the_cores_import_neither_actors_nor_sockets() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let carriers = [
        "actix",
        "tokio",
        "crate::outlet",
        "crate::delivery",
        "crate::directory",
        "Instant",
        "SystemTime::now",
    ];
    let mut looked_at = 0;
    for path in files(&source.join("core")) {
        looked_at += 1;
        let text = fs::read_to_string(&path).unwrap();
        for carrier in carriers {
            assert!(
                !text.contains(carrier),
                "{} names {carrier}",
                path.display()
            );
        }
    }
    assert!(
        looked_at > 4,
        "the cores have moved: point this test to them"
    );
}
