//! Reads from the kernel what a server's processes use: CPU seconds, resident memory, threads and
//! open descriptors.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result};

/// The processes of a server: the given ones and all their descendants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Processes(Vec<u32>);

/// The resources that they have used.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// The CPU time in seconds since they began.
    pub(crate) cpu: f64,
    /// The present resident memory in bytes.
    pub(crate) memory: u64,
}

impl Processes {
    /// Returns these processes and their descendants, or none if the server runs on another
    /// machine.
    pub(crate) fn of(pids: &[u32]) -> Self {
        let parents: HashMap<u32, u32> = all_pids()
            .filter_map(|pid| Some((pid, parent(pid)?)))
            .collect();
        let mut family = pids.to_vec();
        let mut next = 0;
        while let Some(&parent) = family.get(next) {
            family.extend(
                parents
                    .iter()
                    .filter(|(pid, of)| **of == parent && !pids.contains(pid))
                    .map(|(pid, _)| *pid),
            );
            next += 1;
        }
        Self(family)
    }

    /// Returns what they have used so far, or `None` if there are no processes.
    pub(crate) fn usage(&self) -> Result<Option<Usage>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut usage = Usage::default();
        for pid in &self.0 {
            usage.cpu += cpu(*pid)
                .with_context(|| format!("the CPU time of process {pid} cannot be read"))?;
            usage.memory += memory(*pid)
                .with_context(|| format!("the memory of process {pid} cannot be read"))?;
        }
        Ok(Some(usage))
    }

    /// Returns the number of open descriptors.
    pub(crate) fn descriptors(&self) -> Result<u64> {
        self.count("fd")
    }

    /// Returns the number of threads.
    pub(crate) fn threads(&self) -> Result<u64> {
        self.count("task")
    }

    /// Returns the number of entries in a folder that each of them has in `/proc`.
    fn count(&self, folder: &str) -> Result<u64> {
        let mut count = 0;
        for pid in &self.0 {
            let path = format!("/proc/{pid}/{folder}");
            let entries = fs::read_dir(&path).with_context(|| format!("{path} cannot be read"))?;
            count += entries.count() as u64;
        }
        Ok(count)
    }
}

/// Returns the CPU time in seconds that this tool has used.
pub(crate) fn own_cpu() -> f64 {
    cpu(std::process::id()).unwrap_or_default()
}

fn all_pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Returns the fields of `/proc/PID/stat` after the command, which may contain any characters.
fn stat(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(
        stat.rsplit_once(')')?
            .1
            .split_whitespace()
            .map(str::to_owned)
            .collect(),
    )
}

fn parent(pid: u32) -> Option<u32> {
    stat(pid)?.get(1)?.parse().ok()
}

fn cpu(pid: u32) -> Option<f64> {
    // Threads that have ended count only here, in hundredths of a second (`USER_HZ`).
    let stat = stat(pid)?;
    let ticks = |field: usize| stat.get(field)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
