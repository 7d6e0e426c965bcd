//! The directory of one kind of actor on one thread. It finds and creates actors by name, and
//! forwards messages to them. Its code is the same for every kind of actor.
//!
//! A directory counts the messages that it forwards to each actor, and the actor counts the
//! messages that it handles. An actor that is no longer needed tells its directory its count. If
//! both counts agree, no message is on its way, and the directory stops the actor. So no message
//! reaches an actor that is about to stop.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::marker::PhantomData;

use actix::dev::{MessageResponse, OneshotSender, ToEnvelope};
use actix::prelude::*;

use crate::room::Room;

/// An actor that a directory keeps under a name.
pub(crate) trait Registered: Actor<Context = Context<Self>> + Handler<Stop> + Sized {
    /// The type of the actor's name.
    type Name: Clone + Eq + Hash + Send + Sync + Unpin + 'static;

    /// The values that an actor of this kind needs: those that all actors share, and the
    /// directories of the kinds below it. No kind is given the directories of a kind above it, so
    /// requests only go down.
    type Needs: Clone + Send + Sync + Unpin + 'static;

    /// Creates the actor.
    fn open(registration: Registration<Self>, needs: &Self::Needs) -> Self;

    /// Returns the actor's registration.
    fn registration(&mut self) -> &mut Registration<Self>;

    /// Called after each message that came through the directory.
    fn after_message(&mut self) {}

    /// Called when the directory has forgotten an actor that was no longer needed.
    fn forgotten(_: &Self::Name, _: &Self::Needs) {}

    /// Called when the directory has forgotten an actor that a panic has ended.
    fn after_panic(name: &Self::Name, needs: &Self::Needs) {
        Self::forgotten(name, needs);
    }
}

/// An actor's entry in its directory, as the actor holds it.
#[derive(Debug)]
pub(crate) struct Registration<A: Registered> {
    name: A::Name,
    directory: Addr<Directory<A>>,
    /// The number of messages that came through the directory.
    handled: u64,
}

impl<A: Registered> Registration<A> {
    /// Returns the name of the actor.
    pub(crate) fn name(&self) -> &A::Name {
        &self.name
    }

    /// Counts a message that came through the directory.
    pub(crate) fn count(&mut self) {
        self.handled += 1;
    }

    /// Tells the directory that the actor is no longer needed. The directory forgets the actor
    /// unless more messages are on their way to it.
    pub(crate) fn offer_to_stop(&self) {
        let offer = OfferToStop {
            name: self.name.clone(),
            handled: self.handled,
        };
        tell(&self.directory, offer);
    }

    /// Tells the directory that a panic has ended the actor. The directory then frees the name.
    pub(crate) fn report_panic(&self) {
        let name = self.name.clone();
        tell(&self.directory, ReportPanic { name });
    }
}

/// Implements the handlers for messages from the directory, which every registered actor needs.
/// This is a macro, because a blanket `impl` of a foreign trait is not allowed.
macro_rules! impl_registered_handlers {
    ($actor:ty) => {
        impl<M: actix::Message> actix::Handler<$crate::directory::Forwarded<M>> for $actor
        where
            Self: actix::Handler<M>,
        {
            type Result = ();

            fn handle(
                &mut self,
                message: $crate::directory::Forwarded<M>,
                context: &mut actix::Context<Self>,
            ) {
                $crate::directory::Registered::registration(self).count();
                message.handle(self, context);
                $crate::directory::Registered::after_message(self);
            }
        }

        impl actix::Handler<$crate::directory::Stop> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::directory::Stop, context: &mut actix::Context<Self>) {
                actix::ActorContext::stop(context);
            }
        }
    };
}

pub(crate) use impl_registered_handlers;

/// The action of a directory for a name that has no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IfAbsent {
    /// The directory creates the actor.
    Create,
    /// The directory drops the message, so that the sender gets no answer.
    Skip,
}

/// Forwards a message to the actor of a name, on the directory's own thread.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forward<A: Registered, M: Message> {
    pub(crate) name: A::Name,
    pub(crate) if_absent: IfAbsent,
    pub(crate) message: M,
    /// The sender for the answer; `None` if nobody waits for the answer.
    pub(crate) reply: Option<OneshotSender<M::Result>>,
}

/// A message that came through the directory, and the sender for its answer.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forwarded<M: Message> {
    message: M,
    reply: Option<OneshotSender<M::Result>>,
}

impl<M: Message> Forwarded<M> {
    /// Lets `actor` handle the message, and sends the answer.
    pub(crate) fn handle<A>(self, actor: &mut A, context: &mut A::Context)
    where
        A: Handler<M>,
    {
        let answer = Handler::handle(actor, self.message, context);
        answer.handle(context, self.reply);
    }
}

/// Tells the directory that an actor is no longer needed and has handled this many messages.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct OfferToStop<A: Registered> {
    name: A::Name,
    handled: u64,
}

/// Tells the directory that a panic has ended the actor of this name.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct ReportPanic<A: Registered> {
    name: A::Name,
}

/// Stops an actor. The directory has forgotten it, so no more messages come.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Stop;

/// Asks for the names of all actors of the directory.
#[derive(Message)]
#[rtype(result = "Vec<A::Name>")]
pub(crate) struct ListNames<A: Registered>(PhantomData<fn() -> A>);

impl<A: Registered> ListNames<A> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

/// Asks for the number of these names that have no actor.
#[derive(Message)]
#[rtype(result = "usize")]
pub(crate) struct CountMissing<A: Registered>(pub(crate) Vec<A::Name>);

/// Puts a message into the mailbox of one of the broker's actors, even if the mailbox is full.
#[expect(
    clippy::disallowed_methods,
    reason = "a message that waited for room in the mailbox would be overtaken. The broker counts \
              the pending calls, and they bound the number of messages that can wait here"
)]
pub(crate) fn tell<A, M>(address: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    address.do_send(message);
}

/// An actor's address, and the number of messages that were forwarded to it.
struct Slot<A: Actor> {
    address: Addr<A>,
    forwarded: u64,
}

/// The actors of one kind on one thread, by name.
pub(crate) struct Directory<A: Registered> {
    needs: A::Needs,
    slots: HashMap<A::Name, Slot<A>>,
    /// Counts the actors of this kind on all threads.
    room: Room,
}

impl<A: Registered + Unpin> Actor for Directory<A> {
    type Context = Context<Self>;
}

impl<A: Registered> Directory<A> {
    /// Creates a directory without actors.
    pub(crate) fn new(needs: A::Needs, room: Room) -> Self {
        Self {
            needs,
            slots: HashMap::new(),
            room,
        }
    }

    /// Returns the slot of a name, if there is an actor or one is to be created.
    fn slot(
        &mut self,
        name: A::Name,
        if_absent: IfAbsent,
        context: &Context<Self>,
    ) -> Option<&mut Slot<A>> {
        let entry = match self.slots.entry(name) {
            Entry::Occupied(slot) if slot.get().address.connected() => {
                return Some(slot.into_mut());
            }
            entry => entry,
        };
        if let Entry::Occupied(panicked) = &entry {
            A::after_panic(panicked.key(), &self.needs);
        }
        match (if_absent, entry) {
            (IfAbsent::Create, entry) => {
                if matches!(entry, Entry::Vacant(_)) {
                    self.room.add();
                }
                let registration = Registration {
                    name: entry.key().clone(),
                    directory: context.address(),
                    handled: 0,
                };
                let slot = Slot {
                    address: A::open(registration, &self.needs).start(),
                    forwarded: 0,
                };
                Some(entry.insert_entry(slot).into_mut())
            }
            // The name of an actor that a panic has ended is free again.
            (IfAbsent::Skip, Entry::Occupied(slot)) => {
                slot.remove();
                self.room.remove();
                None
            }
            (IfAbsent::Skip, Entry::Vacant(_)) => None,
        }
    }
}

impl<A, M> Handler<Forward<A, M>> for Directory<A>
where
    A: Registered + Handler<Forwarded<M>>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    type Result = ();

    fn handle(&mut self, forward: Forward<A, M>, context: &mut Context<Self>) {
        let Forward {
            name,
            if_absent,
            message,
            reply,
        } = forward;
        if let Some(slot) = self.slot(name, if_absent, context) {
            slot.forwarded += 1;
            tell(&slot.address, Forwarded { message, reply });
        }
    }
}

impl<A: Registered> Handler<OfferToStop<A>> for Directory<A> {
    type Result = ();

    fn handle(&mut self, OfferToStop { name, handled }: OfferToStop<A>, _: &mut Context<Self>) {
        if let Entry::Occupied(slot) = self.slots.entry(name)
            && slot.get().forwarded == handled
        {
            A::forgotten(slot.key(), &self.needs);
            tell(&slot.remove().address, Stop);
            self.room.remove();
        }
    }
}

impl<A: Registered> Handler<ReportPanic<A>> for Directory<A> {
    type Result = ();

    fn handle(&mut self, ReportPanic { name }: ReportPanic<A>, _: &mut Context<Self>) {
        // If a message for the name came before this report, the name already has a new actor.
        if let Entry::Occupied(slot) = self.slots.entry(name)
            && !slot.get().address.connected()
        {
            A::after_panic(slot.key(), &self.needs);
            slot.remove();
            self.room.remove();
        }
    }
}

impl<A: Registered> Handler<ListNames<A>> for Directory<A> {
    type Result = MessageResult<ListNames<A>>;

    fn handle(&mut self, _: ListNames<A>, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.slots.keys().cloned().collect())
    }
}

impl<A: Registered> Handler<CountMissing<A>> for Directory<A> {
    type Result = usize;

    fn handle(&mut self, CountMissing(names): CountMissing<A>, _: &mut Context<Self>) -> usize {
        let is_missing = |name: &&A::Name| !self.slots.contains_key(*name);
        names.iter().filter(is_missing).count()
    }
}
