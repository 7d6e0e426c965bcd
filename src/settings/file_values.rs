//! What was read from a settings file, with the places where it stands.

use std::collections::BTreeMap;

/// A place in a file, both numbers counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FilePosition {
    pub(super) line: usize,
    /// The column in characters.
    pub(super) column: usize,
}

/// The value of a key in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FileValue {
    /// The value, as the text that a flag would have.
    pub(super) text: String,
    /// Where the key stands, if the file is TOML.
    pub(super) key_at: Option<FilePosition>,
    /// Where the value stands, if the file is TOML.
    pub(super) value_at: Option<FilePosition>,
}

/// The values of a file, by their keys.
pub(super) type FileValues = BTreeMap<String, FileValue>;

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) struct FileProblem {
    /// Where the problem is, if that is known to the column.
    pub(super) at: Option<FilePosition>,
    /// What is wrong.
    pub(super) reason: String,
}
