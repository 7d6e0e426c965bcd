//! The source files of a crate. They are held in memory, so that tests can add to them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The text of each file, by its path below the crate's `src`, such as `core/log.rs`.
pub(super) type Sources = BTreeMap<String, String>;

/// Reads all Rust files below a folder of this repository, such as `actors/src`.
pub(super) fn read(folder: &str) -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let files = files_below(&root).into_iter();
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap();
            (name.to_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .flat_map(|path| match path.is_dir() {
            true => files_below(&path),
            false => vec![path],
        })
        .collect()
}

/// Returns the module of a file: `core/log.rs` is `core`, `log`, and `lib.rs` is the root.
pub(super) fn module_of(file: &str) -> Vec<String> {
    let name = file.trim_end_matches(".rs").trim_end_matches("/mod");
    match name {
        "lib" => Vec::new(),
        name => name.split('/').map(str::to_owned).collect(),
    }
}

/// Returns the number of files and lines, the lines of each folder, and the longest file.
pub(super) fn summary(folder: &str, sources: &Sources) -> String {
    let lines = |text: &String| text.lines().count();
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    for (file, text) in sources {
        let below = file.split_once('/').map_or(".", |(first, _)| first);
        *folders.entry(below).or_default() += lines(text);
    }
    let total: usize = folders.values().sum();
    let (longest, text) = sources.iter().max_by_key(|(_, text)| lines(text)).unwrap();
    let mut summary = format!("{folder}: {} files, {total} lines\n", sources.len());
    for (below, count) in folders {
        summary += &format!("    {count:6} {below}\n");
    }
    summary += &format!("    longest file: {longest}, {} lines\n", lines(text));
    summary
}
