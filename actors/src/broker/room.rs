//! Room for what a call may create: there are never more actors than the limits allow, and what lasts
//! takes no more memory than it may.

use super::Broker;
use crate::core::user::ConnectState;
use crate::core::visible_state::size_of_values;
use crate::error::Refused;
use crate::limits::LimitKind;
use crate::memory::{CHANNEL, CONNECTION, HeldBytes, PLACE, USER};
use crate::name::{ChannelName, ConnId, UserName};
use crate::room::Reserved;

/// Room that a call has reserved, until this is dropped.
#[derive(Debug)]
pub(super) struct RoomOfCall {
    _actors: Vec<Reserved>,
    _memory: HeldBytes,
}

impl Broker {
    /// Reserves room for what a call to connect may create.
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
        let mut room = self.room_for_channels(channels).await?;
        room._memory = self
            .memory()
            .reserve(room._memory.bytes() + CONNECTION + USER + state)?;
        let conn_id = [conn_id];
        let connection = self.connections.reserve(&conn_id, limits.connections);
        let connection = connection.await;
        let user = std::slice::from_ref(user);
        let user = self.users.reserve(user, limits.users).await;
        let full = |limit| move || Refused::full(limit);
        room._actors
            .push(connection.ok_or_else(full(LimitKind::Connections))?);
        room._actors.push(user.ok_or_else(full(LimitKind::Users))?);
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
        let memory = self.memory().reserve(channels.len() * (CHANNEL + PLACE))?;
        let actors = self.channels.reserve(channels, self.limits().channels);
        let actors = actors
            .await
            .ok_or_else(|| Refused::full(LimitKind::Channels))?;
        Ok(RoomOfCall {
            _actors: vec![actors],
            _memory: memory,
        })
    }
}
