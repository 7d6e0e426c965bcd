//! The built server. It is started for a test, and stopped when the test ends.

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
    /// The lines of the log up to the one with the address.
    pub(crate) start_log: Vec<String>,
    log: Receiver<String>,
    log_is_unread: Arc<AtomicBool>,
    has_ended: bool,
}

impl Server {
    /// Starts a server on a free port with the default secrets. Flags are pairs of key and value,
    /// for `--key value`.
    pub(crate) fn start(flags: &[(&str, &str)]) -> Self {
        Self::start_with(flags, &[])
    }

    /// Starts a server as [`Self::start`] does, with variables of the environment.
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

    /// Kills the server, and starts another one on the same port.
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

    /// Kills the server without an orderly stop.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts another server on the same port, after this one has ended.
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
        if let Ok(url) = std::env::var("TEST_REDIS") {
            // Runs the tests on Redis instead. Each server has keys of its own.
            let prefix = format!("{}:", uuid::Uuid::new_v4());
            let is_set = flags.iter().any(|flag| flag == "--store");
            let variables = [
                (
                    "CHANNELSTREAM_STORE",
                    if is_set { "memory" } else { "redis" },
                ),
                ("CHANNELSTREAM_REDIS_URLS", &url),
                ("CHANNELSTREAM_REDIS_PREFIX", &prefix),
            ];
            command.envs(variables);
        }
        let mut server = Self::run(command);
        (server.flags, server.variables) = (flags, variables);
        server
    }

    /// Starts a server with a command line of the test. It cannot be started again.
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
            has_ended: false,
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

    /// Returns the address in the next line of the log that contains this text.
    pub(crate) fn logged_address(&self, part: &str) -> String {
        address_in(&self.log_line(part))
    }

    /// Returns the next line of the log that contains this text.
    pub(crate) fn log_line(&self, part: &str) -> String {
        loop {
            let line = self
                .log
                .recv_timeout(Duration::from_secs(20))
                .unwrap_or_else(|_| panic!("no log line contains {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Returns all lines of the log that no test has read. Those of a server that has ended are
    /// awaited.
    pub(crate) fn rest_of_log(&self) -> Vec<String> {
        let mut rest: Vec<String> = self.log.try_iter().collect();
        // Another server may have inherited the log, so it may not end.
        while self.has_ended
            && let Ok(line) = self.log.recv_timeout(Duration::from_secs(1))
        {
            rest.push(line);
        }
        rest
    }

    /// Stops reading the log, or reads it again.
    pub(crate) fn leave_log_unread(&self, is_unread: bool) {
        self.log_is_unread.store(is_unread, Ordering::Relaxed);
    }

    /// Returns the resident memory of the server in kilobytes.
    pub(crate) fn memory(&self) -> u64 {
        resident(self.child.id())
    }

    /// Returns the number of open file descriptors.
    pub(crate) fn descriptors(&self) -> u64 {
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.child.id()));
        open.unwrap().count() as u64
    }

    /// Returns the time for which the server's threads have run on a processor. Unlike elapsed
    /// time, it does not grow while other processes run.
    pub(crate) fn cpu(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        // A thread may end between the two reads.
        let texts = threads.filter_map(|thread| {
            std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()
        });
        Duration::from_nanos(
            texts
                .map(|text| text.split(' ').next().unwrap().parse::<u64>().unwrap())
                .sum(),
        )
    }

    /// Returns the id of the server's process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.begin_stop();
        let status = self.child.wait().unwrap();
        self.has_ended = true;
        status
    }

    /// Sends SIGTERM.
    pub(crate) fn begin_stop(&self) {
        self.signal("TERM");
    }

    /// Lets the server stand still.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    /// Lets a server that stands still go on.
    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    /// Sends SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.signal("HUP");
    }

    fn signal(&self, name: &str) {
        // Uses the shell's own `kill`, since a small machine may have no other.
        let killed = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(killed.success());
    }

    /// Returns the exit status, if the server has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for the end of the server.
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

/// Writes a settings file whose name ends with `name`, and returns its path.
pub(crate) fn settings_file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("{}-{name}", uuid::Uuid::new_v4()));
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Runs the program with these arguments and variables. Returns its exit code, and its output on
/// both streams.
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

/// Returns the resident memory of a process in kilobytes.
pub(crate) fn resident(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Returns the address in a line of the log.
fn address_in(line: &str) -> String {
    let rest = line.split("http://").nth(1).unwrap();
    rest.split([' ', ',']).next().unwrap().to_owned()
}
