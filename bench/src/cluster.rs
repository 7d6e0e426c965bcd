//! Several nodes of this server that share one Redis: the time that a message takes from one node
//! to another, what a message costs Redis, the time of a call to `/connect`, and the time until the
//! clients of a lost node are back.
//!
//! Redis, the nodes and this tool share the processors of one machine, so each figure includes the
//! waiting for a processor.

mod batches;
mod connecting;
mod losing;
mod posting;
mod redis;
mod running;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use hdrhistogram::Histogram;
use serde::Serialize;
use tokio::task::LocalSet;

use self::posting::History;
use self::running::RunningCluster;
use crate::compare::median;
use crate::report::{Report, format_number};

/// The options of a run.
#[derive(Clone, Debug, Args)]
pub(crate) struct Cluster {
    /// The program of this server [default: `channelstream` beside this tool]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// The number of nodes
    #[arg(long, default_value_t = 3)]
    nodes: usize,
    /// The duration in seconds of each measurement of messages and calls
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The number of messages a second
    #[arg(long, default_value_t = 2000.0)]
    rate: f64,
    /// The number of rounds, each with a new Redis and new nodes. The results are medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

/// A line of the result.
#[derive(Serialize)]
struct Line {
    measurement: &'static str,
    figure: &'static str,
    unit: &'static str,
    median: f64,
    /// The figure of each round.
    rounds: Vec<f64>,
}

impl Cluster {
    /// Runs all rounds, and prints the result.
    pub(crate) fn run(&self, as_json: bool) -> Result<()> {
        ensure!(
            self.nodes >= 2,
            "--nodes: must be 2 or more (got {})",
            self.nodes
        );
        ensure!(self.rounds > 0, "--rounds: must be 1 or more (got 0)");
        let server = match &self.server {
            Some(server) => server.clone(),
            None => std::env::current_exe()?.with_file_name("channelstream"),
        };
        // The nodes start in other folders.
        let program = server.canonicalize();
        let program = program.with_context(|| format!("there is no file {}", server.display()))?;
        let mut reports = Vec::new();
        for round in 1..=self.rounds {
            eprintln!("round {round} of {}", self.rounds);
            reports.extend(self.round(&program)?);
        }
        let lines = lines(&reports);
        if as_json {
            println!("{}", serde_json::to_string(&lines)?);
        } else {
            println!("{}", table(&lines));
        }
        let faults: f64 = reports.iter().map(Report::faults).sum();
        ensure!(
            faults == 0.0,
            "{faults} deliveries were lost, doubled or out of order"
        );
        Ok(())
    }

    /// Runs all measurements on a new cluster, on one thread.
    fn round(&self, program: &Path) -> Result<Vec<Report>> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        LocalSet::new().block_on(&runtime, async {
            let (rate, seconds) = (self.rate, self.seconds);
            // The Redis of the batches ends before the nodes begin.
            let batches = batches::measure(seconds).await?;
            let mut cluster = RunningCluster::start(program, self.nodes)?;
            Ok(vec![
                batches,
                posting::measure(&cluster, History::Off, rate, seconds).await?,
                posting::measure(&cluster, History::On, rate, seconds).await?,
                connecting::measure(&cluster, seconds).await?,
                losing::measure(&mut cluster).await?,
            ])
        })
    }
}

/// Adds the quantiles of times in microseconds to a report.
fn add_times(report: &mut Report, times: &Histogram<u64>) {
    for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
        report.add(
            name,
            times.value_at_quantile(quantile) as f64 / 1000.0,
            "ms",
        );
    }
}

/// Returns the lines for the reports of all rounds, in the order of the first round.
fn lines(reports: &[Report]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for report in reports {
        for figure in &report.figures {
            let is_same = |line: &&mut Line| {
                (line.measurement, line.figure) == (report.scenario, figure.name)
            };
            match lines.iter_mut().find(is_same) {
                Some(line) => {
                    line.rounds.push(figure.value);
                    line.median = median(&line.rounds);
                }
                None => lines.push(Line {
                    measurement: report.scenario,
                    figure: figure.name,
                    unit: figure.unit,
                    median: figure.value,
                    rounds: vec![figure.value],
                }),
            }
        }
    }
    lines
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["measurement", "figure", "median", "rounds"]);
    for line in lines {
        let rounds: Vec<String> = line.rounds.iter().copied().map(format_number).collect();
        table.add_row([
            line.measurement.to_owned(),
            format!("{}, {}", line.figure, line.unit),
            format_number(line.median),
            rounds.join("  "),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Kind;

    #[test]
    fn the_figures_of_several_rounds_are_in_one_line() {
        let report = |scenario, p50| {
            let mut report = Report::new(scenario, Kind::Channelstream);
            report.add("p50", p50, "ms");
            report
        };
        let reports = [
            report("connect", 3.0),
            report("delivery", 1.0),
            report("connect", 2.0),
            report("connect", 9.0),
        ];
        let lines = lines(&reports);
        let medians = lines.iter().map(|line| (line.measurement, line.median));
        assert_eq!(
            medians.collect::<Vec<_>>(),
            [("connect", 3.0), ("delivery", 1.0)]
        );
        let table = table(&lines).to_string();
        assert!(table.contains("p50, ms"), "{table}");
        assert!(table.contains("3  2  9"), "{table}");
    }
}
