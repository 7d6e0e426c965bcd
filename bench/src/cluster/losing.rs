//! The loss of a node. All its clients come back at once, to the other nodes and with the same ids.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::audience;
use crate::cluster::running::RunningCluster;
use crate::report::Report;
use crate::stamp::Stamp;
use crate::subscriber::{SharedState, Subscriber};
use crate::tally::{Plan, Receipts, Tally};
use crate::target::{Kind, OpenSubscriber, PublisherPool, SubscriberSpec, Target};

/// The number of clients of the node.
const CLIENTS: usize = 1000;

/// The size of a message in bytes.
const SIZE: usize = 400;

/// The time after which the run ends with an error if a client is not back.
const BACK_TIMEOUT: Duration = Duration::from_secs(60);

/// The time after which a client whose websocket was refused tries again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

const PLAN: Plan = Plan {
    channels: 1,
    slots: 1,
    nodes: 1,
};

/// The message that is published before the node is lost, and the one after.
const BEFORE: u32 = 0;
const AFTER: u32 = 1;

/// What the clients have in common.
struct Shared {
    /// The nodes that remain.
    others: Vec<Target>,
    state: Rc<SharedState>,
    /// The time at which the node was lost.
    lost: Cell<Option<Instant>>,
    /// The number of clients whose websocket is open again.
    back: Cell<usize>,
    /// The time after which the last of them was back.
    all_back: Cell<Duration>,
    refused: Cell<u32>,
}

/// Kills the first node, and measures the time until all its clients listen elsewhere and have
/// received a message that was published later.
pub(super) async fn measure(cluster: &mut RunningCluster) -> Result<Report> {
    let bench = cluster.bench("loss")?;
    let target = &bench.target;
    let tally = Rc::new(Tally::new(PLAN)?);
    let shared = Rc::new(Shared {
        others: (1..target.nodes()).map(|node| target.node(node)).collect(),
        state: SharedState::new(tally.clone()),
        lost: Cell::default(),
        back: Cell::default(),
        all_back: Cell::default(),
        refused: Cell::default(),
    });
    let spec = |subscriber| SubscriberSpec {
        channel: 0,
        subscriber,
        has_small_buffer: false,
    };
    let specs = (0..CLIENTS).map(spec).collect();
    let open = audience::open(&target.node(0), specs, &bench.progress).await?;
    let mut clients = JoinSet::new();
    for client in open {
        clients.spawn_local(shared.clone().listen(client));
    }
    let elsewhere = shared.others.first().context("there is one node only")?;
    let mut publisher = PublisherPool::new(elsewhere).await?.publisher().await?;
    let mut publish = async |number| {
        let mut message = Vec::new();
        let stamp = Stamp {
            slot: 0,
            number,
            micros: tally.micros(),
        };
        stamp.write(SIZE, &mut message);
        tally.record_sent(0, number, CLIENTS);
        publisher.publish(0, &message).await?;
        let received = timeout(BACK_TIMEOUT, tally.wait_until_received(0)).await;
        received.context("a message has not reached all clients")
    };
    publish(BEFORE).await?;
    let lost = Instant::now();
    shared.lost.set(Some(lost));
    cluster.kill_first()?;
    publish(AFTER).await?;
    let received = lost.elapsed();
    ensure!(
        shared.back.get() == CLIENTS,
        "{} of {CLIENTS} clients came back",
        shared.back.get()
    );
    let mut report = Report::new("loss", Kind::Channelstream);
    let all_back = shared.all_back.get();
    report.add("all websockets open", all_back.as_secs_f64(), "s");
    report.add("message received by all", received.as_secs_f64(), "s");
    report.add("refused", f64::from(shared.refused.get()), "websockets");
    Ok(report)
}

impl Shared {
    /// Lets a client listen, to the first node and then to another one.
    async fn listen(self: Rc<Self>, client: OpenSubscriber) {
        let OpenSubscriber {
            spec,
            conn_id,
            mut socket,
        } = client;
        let receipts = Rc::new(RefCell::new(Receipts::new(PLAN, 0, 0)));
        let mut is_back = false;
        let mut others = self.others.iter().cycle().skip(spec.subscriber);
        loop {
            Subscriber::new(self.state.clone(), socket, receipts.clone())
                .listen()
                .await;
            socket = loop {
                let Some(other) = others.next() else {
                    return;
                };
                match other.listen(conn_id, spec).await {
                    Ok(socket) => break socket,
                    Err(_) => {
                        self.refused.set(self.refused.get() + 1);
                        sleep(RETRY_AFTER).await;
                    }
                }
            };
            if !std::mem::replace(&mut is_back, true) {
                self.come_back();
            }
        }
    }

    fn come_back(&self) {
        if let Some(lost) = self.lost.get() {
            self.back.set(self.back.get() + 1);
            self.all_back.set(lost.elapsed());
        }
    }
}
