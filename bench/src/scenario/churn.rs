//! The scenario `churn`: clients connect, listen and leave. It measures the rate, and whether
//! memory comes back.

use std::cell::Cell;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::frames::{Opcode, to_server};
use crate::process::own_cpu;
use crate::report::Report;
use crate::scenario::Bench;
use crate::target::{SubscriberSpec, Target};

/// The time after which a server has forgotten the clients that left.
const SETTLING: Duration = Duration::from_secs(20);

/// The scenario of clients that come and go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Churn {
    pub(crate) clients: usize,
    pub(crate) seconds: f64,
}

impl Churn {
    /// Runs two periods, since memory that a server allocates once and keeps is not a leak. It
    /// compares the memory at the end of the first period and at the end of the second.
    pub(crate) async fn run(self, bench: &Bench) -> Result<Report> {
        self.cycles(bench, "warming up").await?;
        bench.progress.wait("settling", SETTLING).await;
        let before = bench.processes.usage()?;
        let (begin, own) = (Instant::now(), own_cpu());
        let cycles = self.cycles(bench, "measuring").await?;
        let seconds = begin.elapsed().as_secs_f64();
        let own = own_cpu() - own;
        let peak = bench.processes.usage()?;
        bench.progress.wait("settling", SETTLING).await;
        let after = bench.processes.usage()?;
        let mut report = Report::new("churn", bench.target.kind());
        report.add("cycles", f64::from(cycles) / seconds, "per second");
        if let (Some(before), Some(peak), Some(after)) = (before, peak, after) {
            report.add(
                "server CPU for each",
                1e6 * (peak.cpu - before.cpu) / f64::from(cycles.max(1)),
                "µs",
            );
            report.add("memory before", before.memory as f64 / 1024.0, "KB");
            report.add("memory at the end", peak.memory as f64 / 1024.0, "KB");
            report.add("memory afterwards", after.memory as f64 / 1024.0, "KB");
            report.add(
                "memory kept",
                100.0 * (after.memory as f64 / before.memory as f64 - 1.0),
                "%",
            );
        }
        report.add("tool CPU", 100.0 * own / seconds, "% of a core");
        Ok(report)
    }

    async fn cycles(self, bench: &Bench, step: &str) -> Result<u32> {
        let end = Instant::now() + Duration::from_secs_f64(self.seconds);
        let cycles = Cell::new(0);
        let client = |number: usize| {
            let (target, cycles) = (&bench.target, &cycles);
            async move {
                let mut backend = target.backend().await?;
                while Instant::now() < end {
                    // The names of users repeat, since a server remembers a user who has left,
                    // which is not a leak.
                    let spec = SubscriberSpec {
                        channel: number % 100,
                        subscriber: number,
                        has_small_buffer: false,
                    };
                    cycles.set(cycles.get() + 1);
                    cycle(target, &mut backend, spec)
                        .await
                        .context("a cycle of connecting and leaving")?;
                }
                anyhow::Ok(())
            }
        };
        let all = try_join_all((0..self.clients).map(client));
        let (done, ()) = tokio::join!(
            all,
            bench
                .progress
                .wait(step, Duration::from_secs_f64(self.seconds))
        );
        done?;
        Ok(cycles.get())
    }
}

async fn cycle(
    target: &Target,
    backend: &mut crate::http::Http,
    spec: SubscriberSpec,
) -> Result<()> {
    let conn_id = target.enter(backend, spec).await?;
    let mut socket = target.listen(conn_id, spec).await?;
    target.leave(backend, conn_id).await?;
    // The server may have closed the socket by now.
    let _ = socket
        .stream
        .write_all(&to_server(Opcode::Close, &1000u16.to_be_bytes()))
        .await;
    let mut rest = Vec::new();
    let _ = socket.stream.read_to_end(&mut rest).await;
    Ok(())
}
