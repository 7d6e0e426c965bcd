//! The actor that reads the feed.

mod pace;

use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use futures_util::future::{Either, select};
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult, Value};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::core::cluster::call::{FeedId, Term};
use crate::core::cluster::fed::Fed;
use crate::core::cluster::feed::FeedPlace;
use crate::store::redis::decoding::{self, Unreadable};
use crate::store::redis::link::Place;
use crate::store::redis::reader::pace::Pace;
use crate::store::redis::resolver;
use crate::store::redis::status::NodeCounters;

/// The time for which Redis waits for the next entry before it answers.
const BLOCK: Duration = Duration::from_secs(1);

/// The time after which a connection without an answer is replaced.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// The most entries of one answer.
const COUNT: usize = 1000;

/// The wait before a broken connection is opened again.
const REOPEN_AFTER: Duration = Duration::from_millis(200);

/// News of the feed, in its order.
#[derive(Message, Clone, Debug)]
#[rtype(result = "()")]
pub enum News {
    /// The next entries. `None` stands for an entry that this version cannot read.
    Entries(Vec<(FeedId, Option<Fed<Bytes>>)>),
    /// Redis has trimmed entries that were not read. Whatever follows the feed must be read anew.
    Missed,
}

/// The actor that reads the feed, and tells everything to one other actor.
pub struct ReaderActor {
    place: Place,
    begin: FeedPlace,
    to: Recipient<News>,
    /// The counters of the node, which know how many nodes read the feed.
    counters: NodeCounters,
}

impl ReaderActor {
    /// Creates a reader that begins behind an entry.
    pub fn new(place: Place, begin: FeedId, to: Recipient<News>) -> Self {
        let begin = FeedPlace::after(begin);
        Self {
            place,
            begin,
            to,
            counters: NodeCounters::default(),
        }
    }

    /// Uses the counters of the node.
    pub(crate) fn beside(mut self, counters: NodeCounters) -> Self {
        self.counters = counters;
        self
    }
}

impl Actor for ReaderActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        let (place, to) = (self.place.clone(), self.to.clone());
        let read = read_all(place, self.begin, to, self.counters.clone());
        context.spawn(read.into_actor(self).map(|(), _, context| context.stop()));
    }
}

/// Reads the feed until nobody listens to it any more, from the server to which the lane is
/// connected.
async fn read_all(place: Place, mut at: FeedPlace, to: Recipient<News>, counters: NodeCounters) {
    let mut primary = place.primary.subscribe();
    let mut is_broken = false;
    while to.connected() {
        let before = at;
        let known = primary.wait_for(Option::is_some).await;
        let Some(client) = known.ok().and_then(|known| known.clone()) else {
            return;
        };
        let keys = &place.keys;
        let result = read_on(keys, &client, &mut primary, &mut at, &to, &counters).await;
        is_broken &= at == before;
        if let Err(error) = result {
            // Only the first of several failed attempts is news.
            if is_broken {
                log::debug!("the feed still cannot be read: {error}");
            } else {
                log::warn!("the feed cannot be read: {error}");
            }
            is_broken = true;
            sleep(REOPEN_AFTER).await;
        }
    }
}

/// Reads the feed on one connection, until it breaks, the lane has opened another one, or nobody
/// listens any more.
async fn read_on(
    keys: &str,
    client: &Client,
    primary: &mut watch::Receiver<Option<Client>>,
    at: &mut FeedPlace,
    to: &Recipient<News>,
    counters: &NodeCounters,
) -> Result<(), ReadError> {
    let mut pace = Pace::new(Instant::now());
    let mut connection = resolver::connect(client, ANSWER_TIMEOUT).await?;
    while to.connected() {
        let answer = {
            let asked = std::pin::pin!(ask(&mut connection, keys, at.read_to()));
            match select(asked, std::pin::pin!(primary.changed())).await {
                Either::Left((answer, _)) => answer?,
                Either::Right(_) => return Ok(()),
            }
        };
        let entries = decoding::feed(&answer)?;
        for news in news(at, entries) {
            // The next read begins when these entries were handed on, so a slow node slows only
            // its own reader.
            if to.send(news).await.is_err() {
                return Ok(());
            }
        }
        let wait = pace.read(Instant::now(), counters.nodes());
        if !wait.is_zero() {
            sleep(wait).await;
        }
    }
    Ok(())
}

async fn ask(
    connection: &mut MultiplexedConnection,
    keys: &str,
    (Term(term), number): FeedId,
) -> RedisResult<Value> {
    let mut command = redis::cmd("XREAD");
    command.arg("BLOCK").arg(BLOCK.as_millis() as u64);
    command.arg("COUNT").arg(COUNT).arg("STREAMS");
    command.arg(format!("{keys}f"));
    // Redis counts from 0 in each term.
    command.arg(format!("{term}-{}", number.saturating_sub(1)));
    command.query_async(connection).await
}

/// Returns entries as news, with a word where entries are missing.
fn news(at: &mut FeedPlace, entries: Vec<(FeedId, Option<Fed<Bytes>>)>) -> Vec<News> {
    let (mut news, mut run) = (Vec::new(), Vec::new());
    for (id, fed) in entries {
        if at.read(id, fed.as_ref()) {
            news.push(News::Entries(std::mem::take(&mut run)));
            news.push(News::Missed);
        }
        run.push((id, fed));
    }
    news.push(News::Entries(run));
    news.retain(|it| !matches!(it, News::Entries(run) if run.is_empty()));
    news
}

/// Why the feed could not be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Redis(#[from] redis::RedisError),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}
