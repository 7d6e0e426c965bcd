//! Reads the numbers of this process from the operating system.

use std::fs;

/// The number of clock ticks per second in `/proc`. Linux uses this number for all programs.
const TICKS_PER_SECOND: f64 = 100.0;

/// The numbers of this process. A number is absent if the system does not report it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessNumbers {
    /// The number of bytes of resident memory.
    pub resident_bytes: Option<u64>,
    /// The number of open descriptors.
    pub open_descriptors: Option<u64>,
    /// The most descriptors that may be open.
    pub most_descriptors: Option<u64>,
    /// The time that its threads have run on a processor, in seconds.
    pub processor_seconds: Option<f64>,
}

impl ProcessNumbers {
    /// Reads the numbers. This reads files, so a thread that serves clients must not call it.
    pub fn read() -> Self {
        Self {
            resident_bytes: fs::read_to_string("/proc/self/status")
                .ok()
                .and_then(|status| parse_resident(&status)),
            open_descriptors: fs::read_dir("/proc/self/fd")
                .ok()
                // One descriptor is that of the directory `/proc/self/fd` itself, which is being
                // read.
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

/// Returns the sum of the fields `utime` and `stime`, in seconds. The second field of the text is a
/// name in brackets, which may contain spaces.
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
    fn the_texts_of_the_system_are_parsed() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t3\n";
        assert_eq!(parse_resident(status), Some(2 << 20));
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 1";
        assert_eq!(parse_processor_time(stat), Some(3.0));
        assert_eq!(parse_processor_time("nonsense"), None);
    }
}
