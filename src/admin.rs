//! The admin pages: signing in, the panel, what it listens to and what it does.

pub mod action;
mod cookies;
mod device;
mod ended_sessions;
pub mod live;
pub mod monitor;
pub mod panel;
pub mod session;
pub mod sign_in;
pub mod throttle;
mod view;
