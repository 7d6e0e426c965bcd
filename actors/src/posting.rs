//! What is sent to a channel and to a user alike: messages, edits and deletions from the broker,
//! transports from connections. Both decide by a core that appends to a log, and hand on by a
//! [`Delivery`].

use std::future::ready;
use std::sync::Arc;

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;

use crate::core::channel::{ChannelCore, Publication};
use crate::core::log::Log;
use crate::core::user::UserCore;
use crate::counters::Counted;
use crate::delivery::{Aftermath, Attach, Delivery, Detach, Due, Waiting};
use crate::name::ConnId;
use crate::outlet::{Generation, Room};
use crate::protocol::message::{Deletion, Patch};

/// Appends publications in the order given and delivers them. Answered when they are ordered, kept
/// and handed on, so what its sender does next comes after them everywhere; in a burst to many
/// listeners, already when they are ordered and kept.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Publish {
    pub(crate) publications: Vec<Publication>,
    /// Whether more of the same call follows elsewhere, so that these are handed on first: no
    /// moment is waited for others.
    pub(crate) more_follows: bool,
    /// The call that this belongs to. It counts as pending until all of it is done, even if its
    /// caller has hung up.
    pub(crate) call: Arc<Counted>,
}

/// Edits a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Edit(pub(crate) Patch);

/// Deletes a message where it is kept, and tells of it.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Delete(pub(crate) Deletion);

/// When [`Publish`] is answered.
pub(crate) enum Answer {
    /// Now: the entries wait for more, and no call waits with them.
    AtOnce,
    /// When the entries are handed on.
    WhenHandedOn(Waiting),
}

impl<A: Actor> MessageResponse<A, Publish> for Answer {
    fn handle(self, _: &mut A::Context, reply: Option<OneshotSender<()>>) {
        match self {
            Self::AtOnce => drop(reply.map(|reply| reply.send(()))),
            Self::WhenHandedOn(waiting) => waiting.borrow_mut().extend(reply),
        }
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

    /// Publishes. What was appended is handed on when the mailbox is empty: publications that wait
    /// there reach each subscriber together, in one list and one write, and none of them later than
    /// it would alone. In a burst to many listeners it waits a moment for more
    /// ([`Delivery::hold`]).
    fn publish(
        &mut self,
        context: &mut Context<Self>,
        publish: impl FnOnce(&mut Self::Core),
    ) -> Answer {
        let (core, delivery) = self.halves();
        publish(core);
        if delivery.due == Due::Nothing {
            let hold = delivery.hold();
            delivery.due = if hold.is_some() {
                Due::Held
            } else {
                Due::AfterMailbox
            };
            match hold {
                Some(hold) => context.run_later(hold, |actor, context| actor.catch_up(context)),
                // An actor's futures run after its mailbox.
                None => context.spawn(
                    ready(())
                        .into_actor(self)
                        .map(|(), actor, context| actor.catch_up(context)),
                ),
            };
        }
        let (_, delivery) = self.halves();
        if delivery.due == Due::Held {
            Answer::AtOnce
        } else {
            Answer::WhenHandedOn(delivery.waiting())
        }
    }

    /// Changes the core in any other way, then hands on what it appended. What was published before
    /// is handed on first, as it was then.
    fn decide(&mut self, context: &mut Context<Self>, change: impl FnOnce(&mut Self::Core)) {
        self.catch_up(context);
        let (core, _) = self.halves();
        change(core);
        self.hand_on(context, |delivery, log, aftermath| {
            delivery.deliver(log, aftermath)
        });
    }

    /// Hands on what was put off.
    fn catch_up(&mut self, context: &mut Context<Self>) {
        let (_, delivery) = self.halves();
        if delivery.due != Due::Nothing {
            self.hand_on(context, |delivery, log, aftermath| {
                delivery.deliver(log, aftermath)
            });
        }
    }

    /// Hands on, and asks each outlet that is full by then once for room; when it answers, its
    /// subscriber goes on. One that is gone answers with an error; its connection will detach it.
    fn hand_on(
        &mut self,
        context: &mut Context<Self>,
        step: impl FnOnce(&mut Delivery, &Log, &mut Aftermath),
    ) {
        let mut aftermath = Aftermath::default();
        let (core, delivery) = self.halves();
        step(delivery, core.log(), &mut aftermath);
        for (conn_id, generation, room) in aftermath.full {
            let answer = room
                .send(Room)
                .into_actor(self)
                .map(move |answer, actor, context| {
                    if answer.is_ok() {
                        actor.go_on(conn_id, generation, context);
                    }
                });
            context.spawn(answer);
        }
    }

    /// An outlet of this connection has room again.
    fn go_on(&mut self, conn_id: ConnId, generation: Generation, context: &mut Context<Self>) {
        self.hand_on(context, |delivery, log, aftermath| {
            delivery.room(conn_id, generation, log, aftermath)
        });
    }

    /// A transport begins to listen.
    fn attach(&mut self, attach: Attach, context: &mut Context<Self>) {
        self.catch_up(context);
        self.hand_on(context, |delivery, log, aftermath| {
            delivery.attach(attach, log, aftermath)
        });
    }

    /// A transport has ended.
    fn detach(&mut self, detach: Detach, context: &mut Context<Self>) {
        self.catch_up(context);
        let (core, delivery) = self.halves();
        delivery.detach(detach, core.log());
    }
}

/// The handlers of a [`Carrier`]. A macro, since a blanket `impl` of a foreign trait is not
/// allowed.
macro_rules! impl_carrier_handlers {
    ($actor:ty) => {
        impl actix::Handler<$crate::posting::Publish> for $actor {
            type Result = $crate::posting::Answer;

            fn handle(
                &mut self,
                publish: $crate::posting::Publish,
                context: &mut actix::Context<Self>,
            ) -> Self::Result {
                let $crate::posting::Publish {
                    publications,
                    more_follows,
                    call,
                } = publish;
                let now = $crate::protocol::timestamp::Moment::now();
                let answer = $crate::posting::Carrier::publish(self, context, |core| {
                    core.publish(publications, now)
                });
                drop(call);
                if more_follows {
                    $crate::posting::Carrier::catch_up(self, context);
                    return $crate::posting::Answer::AtOnce;
                }
                answer
            }
        }

        impl actix::Handler<$crate::posting::Edit> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                $crate::posting::Edit(patch): $crate::posting::Edit,
                context: &mut actix::Context<Self>,
            ) {
                self.decide(context, |core| {
                    core.edit(&patch, $crate::protocol::timestamp::Moment::now())
                });
            }
        }

        impl actix::Handler<$crate::posting::Delete> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                $crate::posting::Delete(deletion): $crate::posting::Delete,
                context: &mut actix::Context<Self>,
            ) {
                self.decide(context, |core| {
                    core.delete(&deletion, $crate::protocol::timestamp::Moment::now())
                });
            }
        }

        impl actix::Handler<$crate::delivery::AskEpoch> for $actor {
            type Result = actix::MessageResult<$crate::delivery::AskEpoch>;

            fn handle(
                &mut self,
                _: $crate::delivery::AskEpoch,
                _: &mut actix::Context<Self>,
            ) -> Self::Result {
                let (core, _) = $crate::posting::Carrier::halves(self);
                actix::MessageResult($crate::posting::Logs::log(core).epoch())
            }
        }

        impl actix::Handler<$crate::delivery::IsUpToDate> for $actor {
            type Result = bool;

            fn handle(
                &mut self,
                asked: $crate::delivery::IsUpToDate,
                context: &mut actix::Context<Self>,
            ) -> bool {
                let $crate::delivery::IsUpToDate(conn_id) = asked;
                $crate::posting::Carrier::catch_up(self, context);
                let (core, delivery) = $crate::posting::Carrier::halves(self);
                delivery.is_up_to_date(conn_id, $crate::posting::Logs::log(core))
            }
        }

        impl actix::Handler<$crate::delivery::Attach> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                attach: $crate::delivery::Attach,
                context: &mut actix::Context<Self>,
            ) {
                $crate::posting::Carrier::attach(self, attach, context);
            }
        }

        impl actix::Handler<$crate::delivery::Detach> for $actor {
            type Result = ();

            fn handle(
                &mut self,
                detach: $crate::delivery::Detach,
                context: &mut actix::Context<Self>,
            ) {
                $crate::posting::Carrier::detach(self, detach, context);
            }
        }
    };
}

pub(crate) use impl_carrier_handlers;
