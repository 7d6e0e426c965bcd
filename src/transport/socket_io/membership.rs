//! A client that has connected joins or leaves channels by itself.

use actix_web::web::Data;
use channelstream_actors::list::Namespace;
use channelstream_actors::name::{ChannelName, ConnId};

use crate::services::Services;
use crate::transport::socket_io::packet::Membership;
use crate::transport::socket_io::server_packets;

impl Membership {
    /// Joins or leaves the channels. Returns the packets by which the client learns which of them
    /// it is then in, or has left.
    pub(in crate::transport) async fn change(
        self,
        ack: Option<u64>,
        (conn_id, namespace): (ConnId, Namespace),
        services: Data<Services>,
    ) -> Vec<String> {
        let channels = self.channels.into_iter().map(ChannelName::new).collect();
        let (name, done) = if self.is_join {
            ("join", services.broker.join(conn_id, channels).await)
        } else {
            ("leave", services.broker.leave(conn_id, channels).await)
        };
        // If nothing could be done, the connection has ended or the server cannot take the call.
        let done = done.unwrap_or_default();
        let mut packets = vec![server_packets::event(namespace, name, &done)];
        packets.extend(ack.map(|number| server_packets::ack(namespace, number, &done)));
        packets
    }
}
