//! What operators see and do when Redis decides.

use bytes::Bytes;
use futures_util::future::join_all;
use uuid::Uuid;

use crate::channel::DescribeChannel;
use crate::cluster::Cluster;
use crate::cluster::subscribing::{ATTEMPTS, channels_of, state_of};
use crate::connection::GetActivity;
use crate::copies;
use crate::core::cluster::answer::{Answer, User};
use crate::core::cluster::call::Call;
use crate::directories::SLICE;
use crate::directory::IfAbsent;
use crate::error::Refused;
use crate::name::{ChannelName, ConnId, LogName, UserName};
use crate::protocol::info::{Detail, UserInfo};
use crate::protocol::timestamp::Moment;
use crate::view::{ConnectionDetail, SHOWN, UserDetail, UserSummary};

impl Cluster {
    /// Describes users, each with the connections that count as present.
    pub(crate) async fn user_infos(&self, names: Vec<UserName>) -> Result<Vec<UserInfo>, Refused> {
        let info = |(name, user): (UserName, User<Bytes>)| {
            let present = user.connections.iter().filter(|(_, is_here)| **is_here);
            UserInfo {
                user: name,
                uuid: id_of(&user),
                state: state_of(&user).public_state().clone(),
                connections: present.map(|(conn_id, _)| *conn_id).collect(),
            }
        };
        Ok(self.users(names).await?.into_iter().map(info).collect())
    }

    /// Returns users as lines of a list.
    pub(crate) async fn user_summaries(
        &self,
        names: Vec<UserName>,
    ) -> Result<Vec<UserSummary>, Refused> {
        let summary = |(name, user): (UserName, User<Bytes>)| UserSummary {
            user: name,
            connections: user.connections.len(),
            state: state_of(&user).public_state().clone(),
            last_active: changed_at(&user),
        };
        Ok(self.users(names).await?.into_iter().map(summary).collect())
    }

    /// Returns everything that an operator may see of a user. Only the node that answers for a
    /// connection knows its transport.
    pub(crate) async fn inspect_user(&self, name: UserName) -> Result<Option<UserDetail>, Refused> {
        let Some(user) = self.user(&name).await? else {
            return Ok(None);
        };
        let state = state_of(&user);
        let shown = user.connections.iter().take(SHOWN);
        let connections = shown.map(|(conn_id, is_here)| self.inspect(*conn_id, *is_here));
        let connections: Result<Vec<_>, _> = join_all(connections).await.into_iter().collect();
        Ok(Some(UserDetail {
            user: name,
            uuid: id_of(&user),
            state: state.state().clone(),
            public_keys: state.public_keys().to_vec(),
            last_active: changed_at(&user),
            total_connections: user.connections.len(),
            connections: connections?,
        }))
    }

    async fn inspect(
        &self,
        conn_id: ConnId,
        is_present: bool,
    ) -> Result<ConnectionDetail, Refused> {
        let record = self.record(conn_id).await?;
        let asked = self.connections.ask(conn_id, IfAbsent::Skip, GetActivity);
        let activity = asked.await.unwrap_or_default();
        Ok(ConnectionDetail {
            conn_id,
            channels: record
                .as_ref()
                .map(channels_of)
                .into_iter()
                .flatten()
                .collect(),
            is_present,
            transport: activity.transport,
            silent_secs: activity.silent.as_secs(),
        })
    }

    /// Looks up users. Those that do not exist are left out.
    async fn users(&self, names: Vec<UserName>) -> Result<Vec<(UserName, User<Bytes>)>, Refused> {
        let look_up = |name: &UserName| {
            let name = name.clone();
            async {
                let found = self.user(&name).await?;
                Ok::<_, Refused>(found.map(|user| (name, user)))
            }
        };
        let mut users = Vec::with_capacity(names.len());
        for slice in names.chunks(SLICE) {
            for found in join_all(slice.iter().map(look_up)).await {
                users.extend(found?);
            }
        }
        Ok(users)
    }

    /// Unsubscribes all connections from a channel, and forgets it. Returns whether it existed.
    pub(crate) async fn forget_channel(&self, name: ChannelName) -> Result<bool, Refused> {
        if self.copy_channels(vec![name.clone()]).await?.is_empty() {
            return Ok(false);
        }
        for round in 0..ATTEMPTS {
            let log = LogName::Channel(name.clone());
            match self.node.make(Call::Forget { log }).await? {
                Answer::InUse if round == 0 => {
                    let present = self.roster(&name).await?;
                    self.unsubscribe_all(&name, present).await?;
                }
                // A connection that is absent is in the channel, but its user is not on the roster.
                Answer::InUse => {
                    let (_, all) = self.names().await?;
                    self.unsubscribe_all(&name, all).await?;
                }
                _ => return Ok(true),
            }
        }
        Err(Refused::TRY_AGAIN)
    }

    /// Returns the users who are present in a channel.
    async fn roster(&self, name: &ChannelName) -> Result<Vec<UserName>, Refused> {
        self.copy_channels(vec![name.clone()]).await?;
        let detail = Detail {
            history: false,
            users: true,
        };
        let asked = DescribeChannel(detail);
        let info = self.channels.ask(name.clone(), IfAbsent::Skip, asked).await;
        Ok(info.map_or_else(Vec::new, |info| info.users.names().cloned().collect()))
    }

    /// Unsubscribes all connections of some users from a channel.
    async fn unsubscribe_all(
        &self,
        name: &ChannelName,
        users: Vec<UserName>,
    ) -> Result<(), Refused> {
        for (_, user) in self.users(users).await? {
            for conn_id in user.connections.into_keys() {
                // A connection that has ended meanwhile has left as well.
                let _ = self.unsubscribe(conn_id, vec![name.clone()]).await;
            }
        }
        Ok(())
    }
}

/// Returns the id of a user, which stays the same when the state changes.
fn id_of(user: &User<Bytes>) -> Uuid {
    Uuid::from_u64_pair(user.born, 0)
}

/// Returns when the state was set. Its version is never lower than the time in microseconds at
/// which Redis began its term.
fn changed_at(user: &User<Bytes>) -> Moment {
    copies::moment(user.version / 1000)
}
