//! The subscribers of a run: they are connected together and counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::progress::Progress;
use crate::stamp::Stamp;
use crate::subscriber::{SharedState, Subscriber};
use crate::tally::{Plan, Receipts, Tally};
use crate::target::{OpenSubscriber, PublisherPool, SubscriberSpec, Target};

/// The number of subscribers that connect at the same time.
const CONCURRENT_CONNECTS: usize = 16;

const PROBE_TIMEOUT: Duration = Duration::from_secs(60);

/// All subscribers of a run.
pub(crate) struct Audience {
    receipts: Vec<Rc<RefCell<Receipts>>>,
    tasks: JoinSet<()>,
}

impl Audience {
    /// Opens `per_channel` websockets for each channel of the plan, at one node after the other.
    /// Must run within a `LocalSet`.
    pub(crate) async fn connect(
        target: &Target,
        plan: Plan,
        per_channel: usize,
        shared: &Rc<SharedState>,
        progress: &Progress,
    ) -> Result<Self> {
        let specs = (0..plan.channels * per_channel).map(|subscriber| SubscriberSpec {
            channel: subscriber % plan.channels,
            subscriber,
            has_small_buffer: false,
        });
        let mut audience = Self {
            receipts: Vec::new(),
            tasks: JoinSet::new(),
        };
        for open in open(target, specs.collect(), progress).await? {
            let node = open.spec.subscriber % plan.nodes;
            let receipts = Rc::new(RefCell::new(Receipts::new(plan, open.spec.channel, node)));
            audience.receipts.push(receipts.clone());
            audience
                .tasks
                .spawn_local(Subscriber::new(shared.clone(), open.socket, receipts).listen());
        }
        Ok(audience)
    }

    /// Returns the number of subscribers.
    pub(crate) fn len(&self) -> usize {
        self.receipts.len()
    }

    /// Publishes to each channel until every subscriber has received something. An open socket does
    /// not yet mean that the subscription is in effect.
    pub(crate) async fn wait_until_subscribed(
        &self,
        plan: Plan,
        publishers: &PublisherPool,
        size: usize,
        tally: &Tally,
    ) -> Result<()> {
        if self.receipts.is_empty() {
            return Ok(());
        }
        let mut publisher = publishers.publisher().await?;
        let end = Instant::now() + PROBE_TIMEOUT;
        while tally.probed() < self.len() {
            for channel in 0..plan.channels {
                let mut message = Vec::new();
                Stamp {
                    slot: Stamp::PROBE,
                    number: 0,
                    micros: 0,
                }
                .write(size, &mut message);
                publisher.publish(channel, &message).await?;
            }
            sleep(Duration::from_millis(200)).await;
            if Instant::now() > end {
                bail!(
                    "only {} of {} subscribers receive anything",
                    tally.probed(),
                    self.len()
                );
            }
        }
        Ok(())
    }

    /// Returns the number of missing deliveries when each publisher has sent this many messages.
    pub(crate) fn missing(&self, sent: &[u32]) -> u64 {
        self.receipts
            .iter()
            .map(|receipts| receipts.borrow().missing(sent))
            .sum()
    }
}

/// Opens websockets at one node after the other, several at once.
pub(crate) async fn open(
    target: &Target,
    specs: Vec<SubscriberSpec>,
    progress: &Progress,
) -> Result<Vec<OpenSubscriber>> {
    let count = specs.len();
    let bar = progress.bar("connecting", count as u64);
    let specs = Rc::new(RefCell::new(specs));
    let worker = || async {
        let (mut backend, mut opened) = (target.backend().await?, Vec::new());
        loop {
            let Some(spec) = specs.borrow_mut().pop() else {
                break;
            };
            let conn_id = target.enter(&mut backend, spec).await?;
            let node = target.node(spec.subscriber);
            opened.push(OpenSubscriber {
                spec,
                conn_id,
                socket: node.listen(conn_id, spec).await?,
            });
            bar.inc(1);
        }
        anyhow::Ok(opened)
    };
    let opened = try_join_all((0..CONCURRENT_CONNECTS.min(count)).map(|_| worker())).await?;
    bar.finish_and_clear();
    Ok(opened.into_iter().flatten().collect())
}
