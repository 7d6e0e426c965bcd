//! The file store, through what servers use of it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it does not expect shall fail"
)]

mod backups;
mod basics;
mod faults;
mod opening;
mod speed;
mod things;
