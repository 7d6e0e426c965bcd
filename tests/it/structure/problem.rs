//! The problems of a structure, and their messages.

use std::fmt;

use super::imports::Import;

#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// Files that import each other in a circle.
    Circle {
        /// All files that lie on circles with each other.
        files: Vec<String>,
        /// The shortest circle. Its last file is its first.
        shortest: Vec<String>,
        /// All imports between these files.
        imports: Vec<Import>,
    },
    /// An import of a higher layer.
    Upwards {
        import: Import,
        from: String,
        to: String,
    },
    /// A path that `core` must not use.
    Impure {
        file: String,
        line: usize,
        path: String,
        reason: &'static str,
    },
    NoLayer {
        file: String,
    },
    TwoLayers {
        file: String,
    },
    /// A name in the list of layers that does not belong to any file.
    NoFile {
        name: String,
    },
}

impl Problem {
    /// Returns the whole message, with paths below this folder.
    pub(super) fn message(&self, folder: &str) -> String {
        const LIST: &str = "tests/it/structure/layers.rs";
        match self {
            Self::Circle {
                files,
                shortest,
                imports,
            } => {
                let shortest = shortest.join(" -> ");
                let mut text = format!(
                    "{folder}: {} files import each other in circles, for example {shortest}",
                    files.len()
                );
                let mut edge = None;
                for import in imports {
                    if edge != Some((&import.from, &import.to)) {
                        edge = Some((&import.from, &import.to));
                        text += &format!("\n    {} -> {}", import.from, import.to);
                    }
                    text += &format!("\n        {folder}/{import}");
                }
                text
            }
            Self::Upwards { import, from, to } => format!(
                "{folder}/{import} is an import upwards: {} is in the layer [{to}], above [{from}]",
                import.to
            ),
            Self::Impure {
                file,
                line,
                path,
                reason,
            } => format!("{folder}/{file}:{line}: {path}: {reason}"),
            Self::NoLayer { file } => format!(
                "{folder}/{file} is in no layer: add its module to the list in {LIST}, below \
                 everything that imports it and above everything that it imports"
            ),
            Self::TwoLayers { file } => format!(
                "{folder}/{file} is in two layers: its module is listed twice in {LIST}; remove one"
            ),
            Self::NoFile { name } => {
                format!("{folder} has no module `{name}`: remove it from the list in {LIST}")
            }
        }
    }
}

impl fmt::Display for Import {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.from, self.line, self.path)
    }
}
