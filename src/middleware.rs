//! What every request passes before its path is looked at.

pub mod admission;
pub mod cors;
mod default_secrets;
mod ignored_headers;
pub mod proxy;
