//! Tests with a real Redis.

mod any;
mod caller;
mod compare;
mod convert;
mod lane;
mod lifetimes;
mod many;
mod node;
mod numbers;
mod renewals;
mod scripts;
mod server;
mod users;
