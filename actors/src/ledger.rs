//! The ledger remembers calls that were made with an `Idempotency-Key`, and their answers
//! (`protocol.md` §13).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use actix::prelude::*;
use bytestring::ByteString;
use tokio::sync::oneshot;

use crate::error::Refused;

/// How long an answer is remembered after its call began.
const REMEMBERED: Duration = Duration::from_secs(300);

/// How many bytes a call takes besides its key and its answer.
const CALL_BYTES: usize = 2 * (size_of::<String>() + size_of::<Call>());

/// Begins a call with this key. From the broker.
#[derive(Message)]
#[rtype(result = "Result<Claimed, Refused>")]
pub(crate) struct ClaimKey {
    pub(crate) key: String,
    /// A digest of the body.
    pub(crate) digest: Digest,
}

/// A digest that tells one body from another.
pub(crate) type Digest = [u8; 20];

/// The answer to [`ClaimKey`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// No such call was made: do it, then [`Settle`] it.
    First,
    /// The call was done, and this was its answer.
    Done(ByteString),
    /// The key was used for another body.
    OtherBody,
}

/// Notes the answer of a call. From the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle {
    pub(crate) key: String,
    /// The answer; `None` if the call was refused, so that the key is free again.
    pub(crate) answer: Option<ByteString>,
}

struct Call {
    digest: Digest,
    state: CallState,
}

enum CallState {
    /// The call is under way. Repeats wait for its answer.
    UnderWay(Vec<oneshot::Sender<Option<ByteString>>>),
    /// The call was answered.
    Done(ByteString),
}

/// The calls of the last 300 seconds.
pub(crate) struct Ledger {
    calls: HashMap<String, Call>,
    /// The keys of calls that are done, in the order in which they are forgotten.
    done: VecDeque<(Instant, String)>,
    /// How many bytes the calls hold together.
    bytes: usize,
    /// How many bytes they may hold.
    most_bytes: usize,
}

impl Ledger {
    /// Creates a ledger that holds at most `most_bytes`. When it is full it refuses new keys, and
    /// forgets none before its time.
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self {
            calls: HashMap::new(),
            done: VecDeque::new(),
            bytes: 0,
            most_bytes,
        }
    }

    fn trim(&mut self) {
        while let Some((_, key)) = self
            .done
            .pop_front_if(|(answered, _)| answered.elapsed() > REMEMBERED)
        {
            self.forget(&key);
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(call) = self.calls.remove(key) {
            let answer = if let CallState::Done(answer) = &call.state {
                answer.len()
            } else {
                0
            };
            self.bytes -= CALL_BYTES + 2 * key.len() + answer;
        }
    }
}

impl Actor for Ledger {
    type Context = Context<Self>;
}

impl Handler<ClaimKey> for Ledger {
    type Result = ResponseFuture<Result<Claimed, Refused>>;

    fn handle(
        &mut self,
        ClaimKey { key, digest }: ClaimKey,
        _: &mut Context<Self>,
    ) -> Self::Result {
        self.trim();
        let cost = CALL_BYTES + 2 * key.len();
        let claimed = match self.calls.entry(key) {
            Entry::Vacant(_) if self.bytes + cost > self.most_bytes => Err(Refused::SOON),
            Entry::Vacant(place) => {
                self.bytes += cost;
                place.insert(Call {
                    digest,
                    state: CallState::UnderWay(Vec::new()),
                });
                Ok(Claimed::First)
            }
            Entry::Occupied(call) if call.get().digest != digest => Ok(Claimed::OtherBody),
            Entry::Occupied(mut call) => match &mut call.get_mut().state {
                CallState::Done(answer) => Ok(Claimed::Done(answer.clone())),
                CallState::UnderWay(waiting) => {
                    let (settled, answer) = oneshot::channel();
                    waiting.push(settled);
                    // If the first was not taken, this one takes its place.
                    return Box::pin(async {
                        Ok(answer
                            .await
                            .ok()
                            .flatten()
                            .map_or(Claimed::First, Claimed::Done))
                    });
                }
            },
        };
        Box::pin(std::future::ready(claimed))
    }
}

impl Handler<Settle> for Ledger {
    type Result = ();

    fn handle(&mut self, Settle { key, answer }: Settle, _: &mut Context<Self>) {
        let Some(Call { state, .. }) = self.calls.get_mut(&key) else {
            return;
        };
        let CallState::UnderWay(waiting) = state else {
            return;
        };
        match answer {
            Some(answer) => {
                for repeat in waiting.drain(..) {
                    drop(repeat.send(Some(answer.clone())));
                }
                self.bytes += answer.len();
                *state = CallState::Done(answer);
                self.done.push_back((Instant::now(), key));
            }
            // The first of those who still wait takes its place.
            None => {
                while let Some(repeat) = waiting.pop() {
                    if repeat.send(None).is_ok() {
                        return;
                    }
                }
                self.forget(&key);
            }
        }
    }
}
