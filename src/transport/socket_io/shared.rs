//! The sessions of clients that poll, if several nodes share their state.
//!
//! Each request of such a client may reach any node. So no actor keeps the session: before the
//! client has connected to a namespace, the session is nothing but its id, which is signed. Later,
//! Redis keeps it, and the packets that wait for the client.
//!
//! - `session`: a session, as a request names it;
//! - `poll`: a poll. It is a transport of its own, like a long-poll, and the connection moves with
//!   it to its node;
//! - `post`: what a POST brings;
//! - `visitor`: a transport that ends at once;
//! - `handover`: a websocket goes on with the session.

mod handover;
pub(super) mod poll;
pub(super) mod post;
pub(super) mod session;
mod visitor;
