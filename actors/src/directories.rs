//! The directories of one kind of actor, one on each thread. The hash of a name decides which
//! thread is home to the actor of that name.
//!
//! Every operation on a channel, user or connection passes the mailbox of the directory and then
//! the mailbox of the actor. Both keep the order, so the operation that was sent first is handled
//! first, whoever sent it. All guarantees of order rest on this (`docs/architecture.md`).

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use actix::prelude::*;
use futures_util::future::join_all;
use tokio::sync::oneshot;

use crate::directory::{
    CountMissing, Directory, Forward, Forwarded, IfAbsent, ListNames, Registered, tell,
};
use crate::room::{Reserved, Room};

/// The largest number of actors that are asked at the same time. A message that arrives meanwhile
/// waits for at most this many questions.
pub(crate) const SLICE: usize = 256;

/// All directories of one kind of actor. Cloning is cheap.
pub(crate) struct Directories<A: Registered>(Arc<Shards<A>>);

struct Shards<A: Registered> {
    /// The directory of each thread; unset until the threads start.
    directories: OnceLock<Vec<Addr<Directory<A>>>>,
    /// Decides which thread is home to a name. The seed is random, because callers choose names and
    /// must not be able to choose a thread.
    hasher: RandomState,
    /// The number of actors on all threads, and the room for more.
    room: Room,
}

impl<A: Registered> Clone for Directories<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Registered> Default for Directories<A> {
    /// Creates directories without threads: no actor is known.
    fn default() -> Self {
        Self(Arc::new(Shards {
            directories: OnceLock::new(),
            hasher: RandomState::new(),
            room: Room::default(),
        }))
    }
}

impl<A: Registered> fmt::Debug for Directories<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} directories", self.all().len())
    }
}

impl<A: Registered> Directories<A> {
    /// Starts a directory on each arbiter. Later calls do nothing.
    pub(crate) fn start_on(&self, arbiters: &[ArbiterHandle], needs: &A::Needs) {
        self.0.directories.get_or_init(|| {
            let start = |arbiter| {
                let (needs, room) = (needs.clone(), self.0.room.clone());
                Directory::start_in_arbiter(arbiter, move |_| Directory::new(needs, room))
            };
            arbiters.iter().map(start).collect()
        });
    }

    fn all(&self) -> &[Addr<Directory<A>>] {
        self.0.directories.get().map_or(&[], Vec::as_slice)
    }

    /// Returns the directory that is home to a name.
    fn home(&self, name: &A::Name) -> Option<&Addr<Directory<A>>> {
        self.all().get(self.home_index(name))
    }

    /// Returns the index of the directory that is home to a name.
    fn home_index(&self, name: &A::Name) -> usize {
        let hash = self.0.hasher.hash_one(name);
        let index = (u128::from(hash) * self.all().len() as u128) >> 64;
        usize::try_from(index).unwrap_or_default()
    }

    /// Sends the actor of `name` a message without waiting for an answer. The actor handles it
    /// after all messages that were sent to it before.
    pub(crate) fn tell<M>(&self, name: A::Name, if_absent: IfAbsent, message: M)
    where
        A: Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        if let Some(directory) = self.home(&name) {
            let forward = Forward::<A, M> {
                name,
                if_absent,
                message,
                reply: None,
            };
            tell(directory, forward);
        }
    }

    /// Sends the actor of `name` a message. The message is on its way when this returns, even if
    /// the caller does not await the answer. The answer is `None` when there is no such actor.
    pub(crate) fn ask<M>(
        &self,
        name: A::Name,
        if_absent: IfAbsent,
        message: M,
    ) -> impl Future<Output = Option<M::Result>> + use<A, M>
    where
        A: Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let (reply, answer) = oneshot::channel();
        if let Some(directory) = self.home(&name) {
            let forward = Forward::<A, M> {
                name,
                if_absent,
                message,
                reply: Some(reply),
            };
            tell(directory, forward);
        }
        async { answer.await.ok() }
    }

    /// Asks the actors of all these names at the same time, and returns the answers of those that
    /// exist in the order of the names. Callers pass at most [`SLICE`] names.
    pub(crate) async fn ask_all<M>(
        &self,
        names: &[A::Name],
        message: impl Fn() -> M,
    ) -> impl Iterator<Item = M::Result>
    where
        A: Handler<Forwarded<M>>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let asked = names
            .iter()
            .map(|name| self.ask(name.clone(), IfAbsent::Skip, message()));
        join_all(asked).await.into_iter().flatten()
    }

    /// Reserves room for the actors of these names that do not exist. Returns `None` when there
    /// would be more than `most` actors. A `most` of 0 means no limit.
    pub(crate) async fn reserve(&self, names: &[A::Name], most: usize) -> Option<Reserved> {
        if let Some(reserved) = self.0.room.reserve(names.len(), most) {
            return Some(reserved);
        }
        // The number of them that already exist matters only close to the limit.
        let missing = self.count_missing(names).await;
        self.0.room.reserve(missing, most)
    }

    /// Returns the number of these names that have no actor.
    async fn count_missing(&self, names: &[A::Name]) -> usize {
        let different: HashSet<&A::Name> = names.iter().collect();
        let mut by_home: HashMap<usize, Vec<A::Name>> = HashMap::new();
        for name in different {
            let names = by_home.entry(self.home_index(name)).or_default();
            names.push(name.clone());
        }
        let ask = |(index, names): (usize, Vec<_>)| async move {
            let count = names.len();
            match self.all().get(index) {
                Some(directory) => directory.send(CountMissing(names)).await.unwrap_or(count),
                None => count,
            }
        };
        join_all(by_home.into_iter().map(ask))
            .await
            .into_iter()
            .sum()
    }

    /// Returns the names of all actors.
    pub(crate) async fn names(&self) -> Vec<A::Name> {
        let asked = self
            .all()
            .iter()
            .map(|directory| directory.send(ListNames::new()));
        join_all(asked)
            .await
            .into_iter()
            .flatten()
            .flatten()
            .collect()
    }

    /// Returns the number of actors.
    pub(crate) fn count(&self) -> usize {
        self.0.room.present()
    }
}
