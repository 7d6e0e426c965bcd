//! The limits that the machine sets for the process, and the settings that the server derives from
//! them.

use std::fs;
use std::path::Path;

use channelstream_actors::memory::SOCKET_BYTES;

use super::table::Settings;

/// The number of descriptors that are kept free for calls and files when all sockets are in use.
const SPARE_DESCRIPTORS: usize = 64;

/// The resources that the process may use.
#[derive(Clone, Copy, Debug, Default)]
pub struct Machine {
    /// The number of descriptors that the process may open, if the system reports it.
    pub descriptors: Option<usize>,
    /// The memory, in bytes, that the process may use, if the system reports it: the limit of its
    /// control group or the memory of the machine, whichever is smaller.
    pub memory: Option<usize>,
}

impl Machine {
    /// Reads the resources from the operating system.
    pub fn read() -> Self {
        let descriptors = rlimit::Resource::NOFILE.get_soft().ok();
        Self {
            descriptors: descriptors.map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
            memory: read_memory(Path::new("/")),
        }
    }
}

/// Returns the number of bytes that this process may use, as the files below `root` say.
fn read_memory(root: &Path) -> Option<usize> {
    let own = fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
    let groups = own.lines().filter_map(|line| {
        // Each line is `number:controllers:path`. In version 2 of control groups the list of
        // controllers is empty.
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (folder, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return None,
        };
        let base = root.join(folder);
        // In a container the group is often mounted as the root. Its own path does not exist there,
        // so each shorter path is tried too.
        let own = Path::new(path.trim_start_matches('/'));
        own.ancestors()
            .filter_map(|group| read_number(&base.join(group).join(file)))
            .min()
    });
    groups.chain(read_total(root)).min()
}

/// Reads a number of bytes from a file. Returns `None` for `max`, and if there is no such file.
fn read_number(path: &Path) -> Option<usize> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Returns the memory of the machine, in bytes.
fn read_total(root: &Path) -> Option<usize> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

impl Settings {
    /// Returns the largest number of sockets that may be open at once; 0 stands for no limit.
    pub fn most_sockets(&self, machine: &Machine) -> usize {
        match (self.max_connections, machine.descriptors) {
            (0, Some(descriptors)) => descriptors.saturating_sub(SPARE_DESCRIPTORS).max(1),
            (most, _) => most,
        }
    }

    /// Sets `memory_limit`, if it is 0, to three quarters of the memory that the process may use.
    pub fn derive_memory_limit(&mut self, machine: &Machine) {
        if self.memory_limit == 0
            && let Some(memory) = machine.memory
        {
            self.memory_limit = memory / 4 * 3;
        }
    }
}

impl Settings {
    /// Describes the largest amount of memory that the server may count, and the amount that each
    /// kind of object would take at its own limit.
    pub fn describe_memory(&self, machine: &Machine) -> String {
        let each = |count: usize, bytes: usize| match (count, bytes) {
            (0, _) | (_, 0) => "any amount".to_owned(),
            _ => in_gibibytes(count.saturating_mul(bytes)),
        };
        let limit = match self.memory_limit {
            0 => "any amount".to_owned(),
            bytes => in_gibibytes(bytes),
        };
        let kept = self.log_bytes.saturating_add(self.history_bytes);
        format!(
            "memory: the server counts at most {limit} (memory_limit). At their own limits, \
             channels would take {} (max_channels times the sum of log_bytes and history_bytes), \
             private messages {} (max_users times log_bytes), states {} (max_users times \
             state_bytes), sockets {} (max_connections times 16 KB), and calls with an \
             Idempotency-Key {} (idempotency_bytes)",
            each(self.max_channels, kept),
            each(self.max_users, self.log_bytes),
            each(self.max_users, self.state_bytes),
            each(self.most_sockets(machine), SOCKET_BYTES),
            in_gibibytes(self.idempotency_bytes),
        )
    }
}

fn in_gibibytes(bytes: usize) -> String {
    format!("{:.2} GiB", bytes as f64 / (1_u64 << 30) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes files below a new folder, and returns the memory that they report.
    fn read(name: &str, files: &[(&str, &str)]) -> Option<usize> {
        let root = std::env::temp_dir().join(format!("machine-{name}-{}", std::process::id()));
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let memory = read_memory(&root);
        fs::remove_dir_all(root).unwrap();
        memory
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:       1000 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_memory_is_that_of_the_smallest_group_or_of_the_machine() {
        assert_eq!(read("machine", &[MEMINFO]), Some(1_024_000));
        let newer = ("proc/self/cgroup", "0::/a/b\n");
        let groups = [
            MEMINFO,
            newer,
            ("sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("sys/fs/cgroup/a/memory.max", "500000\n"),
        ];
        assert_eq!(read("newer", &groups), Some(500_000));
        let container = [MEMINFO, newer, ("sys/fs/cgroup/memory.max", "400000\n")];
        assert_eq!(read("container", &container), Some(400_000));
        let older = [
            MEMINFO,
            ("proc/self/cgroup", "5:cpu:/c\n4:memory:/c\n0::/\n"),
            ("sys/fs/cgroup/memory/c/memory.limit_in_bytes", "300000\n"),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ];
        assert_eq!(read("older", &older), Some(300_000));
    }

    #[test]
    fn limits_that_are_not_set_follow_from_the_machine() {
        let machine = Machine {
            descriptors: Some(1024),
            memory: Some(1000),
        };
        let mut settings = Settings::default();
        settings.derive_memory_limit(&machine);
        let sockets = settings.most_sockets(&machine);
        assert_eq!((sockets, settings.memory_limit), (960, 750));
        let mut given = Settings {
            max_connections: 5,
            memory_limit: 6,
            ..Settings::default()
        };
        given.derive_memory_limit(&machine);
        let sockets = given.most_sockets(&machine);
        assert_eq!((sockets, given.memory_limit), (5, 6));
    }
}
