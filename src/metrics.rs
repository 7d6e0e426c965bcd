//! The counts of the server for `/metrics`, besides the counters of the broker: requests, ends of
//! transports, and two histograms of durations. They are atomics. The code that handles an event
//! updates them, and a request for `/metrics` reads them.

pub mod event_loop;
pub mod exposition;
pub mod histogram;
pub mod process;
pub mod requests;
pub mod transport_ends;
mod writer;

use self::histogram::Histogram;
use self::requests::RequestCounts;
use self::transport_ends::TransportEndCounts;

/// The counts of the server. All threads share one.
#[derive(Debug, Default)]
pub struct Metrics {
    /// The requests that were answered.
    pub requests: RequestCounts,
    /// The transports that have ended.
    pub transport_ends: TransportEndCounts,
    /// The times that clients took to confirm the events that they were sent.
    pub confirmation_lag: Histogram,
    /// The delays with which the threads started due work.
    pub event_loop_delay: Histogram,
}
