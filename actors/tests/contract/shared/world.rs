//! Both sides: the broker in memory, and two nodes on one Redis.

use std::time::{Duration, Instant};

use channelstream_actors::broker::Broker;
use channelstream_actors::limits::Limits;
use channelstream_actors::position::Report;
use channelstream_actors::protocol::info::InfoOptions;
use channelstream_actors::store::redis::status::NodeStatus;
use tokio::time::sleep;

use crate::numbering::Numbering;
use crate::operation::{CONNECTIONS, Kind, Operation, Setup};
use crate::redis_server::RedisServer;
use crate::shared::counts::Counts;
use crate::shared::node::Node;
use crate::shared::plan::{Event, NODES, may_be_repeated};
use crate::shared::sent::{Pairs, Sent};
use crate::side::{Side, channel_name, conn_id, limits};
use crate::step::Step;
use crate::world::Checked;

/// The time between two beats of a node. A node that leaves out five is declared dead and ends its
/// transports, so a busy machine must not keep a node from beating for as long.
const BEAT: Duration = Duration::from_millis(250);

/// The time within which a node must take a call.
const TAKEN_WITHIN: Duration = Duration::from_secs(12);

/// The wait before a call is made again that was refused.
const PAUSE: Duration = Duration::from_millis(2);

/// Both sides.
pub(crate) struct World {
    pub(crate) setup: Setup,
    pub(crate) limits: Limits,
    pub(crate) server: RedisServer,
    pub(crate) nodes: [Node; NODES],
    /// The broker that keeps nothing.
    pub(crate) memory: Side,
    /// The clients of the nodes. Its broker is that of the node that takes the next call.
    pub(crate) shared: Side,
    /// The node that answers for each connection.
    pub(crate) homes: [Option<usize>; CONNECTIONS],
    pub(crate) sent: Vec<Sent>,
    pub(crate) pairs: Pairs,
    pub(crate) counts: Counts,
    numbering: Numbering,
}

impl World {
    pub(crate) async fn start(setup: Setup) -> Self {
        let limits = Limits {
            beat: BEAT,
            ..limits(setup)
        };
        let server = RedisServer::start();
        server.connect().await;
        let nodes = std::array::from_fn(|_| Node::start(&server, &limits));
        Self {
            setup,
            memory: Side::new(Broker::new(limits.clone())),
            shared: Side::of(nodes[0].broker.clone()),
            limits,
            server,
            nodes,
            homes: [None; CONNECTIONS],
            sent: (0..CONNECTIONS).map(|_| Sent::default()).collect(),
            pairs: Pairs::default(),
            counts: Counts::default(),
            numbering: Numbering::default(),
        }
    }

    /// Lets something happen, and compares both sides.
    pub(crate) async fn run(&mut self, event: Event) -> Checked {
        match event {
            Event::Step {
                node,
                operation: Operation::Forget { channel },
            } => self.forget(node, channel).await,
            Event::Step { node, operation } => {
                self.come_to_a_node(node, &operation).await?;
                self.both(node, operation).await
            }
            Event::LoseAnswer { node, operation } => {
                self.come_to_a_node(node, &operation).await?;
                self.nodes[node].wire.lose_answer();
                self.both(node, operation).await
            }
            Event::Cut { all } => self.cut(all).await,
            Event::Die { node, returns } => self.die(node, returns).await,
            Event::Stop { node, returns } => self.stop(node, returns).await,
            Event::Rewind { node } => self.rewind(node).await,
        }
    }

    /// Ends the nodes. Returns what has happened.
    pub(crate) async fn end(mut self) -> Checked<Counts> {
        for node in self.nodes {
            let status = node.kill().await?;
            self.counts.note(&status);
        }
        Ok(self.counts)
    }

    /// Lets a client listen if its connection is made again and its node is gone. The nodes would
    /// make the connection absent, since no node answers for it before its client listens.
    async fn come_to_a_node(&mut self, node: usize, operation: &Operation) -> Checked {
        let Operation::Connect { connection, .. } = operation else {
            return Ok(());
        };
        let owner = self.memory.broker.owner_of(conn_id(*connection)).await;
        if owner.is_none() || self.homes[*connection].is_some() {
            return Ok(());
        }
        let attach = Operation::Attach {
            connection: *connection,
            kind: Kind::Socket,
            brings_position: true,
            is_narrow: false,
        };
        self.both(node, attach).await
    }

    /// Forgets a channel that has at most one connection; the others unsubscribe first. The order
    /// in which they are removed differs, so the remaining ones would be told different things.
    async fn forget(&mut self, node: usize, channel: usize) -> Checked {
        let name = channel_name(channel).to_string();
        let places = self.memory.occupied_places().await.into_iter();
        for (connection, _) in places.filter(|(_, log)| *log == name).skip(1) {
            let channels = vec![channel];
            let unsubscribe = Operation::Unsubscribe {
                connection,
                channels,
            };
            self.both(node, unsubscribe).await?;
        }
        self.both(node, Operation::Forget { channel }).await
    }

    /// Executes an operation on both sides, and compares them.
    pub(crate) async fn both(&mut self, node: usize, operation: Operation) -> Checked {
        let step = self.numbering.step(operation);
        let mut brings = [Report::default(), Report::default()];
        match &step.operation {
            Operation::Read {
                connection,
                batches,
                is_confirmed,
                is_reported,
            } => {
                self.read(*connection, *batches, *is_confirmed, *is_reported);
                return self.agree(node).await;
            }
            Operation::Attach {
                connection,
                brings_position: true,
                ..
            } => brings = [&self.memory, &self.shared].map(|side| side.known(*connection)),
            _ => {}
        }
        if !may_be_repeated(&step.operation) {
            self.reach(node).await?;
        }
        let is_new = self.is_new(&step.operation).await;
        let [in_memory, of_nodes] = brings;
        let memory = self.memory.perform(&step, in_memory).await;
        self.memory.settle(self.setup).await;
        let nodes = self.make(node, &step, of_nodes).await?;
        let is_lost = self.nodes[node].wire.take_lost() > 0;
        self.counts.lost_answers += usize::from(is_lost);
        if memory != nodes && !is_lost {
            return Err(format!("answers differ\nmemory: {memory}\nnodes:  {nodes}"));
        }
        self.counts.answer(&memory);
        self.note_home(node, &step.operation, is_new, &memory);
        if let Operation::Attach { connection, .. } = step.operation {
            self.sent[connection].may_miss_gaps = is_lost;
        }
        self.agree(node).await
    }

    /// Waits until a node has a connection to Redis that was made after all others were cut.
    async fn reach(&self, node: usize) -> Checked {
        let (deadline, broker) = (Instant::now() + TAKEN_WITHIN, &self.nodes[node].broker);
        while let Err(refused) = broker.info(None, &InfoOptions::default()).await {
            if Instant::now() >= deadline {
                return Err(format!("node {node} does not reach Redis: {refused}"));
            }
            sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Executes an operation on the nodes only.
    pub(crate) async fn publish_at(&mut self, node: usize, operation: Operation) -> Checked {
        let step = self.numbering.step(operation);
        self.make(node, &step, Report::default()).await.map(drop)
    }

    /// Makes a call at a node, again and again as long as it is refused. A node whose connection
    /// to Redis is cut asks Redis again, so it always knows whether the call was done.
    async fn make(&mut self, node: usize, step: &Step, brings: Report) -> Checked<String> {
        let deadline = Instant::now() + TAKEN_WITHIN;
        self.shared.broker = self.nodes[node].broker.clone();
        loop {
            // Servers ask this before they let a client listen.
            let answer = match self.shared.broker.store().serves() {
                Ok(()) => self.shared.execute(step, brings.clone()).await,
                Err(refused) => format!("{refused:?}"),
            };
            let is_unknown =
                answer.contains("outcome: Unknown") || answer.contains("CallFailed(Unknown)");
            if !is_unknown && !answer.contains("NotDone") {
                return Ok(answer);
            }
            if is_unknown || Instant::now() >= deadline {
                return Err(format!("node {node} answers: {answer}"));
            }
            sleep(PAUSE).await;
        }
    }

    /// Lets a client read what it has received. On the side of the nodes it reads no more than on
    /// the other one: the order of its logs differs, and something may have come again.
    fn read(&mut self, connection: usize, batches: usize, is_confirmed: bool, is_reported: bool) {
        let unread = self.memory.clients[connection].unread();
        let events = unread.get(batches - 1).or(unread.last());
        let events = events.copied().unwrap_or_default();
        self.memory.clients[connection].read(events, is_confirmed, is_reported);
        self.note_read(connection);
        let (sent, pairs) = (&self.sent[connection], &self.pairs);
        let may_read = |batch: &_| sent.has_read(batch, pairs);
        self.shared.clients[connection].read_if(may_read, is_confirmed, is_reported);
    }

    /// Notes what the client of a connection has read in memory.
    pub(crate) fn note_read(&mut self, connection: usize) {
        let read = self.memory.clients[connection].take_read();
        self.sent[connection].note_read(&read);
        self.shared.clients[connection].take_read();
    }

    /// Returns whether an operation makes a connection that does not exist.
    async fn is_new(&mut self, operation: &Operation) -> bool {
        let Operation::Connect { connection, .. } = operation else {
            return false;
        };
        let owner = self.memory.broker.owner_of(conn_id(*connection)).await;
        if owner.is_none() {
            self.sent[*connection].forget();
        }
        owner.is_none()
    }

    /// Notes which node answers for a connection.
    fn note_home(&mut self, node: usize, operation: &Operation, is_new: bool, answer: &str) {
        match operation {
            Operation::Connect { connection, .. } if is_new && answer.starts_with("Ok") => {
                self.homes[*connection] = Some(node);
            }
            Operation::Attach { connection, .. } if answer.starts_with("Ok") => {
                let former = self.homes[*connection].replace(node);
                self.counts.transports += 1;
                self.counts.takeovers += usize::from(former.is_some_and(|former| former != node));
            }
            Operation::Disconnect { connection } => self.homes[*connection] = None,
            _ => {}
        }
        for connection in 0..CONNECTIONS {
            self.note_read(connection);
            self.memory.clients[connection].take_ends();
            self.shared.clients[connection].take_ends();
        }
    }
}

impl Counts {
    /// Counts what an answer reports.
    fn answer(&mut self, answer: &str) {
        self.steps += 1;
        self.ids_in_use += usize::from(answer.contains("InUse"));
        self.unknown += usize::from(answer.contains("Unknown"));
        self.other_bodies += usize::from(answer.contains("OtherBody"));
    }

    /// Counts what a node has counted.
    pub(crate) fn note(&mut self, status: &NodeStatus) {
        self.found_dead += status.dead as usize;
        self.fences += status.terms as usize;
    }
}
