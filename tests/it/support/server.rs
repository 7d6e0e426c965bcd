//! The built server, started for a test and stopped with it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    log: Receiver<String>,
}

impl Server {
    /// On a free port, with the default secrets; flags as `--key value`.
    pub(crate) fn start(flags: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_channelstream"));
        command.current_dir(std::env::temp_dir()).env_clear().args(["--port", "0"]).stderr(Stdio::piped());
        for (key, value) in flags {
            command.args([format!("--{key}"), (*value).to_owned()]);
        }
        let mut child = command.spawn().unwrap();
        let (to_log, log) = channel();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| to_log.send(line)));
        let mut server = Self { child, address: String::new(), log };
        let line = server.log_line("serving on http://");
        server.address = line.split("http://").nth(1).unwrap().split(',').next().unwrap().to_owned();
        server
    }

    /// The next line of the log that contains this.
    pub(crate) fn log_line(&self, part: &str) -> String {
        loop {
            let line = self.log.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| panic!("the log never said {part:?}"));
            if line.contains(part) {
                return line;
            }
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
