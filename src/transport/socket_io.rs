//! `/socket.io/`: listens by the protocol of Socket.IO clients (Engine.IO protocol 4, Socket.IO
//! protocol 5). It offers the same events and the same guarantees as `/ws`.
//!
//! In reading order:
//!
//! - `packet`: the packets that clients send; `server_packets`: those that they are sent;
//!   `reaction`: what the server does about a packet;
//! - `identification`: what a client says of itself; `connecting`: attaches a client that names its
//!   connection;
//! - `session`: a websocket until its client has connected. It then becomes a
//!   [`websocket`](super::websocket) with another dialect;
//! - `polling`: the actor of a session whose client polls, with its `outbox` and its `answers`;
//!   `session_table` finds it; `requests` are the GET and the POST of such a client, which send it
//!   `messages`;
//! - `shared`: the same if several nodes share their state. Then no actor keeps the session;
//! - `polled`: either of the two, as a websocket sees it that goes on with it.

mod answers;
mod connecting;
mod identification;
mod membership;
mod messages;
mod outbox;
pub(crate) mod packet;
mod polled;
mod polling;
pub(super) mod reaction;
pub(crate) mod requests;
pub(super) mod server_packets;
pub(super) mod session;
mod session_table;
mod shared;

use std::time::Duration;

use self::server_packets::Opening;
use crate::services::Services;
use crate::settings::Settings;

/// The byte between the packets of a poll's answer and of a POST. It cannot occur in JSON.
const SEPARATOR: u8 = 0x1e;

/// The time that a client has to connect to a namespace, as a multiple of the time after which a
/// silent client is given up. With the default settings these are 45 seconds.
const CONNECT_TIME: u32 = 3;

/// Returns the time that a client may take to answer a ping.
fn ping_timeout(settings: &Settings) -> Duration {
    settings
        .gc_conns_after
        .saturating_sub(settings.heartbeat_interval)
}

/// Returns the first packet of a session.
fn encode_opening(sid: &str, upgrades: &[&'static str], services: &Services) -> String {
    let settings = &services.settings;
    server_packets::open(&Opening {
        sid,
        upgrades,
        ping_interval: settings.heartbeat_interval.as_millis(),
        ping_timeout: ping_timeout(settings).as_millis(),
        max_payload: settings.frame_limit,
    })
}
