//! The faults of the server.

use std::fmt;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::support::eventually;
use crate::support::folder::Folder;
use crate::support::scale::scaled;
use crate::support::server::Server;

/// Settings with short deadlines, so that absent users and connections are soon forgotten.
const SHORT_DEADLINES: [(&str, &str); 8] = [
    ("gc-users-after", "1"),
    ("gc-channels-after", "1"),
    ("sweep-interval", "0.2"),
    ("presence-grace", "0.2"),
    ("heartbeat-interval", "0.5"),
    ("wake-connections-after", "1"),
    ("restart-grace", "3"),
    ("drain-time", "2"),
];

/// The period in which the server was killed. It takes a while to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kill {
    pub(super) sent: Instant,
    ended: Instant,
}

impl Kill {
    /// Returns the distance of a time from the period in which the server may have been killed.
    pub(super) fn distance(&self, moment: Instant) -> Duration {
        moment.max(self.ended) - moment.min(self.sent) - (self.ended - self.sent)
    }
}

/// A server that suffers faults, with the count of each.
pub(super) struct FaultyServer {
    pub(super) server: Server,
    folder: Folder,
    pub(super) reloads: usize,
    pub(super) stops: usize,
    pub(super) kills: Vec<Kill>,
    /// The number of rounds that are still to come.
    rounds: usize,
}

impl FaultyServer {
    /// Starts a server whose file is written with this `store_sync`.
    pub(super) fn start(sync: &str) -> Self {
        let folder = Folder::new();
        let (path, settings) = (folder.path("store.sqlite"), folder.path("settings.toml"));
        std::fs::write(&settings, "").unwrap();
        let mut flags = SHORT_DEADLINES.to_vec();
        flags.extend([
            ("gc-conns-after", "10"),
            ("config", settings.as_str()),
            ("store", "file"),
            ("store-path", path.as_str()),
            ("store-sync", sync),
        ]);
        Self {
            server: Server::start(&flags),
            folder,
            reloads: 0,
            stops: 0,
            kills: Vec::new(),
            rounds: 0,
        }
    }

    /// Reloads, stops and kills the server in turn, until just before the last stop.
    pub(super) async fn run_until_last_stop(mut self, rounds: usize) -> Self {
        self.rounds = rounds;
        loop {
            self.rounds -= 1;
            pause().await;
            self.reload().await;
            pause().await;
            self = self.stop().await;
            if self.rounds == 0 {
                return self;
            }
            self = self.kill_and_reload().await;
        }
    }

    /// Executes the rest of the rounds.
    pub(super) async fn run_to_end(self) -> Self {
        let faulty_server = self.kill_and_reload().await;
        pause().await;
        faulty_server
    }

    async fn kill_and_reload(mut self) -> Self {
        pause().await;
        self = self.kill().await;
        pause().await;
        self.reload().await;
        self
    }

    /// Changes a setting and sends SIGHUP.
    async fn reload(&mut self) {
        self.reloads += 1;
        let origins = format!("allow_origins = [\"https://{}.example\"]\n", self.reloads);
        std::fs::write(self.folder.path("settings.toml"), origins).unwrap();
        self.server.hang_up();
        eventually("the settings are read again", async || {
            let lines = self.server.rest_of_log();
            let is_told = |line: &String| line.contains("(SIGHUP); changed: allow_origins");
            lines.iter().any(is_told)
        })
        .await;
    }

    /// Stops the server with SIGTERM, and starts it again.
    async fn stop(mut self) -> Self {
        self.stops += 1;
        self.server.begin_stop();
        let status = self.server.end().await;
        assert!(status.success(), "the server ended with {status}");
        self.start_again().await
    }

    /// Kills the server with SIGKILL, and starts it again.
    async fn kill(mut self) -> Self {
        let sent = Instant::now();
        self.server.kill();
        let ended = Instant::now();
        self.kills.push(Kill { sent, ended });
        self.start_again().await
    }

    async fn start_again(self) -> Self {
        let server = self.server;
        let server = spawn_blocking(move || server.start_again()).await.unwrap();
        Self { server, ..self }
    }

    /// Stops the server and starts it once more, to see what its file holds.
    pub(super) async fn restart_from_file(mut self) -> Self {
        self.server.begin_stop();
        assert!(self.server.end().await.success());
        self.start_again().await
    }
}

async fn pause() {
    sleep(Duration::from_millis(scaled(700, 4000))).await;
}

impl fmt::Debug for FaultyServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kills = self.kills.len();
        let (reloads, stops) = (self.reloads, self.stops);
        write!(f, "reloads {reloads}, stops {stops}, kills {kills}")
    }
}
