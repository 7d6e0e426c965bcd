//! The pages that a contributor reads first name only what exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Returns the files in a folder and in the folders below it.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// Returns all text files that name targets of the Makefile or files of the project.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "RELEASING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "clients/javascript/README.md",
        "clients/python/README.md",
    ]
    .iter()
    .map(PathBuf::from)
    .collect();
    pages.push(".ci/run".into());
    for folder in [".github/workflows", "docs"] {
        pages.extend(files_below(Path::new(folder)));
    }
    pages.retain(|page| page.extension().is_none_or(|end| end != "png"));
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

#[test]
fn the_site_lists_every_page_of_the_documentation() {
    let summary = fs::read_to_string("docs/SUMMARY.md").unwrap();
    let listed = summary.split("](").skip(1);
    let listed: BTreeSet<PathBuf> = listed
        .map(|rest| Path::new("docs").join(rest.split(')').next().unwrap()))
        .collect();
    let pages = files_below(Path::new("docs"));
    let is_page = |file: &&PathBuf| file.extension().is_some_and(|end| end == "md");
    let missing: Vec<&PathBuf> = pages
        .iter()
        .filter(is_page)
        .filter(|page| !page.ends_with("SUMMARY.md") && !listed.contains(*page))
        .collect();
    assert!(missing.is_empty(), "docs/SUMMARY.md lacks {missing:?}");
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
