//! Breaks the real sources on purpose, in memory. Each fault must be found with its file, its line
//! and its path.

use super::check;
use super::imports::Import;
use super::layers::ACTORS;
use super::problem::Problem;
use super::sources::{self, Sources};

/// A file at the bottom of `core`, which must not import the broker.
const LOG: &str = "core/log.rs";

/// Adds these texts to the ends of files. A file that does not exist is created.
fn planted(plants: &[(&str, &str)]) -> Sources {
    let mut sources = sources::read(ACTORS.folder);
    for (file, text) in plants {
        *sources.entry((*file).to_owned()).or_default() += text;
    }
    sources
}

/// Returns the line of a planted text.
fn line_of(sources: &Sources, file: &str, text: &str) -> usize {
    let mut lines = sources[file].lines();
    lines.position(|line| line.contains(text)).unwrap() + 1
}

fn upward_imports(sources: &Sources) -> Vec<Import> {
    let problems = check(&ACTORS, sources).into_iter();
    problems
        .filter_map(|problem| match problem {
            Problem::Upwards { import, .. } => Some(import),
            _ => None,
        })
        .collect()
}

/// Plants one line in the log of `core`, and expects that it is found as an import of the broker.
fn assert_upwards(line: &str, path: &str) {
    let sources = planted(&[(LOG, line)]);
    let expected = Import {
        from: LOG.to_owned(),
        to: "broker.rs".to_owned(),
        line: line_of(&sources, LOG, line),
        path: path.to_owned(),
    };
    let found = upward_imports(&sources);
    assert!(found.contains(&expected), "{expected} was not found");
    let message = format!("actors/src/{expected} is an import upwards: broker.rs is in");
    let messages = check(&ACTORS, &sources);
    let mut messages = messages
        .iter()
        .map(|problem| problem.message(ACTORS.folder));
    assert!(
        messages.any(|found| found.starts_with(&message)),
        "{message}"
    );
}

#[test]
fn an_upward_use_is_found_however_it_is_written() {
    assert_upwards("use crate::broker::Broker;", "crate::broker::Broker");
    assert_upwards(
        "use super::super::broker::Broker;",
        "super::super::broker::Broker",
    );
    assert_upwards(
        "use crate::{broker::{Broker as Door}, name::ConnId as Id};",
        "crate::broker::Broker",
    );
    assert_upwards("use crate::broker::*;", "crate::broker::*");
    assert_upwards(
        "fn planted() { use crate::broker::Broker; }",
        "crate::broker::Broker",
    );
    assert_upwards(
        "pub use crate::broker::Broker as Door;",
        "pub use crate::broker::Broker",
    );
}

#[test]
fn an_upward_path_is_found_wherever_it_stands() {
    let whole = "crate::broker::Broker::planted";
    assert_upwards("fn planted() { crate::broker::Broker::planted(); }", whole);
    assert_upwards(
        "const PLANTED: &[u8] = &[crate::broker::Broker::planted];",
        whole,
    );
    assert_upwards(
        "fn planted() { assert!(crate::broker::Broker::planted); }",
        whole,
    );
    assert_upwards(
        "macro_rules! planted { () => { $crate::broker::Broker::planted() }; }",
        whole,
    );
    assert_upwards(
        "macro_rules! planted { () => { use $crate::{broker::Broker, name}; }; }",
        "crate::broker::Broker",
    );
    let broker = "super::super::broker::Broker";
    assert_upwards("fn planted(_: &super::super::broker::Broker) {}", broker);
    assert_upwards("impl super::super::broker::Broker {}", broker);
    assert_upwards(
        "#[serde(with = \"crate::broker::planted\")] struct Planted;",
        "crate::broker::planted",
    );
    assert_upwards(
        "use crate::broker as door; fn planted(_: Option<door::Broker>) {}",
        "door::Broker",
    );
    assert_upwards(
        "mod inner { fn planted() { super::super::super::broker::f() } }",
        "super::super::super::broker::f",
    );
}

#[test]
fn an_import_through_a_facade_counts_for_the_file_that_defines_the_item() {
    let sources = planted(&[
        ("error.rs", "pub use crate::broker::Broker as Door;"),
        (LOG, "use crate::error::Door;"),
    ]);
    let found = upward_imports(&sources);
    let is_it = |import: &&Import| import.from == LOG && import.path == "crate::error::Door";
    let import = found.iter().find(is_it).unwrap();
    assert_eq!(import.to, "broker.rs");
    assert_eq!(import.line, line_of(&sources, LOG, "crate::error::Door"));
}

#[test]
fn a_macro_counts_for_the_file_that_defines_it() {
    let sources = planted(&[
        (
            "broker.rs",
            "macro_rules! planted { () => {}; } pub(crate) use planted;",
        ),
        (LOG, "use crate::broker::planted as called; called!();"),
        ("name.rs", "crate::broker::planted!();"),
    ]);
    let found = upward_imports(&sources);
    for from in [LOG, "name.rs"] {
        let is_it = |import: &Import| import.from == from && import.to == "broker.rs";
        assert!(found.iter().any(is_it), "{from}");
    }
}

#[test]
fn the_protocol_may_not_import_the_core() {
    let sources = planted(&[("protocol/state.rs", "use crate::core::log::Log;")]);
    let found = upward_imports(&sources);
    let is_it = |import: &Import| import.from == "protocol/state.rs" && import.to == LOG;
    assert!(found.iter().any(is_it));
}

#[test]
fn a_module_that_is_only_declared_and_code_for_tests_import_nothing() {
    let sources = planted(&[
        (
            LOG,
            "#[cfg(test)] use crate::broker::Broker; #[cfg(test)] mod planted; \
             #[cfg(all(test, unix))] fn planted() { crate::broker::Broker::planted() }",
        ),
        ("core/log/planted.rs", "use crate::broker::Broker;"),
        ("error.rs", "mod broker;"),
        ("error/broker.rs", ""),
    ]);
    assert_eq!(
        upward_imports(&sources),
        upward_imports(&sources::read(ACTORS.folder))
    );
}

/// Expects that exactly this circle is reported, with the lines of its imports.
fn assert_circle(sources: &Sources, circle: &str, lines: &[&str]) {
    let problems = check(&ACTORS, sources);
    let messages = problems
        .iter()
        .map(|problem| problem.message(ACTORS.folder));
    let end = format!("for example {circle}\n");
    let found: Vec<String> = messages.filter(|message| message.contains(&end)).collect();
    assert_eq!(found.len(), 1, "{circle}");
    for line in lines {
        assert!(found[0].contains(line), "{line} is not in {}", found[0]);
    }
}

#[test]
fn two_files_that_import_each_other_are_found() {
    let sources = planted(&[
        ("core.rs", "mod first; mod second;"),
        ("core/first.rs", "\nuse super::second::Two;\nstruct One;"),
        ("core/second.rs", "struct Two(crate::core::first::One);"),
    ]);
    assert_circle(
        &sources,
        "core/first.rs -> core/second.rs -> core/first.rs",
        &[
            "actors/src/core/first.rs:2: super::second::Two",
            "actors/src/core/second.rs:1: crate::core::first::One",
        ],
    );
}

#[test]
fn a_parent_and_a_child_that_import_each_other_are_found() {
    let sources = planted(&[
        ("core/above.rs", "mod below; struct Above(below::Below);"),
        ("core/above/below.rs", "use super::Above; struct Below;"),
    ]);
    assert_circle(
        &sources,
        "core/above.rs -> core/above/below.rs -> core/above.rs",
        &[
            "actors/src/core/above.rs:1: below::Below",
            "actors/src/core/above/below.rs:1: super::Above",
        ],
    );
}

#[test]
fn children_that_import_each_other_through_their_parent_are_no_circle_with_it() {
    let sources = planted(&[
        ("core/above.rs", "mod one; mod two; pub use self::one::One;"),
        ("core/above/one.rs", "pub struct One;"),
        ("core/above/two.rs", "use super::One;"),
    ]);
    for problem in check(&ACTORS, &sources) {
        let message = problem.message(ACTORS.folder);
        assert!(!message.contains("core/above"), "{message}");
    }
}

#[test]
fn a_core_with_a_clock_randomness_a_log_or_views_is_found() {
    let faults = [
        ("use std::time::Instant;", "std::time::Instant"),
        (
            "use std::time::{Duration as D, SystemTime};",
            "std::time::SystemTime",
        ),
        ("use std::time::*;", "std::time::*"),
        ("use std::time; fn f(_: time::Instant) {}", "time::Instant"),
        ("fn f() { Moment::now(); }", "Moment::now"),
        ("fn f() { let clock = Moment::now; }", "Moment::now"),
        ("fn f() { self.clock.now(); }", "now"),
        ("fn f() { <Moment>::now(); }", "now"),
        ("fn now() {}", "now"),
        ("fn f() { uuid::Uuid::new_v4(); }", "uuid::Uuid::new_v4"),
        ("fn f() { vec![Epoch::random()]; }", "Epoch::random"),
        ("fn f() { rand::rng(); }", "rand::rng"),
        ("use actix::prelude::*;", "actix::prelude::*"),
        ("use tokio::sync::oneshot;", "tokio::sync::oneshot"),
        ("fn f() { log::debug!(\"\"); }", "log::debug"),
        ("fn f() { println!(); }", "println"),
        ("fn f() { std::fs::read(\"\"); }", "std::fs::read"),
        (
            "use crate::protocol::listing::Planted;",
            "crate::protocol::listing::Planted",
        ),
        (
            "use crate::protocol::info; fn f(_: info::Planted) {}",
            "info::Planted",
        ),
    ];
    for (text, path) in faults {
        let sources = planted(&[(LOG, text)]);
        let line = line_of(&sources, LOG, text);
        let expected = format!("actors/src/{LOG}:{line}: {path}: core ");
        let problems = check(&ACTORS, &sources);
        let mut messages = problems
            .iter()
            .map(|problem| problem.message(ACTORS.folder));
        assert!(
            messages.any(|message| message.starts_with(&expected)),
            "{text}"
        );
    }
}

#[test]
fn a_field_or_variable_for_the_time_is_not_a_clock() {
    let impure = |sources: &Sources| {
        let problems = check(&ACTORS, sources).into_iter();
        let of_log =
            |problem: &Problem| matches!(problem, Problem::Impure { file, .. } if file == LOG);
        problems.filter(of_log).count()
    };
    let sources = planted(&[(LOG, "fn f(now: u64) { g(now, stamp.now, Stamp { now }); }")]);
    assert_eq!(impure(&sources), impure(&sources::read(ACTORS.folder)));
}

#[test]
fn a_file_in_no_layer_is_told_what_to_do() {
    let sources = planted(&[("planted.rs", "")]);
    let problems = check(&ACTORS, &sources);
    let mut messages = problems
        .iter()
        .map(|problem| problem.message(ACTORS.folder));
    let begin = "actors/src/planted.rs is in no layer: add its module to the list in";
    assert!(messages.any(|message| message.starts_with(begin)));
}
