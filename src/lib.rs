//! Channelstream's HTTP on top of the broker (`channelstream_actors`).
//!
//! In reading order:
//!
//! - [`routes`]: every path on a line;
//! - [`api`]: a file per endpoint; [`transport`]: websocket and long-poll; [`admin`]: the panel's pages;
//! - [`validation`]: from bytes to typed requests; [`signature`]: who may call; [`error`]: from errors to answers;
//! - [`middleware`]: what every request passes first; [`caller`]: where it comes from;
//! - [`settings`], [`cli`], [`server`], [`process`]: how it starts and stops.

pub mod admin;
pub mod api;
pub mod caller;
pub mod cli;
pub mod error;
pub mod middleware;
pub mod process;
pub mod routes;
pub mod server;
pub mod settings;
pub mod signature;
pub mod transport;
pub mod validation;
