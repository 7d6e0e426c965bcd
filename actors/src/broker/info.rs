//! What the broker tells of channels and users.

use std::collections::BTreeMap;

use actix::prelude::*;
use futures_util::future::join_all;

use super::Broker;
use crate::channel::{Channel, Describe};
use crate::directory::{Absent, Census, Forwarded, Resident, TakeCensus};
use crate::name::{ChannelName, UserName};
use crate::protocol::info::{ChannelInfo, Info, InfoOptions, UserInfo};
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

    pub(super) async fn channel_infos(&self, names: Vec<ChannelName>, options: &InfoOptions) -> BTreeMap<ChannelName, ChannelInfo> {
        let mut infos = BTreeMap::new();
        let take = |info: Box<ChannelInfo>| drop(infos.insert(info.name.clone(), *info));
        self.each::<Channel, _>(names, || Describe(options.clone()), take).await;
        infos
    }

    pub(super) async fn user_infos(&self, names: Vec<UserName>) -> Vec<UserInfo> {
        self.gather::<User, _, _>(names, || DescribeUser).await
    }

    /// Asks the actors of these names; those that do not exist are left out.
    pub(super) async fn gather<A, M, T>(&self, names: Vec<A::Name>, message: impl Fn() -> M) -> Vec<T>
    where
        A: Resident + Handler<Forwarded<M>>,
        M: Message<Result = Box<T>> + Send + 'static,
        T: Send + 'static,
    {
        let mut items = Vec::with_capacity(names.len());
        self.each::<A, _>(names, message, |item| items.push(*item)).await;
        items
    }

    /// The same; `take` is given each answer as it comes.
    async fn each<A, M>(&self, names: Vec<A::Name>, message: impl Fn() -> M, mut take: impl FnMut(M::Result))
    where
        A: Resident + Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        for slice in names.chunks(SLICE) {
            let asked = slice.iter().map(|name| self.shared.ask::<A, _>(name.clone(), Absent::Skip, message()));
            join_all(asked).await.into_iter().flatten().for_each(&mut take);
        }
    }
}
