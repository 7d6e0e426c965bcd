//! The admin pages: the sign-in form, the panel, the stream of events that the panel receives, and
//! the calls that the panel makes.

pub mod action;
pub mod backup;
pub mod live;
pub mod panel;
pub mod sign_in;
mod view;
