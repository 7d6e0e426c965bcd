//! The possible content of the disk after a power cut, from the records of a journal.
//!
//! The sync of a file makes its bytes, its length, and the change that gave it its name (creation,
//! renaming) durable, as Linux file systems do. A removal, and every other change of names, becomes
//! durable only by a sync of the folder. Changes of names happen in their order.

use std::collections::{BTreeMap, HashMap};

use super::file::{Change, Content};
use super::journal::{Record, Target};
use crate::support::random::Random;

/// The files of the folder and their bytes.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The index of a file in [`Disk::files`].
type Id = usize;

pub(super) struct Disk {
    /// All files that ever existed, including those that were removed.
    files: Vec<Content>,
    /// The names at the beginning of the journal.
    first_names: BTreeMap<String, Id>,
    names: BTreeMap<String, Id>,
    changes: Vec<NameChange>,
    /// The file of each inode. A new file may get the inode of a removed one.
    inodes: HashMap<u64, Id>,
    pub(super) syncs: usize,
}

struct NameChange {
    at: u64,
    is_durable: bool,
    file: Id,
    from: Option<String>,
    to: Option<String>,
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Id>) {
        // If an earlier change was lost, another file may have this name.
        if let Some(from) = &self.from
            && names.get(from) == Some(&self.file)
        {
            names.remove(from);
        }
        if let Some(to) = &self.to {
            names.insert(to.clone(), self.file);
        }
    }
}

impl Disk {
    /// Returns a disk on which these files are durable.
    pub(super) fn new(durable: &Files) -> Self {
        let names: BTreeMap<_, _> = durable.keys().cloned().zip(0..).collect();
        Self {
            files: durable.values().cloned().map(Content::new).collect(),
            first_names: names.clone(),
            names,
            changes: Vec::new(),
            inodes: HashMap::new(),
            syncs: 0,
        }
    }

    /// Applies a record that ends at this place of the journal.
    pub(super) fn apply(&mut self, at: u64, record: Record) {
        match record {
            Record::Open {
                inode,
                name,
                is_new,
            } => self.open(at, inode, &name, is_new),
            Record::Write {
                inode,
                offset,
                bytes,
            } => self.change(at, inode, Change::Write(offset, bytes)),
            Record::Truncate { inode, length } => self.change(at, inode, Change::Truncate(length)),
            Record::Allocate { inode, length } => self.change(at, inode, Change::Allocate(length)),
            Record::Sync { target, until } => self.sync(&target, until),
            Record::Unlink { name } => self.rename(at, &name, None),
            Record::Rename { from, to } => self.rename(at, &from, Some(to)),
        }
    }

    fn open(&mut self, at: u64, inode: u64, name: &str, is_new: bool) {
        if is_new {
            self.files.push(Content::new(Vec::new()));
            self.change_name(at, self.files.len() - 1, None, Some(name.to_owned()));
        }
        let file = self.named(name);
        self.inodes.insert(inode, file);
    }

    fn named(&self, name: &str) -> Id {
        let file = self.names.get(name);
        *file.unwrap_or_else(|| panic!("{name} was made by a call that is not recorded"))
    }

    fn change(&mut self, at: u64, inode: u64, change: Change) {
        self.files[self.inodes[&inode]].change(at, change);
    }

    fn rename(&mut self, at: u64, from: &str, to: Option<String>) {
        let file = self.named(from);
        self.change_name(at, file, Some(from.to_owned()), to);
    }

    fn change_name(&mut self, at: u64, file: Id, from: Option<String>, to: Option<String>) {
        let change = NameChange {
            at,
            is_durable: false,
            file,
            from,
            to,
        };
        change.apply(&mut self.names);
        self.changes.push(change);
    }

    fn sync(&mut self, target: &Target, until: u64) {
        self.syncs += 1;
        let file = match target {
            Target::File { inode } => Some(self.inodes[inode]),
            Target::Folder => None,
        };
        if let Some(file) = file {
            self.files[file].sync(until);
        }
        for change in &mut self.changes {
            let is_of_target = file.is_none_or(|file| change.to.is_some() && change.file == file);
            change.is_durable |= is_of_target && change.at <= until;
        }
    }

    /// Returns the number of changes that were not synced.
    pub(super) fn unsynced(&self) -> usize {
        let names = self.changes.iter().filter(|change| !change.is_durable);
        names.count() + self.files.iter().map(Content::unsynced).sum::<usize>()
    }

    /// Returns everything that was written.
    pub(super) fn all(&self) -> Files {
        self.gather(|_| true, Content::all)
    }

    /// Returns only what was synced.
    pub(super) fn synced(&self) -> Files {
        self.gather(|change| change.is_durable, Content::synced)
    }

    /// Returns what was synced, and a random part of the rest.
    ///
    /// Changes of names and lengths reach the disk in their order, up to a random one of them. Each
    /// block of a file holds its content after a random one of the writes to it. A block has 512 or
    /// 4096 bytes.
    pub(super) fn partly(&self, random: &mut Random) -> Files {
        let of_names = self.changes.iter().map(|change| change.at);
        let of_lengths = self.files.iter().flat_map(Content::changes_of_length);
        let mut changes: Vec<u64> = of_names.chain(of_lengths).chain([0]).collect();
        changes.sort_unstable();
        let until = changes[usize::try_from(random.below(changes.len() as u64)).unwrap()];
        let block = [512, 4096][usize::try_from(random.below(2)).unwrap()];
        self.gather(
            |change| change.is_durable || change.at <= until,
            |content| content.partly(until, block, random),
        )
    }

    fn gather(
        &self,
        is_kept: impl Fn(&NameChange) -> bool,
        mut bytes: impl FnMut(&Content) -> Vec<u8>,
    ) -> Files {
        let mut names = self.first_names.clone();
        self.changes
            .iter()
            .filter(|change| is_kept(change))
            .for_each(|change| change.apply(&mut names));
        names
            .into_iter()
            .map(|(name, id)| (name, bytes(&self.files[id])))
            .collect()
    }
}
