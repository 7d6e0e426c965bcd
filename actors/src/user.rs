//! The actor of a user. [`UserCore`] decides what happens, the actor then updates the user's
//! channels, and [`Delivery`] sends private messages.
//!
//! A user updates its channels one after the other: it sends an update to a channel only after the
//! channel before has answered. It answers the operation last. So an operation is done everywhere
//! when its caller gets the answer. Operations of one user do not overtake each other, and a client
//! that listens to several of the channels gets their events in the order of the updates.

mod following;
mod private_log;
mod update_queue;

use std::future::ready;

use actix::prelude::*;

use self::update_queue::UpdateQueue;
use crate::channel::{Channel, RemoveMember};
use crate::common::Common;
use crate::core::connection::Positions;
use crate::core::user::{
    ChannelUpdate, ConnectState, ConnectedChannels, Place, StateChanged, UserCore,
};
use crate::core::visible_state::Values;
use crate::counters::Counted;
use crate::delivery::{Delivery, RestoredPlace};
use crate::directories::Directories;
use crate::directory::{IfAbsent, Registered, Registration, impl_registered_handlers};
use crate::error::Unknown;
use crate::faults::{ActorKind, PanickedActor, fail_point, is_panicking};
use crate::following::Following;
use crate::limits::LimitReached;
use crate::memory::{ActorBytes, ActorMemory, GIVEN_BYTES, USER_BYTES};
use crate::name::{ChannelName, ConnId, Identity, LogName, UserName};
use crate::posting::LogActor;
use crate::protocol::info::UserInfo;
use crate::protocol::state::State;
use crate::protocol::timestamp::Moment;
use crate::store::note::Note;
use crate::view::user as view;
use crate::view::{UserDetail, UserSummary};

pub(crate) use self::update_queue::Configs;

/// Adds a connection, or adds channels to a connection that the user already has, and sets the
/// state. Sent by the connection. The answer has the places that the connection has taken, if the
/// store keeps them. A connection that would go beyond a limit is not added.
#[derive(Message)]
#[rtype(result = "Result<(Connected, Positions), LimitReached>")]
pub(crate) struct AddConnection {
    pub(crate) conn_id: ConnId,
    pub(crate) set: ConnectState,
    pub(crate) channels: ConnectedChannels,
    pub(crate) configs: Configs,
}

/// The part of the answer to `/connect` that describes the user.
#[derive(Debug)]
pub struct Connected {
    /// The user's whole state.
    pub state: State,
    /// The part of the state that others may see.
    pub public_state: State,
}

/// Adds channels to a connection of the user. Sent by the connection. The answer has the places
/// that the connection has taken, if the store keeps them.
#[derive(Message)]
#[rtype(result = "Result<Positions, Unknown>")]
pub(crate) struct AddSubscriptions {
    pub(crate) conn_id: ConnId,
    pub(crate) added: Vec<ChannelName>,
    pub(crate) configs: Configs,
}

/// Asks which of these channels the user's clients may join by themselves. Sent by the connection.
#[derive(Message)]
#[rtype(result = "Vec<ChannelName>")]
pub(crate) struct FindJoinable(pub(crate) Vec<ChannelName>);

/// Adds channels to a connection of the user, because its client joins them by itself. Sent by the
/// connection. The answer has the places that the connection has taken, if the store keeps them,
/// and the channels that the client may not join.
#[derive(Message)]
#[rtype(result = "Result<(Positions, Vec<ChannelName>), Unknown>")]
pub(crate) struct AddJoined {
    pub(crate) conn_id: ConnId,
    pub(crate) added: Vec<ChannelName>,
}

/// Removes channels from a connection of the user. Sent by the connection.
#[derive(Message)]
#[rtype(result = "Result<(), Unknown>")]
pub(crate) struct RemoveSubscriptions {
    pub(crate) conn_id: ConnId,
    pub(crate) removed: Vec<ChannelName>,
    /// Whether the application takes them back, so that the client cannot join them by itself.
    pub(crate) is_taken_back: bool,
}

/// Sets whether a connection of the user counts as present. Sent by the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct SetPresence {
    pub(crate) conn_id: ConnId,
    pub(crate) is_present: bool,
    /// The channels that the connection is in.
    pub(crate) channels: Vec<ChannelName>,
}

/// Removes a connection that has ended for good. Sent by the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct RemoveConnection {
    pub(crate) conn_id: ConnId,
    /// The channels that the connection was in.
    pub(crate) channels: Vec<ChannelName>,
}

/// Sets state values, and the public keys if they are given. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Result<StateChanged, LimitReached>")]
pub(crate) struct SetState {
    pub(crate) values: Values,
    pub(crate) public_keys: Option<Vec<String>>,
}

/// Asks whether the user exists. Only a user that exists answers. Sent by the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct CheckExists;

/// Asks for the user as `admin.json` shows it. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<UserInfo>")]
pub(crate) struct DescribeUser;

/// Asks for everything that an operator may see of the user. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<UserDetail>")]
pub(crate) struct InspectUser;

/// Asks for the user as one line of a list of users. Sent by the broker.
#[derive(Message)]
#[rtype(result = "Box<UserSummary>")]
pub(crate) struct SummarizeUser;

/// Restores the user as it was before a restart. Sent by the broker before any other message
/// reaches the user.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Restore {
    pub(crate) core: UserCore,
    /// The connections of the user.
    pub(crate) places: Vec<RestoredPlace>,
}

/// Notes the whole user in the store again, because the store has lost earlier notes. Sent by the
/// broker.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct NoteWhole;

/// The parts of the broker that a user needs.
#[derive(Clone)]
pub(crate) struct UserNeeds {
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
}

/// The actor of a user.
pub(crate) struct User {
    registration: Registration<Self>,
    needs: UserNeeds,
    core: UserCore,
    /// The subscribers of the private log, one for each connection.
    delivery: Delivery,
    /// The updates that channels must still be sent.
    updates: UpdateQueue,
    /// Counts the user as online while it has a connection.
    online: Option<Counted>,
    /// The count of the bytes that the user holds.
    held: ActorMemory,
    /// How the private log follows Redis in a cluster; `None` if the user decides by itself.
    following: Option<Following>,
}

impl Registered for User {
    type Name = UserName;

    type Needs = UserNeeds;

    fn open(registration: Registration<Self>, needs: &UserNeeds) -> Self {
        let limits = needs.common.limits();
        let mut core = UserCore::new(
            registration.name().clone(),
            Identity::random(),
            limits.retention(limits.private_frames),
            Moment::now(),
        );
        core.set_joinable(limits.clients_join);
        if needs.common.store().keeps() {
            core.collect_changes();
        }
        let delivery = Delivery::new(None, limits.private_frames, &needs.common);
        let log = || LogName::User(registration.name().clone());
        let node = needs.common.store().node();
        Self {
            following: node.map(|node| Following::new(node.clone(), log())),
            registration,
            needs: needs.clone(),
            core,
            delivery,
            updates: UpdateQueue::default(),
            online: None,
            held: needs.common.memory().hold_for_actor(EMPTY),
        }
    }

    fn registration(&mut self) -> &mut Registration<Self> {
        &mut self.registration
    }

    fn after_message(&mut self) {
        self.held.update(self.bytes());
    }

    fn forgotten(name: &UserName, needs: &UserNeeds) {
        (needs.common.store()).note(|| Note::UserForgotten(name.clone()));
    }
}

/// The bytes that a user without state and messages holds.
const EMPTY: ActorBytes = ActorBytes {
    log: 0,
    history: 0,
    entries: 0,
    lasting: USER_BYTES,
};

impl Actor for User {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.needs.common.limits().sweep, |user, _| user.sweep());
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if is_panicking() {
            // Sent now, before a new actor with this name can update the channels.
            for channel in self.core.present_in() {
                let remove = RemoveMember(self.core.name().clone());
                (self.needs.channels).tell(channel.clone(), IfAbsent::Skip, remove);
            }
            self.registration.report_panic();
            self.needs.common.faults().report(PanickedActor {
                kind: ActorKind::User,
                connections: self.core.connections().keys().copied().collect(),
            });
        }
    }
}

impl User {
    fn sweep(&mut self) {
        let now = Moment::now();
        if self.core.sweep(now) {
            self.note();
        }
        self.held.update(self.bytes());
        self.delivery.sweep();
        if let Some(following) = &self.following {
            // The user itself is in Redis.
            if self.delivery.is_empty() && !following.is_awaited() {
                self.registration.offer_to_stop();
            }
            return;
        }
        let lifetime = self.needs.common.limits().user_lifetime;
        if self.core.is_offline() && now.since(self.core.last_active()) >= lifetime {
            self.registration.offer_to_stop();
        }
    }

    fn bytes(&self) -> ActorBytes {
        ActorBytes {
            log: self.core.log().bytes(),
            history: 0,
            entries: self.core.log().own_bytes(),
            lasting: EMPTY.lasting
                + self.core.state().size()
                + self.core.given_count() * GIVEN_BYTES,
        }
    }

    /// Answers once all updates in the queue were sent and answered. `answer` is given the places
    /// that were taken in the channels.
    fn answer_after_updates<T: 'static>(
        &mut self,
        answer: impl FnOnce(Positions) -> T + 'static,
        context: &mut Context<Self>,
    ) -> ResponseFuture<T> {
        let answered = self.updates.push_answer();
        self.run_updates(context);
        // An error means that this actor ends. The answer is valid nevertheless.
        Box::pin(async move { answer(answered.await.unwrap_or_default()) })
    }

    /// Refuses a call that opens a connection. If the user already has the connection, it counts as
    /// returned all the same. It then tells the user which of the channels it leaves again.
    fn refuse<T: 'static>(
        &mut self,
        conn_id: ConnId,
        channels: ConnectedChannels,
        reached: LimitReached,
        context: &mut Context<Self>,
    ) -> ResponseFuture<Result<T, LimitReached>> {
        if self.core.connections().contains_key(&conn_id) {
            let set = ConnectState::default();
            let updates = self.core.connect(conn_id, set, channels, Moment::now());
            self.tell_channels(updates, context);
        } else if self.core.is_new() && self.core.is_offline() {
            self.registration.offer_to_stop();
        }
        Box::pin(ready(Err(reached)))
    }

    /// Updates channels. No caller waits for the answers.
    fn tell_channels(&mut self, updates: Vec<ChannelUpdate>, context: &mut Context<Self>) {
        self.updates.push(updates, Configs::default());
        self.run_updates(context);
    }

    fn run_updates(&mut self, context: &mut Context<Self>) {
        if let Some((channel, update)) = self.updates.next() {
            let kept_for = (self.needs.common.store().keeps()).then(|| channel.clone());
            // If a channel that a connection leaves does not exist, a panic has ended it.
            let if_absent = match update.place {
                Place::Left(_) => IfAbsent::Skip,
                Place::Taken(_) | Place::Unchanged => IfAbsent::Create,
            };
            let told = self.needs.channels.ask(channel, if_absent, update);
            let next = told.into_actor(self).map(|place, user, context| {
                user.updates.answered(kept_for.zip(place.flatten()));
                user.run_updates(context);
            });
            context.spawn(next);
        }
    }
}

impl_registered_handlers!(User);

impl Handler<AddConnection> for User {
    type Result = ResponseFuture<Result<(Connected, Positions), LimitReached>>;

    fn handle(&mut self, add: AddConnection, context: &mut Context<Self>) -> Self::Result {
        let AddConnection {
            conn_id,
            set,
            channels,
            configs,
        } = add;
        if let Err(reached) = self
            .core
            .check_connect(conn_id, &set, self.needs.common.limits())
        {
            return self.refuse(conn_id, channels, reached, context);
        }
        self.core.give(&channels.added);
        let updates = self.core.connect(conn_id, set, channels, Moment::now());
        self.online
            .get_or_insert_with(|| self.needs.common.counters().online());
        let private = self
            .delivery
            .take_place(conn_id, self.core.name().clone(), self.core.log());
        self.note();
        let connected = Connected {
            state: self.core.state().state().clone(),
            public_state: self.core.state().public_state().clone(),
        };
        self.updates.push(updates, configs);
        let answer = move |mut positions: Positions| {
            positions.private = private;
            Ok((connected, positions))
        };
        self.answer_after_updates(answer, context)
    }
}

impl Handler<AddSubscriptions> for User {
    type Result = ResponseFuture<Result<Positions, Unknown>>;

    fn handle(&mut self, add: AddSubscriptions, context: &mut Context<Self>) -> Self::Result {
        if self.core.give(&add.added) {
            self.note();
        }
        let updates = self.core.subscribe(add.conn_id, add.added, Moment::now());
        let answer = updates.map(|updates| self.updates.push(updates, add.configs));
        self.answer_after_updates(move |positions| answer.map(|()| positions), context)
    }
}

impl Handler<FindJoinable> for User {
    type Result = Vec<ChannelName>;

    fn handle(&mut self, find: FindJoinable, _: &mut Context<Self>) -> Self::Result {
        let FindJoinable(mut channels) = find;
        channels.retain(|channel| self.core.may_join(channel));
        channels
    }
}

impl Handler<AddJoined> for User {
    type Result = ResponseFuture<Result<(Positions, Vec<ChannelName>), Unknown>>;

    fn handle(&mut self, add: AddJoined, context: &mut Context<Self>) -> Self::Result {
        let may_join = |channel: &ChannelName| self.core.may_join(channel);
        let (added, refused) = add.added.into_iter().partition(may_join);
        let updates = self.core.subscribe(add.conn_id, added, Moment::now());
        let answer = updates.map(|updates| self.updates.push(updates, Configs::default()));
        let answer = move |positions| answer.map(|()| (positions, refused));
        self.answer_after_updates(answer, context)
    }
}

impl Handler<RemoveSubscriptions> for User {
    type Result = ResponseFuture<Result<(), Unknown>>;

    fn handle(&mut self, remove: RemoveSubscriptions, context: &mut Context<Self>) -> Self::Result {
        let RemoveSubscriptions {
            conn_id,
            removed,
            is_taken_back,
        } = remove;
        if is_taken_back && self.core.take_back(&removed) {
            self.note();
        }
        let updates = self.core.unsubscribe(conn_id, removed, Moment::now());
        let answer = updates.map(|updates| self.updates.push(updates, Configs::default()));
        self.answer_after_updates(move |_| answer, context)
    }
}

impl Handler<SetPresence> for User {
    type Result = ();

    fn handle(&mut self, set: SetPresence, context: &mut Context<Self>) {
        let SetPresence {
            conn_id,
            is_present,
            channels,
        } = set;
        let updates = self
            .core
            .set_present(conn_id, is_present, channels, Moment::now());
        self.tell_channels(updates, context);
    }
}

impl Handler<RemoveConnection> for User {
    type Result = ();

    fn handle(&mut self, remove: RemoveConnection, context: &mut Context<Self>) {
        let RemoveConnection { conn_id, channels } = remove;
        self.delivery.leave_place(conn_id);
        let updates = self.core.close(conn_id, channels, Moment::now());
        self.note();
        if self.core.is_offline() {
            self.online = None;
        }
        self.tell_channels(updates, context);
    }
}

impl Handler<SetState> for User {
    type Result = ResponseFuture<Result<StateChanged, LimitReached>>;

    fn handle(&mut self, set: SetState, context: &mut Context<Self>) -> Self::Result {
        fail_point("user", self.core.name().as_str());
        let bounds = self.needs.common.limits().state();
        if let Err(reached) = self.core.state().check(&[&set.values], bounds) {
            return Box::pin(ready(Err(reached)));
        }
        let (changed, updates) = self
            .core
            .set_state(set.values, set.public_keys, Moment::now());
        self.note();
        self.updates.push(updates, Configs::default());
        self.answer_after_updates(|_| Ok(changed), context)
    }
}

impl Handler<Restore> for User {
    type Result = ();

    fn handle(&mut self, restore: Restore, _: &mut Context<Self>) {
        self.core = restore.core;
        (self.core).set_joinable(self.needs.common.limits().clients_join);
        self.delivery.restore(restore.places, self.core.log());
        if !self.core.is_offline() {
            self.online = Some(self.needs.common.counters().online());
        }
    }
}

impl Handler<NoteWhole> for User {
    type Result = ();

    fn handle(&mut self, _: NoteWhole, _: &mut Context<Self>) {
        self.core.take_changes();
        let (record, changes) = (self.core.record(), self.core.all_as_changes());
        (self.needs.common.store()).note(|| Note::User(record, changes));
    }
}

impl Handler<CheckExists> for User {
    type Result = ();

    fn handle(&mut self, _: CheckExists, _: &mut Context<Self>) {}
}

impl Handler<DescribeUser> for User {
    type Result = MessageResult<DescribeUser>;

    fn handle(&mut self, _: DescribeUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(view::info(&self.core)))
    }
}

impl Handler<InspectUser> for User {
    type Result = MessageResult<InspectUser>;

    fn handle(&mut self, _: InspectUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(view::detail(&self.core)))
    }
}

impl Handler<SummarizeUser> for User {
    type Result = MessageResult<SummarizeUser>;

    fn handle(&mut self, _: SummarizeUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(view::summary(&self.core)))
    }
}
