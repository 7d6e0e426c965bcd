//! The scenarios: the load on a server, and what is measured meanwhile.

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
pub(crate) use load::{Load, Pace, RunningLoad};
pub(crate) use stalled::Stalled;

/// The load to put on the server.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Scenario {
    /// Subscribers of one channel receive publications. A publisher sends the next one when all
    /// have received its last one
    Fanout {
        /// The number of subscribers
        #[arg(long, default_value_t = 1000)]
        subscribers: usize,
        /// The number of publications under way at the same time
        #[arg(long, default_value_t = 1)]
        in_flight: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Many channels with few subscribers each
    Channels {
        /// The number of channels
        #[arg(long, default_value_t = 2000)]
        channels: usize,
        /// The number of subscribers of each channel
        #[arg(long, default_value_t = 5)]
        subscribers: usize,
        /// The number of publishers, each with one publication under way
        #[arg(long, default_value_t = 8)]
        publishers: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Calls that publish. Each caller makes the next call when its last one was answered. Measures
    /// the rate of calls, and the time of each
    Publish {
        /// The number of callers, each with a connection and one call under way
        #[arg(long, default_value_t = 32)]
        publishers: usize,
        /// The number of subscribers of the channel to which they publish
        #[arg(long, default_value_t = 0)]
        subscribers: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Messages at a fixed rate. Measures the time from publishing to receipt
    Paced {
        /// The number of channels
        #[arg(long, default_value_t = 1)]
        channels: usize,
        /// The number of subscribers of each channel
        #[arg(long, default_value_t = 1000)]
        subscribers: usize,
        /// The number of messages a second, over all channels
        #[arg(long, default_value_t = 50.0)]
        rate: f64,
        #[command(flatten)]
        common: Common,
    },
    /// Idle websockets. Measures the memory of each, and the CPU for heartbeats
    Idle {
        /// The number of subscribers
        #[arg(long, default_value_t = 10_000)]
        subscribers: usize,
        /// The number of messages of a megabyte that all receive before memory is measured again
        #[arg(long, default_value_t = 0)]
        burst: u32,
        /// The duration of a measurement in seconds
        #[arg(long, default_value_t = 20.0)]
        seconds: f64,
    },
    /// Some clients never read. Measures the rate of the other clients, and the memory that the
    /// silent ones cost
    Stalled {
        /// The number of subscribers that read
        #[arg(long, default_value_t = 900)]
        subscribers: usize,
        /// The number of subscribers that do not read
        #[arg(long, default_value_t = 100)]
        stalled: usize,
        /// The number of publications under way at the same time
        #[arg(long, default_value_t = 8)]
        in_flight: usize,
        #[command(flatten)]
        common: Common,
    },
    /// Clients that connect, listen and leave, again and again
    Churn {
        /// The number of clients at the same time
        #[arg(long, default_value_t = 32)]
        clients: usize,
        /// The duration in seconds
        #[arg(long, default_value_t = 10.0)]
        seconds: f64,
    },
}

/// The options that most scenarios have.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Common {
    /// The size of a message in bytes, without the server's envelope
    #[arg(long, default_value_t = 200)]
    pub(crate) size: usize,
    /// The duration of the measurement in seconds, after a second of warm-up
    #[arg(long, default_value_t = 5.0)]
    pub(crate) seconds: f64,
}

/// A server, and the means to measure it.
#[derive(Clone)]
pub(crate) struct Bench {
    /// The server to measure.
    pub(crate) target: Target,
    /// The server's processes, or none if it runs on another machine.
    pub(crate) processes: Processes,
    /// The progress bars for the terminal.
    pub(crate) progress: Progress,
}

impl Scenario {
    /// Returns the name of the scenario.
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

    /// Returns whether the scenario measures a number of deliveries, rather than the time of each.
    pub(crate) fn measures_throughput(&self) -> bool {
        matches!(
            self,
            Self::Fanout { .. } | Self::Channels { .. } | Self::Stalled { .. } | Self::Idle { .. }
        )
    }

    /// Puts the load on the server. Must run within a `LocalSet`.
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
