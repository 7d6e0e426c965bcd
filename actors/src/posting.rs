//! What channels and users do alike: they decide by a core that appends to a log, and hand the
//! entries on by a [`Delivery`].

use std::future::ready;
use std::sync::Arc;

use actix::prelude::*;

use crate::core::channel::ChannelCore;
use crate::core::log::Log;
use crate::core::publication::Publication;
use crate::core::user::UserCore;
use crate::counters::Counted;
use crate::delivery::{Attach, Delivery, Detach, FullOutlet, IsUpToDate, PublishAnswer, Wakeup};
use crate::outlet::AwaitCapacity;
use crate::position::Position;
use crate::protocol::message::{Deletion, Patch};

/// Appends publications in the order given and delivers them. From the broker.
///
/// It is answered when the entries are ordered, kept and handed on, so what the sender does next
/// comes after them everywhere. In a burst to many listeners it is answered when they are ordered
/// and kept.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Publish {
    pub(crate) publications: Vec<Publication>,
    /// Whether more of the same call follows elsewhere, so that these are handed on at once.
    pub(crate) more_follows: bool,
    /// The call that this belongs to. It counts as pending until all of it is done, even if its
    /// caller has hung up.
    pub(crate) call: Arc<Counted>,
    /// Whether some of these may have been published before a restart. They are not published again.
    pub(crate) is_repeat: bool,
}

/// Edits a message where it is kept, and publishes the edit. From the broker.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Edit(pub(crate) Patch);

/// Deletes a message where it is kept, and publishes the deletion. From the broker.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Delete(pub(crate) Deletion);

/// Asks how many bytes the log and the history hold. From the broker, when memory is full.
#[derive(Message, Clone, Copy)]
#[rtype(result = "usize")]
pub(crate) struct GetTrimmable;

/// Drops the oldest entries of the log, and then of the history, until both together hold at most
/// this many bytes. From the broker, when memory is full.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct TrimTo(pub(crate) usize);

/// A core that appends what it decides to a log.
pub(crate) trait HasLog {
    /// Returns the log.
    fn log(&self) -> &Log;

    /// Drops messages that were published here before.
    fn drop_published(&self, publications: &mut Vec<Publication>);
}

impl HasLog for ChannelCore {
    fn log(&self) -> &Log {
        self.log()
    }

    fn drop_published(&self, publications: &mut Vec<Publication>) {
        self.drop_published(publications);
    }
}

impl HasLog for UserCore {
    fn log(&self) -> &Log {
        self.log()
    }

    fn drop_published(&self, publications: &mut Vec<Publication>) {
        self.drop_published(publications);
    }
}

/// An actor made of a core and a delivery.
pub(crate) trait LogActor: Actor<Context = Context<Self>> {
    type Core: HasLog;

    /// Returns what decides, and what hands on.
    fn parts(&mut self) -> (&mut Self::Core, &mut Delivery);

    /// Notes in the store what the core has decided. Called before anybody is told of it.
    fn note(&mut self);

    /// Publishes. What was appended is handed on when the mailbox is empty: publications that wait
    /// there reach each subscriber together, in one batch and one write, and none of them later
    /// than it would alone. In a burst to many listeners it waits a moment for more.
    fn publish(
        &mut self,
        Publish {
            mut publications,
            more_follows,
            call,
            is_repeat,
        }: Publish,
        context: &mut Context<Self>,
        append: impl FnOnce(&mut Self::Core, Vec<Publication>),
    ) -> PublishAnswer {
        let (core, delivery) = self.parts();
        if is_repeat {
            core.drop_published(&mut publications);
        }
        if !publications.is_empty() {
            append(core, publications);
        }
        match delivery.put_off() {
            Some(Wakeup::After(hold)) => {
                context.run_later(hold, |actor, context| actor.catch_up(context));
            }
            Some(Wakeup::AfterMailbox) => {
                // An actor's futures run after its mailbox.
                let catch_up = ready(())
                    .into_actor(self)
                    .map(|(), actor, context| actor.catch_up(context));
                context.spawn(catch_up);
            }
            None => {}
        }
        drop(call);
        if more_follows {
            self.catch_up(context);
        }
        let (_, delivery) = self.parts();
        let answer = delivery.publish_answer();
        if matches!(answer, PublishAnswer::AtOnce) {
            self.note_changes();
        }
        answer
    }

    /// Notes what has changed in the log, if something has and was not noted before.
    fn note_changes(&mut self) {
        let (core, _) = self.parts();
        if core.log().has_changes() {
            self.note();
        }
    }

    /// Changes the core in any other way, then hands on what it appended. What was published before
    /// is handed on first, as it was then.
    fn change(&mut self, context: &mut Context<Self>, change: impl FnOnce(&mut Self::Core)) {
        self.catch_up(context);
        let (core, _) = self.parts();
        change(core);
        self.note();
        let (core, delivery) = self.parts();
        delivery.deliver(core.log());
        self.ask_for_capacity(context);
    }

    /// Hands on what was put off.
    fn catch_up(&mut self, context: &mut Context<Self>) {
        let (_, delivery) = self.parts();
        if delivery.has_put_off() {
            self.note_changes();
            let (core, delivery) = self.parts();
            delivery.deliver(core.log());
            self.ask_for_capacity(context);
        }
    }

    /// Attaches a transport that begins to listen.
    fn attach(&mut self, attach: Attach, context: &mut Context<Self>) -> Option<Position> {
        self.catch_up(context);
        let (core, delivery) = self.parts();
        let began_at = delivery.attach(attach, core.log());
        self.ask_for_capacity(context);
        began_at
    }

    /// Detaches a transport that has ended.
    fn detach(&mut self, detach: Detach, context: &mut Context<Self>) {
        self.catch_up(context);
        let (core, delivery) = self.parts();
        delivery.detach(detach, core.log());
    }

    /// Returns whether a connection's transport was sent all entries.
    fn is_up_to_date(
        &mut self,
        IsUpToDate(conn_id): IsUpToDate,
        context: &mut Context<Self>,
    ) -> bool {
        self.catch_up(context);
        let (core, delivery) = self.parts();
        delivery.is_up_to_date(conn_id, core.log())
    }

    /// Asks each outlet that became full once for capacity. When it answers, its subscriber goes
    /// on. An outlet that is gone answers with an error, and its connection detaches it.
    fn ask_for_capacity(&mut self, context: &mut Context<Self>) {
        let (_, delivery) = self.parts();
        for full in delivery.take_full() {
            let FullOutlet {
                conn_id,
                generation,
                capacity,
            } = full;
            let resume =
                capacity
                    .send(AwaitCapacity)
                    .into_actor(self)
                    .map(move |answer, actor, context| {
                        if answer.is_ok() {
                            let (core, delivery) = actor.parts();
                            delivery.resume(conn_id, generation, core.log());
                            actor.ask_for_capacity(context);
                        }
                    });
            context.spawn(resume);
        }
    }
}
