//! What the broker tells of channels and users.

use std::collections::BTreeMap;

use actix::prelude::*;
use futures_util::future::join_all;

use super::{Broker, SLICE};
use crate::channel::Describe;
use crate::directory::{Absent, Directories, Forwarded, Resident};
use crate::name::{ChannelName, UserName};
use crate::protocol::info::{ChannelInfo, Info, InfoOptions, UserInfo};
use crate::protocol::state::UserState;
use crate::user::DescribeUser;

impl Broker {
    /// Tells of these channels, or of all; unknown ones are left out.
    pub async fn info(&self, channels: Option<Vec<ChannelName>>, options: &InfoOptions) -> Info {
        let mut names = match channels {
            Some(names) => names,
            None => self.channels.names().await,
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

    pub(super) async fn channel_infos(&self, names: Vec<ChannelName>, options: &InfoOptions) -> BTreeMap<ChannelName, ChannelInfo> {
        let mut infos = BTreeMap::new();
        let take = |info: Box<ChannelInfo>| drop(infos.insert(info.name.clone(), *info));
        each(&self.channels, names, || Describe(options.clone()), take).await;
        infos
    }

    pub(super) async fn user_infos(&self, names: Vec<UserName>) -> Vec<UserInfo> {
        gather(&self.users, names, || DescribeUser).await
    }
}

/// Asks the actors of these names; those that do not exist are left out.
pub(super) async fn gather<A, M, T>(directories: &Directories<A>, names: Vec<A::Name>, message: impl Fn() -> M) -> Vec<T>
where
    A: Resident + Handler<Forwarded<M>>,
    M: Message<Result = Box<T>> + Send + 'static,
    T: Send + 'static,
{
    let mut items = Vec::with_capacity(names.len());
    each(directories, names, message, |item| items.push(*item)).await;
    items
}

/// The same; `take` is given each answer as it comes.
async fn each<A, M>(directories: &Directories<A>, names: Vec<A::Name>, message: impl Fn() -> M, mut take: impl FnMut(M::Result))
where
    A: Resident + Handler<Forwarded<M>>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    for slice in names.chunks(SLICE) {
        let asked = slice.iter().map(|name| directories.ask(name.clone(), Absent::Skip, message()));
        join_all(asked).await.into_iter().flatten().for_each(&mut take);
    }
}
