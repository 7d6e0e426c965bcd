//! Shows the progress of a run on a terminal, and nothing elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, sleep};

/// Shows bars on standard error, if it is a terminal.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    title: String,
}

impl Progress {
    /// Shows the progress of a run with this title.
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_owned(),
        }
    }

    /// Returns a bar for a step of this length.
    pub(crate) fn bar(&self, step: &str, length: u64) -> ProgressBar {
        let bar = ProgressBar::new(length);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}") {
            bar.set_style(style);
        }
        bar.set_message(format!("{}: {step}", self.title));
        bar
    }

    /// Waits for this time, and shows a bar.
    pub(crate) async fn wait(&self, step: &str, time: Duration) {
        let bar = self.bar(
            &format!("{step}, tenths of a second"),
            u64::try_from(time.as_millis() / 100).unwrap_or_default(),
        );
        let end = Instant::now() + time;
        while Instant::now() < end {
            sleep(Duration::from_millis(100).min(end - Instant::now())).await;
            bar.inc(1);
        }
        bar.finish_and_clear();
    }
}
