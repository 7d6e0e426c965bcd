//! Tests with a real Redis.

mod convert;
mod lane;
mod many;
mod scripts;
mod server;
