//! All directories of a kind of actor, one on each thread. A name's hash says which thread is its
//! home.
//!
//! Every operation on a channel, user or connection passes the mailbox of its directory and then
//! its own. Both are in order, so what was sent first is handled first, whoever sent it. The order
//! of everything the broker does rests on this (`docs/architecture.md`).

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

/// How many actors are asked at a time. What comes meanwhile waits for no more than these.
pub(crate) const SLICE: usize = 256;

/// All directories of a kind. Cloning is cheap.
pub(crate) struct Directories<A: Registered>(Arc<Shards<A>>);

struct Shards<A: Registered> {
    /// The directory of each thread; unset until the threads run.
    directories: OnceLock<Vec<Addr<Directory<A>>>>,
    /// Says which thread is home to a name. Its seed is random, since callers choose names and must
    /// not be able to choose a thread.
    hasher: RandomState,
    /// How many actors there are on all threads, and how many more there may be.
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

    /// Returns which directory is home to a name.
    fn home_index(&self, name: &A::Name) -> usize {
        let hash = self.0.hasher.hash_one(name);
        let index = (u128::from(hash) * self.all().len() as u128) >> 64;
        usize::try_from(index).unwrap_or_default()
    }

    /// Sends the actor of `name` a message without waiting for an answer. It is handled after
    /// everything that was sent to the actor before.
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

    /// Sends the actor of `name` a message. It is on its way when this returns, whether the answer
    /// is awaited or not. The answer is `None` when there is no such actor.
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
    /// exist in the order of the names. Callers ask for [`SLICE`] names at most.
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
    /// would be more than `most` actors, of which 0 stands for any number.
    pub(crate) async fn reserve(&self, names: &[A::Name], most: usize) -> Option<Reserved> {
        if let Some(reserved) = self.0.room.reserve(names.len(), most) {
            return Some(reserved);
        }
        // Only close to the limit does it matter how many of them exist.
        let missing = self.count_missing(names).await;
        self.0.room.reserve(missing, most)
    }

    /// Returns how many of these names have no actor.
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

    /// Returns how many actors there are.
    pub(crate) fn count(&self) -> usize {
        self.0.room.present()
    }
}
