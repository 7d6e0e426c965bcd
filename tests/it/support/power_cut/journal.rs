//! Reads the journal that the preloaded library writes. `journal.h` describes its form.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

const HEADER: u64 = 4096;

/// An action of a process on a file of the folder, or on the folder itself.
#[derive(Debug)]
pub(super) enum Record {
    Open {
        inode: u64,
        name: String,
        is_new: bool,
    },
    Write {
        inode: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Sets the length of the file.
    Truncate {
        inode: u64,
        length: usize,
    },
    /// Sets the length of the file, unless it is greater.
    Allocate {
        inode: u64,
        length: usize,
    },
    /// Makes durable what the records up to `until` say about the file.
    Sync {
        target: Target,
        until: u64,
    },
    Unlink {
        name: String,
    },
    Rename {
        from: String,
        to: String,
    },
}

#[derive(Debug)]
pub(super) enum Target {
    File { inode: u64 },
    Folder,
}

/// The records of a journal, each with the place in the journal where it ends.
pub(super) struct Journal {
    file: BufReader<File>,
    length: u64,
    position: u64,
    /// Whether the process was killed during a change, so that the record of that change may be
    /// missing.
    pub(super) is_cut_short: bool,
}

impl Journal {
    /// Opens the journal. Returns `None` if the process never opened a file of the folder. The
    /// process must have ended.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        assert!(file.try_lock().is_ok(), "the process still runs");
        let [length, in_flight] = read_numbers(&mut file);
        file.seek(SeekFrom::Start(HEADER)).unwrap();
        Some(Self {
            file: BufReader::with_capacity(1 << 20, file),
            length,
            position: 0,
            is_cut_short: in_flight > 0,
        })
    }
}

impl Iterator for Journal {
    type Item = (u64, Record);

    fn next(&mut self) -> Option<Self::Item> {
        if self.position == self.length {
            return None;
        }
        let [kind, inode, value, size] = read_numbers(&mut self.file);
        let mut bytes = vec![0; size.try_into().unwrap()];
        self.file.read_exact(&mut bytes).unwrap();
        self.position += 32 + size;
        Some((self.position, record(kind, inode, value, bytes)))
    }
}

fn read_numbers<const COUNT: usize>(file: &mut impl Read) -> [u64; COUNT] {
    std::array::from_fn(|_| {
        let mut bytes = [0; 8];
        file.read_exact(&mut bytes).unwrap();
        u64::from_ne_bytes(bytes)
    })
}

fn record(kind: u64, inode: u64, value: u64, bytes: Vec<u8>) -> Record {
    let number = usize::try_from(value).unwrap();
    match kind {
        1 => Record::Open {
            inode,
            name: text(bytes),
            is_new: value == 1,
        },
        2 => Record::Write {
            inode,
            offset: number,
            bytes,
        },
        3 => Record::Truncate {
            inode,
            length: number,
        },
        4 => Record::Allocate {
            inode,
            length: number,
        },
        5 => Record::Sync {
            target: match inode {
                1 => Target::Folder,
                inode => Target::File { inode },
            },
            until: value,
        },
        6 => Record::Unlink { name: text(bytes) },
        7 => {
            let names = text(bytes);
            let (from, to) = names.split_once('\0').unwrap();
            Record::Rename {
                from: from.to_owned(),
                to: to.to_owned(),
            }
        }
        kind => panic!("a journal with a record of kind {kind}"),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}
