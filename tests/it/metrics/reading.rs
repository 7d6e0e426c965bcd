//! Reads the text format of Prometheus.

use reqwest::Method;

use crate::support::client::Backend;

/// The metrics of a server, as the text of its answer.
pub(crate) struct Metrics {
    pub(crate) text: String,
}

impl Metrics {
    /// Reads the metrics, from an address that is allowed to.
    pub(crate) async fn read(backend: &Backend) -> Self {
        let answer = backend.unsigned(Method::GET, "/metrics").send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        let content_type = &answer.headers()["content-type"];
        assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text().await.unwrap();
        Self { text }
    }

    /// Returns the value of a name with its labels, if it exists.
    pub(crate) fn find(&self, name: &str) -> Option<f64> {
        let lines = self.text.lines().filter_map(|line| line.rsplit_once(' '));
        let mut values = lines.filter(|(found, _)| *found == name);
        values.next().map(|(_, value)| value.parse().unwrap())
    }

    /// Returns the value of a name with its labels.
    pub(crate) fn get(&self, name: &str) -> f64 {
        let found = self.find(name);
        found.unwrap_or_else(|| panic!("{name} is not in {}", self.text))
    }

    /// Returns the names that have a type, with the type.
    pub(crate) fn types(&self) -> Vec<(&str, &str)> {
        let lines = self.text.lines();
        lines
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
            .collect()
    }
}
