//! The transports by which clients listen: websocket, server-sent events and long-poll. Each open
//! transport is an outlet: an actor that keeps the contract of [`channelstream_actors::outlet`].
//!
//! In reading order, where each file comes before the files that it uses:
//!
//! - [`upgrade`], [`event_stream`], [`long_poll`]: the paths `/ws`, `/sse` and `/listen`. The files
//!   of the last two also contain their actors;
//! - `socket_io`: the path `/socket.io/`, and the packets of its clients;
//! - `websocket`: the actor of a websocket, with its `pings`, its frames (`frame_io`,
//!   `client_frames`, `server_frames`), the limit on frames (`frame_rate`), and the `dialect` of
//!   its client;
//! - `attached_outlet`, `response_end`, `heartbeats`: the parts that the actors share;
//! - `listen_request`, `callback`, `page_origin`, `position`, `read_progress`: the contents of a
//!   request to listen, and what its client has read;
//! - [`watched_stream`], `head_timer`, [`socket_handle`], [`client_stream`]: the stream under every
//!   transport.

mod attached_outlet;
pub(crate) mod callback;
pub(crate) mod client_frames;
pub mod client_stream;
mod dialect;
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
pub(crate) mod socket_io;
pub mod upgrade;
pub mod watched_stream;
mod websocket;
