//! Checks that `core` only decides: it has no clock, no randomness, no input or output, and does
//! not know the actors or the views of the panel.

use super::imports::{Reference, Structure};
use super::problem::Problem;
use super::scan::Kind;
use super::scope::Target;

/// Paths of other crates that `core` must not use. A path stands for everything below it.
const FORBIDDEN: &[(&str, &str)] = &[
    ("actix", ACTORS),
    ("actix_rt", ACTORS),
    ("tokio", ACTORS),
    ("std::time::Instant", CLOCK),
    ("std::time::SystemTime", CLOCK),
    ("rand", RANDOM),
    ("getrandom", RANDOM),
    ("std::hash::RandomState", RANDOM),
    ("std::collections::hash_map::RandomState", RANDOM),
    ("std::fs", INPUT),
    ("std::io", INPUT),
    ("std::net", INPUT),
    ("std::process", INPUT),
    ("std::env", INPUT),
    ("std::thread", INPUT),
    ("log", INPUT),
];

/// Functions that `core` must neither call nor define.
const FUNCTIONS: &[(&str, &str)] = &[("now", CLOCK), ("random", RANDOM), ("new_v4", RANDOM)];

/// Macros that write output.
const MACROS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// Files that describe what the panel and `/info` show.
const VIEWS: &[&str] = &["protocol/info", "protocol/listing", "view"];

const ACTORS: &str = "core is plain structs: no actors, no runtime";
const CLOCK: &str = "core has no clock: the caller passes the time";
const RANDOM: &str = "core has no randomness: the caller passes ids";
const INPUT: &str = "core has no input, output or log";
const VIEW: &str = "core does not know what is shown of it: the caller makes the view";

/// Returns whether a file belongs to `core`.
fn is_core(file: &str) -> bool {
    file == "core.rs" || file.starts_with("core/")
}

pub(super) fn check(structure: &Structure) -> Vec<Problem> {
    let of_core = structure.references.iter().filter(|of| is_core(&of.file));
    let problems = of_core.filter_map(|reference| {
        Some(Problem::Impure {
            file: reference.file.clone(),
            line: reference.mention.line,
            path: reference.path(),
            reason: reason(reference)?,
        })
    });
    let views = structure.imports.iter().filter(|import| {
        let is_view = |view: &&str| import.to.trim_end_matches(".rs").starts_with(*view);
        is_core(&import.from) && VIEWS.iter().any(is_view)
    });
    let views = views.map(|import| Problem::Impure {
        file: import.from.clone(),
        line: import.line,
        path: import.path.clone(),
        reason: VIEW,
    });
    problems.chain(views).collect()
}

/// Returns the reason why `core` must not use this, if there is one.
fn reason(reference: &Reference) -> Option<&'static str> {
    let mention = &reference.mention;
    let last = mention.path.last()?;
    let is_named = matches!(mention.kind, Kind::Call | Kind::Method) || mention.path.len() > 1;
    // A variable or a field may be called `now`: it holds the time that the caller passed.
    if let Some((_, reason)) = FUNCTIONS.iter().find(|(name, _)| name == last)
        && is_named
    {
        return Some(reason);
    }
    if mention.kind == Kind::Macro && mention.path.len() == 1 && MACROS.contains(&last.as_str()) {
        return Some(INPUT);
    }
    let is_use = matches!(mention.kind, Kind::Use { .. });
    let is_glob = matches!(mention.kind, Kind::Glob { .. });
    // A single name is a variable, or it was already found at the `use` that brings it in.
    if mention.path.len() == 1 && !is_use && !is_glob {
        return None;
    }
    reference.targets.iter().find_map(|target| {
        let Target::External(path) = target else {
            return None;
        };
        let path = path.join("::");
        let begins = |long: &str, short: &str| {
            let rest = long.strip_prefix(short);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let mut forbidden = FORBIDDEN.iter();
        let found =
            forbidden.find(|(name, _)| begins(&path, name) || (is_glob && begins(name, &path)));
        found.map(|(_, reason)| *reason)
    })
}
