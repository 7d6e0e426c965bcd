//! The broker of Channelstream: channels, users and connections, each an actor. It knows no HTTP.
//!
//! In reading order:
//!
//! - [`broker`]: the one door; what can be asked of the actors;
//! - [`protocol`]: what goes over the wire; [`name`], [`limits`], [`error`], [`counters`],
//!   [`transport`]: the words and numbers all use;
//! - [`core`]: what decides, as plain structs;
//! - `channel`, `user`, `connection`: the actors that carry it; `posting`: what channels and users
//!   do alike; `directory` finds them, `common` is what they share;
//! - `delivery`: from a log to its subscribers, each of whom has a [`cursor`](core::cursor);
//!   [`list`]: what they are sent, and [`outlet`]: the contract with the socket of each;
//! - `ledger`: calls that must not happen twice.
//!
//! # Invariants
//!
//! - An entry's offset is given once; the offsets in a log have no holes.
//! - What was sent to an actor first is handled first, whoever sent it: everything passes the
//!   mailbox of its directory.
//! - An actor holds addresses only of the kinds below it: a connection of users and channels, a
//!   user of channels, a channel of none. So requests wait only downwards, and no two actors can
//!   wait for each other.
//! - A cursor keeps `attached <= sent <= position <= end of the log`. It goes back only when its
//!   transport ends and the client has read less than was sent.
//! - A connection begins, changes and ends in its own actor, which tells its user of it in this
//!   order. No user keeps a connection that has ended.
//! - Of a connection's transports at most one is attached; the next is attached when the one before
//!   has reported. A transport holds its attachment as a value, and to drop it is to report that
//!   nothing is known.
//! - An actor leaves its directory only when no message is on its way to it and it has answered all
//!   that it was asked.

#[cfg(all(
    not(debug_assertions),
    any(
        feature = "fault-position",
        feature = "fault-report",
        feature = "fault-gap",
        feature = "fault-mark",
        feature = "fault-takeover"
    )
))]
compile_error!("the features fault-… are for tests of the cursor; a release must not have them");

pub mod broker;
mod channel;
mod common;
mod connection;
pub mod core;
pub mod counters;
mod delivery;
mod directories;
mod directory;
pub mod error;
mod ledger;
pub mod limits;
pub mod list;
pub mod name;
pub mod outlet;
pub mod position;
mod posting;
pub mod protocol;
pub mod transport;
mod user;
pub mod view;
