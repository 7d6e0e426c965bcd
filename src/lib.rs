//! Channelstream's HTTP on top of the broker (`channelstream_actors`).
//!
//! A backend signs its calls with the secret that it shares with the server:
//!
//! ```
//! use channelstream::signature::signer::Signer;
//!
//! let signer = Signer::new("the secret of backend and server");
//! let signature = signer.sign("/message");
//! // The backend sends this text in the header `X-Channelstream-Secret`, and the server checks it.
//! assert!(signer.check(&signature).is_ok());
//! assert!(Signer::new("another secret").check(&signature).is_err());
//! ```
//!
//! # Modules
//!
//! In reading order:
//!
//! - [`routes`]: every path on a line; [`calls`]: those that are described;
//! - [`api`]: a file per endpoint; [`transport`]: websocket, server-sent events and long-poll;
//!   [`event_source`]: what streams of events share;
//! - [`pages`]: the front page; [`demo`]: a chat with a backend of its own; [`admin`]: the panel's
//!   pages; [`assets`]: the files that pages use;
//! - [`middleware`]: what every request passes first; [`purpose`]: what a request is for;
//! - [`services`]: what handlers work with; [`live`]: the settings in force, which can change;
//!   [`operators`]: sessions, the sign-in throttle and the monitor; [`metrics`]: what is counted for
//!   `/metrics`;
//! - [`extractors`]: what handlers take; [`validation`]: from JSON to typed requests;
//!   [`signature`]: who may call; [`error`]: from errors to answers; [`answer`]: answers that are
//!   encoded before;
//! - [`client_limits`], [`address_table`]: how many sockets clients may hold, and how often an
//!   address may call; [`caller`]: where a request comes from; [`exchange`]: what a stream and its requests tell each
//!   other; [`accepting`]: whether TCP connections are accepted, and how many have sent no request
//!   yet;
//! - [`settings`], [`cli`], [`server`], [`lifecycle`], [`stop`], [`process`]: how the server starts
//!   and stops; [`logging`]: what it logs;
//! - `fuzzing`: what the fuzz targets call.

pub mod accepting;
pub mod address_table;
pub mod admin;
pub mod answer;
pub mod api;
pub mod assets;
pub mod caller;
pub mod calls;
pub mod cli;
pub mod client_limits;
pub mod demo;
pub mod error;
pub mod event_source;
pub mod exchange;
pub mod extractors;
#[doc(hidden)]
pub mod fuzzing;
pub mod lifecycle;
pub mod live;
pub mod logging;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod operators;
pub mod pages;
pub mod process;
pub mod purpose;
pub mod routes;
pub mod server;
pub mod services;
pub mod settings;
pub mod signature;
pub mod stop;
pub mod transport;
pub mod validation;
