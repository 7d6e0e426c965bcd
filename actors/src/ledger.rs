//! Calls that were made with an `Idempotency-Key`, and what they were answered (`protocol.md` §13).

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytestring::ByteString;
use tokio::sync::oneshot;

/// A call with this key begins. From the broker.
#[derive(Message)]
#[rtype(result = "Claimed")]
pub(crate) struct Claim {
    pub(crate) key: String,
    /// A digest of the body.
    pub(crate) digest: Digest,
}

/// What tells one body from another.
pub(crate) type Digest = [u8; 20];

/// See [`Claim`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// The first: do it, then [`Settle`].
    First,
    /// It was done, and answered so.
    Done(ByteString),
    /// The key was used for another body.
    OtherBody,
}

/// A call is done; `None`: it could not be taken, so the key is free again. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle {
    pub(crate) key: String,
    pub(crate) answer: Option<ByteString>,
}

struct Call {
    digest: Digest,
    begun: Instant,
    /// None while it is under way.
    answer: Option<ByteString>,
    /// Repeats that came while it was under way.
    waiting: Vec<oneshot::Sender<Option<ByteString>>>,
}

/// The calls of a while.
pub(crate) struct Ledger {
    calls: HashMap<String, Call>,
    /// Keys in the order they came; bounded by `length` and `age`.
    order: VecDeque<String>,
    length: usize,
    age: Duration,
}

impl Ledger {
    pub(crate) fn new(length: usize, age: Duration) -> Self {
        Self { calls: HashMap::new(), order: VecDeque::new(), length, age }
    }

    fn trim(&mut self) {
        while let Some(oldest) = self.order.front() {
            let is_old = self.calls.get(oldest).is_none_or(|call| call.begun.elapsed() > self.age);
            if !is_old && self.order.len() <= self.length {
                break;
            }
            self.calls.remove(oldest);
            self.order.pop_front();
        }
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;
}

impl Handler<Claim> for Ledger {
    type Result = ResponseFuture<Claimed>;

    fn handle(&mut self, Claim { key, digest }: Claim, _: &mut Context<Self>) -> Self::Result {
        self.trim();
        let claimed = match self.calls.get_mut(&key) {
            None => {
                self.order.push_back(key.clone());
                self.calls.insert(key, Call { digest, begun: Instant::now(), answer: None, waiting: Vec::new() });
                Claimed::First
            }
            Some(call) if call.digest != digest => Claimed::OtherBody,
            Some(Call { answer: Some(answer), .. }) => Claimed::Done(answer.clone()),
            Some(call) => {
                let (settled, answer) = oneshot::channel();
                call.waiting.push(settled);
                // The first one was not taken: this one is told so as well, by the claim that it is the first now.
                return Box::pin(async { answer.await.ok().flatten().map_or(Claimed::First, Claimed::Done) });
            }
        };
        Box::pin(std::future::ready(claimed))
    }
}

impl Handler<Settle> for Ledger {
    type Result = ();

    fn handle(&mut self, Settle { key, answer }: Settle, _: &mut Context<Self>) {
        let Some(call) = self.calls.get_mut(&key) else { return };
        let mut waiting = std::mem::take(&mut call.waiting);
        match answer {
            Some(answer) => {
                for repeat in waiting {
                    drop(repeat.send(Some(answer.clone())));
                }
                call.answer = Some(answer);
            }
            // One of those who wait takes its place.
            None => match waiting.pop() {
                Some(first) => {
                    call.waiting = waiting;
                    drop(first.send(None));
                }
                None => {
                    self.calls.remove(&key);
                    self.order.retain(|other| *other != key);
                }
            },
        }
    }
}
