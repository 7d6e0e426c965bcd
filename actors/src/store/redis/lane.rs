//! The actor that makes a node's calls to Redis, one batch after the other.

use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytes::Bytes;
use redis::{RedisError, RedisResult, Value};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::core::cluster::call::{Answer, Call, NodeId};
use crate::core::cluster::lane::{Lane, Numbered};
use crate::store::redis::decoding;
use crate::store::redis::link::{Known, Link, Place};

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
}

impl LaneActor {
    /// Creates the lane of a node, which connects when it starts.
    pub fn new(place: Place, node: NodeId) -> Self {
        let mut lane = Lane::new(CAPACITY, BATCH);
        lane.broke();
        Self {
            place,
            node,
            known: Known::default(),
            lane,
            link: None,
            wait: FIRST_WAIT,
        }
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
        self.known.term = self.known.term.max(link.term());
        self.link = Some(link);
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
        self.wait = (wait * 2).min(LONGEST_WAIT);
        self.open(wait, context);
    }

    /// Sends the next batch, if there is one and none is on its way.
    fn send(&mut self, context: &mut Context<Self>) {
        let calls = self.lane.send();
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
        let mut broken = None;
        for (call, answer) in calls.iter().zip(answers) {
            match read(&call.call.call, answer) {
                Ok(answer) => {
                    if let Ok(answer) = &answer {
                        self.known.note(answer);
                    }
                    if let Some(job) = self.lane.answered(call.number) {
                        job.answer(answer);
                    }
                }
                Err(error) => broken = Some(error),
            }
        }
        match broken {
            Some(error) => self.broke(&error, context),
            None => self.send(context),
        }
    }

    /// Gives up the calls that are too old.
    fn give_up(&mut self) {
        let is_old = |job: &Rc<Job>| !job.is_patient && job.since.elapsed() >= LONGEST;
        let given_up = self.lane.give_up(is_old);
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
        self.open(Duration::ZERO, context);
        context.run_interval(LOOK_INTERVAL, |lane, _| lane.give_up());
    }
}

impl Handler<Make> for LaneActor {
    type Result = ResponseFuture<Outcome>;

    fn handle(&mut self, make: Make, context: &mut Self::Context) -> Self::Result {
        let (sender, answer) = oneshot::channel();
        let job = Job {
            call: make.call,
            is_patient: make.is_patient,
            since: Instant::now(),
            answer: Cell::new(Some(sender)),
        };
        if let Err(job) = self.lane.push(Rc::new(job)) {
            job.answer(Err(NotDone::Refused));
        }
        if self.link.is_some() {
            self.send(context);
        }
        Box::pin(async move { answer.await.unwrap_or(Err(NotDone::Unknown)) })
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
