//! The actor that makes a node's calls to Redis, one batch after the other.
//!
//! It decides with which server the node works: it asks for the primary when it connects and every
//! two seconds, and the reader of the feed follows it. So the node never reads of a new primary
//! while it still takes answers of a former one, which may be about to lose what they say.

mod answers;
mod checking;
mod losses;
mod trouble;

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use redis::{RedisError, RedisResult};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, NodeId, Term};
use crate::core::cluster::hearing::Hearing;
use crate::core::cluster::lane::{Lane, Numbered};
use crate::core::cluster::witness::Witness;
use crate::store::redis::lane::answers::{Unanswered, read, waits_for_replicas};
use crate::store::redis::lane::trouble::Trouble;
use crate::store::redis::link::{Known, Link, Made, Place, random_id};
use crate::store::redis::resolver;
use crate::store::redis::status::NodeCounters;

/// The most calls that may wait. A call beyond it is refused.
const CAPACITY: usize = 10_000;

/// The most calls of a batch.
const BATCH: usize = 128;

/// The age at which a call is given up.
const LONGEST: Duration = Duration::from_secs(3);

/// The time between two looks for calls that are too old.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// The time between two looks for the primary, and for the progress of the reader.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The first wait before a connection is opened again, and the longest one.
const FIRST_WAIT: Duration = Duration::from_millis(20);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Asks for a call.
#[derive(Message, Debug)]
#[rtype(result = "Outcome")]
pub struct Make {
    /// The call.
    pub call: Call<Bytes>,
    /// Whether the call is kept until Redis answers, however long that takes. Other calls are given
    /// up when they are too old, because somebody waits for the answer.
    pub is_patient: bool,
}

/// Notes what the node has read of the feed, in its order.
#[derive(Message, Debug)]
#[rtype(result = "()")]
pub struct NoteFeed(pub Vec<Noted>);

/// What the node has read of the feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Noted {
    /// The entries up to this one.
    Read(FeedId),
    /// A term has begun, and this is the last entry before it that Redis has kept.
    Fenced(Term, FeedId),
}

/// Why a call was not answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotDone {
    /// The call was not made.
    Refused,
    /// The call may have been executed.
    Unknown,
}

/// What became of a call.
pub type Outcome = Result<Answer<Bytes>, NotDone>;

/// A call that somebody waits for.
struct Job {
    call: Call<Bytes>,
    is_patient: bool,
    since: Instant,
    answer: Cell<Option<oneshot::Sender<Outcome>>>,
}

/// The actor that makes the calls of a node.
pub struct LaneActor {
    place: Place,
    node: NodeId,
    known: Known,
    lane: Lane<Rc<Job>>,
    /// `None` while there is no connection.
    link: Option<Link>,
    /// The number of connections so far. Answers on earlier ones are ignored.
    links: u64,
    wait: Duration,
    witness: Witness,
    hearing: Hearing,
    is_checking: bool,
    /// Redis refuses to write.
    refusal: Trouble,
    /// Replicas do not confirm what was written.
    unconfirmed: Trouble,
    counters: NodeCounters,
    /// The node, for others to see.
    identity: watch::Sender<NodeId>,
}

impl LaneActor {
    /// Creates the lane of a node, which connects when it starts.
    pub fn new(place: Place, node: NodeId) -> Self {
        // Calls wait for the first connection. Only when it does not come, calls are refused.
        let lane = Lane::new(CAPACITY, BATCH);
        Self {
            place,
            node,
            known: Known::default(),
            lane,
            link: None,
            links: 0,
            wait: FIRST_WAIT,
            witness: Witness::default(),
            hearing: Hearing::default(),
            is_checking: false,
            refusal: Trouble::default(),
            unconfirmed: Trouble::default(),
            counters: NodeCounters::default(),
            identity: watch::Sender::new(node),
        }
    }

    /// Lets others see what the lane counts, and as which node it calls. It becomes another node
    /// when it was declared dead.
    pub(crate) fn show(mut self, counters: NodeCounters, identity: watch::Sender<NodeId>) -> Self {
        self.counters = counters;
        self.identity = identity;
        self
    }

    /// Opens a connection, after a wait.
    fn open(&mut self, wait: Duration, context: &mut Context<Self>) {
        let (place, node, known) = (self.place.clone(), self.node, self.known);
        let opened = async move {
            sleep(wait).await;
            Link::open(&place, node, known).await
        };
        context.spawn(
            opened
                .into_actor(self)
                .map(|opened, lane, context| match opened {
                    Ok(link) => lane.opened(link, context),
                    Err(error) => lane.broke(&error, context),
                }),
        );
    }

    fn opened(&mut self, link: Link, context: &mut Context<Self>) {
        let addr = resolver::addr(link.client());
        log::info!("connected to Redis at {addr}, term {}", link.term().0);
        if self.known.term != Term::default() && link.term() > self.known.term {
            self.counters.note_restart();
        }
        self.known.term = self.known.term.max(link.term());
        self.place.primary.send_replace(Some(link.client().clone()));
        self.link = Some(link);
        self.links += 1;
        self.counters.set_connected(true);
        let again = self.lane.opened();
        if again.is_empty() {
            self.send(context);
        } else {
            self.make(again, context);
        }
    }

    fn broke(&mut self, error: &RedisError, context: &mut Context<Self>) {
        let wait = self.wait;
        // Only the first of several failed attempts is news.
        if wait == FIRST_WAIT {
            log::warn!("there is no connection to Redis: {error}");
        } else {
            log::debug!("there is still no connection to Redis: {error}");
        }
        self.lane.broke();
        self.link = None;
        self.counters.set_connected(false);
        self.counters.set_problem(Some(error.to_string()));
        // Only an answer makes the wait short again, since a server that is not the primary any
        // more may still let nodes connect.
        self.wait = (wait * 2).min(LONGEST_WAIT);
        self.open(wait, context);
    }

    /// Sends the next batch, if there is one and none is on its way.
    fn send(&mut self, context: &mut Context<Self>) {
        let calls = self.lane.send();
        self.counters.set_waiting(self.lane.waiting());
        if !calls.is_empty() {
            self.make(calls, context);
        }
    }

    fn make(&mut self, calls: Vec<Numbered<Rc<Job>>>, context: &mut Context<Self>) {
        let Some(mut link) = self.link.clone() else {
            return;
        };
        let answered = async move {
            let numbered = calls.iter().map(|it| Numbered {
                number: it.number,
                call: &it.call.call,
            });
            let made = link.make(numbered).await;
            (calls, made)
        };
        let (answered, number) = (answered.into_actor(self), self.links);
        context.spawn(answered.map(move |(calls, made), lane, context| {
            if lane.is_on(number) {
                lane.answered(&calls, made, context);
            }
        }));
    }

    /// Returns whether the connection with this number is the present one.
    fn is_on(&self, number: u64) -> bool {
        self.link.is_some() && self.links == number
    }

    fn answered(
        &mut self,
        calls: &[Numbered<Rc<Job>>],
        made: RedisResult<Made>,
        context: &mut Context<Self>,
    ) {
        let Made {
            answers,
            is_confirmed,
        } = match made {
            Ok(made) => made,
            Err(error) => return self.broke(&error, context),
        };
        self.counters.count_calls(answers.len());
        let (mut broken, mut refusal) = (None, None);
        let mut is_dead = false;
        for (call, answer) in calls.iter().zip(answers) {
            let outcome = match read(&call.call.call, answer) {
                Ok(Answer::Dead) => {
                    is_dead = true;
                    Err(NotDone::Refused)
                }
                Ok(answer) => {
                    self.known.note(&answer);
                    answer.fed().inspect(|id| self.witness.saw(*id));
                    Ok(answer)
                }
                Err(Unanswered::Refused(error)) => {
                    refusal = Some(error);
                    Err(NotDone::Refused)
                }
                Err(Unanswered::Failed) => Err(NotDone::Unknown),
                Err(Unanswered::Again(error)) => {
                    broken = Some(error);
                    continue;
                }
            };
            if let Some(job) = self.lane.answered(call.number) {
                let is_in_doubt = !is_confirmed && outcome.is_ok() && job.waits_for_replicas();
                job.answer(if is_in_doubt {
                    Err(NotDone::Unknown)
                } else {
                    outcome
                });
            }
        }
        if is_dead {
            return self.become_another(context);
        }
        if let Some(error) = broken {
            return self.broke(&error, context);
        }
        self.wait = FIRST_WAIT;
        self.note_troubles(refusal.as_ref(), is_confirmed);
        self.send(context);
    }

    /// Goes on as another node, because the others have declared this one dead.
    fn become_another(&mut self, context: &mut Context<Self>) {
        self.node = random_id();
        log::warn!("the other nodes took this one for dead, so it goes on as another node");
        self.identity.send_replace(self.node);
        self.lane.broke();
        self.link = None;
        self.counters.set_connected(false);
        self.open(FIRST_WAIT, context);
    }

    /// Gives up the calls that are too old.
    fn give_up(&mut self) {
        let is_old = |job: &Rc<Job>| !job.is_patient && job.since.elapsed() >= LONGEST;
        let given_up = self.lane.give_up(is_old);
        let count = given_up.unsent.len() + given_up.in_doubt.len();
        self.counters.count_refused(count);
        for job in given_up.unsent {
            job.answer(Err(NotDone::Refused));
        }
        for job in given_up.in_doubt {
            job.answer(Err(NotDone::Unknown));
        }
    }
}

impl Actor for LaneActor {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Self::Context) {
        // A message that waited for room in the mailbox would be overtaken.
        context.set_mailbox_capacity(2 * CAPACITY);
        self.open(Duration::ZERO, context);
        context.run_interval(LOOK_INTERVAL, |lane, _| lane.give_up());
        context.run_interval(CHECK_INTERVAL, Self::check);
    }
}

impl Handler<Make> for LaneActor {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, make: Make, context: &mut Self::Context) -> Self::Result {
        let answer = self.push(make, context);
        Box::pin(async move { answer.await.unwrap_or(Err(NotDone::Unknown)) })
    }
}

impl LaneActor {
    /// Adds a call. Returns the receiver of its answer.
    fn push(&mut self, make: Make, context: &mut Context<Self>) -> oneshot::Receiver<Outcome> {
        let (sender, answer) = oneshot::channel();
        let job = Job {
            call: make.call,
            is_patient: make.is_patient,
            since: Instant::now(),
            answer: Cell::new(Some(sender)),
        };
        if let Err(job) = self.lane.push(Rc::new(job)) {
            self.counters.count_refused(1);
            job.answer(Err(NotDone::Refused));
        }
        self.counters.set_waiting(self.lane.waiting());
        if self.link.is_some() {
            self.send(context);
        }
        answer
    }
}

impl Job {
    /// Returns whether the call counts as done only when replicas have confirmed it.
    fn waits_for_replicas(&self) -> bool {
        !self.is_patient && waits_for_replicas(&self.call)
    }

    fn answer(&self, answer: Outcome) {
        if let Some(sender) = self.answer.take() {
            // A caller that has gone needs no answer.
            let _ = sender.send(answer);
        }
    }
}
