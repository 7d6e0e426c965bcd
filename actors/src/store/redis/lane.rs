//! The actor that makes a node's calls to Redis, one batch after the other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use redis::{RedisError, RedisResult, Value};
use tokio::sync::{oneshot, watch};
use tokio::time::sleep;

use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, NodeId, Term};
use crate::core::cluster::lane::{Lane, Numbered};
use crate::core::cluster::witness::Witness;
use crate::store::redis::decoding;
use crate::store::redis::link::{Known, Link, Place, random_id};
use crate::store::redis::status::NodeCounters;

/// The most calls that may wait. A call beyond it is refused.
const CAPACITY: usize = 10_000;

/// The most calls of a batch.
const BATCH: usize = 128;

/// The age at which a call is given up.
const LONGEST: Duration = Duration::from_secs(3);

/// The time between two looks for calls that are too old.
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

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
    wait: Duration,
    witness: Witness,
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
            wait: FIRST_WAIT,
            witness: Witness::default(),
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
        log::info!("connected to Redis, term {}", link.term().0);
        if self.known.term != Term::default() && link.term() > self.known.term {
            self.counters.note_restart();
        }
        self.known.term = self.known.term.max(link.term());
        self.link = Some(link);
        self.counters.set_connected(true);
        self.wait = FIRST_WAIT;
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
            let answers = link.make(numbered).await;
            (calls, answers)
        };
        let answered = answered.into_actor(self);
        context.spawn(answered.map(|(calls, answers), lane, context| {
            lane.answered(&calls, answers, context);
        }));
    }

    fn answered(
        &mut self,
        calls: &[Numbered<Rc<Job>>],
        answers: RedisResult<Vec<RedisResult<Value>>>,
        context: &mut Context<Self>,
    ) {
        let answers = match answers {
            Ok(answers) => answers,
            Err(error) => return self.broke(&error, context),
        };
        self.counters.count_calls(answers.len());
        let mut broken = None;
        let mut is_dead = false;
        for (call, answer) in calls.iter().zip(answers) {
            match read(&call.call.call, answer) {
                Ok(mut answer) => {
                    if let Ok(answer) = &answer {
                        self.known.note(answer);
                        answer.fed().inspect(|id| self.witness.saw(*id));
                    }
                    if answer == Ok(Answer::Dead) {
                        is_dead = true;
                        answer = Err(NotDone::Refused);
                    }
                    if let Some(job) = self.lane.answered(call.number) {
                        job.answer(answer);
                    }
                }
                Err(error) => broken = Some(error),
            }
        }
        if is_dead {
            return self.become_another(context);
        }
        match broken {
            Some(error) => self.broke(&error, context),
            None => self.send(context),
        }
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
    }
}

impl Handler<Make> for LaneActor {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, make: Make, context: &mut Self::Context) -> Self::Result {
        let answer = self.push(make, context);
        Box::pin(async move { answer.await.unwrap_or(Err(NotDone::Unknown)) })
    }
}

impl Handler<NoteFeed> for LaneActor {
    type Result = ();

    fn handle(&mut self, NoteFeed(noted): NoteFeed, context: &mut Self::Context) {
        for noted in noted {
            match noted {
                Noted::Read(id) => self.witness.saw(id),
                Noted::Fenced(term, kept) => {
                    self.counters.count_term();
                    if self.witness.fenced(term, kept) {
                        self.counters.count_loss();
                        log::warn!("Redis has lost what it was told last; clients are told of it");
                        self.tell_of_loss(context);
                    }
                }
            }
        }
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

    /// Says that Redis has lost entries of the feed, until Redis has heard it.
    fn tell_of_loss(&mut self, context: &mut Context<Self>) {
        let told = self.push(
            Make {
                call: Call::Lost,
                is_patient: true,
            },
            context,
        );
        let told = told.into_actor(self).then(|outcome, lane, _| {
            let is_told = matches!(outcome, Ok(Ok(_)));
            let wait = if is_told {
                Duration::ZERO
            } else {
                LOOK_INTERVAL
            };
            sleep(wait).into_actor(lane).map(move |(), _, _| is_told)
        });
        context.spawn(told.map(|is_told, lane, context| {
            if !is_told {
                lane.tell_of_loss(context);
            }
        }));
    }
}

impl Job {
    fn answer(&self, answer: Outcome) {
        if let Some(sender) = self.answer.take() {
            // A caller that has gone needs no answer.
            let _ = sender.send(answer);
        }
    }
}

/// Reads the answer to a call.
///
/// # Errors
/// Returns an error if the call must be made again on another connection.
fn read(call: &Call<Bytes>, answer: RedisResult<Value>) -> RedisResult<Outcome> {
    match answer {
        Ok(value) => match decoding::answer(call, &value) {
            Ok(Answer::OtherTerm(_)) => Err(error("another term has begun")),
            Ok(answer) => Ok(Ok(answer)),
            Err(unreadable) => Err(error(&unreadable.to_string())),
        },
        // Redis checks before a script begins whether it may write, so nothing was done. Another
        // connection does not help.
        Err(error) if matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS")) => {
            log::warn!("Redis refuses to write: {error}");
            Ok(Err(NotDone::Refused))
        }
        // A script has failed in the middle, which is a fault of this server.
        Err(error) if error.code() == Some("ERR") => {
            log::error!("Redis could not finish a script: {error}");
            Ok(Err(NotDone::Unknown))
        }
        // For example, Redis does not have the script, is loading, or has become a replica.
        Err(error) => Err(error),
    }
}

fn error(text: &str) -> RedisError {
    (
        redis::ErrorKind::UnexpectedReturnType,
        "the answer is of no use",
        text.to_owned(),
    )
        .into()
}
