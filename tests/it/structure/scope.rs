//! The modules of a crate, and the targets of their paths.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use syn::Item;

use super::scan::{Kind, Scan};
use super::sources::{Sources, module_of};

/// The target of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// A module of this crate.
    Module(Vec<String>),
    /// An item that this file of this crate defines.
    Item { file: String },
    /// A full path of another crate.
    External(Vec<String>),
}

#[derive(Debug, Default)]
struct Module {
    file: String,
    /// The names that the module defines, except modules.
    items: BTreeSet<String>,
    /// The macros that child modules can call by their bare names.
    macros: BTreeSet<String>,
    /// The names that a `use` brings in, each with its path.
    uses: Vec<(String, Vec<String>, bool)>,
    globs: Vec<(Vec<String>, bool)>,
}

/// All modules of a crate.
#[derive(Debug)]
pub(super) struct Scope {
    /// The name under which the program's `main.rs` imports the library of the same package.
    library: String,
    modules: BTreeMap<Vec<String>, Module>,
}

type Visited = HashSet<(Vec<String>, String)>;

impl Scope {
    pub(super) fn new(library: &str, sources: &Sources, scans: &BTreeMap<String, Scan>) -> Self {
        let mut scope = Self {
            library: library.to_owned(),
            modules: BTreeMap::new(),
        };
        for (file, scan) in scans {
            let items = syn::parse_file(&sources[file]).unwrap().items;
            scope.add(file, module_of(file), &items);
            for mention in &scan.mentions {
                let module = scope.modules.get_mut(&mention.module).unwrap();
                let path = mention.path.clone();
                match &mention.kind {
                    Kind::Use { name, is_self, .. } => {
                        module.uses.push((name.clone(), path, *is_self));
                    }
                    Kind::Glob { is_public } => module.globs.push((path, *is_public)),
                    _ => {}
                }
            }
        }
        scope
    }

    fn add(&mut self, file: &str, path: Vec<String>, items: &[Item]) {
        let mut module = Module {
            file: file.to_owned(),
            ..Module::default()
        };
        for item in items {
            if let Item::Mod(inner) = item {
                if let Some((_, items)) = &inner.content {
                    let path = [path.as_slice(), &[inner.ident.to_string()]].concat();
                    self.add(file, path, items);
                }
            } else if let Some(name) = name_of(item) {
                if matches!(item, Item::Macro(_)) {
                    module.macros.insert(name.clone());
                }
                module.items.insert(name);
            }
        }
        self.modules.insert(path, module);
    }

    /// Returns the targets of a path in a module. A name that no item has was made by a macro. It
    /// counts for the file of the module in which it is looked up.
    pub(super) fn resolve(&self, module: &[String], path: &[String]) -> BTreeSet<Target> {
        self.follow(module, path, &mut Visited::new())
    }

    /// Returns the targets of a single name in a module.
    pub(super) fn name(&self, module: &[String], name: &str) -> BTreeSet<Target> {
        self.look_up(module, name, &mut Visited::new())
    }

    /// Returns whether a `use` in this module gives this name to an item of another module.
    pub(super) fn is_imported(&self, module: &[String], name: &str) -> bool {
        let uses = self.modules.get(module).map(|module| &module.uses);
        uses.is_some_and(|uses| uses.iter().any(|(bound, ..)| bound == name))
    }

    /// Returns the file above a module that defines a macro that needs no path, if there is one.
    pub(super) fn macro_above(&self, module: &[String], name: &str) -> Option<&str> {
        let above = (0..module.len()).rev().map(|length| &module[..length]);
        above
            .filter_map(|above| self.modules.get(above))
            .find(|above| above.macros.contains(name))
            .map(|above| above.file.as_str())
    }

    /// Returns the files whose items a glob import of this module brings in.
    pub(super) fn files_of_glob(&self, path: &[String]) -> BTreeSet<String> {
        let mut files = BTreeSet::new();
        let mut waiting = vec![path.to_vec()];
        let mut seen = BTreeSet::new();
        while let Some(path) = waiting.pop() {
            let Some(module) = self
                .modules
                .get(&path)
                .filter(|_| seen.insert(path.clone()))
            else {
                continue;
            };
            if !module.items.is_empty() {
                files.insert(module.file.clone());
            }
            for (glob, _) in module.globs.iter().filter(|(_, is_public)| *is_public) {
                for target in self.resolve(&path, glob) {
                    match target {
                        Target::Module(next) => waiting.push(next),
                        Target::Item { file } => drop(files.insert(file)),
                        Target::External(_) => {}
                    }
                }
            }
        }
        files
    }

    /// Returns the root of the crate: the program's for `main.rs`, otherwise the library's.
    fn root(module: &[String]) -> Vec<String> {
        let first = module.first().filter(|first| *first == "main");
        first.into_iter().cloned().collect()
    }

    fn follow(&self, module: &[String], path: &[String], seen: &mut Visited) -> BTreeSet<Target> {
        let Some((first, mut rest)) = path.split_first() else {
            return BTreeSet::from([Target::Module(module.to_vec())]);
        };
        let mut targets = match first.as_str() {
            "crate" => BTreeSet::from([Target::Module(Self::root(module))]),
            "self" => BTreeSet::from([Target::Module(module.to_vec())]),
            "super" => {
                let above = module.split_last().map_or(module, |(_, above)| above);
                BTreeSet::from([Target::Module(above.to_vec())])
            }
            name if name == self.library => BTreeSet::from([Target::Module(Vec::new())]),
            name => {
                let found = self.look_up(module, name, seen);
                match found.is_empty() {
                    true => BTreeSet::from([Target::External(vec![name.to_owned()])]),
                    false => found,
                }
            }
        };
        while let Some((name, after)) = rest.split_first() {
            let leads_on = |target: &Target| !matches!(target, Target::Item { .. });
            if targets.iter().any(leads_on) {
                targets.retain(leads_on);
            }
            targets = targets
                .into_iter()
                .flat_map(|target| self.step(target, name, seen))
                .collect();
            rest = after;
        }
        targets
    }

    fn step(&self, target: Target, name: &str, seen: &mut Visited) -> BTreeSet<Target> {
        match target {
            Target::Module(module) if name == "super" => {
                let above = module.split_last().map_or(&[][..], |(_, above)| above);
                BTreeSet::from([Target::Module(above.to_vec())])
            }
            Target::Module(module) => {
                let found = self.look_up(&module, name, seen);
                let file = self.modules.get(&module).map(|module| module.file.clone());
                match (found.is_empty(), file) {
                    (true, Some(file)) => BTreeSet::from([Target::Item { file }]),
                    _ => found,
                }
            }
            Target::External(mut path) => {
                path.push(name.to_owned());
                BTreeSet::from([Target::External(path)])
            }
            item @ Target::Item { .. } => BTreeSet::from([item]),
        }
    }

    fn look_up(&self, path: &[String], name: &str, seen: &mut Visited) -> BTreeSet<Target> {
        let mut targets = BTreeSet::new();
        let Some(module) = self.modules.get(path) else {
            return targets;
        };
        // A glob import may lead back to the module where the search began.
        let search = (path.to_vec(), name.to_owned());
        if !seen.insert(search.clone()) {
            return targets;
        }
        let child = [path, &[name.to_owned()]].concat();
        if self.modules.contains_key(&child) {
            targets.insert(Target::Module(child));
        }
        if module.items.contains(name) {
            let file = module.file.clone();
            targets.insert(Target::Item { file });
        }
        for (_, to, is_self) in module.uses.iter().filter(|(bound, ..)| bound == name) {
            // `use name;` gives a path to a macro. It leads to the name itself, so it is left out.
            if to.as_slice() != [name] {
                let found = self.follow(path, to, seen);
                let has_module = found.iter().any(|to| matches!(to, Target::Module(_)));
                targets.extend(found.into_iter().filter(|target| {
                    !is_self || !has_module || matches!(target, Target::Module(_))
                }));
            }
        }
        if targets.is_empty() {
            for (glob, _) in &module.globs {
                for target in self.follow(path, glob, seen) {
                    if let Target::Module(from) = target {
                        targets.extend(self.look_up(&from, name, seen));
                    }
                }
            }
        }
        seen.remove(&search);
        targets
    }
}

fn name_of(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
