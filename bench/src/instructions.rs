//! Counts with valgrind the instructions that this server executes for a call and for a delivery.
//!
//! Time on a shared machine varies by several percent from run to run. The number of instructions
//! hardly varies, so a small change is visible. The work of the kernel is not counted.
//!
//! Each figure is the difference of two counts, for `n` calls and for twice as many, divided by
//! `n`. Work that happens once is in both counts, and cancels out. Work that the server does at
//! intervals, whether anyone calls or not, is counted before and subtracted.

mod callgrind;
mod calls;
mod listeners;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use tokio::task::LocalSet;

use self::callgrind::Callgrind;
use self::calls::{Call, Calls};
use self::listeners::Listeners;
use crate::compare::median;
use crate::report::Report;
use crate::target::Kind;

/// The options of a count.
#[derive(Clone, Debug, Args)]
pub(crate) struct Instructions {
    /// The program of this server
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// The number of calls of each kind in the first count. The second count makes twice as many
    #[arg(long, default_value_t = 200)]
    calls: u32,
    /// The number of times that both counts are made. The figures are medians
    #[arg(long, default_value_t = 3)]
    rounds: u32,
}

/// The number of websockets on the smaller of the two channels that show the cost of a delivery.
const FEW_LISTENERS: u32 = 20;
const MANY_LISTENERS: u32 = 100;

/// The number of calls for each message. A message to websockets takes longer to count than a call,
/// so fewer are sent.
const CALLS_PER_MESSAGE: u32 = 4;

impl Instructions {
    /// Starts the server under valgrind and counts, on one thread.
    pub(crate) fn run(&self) -> Result<Report> {
        ensure!(
            self.calls >= CALLS_PER_MESSAGE,
            "--calls: must be {CALLS_PER_MESSAGE} or more (got {})",
            self.calls
        );
        ensure!(self.rounds > 0, "--rounds: must be 1 or more (got 0)");
        let server = Callgrind::start(&self.server)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, self.count_all(&server))
    }

    async fn count_all(&self, server: &Callgrind) -> Result<Report> {
        let mut report = Report::new("instructions", Kind::Channelstream);
        let mut calls = Calls::prepare(server.target()).await?;
        server.count_idle().await?;
        for call in Call::ALL {
            let make = async || calls.make(call).await;
            let count = self.count(server, self.calls, make).await?;
            report.add(call.name(), count, "per call");
        }
        let few = self.count_message(server, FEW_LISTENERS).await?;
        let many = self.count_message(server, MANY_LISTENERS).await?;
        report.add("POST /message, 20 websockets", few, "per call");
        report.add("POST /message, 100 websockets", many, "per call");
        let delivery = (many - few) / f64::from(MANY_LISTENERS - FEW_LISTENERS);
        report.add("delivery to a websocket", delivery, "per delivery");
        Ok(report)
    }

    /// Counts the instructions of a message that this many websockets receive.
    async fn count_message(&self, server: &Callgrind, listeners: u32) -> Result<f64> {
        let mut listeners = Listeners::open(server.target(), listeners).await?;
        let messages = self.calls / CALLS_PER_MESSAGE;
        let publish = async || listeners.publish().await;
        self.count(server, messages, publish).await
    }

    /// Counts the instructions of one call. Some calls before are not counted.
    async fn count(
        &self,
        server: &Callgrind,
        calls: u32,
        mut call: impl AsyncFnMut() -> Result<()>,
    ) -> Result<f64> {
        let mut repeat = async |times: u32| {
            for _ in 0..times {
                call().await?;
            }
            anyhow::Ok(())
        };
        repeat(calls.div_ceil(2)).await?;
        let mut counts = Vec::new();
        for _ in 0..self.rounds {
            server.start_counting().await?;
            repeat(calls).await?;
            let once = server.take_count().await?;
            repeat(2 * calls).await?;
            let twice = server.take_count().await?;
            counts.push((twice - once) / f64::from(calls));
        }
        Ok(median(&counts))
    }
}
