//! Compares two builds of this server in paired rounds: both run one after the other, and the first
//! one alternates. A machine that is slow for a while is slow for both builds of a pair. So the
//! ratio of a pair is more exact than the ratio of two medians.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;
use serde::Serialize;

use super::contender::Contender;
use super::{Comparison, median};
use crate::cli::measure;
use crate::report::{Report, format_number};

/// One figure of one scenario.
#[derive(Serialize)]
struct Line {
    scenario: String,
    figure: &'static str,
    unit: &'static str,
    /// The values of this build and of the other one, for each round.
    rounds: Vec<[f64; 2]>,
    /// This build's value divided by the other's, for each round.
    ratios: Vec<f64>,
    /// The median of the ratios.
    ratio: f64,
}

/// Runs the scenarios in which this server takes part, and prints the result. The first program is
/// this build.
pub(super) fn compare(
    comparisons: &[Comparison],
    rounds: usize,
    programs: [&Path; 2],
    as_json: bool,
) -> Result<()> {
    let mut lines = Vec::new();
    let mut faults = 0.0;
    for comparison in comparisons
        .iter()
        .filter(|comparison| comparison.contenders.contains(&Contender::Channelstream))
    {
        let mut pairs = Vec::new();
        for round in 1..=rounds {
            eprintln!("round {round} of {rounds}: {}", comparison.name);
            pairs.push(pair(comparison, programs, round.is_multiple_of(2))?);
        }
        faults += pairs.iter().flatten().map(Report::faults).sum::<f64>();
        lines.extend(
            comparison
                .figures
                .iter()
                .filter_map(|figure| line(&comparison.name, figure, &pairs)),
        );
    }
    if as_json {
        println!("{}", serde_json::to_string(&lines)?);
    } else {
        println!("{}", table(&lines, rounds));
    }
    if faults > 0.0 {
        Err(anyhow!(
            "{faults} deliveries were lost, doubled or out of order"
        ))
    } else {
        Ok(())
    }
}

/// Measures both builds, the second one first if `is_reversed` is set.
fn pair(
    comparison: &Comparison,
    [this, other]: [&Path; 2],
    is_reversed: bool,
) -> Result<[Report; 2]> {
    let run = |program: &Path| {
        let running = Contender::Channelstream.start(program)?;
        let report = measure(&comparison.scenario, &running.bench(&comparison.name)?);
        report.with_context(|| format!("{} in {}", program.display(), comparison.name))
    };
    if is_reversed {
        let second = run(other)?;
        return Ok([run(this)?, second]);
    }
    Ok([run(this)?, run(other)?])
}

/// Returns the line of a figure, or `None` if the figure was not measured.
fn line(scenario: &str, name: &'static str, pairs: &[[Report; 2]]) -> Option<Line> {
    let values = |pair: &[Report; 2]| Some([pair[0].value(name)?, pair[1].value(name)?]);
    let rounds = pairs.iter().map(values).collect::<Option<Vec<_>>>()?;
    let unit = pairs.first()?[0]
        .figures
        .iter()
        .find(|figure| figure.name == name)?
        .unit;
    let ratios: Vec<f64> = rounds.iter().map(|[this, other]| this / other).collect();
    Some(Line {
        scenario: scenario.to_owned(),
        figure: name,
        unit,
        ratio: median(&ratios),
        rounds,
        ratios,
    })
}

/// Returns the table with the medians of both builds, the ratio of each round, and the median of
/// these ratios.
fn table(lines: &[Line], rounds: usize) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    let numbers = (1..=rounds).map(|round| round.to_string());
    let header = ["scenario", "figure", "this build", "the other"]
        .map(str::to_owned)
        .into_iter();
    table.set_header(header.chain(numbers).chain(["median ratio".to_owned()]));
    for line in lines {
        let column = |of: fn(&[f64; 2]) -> f64| {
            format_number(median(&line.rounds.iter().map(of).collect::<Vec<_>>()))
        };
        let ratios = line
            .ratios
            .iter()
            .chain([&line.ratio])
            .map(|ratio| format!("{ratio:.3}"));
        let start = [
            line.scenario.clone(),
            format!("{}, {}", line.figure, line.unit),
            column(|[this, _]| *this),
            column(|[_, other]| *other),
        ];
        table.add_row(start.into_iter().chain(ratios));
    }
    table
}
