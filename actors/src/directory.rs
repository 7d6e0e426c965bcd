//! Directories: one per arbiter, each owns the addresses of its share of all names. They find, create and forward; nothing else.
//!
//! Every operation on a channel, user or connection passes its directory's mailbox and then its own. Both are in order, so what was
//! sent first is handled first, whoever sent it; the causality of the whole broker rests on this (`docs/architecture.md`).

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, OnceLock};

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;
use rustc_hash::FxBuildHasher;
use tokio::sync::oneshot;

use crate::channel::Channel;
use crate::connection::Connection;
use crate::counters::Counters;
use crate::limits::Limits;
use crate::name::{ChannelName, ConnId, UserName};
use crate::user::User;

/// An actor that a directory keeps under a name.
pub(crate) trait Resident: Actor<Context = Context<Self>> + Handler<Retire> {
    type Name: Clone + Eq + Hash + Send + Sync + 'static;

    /// Where the directory keeps actors of this kind.
    fn shelf(directory: &mut Directory) -> &mut Shelf<Self>;

    /// A new one, which knows its name and the way to the others.
    fn open(name: Self::Name, shared: Shared) -> Self;

    /// Counts a message that came through the directory.
    fn count(&mut self);

    /// Called when it was handled.
    fn after_message(&mut self) {}
}

/// What every resident does with what comes from its directory. A macro, since a blanket `impl` of a foreign trait is not allowed.
macro_rules! impl_resident_handlers {
    ($actor:ty) => {
        impl<M: actix::Message> actix::Handler<$crate::directory::Forwarded<M>> for $actor
        where
            Self: actix::Handler<M>,
        {
            type Result = ();

            fn handle(&mut self, message: $crate::directory::Forwarded<M>, context: &mut actix::Context<Self>) {
                $crate::directory::Resident::count(self);
                message.handle(self, context);
                $crate::directory::Resident::after_message(self);
            }
        }

        impl actix::Handler<$crate::directory::Retire> for $actor {
            type Result = ();

            fn handle(&mut self, _: $crate::directory::Retire, context: &mut actix::Context<Self>) {
                actix::ActorContext::stop(context);
            }
        }
    };
}

pub(crate) use impl_resident_handlers;

/// What to do for a name that has no actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absent {
    Create,
    Skip,
}

/// A message for the actor of a name; forwarded on the directory's own thread.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct To<A: Resident, M: Message> {
    name: A::Name,
    absent: Absent,
    message: M,
    reply: Option<OneshotSender<M::Result>>,
}

/// A message that came through the directory, and where its answer goes.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Forwarded<M: Message> {
    message: M,
    reply: Option<OneshotSender<M::Result>>,
}

impl<M: Message> Forwarded<M> {
    /// Lets `actor` handle the message and sends the answer where it belongs.
    pub(crate) fn handle<A>(self, actor: &mut A, context: &mut A::Context)
    where
        A: Handler<M>,
    {
        let answer = Handler::handle(actor, self.message, context);
        answer.handle(context, self.reply);
    }
}

/// From an actor with nothing left, which has handled so many messages: the directory forgets it, unless more are on their way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Idle<A: Resident> {
    pub(crate) name: A::Name,
    pub(crate) handled: u64,
}

/// The directory has forgotten the actor: nothing more will come, it may stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

/// The names of a directory's share.
#[derive(Message)]
#[rtype(result = "Census")]
pub(crate) struct TakeCensus;

/// See [`TakeCensus`].
#[derive(Debug, Default, MessageResponse)]
pub(crate) struct Census {
    pub(crate) channels: Vec<ChannelName>,
    pub(crate) users: Vec<UserName>,
    pub(crate) connections: Vec<ConnId>,
}

/// The directory learns of the others. The first message each gets.
#[derive(Message)]
#[rtype(result = "()")]
struct Meet(Shared);

/// How much lives in a directory.
#[derive(Message)]
#[rtype(result = "Population")]
pub(crate) struct Count;

/// How much lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, MessageResponse)]
pub struct Population {
    /// Channels.
    pub channels: usize,
    /// Connections.
    pub connections: usize,
}

/// The ways to all directories, and what all actors share.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<SharedState>);

#[derive(Debug)]
struct SharedState {
    /// One for each thread; unset until the threads run.
    directories: OnceLock<Vec<Addr<Directory>>>,
    limits: Limits,
    counters: Counters,
}

impl Shared {
    /// Without threads.
    pub(crate) fn new(limits: Limits, counters: Counters) -> Self {
        Self(Arc::new(SharedState { directories: OnceLock::new(), limits, counters }))
    }

    /// Starts a directory on each arbiter; once.
    pub(crate) fn start_on(&self, arbiters: &[ArbiterHandle]) {
        let start = |arbiter| Directory::start_in_arbiter(arbiter, |_| Directory::default());
        for directory in self.0.directories.get_or_init(|| arbiters.iter().map(start).collect()) {
            tell(directory, Meet(self.clone()));
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    pub(crate) fn directories(&self) -> &[Addr<Directory>] {
        self.0.directories.get().map_or(&[], Vec::as_slice)
    }

    fn place<N: Hash>(&self, name: &N) -> Option<&Addr<Directory>> {
        let hash = FxBuildHasher.hash_one(name);
        // The low bits of this hash spread badly; the high ones are its best.
        let index = (u128::from(hash) * self.directories().len() as u128) >> 64;
        self.directories().get(usize::try_from(index).unwrap_or_default())
    }

    /// Tells the actor of `name` something. It is handled after all that was sent to it before.
    pub(crate) fn tell<A, M>(&self, name: A::Name, absent: Absent, message: M)
    where
        A: Resident + Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        if let Some(directory) = self.place(&name) {
            tell(directory, To::<A, M> { name, absent, message, reply: None });
        }
    }

    /// Asks the actor of `name`. The message is on its way when this returns, whether the answer is awaited or not.
    /// The answer is `None` when there is no such actor.
    pub(crate) fn ask<A, M>(&self, name: A::Name, absent: Absent, message: M) -> impl Future<Output = Option<M::Result>> + use<A, M>
    where
        A: Resident + Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (reply, answer) = oneshot::channel();
        if let Some(directory) = self.place(&name) {
            tell(directory, To::<A, M> { name, absent, message, reply: Some(reply) });
        }
        async { answer.await.ok() }
    }
}

/// Puts a message into a mailbox of the broker's own, however full it is.
#[expect(
    clippy::disallowed_methods,
    reason = "order: a message that waits for a place would be overtaken. What can wait here is bounded by the calls under way, which \
              the broker counts"
)]
pub(crate) fn tell<A, M>(address: &Addr<A>, message: M)
where
    A: Actor + Handler<M>,
    A::Context: actix::dev::ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    address.do_send(message);
}

/// The addresses of one kind of actor.
pub(crate) type Shelf<A> = HashMap<<A as Resident>::Name, Kept<A>, FxBuildHasher>;

/// An actor's address, and how many messages went there: an actor that has handled as many has none on its way.
pub(crate) struct Kept<A: Actor> {
    address: Addr<A>,
    forwarded: u64,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Directory {
    /// None before [`Meet`].
    shared: Option<Shared>,
    pub(crate) channels: Shelf<Channel>,
    pub(crate) users: Shelf<User>,
    pub(crate) connections: Shelf<Connection>,
}

impl Actor for Directory {
    type Context = Context<Self>;
}

impl Handler<Meet> for Directory {
    type Result = ();

    fn handle(&mut self, Meet(shared): Meet, _: &mut Context<Self>) {
        self.shared = Some(shared);
    }
}

impl<A, M> Handler<To<A, M>> for Directory
where
    A: Resident + Handler<Forwarded<M>>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    type Result = ();

    fn handle(&mut self, To { name, absent, message, reply }: To<A, M>, _: &mut Context<Self>) {
        let Some(shared) = self.shared.clone() else { return };
        let shelf = A::shelf(self);
        // An actor that died by a fault is not `connected`; its name is free again.
        if shelf.get(&name).is_some_and(|kept| !kept.address.connected()) {
            log::error!("an actor ended by a fault; its state is lost");
            shelf.remove(&name);
        }
        let kept = match absent {
            Absent::Skip => shelf.get_mut(&name),
            Absent::Create => Some(shelf.entry(name.clone()).or_insert_with(|| {
                let actor = A::open(name, shared);
                Kept { address: actor.start(), forwarded: 0 }
            })),
        };
        if let Some(kept) = kept {
            kept.forwarded += 1;
            tell(&kept.address, Forwarded { message, reply });
        }
    }
}

impl<A: Resident> Handler<Idle<A>> for Directory {
    type Result = ();

    fn handle(&mut self, Idle { name, handled }: Idle<A>, _: &mut Context<Self>) {
        let shelf = A::shelf(self);
        if shelf.get(&name).is_some_and(|kept| kept.forwarded == handled)
            && let Some(kept) = shelf.remove(&name)
        {
            tell(&kept.address, Retire);
        }
    }
}

impl Handler<TakeCensus> for Directory {
    type Result = Census;

    fn handle(&mut self, _: TakeCensus, _: &mut Context<Self>) -> Census {
        Census {
            channels: self.channels.keys().cloned().collect(),
            users: self.users.keys().cloned().collect(),
            connections: self.connections.keys().copied().collect(),
        }
    }
}

impl Handler<Count> for Directory {
    type Result = Population;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> Population {
        Population { channels: self.channels.len(), connections: self.connections.len() }
    }
}

impl Shared {
    /// Tells the directory of `name` that its actor has nothing left.
    pub(crate) fn idle<A: Resident>(&self, name: A::Name, handled: u64) {
        if let Some(directory) = self.place(&name) {
            tell(directory, Idle::<A> { name, handled });
        }
    }
}
