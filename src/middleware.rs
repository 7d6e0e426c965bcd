//! What every request passes before its path is looked at.

pub mod cors;
mod ignored_headers;
pub mod proxy;
