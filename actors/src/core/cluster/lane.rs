//! The calls of a node on their way to Redis.
//!
//! A lane sends its calls one batch after the other, and numbers them. A script executes a call
//! only if its number is higher than that of the last call of this node. So when a connection to
//! Redis breaks, the lane sends the same calls again under the same numbers, and each is executed
//! once, even if the bytes of the old connection are executed later.

use std::collections::VecDeque;

/// A call with its number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Numbered<C> {
    /// The number of the call, which is higher than that of all calls before it.
    pub number: u64,
    /// The call.
    pub call: C,
}

/// The calls of a node on their way to Redis.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Lane<C> {
    /// The number of the last call.
    last: u64,
    waiting: VecDeque<Numbered<C>>,
    /// The calls that were sent and not answered.
    sent: VecDeque<Numbered<C>>,
    /// The most calls that may wait.
    capacity: usize,
    /// The most calls in a batch.
    batch: usize,
    is_broken: bool,
}

/// The calls that a lane has given up.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GivenUp<C> {
    /// The calls that were never sent. Nothing was done.
    pub unsent: Vec<C>,
    /// The calls that may have been executed, or may still be, but not after a later call.
    pub in_doubt: Vec<C>,
}

impl<C: Clone> Lane<C> {
    /// Creates a lane without calls. At most `capacity` calls may wait, and a batch has at most
    /// `batch` of them.
    pub fn new(capacity: usize, batch: usize) -> Self {
        Self {
            last: 0,
            waiting: VecDeque::new(),
            sent: VecDeque::new(),
            capacity,
            batch,
            is_broken: false,
        }
    }

    /// Adds a call.
    ///
    /// # Errors
    /// Returns the call if the lane is broken or full. Nothing was done.
    pub fn push(&mut self, call: C) -> Result<(), C> {
        if self.is_broken || self.waiting.len() >= self.capacity {
            return Err(call);
        }
        self.last += 1;
        self.waiting.push_back(Numbered {
            number: self.last,
            call,
        });
        Ok(())
    }

    /// Returns the calls to send now. There are none while others are not answered.
    pub fn send(&mut self) -> Vec<Numbered<C>> {
        if self.is_broken || !self.sent.is_empty() {
            return Vec::new();
        }
        let count = self.waiting.len().min(self.batch);
        self.sent = self.waiting.drain(..count).collect();
        self.sent.iter().cloned().collect()
    }

    /// Notes that the call with this number was answered, and returns the call. An answer to a call
    /// that was given up is ignored.
    pub fn answered(&mut self, number: u64) -> Option<C> {
        let index = self.sent.iter().position(|sent| sent.number == number)?;
        self.sent.remove(index).map(|sent| sent.call)
    }

    /// Notes that the connection to Redis is broken.
    pub fn broke(&mut self) {
        self.is_broken = true;
    }

    /// Notes that there is a new connection. Returns the calls to send again on it.
    pub fn opened(&mut self) -> Vec<Numbered<C>> {
        self.is_broken = false;
        self.sent.iter().cloned().collect()
    }

    /// Gives up the calls that are too old.
    pub fn give_up(&mut self, is_old: impl Fn(&C) -> bool) -> GivenUp<C> {
        let take = |calls: &mut VecDeque<Numbered<C>>| {
            let (old, rest): (VecDeque<_>, VecDeque<_>) =
                calls.drain(..).partition(|it| is_old(&it.call));
            *calls = rest;
            old.into_iter().map(|it| it.call).collect()
        };
        GivenUp {
            unsent: take(&mut self.waiting),
            in_doubt: take(&mut self.sent),
        }
    }

    /// Returns the number of calls that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Returns whether no call waits or is on its way.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.sent.is_empty()
    }

    /// Returns whether the connection is broken.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }
}
