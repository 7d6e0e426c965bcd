//! Writes single metrics.
//!
//! The crate `prometheus-client` writes the OpenMetrics format. In this format, the line with the
//! type of a counter names the counter without `_total`. The text format of Prometheus, which every
//! tool reads, requires the whole name there. Therefore a counter is encoded like a gauge, which
//! keeps the whole name and adds no suffix.

use std::fmt;

use prometheus_client::encoding::{
    DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet, NoLabelSet,
};
use prometheus_client::metrics::MetricType;

use super::histogram::Distribution;

/// A writer of metrics. It writes the help text and the type of each metric.
pub(super) struct Writer<'a>(pub(super) DescriptorEncoder<'a>);

impl Writer<'_> {
    /// Writes a counter, whose name ends with `_total`.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.single(name, help, MetricType::Counter, value)
    }

    /// Writes a counter of time, whose name ends with `_seconds_total`.
    pub(super) fn counter_of_seconds(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        self.single(name, help, MetricType::Counter, value)
    }

    /// Writes a counter for each set of labels.
    pub(super) fn counters<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Counter, values)
    }

    /// Writes a gauge.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        help: &str,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.single(name, help, MetricType::Gauge, value)
    }

    /// Writes a gauge for each set of labels.
    pub(super) fn gauges<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        self.family(name, help, MetricType::Gauge, values)
    }

    /// Writes a histogram.
    pub(super) fn histogram(&mut self, name: &str, help: &str, read: &Distribution) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(read.sum, read.count, &read.buckets, None)
    }

    fn single(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        value: impl EncodeGaugeValue,
    ) -> fmt::Result {
        self.0
            .encode_descriptor(name, help, None, kind)?
            .encode_gauge(&value)
    }

    fn family<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        kind: MetricType,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, kind)?;
        for (labels, value) in values {
            encoder.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }
}
