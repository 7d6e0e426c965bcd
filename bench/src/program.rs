//! Programs that the tool starts.

use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;
use tempfile::TempDir;

/// The time that a program has to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A program that was started. It stops when this is dropped.
pub(crate) struct Program {
    child: Child,
    /// The folder that it runs in.
    _folder: TempDir,
}

impl Program {
    /// Starts a program in a folder. Nobody sees what it prints.
    pub(crate) fn start(command: &mut Command, folder: TempDir) -> std::io::Result<Self> {
        let child = command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self {
            child,
            _folder: folder,
        })
    }

    /// Returns the id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it at once (SIGKILL), as a crash would.
    pub(crate) fn kill(&mut self) -> std::io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The id of a program that has ended may belong to another one by now.
        if self.has_ended() {
            return;
        }
        // The program gets SIGTERM rather than SIGKILL, because nginx would leave its worker
        // behind. This uses the shell's own `kill`, since a small machine may have no other.
        let asked = Command::new("sh")
            .args(["-c", &format!("kill -TERM {}", self.id())])
            .status();
        let end = Instant::now() + STOP_TIMEOUT;
        while asked.is_ok() && Instant::now() < end {
            if self.has_ended() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.kill();
    }
}

/// Returns an address on which nothing listens yet.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
