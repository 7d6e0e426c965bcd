//! Fuzz targets for input from strangers, and for settings files. Each target is a function that
//! takes any bytes, passes them to a parser of the server, and panics when the parser breaks a
//! rule.
//!
//! `make fuzz` runs them under libFuzzer, and `tests/replay.rs` runs them on their corpora.
//! `docs/fuzzing.md` says what each of them asserts.
//!
//! - [`TARGETS`]: all targets by name; `targets`: a file for each;
//! - `head`: requests from text; `refusal`: the common form of every refusal; `time_limit`: the
//!   longest time of a parser; `files`: settings files for one run.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a target fails by a panic"
)]

mod files;
mod head;
mod refusal;
mod targets;
mod time_limit;

pub use self::targets::{TARGETS, Target};
