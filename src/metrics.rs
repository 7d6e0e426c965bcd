//! What the server counts for `/metrics`, besides the counters of the broker: requests, the ends of
//! transports, and how long two things take. All of it is atomics, written where things happen and
//! read when somebody asks.

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
    /// How long clients took to confirm what they were sent.
    pub confirmation_lag: Histogram,
    /// How much later than they should the threads came to what they had to do.
    pub event_loop_delay: Histogram,
}
