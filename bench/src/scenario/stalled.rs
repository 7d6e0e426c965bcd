//! The scenario `stalled`: first all clients read, then some do not. It compares the rates of the
//! clients that always read, and the highest memory of the server in each part.

use anyhow::{Context, Result};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep};

use crate::audience::open;
use crate::report::Report;
use crate::scenario::load::{Interval, Load, Pace, RunningLoad};
use crate::scenario::{Bench, Common};
use crate::target::SubscriberSpec;

/// The scenario of clients that do not read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stalled {
    pub(crate) subscribers: usize,
    pub(crate) stalled: usize,
    pub(crate) in_flight: usize,
    pub(crate) common: Common,
}

impl Stalled {
    /// Runs both parts.
    pub(crate) async fn run(self, bench: &Bench) -> Result<Report> {
        let Self {
            subscribers,
            stalled,
            in_flight,
            common,
        } = self;
        let load = Load {
            channels: 1,
            subscribers,
            publishers: in_flight,
            pace: Pace::WhenReceived,
            common,
        };
        let running = RunningLoad::start(load, bench).await?;
        let open_others = async |has_small_buffer| {
            let spec = |number| SubscriberSpec {
                channel: 0,
                subscriber: subscribers + number,
                has_small_buffer,
            };
            open(
                &bench.target,
                (0..stalled).map(spec).collect(),
                &bench.progress,
            )
            .await
        };
        let mut readers = JoinSet::new();
        for mut open in open_others(false).await? {
            readers.spawn_local(async move {
                tokio::io::copy(&mut open.socket.stream, &mut tokio::io::sink()).await
            });
        }
        let (all_read, memory_then) = measure_with_memory(&running, bench, "all read").await?;
        readers.shutdown().await;
        // These sockets stay open and are never read.
        let silent = open_others(true).await?;
        let (some_read, memory_now) =
            measure_with_memory(&running, bench, "beside the silent").await?;
        let faults = running.end().await?;
        let mut report = Report::new("stalled", bench.target.kind());
        let rate = |interval: &Interval| interval.deliveries as f64 / interval.seconds;
        let per_cpu = |interval: &Interval| {
            Some(interval.deliveries as f64 / interval.cpu.filter(|cpu| *cpu > 0.0)?)
        };
        report.add("delivered when all read", rate(&all_read), "deliveries/s");
        report.add(
            "delivered beside the silent",
            rate(&some_read),
            "deliveries/s",
        );
        report.add("rate kept", rate(&some_read) / rate(&all_read), "of before");
        if let (Some(before), Some(now)) = (per_cpu(&all_read), per_cpu(&some_read)) {
            report.add("rate kept per CPU second", now / before, "of before");
        }
        if let (Some(before), Some(now)) = (memory_then, memory_now) {
            let more = now as f64 - before as f64;
            report.add(
                "memory for each silent",
                more / 1024.0 / silent.len().max(1) as f64,
                "KB",
            );
        }
        report.add_faults(faults);
        Ok(report)
    }
}

/// Returns the interval, and the server's highest memory in it.
async fn measure_with_memory(
    running: &RunningLoad,
    bench: &Bench,
    step: &str,
) -> Result<(Interval, Option<u64>)> {
    let mut highest = None;
    let watch = async {
        loop {
            let memory = bench
                .processes
                .usage()
                .context("watching memory")?
                .map(|usage| usage.memory);
            highest = highest.max(memory);
            sleep(Duration::from_millis(50)).await;
        }
    };
    let interval = tokio::select! {
        interval = running.measure(bench, step) => interval,
        error = watch => error,
    };
    Ok((interval?, highest))
}
