//! What the server does about a packet of a client. It depends only on the packet and on whether
//! the client has connected to a namespace, so it is the same for polling and for websockets.

use channelstream_actors::list::Namespace;
use serde_json::Value;

use crate::transport::socket_io::packet::{self, ClientPacket, Membership};
use crate::transport::socket_io::server_packets;

/// The reason why a client may not connect to a second namespace.
const ONE_NAMESPACE: &str = "one namespace per connection: use forceNew";

/// The reaction of the server to a packet.
#[derive(Debug, PartialEq)]
pub(in crate::transport) enum Reaction<'a> {
    /// The packet has no effect.
    Nothing,
    /// The client has answered the last ping.
    TakePong,
    /// The client gets this packet.
    Answer(String),
    /// The client connects to a namespace.
    Connect {
        /// The name of the namespace, which begins with `/`.
        namespace: &'a str,
        /// What the client says of itself.
        auth: Value,
    },
    /// The client joins or leaves channels.
    Change {
        /// The channels.
        membership: Membership,
        /// The number by which the client waits for an answer; `None` if it waits for none.
        ack: Option<u64>,
    },
    /// The client has left its namespace.
    Leave,
    /// The client goes on by the websocket that sent this packet.
    Upgrade,
    /// The client has ended the session.
    End,
    /// The client has broken the protocol, and the session ends.
    Refuse,
}

/// Returns the reaction to a packet of a client that has connected to `namespace`, or to none.
pub(in crate::transport) fn react(text: &[u8], namespace: Option<Namespace>) -> Reaction<'_> {
    let Some(packet) = str::from_utf8(text).ok().and_then(packet::parse) else {
        return Reaction::Refuse;
    };
    match (packet, namespace) {
        (ClientPacket::Close, _) => Reaction::End,
        (ClientPacket::Pong, _) => Reaction::TakePong,
        (ClientPacket::Probe(text), _) => Reaction::Answer(server_packets::answer_probe(text)),
        (ClientPacket::Upgrade, _) => Reaction::Upgrade,
        (ClientPacket::Ignored, _) => Reaction::Nothing,
        (ClientPacket::Connect { namespace, auth }, None) => Reaction::Connect { namespace, auth },
        (ClientPacket::Connect { namespace, .. }, Some(_)) => {
            Reaction::Answer(server_packets::refuse(namespace, ONE_NAMESPACE, None))
        }
        (ClientPacket::Disconnect, None) => Reaction::Nothing,
        (ClientPacket::Disconnect, Some(_)) => Reaction::Leave,
        (ClientPacket::Event { ack, membership }, Some(namespace)) => match (membership, ack) {
            (Some(membership), ack) => Reaction::Change { membership, ack },
            (None, Some(number)) => {
                Reaction::Answer(server_packets::refuse_event(namespace, number))
            }
            (None, None) => Reaction::Nothing,
        },
        (ClientPacket::Event { .. }, None) => Reaction::Refuse,
    }
}
