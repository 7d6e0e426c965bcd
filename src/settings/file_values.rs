//! The values that were read from a settings file, with their places in it.

use std::collections::BTreeMap;

/// A place in a file. Lines and columns are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilePosition {
    pub(super) line: usize,
    /// The column in characters.
    pub(super) column: usize,
}

/// The value of a key in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileValue {
    /// The value as a text, in the same form as for a flag.
    pub(super) text: String,
    /// The place of the key; `None` in an `.ini` file.
    pub(super) key_at: Option<FilePosition>,
    /// The place of the value; `None` in an `.ini` file.
    pub(super) value_at: Option<FilePosition>,
}

/// The values of a file, by their keys.
pub(super) type FileValues = BTreeMap<String, FileValue>;

/// The reason why a file cannot be read.
#[derive(Debug)]
pub(super) struct FileProblem {
    /// The place of the problem, if its line and column are known.
    pub(super) at: Option<FilePosition>,
    /// A description of the problem.
    pub(super) reason: String,
}
