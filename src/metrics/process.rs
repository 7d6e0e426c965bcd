//! What the system says of this process.

use std::fs;

/// How many ticks of the system's accounts a second has, for all programs on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the system says of this process. A number that it does not say is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessNumbers {
    /// How many bytes of memory are resident.
    pub resident_bytes: Option<u64>,
    /// How many descriptors are open.
    pub open_descriptors: Option<u64>,
    /// How many descriptors may be open.
    pub most_descriptors: Option<u64>,
    /// For how many seconds its threads have run on a processor.
    pub processor_seconds: Option<f64>,
}

impl ProcessNumbers {
    /// Reads the numbers. This reads files, so a thread that serves does not do it itself.
    pub fn read() -> Self {
        Self {
            resident_bytes: fs::read_to_string("/proc/self/status")
                .ok()
                .and_then(|status| parse_resident(&status)),
            open_descriptors: fs::read_dir("/proc/self/fd")
                .ok()
                // One of them is the folder itself, which is read just now.
                .map(|open| (open.count() as u64).saturating_sub(1)),
            most_descriptors: rlimit::getrlimit(rlimit::Resource::NOFILE)
                .ok()
                .map(|(soft, _)| soft),
            processor_seconds: fs::read_to_string("/proc/self/stat")
                .ok()
                .and_then(|stat| parse_processor_time(&stat)),
        }
    }
}

/// Reads the line `VmRSS:   1234 kB`.
fn parse_resident(status: &str) -> Option<u64> {
    let rest = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = rest.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// Adds the fields `utime` and `stime`. The second field is a name in brackets, which may hold spaces.
fn parse_processor_time(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_words_are_read() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        assert_eq!(parse_resident(status), Some(2 << 20));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1";
        assert_eq!(parse_processor_time(stat), Some(3.0));
        assert_eq!(parse_processor_time("nonsense"), None);
    }
}
