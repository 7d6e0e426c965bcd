//! The broker of Channelstream. Each channel, user and connection is an actor. This crate knows no
//! HTTP.
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
//!     assert_eq!(info.map(|info| info.channels.len()), Ok(1));
//! }
//! ```
//!
//! # Modules
//!
//! The list goes from top to bottom. A module imports only modules below it:
//!
//! - [`broker`]: all operations that callers can ask of the actors;
//! - `connection`, `user`, `channel`: the actors; each holds the directories of the kinds below it;
//! - `cluster`: a node that shares its state with other nodes through Redis; `following`: channels
//!   and users whose logs are copies of those in Redis, and `copies` makes them;
//! - `posting`: the behaviour that channels and users share; `delivery`: sends the entries of a log
//!   to its subscribers;
//! - [`view`]: channels and users as operators see them; `ledger`: remembers the calls that must
//!   not happen twice;
//! - `directories` and `directory`: find and create actors by name;
//! - [`outlet`]: the contract between the broker and a socket;
//! - [`store`]: keeps the actors' changes beyond the end of the process;
//! - [`core`]: the rules, as plain structs without actors, for example the
//!   [`cursor`](core::cursor) of a subscriber;
//! - [`memory`]: counts the bytes that all of this takes, and limits them;
//! - `room`: counts the actors, and reserves room for new ones;
//! - [`protocol`]: the types that go over the wire; [`list`], [`name`], [`position`], [`limits`],
//!   [`error`], [`faults`], [`counters`], [`transport`], [`request`] and [`stepped_sleep`]: used by
//!   all modules above.
//!
//! # Invariants
//!
//! - Within an epoch each offset is given once, and the offsets in a log have no holes. Otherwise a
//!   client that comes back would miss entries, or mistake them for entries that it has read.
//! - An actor handles messages in the order in which they were sent, whoever sent them, because
//!   every message passes the mailbox of the actor's directory. Otherwise a publication could
//!   overtake one that was already answered.
//! - An actor holds addresses only of the kinds of actor below it. A connection holds those of
//!   users and channels, a user holds those of channels, and a channel holds none. Otherwise two
//!   actors could wait for each other.
//! - A cursor keeps `attached <= sent <= position <= end of the log`. The position goes back only
//!   when the transport ends and the client has read less than was sent. Otherwise entries would be
//!   lost, or would arrive twice without the `catchup` mark.
//! - A connection begins, changes and ends only in its own actor. This actor alone keeps the
//!   connection's channels, and it tells the user of each change in order. Otherwise a user could
//!   keep a connection that has ended.
//! - At most one transport of a connection is attached. A new transport is attached only after the
//!   former one has reported what its client has read. A transport holds its attachment as a value,
//!   and dropping the value reports that nothing is known. Otherwise two transports would send the
//!   same entries.
//! - An actor leaves its directory only when no message is on its way to it and it has answered
//!   every request. Otherwise a call would get no answer.

pub mod broker;
mod channel;
mod cluster;
mod common;
mod connection;
mod copies;
pub mod core;
pub mod counters;
mod delivery;
mod directories;
mod directory;
pub mod error;
pub mod faults;
mod following;
mod ledger;
pub mod limits;
pub mod list;
pub mod memory;
pub mod name;
pub mod outlet;
pub mod position;
mod posting;
pub mod protocol;
pub mod request;
mod room;
pub mod stepped_sleep;
pub mod store;
pub mod transport;
mod user;
pub mod view;
