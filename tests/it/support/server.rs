//! The built server, started for a test and stopped with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::scale::program;

pub(crate) struct Server {
    child: Child,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    pub(crate) address: String,
    /// What the log said up to the line that tells the address.
    pub(crate) start_log: Vec<String>,
    log: Receiver<String>,
    log_is_unread: Arc<AtomicBool>,
}

impl Server {
    /// On a free port, with the default secrets; flags as `--key value`.
    pub(crate) fn start(flags: &[(&str, &str)]) -> Self {
        Self::start_with(flags, &[])
    }

    /// The same, with variables of the environment.
    pub(crate) fn start_with(flags: &[(&str, &str)], variables: &[(&str, &str)]) -> Self {
        let flags: Vec<_> = flags
            .iter()
            .flat_map(|(key, value)| [format!("--{key}"), (*value).to_owned()])
            .collect();
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self::start_on("0", flags, variables)
    }

    /// Killed without a word, then another on the same port.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let port = self.address.rsplit(':').next().unwrap();
        let again = Self::start_on(
            port,
            std::mem::take(&mut self.flags),
            std::mem::take(&mut self.variables),
        );
        *self = again;
    }

    /// Kills it without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Another on the same port, after this one has ended.
    pub(crate) fn start_again(mut self) -> Self {
        self.restart();
        self
    }

    fn start_on(port: &str, flags: Vec<String>, variables: Vec<(String, String)>) -> Self {
        // Some tests have thousands of clients.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let mut command = Command::new(program());
        command
            .current_dir(std::env::temp_dir())
            .env_clear()
            .args(["--port", port])
            .args(&flags);
        command.envs(variables.iter().cloned());
        let mut server = Self::run(command);
        (server.flags, server.variables) = (flags, variables);
        server
    }

    /// By a command line of the test's own, which cannot be started again.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (to_log, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log_is_unread = Arc::new(AtomicBool::new(false));
        let is_unread = log_is_unread.clone();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).try_for_each(|line| {
                while is_unread.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(5));
                }
                to_log.send(line)
            })
        });
        let (flags, variables) = (Vec::new(), Vec::new());
        let mut server = Self {
            child,
            flags,
            variables,
            address: String::new(),
            start_log: Vec::new(),
            log,
            log_is_unread,
        };
        let line = loop {
            let line = server.log_line("");
            server.start_log.push(line.clone());
            if line.contains("serving on http://") {
                break line;
            }
        };
        server.address = address_in(&line);
        server
    }

    /// The address in the next line of the log that contains this.
    pub(crate) fn logged_address(&self, part: &str) -> String {
        address_in(&self.log_line(part))
    }

    /// The next line of the log that contains this.
    pub(crate) fn log_line(&self, part: &str) -> String {
        loop {
            let line = self
                .log
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("the log never said {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// All that the log has said and no test has read.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        self.log.try_iter().collect()
    }

    /// Nobody reads the log from now on, or again.
    pub(crate) fn leave_log_unread(&self, is_unread: bool) {
        self.log_is_unread.store(is_unread, Ordering::Relaxed);
    }

    /// Resident memory in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        resident(self.child.id())
    }

    /// How many descriptors it has open.
    pub(crate) fn descriptors(&self) -> u64 {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.unwrap().count() as u64
    }

    /// The time for which its threads have run on a processor. Unlike the time that passes, it does
    /// not grow while others run.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread may end meanwhile.
        let texts = threads.filter_map(|thread| {
            std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()
        });
        Duration::from_nanos(
            texts
                .map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap())
                .sum(),
        )
    }

    /// The id of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.begin_stop();
        self.child.wait().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn begin_stop(&self) {
        self.signal("TERM");
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        // The shell's own `kill`: a small machine has no other.
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for the end.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Writes a settings file whose name ends so; its path.
pub(crate) fn settings_file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}-{name}", uuid::Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs the command with these arguments and variables; its exit code, and what it printed on both
/// streams.
pub(crate) fn command(arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(program());
    command
        .current_dir(std::env::temp_dir())
        .env_clear()
        .args(arguments)
        .envs(variables.iter().copied());
    let output = command.output().unwrap();
    (
        output.status.code(),
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
    )
}

/// Resident memory of a process in kilobytes.
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// The address that a line of the log names.
fn address_in(line: &str) -> String {
    let rest = line.split("http://").nth(1).unwrap();
    rest.split([' ', ',']).next().unwrap().to_owned()
}
