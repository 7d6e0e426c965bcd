//! The descriptions of channels and users.

use std::collections::{BTreeMap, HashSet};

use actix::prelude::*;

use crate::broker::Broker;
use crate::channel::DescribeChannel;
use crate::connection::GetOwner;
use crate::directories::{Directories, SLICE};
use crate::directory::{Forwarded, IfAbsent, Registered};
use crate::error::Refused;
use crate::name::{ChannelName, ConnId, UserName};
use crate::protocol::info::{ChannelInfo, Detail, Info, InfoOptions, Introduction, UserInfo};
use crate::protocol::listing::Users;
use crate::user::DescribeUser;

impl Broker {
    /// Describes these channels, or all channels if none are given. Channels that do not exist are
    /// left out.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn info(
        &self,
        channels: Option<Vec<ChannelName>>,
        options: &InfoOptions,
    ) -> Result<Info, Refused> {
        let mut names = match channels {
            Some(names) => names,
            None => self.channel_names().await?,
        };
        let excluded: HashSet<_> = options.exclude_channels.iter().collect();
        names.retain(|name| !excluded.contains(name));
        let channels = self.channel_infos(names, options.detail()).await?;
        let users = Users::of(
            channels.values().map(|channel| &channel.users),
            options.return_public_state,
        );
        Ok(Info { channels, users })
    }

    /// Returns the user who owns a connection; `None` if the connection is not open.
    pub async fn owner_of(&self, conn_id: ConnId) -> Option<UserName> {
        if let Some(cluster) = &self.cluster {
            return Box::pin(cluster.owner_of(conn_id)).await;
        }
        let owner = self.connections.ask(conn_id, IfAbsent::Skip, GetOwner);
        owner.await.flatten().map(|(user, _)| user)
    }

    /// Returns what a client is told of its own connection; `None` if the connection is not open.
    pub async fn introduce(&self, conn_id: ConnId) -> Option<Introduction> {
        if let Some(cluster) = &self.cluster {
            return Box::pin(cluster.introduce(conn_id)).await;
        }
        let owner = self.connections.ask(conn_id, IfAbsent::Skip, GetOwner);
        let (username, mut channels) = owner.await??;
        channels.sort_unstable();
        let describe = self
            .users
            .ask(username.clone(), IfAbsent::Skip, DescribeUser);
        let state = describe.await?.state;
        Some(Introduction {
            username,
            channels,
            state,
        })
    }

    pub(super) async fn channel_infos(
        &self,
        names: Vec<ChannelName>,
        detail: Detail,
    ) -> Result<BTreeMap<ChannelName, ChannelInfo>, Refused> {
        let mut infos = BTreeMap::new();
        for slice in names.chunks(SLICE) {
            let slice = &self.prepare_channels(slice.to_vec()).await?;
            let answers = self.channels.ask_all(slice, || DescribeChannel(detail));
            infos.extend(answers.await.map(|info| (info.name.clone(), *info)));
        }
        Ok(infos)
    }

    pub(super) async fn user_infos(&self, names: Vec<UserName>) -> Result<Vec<UserInfo>, Refused> {
        match &self.cluster {
            Some(cluster) => Box::pin(cluster.user_infos(names)).await,
            None => Ok(gather(&self.users, names, || DescribeUser).await),
        }
    }

    /// Returns the names of all channels.
    pub(super) async fn channel_names(&self) -> Result<Vec<ChannelName>, Refused> {
        match &self.cluster {
            Some(cluster) => Ok(Box::pin(cluster.names()).await?.0),
            None => Ok(self.channels.names().await),
        }
    }

    /// Returns the names of all users.
    pub(super) async fn user_names(&self) -> Result<Vec<UserName>, Refused> {
        match &self.cluster {
            Some(cluster) => Ok(Box::pin(cluster.names()).await?.1),
            None => Ok(self.users.names().await),
        }
    }

    /// Lets the actors of channels know what they are going to be asked about. Returns the names of
    /// those that exist.
    pub(super) async fn prepare_channels(
        &self,
        names: Vec<ChannelName>,
    ) -> Result<Vec<ChannelName>, Refused> {
        match &self.cluster {
            Some(cluster) => Box::pin(cluster.copy_channels(names)).await,
            None => Ok(names),
        }
    }
}

/// Asks the actors of these names, and returns their answers. Names without an actor are left out.
pub(super) async fn gather<A, M, T>(
    directories: &Directories<A>,
    names: Vec<A::Name>,
    message: impl Fn() -> M,
) -> Vec<T>
where
    A: Registered + Handler<Forwarded<M>>,
    M: Message<Result = Box<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut items = Vec::with_capacity(names.len());
    for slice in names.chunks(SLICE) {
        let answers = directories.ask_all(slice, &message).await;
        items.extend(answers.map(|item| *item));
    }
    items
}
