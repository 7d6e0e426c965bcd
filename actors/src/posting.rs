//! What is sent to a channel and to a user alike: messages, edits and deletions from the broker, transports from connections. Both decide
//! by a core that appends to a log, and hand on by a [`Delivery`].

use std::cell::RefCell;
use std::future::ready;
use std::rc::Rc;

use actix::dev::{MessageResponse, OneshotSender};
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

/// Appends publications in the order given and delivers them. Answered when they are ordered, kept and handed on, so what its sender
/// does next comes after them everywhere.
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

/// The answer to [`Publish`]: given when the entries are handed on.
pub(crate) struct WhenHandedOn(Waiting);

/// Those who wait for it.
pub(crate) type Waiting = Rc<RefCell<Vec<OneshotSender<()>>>>;

impl<A: Actor> MessageResponse<A, Publish> for WhenHandedOn {
    fn handle(self, _: &mut A::Context, reply: Option<OneshotSender<()>>) {
        self.0.borrow_mut().extend(reply);
    }
}

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

    /// Publishes. What was appended is handed on when the mailbox is empty: publications that wait there reach each subscriber together,
    /// in one list and one write, and none of them later than it would alone. Under load it waits a moment for more
    /// ([`Delivery::hold`]).
    fn publish(&mut self, context: &mut Context<Self>, publish: impl FnOnce(&mut Self::Core)) -> WhenHandedOn {
        let (core, delivery) = self.halves();
        publish(core);
        let answer = WhenHandedOn(delivery.waiting());
        if !delivery.put_off() {
            return answer;
        }
        match delivery.hold() {
            Some(hold) => context.run_later(hold, |actor, context| actor.catch_up(context)),
            // An actor's futures run after its mailbox.
            None => context.spawn(ready(()).into_actor(self).map(|(), actor, context| actor.catch_up(context))),
        };
        answer
    }

    /// Changes the core in any other way, then hands on what it appended. What was published before is handed on first, as it was then.
    fn decide(&mut self, context: &mut Context<Self>, change: impl FnOnce(&mut Self::Core)) {
        self.catch_up(context);
        let (core, _) = self.halves();
        change(core);
        self.hand_on(context, |delivery, log, aftermath| delivery.deliver(log, aftermath));
    }

    /// Hands on what was put off.
    fn catch_up(&mut self, context: &mut Context<Self>) {
        let (_, delivery) = self.halves();
        if delivery.is_due() {
            self.hand_on(context, |delivery, log, aftermath| delivery.deliver(log, aftermath));
        }
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
        self.catch_up(context);
        self.hand_on(context, |delivery, log, aftermath| delivery.attach(attach, log, aftermath));
    }

    /// A transport has ended.
    fn detach(&mut self, detach: Detach, context: &mut Context<Self>) {
        self.catch_up(context);
        let (core, delivery) = self.halves();
        delivery.detach(detach, core.log());
    }
}

/// The handlers of a [`Carrier`]. A macro, since a blanket `impl` of a foreign trait is not allowed.
macro_rules! impl_carrier_handlers {
    ($actor:ty) => {
        impl Handler<Publish> for $actor {
            type Result = WhenHandedOn;

            fn handle(&mut self, Publish(publications): Publish, context: &mut Context<Self>) -> WhenHandedOn {
                Carrier::publish(self, context, |core| core.publish(publications, Moment::now()))
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

            fn handle(&mut self, detach: Detach, context: &mut Context<Self>) {
                Carrier::detach(self, detach, context);
            }
        }
    };
}

impl_carrier_handlers!(Channel);
impl_carrier_handlers!(User);
