//! The parts that the admin pages use: sessions, device cookies, the sign-in throttle, and the
//! numbers of the last minutes.

mod cookies;
mod devices;
mod ended_sessions;
pub mod monitor;
pub mod sessions;
pub mod store_report;
pub mod throttle;
