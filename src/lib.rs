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
//! - [`routes`]: the list of all paths; [`calls`]: the calls that the API description contains;
//! - [`api`]: one file per endpoint; [`transport`]: websocket, server-sent events and long-poll;
//!   [`event_source`]: the code that all streams of server-sent events share;
//! - [`pages`]: the front page; [`demo`]: a chat with its own backend; [`admin`]: the pages of the
//!   panel; [`assets`]: the files that pages load;
//! - [`middleware`]: the steps that every request passes before its handler; [`purpose`]: the
//!   classes of requests;
//! - [`services`]: the shared parts that handlers use; [`live_settings`]: the settings in force,
//!   which can change; [`operators`]: sessions, the sign-in throttle and the monitor; [`metrics`]:
//!   the counts for `/metrics`;
//! - [`extractors`]: the arguments of handlers; [`validation`]: from JSON to typed requests;
//!   [`signature`]: the check of signatures; [`error`]: from errors to answers; [`error_name`]: the
//!   names of errors; [`answer`]: answers that were encoded in advance;
//! - [`client_limits`], [`address_table`]: the limits on sockets, and on calls per address;
//!   [`caller`]: where a request comes from; [`exchange`]: the state that a stream shares with its
//!   requests; [`accepting`]: whether TCP connections are accepted, and how many have not sent a
//!   request yet;
//! - [`settings`], [`cli`], [`server`], [`lifecycle`], [`stop`], [`process`]: the start and the end
//!   of the server; [`logging`]: its log;
//! - `fuzzing`: the functions that the fuzz targets call.

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
pub mod error_name;
pub mod event_source;
pub mod exchange;
pub mod extractors;
#[doc(hidden)]
pub mod fuzzing;
pub mod lifecycle;
pub mod live_settings;
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
