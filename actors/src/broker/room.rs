//! Room for the actors that a call may create: there are never more than the limits allow.

use super::Broker;
use crate::error::Refused;
use crate::limits::LimitKind;
use crate::name::{ChannelName, ConnId, UserName};
use crate::room::Reserved;

impl Broker {
    /// Reserves room for what a call to connect may create, until the result is dropped.
    ///
    /// # Errors
    /// Fails when there would be too many connections, users or channels.
    pub(super) async fn room_to_connect(
        &self,
        conn_id: ConnId,
        user: &UserName,
        channels: &[ChannelName],
    ) -> Result<[Reserved; 3], Refused> {
        let limits = self.limits();
        let conn_id = [conn_id];
        let connection = self.connections.reserve(&conn_id, limits.connections);
        let connection = connection.await;
        let connection = connection.ok_or_else(|| Refused::full(LimitKind::Connections))?;
        let user = std::slice::from_ref(user);
        let user = self.users.reserve(user, limits.users).await;
        let user = user.ok_or_else(|| Refused::full(LimitKind::Users))?;
        let channels = self.room_for_channels(channels).await?;
        Ok([connection, user, channels])
    }

    /// Reserves room for the channels that a call may create, until the result is dropped.
    ///
    /// # Errors
    /// Fails when there would be too many channels.
    pub(super) async fn room_for_channels(
        &self,
        channels: &[ChannelName],
    ) -> Result<Reserved, Refused> {
        let reserved = self
            .channels
            .reserve(channels, self.limits().channels)
            .await;
        reserved.ok_or_else(|| Refused::full(LimitKind::Channels))
    }
}
