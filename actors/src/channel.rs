//! The actor of a channel: [`ChannelCore`] decides, [`Delivery`] hands on.

use std::time::Duration;

use actix::prelude::*;
use uuid::Uuid;

use crate::core::Stamp;
use crate::core::channel::ChannelCore;
use crate::core::log::Retention;
use crate::core::roster::Member;
use crate::core::user::Place;
use crate::delivery::{Aftermath, Attach, Delivers, Delivery, Detach};
use crate::directory::{Directory, Forwarded, Resident, Retire, Shared, Shelf};
use crate::name::{ChannelName, ConnId};
use crate::outlet::Generation;
use crate::posting::{Delete, Edit, Publish};
use crate::protocol::config::ChannelConfig;
use crate::protocol::info::{ChannelInfo, InfoOptions};
use crate::protocol::timestamp::Moment;

/// Sets the channel's configuration. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Configure(pub(crate) ChannelConfig);

/// Asks what the channel is like. From the broker.
#[derive(Message)]
#[rtype(result = "Box<ChannelInfo>")]
pub(crate) struct Describe(pub(crate) InfoOptions);

/// A user tells of itself, and of one of its connections. From the user.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Tell {
    pub(crate) member: Member,
    pub(crate) place: Place,
    /// Counts only if this message creates the channel.
    pub(crate) config: Option<ChannelConfig>,
}

/// See the module.
pub(crate) struct Channel {
    name: ChannelName,
    shared: Shared,
    core: ChannelCore,
    /// One entry for each connection subscribed here.
    delivery: Delivery,
    /// Messages that came through the directory.
    handled: u64,
}

impl Resident for Channel {
    type Name = ChannelName;

    fn shelf(directory: &mut Directory) -> &mut Shelf<Self> {
        &mut directory.channels
    }

    fn open(name: ChannelName, shared: Shared) -> Self {
        let limits = shared.limits();
        let retention = Retention {
            frames: limits.channel_frames,
            age: limits.idle + limits.close_grace,
            length: limits.log_length,
            bytes: limits.log_bytes,
        };
        let core = ChannelCore::new(name.clone(), Uuid::new_v4(), retention, Moment::now());
        let delivery = Delivery::new(Some(name.clone()), limits.channel_frames, limits.close_grace, shared.counters().clone());
        Self { name, shared, core, delivery, handled: 0 }
    }
}

impl Actor for Channel {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(self.shared.limits().sweep, |channel, _| channel.sweep());
    }
}

impl Channel {
    fn deliver(&mut self, context: &mut Context<Self>) {
        let mut aftermath = Aftermath::default();
        self.delivery.deliver(self.core.log(), &mut aftermath);
        self.await_room(aftermath, context);
    }

    fn sweep(&mut self) {
        let now = Moment::now();
        self.core.sweep(now);
        let lifetime: Duration = self.shared.limits().channel_lifetime;
        let is_deserted = self.core.roster().is_empty() && self.delivery.is_empty();
        if is_deserted && now.since(self.core.last_active()) >= lifetime {
            self.shared.idle::<Self>(self.name.clone(), self.handled);
        }
    }
}

impl Delivers for Channel {
    fn room(&mut self, conn_id: ConnId, generation: Generation, context: &mut Context<Self>) {
        let mut aftermath = Aftermath::default();
        self.delivery.room(conn_id, generation, self.core.log(), &mut aftermath);
        self.await_room(aftermath, context);
    }
}

impl<M: Message> Handler<Forwarded<M>> for Channel
where
    Self: Handler<M>,
{
    type Result = ();

    fn handle(&mut self, message: Forwarded<M>, context: &mut Context<Self>) {
        self.handled += 1;
        message.handle(self, context);
    }
}

impl Handler<Publish> for Channel {
    type Result = ();

    fn handle(&mut self, Publish(publications): Publish, context: &mut Context<Self>) {
        self.core.publish(publications, Moment::now());
        self.deliver(context);
    }
}

impl Handler<Edit> for Channel {
    type Result = ();

    fn handle(&mut self, Edit(patch): Edit, context: &mut Context<Self>) {
        self.core.edit(&patch, Moment::now());
        self.deliver(context);
    }
}

impl Handler<Delete> for Channel {
    type Result = ();

    fn handle(&mut self, Delete(deletion): Delete, context: &mut Context<Self>) {
        self.core.delete(&deletion, Moment::now());
        self.deliver(context);
    }
}

impl Handler<Configure> for Channel {
    type Result = ();

    fn handle(&mut self, Configure(config): Configure, _: &mut Context<Self>) {
        self.core.configure(config);
    }
}

impl Handler<Describe> for Channel {
    type Result = MessageResult<Describe>;

    fn handle(&mut self, Describe(options): Describe, _: &mut Context<Self>) -> Self::Result {
        MessageResult(Box::new(self.core.describe(&options)))
    }
}

impl Handler<Tell> for Channel {
    type Result = ();

    fn handle(&mut self, Tell { member, place, config }: Tell, context: &mut Context<Self>) {
        let is_new = self.handled == 1;
        if let Some(config) = config.filter(|_| is_new) {
            self.core.configure(config);
        }
        // A place that ends hears nothing of the parting; one that begins does not hear of the joining.
        if let Place::Left(conn_id) = place {
            self.delivery.leave_place(conn_id);
        }
        self.core.member(&member, Stamp::now());
        if let Place::Taken(conn_id) = place {
            self.delivery.take_place(conn_id, member.user, self.core.log());
        }
        self.deliver(context);
    }
}

impl Handler<Attach> for Channel {
    type Result = ();

    fn handle(&mut self, attach: Attach, context: &mut Context<Self>) {
        let mut aftermath = Aftermath::default();
        self.delivery.attach(attach, self.core.log(), &mut aftermath);
        self.await_room(aftermath, context);
    }
}

impl Handler<Detach> for Channel {
    type Result = ();

    fn handle(&mut self, detach: Detach, _: &mut Context<Self>) {
        self.delivery.detach(detach, self.core.log());
    }
}

impl Handler<Retire> for Channel {
    type Result = ();

    fn handle(&mut self, _: Retire, context: &mut Context<Self>) {
        context.stop();
    }
}
