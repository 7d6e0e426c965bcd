//! Finds growth between the first and the last tenth of a period.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use crate::report::format_number;
use crate::soak::sample::Sample;

/// The allowed growth, as a share of the first value.
const TOLERANCE: f64 = 0.02;

/// The allowed growth of counted things, where 2 % would be less than one or two.
const COUNT_TOLERANCE: f64 = 2.0;

/// A row: its name, the least growth that counts, and the function that returns its value.
type Row = (&'static str, f64, fn(&Sample) -> f64);

const ROWS: [Row; 6] = [
    ("resident memory, KB", 0.0, |it| it.memory as f64 / 1024.0),
    ("descriptors", COUNT_TOLERANCE, |it| it.descriptors as f64),
    ("threads", COUNT_TOLERANCE, |it| it.threads as f64),
    ("channels", COUNT_TOLERANCE, |it| actors(it, 0)),
    ("users", COUNT_TOLERANCE, |it| actors(it, 1)),
    ("connections", COUNT_TOLERANCE, |it| actors(it, 2)),
];

fn actors(sample: &Sample, kind: usize) -> f64 {
    sample.actors.get(kind).copied().unwrap_or_default() as f64
}

/// The values at the beginning and at the end of a period.
pub(crate) struct Growth {
    rows: Vec<Change>,
}

struct Change {
    name: &'static str,
    first: f64,
    last: f64,
    limit: f64,
}

impl Growth {
    /// Compares the medians of the first and of the last tenth of the samples.
    pub(crate) fn between_tenths(samples: &[Sample]) -> Self {
        let tenth = samples.len().div_ceil(10);
        let (first, last) = (
            samples.get(..tenth).unwrap_or(samples),
            samples.get(samples.len() - tenth..).unwrap_or(samples),
        );
        let change = |(name, least, value): Row| {
            let (first, last) = (median(first, value), median(last, value));
            let limit = first + least.max(first * TOLERANCE);
            Change {
                name,
                first,
                last,
                limit,
            }
        };
        Self {
            rows: ROWS.into_iter().map(change).collect(),
        }
    }

    /// Returns the names and values of what has grown too much.
    pub(crate) fn grown_values(&self) -> Vec<String> {
        let grown = self.rows.iter().filter(|row| row.last > row.limit);
        grown
            .map(|row| {
                let (first, last) = (format_number(row.first), format_number(row.last));
                format!("{} from {first} to {last}", row.name)
            })
            .collect()
    }

    /// Returns a table for people.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        table.set_header(["median of", "first tenth", "last tenth", "growth"]);
        for row in &self.rows {
            let growth = 100.0 * (row.last / row.first.max(1.0) - 1.0);
            let growth = if row.last == row.first { 0.0 } else { growth };
            table.add_row([
                row.name.to_owned(),
                format_number(row.first),
                format_number(row.last),
                format!("{growth:+.1} %"),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

fn median(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(grow: impl Fn(&mut Sample, u64)) -> Vec<Sample> {
        let sample = |second| {
            let mut sample = Sample {
                memory: 100 << 20,
                descriptors: 1000,
                threads: 4,
                actors: [50, 1000, 1000],
            };
            grow(&mut sample, second);
            sample
        };
        (0..100).map(sample).collect()
    }

    #[test]
    fn fluctuation_is_not_growth() {
        let flat = samples(|sample, second| sample.memory += (second % 7) << 18);
        assert_eq!(
            Growth::between_tenths(&flat).grown_values(),
            Vec::<String>::new()
        );
    }

    #[test]
    fn growth_is_reported() {
        let growing = samples(|sample, second| {
            sample.memory += second << 15;
            sample.threads += second / 20;
            sample.actors[2] += second;
        });
        assert_eq!(
            Growth::between_tenths(&growing).grown_values(),
            [
                "resident memory, KB from 102,560 to 105,440",
                "threads from 4 to 8",
                "connections from 1,005 to 1,095"
            ]
        );
    }
}
