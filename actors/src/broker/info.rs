//! What the broker tells of channels and users.

use std::collections::{BTreeMap, HashSet};

use actix::prelude::*;
use futures_util::future::join_all;

use super::{Broker, SLICE};
use crate::channel::Describe;
use crate::directory::{Absent, Directories, Forwarded, Resident};
use crate::name::{ChannelName, UserName};
use crate::protocol::info::{ChannelInfo, Detail, Info, InfoOptions, UserInfo};
use crate::protocol::listing::Users;
use crate::user::DescribeUser;

impl Broker {
    /// Tells of these channels, or of all; unknown ones are left out.
    pub async fn info(&self, channels: Option<Vec<ChannelName>>, options: &InfoOptions) -> Info {
        let mut names = match channels {
            Some(names) => names,
            None => self.channels.names().await,
        };
        let excluded: HashSet<_> = options.exclude_channels.iter().collect();
        names.retain(|name| !excluded.contains(name));
        let channels = self.channel_infos(names, options.detail()).await;
        let users = Users::of(channels.values(), options.return_public_state);
        Info { channels, users }
    }

    pub(super) async fn channel_infos(
        &self,
        names: Vec<ChannelName>,
        detail: Detail,
    ) -> BTreeMap<ChannelName, ChannelInfo> {
        let mut infos = BTreeMap::new();
        let take = |info: Box<ChannelInfo>| drop(infos.insert(info.name.clone(), *info));
        each(&self.channels, names, || Describe(detail), take).await;
        infos
    }

    pub(super) async fn user_infos(&self, names: Vec<UserName>) -> Vec<UserInfo> {
        gather(&self.users, names, || DescribeUser).await
    }
}

/// Asks the actors of these names; those that do not exist are left out.
pub(super) async fn gather<A, M, T>(
    directories: &Directories<A>,
    names: Vec<A::Name>,
    message: impl Fn() -> M,
) -> Vec<T>
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
async fn each<A, M>(
    directories: &Directories<A>,
    names: Vec<A::Name>,
    message: impl Fn() -> M,
    mut take: impl FnMut(M::Result),
) where
    A: Resident + Handler<Forwarded<M>>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    for slice in names.chunks(SLICE) {
        let asked = slice
            .iter()
            .map(|name| directories.ask(name.clone(), Absent::Skip, message()));
        join_all(asked)
            .await
            .into_iter()
            .flatten()
            .for_each(&mut take);
    }
}
