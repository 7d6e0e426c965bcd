//! The results of a run.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde::Serialize;

use crate::tally::Faults;
use crate::target::Kind;

/// The figures of a run. It has no figures that the scenario does not measure, or that need the
/// processes of a server on this machine.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The name of the scenario.
    pub(crate) scenario: &'static str,
    /// The kind of the server.
    pub(crate) target: Kind,
    /// The figures, in the order in which they are shown.
    pub(crate) figures: Vec<Figure>,
}

/// A figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    /// The name, by which runs are compared.
    pub(crate) name: &'static str,
    /// The value.
    pub(crate) value: f64,
    /// The unit.
    pub(crate) unit: &'static str,
}

impl Report {
    /// Returns a report without figures.
    pub(crate) fn new(scenario: &'static str, target: Kind) -> Self {
        Self {
            scenario,
            target,
            figures: Vec::new(),
        }
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, name: &'static str, value: f64, unit: &'static str) {
        self.figures.push(Figure { name, value, unit });
    }

    /// Adds the wrong deliveries. The table shows them even if there are none.
    pub(crate) fn add_faults(
        &mut self,
        Faults {
            lost,
            doubled,
            disordered,
        }: Faults,
    ) {
        for (name, count) in [
            ("lost", lost),
            ("doubled", doubled),
            ("out of order", disordered),
        ] {
            self.add(name, count as f64, "deliveries");
        }
    }

    /// Returns the value of a figure.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|figure| figure.name == name)
            .map(|figure| figure.value)
    }

    /// Returns the number of wrong deliveries.
    pub(crate) fn faults(&self) -> f64 {
        ["lost", "doubled", "out of order"]
            .iter()
            .filter_map(|name| self.value(name))
            .sum()
    }

    /// Returns a table for people.
    pub(crate) fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_preset(NOTHING);
        for Figure { name, value, unit } in &self.figures {
            table.add_row([
                (*name).to_owned(),
                format_number(*value),
                (*unit).to_owned(),
            ]);
        }
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(comfy_table::CellAlignment::Right);
        }
        table
    }
}

/// Formats a number with three significant digits, and with separators of thousands.
pub(crate) fn format_number(value: f64) -> String {
    let decimals = match value.abs() {
        100.0.. => 0,
        10.0..100.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if fraction.bytes().all(|digit| digit == b'0') && value == value.trunc() || decimals == 0 {
        return group_thousands(whole);
    }
    format!("{}.{fraction}", group_thousands(whole))
}

fn group_thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        for (value, text) in [
            (0.0, "0"),
            (3.0, "3"),
            (3.146, "3.15"),
            (31.46, "31.5"),
            (2_870_123.4, "2,870,123"),
            (-1234.0, "-1,234"),
        ] {
            assert_eq!(format_number(value), text);
        }
    }
}
