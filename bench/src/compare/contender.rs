//! The servers that take part. They start on free ports with settings as similar as possible, and
//! stop when they are dropped.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use tempfile::TempDir;

use crate::process::Processes;
use crate::program::{Program, free_address};
use crate::progress::Progress;
use crate::scenario::Bench;
use crate::target::{Kind, Target};

const SECRET: &str = "compare";

/// The size limit of a message in bytes.
const MESSAGE_LIMIT: &str = "1048576";

/// A server, or one of the forms of the `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// This server with its defaults: one worker for each core.
    Channelstream,
    /// The same, with clients of Socket.IO.
    SocketIo,
    /// This server with one worker, as nchan and the limit have. On two cores, the load tool has
    /// the other one.
    OneWorker,
    /// nginx with nchan.
    Nchan,
    /// NATS.
    Nats,
    /// One write for each message and socket.
    Limit,
    /// One write for everything that waits for a socket.
    LimitMerge,
}

/// A server that was started.
pub(crate) struct RunningServer {
    program: Program,
    target: Target,
}

impl Contender {
    /// Returns the name for the table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channelstream => "channelstream",
            Self::SocketIo => "Socket.IO",
            Self::OneWorker => "--workers 1",
            Self::Nchan => "nchan",
            Self::Nats => "NATS",
            Self::Limit => "limit",
            Self::LimitMerge => "limit --merge",
        }
    }

    /// Returns whether it is this server. Its faults are an error, those of others are only
    /// reported.
    pub(crate) fn is_ours(self) -> bool {
        matches!(self, Self::Channelstream | Self::SocketIo | Self::OneWorker)
    }

    /// Starts the server. `server` is the path of this server's program.
    ///
    /// A variable sets the size limit of a message, because older programs ignore a variable that
    /// they do not know. The burst of `idle` is larger than the default.
    pub(crate) fn start(self, server: &Path) -> Result<RunningServer> {
        let folder = tempfile::tempdir()?;
        let (address, second) = (free_address()?, free_address()?);
        let port = address.port().to_string();
        let (kind, mut command) = match self {
            Self::Channelstream | Self::SocketIo | Self::OneWorker => {
                let mut command = Command::new(server);
                command.args(["--port", &port, "--secret", SECRET]);
                command
                    .env("RUST_LOG", "warn")
                    .env("CHANNELSTREAM_MESSAGE_LIMIT", MESSAGE_LIMIT);
                command.args(if self == Self::OneWorker {
                    &["--workers", "1"][..]
                } else {
                    &[]
                });
                let kind = if self == Self::SocketIo {
                    Kind::SocketIo
                } else {
                    Kind::Channelstream
                };
                (kind, command)
            }
            Self::Nchan => {
                let mut command = Command::new("nginx");
                command.arg("-c").arg(write_file(
                    &folder,
                    "nginx.conf",
                    &nchan_settings(&folder, &address),
                )?);
                (Kind::Nchan, command)
            }
            Self::Nats => {
                let mut command = Command::new("nats-server");
                command.arg("-c").arg(write_file(
                    &folder,
                    "nats.conf",
                    &nats_settings(&address, &second),
                )?);
                (Kind::Nats, command)
            }
            Self::Limit | Self::LimitMerge => {
                let mut command = Command::new(std::env::current_exe()?);
                command
                    .args(["limit", "--port", &port])
                    .args((self == Self::LimitMerge).then_some("--merge"));
                (Kind::Limit, command)
            }
        };
        let program = Program::start(&mut command, folder).with_context(|| {
            format!("{} does not start: check that it is installed", self.name())
        })?;
        let publish_address = if self == Self::Nats { second } else { address };
        Ok(RunningServer {
            program,
            target: Target::new(kind, address, Some(publish_address), SECRET),
        })
    }
}

impl RunningServer {
    /// Returns what a scenario needs to measure the server.
    pub(crate) fn bench(&self, title: &str) -> Result<Bench> {
        self.target.wait_until_open()?;
        let processes = Processes::of(&[self.program.id()]);
        Ok(Bench {
            target: self.target.clone(),
            processes,
            progress: Progress::new(title),
        })
    }
}

fn write_file(folder: &TempDir, name: &str, text: &str) -> Result<std::path::PathBuf> {
    let path = folder.path().join(name);
    fs::write(&path, text)?;
    Ok(path)
}

/// Returns settings with one worker, with which nchan does most for each CPU second. With several
/// workers, publications pass from one to another.
fn nchan_settings(folder: &TempDir, address: &SocketAddr) -> String {
    let folder = folder.path().display();
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/errors crit; \
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off; keepalive_requests 1000000000;
  nchan_max_reserved_memory 512M;
  server {{
    listen {address} backlog=4096;
    location ~ ^/pub/([\\w-]+)$ {{ nchan_publisher; nchan_channel_id $1; \
      nchan_message_buffer_length 100; client_max_body_size 2m; }}
    location ~ ^/sub/([\\w-]+)$ {{ nchan_subscriber websocket; nchan_channel_id $1; \
      nchan_subscriber_first_message newest; }}
  }}
}}
"
    )
}

fn nats_settings(address: &SocketAddr, publish_address: &SocketAddr) -> String {
    let (host, port, publish) = (address.ip(), address.port(), publish_address.port());
    format!(
        "host: {host}\nport: {publish}\nwebsocket {{ host: {host}, port: {port}, no_tls: true }}\n"
    )
}
