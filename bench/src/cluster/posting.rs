//! Messages to one channel at a fixed rate, published at one node after the other, with a listener
//! at each node.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::cluster::add_times;
use crate::cluster::running::RunningCluster;
use crate::report::Report;
use crate::scenario::{Bench, Common, Load, Pace, RunningLoad};
use crate::target::Kind;

/// The number of publishers. Each has one call with one message under way.
const PUBLISHERS: usize = 16;

/// The size of a message in bytes.
pub(super) const SIZE: usize = 400;

/// The number of messages that a history keeps.
pub(super) const HISTORY_SIZE: usize = 100;

/// Whether the channel keeps a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum History {
    /// It keeps none.
    Off,
    /// It keeps the last messages.
    On,
}

/// Measures the time from a call until the message was read from another node, and what a message
/// costs.
pub(super) async fn measure(
    cluster: &RunningCluster,
    history: History,
    rate: f64,
    seconds: f64,
) -> Result<Report> {
    let name = match history {
        History::Off => "delivery",
        History::On => "with history",
    };
    let bench = cluster.bench(name)?;
    if history == History::On {
        keep_history(&bench).await?;
    }
    let load = Load {
        channels: 1,
        subscribers: bench.target.nodes(),
        publishers: PUBLISHERS,
        pace: Pace::PerSecond(rate),
        common: Common {
            size: SIZE,
            seconds,
        },
    };
    let running = RunningLoad::start(load, &bench).await?;
    let before = cluster.redis().work()?;
    let interval = running.measure(&bench, "measuring").await?;
    let after = cluster.redis().work()?;
    let times = running.take_latency();
    let faults = running.end().await?;
    let messages = interval.publications.max(1) as f64;
    let redis_cpu = after.cpu - before.cpu;
    let mut report = Report::new(name, Kind::Channelstream);
    report.add("published", messages / interval.seconds, "messages/s");
    add_times(&mut report, &times);
    after.report_each(before, messages, &mut report);
    for (name, cpu) in [
        ("Redis CPU", Some(redis_cpu)),
        ("CPU of all nodes", interval.cpu),
        ("tool CPU", Some(interval.own_cpu)),
    ] {
        if let Some(cpu) = cpu {
            report.add(name, 100.0 * cpu / interval.seconds, "% of a core");
        }
    }
    report.add_faults(faults);
    Ok(report)
}

/// Creates the channel of the load with a history.
async fn keep_history(bench: &Bench) -> Result<()> {
    let config = json!({"store_history": true, "history_size": HISTORY_SIZE});
    let body = json!({bench.target.channel(0): config}).to_string();
    let request = bench.target.signed("POST", "/channel_config", &body);
    let answer = bench.target.backend().await?.call(&request).await?;
    ensure!(
        answer.status == 200,
        "/channel_config was answered with {}",
        answer.status
    );
    Ok(())
}
