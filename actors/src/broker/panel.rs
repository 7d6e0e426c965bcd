//! The operations for the admin panel. Messages do not pass through this module. Many actors are
//! asked in slices, so that messages do not wait for the panel.

use futures_util::future::{join, join_all};
use tokio::task::spawn_blocking;

use crate::broker::info::gather;
use crate::broker::{Broker, Population};
use crate::channel::{ForgetChannel, InspectChannel, SummarizeChannel};
use crate::connection::GetActivity;
use crate::directory::IfAbsent;
use crate::error::Refused;
use crate::name::{ChannelName, UserName};
use crate::protocol::info::{InfoOptions, Totals};
use crate::user::{InspectUser, SummarizeUser};
use crate::view::node::SeenNode;
use crate::view::{ChannelDetail, ChannelSummary, Page, Selection, Sort, UserDetail, UserSummary};

/// The number of attempts to unsubscribe all connections from a channel that is to be forgotten.
/// Other connections may subscribe meanwhile.
const ATTEMPTS: usize = 8;

impl Broker {
    /// Returns the number of actors of each kind.
    pub fn population(&self) -> Population {
        Population {
            channels: self.channels.count(),
            users: self.users.count(),
            connections: match &self.cluster {
                Some(cluster) => cluster.connections.count(),
                None => self.connections.count(),
            },
        }
    }

    /// Returns all nodes that share a Redis with this one; `None` if this server is alone.
    pub fn nodes(&self) -> Option<Vec<SeenNode>> {
        Some(self.cluster.as_ref()?.seen_nodes())
    }

    /// Returns the totals of the server with all channels and users, or with one page of each in
    /// the order of names.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn totals(&self, selection: Option<Selection>) -> Result<Totals, Refused> {
        let (names, users) = join(self.channel_names(), self.user_names()).await;
        let (mut names, users) = (names?, users?);
        let (total_channels, remembered_user_count) = (names.len(), users.len());
        if let Some(selection) = selection.clone() {
            names = page_of_names(names, selection).await.items;
        }
        let channels = self
            .channel_infos(names, InfoOptions::default().detail())
            .await?;
        let mut users = self.user_infos(users).await?;
        users.retain(|user| !user.connections.is_empty());
        let (unique_user_count, total_connections) = (
            users.len(),
            users.iter().map(|user| user.connections.len()).sum(),
        );
        let sorted = spawn_blocking(move || {
            users.sort_unstable_by(|a, b| a.user.cmp(&b.user));
            let Some(selection) = selection else {
                return users;
            };
            let is_wanted = matcher(&selection);
            users.retain(|user| is_wanted(user.user.as_str()));
            page_of_items(users, &selection).items
        });
        let users = sorted.await.unwrap_or_default();
        Ok(Totals {
            remembered_user_count,
            unique_user_count,
            total_connections,
            total_channels,
            total_messages: self.counters().delivered_messages(),
            total_unique_messages: self.counters().messages(),
            channels,
            users,
        })
    }

    /// Returns a page of the list of channels.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn channel_page(
        &self,
        selection: Selection,
    ) -> Result<Page<ChannelSummary>, Refused> {
        let names = self.channel_names().await?;
        let by_what = |channel: &ChannelSummary, sort| match sort {
            Sort::Name => 0,
            Sort::Users => channel.users as u64,
            Sort::Connections => channel.connections as u64,
            Sort::Events => channel.events,
            Sort::LastActive => channel.last_active.micros(),
        };
        let gather = async |names| {
            let names = self.prepare_channels(names).await?;
            Ok(gather(&self.channels, names, || SummarizeChannel).await)
        };
        page(names, selection, gather, by_what).await
    }

    /// Returns a page of the list of users.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn user_page(&self, selection: Selection) -> Result<Page<UserSummary>, Refused> {
        let names = self.user_names().await?;
        let by_what = |user: &UserSummary, sort| match sort {
            Sort::Name => 0,
            Sort::Users | Sort::Connections | Sort::Events => user.connections as u64,
            Sort::LastActive => user.last_active.micros(),
        };
        let gather = async |names| match &self.cluster {
            Some(cluster) => cluster.user_summaries(names).await,
            None => Ok(gather(&self.users, names, || SummarizeUser).await),
        };
        page(names, selection, gather, by_what).await
    }

    /// Returns everything that an operator may see of a channel; `None` if there is none of this
    /// name.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn inspect_channel(
        &self,
        name: ChannelName,
    ) -> Result<Option<ChannelDetail>, Refused> {
        let Some(name) = self.prepare_channels(vec![name]).await?.pop() else {
            return Ok(None);
        };
        let asked = self.channels.ask(name, IfAbsent::Skip, InspectChannel);
        Ok(asked.await.map(|detail| *detail))
    }

    /// Returns everything that an operator may see of a user; `None` if there is no such user.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub async fn inspect_user(&self, name: UserName) -> Result<Option<UserDetail>, Refused> {
        if let Some(cluster) = &self.cluster {
            return cluster.inspect_user(name).await;
        }
        let Some(detail) = self.users.ask(name, IfAbsent::Skip, InspectUser).await else {
            return Ok(None);
        };
        let mut detail = *detail;
        let ask = |conn_id| self.connections.ask(conn_id, IfAbsent::Skip, GetActivity);
        let activities = join_all(
            detail
                .connections
                .iter()
                .map(|connection| ask(connection.conn_id)),
        )
        .await;
        for (connection, activity) in detail.connections.iter_mut().zip(activities) {
            if let Some(activity) = activity {
                connection.channels = activity.channels;
                connection.transport = activity.transport;
                connection.silent_secs = activity.silent.as_secs();
            }
        }
        Ok(Some(detail))
    }

    /// Unsubscribes all connections from a channel, and forgets the channel with its configuration,
    /// history and log. Returns whether the channel existed.
    ///
    /// # Errors
    /// Fails when other connections keep subscribing.
    pub async fn forget_channel(&self, name: ChannelName) -> Result<bool, Refused> {
        if let Some(cluster) = &self.cluster {
            return cluster.forget_channel(name).await;
        }
        for _ in 0..ATTEMPTS {
            match self
                .channels
                .ask(name.clone(), IfAbsent::Skip, ForgetChannel)
                .await
            {
                None => return Ok(false),
                Some(Ok(())) => return Ok(true),
                Some(Err(connections)) => {
                    for conn_id in connections {
                        // A connection that has ended meanwhile has left as well.
                        let _ = self.unsubscribe(conn_id, vec![name.clone()]).await;
                    }
                }
            }
        }
        Err(Refused::TRY_AGAIN)
    }
}

/// Returns a page of a list. If the list is in the order of names, only the actors on the page are
/// asked. Otherwise all actors with a matching name are asked.
async fn page<N, T>(
    names: Vec<N>,
    selection: Selection,
    gather: impl AsyncFn(Vec<N>) -> Result<Vec<T>, Refused>,
    by_what: impl Fn(&T, Sort) -> u64 + Send + 'static,
) -> Result<Page<T>, Refused>
where
    N: AsRef<str> + Ord + Send + 'static,
    T: Send + 'static,
{
    if selection.sort == Sort::Name {
        let Page { matching, items } = page_of_names(names, selection).await;
        return Ok(Page {
            matching,
            items: gather(items).await?,
        });
    }
    let everybody = Selection {
        offset: 0,
        limit: usize::MAX,
        ..selection.clone()
    };
    let names = page_of_names(names, everybody).await.items;
    let mut items = gather(names).await?;
    let sorted = spawn_blocking(move || {
        // The sort is stable, so equal items stay in the order of names.
        items.sort_by_key(|item| std::cmp::Reverse(by_what(item, selection.sort)));
        page_of_items(items, &selection)
    });
    Ok(sorted.await.unwrap_or_default())
}

/// Returns a function that says whether a name contains the searched text.
fn matcher(selection: &Selection) -> impl Fn(&str) -> bool + use<> {
    let search = selection.search.to_lowercase();
    move |name| search.is_empty() || name.to_lowercase().contains(&search)
}

fn page_of_items<T>(items: Vec<T>, selection: &Selection) -> Page<T> {
    Page {
        matching: items.len(),
        items: items
            .into_iter()
            .skip(selection.offset)
            .take(selection.limit)
            .collect(),
    }
}

/// Returns a page of names in ascending order. Runs on a thread of its own, because it takes a
/// while when there are many names.
async fn page_of_names<N: AsRef<str> + Ord + Send + 'static>(
    mut names: Vec<N>,
    selection: Selection,
) -> Page<N> {
    let page = spawn_blocking(move || {
        let is_wanted = matcher(&selection);
        names.retain(|name| is_wanted(name.as_ref()));
        names.sort_unstable();
        page_of_items(names, &selection)
    });
    page.await.unwrap_or_default()
}
