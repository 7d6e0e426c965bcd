//! Tests with a real Redis.

mod convert;
mod lane;
mod many;
mod node;
mod scripts;
mod server;
