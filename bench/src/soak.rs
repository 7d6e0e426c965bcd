//! The soak test: this server runs for a long time at half of its capacity on this machine, while
//! clients come and go, publish and poll. Nothing may grow.
//! First a short run finds the number of messages a second that reach all subscribers. Then the
//! server gets half of that at a steady rate. Publishers do not make up for the pauses of a machine
//! that also does other work, since that would be more than half of the capacity. When the server
//! has warmed up, the medians of the first and the last tenth of the time are compared.

mod clients;
mod growth;
mod sample;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

use self::clients::TransientClients;
use self::growth::Growth;
use self::sample::{Sample, Sampler};
use crate::compare::Contender;
use crate::report::format_number;
use crate::scenario::{Bench, Common, Load, Pace, RunningLoad};
use crate::tally::Faults;

/// The number of channels of the load.
const CHANNELS: usize = 50;
/// The number of listeners of each channel.
const LISTENERS: usize = 20;
const PUBLISHERS: usize = 8;

/// The duration in seconds of the run that finds the capacity. It is longer than logs keep entries,
/// so the logs fill at the highest rate, and the server allocates the memory that a later burst of
/// other clients needs.
const CAPACITY_RUN_SECONDS: f64 = 20.0;

/// The share of the time in which the server warms up: logs fill, and memory is allocated once.
const WARM_UP: f64 = 0.2;

/// The shortest and the longest warm-up, in seconds.
const WARM_UP_BOUNDS: (f64, f64) = (20.0, 300.0);

const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// The options of a soak test.
#[derive(Clone, Debug, Args)]
pub(crate) struct Soak {
    /// The program of this server
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// The duration of the load in seconds, at least 60
    #[arg(long, env = "SOAK_SECONDS", default_value_t = 1800.0)]
    seconds: f64,
    /// The number of messages a second. The default is half of what a short run finds
    #[arg(long)]
    rate: Option<f64>,
}

impl Soak {
    /// Runs the test, prints the samples, and fails if anything has grown.
    pub(crate) fn run(&self) -> Result<()> {
        ensure!(
            self.seconds >= 60.0,
            "--seconds: must be 60 or more (got {})",
            self.seconds
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, self.soak())
    }

    async fn soak(&self) -> Result<()> {
        // The server starts in another folder.
        let program = self.server.canonicalize();
        let program = program.with_context(|| format!("{} is not there", self.server.display()))?;
        let server = Contender::Channelstream.start(&program)?;
        let bench = server.bench("soak")?;
        let capacity = find_capacity(&bench).await?;
        println!("capacity: {} messages/s", format_number(capacity));
        let rate = self.rate.unwrap_or(capacity / 2.0);
        let clients = TransientClients::start(&bench.target, CHANNELS, CHANNELS * LISTENERS);
        let running = RunningLoad::start(load(Pace::AtMostPerSecond(rate)), &bench).await?;
        println!(
            "load: {} messages/s to {CHANNELS} channels with {LISTENERS} listeners each, \
             for {} seconds",
            format_number(rate),
            format_number(self.seconds)
        );
        let samples = self.watch(&bench).await?;
        let counts = clients.leave().await?;
        let Faults {
            lost,
            doubled,
            disordered,
        } = running.end().await?;
        println!(
            "clients that came and went: {}, polls answered: {}; deliveries lost: {lost}, doubled: \
             {doubled}, out of order: {disordered}",
            counts.visits, counts.polls
        );
        let growth = Growth::between_tenths(&samples);
        println!("{}", growth.table());
        ensure!(
            lost + doubled + disordered == 0,
            "deliveries were lost, doubled or out of order"
        );
        match growth.grown_values().as_slice() {
            [] => Ok(()),
            grown => bail!("grew in {} seconds: {}", self.seconds, grown.join(", ")),
        }
    }

    /// Takes a sample of the server once a second. Returns the samples after the warm-up.
    async fn watch(&self, bench: &Bench) -> Result<Vec<Sample>> {
        let (shortest, longest) = WARM_UP_BOUNDS;
        let warm_up = (self.seconds * WARM_UP).clamp(shortest, longest);
        bench
            .progress
            .wait("warming up", Duration::from_secs_f64(warm_up))
            .await;
        let mut sampler = Sampler::new(bench).await?;
        let rest = self.seconds - warm_up;
        let bar = bench.progress.bar("soaking, seconds", rest as u64);
        let (mut next, mut samples) = (Instant::now(), Vec::new());
        let end = next + Duration::from_secs_f64(rest);
        while next < end {
            sleep_until(next).await;
            samples.push(sampler.sample().await?);
            next += SAMPLE_EVERY;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(samples)
    }
}

/// Finds the number of messages a second that the server can publish if each has reached all
/// subscribers before the next.
async fn find_capacity(bench: &Bench) -> Result<f64> {
    let running = RunningLoad::start(load(Pace::WhenReceived), bench).await?;
    let interval = running.measure(bench, "finding the capacity").await?;
    running.end().await?;
    Ok(interval.publications as f64 / interval.seconds)
}

fn load(pace: Pace) -> Load {
    Load {
        channels: CHANNELS,
        subscribers: LISTENERS,
        publishers: PUBLISHERS,
        pace,
        common: Common {
            size: 200,
            seconds: CAPACITY_RUN_SECONDS,
        },
    }
}
