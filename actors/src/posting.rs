//! What is sent to a channel and to a user alike: messages, edits and deletions from the broker, transports from connections. Both decide
//! by a core that appends to a log, and hand on by a [`Delivery`].

use actix::prelude::*;

use crate::channel::Channel;
use crate::core::channel::{ChannelCore, Publication};
use crate::core::log::Log;
use crate::core::user::UserCore;
use crate::delivery::{Aftermath, Attach, Delivery, Detach};
use crate::name::ConnId;
use crate::outlet::{Generation, Room};
use crate::protocol::message::{Deletion, Patch};
use crate::protocol::timestamp::Moment;
use crate::user::User;

/// Appends publications in the order given and delivers them. Answered when they are ordered and kept.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Publish(pub(crate) Vec<Publication>);

/// Edits a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Edit(pub(crate) Patch);

/// Deletes a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Delete(pub(crate) Deletion);

/// A core that appends what it decides to a log.
pub(crate) trait Logs {
    fn log(&self) -> &Log;
}

impl Logs for ChannelCore {
    fn log(&self) -> &Log {
        self.log()
    }
}

impl Logs for UserCore {
    fn log(&self) -> &Log {
        self.log()
    }
}

/// An actor made of a core and a delivery.
pub(crate) trait Carrier: Actor<Context = Context<Self>> {
    type Core: Logs;

    /// What decides, and what hands on.
    fn halves(&mut self) -> (&mut Self::Core, &mut Delivery);

    /// Changes the core, then hands on what it appended.
    fn decide(&mut self, context: &mut Context<Self>, change: impl FnOnce(&mut Self::Core)) {
        let (core, _) = self.halves();
        change(core);
        self.hand_on(context, |delivery, log, aftermath| delivery.deliver(log, aftermath));
    }

    /// Hands on, and asks each outlet that is full by then once for room; when it answers, its subscriber goes on. One that is gone answers
    /// with an error; its connection will detach it.
    fn hand_on(&mut self, context: &mut Context<Self>, step: impl FnOnce(&mut Delivery, &Log, &mut Aftermath)) {
        let mut aftermath = Aftermath::default();
        let (core, delivery) = self.halves();
        step(delivery, core.log(), &mut aftermath);
        for (conn_id, generation, room) in aftermath.full {
            let answer = room.send(Room).into_actor(self).map(move |answer, actor, context| {
                if answer.is_ok() {
                    actor.go_on(conn_id, generation, context);
                }
            });
            context.spawn(answer);
        }
    }

    /// An outlet of this connection has room again.
    fn go_on(&mut self, conn_id: ConnId, generation: Generation, context: &mut Context<Self>) {
        self.hand_on(context, |delivery, log, aftermath| delivery.room(conn_id, generation, log, aftermath));
    }

    /// A transport begins to listen.
    fn attach(&mut self, attach: Attach, context: &mut Context<Self>) {
        self.hand_on(context, |delivery, log, aftermath| delivery.attach(attach, log, aftermath));
    }

    /// A transport has ended.
    fn detach(&mut self, detach: Detach) {
        let (core, delivery) = self.halves();
        delivery.detach(detach, core.log());
    }
}

/// The handlers of a [`Carrier`]. A macro, since a blanket `impl` of a foreign trait is not allowed.
macro_rules! impl_carrier_handlers {
    ($actor:ty) => {
        impl Handler<Publish> for $actor {
            type Result = ();

            fn handle(&mut self, Publish(publications): Publish, context: &mut Context<Self>) {
                self.decide(context, |core| core.publish(publications, Moment::now()));
            }
        }

        impl Handler<Edit> for $actor {
            type Result = ();

            fn handle(&mut self, Edit(patch): Edit, context: &mut Context<Self>) {
                self.decide(context, |core| core.edit(&patch, Moment::now()));
            }
        }

        impl Handler<Delete> for $actor {
            type Result = ();

            fn handle(&mut self, Delete(deletion): Delete, context: &mut Context<Self>) {
                self.decide(context, |core| core.delete(&deletion, Moment::now()));
            }
        }

        impl Handler<Attach> for $actor {
            type Result = ();

            fn handle(&mut self, attach: Attach, context: &mut Context<Self>) {
                Carrier::attach(self, attach, context);
            }
        }

        impl Handler<Detach> for $actor {
            type Result = ();

            fn handle(&mut self, detach: Detach, _: &mut Context<Self>) {
                Carrier::detach(self, detach);
            }
        }
    };
}

impl_carrier_handlers!(Channel);
impl_carrier_handlers!(User);
