//! Tests of the file store, through the interface that servers use.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test must fail at anything unexpected"
)]

mod backups;
mod basics;
mod faults;
mod opening;
mod speed;
mod support;
