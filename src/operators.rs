//! The parts that the admin pages use: sessions, device cookies, the sign-in throttle, and the
//! numbers of the last hour.

mod cookies;
mod devices;
mod ended_sessions;
pub mod monitor;
mod samples;
pub mod sessions;
pub mod store_report;
pub mod throttle;
