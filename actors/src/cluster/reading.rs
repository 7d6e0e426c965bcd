//! The operations that read when Redis decides. A caller reads everything that any node has
//! answered before.

use std::collections::BTreeSet;

use futures_util::future::{join, join_all};

use crate::cluster::Cluster;
use crate::cluster::subscribing::{channels_of, state_of};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, Record};
use crate::directory::IfAbsent;
use crate::error::{NotDone, Refused, Unknown};
use crate::following::AwaitCopy;
use crate::name::{ChannelName, ConnId, LogName, UserName};
use crate::protocol::info::Introduction;

impl Cluster {
    /// Returns the names of all channels and of all users with a private log.
    pub(crate) async fn names(&self) -> Result<(Vec<ChannelName>, Vec<UserName>), Refused> {
        let (mut channels, mut users) = (BTreeSet::new(), BTreeSet::new());
        let mut cursor = 0;
        loop {
            let Answer::Names {
                cursor: next,
                names,
            } = self.node.read(Call::Names { cursor }).await?
            else {
                return Err(Refused::TRY_AGAIN);
            };
            for name in names {
                match name {
                    LogName::Channel(name) => drop(channels.insert(name)),
                    LogName::User(name) => drop(users.insert(name)),
                }
            }
            cursor = next;
            if cursor == 0 {
                let channels = channels.into_iter().collect();
                return Ok((channels, users.into_iter().collect()));
            }
        }
    }

    /// Returns those of the logs that exist.
    pub(super) async fn existing(&self, logs: Vec<LogName>) -> Result<Vec<LogName>, Refused> {
        match self.node.read(Call::Exist { logs }).await? {
            Answer::Names { names, .. } => Ok(names),
            _ => Err(Refused::TRY_AGAIN),
        }
    }

    /// Waits until this node has copies of those of the channels that exist, which may be asked
    /// then. Returns their names.
    pub(crate) async fn copy_channels(
        &self,
        names: Vec<ChannelName>,
    ) -> Result<Vec<ChannelName>, Refused> {
        let logs = names.into_iter().map(LogName::Channel).collect();
        let (exist, caught_up) = join(self.existing(logs), self.node.catch_up()).await;
        caught_up?;
        let names = exist?;
        let names = names.iter().filter_map(LogName::channel).cloned();
        let copy = |name: ChannelName| async {
            let asked = self.channels.ask(name.clone(), IfAbsent::Create, AwaitCopy);
            asked.await.map(|()| name)
        };
        let copied = join_all(names.map(copy)).await;
        Ok(copied.into_iter().flatten().collect())
    }

    /// Returns the user who owns a connection.
    pub(crate) async fn owner_of(&self, conn_id: ConnId) -> Option<UserName> {
        let record = self.record(conn_id).await.ok().flatten();
        record.map(|record| record.user)
    }

    /// Returns those of the channels that a connection is in.
    pub(crate) async fn joined(
        &self,
        conn_id: ConnId,
        mut channels: Vec<ChannelName>,
    ) -> Result<Vec<ChannelName>, NotDone> {
        let record = self.record(conn_id).await?.ok_or(Unknown)?;
        let all = channels_of(&record);
        channels.retain(|channel| all.contains(channel));
        Ok(channels)
    }

    /// Returns what a client is told of its own connection.
    pub(crate) async fn introduce(&self, conn_id: ConnId) -> Option<Introduction> {
        let record: Record = self.record(conn_id).await.ok().flatten()?;
        let user = self.user(&record.user).await.ok().flatten()?;
        Some(Introduction {
            channels: channels_of(&record).into_iter().collect(),
            username: record.user,
            state: state_of(&user).public_state().clone(),
        })
    }
}
