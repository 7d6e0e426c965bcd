//! The broker of Channelstream: channels, users and connections, each an actor. It knows no HTTP.
//!
//! ```
//! use channelstream_actors::broker::Broker;
//! use channelstream_actors::core::user::ConnectState;
//! use channelstream_actors::limits::Limits;
//! use channelstream_actors::name::{ChannelName, ConnId, UserName};
//! use channelstream_actors::protocol::info::InfoOptions;
//! use channelstream_actors::protocol::message::{Address, Draft};
//!
//! #[actix::main]
//! async fn main() {
//!     let broker = Broker::new(Limits::default());
//!     broker.start_on(&[actix::Arbiter::current()]);
//!
//!     let (alice, news) = (UserName::new("alice"), ChannelName::new("news"));
//!     let (state, channels) = (ConnectState::default(), vec![news.clone()]);
//!     let connected = broker
//!         .connect(alice.clone(), ConnId::random(), state, channels, [].into())
//!         .await;
//!     assert!(connected.is_ok());
//!
//!     let draft = Draft {
//!         address: Address {
//!             channel: Some(news.clone()),
//!             ..Address::default()
//!         },
//!         uuid: None,
//!         timestamp: None,
//!         user: alice,
//!         message: None,
//!     };
//!     let accepted = broker.publish(vec![draft]).await;
//!     assert_eq!(accepted.map(|messages| messages.len()), Ok(1));
//!
//!     let info = broker.info(Some(vec![news]), &InfoOptions::default()).await;
//!     assert_eq!(info.channels.len(), 1);
//! }
//! ```
//!
//! # Modules
//!
//! From top to bottom; a module imports only those below it:
//!
//! - [`broker`]: everything that can be asked of the actors;
//! - `connection`, `user`, `channel`: the actors, each of which holds directories of the kinds
//!   below it;
//! - `posting`: what channels and users do alike; `delivery`: hands the entries of a log to its
//!   subscribers;
//! - [`view`]: channels and users as operators see them; `ledger`: calls that must not happen
//!   twice;
//! - `directories` and `directory`: find and create actors by name;
//! - [`outlet`]: the contract between the broker and a socket;
//! - [`core`]: what decides, as plain structs, among them the [`cursor`](core::cursor) of a
//!   subscriber;
//! - [`memory`]: how many bytes all of this takes, and how many it may;
//! - `room`: how many actors there are, and for how many more there is room;
//! - [`protocol`]: what goes over the wire; [`list`], [`name`], [`position`], [`limits`],
//!   [`error`], [`faults`], [`counters`], [`transport`], [`request`] and [`patience`]: what all of
//!   them use.
//!
//! # Invariants
//!
//! - An offset is given once, and the offsets in a log have no holes. Otherwise a client that comes
//!   back would miss entries, or take them for entries it has read.
//! - What was sent to an actor first is handled first, whoever sent it: everything passes the
//!   mailbox of its directory. Otherwise a publication could overtake one that was answered before.
//! - An actor holds addresses only of the kinds below it: a connection those of users and channels,
//!   a user those of channels, a channel none. Otherwise two actors could wait for each other.
//! - A cursor keeps `attached <= sent <= position <= end of the log`. It goes back only when its
//!   transport ends and the client has read less than was sent. Otherwise entries would be lost or
//!   come twice without a mark.
//! - A connection begins, changes and ends in its own actor, which alone keeps its channels and
//!   tells its user of each change in order. Otherwise a user could keep a connection that has
//!   ended.
//! - At most one transport of a connection is attached, and the next is attached when that one has
//!   reported. A transport holds its attachment as a value; dropping it reports that nothing is
//!   known. Otherwise two transports would send the same entries.
//! - An actor leaves its directory only when no message is on its way to it and it has answered
//!   everything it was asked. Otherwise a call would get no answer.

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
pub mod faults;
mod ledger;
pub mod limits;
pub mod list;
pub mod memory;
pub mod name;
pub mod outlet;
pub mod patience;
pub mod position;
mod posting;
pub mod protocol;
pub mod request;
mod room;
pub mod store;
pub mod transport;
mod user;
pub mod view;
