//! The Redis that the nodes share, which the tool starts.

use std::net::SocketAddr;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use redis::{Client, Connection, InfoDict};

use crate::program::{Program, free_address};
use crate::report::Report;

/// The time within which Redis must answer after its start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// A Redis server on a free port. It keeps an append-only file in a folder of its own.
pub(super) struct RedisServer {
    address: SocketAddr,
    client: Client,
    _program: Program,
}

/// What Redis has done since it started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Work {
    /// The time in scripts, in microseconds.
    pub(super) scripts: f64,
    /// The CPU time of the whole process, in seconds.
    pub(super) cpu: f64,
}

impl RedisServer {
    /// Starts the server, and waits until it answers.
    pub(super) fn start() -> Result<Self> {
        let address = free_address()?;
        let mut command = Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1"])
            .args(["--port", &address.port().to_string()])
            .args(["--save", "", "--appendonly", "yes"])
            .args(["--appendfsync", "everysec"]);
        let program = Program::start(&mut command, tempfile::tempdir()?)
            .context("redis-server does not start: check that it is installed")?;
        let server = Self {
            address,
            client: Client::open(format!("redis://{address}"))?,
            _program: program,
        };
        let end = Instant::now() + START_TIMEOUT;
        while let Err(error) = server.connect() {
            if Instant::now() > end {
                return Err(error);
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    /// Returns the address, as the nodes are given it.
    pub(super) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Asks what the server has done so far.
    pub(super) fn work(&self) -> Result<Work> {
        let mut connection = self.connect()?;
        let mut info = |section: &str| -> Result<InfoDict> {
            Ok(redis::cmd("INFO").arg(section).query(&mut connection)?)
        };
        let (cpu, commands) = (info("cpu")?, info("commandstats")?);
        let seconds = |key: &str| {
            let seconds = cpu.get::<f64>(key);
            seconds.with_context(|| format!("Redis does not say its {key}"))
        };
        let scripts: Option<String> = commands.get("cmdstat_evalsha");
        Ok(Work {
            scripts: scripts.as_deref().and_then(micros).unwrap_or_default(),
            cpu: seconds("used_cpu_user")? + seconds("used_cpu_sys")?,
        })
    }

    fn connect(&self) -> Result<Connection> {
        let connection = self.client.get_connection();
        connection.with_context(|| format!("Redis does not answer at {}", self.address))
    }
}

impl Work {
    /// Adds to a report what each message has cost since `before`.
    pub(super) fn report_each(&self, before: Self, messages: f64, report: &mut Report) {
        let scripts = (self.scripts - before.scripts) / messages;
        let cpu = 1e6 * (self.cpu - before.cpu) / messages;
        report.add("script time in Redis for each", scripts, "µs");
        report.add("CPU of Redis for each", cpu, "µs");
    }
}

/// Returns the time of a command from its statistics, such as `calls=2,usec=31,usec_per_call=15.5`.
fn micros(statistics: &str) -> Option<f64> {
    let mut fields = statistics.split(',');
    fields
        .find_map(|field| field.strip_prefix("usec="))?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_command_is_read() {
        let statistics = "calls=2,usec=31,usec_per_call=15.50,rejected_calls=0,failed_calls=0";
        assert_eq!(micros(statistics), Some(31.0));
        assert_eq!(micros(""), None);
    }
}
