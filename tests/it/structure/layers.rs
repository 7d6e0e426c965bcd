//! The layers of both crates, from top to bottom, as `docs/architecture.md` draws them.
//!
//! A file may import files of its own layer and of the layers below. A name stands for a module
//! with everything below it, unless a longer name is also listed.

use super::imports::Structure;
use super::problem::Problem;
use super::sources::module_of;

/// The layers of a crate.
#[derive(Debug)]
pub(super) struct Layers {
    /// The folder of the crate's sources.
    pub(super) folder: &'static str,
    /// The name by which other crates import it.
    pub(super) library: &'static str,
    /// The modules of each layer, the highest first.
    pub(super) layers: &'static [&'static [&'static str]],
}

pub(super) const ACTORS: Layers = Layers {
    folder: "actors/src",
    library: "channelstream_actors",
    layers: &[
        &["lib"],
        &["broker"],
        &["cluster"],
        &["connection"],
        &["user"],
        &["channel"],
        &["following"],
        &["posting"],
        &["delivery", "directories", "ledger", "view"],
        &["directory", "outlet"],
        &["common", "copies"],
        &["store"],
        &["core"],
        &[
            "counters",
            "error",
            "faults",
            "limits",
            "list",
            "memory",
            "name",
            "position",
            "protocol",
            "request",
            "room",
            "stepped_sleep",
            "transport",
        ],
    ],
};

pub(super) const SERVER: Layers = Layers {
    folder: "src",
    library: "channelstream",
    layers: &[
        &["main", "lib"],
        &["cli", "fuzzing"],
        &["server", "stop"],
        &["routes", "openapi"],
        &["calls"],
        &["admin", "api", "middleware", "transport"],
        &["demo"],
        &["answer", "event_source", "extractors", "pages"],
        &["services"],
        &["live_settings"],
        &["metrics", "operators"],
        &["error"],
        &["openapi::answers", "signature", "validation"],
        &[
            "accepting",
            "address_table",
            "assets",
            "caller",
            "client_limits",
            "error_name",
            "exchange",
            "lifecycle",
            "logging",
            "process",
            "purpose",
            "settings",
        ],
    ],
};

impl Layers {
    /// Returns the layers that list a file's module. The longest name that matches counts.
    fn of(&self, file: &str) -> Vec<usize> {
        let module = match file {
            "lib.rs" => "lib".to_owned(),
            file => module_of(file).join("::"),
        };
        let is_above = |name: &str| {
            let rest = module.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        let listed = || {
            let layers = self.layers.iter().enumerate();
            layers.flat_map(|(layer, names)| names.iter().map(move |name| (layer, *name)))
        };
        let names = listed().map(|(_, name)| name).filter(|name| is_above(name));
        let longest = names.max_by_key(|name| name.len());
        listed()
            .filter(|(_, name)| Some(*name) == longest)
            .map(|(layer, _)| layer)
            .collect()
    }

    /// Finds files that are in no layer or in several, names without a file, and upward imports.
    pub(super) fn check(&self, structure: &Structure) -> Vec<Problem> {
        let mut problems = Vec::new();
        for file in &structure.files {
            match self.of(file).as_slice() {
                [_] => {}
                [] => problems.push(Problem::NoLayer { file: file.clone() }),
                _ => problems.push(Problem::TwoLayers { file: file.clone() }),
            }
        }
        let modules = structure
            .files
            .iter()
            .map(|file| module_of(file).join("::"));
        let modules: Vec<String> = modules.collect();
        for name in self.layers.iter().copied().flatten() {
            let has_file =
                |module: &String| module == name || (*name == "lib" && module.is_empty());
            if !modules.iter().any(has_file) {
                let name = (*name).to_owned();
                problems.push(Problem::NoFile { name });
            }
        }
        for import in &structure.imports {
            if let ([from], [to]) = (
                self.of(&import.from).as_slice(),
                self.of(&import.to).as_slice(),
            ) && to < from
            {
                problems.push(Problem::Upwards {
                    import: import.clone(),
                    from: self.layers[*from].join(", "),
                    to: self.layers[*to].join(", "),
                });
            }
        }
        problems
    }
}
