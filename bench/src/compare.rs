//! Runs all servers in turn for several rounds, and prints ratios, which are meaningful even on a
//! shared machine with other load.

mod contender;
mod paired;

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use clap::{Args, ValueEnum};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use crate::cli::measure;
use crate::report::format_number;
use crate::scenario::{Common, Scenario};

pub(crate) use contender::Contender;

/// The options of a comparison.
#[derive(Clone, Debug, Args)]
pub(crate) struct Compare {
    /// The number of rounds for each server. The results are medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Run only these scenarios
    #[arg(long, value_delimiter = ',', value_name = "SCENARIO")]
    only: Vec<String>,
    /// Run only these servers
    #[arg(long, value_delimiter = ',', value_enum)]
    servers: Vec<Contender>,
    /// The duration in seconds of each measurement of deliveries and calls
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// The program of this server [default: `channelstream` beside this tool]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// Compare with this other program of this server, an older build. Both run in turn in each
    /// round, and the result is the ratio of each pair
    #[arg(long, value_name = "FILE", conflicts_with = "servers")]
    against: Option<PathBuf>,
}

/// A scenario, and the servers that take part.
struct Comparison {
    name: String,
    scenario: Scenario,
    contenders: Vec<Contender>,
    /// The names of the figures that are shown.
    figures: &'static [&'static str],
}

const PER_CPU: &[&str] = &["delivered per CPU second"];
const LATENCY: &[&str] = &["latency p50", "latency p99", "latency p99.9"];

fn comparisons(seconds: f64) -> Vec<Comparison> {
    use Contender::{Channelstream, Limit, LimitMerge, Nats, Nchan, OneWorker, SocketIo};
    let common = Common { size: 200, seconds };
    let fanout = |subscribers, in_flight, contenders: &[Contender]| Comparison {
        name: format!(
            "fanout, {} subscribers, k={in_flight}",
            format_number(subscribers as f64)
        ),
        scenario: Scenario::Fanout {
            subscribers,
            in_flight,
            common,
        },
        contenders: contenders.to_vec(),
        figures: PER_CPU,
    };
    let paced = |name: &str, channels, subscribers, rate| Comparison {
        name: name.to_owned(),
        scenario: Scenario::Paced {
            channels,
            subscribers,
            rate,
            common,
        },
        contenders: vec![Channelstream, OneWorker, Nchan, Nats],
        figures: LATENCY,
    };
    vec![
        fanout(
            1000,
            1,
            &[Channelstream, SocketIo, OneWorker, Nchan, Nats, Limit],
        ),
        fanout(
            1000,
            8,
            &[Channelstream, SocketIo, OneWorker, Nchan, Nats, LimitMerge],
        ),
        fanout(
            1000,
            64,
            &[Channelstream, SocketIo, OneWorker, Nchan, Nats, LimitMerge],
        ),
        fanout(10_000, 1, &[Channelstream, OneWorker, Nchan, Limit]),
        Comparison {
            name: "channels, 2,000 of 5, 8 publishers".to_owned(),
            scenario: Scenario::Channels {
                channels: 2000,
                subscribers: 5,
                publishers: 8,
                common,
            },
            contenders: vec![Channelstream, OneWorker, Nchan],
            figures: PER_CPU,
        },
        Comparison {
            name: "publish, 32 publishers".to_owned(),
            scenario: Scenario::Publish {
                publishers: 32,
                subscribers: 0,
                common,
            },
            contenders: vec![Channelstream, OneWorker, Nchan],
            figures: &["published", "published per CPU second"],
        },
        Comparison {
            name: "publish to 1 subscriber, 16 callers".to_owned(),
            scenario: Scenario::Publish {
                publishers: 16,
                subscribers: 1,
                common,
            },
            contenders: vec![Channelstream, OneWorker, Nchan],
            figures: &["published", "publish latency p50", "publish latency p99"],
        },
        paced("paced, 50/s to 1,000", 1, 1000, 50.0),
        Comparison {
            contenders: vec![Channelstream, OneWorker, Nchan],
            ..paced("paced, 500/s over 500 channels of 20", 500, 20, 500.0)
        },
        Comparison {
            name: "idle, 10,000, a burst of 1 MB".to_owned(),
            scenario: Scenario::Idle {
                subscribers: 10_000,
                burst: 1,
                seconds: 15.0,
            },
            contenders: vec![Channelstream, SocketIo],
            figures: &[
                "memory for each",
                "heartbeats",
                "memory for each after the burst",
            ],
        },
        Comparison {
            name: "idle, 10,000".to_owned(),
            scenario: Scenario::Idle {
                subscribers: 10_000,
                burst: 0,
                seconds: 5.0,
            },
            contenders: vec![Nchan, Nats],
            figures: &["memory for each"],
        },
        Comparison {
            name: "stalled, 100 beside 900".to_owned(),
            scenario: Scenario::Stalled {
                subscribers: 900,
                stalled: 100,
                in_flight: 8,
                common,
            },
            contenders: vec![Channelstream],
            figures: &[
                "rate kept",
                "rate kept per CPU second",
                "memory for each silent",
            ],
        },
        Comparison {
            name: "churn, 32 clients".to_owned(),
            scenario: Scenario::Churn {
                clients: 32,
                seconds: 10.0,
            },
            contenders: vec![Channelstream],
            figures: &["cycles", "memory kept"],
        },
    ]
}

/// A line of the result.
#[derive(Serialize)]
struct Line {
    scenario: String,
    figure: &'static str,
    unit: &'static str,
    /// The median and the figure of each round, for each server.
    servers: BTreeMap<Contender, Rounds>,
    /// The number of wrong deliveries in all rounds, for each server.
    faults: BTreeMap<Contender, f64>,
}

#[derive(Default, Serialize)]
struct Rounds {
    median: f64,
    rounds: Vec<f64>,
}

/// Runs all requested scenarios, and prints the result.
pub(crate) fn compare(options: &Compare, as_json: bool) -> Result<()> {
    let server = match &options.server {
        Some(server) => server.clone(),
        None => std::env::current_exe()?.with_file_name("channelstream"),
    };
    let mut comparisons = comparisons(options.seconds);
    comparisons.retain(|comparison| {
        options.only.is_empty()
            || options
                .only
                .iter()
                .any(|name| name == comparison.scenario.name())
    });
    if let Some(other) = &options.against {
        return paired::compare(&comparisons, options.rounds, [&server, other], as_json);
    }
    let takes_part =
        |contender: &Contender| options.servers.is_empty() || options.servers.contains(contender);
    comparisons
        .iter_mut()
        .for_each(|comparison| comparison.contenders.retain(takes_part));
    let mut lines: Vec<Vec<Line>> = comparisons.iter().map(empty_lines).collect();
    for round in 1..=options.rounds {
        for (comparison, lines) in comparisons.iter().zip(&mut lines) {
            for contender in &comparison.contenders {
                eprintln!(
                    "round {round} of {}: {}, {}",
                    options.rounds,
                    comparison.name,
                    contender.name()
                );
                // A server that fails ends the run, so that it is never silently missing from the
                // table.
                let report = contender.start(&server).and_then(|running| {
                    measure(&comparison.scenario, &running.bench(&comparison.name)?)
                });
                match report.with_context(|| format!("{} in {}", contender.name(), comparison.name))
                {
                    Ok(report) => record(lines, *contender, &report),
                    Err(error) => eprintln!("{error:#}"),
                }
            }
        }
    }
    let lines: Vec<Line> = lines.into_iter().flatten().collect();
    if as_json {
        println!("{}", serde_json::to_string(&lines)?);
    } else {
        println!("{}", table(&lines));
    }
    let faults = |contender: &Contender| {
        lines
            .iter()
            .filter_map(|line| line.faults.get(contender))
            .sum::<f64>()
    };
    for other in Contender::value_variants()
        .iter()
        .filter(|contender| !contender.is_ours() && faults(contender) > 0.0)
    {
        eprintln!(
            "{} lost, doubled or disordered {} deliveries; see --json",
            other.name(),
            faults(other)
        );
    }
    let ours: f64 = Contender::value_variants()
        .iter()
        .filter(|contender| contender.is_ours())
        .map(faults)
        .sum();
    if ours > 0.0 {
        Err(anyhow!(
            "{ours} deliveries were lost, doubled or out of order; see --json"
        ))
    } else {
        Ok(())
    }
}

fn empty_lines(comparison: &Comparison) -> Vec<Line> {
    let line = |figure: &&'static str| Line {
        scenario: comparison.name.clone(),
        figure,
        unit: "",
        servers: BTreeMap::new(),
        faults: BTreeMap::new(),
    };
    comparison.figures.iter().map(line).collect()
}

fn record(lines: &mut [Line], contender: Contender, report: &crate::report::Report) {
    let faults = report.faults();
    for line in lines {
        if let Some(figure) = report
            .figures
            .iter()
            .find(|figure| figure.name == line.figure)
        {
            line.unit = figure.unit;
            let entry = line.servers.entry(contender).or_default();
            entry.rounds.push(figure.value);
            entry.median = median(&entry.rounds);
        }
        *line.faults.entry(contender).or_default() += faults;
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = |index: usize| sorted.get(index).copied().unwrap_or_default();
    (middle((sorted.len().max(1) - 1) / 2) + middle(sorted.len() / 2)) / 2.0
}

/// Returns the table of medians. The brackets beside another server hold the ratio of this server
/// to it.
fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    let names = Contender::value_variants()
        .iter()
        .map(|contender| contender.name());
    table.set_header(["scenario", "figure"].into_iter().chain(names));
    for line in lines {
        let own = line
            .servers
            .get(&Contender::Channelstream)
            .map(|rounds| rounds.median);
        let cell = |contender: &Contender| match (line.servers.get(contender), own) {
            (None, _) => String::new(),
            (Some(theirs), Some(own)) if *contender != Contender::Channelstream => {
                format!(
                    "{} ({:.2})",
                    format_number(theirs.median),
                    own / theirs.median
                )
            }
            (Some(theirs), _) => format_number(theirs.median),
        };
        let figure = format!("{}, {}", line.figure, line.unit);
        let cells = Contender::value_variants().iter().map(cell);
        table.add_row([line.scenario.clone(), figure].into_iter().chain(cells));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), 3.0);
    }
}
