//! A server, and Schemathesis, which calls it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use reqwest::Method;
use serde_json::Value;

use crate::support::client::Backend;
use crate::support::folder::Folder;
use crate::support::scale::scaled;
use crate::support::server::Server;
use crate::support::signing::{now, sign};

/// Whether generated calls exceed the limits of the server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Limits {
    /// All limits are on, even those that are off by default, and so large that calls stay within
    /// them.
    OutOfReach,
    /// All limits are on, and so low that calls reach them.
    InReach,
}

impl Limits {
    fn flags(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::OutOfReach => &[
                ("max-connections-per-user", "100000"),
                ("open-panels", "1000"),
                ("unsigned-rate", "100000"),
                ("signed-rate", "100000"),
            ],
            Self::InReach => &[
                ("max-connections", "30"),
                ("max-connections-per-user", "2"),
                ("max-connections-per-address", "10"),
                ("max-users", "30"),
                ("max-channels", "30"),
                ("channels-per-call", "3"),
                ("channels-per-connection", "4"),
                ("messages-per-call", "2"),
                ("recipients-per-message", "2"),
                ("state-keys", "3"),
                ("state-bytes", "64"),
                ("public-keys", "2"),
                ("history-size-max", "5"),
                ("body-limit", "2000"),
                ("message-limit", "50"),
                ("idempotency-bytes", "1000"),
                ("memory-limit", "2000000"),
                ("unsigned-rate", "30"),
                ("signed-rate", "60"),
                // New connections soon end, so that calls also do what they ask for.
                ("gc-conns-after", "3"),
                ("gc-users-after", "3"),
                ("gc-channels-after", "3"),
                ("sweep-interval", "1"),
                ("heartbeat-interval", "1"),
            ],
        }
    }
}

/// A server with limits and readable metrics, and without a demo. Its signatures are valid once and
/// for one path.
pub(super) struct Run {
    pub(super) server: Server,
    description: Value,
    limits: Limits,
    folder: Folder,
}

impl Run {
    pub(super) async fn new(limits: Limits) -> Self {
        let folder = Folder::new();
        let file = folder.path("store.sqlite");
        let mut flags = vec![
            ("signature-scope", "path"),
            ("reject-replays", "true"),
            // Limits per address apply, since the tool names a client in this header.
            ("trusted-proxies", "127.0.0.1"),
            ("allow-posting-from", "127.0.0.1,203.0.113.0/24"),
            // A file store, so that there is something to back up.
            ("store", "file"),
            ("store-path", &file),
            // Polls end soon.
            ("wake-connections-after", "0.3"),
            ("gather-time", "0.02"),
        ];
        flags.extend(limits.flags());
        let server = Server::start(&flags);
        let signature = sign("secret", "/openapi.json|description", now());
        let request = Backend::of(&server)
            .unsigned(Method::GET, "/openapi.json")
            .header("x-channelstream-secret", signature);
        let description = request.send().await.unwrap().json().await.unwrap();
        Self {
            server,
            description,
            limits,
            folder,
        }
    }

    /// Returns all calls of the description as `METHOD PATH`.
    pub(super) fn calls(&self) -> Vec<String> {
        let paths = self.description["paths"].as_object().unwrap();
        let calls = paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap().keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        });
        calls.collect()
    }

    /// Runs Schemathesis against the server.
    pub(super) async fn call(&self, arguments: &[&str]) -> Report {
        self.call_at(&self.server.address, arguments).await
    }

    /// Runs Schemathesis against another address of the server.
    pub(super) async fn call_at(&self, address: &str, arguments: &[&str]) -> Report {
        let seed =
            std::env::var("SCHEMATHESIS_SEED").unwrap_or_else(|_| scaled(1, now()).to_string());
        println!("SCHEMATHESIS_SEED={seed} repeats these cases");
        let tally = self.folder.path("tally.json");
        let url = format!("http://{address}");
        let mut command = self.command();
        command
            .args(["run", "openapi.json", "--no-color", "--seed", &seed])
            .args(["--url", &url, "-H", "X-Forwarded-For: 203.0.113.7"])
            .args(arguments)
            .env("CHANNELSTREAM_SECRET", "secret")
            .env("CHANNELSTREAM_ADDRESS", &url)
            .env("CHANNELSTREAM_TALLY", &tally)
            .env(
                "CHANNELSTREAM_LIMITS",
                match self.limits {
                    Limits::OutOfReach => "high",
                    Limits::InReach => "low",
                },
            );
        let output = tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Report {
            passed: output.status.success(),
            cases: cases(&text),
            tally: std::fs::read(&tally)
                .map(|tally| serde_json::from_slice(&tally).unwrap())
                .unwrap_or_default(),
            text,
        }
    }

    /// Returns the program, in a folder with its settings and the description. Settings of the
    /// machine and results of earlier runs have no effect.
    fn command(&self) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let installed = root.join("target/schemathesis");
        assert!(
            installed.join("ready").exists(),
            "Schemathesis is missing: run make .schemathesis"
        );
        for file in ["schemathesis.toml", "hooks.py"] {
            let from = root.join("tests/schemathesis").join(file);
            std::fs::copy(from, self.folder.path(file)).unwrap();
        }
        let description = self.folder.path("openapi.json");
        std::fs::write(description, self.description.to_string()).unwrap();
        let mut command = Command::new(installed.join("bin/schemathesis"));
        command
            .current_dir(self.folder.path(""))
            .env_clear()
            .env("HOME", self.folder.path(""))
            .env("PATH", std::env::var("PATH").unwrap());
        command
    }

    /// Checks that nothing that a caller sends causes an error of the server.
    pub(super) fn assert_that_the_log_has_no_errors(&self) {
        let log = self.server.rest_of_log();
        let errors: Vec<_> = log
            .iter()
            .filter(|line| line.contains("ERROR") || line.contains("panicked"))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

/// The findings of Schemathesis.
pub(super) struct Report {
    pub(super) passed: bool,
    /// The number of generated cases.
    pub(super) cases: u64,
    /// The number of answers with each status for each call, as `METHOD PATH STATUS`, and the
    /// number of answers that named each limit, as `LIMIT SETTING`.
    pub(super) tally: BTreeMap<String, u64>,
    pub(super) text: String,
}

impl Report {
    pub(super) fn assert_passed(&self) {
        assert!(self.passed, "{}", self.text);
        println!("{}\n{:#?}", self.text, self.tally);
    }

    /// Returns the statuses with which a call was answered, or the settings of the limits that were
    /// reached.
    pub(super) fn answers(&self, about: &str) -> Vec<&str> {
        let keys = self.tally.keys();
        keys.filter_map(|key| key.strip_prefix(about)?.strip_prefix(' '))
            .collect()
    }
}

/// Returns the number before `generated`.
fn cases(text: &str) -> u64 {
    let before = text.split(" generated").next().unwrap_or_default();
    let number = before.rsplit(char::is_whitespace).next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
