//! Reserves room for the actors that a call may create. So there are never more actors than the
//! limits allow, and lasting data takes no more memory than it may.

use super::Broker;
use crate::core::user::ConnectState;
use crate::core::visible_state::size_of_values;
use crate::error::Refused;
use crate::limits::LimitKind;
use crate::memory::{CHANNEL_BYTES, CONNECTION_BYTES, HeldBytes, PLACE_BYTES, USER_BYTES};
use crate::name::{ChannelName, ConnId, UserName};
use crate::room::Reserved;

/// Room that a call has reserved, until this value is dropped.
#[derive(Debug)]
pub(super) struct RoomOfCall {
    actors: Vec<Reserved>,
    _memory: HeldBytes,
}

impl Broker {
    /// Reserves room for the actors that a call to connect may create.
    ///
    /// # Errors
    /// Fails when there would be too many connections, users or channels, or too little memory.
    pub(super) async fn room_to_connect(
        &self,
        conn_id: ConnId,
        user: &UserName,
        set: &ConnectState,
        channels: &[ChannelName],
    ) -> Result<RoomOfCall, Refused> {
        let limits = self.limits();
        let state = size_of_values(&set.fresh_state) + size_of_values(&set.state);
        let mut room = self
            .room(channels, CONNECTION_BYTES + USER_BYTES + state)
            .await?;
        let conn_id = [conn_id];
        let connection = self.connections.reserve(&conn_id, limits.connections);
        let connection = connection.await;
        let user = std::slice::from_ref(user);
        let user = self.users.reserve(user, limits.users).await;
        let full = |limit| move || Refused::full(limit);
        let connection = connection.ok_or_else(full(LimitKind::Connections))?;
        let user = user.ok_or_else(full(LimitKind::Users))?;
        room.actors.extend([connection, user]);
        Ok(room)
    }

    /// Reserves room for the channels that a call may create, and for a place in each.
    ///
    /// # Errors
    /// Fails when there would be too many channels, or too little memory.
    pub(super) async fn room_for_channels(
        &self,
        channels: &[ChannelName],
    ) -> Result<RoomOfCall, Refused> {
        self.room(channels, 0).await
    }

    /// Reserves room for channels, for a place in each of them, and for `besides` more bytes.
    async fn room(&self, channels: &[ChannelName], besides: usize) -> Result<RoomOfCall, Refused> {
        let bytes = channels.len() * (CHANNEL_BYTES + PLACE_BYTES) + besides;
        let memory = self.memory().reserve(bytes)?;
        let channels = self.channels.reserve(channels, self.limits().channels);
        let channels = channels
            .await
            .ok_or_else(|| Refused::full(LimitKind::Channels))?;
        Ok(RoomOfCall {
            actors: vec![channels],
            _memory: memory,
        })
    }
}
