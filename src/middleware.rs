//! What every request passes before its path is looked at.

pub mod cors;
pub mod proxy;
