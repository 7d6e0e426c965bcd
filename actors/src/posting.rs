//! The behaviour that channels and users share. Each has a core that decides and appends entries to
//! a log, and a [`Delivery`] that sends these entries to subscribers.

use std::future::ready;
use std::sync::Arc;

use actix::prelude::*;

use crate::core::channel::ChannelCore;
use crate::core::entry::Entry;
use crate::core::log::Log;
use crate::core::publication::Publication;
use crate::core::user::UserCore;
use crate::counters::Counted;
use crate::delivery::{
    Attach, Began, Delivery, Detach, FullOutlet, IsUpToDate, PublishAnswer, Wakeup,
};
use crate::outlet::AwaitCapacity;
use crate::protocol::message::{Deletion, Patch};
use crate::protocol::timestamp::Moment;

/// Appends publications in the given order, and delivers them. Sent by the broker.
///
/// The answer comes when the entries are ordered, kept and delivered, so everything that the sender
/// does next comes after them everywhere. In a burst to many listeners the answer comes when the
/// entries are ordered and kept.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Publish {
    pub(crate) publications: Vec<Publication>,
    /// Whether the same call goes on with another destination. Then these publications are
    /// delivered at once.
    pub(crate) more_follows: bool,
    /// The call that these publications belong to. It counts as pending until all of it is done,
    /// even if its caller has hung up.
    pub(crate) call: Arc<Counted>,
    /// Whether an earlier attempt of the call may have published some of these publications. They
    /// are then not published again.
    pub(crate) is_repeat: bool,
}

/// Edits a message where it is kept, and publishes the edit. Sent by the broker.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Edit(pub(crate) Patch);

/// Deletes a message where it is kept, and publishes the deletion. Sent by the broker.
#[derive(Message, Clone)]
#[rtype(result = "()")]
pub(crate) struct Delete(pub(crate) Deletion);

/// Asks for the number of bytes that the log and the history hold. Sent by the broker when the
/// memory is full.
#[derive(Message, Clone, Copy)]
#[rtype(result = "usize")]
pub(crate) struct GetTrimmable;

/// Drops the oldest entries of the log, and then of the history, until both together hold at most
/// this many bytes. Sent by the broker when the memory is full.
#[derive(Message, Clone, Copy)]
#[rtype(result = "()")]
pub(crate) struct TrimTo(pub(crate) usize);

/// A core that decides and appends entries to a log.
pub(crate) trait HasLog {
    /// Returns the log.
    fn log(&self) -> &Log;

    /// Removes the publications that were published here before.
    fn drop_published(&self, publications: &mut Vec<Publication>);

    /// Appends an entry that another node may have made, and that has the next offset.
    fn follow(&mut self, entry: Entry);

    /// Edits a message if it is kept, and appends the edit.
    fn edit(&mut self, patch: &Patch, now: Moment);

    /// Deletes a message if it is kept, and appends the deletion.
    fn delete(&mut self, deletion: &Deletion, now: Moment);
}

impl HasLog for ChannelCore {
    fn log(&self) -> &Log {
        self.log()
    }

    fn drop_published(&self, publications: &mut Vec<Publication>) {
        self.drop_published(publications);
    }

    fn follow(&mut self, entry: Entry) {
        self.follow(entry);
    }

    fn edit(&mut self, patch: &Patch, now: Moment) {
        self.edit(patch, now);
    }

    fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.delete(deletion, now);
    }
}

impl HasLog for UserCore {
    fn log(&self) -> &Log {
        self.log()
    }

    fn drop_published(&self, publications: &mut Vec<Publication>) {
        self.drop_published(publications);
    }

    fn follow(&mut self, entry: Entry) {
        self.follow(entry);
    }

    fn edit(&mut self, patch: &Patch, now: Moment) {
        self.edit(patch, now);
    }

    fn delete(&mut self, deletion: &Deletion, now: Moment) {
        self.delete(deletion, now);
    }
}

/// An actor made of a core and a delivery.
pub(crate) trait LogActor: Actor<Context = Context<Self>> {
    type Core: HasLog;

    /// Returns the core and the delivery.
    fn parts(&mut self) -> (&mut Self::Core, &mut Delivery);

    /// Notes the core's changes in the store. Called before anybody is told of them.
    fn note(&mut self);

    /// Returns whether entries may be delivered now. A copy of a log must not be ahead of the feed.
    fn may_deliver(&self) -> bool {
        true
    }

    /// Appends publications, and delivers them when the mailbox is empty. So publications that wait
    /// in the mailbox reach each subscriber together, in one batch and one write, and none of them
    /// arrives later than it would alone. In a burst to many listeners, delivery waits a moment for
    /// more publications.
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
        let wakeup = delivery.defer();
        self.deliver_at(wakeup, context);
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

    /// Delivers when the time has come, unless the actor knows that time already.
    fn deliver_at(&mut self, wakeup: Option<Wakeup>, context: &mut Context<Self>) {
        match wakeup {
            Some(Wakeup::After(hold)) => {
                context.run_later(hold, |actor, context| actor.catch_up(context));
            }
            Some(Wakeup::AfterMailbox) => {
                // An actor's futures run when its mailbox is empty.
                let catch_up = ready(())
                    .into_actor(self)
                    .map(|(), actor, context| actor.catch_up(context));
                context.spawn(catch_up);
            }
            None => {}
        }
    }

    /// Notes the changes of the log that were not noted before, if there are any.
    fn note_changes(&mut self) {
        let (core, _) = self.parts();
        if core.log().has_changes() {
            self.note();
        }
    }

    /// Changes the core otherwise than by publishing, and then delivers the entries that it
    /// appended. Entries that were published before the change are delivered first, as they were
    /// then.
    fn change(&mut self, context: &mut Context<Self>, change: impl FnOnce(&mut Self::Core)) {
        self.catch_up(context);
        let (core, _) = self.parts();
        change(core);
        self.note();
        let (core, delivery) = self.parts();
        delivery.deliver(core.log());
        self.ask_for_capacity(context);
    }

    /// Delivers the entries whose delivery was deferred.
    fn catch_up(&mut self, context: &mut Context<Self>) {
        let may_deliver = self.may_deliver();
        let (_, delivery) = self.parts();
        if may_deliver && delivery.is_deferred() {
            self.note_changes();
            let (core, delivery) = self.parts();
            delivery.deliver(core.log());
            self.ask_for_capacity(context);
        }
    }

    /// Attaches a transport that begins to listen.
    fn attach(&mut self, attach: Attach, context: &mut Context<Self>) -> Option<Began> {
        self.catch_up(context);
        let (core, delivery) = self.parts();
        let began = delivery.attach(attach, core.log());
        self.ask_for_capacity(context);
        began
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

    /// Asks each outlet that became full to answer when it has capacity. Each is asked only once.
    /// When the outlet answers, delivery to its subscriber goes on. An outlet that is gone answers
    /// with an error, and its connection detaches it.
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
                            let may_deliver = actor.may_deliver();
                            let (core, delivery) = actor.parts();
                            delivery.resume(conn_id, generation, may_deliver, core.log());
                            actor.ask_for_capacity(context);
                        }
                    });
            context.spawn(resume);
        }
    }
}
