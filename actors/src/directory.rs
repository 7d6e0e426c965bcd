//! Directories find, create and forward. Each kind of actor has one directory on every thread,
//! which owns the addresses of its share of the names. A directory knows nothing of the kind that
//! it keeps.
//!
//! Every operation on a channel, user or connection passes its directory's mailbox and then its
//! own. Both are in order, so what was sent first is handled first, whoever sent it; the causality
//! of the whole broker rests on this (`docs/architecture.md`).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use actix::dev::{MessageResponse, OneshotSender};
use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::oneshot;

/// An actor that a directory keeps under a name.
pub(crate) trait Resident: Actor<Context = Context<Self>> + Handler<Retire> + Sized {
    type Name: Clone + Eq + Hash + Send + Sync + Unpin + 'static;

    /// What an actor of this kind needs: what all actors share, and the directories of the kinds
    /// below it. No kind is given the directories of a kind above it, so requests can only go down.
    type Needs: Clone + Send + Sync + Unpin + 'static;

    /// Creates the actor. `home` is the directory that keeps it.
    fn open(name: Self::Name, needs: &Self::Needs, home: &Directories<Self>) -> Self;

    /// Counts a message that came through the directory.
    fn count(&mut self);

    /// Called when it was handled.
    fn after_message(&mut self) {}
}

/// What every resident does with what comes from its directory. A macro, since a blanket `impl` of
/// a foreign trait is not allowed.
macro_rules! impl_resident_handlers {
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

/// From an actor with nothing left, which has handled so many messages: the directory forgets it,
/// unless more are on their way.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Idle<A: Resident> {
    name: A::Name,
    handled: u64,
}

/// The directory has forgotten the actor: nothing more will come, it may stop.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Retire;

/// Asks for the names of a directory's share.
#[derive(Message)]
#[rtype(result = "Vec<A::Name>")]
struct Names<A: Resident>(PhantomData<fn() -> A>);

/// Asks how many actors a directory keeps.
#[derive(Message)]
#[rtype(result = "usize")]
struct Count;

/// All directories of a kind. Cloning is cheap.
pub(crate) struct Directories<A: Resident>(Arc<Threads<A>>);

struct Threads<A: Resident> {
    /// One directory for each thread; unset until the threads run.
    directories: OnceLock<Vec<Addr<Directory<A>>>>,
    /// Says which thread is home to a name. Its seed is random: callers choose names, and must not
    /// be able to choose a thread.
    hasher: RandomState,
}

impl<A: Resident> Clone for Directories<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Resident> Default for Directories<A> {
    /// Without threads no actor is known.
    fn default() -> Self {
        Self(Arc::new(Threads {
            directories: OnceLock::new(),
            hasher: RandomState::new(),
        }))
    }
}

impl<A: Resident> fmt::Debug for Directories<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} directories", self.all().len())
    }
}

impl<A: Resident> Directories<A> {
    /// Starts a directory on each arbiter. Later calls do nothing.
    pub(crate) fn start_on(&self, arbiters: &[ArbiterHandle], needs: &A::Needs) {
        self.0.directories.get_or_init(|| {
            let start = |arbiter| {
                let (needs, home) = (needs.clone(), self.clone());
                Directory::start_in_arbiter(arbiter, move |_| Directory {
                    needs,
                    home,
                    slots: HashMap::new(),
                })
            };
            arbiters.iter().map(start).collect()
        });
    }

    fn all(&self) -> &[Addr<Directory<A>>] {
        self.0.directories.get().map_or(&[], Vec::as_slice)
    }

    fn place(&self, name: &A::Name) -> Option<&Addr<Directory<A>>> {
        let hash = self.0.hasher.hash_one(name);
        let index = (u128::from(hash) * self.all().len() as u128) >> 64;
        self.all().get(usize::try_from(index).unwrap_or_default())
    }

    /// Tells the actor of `name` something. It is handled after all that was sent to it before.
    pub(crate) fn tell<M>(&self, name: A::Name, absent: Absent, message: M)
    where
        A: Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        if let Some(directory) = self.place(&name) {
            tell(
                directory,
                To::<A, M> {
                    name,
                    absent,
                    message,
                    reply: None,
                },
            );
        }
    }

    /// Asks the actor of `name`. The message is on its way when this returns, whether the answer is
    /// awaited or not. The answer is `None` when there is no such actor.
    pub(crate) fn ask<M>(
        &self,
        name: A::Name,
        absent: Absent,
        message: M,
    ) -> impl Future<Output = Option<M::Result>> + use<A, M>
    where
        A: Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (reply, answer) = oneshot::channel();
        if let Some(directory) = self.place(&name) {
            tell(
                directory,
                To::<A, M> {
                    name,
                    absent,
                    message,
                    reply: Some(reply),
                },
            );
        }
        async { answer.await.ok() }
    }

    /// Tells the directory of `name` that its actor has nothing left.
    pub(crate) fn idle(&self, name: A::Name, handled: u64) {
        if let Some(directory) = self.place(&name) {
            tell(directory, Idle::<A> { name, handled });
        }
    }

    /// The names of all that live.
    pub(crate) async fn names(&self) -> Vec<A::Name> {
        let asked = self
            .all()
            .iter()
            .map(|directory| directory.send(Names(PhantomData)));
        join_all(asked)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }

    /// How many live.
    pub(crate) async fn count(&self) -> usize {
        let asked = self.all().iter().map(|directory| directory.send(Count));
        join_all(asked).await.into_iter().flatten().sum()
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

/// An actor's address, and how many messages went there: an actor that has handled as many has none
/// on its way.
struct Slot<A: Actor> {
    address: Addr<A>,
    forwarded: u64,
}

/// One of the [`Directories`] of a kind: the share of one thread.
pub(crate) struct Directory<A: Resident> {
    needs: A::Needs,
    home: Directories<A>,
    slots: HashMap<A::Name, Slot<A>>,
}

impl<A: Resident + Unpin> Actor for Directory<A> {
    type Context = Context<Self>;
}

impl<A: Resident> Directory<A> {
    /// The slot of a name, if there is an actor or one is to be created.
    fn slot(&mut self, name: A::Name, absent: Absent) -> Option<&mut Slot<A>> {
        let Self { needs, home, slots } = self;
        match slots.entry(name) {
            Entry::Occupied(slot) if slot.get().address.connected() => Some(slot.into_mut()),
            entry => {
                if let Entry::Occupied(_) = &entry {
                    log::error!("an actor ended by a fault; its state is lost");
                }
                let name = entry.key().clone();
                match absent {
                    Absent::Create => {
                        let address = A::open(name, needs, home).start();
                        Some(
                            entry
                                .insert_entry(Slot {
                                    address,
                                    forwarded: 0,
                                })
                                .into_mut(),
                        )
                    }
                    Absent::Skip => {
                        // The name of an actor that ended by a fault is free again.
                        if let Entry::Occupied(slot) = entry {
                            slot.remove();
                        }
                        None
                    }
                }
            }
        }
    }
}

impl<A, M> Handler<To<A, M>> for Directory<A>
where
    A: Resident + Handler<Forwarded<M>>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    type Result = ();

    fn handle(
        &mut self,
        To {
            name,
            absent,
            message,
            reply,
        }: To<A, M>,
        _: &mut Context<Self>,
    ) {
        if let Some(slot) = self.slot(name, absent) {
            slot.forwarded += 1;
            tell(&slot.address, Forwarded { message, reply });
        }
    }
}

impl<A: Resident> Handler<Idle<A>> for Directory<A> {
    type Result = ();

    fn handle(&mut self, Idle { name, handled }: Idle<A>, _: &mut Context<Self>) {
        if let Entry::Occupied(slot) = self.slots.entry(name)
            && slot.get().forwarded == handled
        {
            tell(&slot.remove().address, Retire);
        }
    }
}

impl<A: Resident> Handler<Names<A>> for Directory<A> {
    type Result = MessageResult<Names<A>>;

    fn handle(&mut self, _: Names<A>, _: &mut Context<Self>) -> Self::Result {
        MessageResult(self.slots.keys().cloned().collect())
    }
}

impl<A: Resident> Handler<Count> for Directory<A> {
    type Result = usize;

    fn handle(&mut self, _: Count, _: &mut Context<Self>) -> usize {
        self.slots.len()
    }
}
