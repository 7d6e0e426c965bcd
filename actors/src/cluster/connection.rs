//! The actor of a connection on a node that answers for it. A [`Session`] decides; there is one for
//! each turn that this node has taken.
//!
//! The connection itself is a record in Redis. This actor exists while the node has something to do
//! for it: a transport listens here, or a timer runs, or something must still be reported.

mod ending;
mod serving;
mod timers;
mod transports;

use std::time::Duration;

use actix::prelude::*;
use bytes::Bytes;
use tokio::sync::oneshot;

use self::serving::Serving;
use crate::channel::Channel;
use crate::common::Common;
use crate::connection::{Activity, AttachOutlet, GetActivity};
use crate::core::cluster::answer::Answer;
use crate::core::cluster::call::{Call, FeedId, Record, Turn};
use crate::core::cluster::effect::Effect;
use crate::core::cluster::fed::Fed;
use crate::core::cluster::session::Session;
use crate::core::cursor::Generation;
use crate::directories::Directories;
use crate::directory::{Registered, Registration, impl_registered_handlers};
use crate::error::{CloseReason, NotAttached, Refused};
use crate::memory::{CONNECTION_BYTES, HeldBytes};
use crate::name::{ConnId, LogName};
use crate::outlet::{Attachment, Progress, Stage};
use crate::store::redis::lane::Outcome;
use crate::store::redis::node::Node;
use crate::user::User;

/// The wait before a call is made again that Redis has refused.
const CALL_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Begins to answer for a connection that this node has made. Sent by the operation that has made
/// it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Begin {
    pub(crate) record: Record,
    /// The last entry of the feed that the record has.
    pub(crate) since: FeedId,
}

/// Tells the connection of an entry of the feed. Sent by the actor that hands the feed on.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct HearFeed {
    pub(crate) id: FeedId,
    pub(crate) fed: Fed<Bytes>,
}

/// Ends the transports, because this node may have missed something about the connection. Their
/// clients come back.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

/// Asks whether this node answers for a turn of the connection.
#[derive(Message, Clone, Copy)]
#[rtype(result = "bool")]
pub(crate) struct DoesServe(pub(crate) Turn);

/// The parts of the broker that a connection needs.
#[derive(Clone)]
pub(crate) struct ClusterNeeds {
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
    pub(crate) users: Directories<User>,
    pub(crate) node: Node,
}

/// The actor of a connection on a node that answers for it.
pub(crate) struct ServedConnection {
    registration: Registration<Self>,
    needs: ClusterNeeds,
    /// The number of the latest serving.
    latest: Generation,
    servings: Vec<Serving>,
    /// The number of turns that are being taken.
    taking: usize,
    /// What the feed has said while a turn is being taken.
    meanwhile: Vec<(FeedId, Fed<Bytes>)>,
    /// Completed when nothing is left to report, because the server stops.
    suspension: Option<oneshot::Sender<()>>,
    _held: HeldBytes,
}

impl Registered for ServedConnection {
    type Name = ConnId;

    type Needs = ClusterNeeds;

    fn open(registration: Registration<Self>, needs: &ClusterNeeds) -> Self {
        Self {
            registration,
            needs: needs.clone(),
            latest: Generation::default(),
            servings: Vec::new(),
            taking: 0,
            meanwhile: Vec::new(),
            suspension: None,
            _held: needs.common.memory().hold_lasting(CONNECTION_BYTES),
        }
    }

    fn registration(&mut self) -> &mut Registration<Self> {
        &mut self.registration
    }

    fn after_message(&mut self) {
        self.stop_if_done();
    }
}

impl Actor for ServedConnection {
    type Context = Context<Self>;
}

impl_registered_handlers!(ServedConnection);

impl ServedConnection {
    fn conn_id(&self) -> ConnId {
        *self.registration.name()
    }

    fn serving(&mut self, number: Generation) -> Option<&mut Serving> {
        let mut servings = self.servings.iter_mut();
        servings.find(|serving| serving.number == number)
    }

    fn numbers(&self) -> Vec<Generation> {
        self.servings.iter().map(|serving| serving.number).collect()
    }

    /// Forgets the servings that are over, and stops if nothing is left to do.
    fn stop_if_done(&mut self) {
        self.servings.retain(|serving| !serving.is_over());
        if self.taking > 0 {
            return;
        }
        self.meanwhile.clear();
        if self.suspension.is_some() && self.servings.iter().all(Serving::is_settled) {
            self.servings.clear();
            // An error means that nobody waits any more.
            self.suspension.take().map(|reply| reply.send(()).ok());
        }
        if self.servings.is_empty() {
            self.registration.offer_to_stop();
        }
    }

    /// Carries out what a session has decided, and makes its next call.
    fn carry_out(&mut self, number: Generation, effects: Vec<Effect>, context: &mut Context<Self>) {
        for effect in effects {
            match effect {
                Effect::Attach {
                    log,
                    position,
                    missed_up_to,
                    is_new,
                } => self.attach_to(number, log, position, missed_up_to, is_new, context),
                Effect::Detach { log } => self.detach_from_log(number, &log),
                Effect::Shut => self.shut(number, context),
                Effect::StartTimers => self.start_timers(number, context),
            }
        }
        self.make_next_call(number, context);
    }

    /// Makes the next call that a session needs, if none is on its way.
    fn make_next_call(&mut self, number: Generation, context: &mut Context<Self>) {
        let node = self.needs.node.clone();
        let Some(serving) = self.serving(number).filter(|serving| !serving.is_busy) else {
            return;
        };
        let Some(call) = serving.session.next_call() else {
            return;
        };
        serving.is_busy = true;
        let made = node.make_patiently(call.clone()).into_actor(self);
        context.spawn(made.map(move |outcome, connection, context| {
            connection.answered(number, &call, outcome, context);
            connection.stop_if_done();
        }));
    }

    fn answered(
        &mut self,
        number: Generation,
        call: &Call<Bytes>,
        outcome: Outcome,
        context: &mut Context<Self>,
    ) {
        let common = self.needs.common.clone();
        let Some(serving) = self.serving(number) else {
            return;
        };
        let Ok(answer) = outcome else {
            context.run_later(CALL_AGAIN_AFTER, move |connection, context| {
                if let Some(serving) = connection.serving(number) {
                    serving.is_busy = false;
                }
                connection.make_next_call(number, context);
            });
            return;
        };
        serving.is_busy = false;
        match answer {
            Answer::Later(_) => serving.reason = CloseReason::Replaced,
            Answer::Unknown => serving.reason = CloseReason::UnknownConnection,
            _ if serving.is_expiring => serving.reason = CloseReason::Idle,
            _ => {}
        }
        if matches!((call, &answer), (Call::End { .. }, Answer::Done)) {
            serving.count_end(&common);
        }
        let effects = serving.session.answered(call, &answer);
        self.carry_out(number, effects, context);
    }

    /// Tells a session of an entry of the feed.
    fn hear(
        &mut self,
        number: Generation,
        id: FeedId,
        fed: &Fed<Bytes>,
        context: &mut Context<Self>,
    ) {
        let common = self.needs.common.clone();
        let Some(serving) = self.serving(number) else {
            return;
        };
        match fed {
            Fed::Taken { turn, polls, .. } if *turn > serving.session.turn() => {
                (serving.reason, serving.polls_again) = (CloseReason::Replaced, *polls);
            }
            Fed::Ended { .. } if !serving.is_expiring => {
                serving.reason = CloseReason::Disconnected;
                serving.count_end(&common);
            }
            Fed::Heard { .. } => serving.was_lost = false,
            _ => {}
        }
        let effects = serving.session.read_feed(id, fed);
        self.carry_out(number, effects, context);
    }
}

impl Handler<Begin> for ServedConnection {
    type Result = ();

    fn handle(&mut self, Begin { record, since }: Begin, context: &mut Context<Self>) {
        self.latest = self.latest.next();
        let session = Session::of_connect(self.conn_id(), record, since);
        let number = self.latest;
        self.servings.push(Serving::new(number, session));
        self.start_timers(number, context);
        self.watch_deadline(number, self.needs.common.limits().idle, context);
    }
}

impl Handler<HearFeed> for ServedConnection {
    type Result = ();

    fn handle(&mut self, HearFeed { id, fed }: HearFeed, context: &mut Context<Self>) {
        for number in self.numbers() {
            self.hear(number, id, &fed, context);
        }
        if self.taking > 0 {
            self.meanwhile.push((id, fed));
        }
    }
}

impl Handler<AttachOutlet> for ServedConnection {
    type Result = ResponseFuture<Result<Attachment, NotAttached>>;

    fn handle(&mut self, attach: AttachOutlet, context: &mut Context<Self>) -> Self::Result {
        let (reply, attached) = oneshot::channel();
        if self.suspension.is_none() {
            self.take_turn(attach, reply, context);
        }
        // Without an answer the server stops.
        let stops = Err(Refused::TRY_AGAIN.into());
        Box::pin(async move { attached.await.unwrap_or(stops) })
    }
}

impl Handler<Progress> for ServedConnection {
    type Result = ();

    fn handle(&mut self, progress: Progress, context: &mut Context<Self>) {
        let number = progress.generation;
        match progress.stage {
            Stage::Ended(end) => self.transport_ended(number, end, context),
            Stage::Read(report) => self.confirm(number, &report),
        }
    }
}

impl Handler<Abandon> for ServedConnection {
    type Result = ();

    fn handle(&mut self, _: Abandon, context: &mut Context<Self>) {
        for number in self.numbers() {
            self.abandon(number, context);
        }
    }
}

impl Handler<DoesServe> for ServedConnection {
    type Result = bool;

    fn handle(&mut self, DoesServe(turn): DoesServe, _: &mut Context<Self>) -> bool {
        let mut servings = self.servings.iter();
        self.taking > 0 || servings.any(|serving| serving.session.turn() == turn)
    }
}

impl Handler<GetActivity> for ServedConnection {
    type Result = Activity;

    fn handle(&mut self, _: GetActivity, _: &mut Context<Self>) -> Activity {
        let Some(serving) = self.servings.last() else {
            return Activity::default();
        };
        let channels = serving.session.logs().filter_map(LogName::channel);
        Activity {
            channels: channels.cloned().collect(),
            transport: serving.outlet().map(|outlet| outlet.transport),
            silent: serving.last_heard().elapsed(),
        }
    }
}
