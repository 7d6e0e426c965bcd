//! The scenarios: what is done to a server, and what is measured while it is done.

mod churn;
mod idle;
mod load;
mod stalled;

use anyhow::Result;
use clap::{Args, Subcommand};

use crate::process::Processes;
use crate::progress::Progress;
use crate::report::Report;
use crate::target::Target;

pub(crate) use churn::Churn;
pub(crate) use idle::Idle;
pub(crate) use load::{Load, Pace, Running};
pub(crate) use stalled::Stalled;

/// What to do to the server.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Subscribers of one channel, publications in flight: each is followed by the next when all
    /// have received it
    Fanout {
        /// How many subscribe
        #[arg(long, default_value_t = 1000)]
        subscribers: usize,
        /// Publications under way at a time
        #[arg(long, default_value_t = 1)]
        in_flight: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Many channels with few subscribers each
    Channels {
        /// How many channels
        #[arg(long, default_value_t = 2000)]
        channels: usize,
        /// How many subscribe to each
        #[arg(long, default_value_t = 5)]
        subscribers: usize,
        /// Publishers, each with a publication under way
        #[arg(long, default_value_t = 8)]
        publishers: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Calls that publish, each caller's next one when the one before was answered: how many, and
    /// how long for each?
    Publish {
        /// Callers, each with a connection and a call under way
        #[arg(long, default_value_t = 32)]
        publishers: usize,
        /// How many subscribe to the channel they publish to
        #[arg(long, default_value_t = 0)]
        subscribers: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Messages at a fixed rate: how long from publishing to receipt?
    Paced {
        /// How many channels
        #[arg(long, default_value_t = 1)]
        channels: usize,
        /// How many subscribe to each
        #[arg(long, default_value_t = 1000)]
        subscribers: usize,
        /// Messages a second, over all channels
        #[arg(long, default_value_t = 50.0)]
        rate: f64,
        #[command(flatten)]
        common: Common,
    },
    /// Websockets on which nothing happens: memory for each, and the CPU that heartbeats cost
    Idle {
        /// How many
        #[arg(long, default_value_t = 10_000)]
        subscribers: usize,
        /// Messages of a megabyte that all receive before memory is measured again
        #[arg(long, default_value_t = 0)]
        burst: u32,
        /// How long to look on
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
    },
    /// Clients that never read among others: what becomes of the others, and what it costs
    Stalled {
        /// How many read
        #[arg(long, default_value_t = 900)]
        subscribers: usize,
        /// How many do not
        #[arg(long, default_value_t = 100)]
        stalled: usize,
        /// Publications under way at a time
        #[arg(long, default_value_t = 8)]
        in_flight: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Connect, listen, leave, again and again
    Churn {
        /// How many do so at once
        #[arg(long, default_value_t = 32)]
        clients: usize,
        /// How long
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
}

/// What most scenarios have.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Common {
    /// Size of a message in bytes, without what the server puts around it
    #[arg(long, default_value_t = 200)]
    pub(crate) size: usize,
    /// How long to measure, after a second of warming up
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}

/// One server, and what may be known of it.
#[derive(Clone)]
pub(crate) struct Bench {
    /// The server.
    pub(crate) target: Target,
    /// Its processes; none when it runs elsewhere.
    pub(crate) processes: Processes,
    /// For the terminal.
    pub(crate) progress: Progress,
}

impl Scenario {
    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Fanout { .. } => "fanout",
            Self::Channels { .. } => "channels",
            Self::Publish { .. } => "publish",
            Self::Paced { .. } => "paced",
            Self::Idle { .. } => "idle",
            Self::Stalled { .. } => "stalled",
            Self::Churn { .. } => "churn",
        }
    }

    /// Whether many deliveries are measured, and not how long each takes.
    pub(crate) fn is_batched(&self) -> bool {
        matches!(
            self,
            Self::Fanout { .. } | Self::Channels { .. } | Self::Stalled { .. } | Self::Idle { .. }
        )
    }

    /// Does it to the server. Within a `LocalSet`.
    pub(crate) async fn run(&self, bench: &Bench) -> Result<Report> {
        match *self {
            Self::Fanout {
                subscribers,
                in_flight,
                common,
            } => {
                Load {
                    channels: 1,
                    subscribers,
                    publishers: in_flight,
                    pace: Pace::WhenReceived,
                    common,
                }
                .run(bench)
                .await
            }
            Self::Channels {
                channels,
                subscribers,
                publishers,
                common,
            } => {
                Load {
                    channels,
                    subscribers,
                    publishers,
                    pace: Pace::WhenReceived,
                    common,
                }
                .run(bench)
                .await
            }
            Self::Publish {
                publishers,
                subscribers,
                common,
            } => {
                Load {
                    channels: 1,
                    subscribers,
                    publishers,
                    pace: Pace::WhenAnswered,
                    common,
                }
                .run(bench)
                .await
            }
            Self::Paced {
                channels,
                subscribers,
                rate,
                common,
            } => {
                Load {
                    channels,
                    subscribers,
                    publishers: 4,
                    pace: Pace::PerSecond(rate),
                    common,
                }
                .run(bench)
                .await
            }
            Self::Idle {
                subscribers,
                burst,
                seconds,
            } => {
                Idle {
                    subscribers,
                    burst,
                    seconds,
                }
                .run(bench)
                .await
            }
            Self::Stalled {
                subscribers,
                stalled,
                in_flight,
                common,
            } => {
                Stalled {
                    subscribers,
                    stalled,
                    in_flight,
                    common,
                }
                .run(bench)
                .await
            }
            Self::Churn { clients, seconds } => Churn { clients, seconds }.run(bench).await,
        }
    }
}
