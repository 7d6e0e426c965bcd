//! Tests with a real Redis.

mod convert;
mod lane;
mod many;
mod node;
mod numbers;
mod scripts;
mod server;
