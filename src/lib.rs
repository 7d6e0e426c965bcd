//! Channelstream's HTTP on top of the broker (`channelstream_actors`).
//!
//! In reading order:
//!
//! - [`routes`]: every path on a line;
//! - [`api`]: a file per endpoint; [`transport`]: websocket, server-sent events and long-poll;
//!   [`event_source`]: what streams of events share;
//! - [`pages`]: the front page; [`demo`]: a chat with a backend of its own; [`admin`]: the panel's
//!   pages; [`assets`]: what they are made of;
//! - [`validation`]: from bytes to typed requests; [`signature`]: who may call; [`error`]: from
//!   errors to answers;
//! - [`middleware`]: what every request passes first; [`caller`]: where it comes from;
//!   [`exchange`]: what its stream is told of it;
//! - [`settings`], [`cli`], [`server`], [`lifecycle`], [`stop`], [`process`]: how it starts and
//!   stops; [`logging`]: what it tells meanwhile.

pub mod admin;
pub mod api;
pub mod assets;
pub mod caller;
pub mod cli;
pub mod demo;
pub mod error;
pub mod event_source;
pub mod exchange;
pub mod lifecycle;
pub mod logging;
pub mod middleware;
pub mod openapi;
pub mod pages;
pub mod process;
pub mod routes;
pub mod server;
pub mod settings;
pub mod signature;
pub mod stop;
pub mod transport;
pub mod validation;
