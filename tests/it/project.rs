//! The pages that a contributor reads first name only what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns all text files that name targets of the Makefile or files of the project.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "RELEASING.md",
        "SECURITY.md",
    ]
    .iter()
    .map(PathBuf::from)
    .collect();
    pages.push(".ci/run".into());
    for folder in [".github/workflows", "docs", "docs/operations"] {
        let entries = fs::read_dir(folder).unwrap();
        let files = entries.map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|file| file.is_file()));
    }
    pages
}

/// Returns the words that stand directly after `make ` where that begins a command.
fn named_targets(text: &str) -> impl Iterator<Item = &str> {
    let commands = ["`make ", "run: make ", "\n    make ", "\nmake "];
    commands.into_iter().flat_map(move |command| {
        let after = text.split(command).skip(1);
        after.filter_map(|rest| {
            let end = rest.find(|letter: char| !letter.is_ascii_lowercase() && letter != '-');
            rest.get(..end.unwrap_or(rest.len()))
        })
    })
}

/// Returns the targets that the Makefile declares.
fn makefile_targets(makefile: &str) -> BTreeSet<&str> {
    let lines = makefile.lines().filter(|line| !line.starts_with('\t'));
    lines
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect()
}

#[test]
fn every_make_target_that_a_page_names_exists() {
    let makefile = fs::read_to_string("Makefile").unwrap();
    let targets = makefile_targets(&makefile);
    let mut found = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for target in named_targets(&text).filter(|target| !target.is_empty()) {
            assert!(
                targets.contains(target),
                "{}: make {target}",
                page.display()
            );
            found += 1;
        }
    }
    assert!(found > 20, "found only {found} names of targets");
}

#[test]
fn every_file_that_a_page_links_to_exists() {
    let mut found = 0;
    for page in pages()
        .iter()
        .filter(|page| page.extension().is_some_and(|end| end == "md"))
    {
        let text = fs::read_to_string(page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if link.contains("://") || link.starts_with('#') {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = page.parent().unwrap_or(Path::new("")).join(file);
            assert!(target.exists(), "{}: {link}", page.display());
            if !anchor.is_empty() {
                let headings = headings(&fs::read_to_string(&target).unwrap());
                assert!(headings.contains(anchor), "{}: {link}", page.display());
            }
            found += 1;
        }
    }
    assert!(found > 50, "found only {found} links");
}

/// Returns the anchors of all headings of a page.
fn headings(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = title
                .chars()
                .filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
            kept.collect::<String>().replace(' ', "-")
        })
        .collect()
}
