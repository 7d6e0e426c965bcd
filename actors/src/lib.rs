//! The broker of Channelstream: channels, users and connections, each an actor. It knows no HTTP.
//!
//! In reading order:
//!
//! - [`broker`]: the one door; what can be asked of the actors;
//! - [`protocol`]: what goes over the wire; [`name`], [`limits`], [`error`], [`counters`], [`transport`]: the words and numbers all use;
//! - [`core`]: what decides, as plain structs;
//! - `channel`, `user`, `connection`: the actors that carry it; `posting`: what channels and users do alike; `directory` finds
//!   them;
//! - `delivery`: from a log to its subscribers, [`list`]: what they are sent, and [`outlet`]: the contract with the socket of each;
//! - `ledger`: calls that must not happen twice.
//!
//! # Invariants
//!
//! - An entry's offset is given once; the offsets in a log have no holes.
//! - What was sent to an actor first is handled first, whoever sent it: everything passes the mailbox of its directory.
//! - A request waits only downwards: broker, connection, user, channel. What goes up is told, never waited for.
//! - A subscriber's position moves over an entry when it was handed to its outlet or is not for it, and back only when the outlet
//!   ends and reports less.
//! - Of a connection's transports at most one is attached; the next is attached when the one before has reported.
//! - An actor leaves its directory only when no message is on its way to it.

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
mod directory;
pub mod error;
mod ledger;
pub mod limits;
pub mod list;
pub mod name;
pub mod outlet;
mod posting;
pub mod protocol;
pub mod transport;
mod user;
