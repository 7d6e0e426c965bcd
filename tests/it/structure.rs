//! Checks the structure of the sources that `docs/architecture.md` describes: no circle of files,
//! no upward import, and a `core` without side effects.
//!
//! `cargo test --test it structure -- --nocapture` prints the number of files and lines.

mod circles;
mod imports;
mod layers;
mod planted;
mod problem;
mod purity;
mod scan;
mod scope;
mod sources;

use self::imports::Structure;
use self::layers::{ACTORS, Layers, SERVER};
use self::problem::Problem;
use self::sources::Sources;

/// Returns everything that is wrong with the structure of a crate's sources.
fn check(layers: &Layers, sources: &Sources) -> Vec<Problem> {
    let structure = Structure::of(layers, sources);
    let mut problems = circles::check(&structure);
    problems.extend(layers.check(&structure));
    problems.extend(purity::check(&structure));
    problems
}

fn assert_sound(layers: &Layers) {
    let sources = sources::read(layers.folder);
    println!("{}", sources::summary(layers.folder, &sources));
    let problems = check(layers, &sources);
    let messages = problems
        .iter()
        .map(|problem| problem.message(layers.folder));
    let messages: Vec<String> = messages.collect();
    assert!(
        messages.is_empty(),
        "{} problems in the structure of {}:\n\n{}\n",
        messages.len(),
        layers.folder,
        messages.join("\n\n")
    );
}

#[test]
fn the_actors_import_downwards_only_and_their_core_is_pure() {
    assert_sound(&ACTORS);
}

#[test]
fn the_server_imports_downwards_only() {
    assert_sound(&SERVER);
}

#[test]
fn every_file_that_the_architecture_and_the_page_about_tests_name_exists() {
    let page = concat!(
        include_str!("../../docs/architecture.md"),
        include_str!("../../docs/testing.md")
    );
    let folders = [
        "actors/src",
        "actors/tests",
        "bench/src",
        "benches",
        "fuzz/src",
        "fuzz/tests",
        "src",
        "tests",
    ];
    let all: Vec<String> = folders
        .iter()
        .flat_map(|folder| {
            let files = sources::read(folder).into_keys();
            files.map(move |file| format!("/{folder}/{file}"))
        })
        .collect();
    let named: Vec<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| name.ends_with(".rs"))
        .collect();
    assert!(named.len() > 40, "{named:?}");
    let missing: Vec<&str> = named
        .into_iter()
        .filter(|name| !all.iter().any(|file| file.ends_with(&format!("/{name}"))))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}
