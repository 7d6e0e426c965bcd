//! What the broker tells of channels and users.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::Broker;
use crate::channel::{Channel, Describe};
use crate::directory::{Absent, Census, TakeCensus};
use crate::name::{ChannelName, UserName};
use crate::protocol::info::{ChannelInfo, Info, InfoOptions, Totals, UserInfo};
use crate::protocol::state::UserState;
use crate::user::{DescribeUser, User};

/// So many are asked at a time: what comes meanwhile waits for no more than these.
const SLICE: usize = 256;

impl Broker {
    /// Tells of these channels, or of all; unknown ones are left out.
    pub async fn info(&self, channels: Option<Vec<ChannelName>>, options: &InfoOptions) -> Info {
        let mut names = match channels {
            Some(names) => names,
            None => self.census().await.channels,
        };
        names.retain(|name| !options.exclude_channels.contains(name));
        let channels = self.channel_infos(names, options).await;
        let mut users: Vec<UserName> = channels.values().flat_map(|channel| channel.users.iter().cloned()).collect();
        users.sort_unstable();
        users.dedup();
        let state = |info: UserInfo| if options.return_public_state { info.state } else { info.whole_state };
        let users = self.user_infos(users).await.into_iter();
        Info { channels, users: users.map(|info| UserState { user: info.user.clone(), state: state(info) }).collect() }
    }

    /// The server's numbers, with all channels and users.
    pub async fn totals(&self) -> Totals {
        let census = self.census().await;
        let (total_channels, remembered_user_count) = (census.channels.len(), census.users.len());
        let channels = self.channel_infos(census.channels, &InfoOptions::default()).await;
        let mut users = self.user_infos(census.users).await;
        users.retain(|user| !user.connections.is_empty());
        users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
        Totals {
            remembered_user_count,
            unique_user_count: users.len(),
            total_connections: users.iter().map(|user| user.connections.len()).sum(),
            total_channels,
            total_messages: self.counters().deliveries(),
            total_unique_messages: self.counters().messages(),
            channels,
            users,
        }
    }

    /// The names of everything that lives.
    pub(super) async fn census(&self) -> Census {
        let takers = self.shared.directories().iter().map(|directory| directory.send(TakeCensus));
        let mut all = Census::default();
        for census in join_all(takers).await.into_iter().flatten() {
            all.channels.extend(census.channels);
            all.users.extend(census.users);
            all.connections.extend(census.connections);
        }
        all
    }

    async fn channel_infos(&self, names: Vec<ChannelName>, options: &InfoOptions) -> BTreeMap<ChannelName, ChannelInfo> {
        let ask = |name: &ChannelName| self.shared.ask::<Channel, _>(name.clone(), Absent::Skip, Describe(options.clone()));
        let mut infos = BTreeMap::new();
        for slice in names.chunks(SLICE) {
            let described = join_all(slice.iter().map(ask)).await;
            infos.extend(described.into_iter().flatten().map(|info| (info.name.clone(), *info)));
        }
        infos
    }

    async fn user_infos(&self, names: Vec<UserName>) -> Vec<UserInfo> {
        let ask = |name: &UserName| self.shared.ask::<User, _>(name.clone(), Absent::Skip, DescribeUser);
        let mut infos = Vec::new();
        for slice in names.chunks(SLICE) {
            infos.extend(join_all(slice.iter().map(ask)).await.into_iter().flatten().map(|info| *info));
        }
        infos
    }
}
