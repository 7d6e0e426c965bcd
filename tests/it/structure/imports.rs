//! Finds which file imports which.
//!
//! `mod lists;` imports nothing. Every place that names an item of another file is an import: a
//! `use`, a path in code, a type, a pattern, an attribute or a macro. A name that a facade
//! re-exports counts for the file that defines it. Methods are called without a path, so an `impl`
//! in another file is not found.

use std::collections::{BTreeMap, BTreeSet};

use super::layers::Layers;
use super::scan::{Kind, Mention, Scan};
use super::scope::{Scope, Target};
use super::sources::{Sources, module_of};

/// One place where a file names an item of another file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Import {
    /// The file that imports.
    pub(super) from: String,
    /// The file that defines the item.
    pub(super) to: String,
    pub(super) line: usize,
    /// The path as it is written, with groups taken apart.
    pub(super) path: String,
}

/// A mention of something, with the targets that it leads to.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) file: String,
    pub(super) mention: Mention,
    pub(super) targets: BTreeSet<Target>,
}

impl Reference {
    /// Returns the path as it is written.
    pub(super) fn path(&self) -> String {
        let path = self.mention.path.join("::");
        match self.mention.kind {
            Kind::Glob { .. } => path + "::*",
            Kind::Use {
                is_public: true, ..
            } => format!("pub use {path}"),
            _ => path,
        }
    }
}

/// The files of a crate, with their mentions and imports.
#[derive(Debug)]
pub(super) struct Structure {
    /// All files, except those of tests.
    pub(super) files: Vec<String>,
    pub(super) references: Vec<Reference>,
    pub(super) imports: BTreeSet<Import>,
}

impl Structure {
    pub(super) fn of(layers: &Layers, sources: &Sources) -> Self {
        let scans = scans(sources);
        let scope = Scope::new(layers.library, sources, &scans);
        let mut references = Vec::new();
        let mut imports = BTreeSet::new();
        for (file, scan) in &scans {
            for mention in &scan.mentions {
                let targets = scope.resolve(&mention.module, &mention.path);
                let reference = Reference {
                    file: file.clone(),
                    mention: mention.clone(),
                    targets,
                };
                let others = defining_files(&scope, &reference).into_iter();
                imports.extend(others.filter(|to| to != file).map(|to| Import {
                    from: file.clone(),
                    to,
                    line: mention.line,
                    path: reference.path(),
                }));
                references.push(reference);
            }
        }
        Self {
            files: scans.into_keys().collect(),
            references,
            imports,
        }
    }
}

/// Reads all files, except those that a `mod` below `#[cfg(test)]` declares.
fn scans(sources: &Sources) -> BTreeMap<String, Scan> {
    let scan = |file: &String, text| (file.clone(), Scan::of(text, &module_of(file)));
    let mut scans: BTreeMap<String, Scan> = sources
        .iter()
        .map(|(file, text)| scan(file, text))
        .collect();
    let tests: Vec<Vec<String>> = scans
        .values()
        .flat_map(|scan| scan.test_modules.clone())
        .collect();
    scans.retain(|file, _| {
        let module = module_of(file);
        !tests.iter().any(|test| module.starts_with(test))
    });
    scans
}

fn defining_files(scope: &Scope, reference: &Reference) -> BTreeSet<String> {
    let Mention {
        module, path, kind, ..
    } = &reference.mention;
    let item_files = || {
        let targets = reference.targets.iter();
        targets.filter_map(|target| match target {
            Target::Item { file } => Some(file.clone()),
            _ => None,
        })
    };
    match kind {
        Kind::Method => BTreeSet::new(),
        Kind::Use { is_self, .. } => {
            let is_module = |target| matches!(target, &Target::Module(_));
            match *is_self && reference.targets.iter().any(is_module) {
                true => BTreeSet::new(),
                false => item_files().collect(),
            }
        }
        Kind::Glob { .. } => {
            let modules = reference.targets.iter().filter_map(|target| match target {
                Target::Module(module) => Some(module),
                _ => None,
            });
            modules
                .flat_map(|module| scope.files_of_glob(module))
                .chain(item_files())
                .collect()
        }
        Kind::Path | Kind::Call | Kind::Macro => {
            let first = &path[0];
            let is_relative = ["crate", "self", "super"].contains(&first.as_str());
            let found = scope.name(module, first);
            if *kind == Kind::Macro && path.len() == 1 && found.is_empty() {
                let above = scope.macro_above(module, first);
                return above.map(str::to_owned).into_iter().collect();
            }
            // A name that a `use` brings in was already counted, at the line of the `use`.
            let leads_on = found
                .iter()
                .any(|target| matches!(target, Target::Module(_)));
            let was_counted = scope.is_imported(module, first) && (path.len() == 1 || !leads_on);
            match !is_relative && was_counted {
                true => BTreeSet::new(),
                false => item_files().collect(),
            }
        }
    }
}
