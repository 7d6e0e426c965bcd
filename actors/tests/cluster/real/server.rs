//! What these tests do to a Redis server.

use std::process::Command;
use std::time::Duration;

use channelstream_actors::store::redis::encoding::Limits;
use channelstream_actors::store::redis::link::Place;
use channelstream_actors::store::redis::resolver::Servers;

pub(crate) use crate::redis_server::RedisServer;

impl RedisServer {
    /// Kills the server, and starts it again from its file.
    pub(crate) fn kill_and_start(&mut self) {
        self.kill();
        self.start_again();
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.id();
        let command = format!("kill -{name} {id}");
        let status = Command::new("sh").args(["-c", &command]).status();
        assert!(status.unwrap().success());
    }

    /// Returns the server as a place for the state of a cluster whose logs keep everything.
    pub(crate) fn place(&self) -> Place {
        let servers = Servers::new(&[&self.url()], "", None).unwrap();
        let place = Place::new(
            servers,
            "",
            &channelstream_actors::limits::Limits::default(),
            0,
        );
        Place {
            limits: Limits {
                log_length: usize::MAX,
                log_bytes: usize::MAX,
                log_age: Duration::from_secs(24 * 3600),
                ..Limits::default()
            },
            ..place
        }
    }
}
