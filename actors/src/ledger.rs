//! The ledger remembers calls that were made with an `Idempotency-Key`, and their answers
//! (`protocol.md` §13).

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use actix::prelude::*;
use bytestring::ByteString;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::common::Common;
use crate::error::{Outcome, Refused};
use crate::limits::LimitKind;
use crate::memory::HeldBytes;
use crate::name::MessageId;
use crate::protocol::timestamp::Moment;
use crate::store::note::{CallRecord, Note};

/// The time for which an answer is remembered after its call was answered, or after its call began
/// if a restart came in between.
const REMEMBERED: Duration = Duration::from_secs(300);

/// The number of bytes that a call takes besides its answer and its key, which is in two
/// collections.
const CALL_BYTES: usize = 2 * (size_of::<String>() + size_of::<Call>());

/// Begins a call with this key. Sent by the broker.
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
    /// No call with this key was answered before. The sender must do the call, and then [`Settle`]
    /// it.
    First(Claim),
    /// The call was done before, and this was its answer.
    Done(ByteString),
    /// The key was used for another body.
    OtherBody,
}

/// The values that a repeat of a call shares with the first call: its time, and the seed of its
/// ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The time at which the call was first made.
    pub begun_at: Moment,
    /// Whether some of the call may have been done before, because a restart interrupted it or the
    /// store could not keep it.
    pub is_repeat: bool,
    seed: Uuid,
}

impl Claim {
    /// Creates the claim of a call that another node may have begun.
    pub(crate) fn of(begun_at: Moment, is_repeat: bool, seed: Uuid) -> Self {
        Self {
            begun_at,
            is_repeat,
            seed,
        }
    }

    /// Returns the value from which the ids are made.
    pub(crate) fn seed(&self) -> Uuid {
        self.seed
    }

    /// Returns the id of the message with this number, which counts from zero.
    pub fn id(&self, number: u64) -> MessageId {
        // The last six bytes of an id are random, so adding to them leaves an id of its kind.
        let random = (1 << 48) - 1;
        let (first, last) = self.seed.as_u64_pair();
        let last = (last & !random) | (last.wrapping_add(number) & random);
        Uuid::from_u64_pair(first, last).into()
    }
}

/// Notes all calls in the store again, because the store has lost earlier notes. Sent by the
/// broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct NoteWhole;

/// Notes how a call has ended. Sent by the broker.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Settle {
    pub(crate) key: String,
    pub(crate) end: CallEnd,
}

/// The end of a call.
pub(crate) enum CallEnd {
    /// The call was done, and this is its answer.
    Answered(ByteString),
    /// The call has failed. If nothing was done, the key is free again.
    Failed(Outcome),
}

struct Call {
    digest: Digest,
    claim: Claim,
    state: CallState,
}

enum CallState {
    /// A restart has interrupted the call, or the store could not keep it. The next repeat does the
    /// missing part.
    Interrupted,
    /// The call is under way. Repeats wait for its answer.
    UnderWay(VecDeque<oneshot::Sender<Claimed>>),
    /// The call was answered.
    Done(ByteString),
}

/// The calls of the last 300 seconds.
pub(crate) struct Ledger {
    common: Common,
    calls: HashMap<String, Call>,
    /// The keys of calls that were answered or interrupted, in the order in which they are
    /// forgotten. An interrupted call may be under way again.
    done: VecDeque<(Moment, String)>,
    /// The count of the bytes that all calls hold together.
    held: HeldBytes,
}

impl Ledger {
    /// Creates a ledger with the calls that were made before a restart. When its memory is full
    /// (`idempotency_bytes`), it refuses new keys, and does not forget a call early.
    pub(crate) fn new(common: Common, mut kept: Vec<(String, CallRecord)>) -> Self {
        let now = Moment::now();
        kept.sort_unstable_by_key(|(_, call)| std::cmp::Reverse(now.since(call.begun_at)));
        let mut ledger = Self {
            held: common.memory().hold_lasting(0),
            common,
            calls: HashMap::new(),
            done: VecDeque::new(),
        };
        for (key, call) in kept {
            let answer = call.answer.as_ref().map_or(0, |answer| answer.len());
            ledger.held.add(CALL_BYTES + 2 * key.len() + answer);
            ledger.done.push_back((call.begun_at, key.clone()));
            let claim = Claim {
                begun_at: call.begun_at,
                is_repeat: true,
                seed: call.seed,
            };
            let state = call.answer.map_or(CallState::Interrupted, CallState::Done);
            let digest = call.digest;
            let call = Call {
                digest,
                claim,
                state,
            };
            ledger.calls.insert(key, call);
        }
        ledger
    }

    fn trim(&mut self) {
        let now = Moment::now();
        while let Some((_, key)) = self
            .done
            .pop_front_if(|(answered, _)| now.since(*answered) > REMEMBERED)
        {
            // A call that was interrupted may be under way again.
            let is_under_way = |call: &Call| matches!(call.state, CallState::UnderWay(_));
            if !self.calls.get(&key).is_some_and(is_under_way) {
                self.forget(&key);
            }
        }
    }

    /// Notes a call in the store as it is now.
    fn note(&self, key: &str) {
        if let Some(call) = self.calls.get(key) {
            (self.common.store()).note(|| Note::Call(key.to_owned(), call.record()));
        }
    }

    fn forget(&mut self, key: &str) {
        if let Some(call) = self.calls.remove(key) {
            let answer = if let CallState::Done(answer) = &call.state {
                answer.len()
            } else {
                0
            };
            self.held.remove(CALL_BYTES + 2 * key.len() + answer);
            (self.common.store()).note(|| Note::CallForgotten(key.to_owned()));
        }
    }
}

impl Call {
    fn record(&self) -> CallRecord {
        let answer = match &self.state {
            CallState::Done(answer) => Some(answer.clone()),
            CallState::Interrupted | CallState::UnderWay(_) => None,
        };
        CallRecord {
            digest: self.digest,
            begun_at: self.claim.begun_at,
            seed: self.claim.seed,
            answer,
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
        let most_bytes = self.common.limits().idempotency_bytes;
        let claimed = match self.calls.entry(key.clone()) {
            Entry::Vacant(_) if self.held.bytes() + cost > most_bytes => {
                Err(Refused::full(LimitKind::Idempotency))
            }
            Entry::Vacant(place) => {
                self.held.add(cost);
                let claim = Claim {
                    begun_at: Moment::now(),
                    is_repeat: false,
                    seed: Uuid::new_v4(),
                };
                place.insert(Call {
                    digest,
                    claim,
                    state: CallState::UnderWay(VecDeque::new()),
                });
                // Noted before anything of the call is done.
                self.note(&key);
                Ok(Claimed::First(claim))
            }
            Entry::Occupied(call) if call.get().digest != digest => Ok(Claimed::OtherBody),
            Entry::Occupied(mut call) => {
                let Call { claim, state, .. } = call.get_mut();
                let claim = *claim;
                match state {
                    CallState::Done(answer) => Ok(Claimed::Done(answer.clone())),
                    CallState::Interrupted => {
                        *state = CallState::UnderWay(VecDeque::new());
                        Ok(Claimed::First(claim))
                    }
                    CallState::UnderWay(waiting) => {
                        let (settled, answer) = oneshot::channel();
                        waiting.push_back(settled);
                        // If the first call fails, a repeat that waits takes its place.
                        return Box::pin(async { answer.await.map_err(|_| Refused::TRY_AGAIN) });
                    }
                }
            }
        };
        Box::pin(std::future::ready(claimed))
    }
}

impl Handler<Settle> for Ledger {
    type Result = ();

    fn handle(&mut self, Settle { key, end }: Settle, _: &mut Context<Self>) {
        let Some(Call { state, claim, .. }) = self.calls.get_mut(&key) else {
            return;
        };
        let CallState::UnderWay(waiting) = state else {
            return;
        };
        match end {
            CallEnd::Answered(answer) => {
                for repeat in waiting.drain(..) {
                    drop(repeat.send(Claimed::Done(answer.clone())));
                }
                self.held.add(answer.len());
                *state = CallState::Done(answer);
                self.note(&key);
                self.done.push_back((Moment::now(), key));
            }
            // The first repeat that still waits takes the place of the call.
            CallEnd::Failed(outcome) => {
                claim.is_repeat |= outcome != Outcome::NotDone;
                while let Some(repeat) = waiting.pop_front() {
                    if repeat.send(Claimed::First(*claim)).is_ok() {
                        return;
                    }
                }
                if claim.is_repeat {
                    *state = CallState::Interrupted;
                    self.done.push_back((Moment::now(), key));
                } else {
                    self.forget(&key);
                }
            }
        }
    }
}

impl Handler<NoteWhole> for Ledger {
    type Result = ();

    fn handle(&mut self, _: NoteWhole, _: &mut Context<Self>) {
        for key in self.calls.keys() {
            self.note(key);
        }
    }
}
