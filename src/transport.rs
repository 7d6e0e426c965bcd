//! How clients listen: by websocket, by server-sent events or by long-poll. Each open transport is
//! an outlet, an actor that keeps the contract of [`channelstream_actors::outlet`].
//!
//! In reading order, each file above those that it uses:
//!
//! - [`upgrade`], [`event_stream`], [`long_poll`]: the paths `/ws`, `/sse` and `/listen`. The last
//!   two hold their actors as well;
//! - `websocket`: the actor of a websocket, with its `pings` and its frames (`frame_io`,
//!   `client_frames`, `server_frames`);
//! - `attached_outlet`, `response_end`, `heartbeats`: what the actors have in common;
//! - `listen_request`, `page_origin`, `position`, `read_progress`: what a request says, and what its
//!   client has read;
//! - [`watched_stream`], `head_timer`, [`socket_handle`], [`client_stream`]: the stream under all
//!   of it.

mod attached_outlet;
pub(crate) mod callback;
pub(crate) mod client_frames;
pub mod client_stream;
pub mod event_stream;
mod frame_io;
mod frame_rate;
mod head_timer;
mod heartbeats;
pub(crate) mod listen_request;
pub mod long_poll;
mod page_origin;
mod pings;
pub(crate) mod position;
mod read_progress;
mod response_end;
mod server_frames;
pub mod socket_handle;
pub mod upgrade;
pub mod watched_stream;
mod websocket;
