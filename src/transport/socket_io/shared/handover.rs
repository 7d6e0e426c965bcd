//! A websocket goes on with a session that nodes share.

use channelstream_actors::broker::shared_sessions::Kept;

use crate::transport::socket_io::messages::TakenOver;
use crate::transport::socket_io::server_packets::{NOOP, PING};
use crate::transport::socket_io::shared::session::{Phase, SharedSession, State};

impl SharedSession {
    /// Hands the session over to a websocket. Returns `None` if it does not go on.
    pub(in crate::transport::socket_io) async fn hand_over(&self) -> Option<TakenOver> {
        let found = self.hold().await.ok()?;
        let facts = match found.state {
            State::Connected(content) if content.phase == Phase::Open => Some(content.facts()),
            State::Fresh if self.end(None).await == Ok(Kept::Changed) => None,
            _ => return None,
        };
        let mut packets = found.packets;
        packets.retain(|packet| packet != NOOP && packet != PING);
        Some(TakenOver {
            sid: self.sid().to_owned(),
            identification: self.identification().clone(),
            facts,
            packets,
            shared: facts.is_some().then(|| self.clone()),
        })
    }
}
