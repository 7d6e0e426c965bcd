//! The actor that hands the feed on to the actors of its node.

use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::time::sleep;

use crate::cluster::Cluster;
use crate::cluster::connection::{Abandon, ClusterNeeds, HearFeed};
use crate::cluster::polls::{Polls, WakeAllPolls, WakePolls};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId};
use crate::core::cluster::fed::Fed;
use crate::directory::IfAbsent;
use crate::following::{Change, FollowFeed};
use crate::name::{ConnId, LogName};
use crate::store::redis::lane::{NoteFeed, Noted};
use crate::store::redis::reader::{News, ReaderActor};

/// The wait before the end of the feed is asked for again, while there is no connection to Redis.
const REACH_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// The actor that hands the feed on. What comes after an entry is handed on only when all actors
/// have heard of the entry.
pub(super) struct FeedActor {
    cluster: Cluster,
}

/// Answers that are awaited before the next news are handed on.
type Told = Vec<LocalBoxFuture<'static, ()>>;

impl FeedActor {
    /// Creates the actor, which begins at the present end of the feed.
    pub(super) fn new(cluster: Cluster) -> Self {
        Self { cluster }
    }
}

impl Cluster {
    /// Tells an actor of an entry about a log. An actor that does not exist has nobody to tell.
    fn tell_log(&self, told: &mut Told, log: LogName, news: FollowFeed) {
        let Self {
            channels, users, ..
        } = self;
        match log {
            LogName::Channel(name) => {
                let asked = channels.ask(name, IfAbsent::Skip, news);
                told.push(Box::pin(async { asked.await.unwrap_or_default() }));
            }
            LogName::User(name) => {
                let asked = users.ask(name, IfAbsent::Skip, news);
                told.push(Box::pin(async { asked.await.unwrap_or_default() }));
            }
        }
    }

    fn tell_connection(&self, told: &mut Told, conn_id: ConnId, id: FeedId, fed: Fed<Bytes>) {
        let hear = HearFeed { id, fed };
        let asked = self.connections.ask(conn_id, IfAbsent::Skip, hear);
        told.push(Box::pin(async { asked.await.unwrap_or_default() }));
    }

    /// Tells the polls that wait here.
    fn tell_polls<M>(&self, told: &mut Told, news: M)
    where
        M: Message<Result = ()> + Send + 'static,
        Polls: Handler<M>,
    {
        if let Some(polls) = self.polls.get() {
            let asked = polls.send(news);
            told.push(Box::pin(async { asked.await.unwrap_or_default() }));
        }
    }

    fn hand_on(&self, told: &mut Told, id: FeedId, fed: Fed<Bytes>) {
        match fed {
            Fed::Appended { log, epoch, item } => {
                let change = Change::Appended(epoch, item);
                self.tell_log(told, log, FollowFeed { id, change });
            }
            Fed::Member { log, member } => {
                let change = Change::Member(member);
                self.tell_log(told, log, FollowFeed { id, change });
            }
            Fed::Configured { log, config } => {
                let change = Change::Configured(config);
                self.tell_log(told, log, FollowFeed { id, change });
            }
            Fed::Forgotten { log } => {
                let change = Change::Distrusted;
                self.tell_log(told, log, FollowFeed { id, change });
            }
            Fed::Told { session } => self.tell_polls(told, WakePolls(session)),
            // Nobody keeps a copy of a state. Channels are told by `Member`.
            Fed::User { .. } => {}
            Fed::Taken { conn_id, .. }
            | Fed::Reported { conn_id, .. }
            | Fed::Subscribed { conn_id, .. }
            | Fed::Unsubscribed { conn_id, .. }
            | Fed::Heard { conn_id, .. }
            | Fed::Ended { conn_id, .. } => self.tell_connection(told, conn_id, id, fed),
            Fed::Fenced { .. } | Fed::Lost => {
                self.tell_polls(told, WakeAllPolls);
                let cluster = self.clone();
                told.push(Box::pin(
                    async move { cluster.tell_everybody(id, &fed).await },
                ));
            }
        }
    }
}

impl Cluster {
    /// Starts the actors on these threads.
    pub(crate) fn start_on(&self, arbiters: &[ArbiterHandle]) {
        let Some(arbiter) = arbiters.first() else {
            return;
        };
        self.node.start_on(arbiter);
        self.connections.start_on(
            arbiters,
            &ClusterNeeds {
                common: self.common.clone(),
                channels: self.channels.clone(),
                users: self.users.clone(),
                node: self.node.clone(),
            },
        );
        let polls = || Polls::start_in_arbiter(arbiter, |_| Polls::default());
        self.polls.get_or_init(polls);
        let cluster = self.clone();
        FeedActor::start_in_arbiter(arbiter, move |_| FeedActor::new(cluster));
        let cluster = self.clone();
        arbiter.spawn(async move { cluster.beat().await });
        let cluster = self.clone();
        arbiter.spawn(async move { cluster.sweep_unknown().await });
    }

    /// Notes that everything up to an entry was handed on, and tells the lane, first what else it
    /// must know.
    async fn note_read(&self, last: FeedId, mut noted: Vec<Noted>) {
        self.node.note_handed_on(last);
        noted.push(Noted::Read(last));
        if let Some(lane) = self.node.lane() {
            // An error means that the server stops.
            lane.send(NoteFeed(noted)).await.ok();
        }
    }

    /// Tells all actors of an entry that concerns them all.
    async fn tell_everybody(&self, id: FeedId, fed: &Fed<Bytes>) {
        self.distrust_copies(id).await;
        for conn_id in self.connections.names().await {
            let (id, fed) = (id, fed.clone());
            let hear = HearFeed { id, fed };
            (self.connections).tell(conn_id, IfAbsent::Skip, hear);
        }
    }

    /// Lets all copies of logs be read anew.
    async fn distrust_copies(&self, id: FeedId) {
        let change = Change::Distrusted;
        let news = FollowFeed { id, change };
        for name in self.channels.names().await {
            self.channels.tell(name, IfAbsent::Skip, news.clone());
        }
        for name in self.users.names().await {
            self.users.tell(name, IfAbsent::Skip, news.clone());
        }
    }

    /// Ends all transports, because this node may have missed something that concerns them. Their
    /// clients come back, to this node or to another one.
    async fn abandon_transports(&self) {
        self.abandon_transports_of(&self.connections.names().await);
    }

    /// Ends the transports of these connections. Their clients come back.
    pub(crate) fn abandon_transports_of(&self, connections: &[ConnId]) {
        for conn_id in connections {
            self.connections.tell(*conn_id, IfAbsent::Skip, Abandon);
        }
    }
}

/// Returns whether an entry may end what a connection is sent.
fn is_of_connection(fed: &Fed<Bytes>) -> bool {
    matches!(
        fed,
        Fed::Taken { .. } | Fed::Unsubscribed { .. } | Fed::Ended { .. }
    )
}

impl Actor for FeedActor {
    type Context = Context<Self>;

    /// Begins to read at the present end of the feed. No actor follows it yet.
    fn started(&mut self, context: &mut Context<Self>) {
        let node = self.cluster.node.clone();
        let reached = async move {
            loop {
                if let Ok(Answer::Reached(id)) = node.make_patiently(Call::Reach).await {
                    return id;
                }
                sleep(REACH_AGAIN_AFTER).await;
            }
        };
        context.spawn(reached.into_actor(self).map(|id, feed, context| {
            let cluster = feed.cluster.clone();
            let (place, counters) = (
                cluster.node.place().clone(),
                cluster.node.counters().clone(),
            );
            actix::spawn(async move { cluster.note_read(id, Vec::new()).await });
            let reader = ReaderActor::new(place, id, context.address().recipient());
            reader.beside(counters).start();
        }));
        let mut identity = self.cluster.node.identity();
        let cluster = self.cluster.clone();
        context.spawn(
            async move {
                while identity.changed().await.is_ok() {
                    cluster.abandon_transports().await;
                }
            }
            .into_actor(self),
        );
    }
}

impl Handler<News> for FeedActor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, news: News, _: &mut Context<Self>) -> Self::Result {
        let cluster = self.cluster.clone();
        let entries = match news {
            News::Entries(entries) => entries,
            News::Missed => {
                log::warn!("the feed was trimmed before this node has read it");
                cluster.node.counters().count_missed();
                return Box::pin(async move {
                    let mut told = Told::new();
                    cluster.tell_polls(&mut told, WakeAllPolls);
                    join_all(told).await;
                    let (term, number) = cluster.node.handed_on();
                    cluster.distrust_copies((term, number + 1)).await;
                    cluster.abandon_transports().await;
                });
            }
        };
        Box::pin(async move {
            let (mut told, mut noted) = (Told::new(), Vec::new());
            let mut last = cluster.node.handed_on();
            cluster.node.counters().count_entries(entries.len());
            for (id, fed) in entries {
                last = id;
                if let Some(Fed::Fenced { kept }) = &fed {
                    noted.push(Noted::Fenced(id.0, *kept));
                }
                let Some(fed) = fed else {
                    continue;
                };
                let is_of_connection = is_of_connection(&fed);
                cluster.hand_on(&mut told, id, fed);
                if is_of_connection {
                    // A connection that leaves a channel must not be sent what comes after.
                    join_all(told.drain(..)).await;
                }
            }
            join_all(told).await;
            cluster.note_read(last, noted).await;
        })
    }
}
