//! The actor of a connection. It knows the connection's user, its channels and the transport that
//! listens for it, and it decides when the connection ends.
//!
//! Messages do not pass through this actor. When a transport attaches, the actor gives the outlet
//! to the channels and the user, and they send to the outlet directly.
//!
//! Everything that begins or ends for a connection begins and ends here, and is passed down from
//! here in order. So a user is told that a connection has ended after it was told that it began,
//! whatever happens to the calls in between.

mod joining;
mod life;
mod places;
pub(crate) mod restart;
mod subscribing;
mod takeover;

use std::future::ready;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::oneshot;

use self::life::{Life, NewTransport, Unserved};
use self::places::Places;
use crate::channel::LeavePlace;
use crate::core::connection::{Positions, Subscriptions};
use crate::core::cursor::Generation;
use crate::core::record::ConnectionRecord;
use crate::core::user::ConnectState;
use crate::directory::{IfAbsent, Registered, Registration, impl_registered_handlers};
use crate::error::{CloseReason, NotAttached, NotConnected, NotDone};
use crate::faults::{ActorKind, PanickedActor, is_panicking};
use crate::memory::{CONNECTION_BYTES, HeldBytes, PLACE_BYTES};
use crate::name::{ChannelName, ConnId, UserName};
use crate::outlet::{Attachment, Outlet, Progress, Stage};
use crate::position::Return;
use crate::request::{RequestId, log_for};
use crate::store::note::Note;
use crate::user::{Configs, Connected, RemoveConnection};

pub(crate) use self::life::Activity;
pub(crate) use self::places::ConnectionNeeds;

/// Opens the connection for a user, or keeps it if it already belongs to the user, and subscribes
/// it to channels. Sent by the broker; creates the actor.
#[derive(Message)]
#[rtype(result = "Result<Connected, NotConnected>")]
pub(crate) struct Open {
    pub(crate) user: UserName,
    pub(crate) set: ConnectState,
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) configs: Configs,
    /// The id of the request; `None` unless single connections are logged.
    pub(crate) request: Option<RequestId>,
}

/// Subscribes the connection to channels. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, NotDone>")]
pub(crate) struct Subscribe {
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) configs: Configs,
}

/// Unsubscribes the connection from channels. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, NotDone>")]
pub(crate) struct Unsubscribe {
    pub(crate) channels: Vec<ChannelName>,
    /// Whether the client itself leaves the channels, and may join them again.
    pub(crate) is_by_client: bool,
}

/// Subscribes the connection to those of the channels that its client may join by itself. The
/// answer has those of them that the connection is then in. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Result<Vec<ChannelName>, NotDone>")]
pub(crate) struct Join {
    pub(crate) channels: Vec<ChannelName>,
}

/// Asks whether the connection is open. Sent by the broker.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct IsOpen;

/// Asks whose connection it is, and for its channels. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Option<(UserName, Vec<ChannelName>)>")]
pub(crate) struct GetOwner;

/// Asks for the present activity of the connection. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Activity")]
pub(crate) struct GetActivity;

/// Lets a transport listen. The newest transport of a connection wins. Sent by the broker for the
/// transport. The answer comes when the transport is attached to all channels and to the user.
#[derive(Message)]
#[rtype(result = "Result<Attachment, NotAttached>")]
pub(crate) struct AttachOutlet {
    pub(crate) outlet: Outlet,
    pub(crate) returning: Return,
}

/// Ends the connection for good. The answer says whether it was open. Sent by the broker.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct Close {
    pub(crate) reason: CloseReason,
    /// The id of the request; `None` unless single connections are logged.
    pub(crate) request: Option<RequestId>,
}

/// Asks whether all entries for the client were sent to it. Sent by the broker when the server
/// stops.
#[derive(Message)]
#[rtype(result = "bool")]
pub(crate) struct IsServed;

/// Tells the client to come back after the restart, in `wait` seconds, and keeps the connection
/// until then. In memory mode the connection ends. Sent by the broker when the server stops.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Suspend {
    pub(crate) wait: u64,
}

/// Restores the connection as it was before the restart. Sent by the broker before any other
/// message reaches the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Restore {
    pub(crate) record: ConnectionRecord,
    /// The positions of the client in the logs as they are now.
    pub(crate) read: Positions,
    /// The shortest time for which the connection waits for its client.
    pub(crate) shortest_wait: Duration,
}

/// Notes the connection in the store again, because the store has lost earlier notes. Sent by the
/// broker.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct NoteWhole;

/// The actor of a connection.
pub(crate) struct Connection {
    registration: Registration<Self>,
    needs: ConnectionNeeds,
    /// `None` before [`Open`] and after the end. After the end the actor only waits until its
    /// directory forgets it.
    life: Option<Life>,
    /// The number of lives so far. It keeps a late answer to an earlier life from changing this
    /// one.
    life_number: u64,
    /// The generation of the latest transport.
    generation: Generation,
    /// The number of messages that are not answered yet. The actor does not stop before all are
    /// answered.
    unanswered: usize,
    /// The count of the bytes that the connection and its places hold.
    held: HeldBytes,
    /// Completed when the transport has ended that was told to end because the server stops.
    suspension: Option<oneshot::Sender<()>>,
}

impl Registered for Connection {
    type Name = ConnId;

    type Needs = ConnectionNeeds;

    fn open(registration: Registration<Self>, needs: &ConnectionNeeds) -> Self {
        Self {
            registration,
            needs: needs.clone(),
            life: None,
            life_number: 0,
            generation: Generation::default(),
            unanswered: 0,
            held: needs.common.memory().hold_lasting(CONNECTION_BYTES),
            suspension: None,
        }
    }

    fn registration(&mut self) -> &mut Registration<Self> {
        &mut self.registration
    }

    fn after_message(&mut self) {
        let places = self.life.as_ref().map_or(0, |life| life.core.place_count());
        self.held.set(CONNECTION_BYTES + places * PLACE_BYTES);
        self.stop_if_ended();
    }

    fn after_panic(conn_id: &ConnId, needs: &ConnectionNeeds) {
        (needs.common.store()).note(|| Note::ConnectionEnded(*conn_id));
    }
}

impl Actor for Connection {
    type Context = Context<Self>;
}

impl Drop for Connection {
    fn drop(&mut self) {
        if is_panicking() {
            self.registration.report_panic();
            self.needs.common.faults().report(PanickedActor {
                kind: ActorKind::Connection,
                connections: Vec::new(),
            });
            if let Some(life) = self.life.take() {
                let reason = CloseReason::Fault;
                self.needs.common.counters().count_connection_end(reason);
                self.leave(life, reason);
            }
        }
    }
}

impl Connection {
    fn conn_id(&self) -> ConnId {
        *self.registration.name()
    }

    /// Returns the life that an answer is for, unless it has ended meanwhile.
    fn life(&mut self, life_number: u64) -> Option<&mut Life> {
        self.life
            .as_mut()
            .filter(|_| self.life_number == life_number)
    }

    /// Returns the logs in which the connection has a place now.
    fn places(&self) -> Option<Places> {
        let life = self.life.as_ref()?;
        Some(Places {
            conn_id: self.conn_id(),
            user: life.core.user().clone(),
            channels: life.core.channel_list(),
            needs: self.needs.clone(),
        })
    }

    /// Waits, and then closes the connection if its deadline has passed. If the client was heard
    /// from meanwhile, the same timer waits for the new deadline.
    fn watch_deadline(&self, wait: Duration, context: &mut Context<Self>) {
        let life_number = self.life_number;
        context.run_later(wait, move |connection, context| {
            let idle = connection.needs.common.limits().idle;
            let Some(life) = connection.life(life_number) else {
                return;
            };
            let deadline = life.deadline(idle);
            match deadline.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => connection.watch_deadline(left, context),
                _ => {
                    connection.close(CloseReason::Idle);
                    connection.stop_if_ended();
                }
            }
        });
    }

    fn close(&mut self, reason: CloseReason) -> bool {
        let Some(life) = self.life.take() else {
            return false;
        };
        let (conn_id, user) = (self.conn_id(), life.core.user().clone());
        log_end(conn_id, &user, &reason.reason());
        self.needs.common.counters().count_connection_end(reason);
        (self.needs.common.store()).note(|| Note::ConnectionEnded(conn_id));
        self.leave(life, reason);
        true
    }

    /// Ends a life, unless it has ended meanwhile.
    fn close_life(&mut self, life_number: u64, reason: CloseReason) {
        if self.life(life_number).is_some() {
            self.close(reason);
        }
    }

    /// Removes the connection from its user and its channels, and tells its transports to end.
    fn leave(&self, life: Life, reason: CloseReason) {
        let conn_id = self.conn_id();
        let (user, channels) = (life.core.user().clone(), life.core.channel_list());
        if reason == CloseReason::Fault {
            // A panic may have ended the user, which then cannot update the channels.
            for channel in channels.iter().cloned() {
                let leave = LeavePlace(conn_id);
                self.needs.channels.tell(channel, IfAbsent::Skip, leave);
            }
        }
        // When the server stops, all users leave, and those still present need not be told of each
        // one.
        if !matches!(reason, CloseReason::Restart { .. }) {
            let remove = RemoveConnection { conn_id, channels };
            self.needs.users.tell(user, IfAbsent::Skip, remove);
        }
        life.shut(reason, self.needs.common.limits().close_grace);
    }

    /// Notes the connection in the store as it is now. Called before any other actor is told of a
    /// change.
    fn note(&self) {
        if let Some(life) = &self.life {
            let conn_id = self.conn_id();
            (self.needs.common.store()).note(|| Note::Connection(conn_id, life.record(None)));
        }
    }

    /// Notes the client's positions in the store, as the logs have answered them.
    fn note_positions(&mut self, life_number: u64, positions: Positions) {
        if self.needs.common.store().keeps()
            && let Some(life) = self.life(life_number)
        {
            life.core.set_positions(positions);
            self.note();
        }
    }

    /// Notes the places that the connection has taken. They stay new if no transport listens.
    fn note_new_places(&mut self, life_number: u64, mut positions: Positions) {
        if self.needs.common.store().keeps()
            && (self.life(life_number)).is_some_and(|life| life.outlet().is_none())
        {
            let taken = positions.channels.values().chain(&positions.private);
            positions.new_places = taken.map(|(epoch, _)| *epoch).collect();
        }
        self.note_positions(life_number, positions);
    }

    /// Offers its directory to stop, if the connection has ended and no message is unanswered.
    fn stop_if_ended(&self) {
        if self.life.is_none() && self.unanswered == 0 {
            self.registration.offer_to_stop();
        }
    }

    /// Answers a message once the result of `asked` is known.
    fn answer_after<T: 'static, R: 'static>(
        &mut self,
        asked: impl Future<Output = T> + 'static,
        answer: impl FnOnce(T, &mut Self) -> R + 'static,
    ) -> ResponseActFuture<Self, R> {
        self.unanswered += 1;
        Box::pin(asked.into_actor(self).map(|asked, connection, _| {
            let answer = answer(asked, connection);
            connection.unanswered -= 1;
            connection.stop_if_ended();
            answer
        }))
    }
}

/// Logs that a connection has ended in this process.
fn log_end(conn_id: ConnId, user: &UserName, reason: &str) {
    log::debug!(
        connection:% = conn_id.short(), user = user.as_str(), reason = reason;
        "disconnected"
    );
}

impl_registered_handlers!(Connection);

impl Handler<IsOpen> for Connection {
    type Result = bool;

    fn handle(&mut self, _: IsOpen, _: &mut Context<Self>) -> bool {
        self.life.is_some()
    }
}

impl Handler<GetOwner> for Connection {
    type Result = Option<(UserName, Vec<ChannelName>)>;

    fn handle(&mut self, _: GetOwner, _: &mut Context<Self>) -> Self::Result {
        let core = &self.life.as_ref()?.core;
        Some((core.user().clone(), core.channel_list()))
    }
}

impl Handler<GetActivity> for Connection {
    type Result = Activity;

    fn handle(&mut self, _: GetActivity, _: &mut Context<Self>) -> Activity {
        self.life.as_ref().map(Life::activity).unwrap_or_default()
    }
}

impl Handler<AttachOutlet> for Connection {
    type Result = ResponseActFuture<Self, Result<Attachment, NotAttached>>;

    fn handle(&mut self, attach: AttachOutlet, context: &mut Context<Self>) -> Self::Result {
        let AttachOutlet { outlet, returning } = attach;
        let (reply, attached) = oneshot::channel();
        if (self.life.as_ref()).is_some_and(|life| !life.is_suspended()) {
            self.generation = self.generation.next();
            let attachment = Attachment::new(self.generation, context.address().recipient());
            let transport = NewTransport {
                generation: self.generation,
                outlet: outlet.into(),
                returning,
                attachment,
                reply,
            };
            self.add_transport(transport, context);
        }
        self.answer_after(attached, |attached, _| {
            attached.map_err(|_| NotAttached::Unknown)
        })
    }
}

impl Handler<Progress> for Connection {
    type Result = ();

    fn handle(&mut self, progress: Progress, context: &mut Context<Self>) {
        match progress.stage {
            Stage::Ended(end) => self.end_transport(progress.generation, end, context),
            // A certain report never becomes wrong, so it does not matter which transport sends it.
            Stage::Read(read) => {
                if let Some(life) = &mut self.life
                    && life.core.confirm(&read)
                {
                    self.note();
                }
            }
        }
    }
}

impl Handler<Close> for Connection {
    type Result = bool;

    fn handle(&mut self, Close { reason, request }: Close, _: &mut Context<Self>) -> bool {
        let mut was_open = false;
        log_for(request.as_ref(), || was_open = self.close(reason));
        was_open
    }
}

impl Handler<IsServed> for Connection {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, _: IsServed, _: &mut Context<Self>) -> Self::Result {
        let close_grace = self.needs.common.limits().close_grace;
        let unserved = self.life.as_ref().map(|life| life.unserved(close_grace));
        let queue = match unserved {
            Some(Unserved::Entries(queue)) => queue,
            Some(Unserved::NextTransport) => return Box::pin(ready(false)),
            Some(Unserved::Nothing) | None => return Box::pin(ready(true)),
        };
        let places = self.places();
        Box::pin(async move {
            let is_sent = match places {
                Some(places) => places.are_up_to_date().await,
                None => true,
            };
            // Checked last, because entries that the logs have just delivered wait in this queue.
            is_sent && queue.is_none_or(|queue| queue.is_empty())
        })
    }
}
