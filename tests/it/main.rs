//! Tests of the built server on a free port, over real HTTP and real websockets, as its users speak
//! to it.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test must fail at anything unexpected"
)]

mod activation;
mod admin;
mod assets;
mod bad_input;
mod browser_client;
mod catch_up;
mod chaos;
mod client_types;
mod clock;
mod closes;
mod closing;
mod cluster;
mod collisions;
mod commands;
mod concurrent_calls;
mod conformance;
mod connecting;
mod delivery;
mod demo;
mod description;
mod drop_in;
mod errors_page;
mod explorer;
mod faults;
mod former_requests;
mod gaps;
mod generated_clients;
mod hints;
mod idempotency;
mod ini_files;
mod kubernetes;
mod lifetimes;
mod limits;
mod listening;
mod log_lines;
mod logging;
mod long_work;
mod memory;
mod metrics;
mod original;
mod original_documents;
mod original_page;
mod origins;
mod panel;
mod pings;
mod power_cut;
mod project;
mod prose;
mod proxies;
mod public_access;
mod quick_start;
mod refusals;
mod reload;
mod replays;
mod restart_pages;
mod restarts;
mod schemathesis;
mod secrets;
mod security_page;
mod server_sent_events;
mod service_manager;
mod shared_encoding;
mod shutdown;
mod signing_page;
mod slow_attack;
mod slow_clients;
mod slow_requests;
mod socket_io;
mod speed;
mod stop_under_load;
mod store;
mod structure;
mod support;
mod transports;
mod tutorials;
mod upgrades;
