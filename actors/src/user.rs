//! The actor of a user: [`UserCore`] decides, channels are told, [`Delivery`] hands on private
//! messages.
//!
//! What an operation means for channels is told to them one after the other, each when the one
//! before has answered, and only then is the operation itself answered. So an operation is done
//! everywhere when its caller hears so, operations of one user do not overtake each other, and one
//! who listens to several of the channels hears of it in their order.

use std::collections::{HashMap, VecDeque};

use actix::prelude::*;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::channel::{Channel, Tell};
use crate::common::Common;
use crate::core::user::{Connect, Effect, StateChanged, Subscriptions, UserCore, Values};
use crate::counters::Counted;
use crate::delivery::Delivery;
use crate::directory::{Absent, Directories, Resident, impl_resident_handlers};
use crate::error::Unknown;
use crate::name::{ChannelName, ConnId, UserName};
use crate::posting::{Carrier, impl_carrier_handlers};
use crate::protocol::config::ChannelConfig;
use crate::protocol::info::UserInfo;
use crate::protocol::panel::{UserDetail, UserSummary};
use crate::protocol::state::State;
use crate::protocol::timestamp::Moment;

/// Configurations for channels that the call creates.
pub(crate) type Configs = HashMap<ChannelName, ChannelConfig>;

/// Adds a connection, or channels to one that is here. From the connection.
#[derive(Message)]
#[rtype(result = "Connected")]
pub(crate) struct AddConnection {
    pub(crate) conn_id: ConnId,
    pub(crate) connect: Connect,
    pub(crate) configs: Configs,
}

/// What `/connect` came to.
#[derive(Debug)]
pub struct Connected {
    /// The user's whole state.
    pub state: State,
    /// What others may see of it.
    pub public_state: State,
}

/// Adds channels to a connection. From the connection.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, Unknown>")]
pub(crate) struct AddSubscriptions {
    pub(crate) conn_id: ConnId,
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) configs: Configs,
}

/// Takes channels from a connection. From the connection.
#[derive(Message)]
#[rtype(result = "Result<Subscriptions, Unknown>")]
pub(crate) struct RemoveSubscriptions {
    pub(crate) conn_id: ConnId,
    pub(crate) channels: Vec<ChannelName>,
}

/// Sets state values and, where given, the public keys. From the broker.
#[derive(Message)]
#[rtype(result = "StateChanged")]
pub(crate) struct SetState {
    pub(crate) values: Values,
    pub(crate) public_keys: Option<Vec<String>>,
}

/// Asks whether the user exists: one that does not cannot answer. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Exist;

/// Asks what the user is like. From the broker.
#[derive(Message)]
#[rtype(result = "Box<UserInfo>")]
pub(crate) struct DescribeUser;

/// Asks for all that an operator may see. From the broker.
#[derive(Message)]
#[rtype(result = "Box<UserDetail>")]
pub(crate) struct InspectUser;

/// Asks for a line of a list. From the broker.
#[derive(Message)]
#[rtype(result = "Box<UserSummary>")]
pub(crate) struct SummarizeUser;

/// A connection's socket was lost for longer than the grace (`false`), or is back. From the
/// connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Present {
    pub(crate) conn_id: ConnId,
    pub(crate) present: bool,
}

/// A connection ended for good. From the connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Closed {
    pub(crate) conn_id: ConnId,
}

/// Something to tell a channel, or an operation whose telling is done.
enum Errand {
    Tell(ChannelName, Tell),
    Answer(oneshot::Sender<()>),
}

/// What a user needs of the broker.
#[derive(Clone)]
pub(crate) struct Needs {
    pub(crate) common: Common,
    pub(crate) channels: Directories<Channel>,
}

/// The actor.
pub(crate) struct User {
    name: UserName,
    needs: Needs,
    home: Directories<Self>,
    core: UserCore,
    /// One entry for each connection.
    delivery: Delivery,
    /// What channels are still to be told. Bounded by the operations under way.
    errands: VecDeque<Errand>,
    is_running_errands: bool,
    /// Held while it has a connection.
    online: Option<Counted>,
    /// Messages that came through the directory.
    handled: u64,
}

impl Resident for User {
    type Name = UserName;

    type Needs = Needs;

    fn count(&mut self) {
        self.handled += 1;
    }

    fn open(name: UserName, needs: &Needs, home: &Directories<Self>) -> Self {
        let limits = needs.common.limits();
        let core = UserCore::new(
            name.clone(),
            Uuid::new_v4(),
            limits.retention(limits.private_frames),
            Moment::now(),
        );
        let delivery = Delivery::new(None, limits.private_frames, &needs.common);
        let (needs, home) = (needs.clone(), home.clone());
        Self {
            name,
            needs,
            home,
            core,
            delivery,
            errands: VecDeque::new(),
            is_running_errands: false,
            online: None,
            handled: 0,
        }
    }
}

impl Actor for User {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.needs.common.limits().sweep, |user, _| user.sweep());
    }
}

impl User {
    fn sweep(&mut self) {
        let now = Moment::now();
        self.core.sweep(now);
        self.delivery.sweep();
        if self.core.is_offline()
            && now.since(self.core.last_active()) >= self.needs.common.limits().user_lifetime
        {
            self.home.idle(self.name.clone(), self.handled);
        }
    }

    fn tell_channels(&mut self, effects: Vec<Effect>, mut configs: Configs) {
        for Effect {
            channel,
            member,
            place,
        } in effects
        {
            let config = configs.remove(&channel);
            self.errands.push_back(Errand::Tell(
                channel,
                Tell {
                    member,
                    place,
                    config,
                },
            ));
        }
    }

    /// Answers with `answer` once all channels that are to be told have been.
    fn answer_after_errands<T: Send + 'static>(
        &mut self,
        answer: T,
        context: &mut Context<Self>,
    ) -> ResponseFuture<T> {
        let (reply, answered) = oneshot::channel();
        self.errands.push_back(Errand::Answer(reply));
        self.run_errands(context);
        Box::pin(async move {
            // An error means that this actor ends; the answer holds all the same.
            let _ = answered.await;
            answer
        })
    }

    fn run_errands(&mut self, context: &mut Context<Self>) {
        if self.is_running_errands {
            return;
        }
        while let Some(errand) = self.errands.pop_front() {
            match errand {
                Errand::Answer(reply) => {
                    // An error means that nobody waits any more.
                    let _ = reply.send(());
                }
                Errand::Tell(channel, tell) => {
                    self.is_running_errands = true;
                    let told = self.needs.channels.ask(channel, Absent::Create, tell);
                    let next = told.into_actor(self).map(|_, user, context| {
                        user.is_running_errands = false;
                        user.run_errands(context);
                    });
                    context.spawn(next);
                    return;
                }
            }
        }
        // Most users rest most of the time.
        self.errands = VecDeque::new();
    }
}

impl Carrier for User {
    type Core = UserCore;

    fn halves(&mut self) -> (&mut UserCore, &mut Delivery) {
        (&mut self.core, &mut self.delivery)
    }
}

impl_resident_handlers!(User);
impl_carrier_handlers!(User);

impl Handler<AddConnection> for User {
    type Result = ResponseFuture<Connected>;

    fn handle(
        &mut self,
        AddConnection {
            conn_id,
            connect,
            configs,
        }: AddConnection,
        context: &mut Context<Self>,
    ) -> Self::Result {
        let is_new = self.handled == 1;
        let effects = self.core.connect(conn_id, connect, is_new, Moment::now());
        self.online
            .get_or_insert_with(|| self.needs.common.counters().online());
        self.delivery
            .take_place(conn_id, self.name.clone(), self.core.log());
        self.tell_channels(effects, configs);
        let connected = Connected {
            state: self.core.state().clone(),
            public_state: self.core.public_state().clone(),
        };
        self.answer_after_errands(connected, context)
    }
}

impl Handler<AddSubscriptions> for User {
    type Result = ResponseFuture<Result<Subscriptions, Unknown>>;

    fn handle(
        &mut self,
        AddSubscriptions {
            conn_id,
            channels,
            configs,
        }: AddSubscriptions,
        context: &mut Context<Self>,
    ) -> Self::Result {
        let answer = self.core.subscribe(conn_id, channels, Moment::now()).map(
            |(subscriptions, effects)| {
                self.tell_channels(effects, configs);
                subscriptions
            },
        );
        self.answer_after_errands(answer, context)
    }
}

impl Handler<RemoveSubscriptions> for User {
    type Result = ResponseFuture<Result<Subscriptions, Unknown>>;

    fn handle(
        &mut self,
        RemoveSubscriptions { conn_id, channels }: RemoveSubscriptions,
        context: &mut Context<Self>,
    ) -> Self::Result {
        let answer = self.core.unsubscribe(conn_id, channels, Moment::now()).map(
            |(subscriptions, effects)| {
                self.tell_channels(effects, Configs::default());
                subscriptions
            },
        );
        self.answer_after_errands(answer, context)
    }
}

impl Handler<SetState> for User {
    type Result = ResponseFuture<StateChanged>;

    fn handle(
        &mut self,
        SetState {
            values,
            public_keys,
        }: SetState,
        context: &mut Context<Self>,
    ) -> Self::Result {
        let (changed, effects) = self.core.set_state(values, public_keys, Moment::now());
        self.tell_channels(effects, Configs::default());
        self.answer_after_errands(changed, context)
    }
}

impl Handler<Exist> for User {
    type Result = ();

    fn handle(&mut self, _: Exist, _: &mut Context<Self>) {}
}

impl Handler<DescribeUser> for User {
    type Result = MessageResult<DescribeUser>;

    fn handle(&mut self, _: DescribeUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.describe()))
    }
}

impl Handler<InspectUser> for User {
    type Result = MessageResult<InspectUser>;

    fn handle(&mut self, _: InspectUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.inspect()))
    }
}

impl Handler<SummarizeUser> for User {
    type Result = MessageResult<SummarizeUser>;

    fn handle(&mut self, _: SummarizeUser, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.summary()))
    }
}

impl Handler<Present> for User {
    type Result = ();

    fn handle(&mut self, Present { conn_id, present }: Present, context: &mut Context<Self>) {
        let effects = self.core.set_present(conn_id, present, Moment::now());
        self.tell_channels(effects, Configs::default());
        self.run_errands(context);
    }
}

impl Handler<Closed> for User {
    type Result = ();

    fn handle(&mut self, Closed { conn_id }: Closed, context: &mut Context<Self>) {
        self.delivery.leave_place(conn_id);
        let effects = self.core.close(conn_id, Moment::now());
        if self.core.is_offline() {
            self.online = None;
        }
        self.tell_channels(effects, Configs::default());
        self.run_errands(context);
    }
}
