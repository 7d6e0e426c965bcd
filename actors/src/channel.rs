//! The actor of a channel: [`ChannelCore`] decides, [`Delivery`] hands on.

use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use crate::common::Common;
use crate::core::Stamp;
use crate::core::channel::ChannelCore;
use crate::core::roster::Member;
use crate::core::user::Place;
use crate::delivery::Delivery;
use crate::directory::{Directories, Resident, impl_resident_handlers};
use crate::name::{ChannelName, ConnId};
use crate::posting::{Carrier, impl_carrier_handlers};
use crate::protocol::config::ChannelConfig;
use crate::protocol::info::{ChannelInfo, Detail};
use crate::protocol::panel::{ChannelDetail, ChannelSummary};
use crate::protocol::timestamp::Moment;

/// Sets the channel's configuration. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Configure(pub(crate) ChannelConfig);

/// Asks what the channel is like. From the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelInfo>")]
pub(crate) struct Describe(pub(crate) Detail);

/// Asks for all that an operator may see. From the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelDetail>")]
pub(crate) struct Inspect;

/// Asks for a line of a list. From the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelSummary>")]
pub(crate) struct Summarize;

/// Forgets all the channel is and keeps, unless connections are in it, which are answered. From the
/// broker.
#[derive(Message)]
#[rtype(result = "Result<(), Vec<ConnId>>")]
pub(crate) struct Forget;

/// A user tells of itself, and of one of its connections. From the user.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Tell {
    pub(crate) member: Member,
    pub(crate) place: Place,
    /// Counts only if this message creates the channel.
    pub(crate) config: Option<ChannelConfig>,
}

/// The actor.
pub(crate) struct Channel {
    name: ChannelName,
    common: Common,
    home: Directories<Self>,
    core: ChannelCore,
    /// One entry for each connection subscribed here.
    delivery: Delivery,
    /// Messages that came through the directory.
    handled: u64,
    /// How many of them came before it was last forgotten.
    forgotten: u64,
}

impl Resident for Channel {
    type Name = ChannelName;

    type Needs = Common;

    fn count(&mut self) {
        self.handled += 1;
    }

    fn open(name: ChannelName, common: &Common, home: &Directories<Self>) -> Self {
        let (core, delivery) = new_halves(&name, common);
        Self {
            name,
            common: common.clone(),
            home: home.clone(),
            core,
            delivery,
            handled: 0,
            forgotten: 0,
        }
    }
}

/// Of a channel with nothing in it.
fn new_halves(name: &ChannelName, common: &Common) -> (ChannelCore, Delivery) {
    let limits = common.limits();
    let retention = limits.retention(limits.channel_frames);
    let core = ChannelCore::new(
        name.clone(),
        Uuid::new_v4(),
        retention,
        limits.history_bytes,
        Moment::now(),
    );
    let delivery = Delivery::new(Some(name.clone()), limits.channel_frames, common);
    (core, delivery)
}

impl Actor for Channel {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.common.limits().sweep, |channel, _| channel.sweep());
    }
}

impl Channel {
    fn sweep(&mut self) {
        let now = Moment::now();
        self.core.sweep(now);
        self.delivery.sweep();
        let lifetime: Duration = self.common.limits().channel_lifetime;
        if self.is_deserted() && now.since(self.core.last_active()) >= lifetime {
            self.home.idle(self.name.clone(), self.handled);
        }
    }

    /// Nobody is here, nobody may come back here.
    fn is_deserted(&self) -> bool {
        self.core.roster().is_empty() && self.delivery.is_empty()
    }
}

impl Carrier for Channel {
    type Core = ChannelCore;

    fn halves(&mut self) -> (&mut ChannelCore, &mut Delivery) {
        (&mut self.core, &mut self.delivery)
    }
}

impl_resident_handlers!(Channel);
impl_carrier_handlers!(Channel);

impl Handler<Configure> for Channel {
    type Result = ();

    fn handle(&mut self, Configure(config): Configure, _: &mut Context<Self>) {
        self.core.configure(config);
    }
}

impl Handler<Describe> for Channel {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, Describe(detail): Describe, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.describe(detail)))
    }
}

impl Handler<Inspect> for Channel {
    type Result = MessageResult<Inspect>;

    fn handle(&mut self, _: Inspect, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.inspect()))
    }
}

impl Handler<Summarize> for Channel {
    type Result = MessageResult<Summarize>;

    fn handle(&mut self, _: Summarize, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.summary()))
    }
}

impl Handler<Forget> for Channel {
    type Result = Result<(), Vec<ConnId>>;

    fn handle(&mut self, _: Forget, context: &mut Context<Self>) -> Self::Result {
        self.catch_up(context);
        if !self.is_deserted() {
            return Err(self.delivery.connections());
        }
        // Somebody may be on the way here already: then it goes on as a new one.
        (self.core, self.delivery) = new_halves(&self.name, &self.common);
        self.forgotten = self.handled;
        self.home.idle(self.name.clone(), self.handled);
        Ok(())
    }
}

impl Handler<Tell> for Channel {
    type Result = ();

    fn handle(
        &mut self,
        Tell {
            member,
            place,
            config,
        }: Tell,
        context: &mut Context<Self>,
    ) {
        let is_new = self.handled == self.forgotten + 1;
        if let Some(config) = config.filter(|_| is_new) {
            self.core.configure(config);
        }
        self.catch_up(context);
        // A place that ends hears nothing of the parting; one that begins does not hear of the
        // joining.
        if let Place::Left(conn_id) = place {
            self.delivery.leave_place(conn_id);
        }
        self.decide(context, |core| core.member(&member, Stamp::now()));
        if let Place::Taken(conn_id) = place {
            self.delivery
                .take_place(conn_id, member.user, self.core.log());
        }
    }
}
