//! The built server on a free port, spoken to as its users do: real HTTP, real websockets.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that meets what it does not expect shall fail")]

mod conformance;
mod delivery;
mod support;
