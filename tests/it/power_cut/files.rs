//! Tests with programs that write files by calls of the operating system.

use std::collections::BTreeSet;
use std::fs;

use super::{Folder, python};
use crate::support::power_cut::PowerCut;

/// Runs a script until it ends.
fn run(folder: &Folder, cut: &PowerCut, script: &str) {
    let helpers = "
import os
here = os.open('.', os.O_RDONLY)
def create(name, text):
    file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.write(file, text)
    return file
";
    let status = python(folder, cut, &format!("{helpers}{script}"), &[]).status();
    assert!(status.unwrap().success());
}

/// Returns the files, with their names, that a script leaves in a folder that had the files `old`
/// and `other` before.
fn files_after(script: &str) -> Vec<(String, String)> {
    let folder = Folder::new();
    for name in ["old", "other"] {
        fs::write(folder.0.join(name), format!("{name} text")).unwrap();
    }
    let mut cut = PowerCut::new(&folder.0);
    run(&folder, &cut, script);
    cut.forget_unsynced();
    let entries = fs::read_dir(&folder.0).unwrap().map(Result::unwrap);
    let files = entries.map(|entry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

#[test]
fn only_what_was_synced_of_files_and_names_is_left() {
    let old = ("old", "old text");
    let other = ("other", "other text");
    let cases: [(&str, &[(&str, &str)]); 18] = [
        // Changes of bytes.
        (
            "file = os.open('old', os.O_RDWR); os.write(file, b'NEW')",
            &[old, other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.write(file, b'NEW'); os.fsync(file)",
            &[("old", "NEW text"), other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.write(file, b'NEW'); os.fdatasync(file); \
             os.write(file, b'-TEXT')",
            &[("old", "NEW text"), other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.pwrite(file, b'TEXT', 4); os.fsync(file)",
            &[("old", "old TEXT"), other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.lseek(file, 4, 0); \
             os.writev(file, [b'T', b'EX']); os.write(file, b'T'); os.fsync(file)",
            &[("old", "old TEXT"), other],
        ),
        (
            "file = os.open('old', os.O_WRONLY | os.O_APPEND); os.write(file, b'!'); \
             os.fsync(file)",
            &[("old", "old text!"), other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.pwritev(file, [b'A', b'B'], 1); \
             copy = os.dup(file); os.close(file); os.fsync(copy)",
            &[("old", "oAB text"), other],
        ),
        // The sync of one file does not sync another.
        (
            "file = os.open('old', os.O_RDWR); os.write(file, b'NEW'); \
             os.fsync(os.open('other', os.O_RDWR)); os.fsync(here)",
            &[old, other],
        ),
        // Changes of length.
        (
            "file = os.open('old', os.O_RDWR); os.ftruncate(file, 3)",
            &[old, other],
        ),
        (
            "file = os.open('old', os.O_RDWR); os.ftruncate(file, 3); os.fsync(file)",
            &[("old", "old"), other],
        ),
        (
            "file = os.open('old', os.O_RDWR | os.O_TRUNC); os.write(file, b'a'); os.fsync(file)",
            &[("old", "a"), other],
        ),
        // New files.
        ("create('new', b'text')", &[old, other]),
        (
            "os.fsync(create('new', b'text'))",
            &[("new", "text"), old, other],
        ),
        (
            "create('new', b'text'); os.fsync(here)",
            &[("new", ""), old, other],
        ),
        // Changes of names.
        ("os.unlink('old')", &[old, other]),
        ("os.unlink('old'); os.fsync(here)", &[other]),
        (
            "file = create('new', b'text'); os.fsync(file); os.rename('new', 'old')",
            &[("new", "text"), old, other],
        ),
        (
            "file = create('new', b'text'); os.fsync(file); os.rename('new', 'old'); \
             os.fsync(here)",
            &[("old", "text"), other],
        ),
    ];
    for (script, files) in cases {
        let left = files_after(script);
        let left: Vec<(&str, &str)> = left
            .iter()
            .map(|(name, text)| (name.as_str(), text.as_str()))
            .collect();
        assert_eq!(left, files, "{script}");
    }
}

#[test]
fn a_file_that_takes_the_name_of_a_removed_one_is_another_file() {
    let removed =
        "os.close(os.open('old', os.O_RDWR)); os.unlink('old'); file = create('old', b'NEW');";
    assert_eq!(files_after(removed)[0].1, "old text");
    assert_eq!(
        files_after(&format!("{removed} os.fsync(file)"))[0].1,
        "NEW"
    );
    let synced = "os.fsync(file); os.write(file, b'-TEXT'); os.fsync(here)";
    assert_eq!(files_after(&format!("{removed} {synced}"))[0].1, "NEW");
}

#[test]
fn writes_of_several_threads_are_recorded_in_their_order() {
    let folder = Folder::new();
    let mut cut = PowerCut::new(&folder.0);
    run(
        &folder,
        &cut,
        "import threading
file = create('file', b'')
def work(letter):
    for n in range(500):
        os.pwrite(file, letter * 8192, n % 7 * 3000)
        if n % 100 == 99: os.fsync(file)
threads = [threading.Thread(target=work, args=(letter,)) for letter in [b'a', b'b', b'c', b'd']]
for thread in threads: thread.start()
for thread in threads: thread.join()
os.fsync(file)",
    );
    let written = fs::read(folder.0.join("file")).unwrap();
    let counts = cut.forget_unsynced();
    assert_eq!((counts.syncs, counts.unsynced), (21, 0));
    assert_eq!(fs::read(folder.0.join("file")).unwrap(), written);
}

#[test]
#[should_panic(expected = "changed by a call that is not recorded: [\"old\"]")]
fn a_change_that_escapes_the_library_is_noticed() {
    files_after(
        "import mmap
file = os.open('old', os.O_RDWR)
mmap.mmap(file, 8)[:3] = b'NEW'
os.fsync(file)",
    );
}

#[test]
fn some_of_the_unsynced_blocks_are_kept_each_as_after_one_of_the_writes() {
    let folder = Folder::new();
    let mut blocks = BTreeSet::new();
    for seed in 0..10 {
        let mut cut = PowerCut::new(&folder.0);
        run(
            &folder,
            &cut,
            "file = create('file', b'a' * 65536); os.fsync(file)
for letter in [b'b', b'c']: os.pwrite(file, letter * 65536, 0)",
        );
        assert_eq!(cut.keep_some_unsynced(seed).unsynced, 2);
        let bytes = fs::read(folder.0.join("file")).unwrap();
        let letters: Vec<u8> = bytes.chunks(512).map(|block| block[0]).collect();
        let whole = letters.iter().flat_map(|letter| [*letter; 512]);
        assert!(whole.eq(bytes), "a block of 512 bytes was torn");
        blocks.extend(letters);
    }
    assert_eq!(blocks, BTreeSet::from(*b"abc"));
}
