//! What goes over the wire: types with their JSON forms, no decisions.

pub mod config;
pub mod event;
pub mod info;
pub mod listing;
pub mod message;
pub mod state;
pub mod timestamp;
