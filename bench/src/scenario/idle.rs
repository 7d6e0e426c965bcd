//! The scenario `idle`: websockets on which nothing happens.

use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;

use crate::audience::Audience;
use crate::process::Usage;
use crate::report::Report;
use crate::scenario::Bench;
use crate::stamp::Stamp;
use crate::subscriber::SharedState;
use crate::tally::{Plan, Tally};
use crate::target::PublisherPool;

/// The size of a burst message in bytes: a megabyte less the envelope of the call, since servers
/// limit bodies.
const BURST_BYTES: usize = 1_000_000;

/// The time after which the memory for connecting is released.
const SETTLING: Duration = Duration::from_secs(5);

/// The scenario of idle clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Idle {
    pub(crate) subscribers: usize,
    pub(crate) burst: u32,
    pub(crate) seconds: f64,
}

impl Idle {
    /// Connects, measures, and measures again after a burst of large messages.
    pub(crate) async fn run(self, bench: &Bench) -> Result<Report> {
        let before = bench.processes.usage()?;
        let plan = Plan {
            channels: 1,
            slots: 1,
            nodes: 1,
        };
        let tally = Rc::new(Tally::new(plan)?);
        let shared = SharedState::new(tally.clone());
        let audience = Audience::connect(
            &bench.target,
            plan,
            self.subscribers,
            &shared,
            &bench.progress,
        )
        .await?;
        let mut report = Report::new("idle", bench.target.kind());
        let kilobytes_each = |usage: Usage, before: Usage| {
            (usage.memory as f64 - before.memory as f64) / 1024.0 / audience.len().max(1) as f64
        };
        bench.progress.wait("settling", SETTLING).await;
        let settled = bench.processes.usage()?;
        bench
            .progress
            .wait("looking on", Duration::from_secs_f64(self.seconds))
            .await;
        let after = bench.processes.usage()?;
        if let (Some(before), Some(settled), Some(after)) = (before, settled, after) {
            report.add("memory for each", kilobytes_each(after, before), "KB");
            report.add(
                "heartbeats",
                100.0 * (after.cpu - settled.cpu) / self.seconds,
                "% of a core",
            );
        }
        if self.burst > 0 {
            let mut publisher = PublisherPool::new(&bench.target).await?.publisher().await?;
            for number in 0..self.burst {
                let mut message = Vec::new();
                Stamp {
                    slot: 0,
                    number,
                    micros: tally.micros(),
                }
                .write(BURST_BYTES, &mut message);
                tally.record_sent(0, number, audience.len());
                publisher.publish(0, &message).await?;
                tally.wait_until_received(0).await;
            }
            bench.progress.wait("settling", SETTLING).await;
            bench
                .progress
                .wait("looking on", Duration::from_secs_f64(self.seconds))
                .await;
            if let (Some(before), Some(after)) = (before, bench.processes.usage()?) {
                report.add(
                    "memory for each after the burst",
                    kilobytes_each(after, before),
                    "KB",
                );
            }
            report.add("lost", audience.missing(&[self.burst]) as f64, "deliveries");
        }
        Ok(report)
    }
}
