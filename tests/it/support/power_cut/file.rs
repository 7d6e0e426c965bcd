//! One file on the disk: its durable content, and the changes that were written since.

use std::collections::BTreeMap;

use crate::support::random::Random;

pub(super) enum Change {
    /// Bytes at an offset.
    Write(usize, Vec<u8>),
    /// The file gets this length.
    Truncate(usize),
    /// The file gets this length, unless it is longer.
    Allocate(usize),
}

impl Change {
    fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::Write(offset, bytes) => write(content, *offset, bytes),
            Self::Truncate(length) => content.resize(*length, 0),
            Self::Allocate(length) => content.resize(content.len().max(*length), 0),
        }
    }

    /// Returns the parts of a write by the block that they lie in: the number of the block, and the
    /// offset and bytes of the part.
    fn blocks(&self, block: usize) -> impl Iterator<Item = (usize, usize, &[u8])> {
        let (offset, bytes): (usize, &[u8]) = match self {
            Self::Write(offset, bytes) => (*offset, bytes),
            Self::Truncate(_) | Self::Allocate(_) => (0, &[]),
        };
        let end = offset + bytes.len();
        (offset / block..end.div_ceil(block)).map(move |index| {
            let from = offset.max(index * block);
            let to = end.min((index + 1) * block);
            (index, from, &bytes[from - offset..to - offset])
        })
    }
}

fn write(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

pub(super) struct Content {
    durable: Vec<u8>,
    /// The changes in their order, each with the place in the journal where its record ends.
    unsynced: Vec<(u64, Change)>,
}

impl Content {
    pub(super) fn new(durable: Vec<u8>) -> Self {
        Self {
            durable,
            unsynced: Vec::new(),
        }
    }

    pub(super) fn change(&mut self, at: u64, change: Change) {
        self.unsynced.push((at, change));
    }

    /// Makes everything up to this place of the journal durable.
    pub(super) fn sync(&mut self, until: u64) {
        let count = self.unsynced.partition_point(|(at, _)| *at <= until);
        for (_, change) in self.unsynced.drain(..count) {
            change.apply(&mut self.durable);
        }
    }

    pub(super) fn unsynced(&self) -> usize {
        self.unsynced.len()
    }

    pub(super) fn synced(&self) -> Vec<u8> {
        self.durable.clone()
    }

    pub(super) fn all(&self) -> Vec<u8> {
        let mut content = self.durable.clone();
        for (_, change) in &self.unsynced {
            change.apply(&mut content);
        }
        content
    }

    /// Returns the places in the journal of the unsynced changes that are not writes.
    pub(super) fn changes_of_length(&self) -> impl Iterator<Item = u64> {
        let changes = self.unsynced.iter();
        let changes = changes.filter(|(_, change)| !matches!(change, Change::Write(..)));
        changes.map(|(at, _)| *at)
    }

    /// Returns the durable content with a part of the changes: the changes of length up to this
    /// place of the journal, and for each block a random number of the first writes to it.
    pub(super) fn partly(&self, until: u64, block: usize, random: &mut Random) -> Vec<u8> {
        // If a change of length is lost, the writes after it are lost too.
        let lost = self.changes_of_length().find(|at| *at > until);
        let changes = self.unsynced.iter();
        let changes = changes.take_while(|(at, _)| lost.is_none_or(|lost| *at < lost));
        let changes: Vec<&Change> = changes.map(|(_, change)| change).collect();
        let mut kept: BTreeMap<usize, u64> = BTreeMap::new();
        for (index, ..) in changes.iter().flat_map(|change| change.blocks(block)) {
            *kept.entry(index).or_default() += 1;
        }
        for count in kept.values_mut() {
            *count = random.below(*count + 1);
        }
        let mut content = self.durable.clone();
        for change in changes {
            if !matches!(change, Change::Write(..)) {
                change.apply(&mut content);
            }
            for (index, offset, bytes) in change.blocks(block) {
                let rest = kept.get_mut(&index).unwrap();
                if *rest > 0 {
                    *rest -= 1;
                    write(&mut content, offset, bytes);
                }
            }
        }
        content
    }
}
