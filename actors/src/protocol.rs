//! The types that go over the wire, with their JSON forms. They decide nothing.

pub mod config;
pub mod event;
pub mod info;
pub mod listing;
pub mod message;
pub mod state;
pub mod timestamp;
