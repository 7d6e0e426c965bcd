//! This server under valgrind. Its tool callgrind counts the instructions of all threads.

use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::program::free_address;
use crate::target::{Kind, Target};

const SECRET: &str = "instructions";

/// Settings that prevent sweeps, heartbeats and idle clients while calls are counted.
const QUIET: &[&str] = &[
    "--gc-conns-after=7200",
    "--heartbeat-interval=3600",
    "--sweep-interval=3600",
    "--log-level=ERROR",
];

/// The number of times that the tool waits for the server to start, for five seconds each.
const START_ATTEMPTS: u32 = 12;

/// The time for which the idle server is watched.
const IDLE: Duration = Duration::from_secs(3);

/// The time that the server has to finish its work after an answer, before a count is read.
const SETTLING: Duration = Duration::from_millis(200);

/// A server whose instructions are counted. It is killed when this is dropped.
pub(super) struct Callgrind {
    child: Child,
    target: Target,
    /// The folder to which valgrind writes its counts.
    folder: TempDir,
    /// The number of counts that were written.
    written: Cell<u32>,
    /// The time at which the count was set to zero.
    since: Cell<Instant>,
    /// The number of instructions that the idle server executes in a second.
    idle: Cell<f64>,
}

impl Callgrind {
    /// Starts the program with one worker and waits until it listens.
    pub(super) fn start(program: &Path) -> Result<Self> {
        for tool in ["valgrind", "vgdb"] {
            let version = Command::new(tool).arg("--help").output();
            version
                .with_context(|| format!("{tool} does not run: install the package valgrind"))?;
        }
        ensure!(
            program.is_file(),
            "--server: there is no file {}",
            program.display()
        );
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let counts = folder.path().join("counts").display().to_string();
        let child = Command::new("valgrind")
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={counts}"))
            .arg(fs::canonicalize(program)?)
            .args(["--workers", "1", "--secret", SECRET])
            .args(["--port", &address.port().to_string()])
            .args(QUIET)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log"))?)
            .spawn()?;
        let mut server = Self {
            child,
            target: Target::new(Kind::Channelstream, address, None, SECRET),
            folder,
            written: Cell::new(0),
            since: Cell::new(Instant::now()),
            idle: Cell::new(0.0),
        };
        server.wait_until_open()?;
        Ok(server)
    }

    fn wait_until_open(&mut self) -> Result<()> {
        let mut tries = 0;
        while let Err(error) = self.target.wait_until_open() {
            tries += 1;
            if tries == START_ATTEMPTS || self.child.try_wait()?.is_some() {
                let log = fs::read_to_string(self.folder.path().join("log"))?;
                return Err(error.context(log));
            }
        }
        Ok(())
    }

    /// Returns the server as a target for calls.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Counts what the server does without calls. Later counts leave it out.
    pub(super) async fn count_idle(&self) -> Result<()> {
        self.start_counting().await?;
        let begin = self.since.get();
        sleep(IDLE).await;
        let idle = self.take_count().await?;
        let seconds = (self.since.get() - begin).as_secs_f64();
        self.idle.set(idle / seconds);
        Ok(())
    }

    /// Sets the count to zero.
    pub(super) async fn start_counting(&self) -> Result<()> {
        sleep(SETTLING).await;
        self.command("zero")?;
        self.since.set(Instant::now());
        Ok(())
    }

    /// Returns the instructions since the last count, without those that the idle server executes,
    /// and sets the count to zero.
    pub(super) async fn take_count(&self) -> Result<f64> {
        sleep(SETTLING).await;
        self.command("dump")?;
        let seconds = self.since.replace(Instant::now()).elapsed().as_secs_f64();
        self.written.set(self.written.get() + 1);
        let file = format!("counts.{}", self.written.get());
        let counts = fs::read_to_string(self.folder.path().join(&file))
            .with_context(|| format!("valgrind did not write {file}"))?;
        let mut lines = counts.lines();
        let total = lines.find_map(|line| line.strip_prefix("totals:"));
        let total = total.ok_or_else(|| anyhow!("valgrind wrote no total to {file}"))?;
        let total: f64 = total.trim().parse()?;
        Ok(total - self.idle.get() * seconds)
    }

    fn command(&self, name: &str) -> Result<()> {
        let pid = format!("--pid={}", self.child.id());
        let output = Command::new("vgdb").args([&pid, name]).output()?;
        ensure!(
            output.status.success(),
            "valgrind did not take the command {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Drop for Callgrind {
    fn drop(&mut self) {
        // An error means that it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
