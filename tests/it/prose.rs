//! The prose of the sources: no line is too long to read, and no description begins in the middle
//! of a sentence.

use std::path::Path;
use std::process::Command;

/// The longest line, in characters.
const COLUMNS: usize = 100;

/// Words with which a doc comment or a description does not begin, since what follows them is only
/// understood after a second reading.
const BEGINNINGS: [&str; 8] = [
    "Of",
    "So",
    "Who",
    "With",
    "As",
    "By",
    "One that",
    "Those that",
];

/// The files whose lines may be longer, each with the reason.
const EXCEPTIONS: [(&str, &str); 3] = [
    ("tests/assets/", "written by others"),
    (
        "tests/it/original_documents/bodies.rs",
        "quotes documents verbatim",
    ),
    (
        "actors/src/store/file/schema.rs",
        "is compared with existing files, its comments too",
    ),
];

/// Returns the paths of all files of the project that have one of these extensions.
fn files(extensions: &[&str]) -> Vec<String> {
    let listed = Command::new("git").args(["ls-files"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let files = listed.lines().filter(|file| {
        let extension = Path::new(file).extension().and_then(|end| end.to_str());
        extension.is_some_and(|end| extensions.contains(&end)) && Path::new(file).exists()
    });
    files.map(str::to_owned).collect()
}

/// Returns the word or words of [`BEGINNINGS`] with which a text begins.
fn bad_beginning(text: &str) -> Option<&'static str> {
    BEGINNINGS.into_iter().find(|beginning| {
        let rest = text.strip_prefix(beginning);
        rest.is_some_and(|rest| rest.starts_with([' ', ',', ':']))
    })
}

/// Returns the first line of each doc comment of a source file, with its number.
fn first_lines(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.lines().map(str::trim_start);
    let docs = lines.map(|line| {
        line.strip_prefix("//!")
            .or_else(|| line.strip_prefix("///"))
    });
    let mut before = None;
    (1..).zip(docs).filter_map(move |(number, doc)| {
        let is_first = before.is_none_or(str::is_empty);
        before = doc.map(str::trim);
        is_first
            .then_some(before)
            .flatten()
            .map(|line| (number, line))
    })
}

#[test]
fn no_doc_comment_begins_in_the_middle_of_a_sentence() {
    let mut problems = Vec::new();
    let sources = files(&["rs"]);
    assert!(sources.len() > 200, "{} sources", sources.len());
    for file in sources {
        let source = std::fs::read_to_string(&file).unwrap();
        for (number, line) in first_lines(&source) {
            if bad_beginning(line).is_some() {
                problems.push(format!("{file}:{number}: {line}"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn no_description_of_the_api_begins_in_the_middle_of_a_sentence() {
    let snapshot = std::fs::read_to_string(DESCRIPTION).unwrap();
    let mut found = 0;
    for text in snapshot.lines().filter_map(description) {
        assert_eq!(bad_beginning(text), None, "{text}");
        found += 1;
    }
    assert!(found > 200, "found only {found} descriptions");
}

/// `/openapi.json` as another test holds it to be.
const DESCRIPTION: &str = "tests/it/snapshots/it__description__description.snap";

/// Returns the description that a line of the snapshot holds.
fn description(line: &str) -> Option<&str> {
    let keys = ["\"description\": \"", "\"summary\": \""];
    let line = line.trim_start();
    keys.into_iter().find_map(|key| line.strip_prefix(key))
}

#[test]
fn no_line_is_longer_than_a_hundred_characters() {
    let mut problems = Vec::new();
    let endings = ["rs", "js", "mjs", "ts", "css", "html", "py", "sh", "yml"];
    for file in files(&endings) {
        if EXCEPTIONS
            .iter()
            .any(|(excepted, _)| file.starts_with(excepted))
        {
            continue;
        }
        let source = std::fs::read_to_string(&file).unwrap();
        for (number, line) in (1..).zip(source.lines()) {
            let length = line.chars().count();
            if length > COLUMNS {
                problems.push(format!("{file}:{number}: {length} characters"));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn a_bad_beginning_is_found() {
    let source = "//! With the module.\n\n/// Returns it.\n/// As it is.\n///\n/// So it is.\n";
    let bad: Vec<usize> = first_lines(source)
        .filter(|(_, line)| bad_beginning(line).is_some())
        .map(|(number, _)| number)
        .collect();
    assert_eq!(bad, [1, 6]);
    assert_eq!(bad_beginning("Bytes that wait."), None);
    assert_eq!(bad_beginning("Software."), None);
}
