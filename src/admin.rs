//! The admin pages: signing in, the panel, the stream that it listens to, and the calls by which it
//! acts.

pub mod action;
pub mod backup;
pub mod live;
pub mod panel;
pub mod sign_in;
mod view;
