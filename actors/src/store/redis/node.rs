//! A node of a cluster, as its actors hold it: they make calls through it, and wait until the node
//! has read the feed far enough.

use std::fmt;
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::watch;

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, NodeId};
use crate::error::{Outcome as CallOutcome, Refused};
use crate::store::redis::lane::{LaneActor, Make, NotDone, Outcome};
use crate::store::redis::link::{Place, random_id};
use crate::store::redis::status::{NodeCounters, NodeStatus};

/// The number of attempts to read something.
const READ_ATTEMPTS: usize = 4;

/// A node of a cluster. Cloning is cheap.
#[derive(Clone)]
pub struct Node(Arc<NodeState>);

struct NodeState {
    place: Place,
    /// The lane; unset until the threads start.
    lane: OnceLock<Addr<LaneActor>>,
    /// The last entry of the feed that was handed on to all actors of this node.
    handed_on: watch::Sender<FeedId>,
    counters: NodeCounters,
    identity: watch::Sender<NodeId>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a node of a cluster, at {:?}", self.handed_on())
    }
}

impl Node {
    /// Creates a node that is not connected to Redis yet.
    pub fn new(place: Place) -> Self {
        Self(Arc::new(NodeState {
            place,
            lane: OnceLock::new(),
            handed_on: watch::Sender::new(FeedId::default()),
            counters: NodeCounters::default(),
            identity: watch::Sender::new(random_id()),
        }))
    }

    /// Starts the lane on a thread. Later calls do nothing.
    pub(crate) fn start_on(&self, arbiter: &ArbiterHandle) {
        let (place, counters) = (self.0.place.clone(), self.0.counters.clone());
        let (id, identity) = (self.id(), self.0.identity.clone());
        self.0.lane.get_or_init(|| {
            LaneActor::start_in_arbiter(arbiter, move |_| {
                LaneActor::new(place, id).show(counters, identity)
            })
        });
    }

    /// Returns where the cluster keeps its state.
    pub(crate) fn place(&self) -> &Place {
        &self.0.place
    }

    /// Returns the actor that makes the calls.
    pub(crate) fn lane(&self) -> Option<&Addr<LaneActor>> {
        self.0.lane.get()
    }

    /// Returns the id under which the node calls now.
    pub(crate) fn id(&self) -> NodeId {
        *self.0.identity.borrow()
    }

    /// Returns a receiver that sees each change of the id.
    pub(crate) fn identity(&self) -> watch::Receiver<NodeId> {
        self.0.identity.subscribe()
    }

    /// Returns whether there is a connection to Redis. The first connection is awaited.
    pub fn is_connected(&self) -> bool {
        self.0.counters.is_connected()
    }

    /// Returns whether something that Redis does not know may be about to come back.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.0.counters.is_in_doubt()
    }

    /// Returns the counters.
    pub(crate) fn counters(&self) -> &NodeCounters {
        &self.0.counters
    }

    /// Returns the state of the node, and what it has counted.
    pub fn status(&self) -> NodeStatus {
        self.0.counters.status()
    }

    /// Makes a call, after all calls that were made before. It is not made if the caller gives up
    /// at once. It is given up when it takes too long.
    ///
    /// # Errors
    /// Fails when the call was not made, or when it is not known whether it was.
    pub(crate) fn make(&self, call: Call<Bytes>) -> impl Future<Output = Answered> + use<> {
        let outcome = self.ask(call, false);
        async { outcome.await.map_err(refused) }
    }

    /// Makes a call that only reads. If the answer is lost with a connection to Redis, it is made
    /// again.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached.
    pub(crate) async fn read(&self, call: Call<Bytes>) -> Answered {
        for _ in 1..READ_ATTEMPTS {
            let answer = self.make(call.clone()).await?;
            if answer != Answer::Done {
                return Ok(answer);
            }
        }
        self.make(call).await
    }

    /// Makes a call whose answer nobody needs.
    pub(crate) fn tell(&self, call: Call<Bytes>) {
        let made = self.make(call);
        actix::spawn(async { drop(made.await) });
    }

    /// Makes a call, however long it takes until Redis can be reached.
    ///
    /// # Errors
    /// Fails when Redis refuses to write.
    pub(crate) fn make_patiently(
        &self,
        call: Call<Bytes>,
    ) -> impl Future<Output = Outcome> + use<> {
        self.ask(call, true)
    }

    fn ask(&self, call: Call<Bytes>, is_patient: bool) -> impl Future<Output = Outcome> + use<> {
        let asked = self.lane().map(|lane| lane.send(Make { call, is_patient }));
        async {
            match asked {
                Some(asked) => asked.await.unwrap_or(Err(NotDone::Refused)),
                None => Err(NotDone::Refused),
            }
        }
    }

    /// Returns the last entry of the feed that was handed on to all actors of this node.
    pub(crate) fn handed_on(&self) -> FeedId {
        *self.0.handed_on.borrow()
    }

    /// Notes that everything up to this entry of the feed was handed on.
    pub(crate) fn note_handed_on(&self, id: FeedId) {
        self.0.handed_on.send_replace(id);
    }

    /// Waits until everything up to this entry of the feed was handed on.
    pub(crate) async fn wait_for(&self, id: FeedId) {
        let mut handed_on = self.0.handed_on.subscribe();
        // An error means that the node is gone, and the caller with it.
        handed_on.wait_for(|read_to| *read_to >= id).await.ok();
    }

    /// Waits until everything that callers were answered so far was handed on to the actors of this
    /// node.
    ///
    /// # Errors
    /// Fails when Redis cannot be reached.
    pub(crate) async fn catch_up(&self) -> Result<(), Refused> {
        if let Answer::Reached(id) = self.read(Call::Reach).await? {
            self.wait_for(id).await;
        }
        Ok(())
    }
}

/// The answer to a call that somebody waits for.
pub(crate) type Answered = Result<Answer<Bytes>, Refused>;

fn refused(not_done: NotDone) -> Refused {
    match not_done {
        NotDone::Refused => Refused::TRY_AGAIN,
        NotDone::Unknown => Refused {
            outcome: CallOutcome::Unknown,
            ..Refused::TRY_AGAIN
        },
    }
}
