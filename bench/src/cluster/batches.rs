//! Messages of one node to a Redis that nobody else uses, in full batches: what the script of a
//! message costs when Redis has nothing else to do.

use std::iter::repeat_n;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use bytes::Bytes;
use channelstream_actors::core::cluster::call::Call;
use channelstream_actors::core::cluster::lane::Numbered;
use channelstream_actors::limits::Limits;
use channelstream_actors::name::{ChannelName, ConnId, LogName, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::link::{Known, Link, Place, random_id};
use channelstream_actors::store::redis::resolver::Servers;
use redis::Value;

use crate::cluster::posting::{HISTORY_SIZE, SIZE};
use crate::cluster::redis::RedisServer;
use crate::report::Report;
use crate::target::Kind;

/// The number of calls in a batch, which is the most that a node sends.
const BATCH: usize = 128;

/// A node that makes calls and does nothing else.
struct Node {
    link: Link,
    /// The number of calls so far.
    calls: u64,
}

impl Node {
    /// Makes calls, all in one batch.
    async fn make(&mut self, calls: impl Iterator<Item = &Call<Bytes>>) -> Result<()> {
        let numbered = (self.calls + 1..).zip(calls);
        let numbered: Vec<_> = numbered
            .map(|(number, call)| Numbered { number, call })
            .collect();
        self.calls += numbered.len() as u64;
        let made = self.link.make(numbered.into_iter()).await?;
        for answer in made.answers {
            let answer = answer?;
            ensure!(is_accepted(&answer), "Redis has answered {answer:?}");
        }
        Ok(())
    }
}

/// Returns whether a call was executed: a node was not taken for dead, for example.
fn is_accepted(answer: &Value) -> bool {
    let Value::Array(parts) = answer else {
        return false;
    };
    let accepted: [&[u8]; 3] = [b"done", b"connected", b"posted"];
    matches!(parts.first(), Some(Value::BulkString(kind)) if accepted.contains(&kind.as_slice()))
}

/// Measures what a message costs Redis in a channel with a history.
pub(super) async fn measure(seconds: f64) -> Result<Report> {
    let redis = RedisServer::start()?;
    let servers = Servers::new(&[redis.url()], "", None).map_err(|error| anyhow!(error))?;
    let place = Place::new(servers, "", &Limits::default(), 0);
    let link = Link::open(&place, random_id(), Known::default()).await?;
    let mut node = Node { link, calls: 0 };
    let log = LogName::from(ChannelName::new("room"));
    let configure = Call::Configure {
        log: log.clone(),
        config: ChannelConfig {
            store_history: true,
            history_size: HISTORY_SIZE as u64,
            ..ChannelConfig::default()
        },
        is_for_new: false,
    };
    let connect = Call::Connect {
        conn_id: ConnId::random(),
        user: UserName::new("alice"),
        logs: [log.clone()].into(),
    };
    node.make([&configure, &connect].into_iter()).await?;
    let post = Call::Post {
        log,
        message: vec![b'm'; SIZE].into(),
        is_for_history: true,
        once: None,
    };
    let before = redis.work()?;
    let (begun, mut messages) = (Instant::now(), 0);
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        node.make(repeat_n(&post, BATCH)).await?;
        messages += BATCH;
    }
    let took = begun.elapsed().as_secs_f64();
    let mut report = Report::new("full batches", Kind::Channelstream);
    report.add("published", messages as f64 / took, "messages/s");
    redis
        .work()?
        .report_each(before, messages as f64, &mut report);
    Ok(report)
}
