//! Redis with its scripts, as a plain value. Each call is one step.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::core::cluster::call::{self, FeedId, Listed, NodeId, Record, Term};
use channelstream_actors::core::record::{FormerEpochs, LogState};
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::config::ChannelConfig;

use crate::mutation::Mutation;

/// What is said to the scripts and by them, where the entry of a log is a number.
pub(crate) type Call = call::Call<u64>;
pub(crate) type Answer = call::Answer<u64>;
pub(crate) type Loaded = call::Loaded<u64>;
pub(crate) type Fed = call::Fed<u64>;

/// Messages with this number and above are presence events.
pub(crate) const EVENTS: u64 = 1000;

#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Redis {
    pub(crate) mutation: Option<Mutation>,
    /// The number of the process. A process that starts from old data is another one.
    pub(crate) process: u64,
    /// The present term, and the process that it belongs to.
    pub(crate) term: Term,
    pub(crate) term_process: u64,
    /// The latest term in which a node said that entries were lost.
    pub(crate) lost_in: Term,
    pub(crate) numbers: Numbers,
    pub(crate) logs: BTreeMap<ChannelName, Log>,
    pub(crate) records: BTreeMap<ConnId, Record>,
    /// The channels that connections have left or were subscribed to since their latest turn was
    /// taken, and the entries of the feed that say so.
    pub(crate) left: BTreeMap<(ConnId, ChannelName), FeedId>,
    pub(crate) joined: BTreeMap<(ConnId, ChannelName), FeedId>,
    /// The connections that have ended lately.
    pub(crate) ended: BTreeSet<ConnId>,
    pub(crate) rosters: BTreeMap<(ChannelName, UserName), u32>,
    pub(crate) seen: BTreeMap<NodeId, u64>,
    pub(crate) dead: BTreeSet<NodeId>,
    /// The feed. The numbers begin with 1 in each term.
    pub(crate) feed: Vec<(FeedId, Fed)>,
    /// Whether channels that were never configured send presence events.
    pub(crate) tells_presence: bool,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Log {
    pub(crate) epoch: Epoch,
    pub(crate) former: Vec<FormerEpochs>,
    pub(crate) whole_since: Epoch,
    pub(crate) start: u64,
    pub(crate) entries: Vec<u64>,
    pub(crate) config: ChannelConfig,
    pub(crate) history: Vec<u64>,
    /// Whether it was never configured, and nobody has ever been in it.
    pub(crate) is_new: bool,
    /// The term of the last write, and the latest loss at that time.
    pub(crate) term: Term,
    pub(crate) lost_in: Term,
}

/// The counters, which must never give a number twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Numbers {
    pub(crate) turns: u64,
    pub(crate) lives: u64,
    pub(crate) terms: u64,
}

impl Numbers {
    pub(crate) fn raise(&mut self, now: Self) {
        self.turns = self.turns.max(now.turns);
        self.lives = self.lives.max(now.lives);
        self.terms = self.terms.max(now.terms);
    }
}

impl Log {
    pub(crate) fn end(&self) -> u64 {
        self.start + self.entries.len() as u64
    }
}

impl Redis {
    pub(crate) fn new(mutation: Option<Mutation>, tells_presence: bool) -> Self {
        Self {
            mutation,
            tells_presence,
            ..Self::default()
        }
    }

    pub(crate) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// Returns another process, which begins with these data, or without any.
    pub(crate) fn replaced_by(&self, saved: Option<&Self>) -> Self {
        let empty = Self::new(self.mutation, self.tells_presence);
        Self {
            process: self.process + 1,
            ..saved.unwrap_or(&empty).clone()
        }
    }

    /// Executes a call of a node that knows this term.
    pub(crate) fn execute(&mut self, node: NodeId, number: u64, term: Term, call: &Call) -> Answer {
        let is_fenced = self.term_process == self.process || self.is(Mutation::NoFence);
        if term != self.term || !is_fenced {
            return Answer::OtherTerm(self.term);
        }
        if self.dead.contains(&node) && !self.is(Mutation::DeadMayCall) {
            return Answer::Dead;
        }
        let seen = self.seen.entry(node).or_default();
        if number <= *seen && self.mutation != Some(Mutation::NoSeen) {
            return match call {
                Call::Post { .. } => Answer::Posted { fed: self.fed() },
                _ => Answer::Done,
            };
        }
        *seen = number.max(*seen);
        match call {
            Call::Connect {
                conn_id,
                user,
                channels,
            } => self.connect(node, *conn_id, user, channels),
            Call::Subscribe { conn_id, channel } => self.subscribe(*conn_id, channel),
            Call::Unsubscribe { conn_id, channel } => self.unsubscribe(*conn_id, channel),
            Call::Take { conn_id } => self.take(node, *conn_id),
            Call::Report {
                conn_id,
                turn,
                read,
            } => self.report(*conn_id, *turn, read),
            Call::Leave { conn_id, turn } => self.leave(*conn_id, *turn),
            Call::End { conn_id, turn } => self.end(*conn_id, *turn),
            Call::Renew {
                conn_id,
                record,
                left,
                heard,
            } => self.renew(*conn_id, record, left, *heard),
            Call::List { node } => {
                let records = self.records.iter();
                let names = records.filter(|(_, record)| record.node == *node);
                let only_here = self.is(Mutation::ListOnlyPresent);
                let listed = names.filter(|(_, record)| record.is_here || !only_here);
                let listed = listed.map(|(conn_id, record)| Listed {
                    conn_id: *conn_id,
                    turn: record.turn,
                    is_here: record.is_here,
                });
                Answer::Listed(listed.collect())
            }
            Call::Configure {
                channel,
                config,
                is_for_new,
            } => self.configure(channel, config, *is_for_new),
            Call::Post {
                channel,
                message,
                is_for_history,
            } => self.post(channel, *message, *is_for_history),
            Call::Load { channel } => {
                self.touch(channel);
                let log = &self.logs[channel];
                Answer::Loaded(Loaded {
                    log: LogState {
                        epoch: log.epoch,
                        former: log.former.clone(),
                        start: log.start,
                        end: log.end(),
                    },
                    whole_since: log.whole_since,
                    entries: log.entries.clone(),
                    config: log.config.clone(),
                    history: log.history.clone(),
                    fed: self.fed(),
                })
            }
            Call::Lost => {
                if self.lost_in != self.term {
                    self.lost_in = self.term;
                    self.feed(Fed::Lost);
                }
                Answer::Done
            }
            Call::Beat => Answer::Done,
            Call::Declare { node } => {
                self.dead.insert(*node);
                Answer::Done
            }
        }
    }

    /// Returns the id of the last entry of the feed.
    pub(crate) fn fed(&self) -> FeedId {
        let last = self.feed.last();
        last.map_or_else(FeedId::default, |(id, _)| *id)
    }

    pub(crate) fn feed(&mut self, fed: Fed) {
        let (term, number) = self.fed();
        let number = if term == self.term { number + 1 } else { 1 };
        self.feed.push(((self.term, number), fed));
    }

    /// Forgets the log of a channel in which nobody is.
    pub(crate) fn forget(&mut self, channel: &ChannelName) {
        self.logs.remove(channel);
    }

    /// Returns whether a channel has a log, and no connection.
    pub(crate) fn may_forget(&self, channel: &ChannelName) -> bool {
        let mut records = self.records.values();
        self.logs.contains_key(channel) && !records.any(|it| it.read.contains_key(channel))
    }

    /// Begins a new term for a node that has connected to a new process, unless another node has
    /// done so. `ever` has the highest numbers that were ever given: the script uses the time of
    /// Redis, which is higher. Returns the term.
    pub(crate) fn fence(&mut self, known: Term, ever: Numbers) -> Term {
        if self.term_process == self.process || self.is(Mutation::NoFence) {
            return self.term;
        }
        if !self.is(Mutation::CountersGoBack) {
            self.numbers.raise(ever);
        }
        let kept = self.fed();
        let highest = if self.is(Mutation::TermsCountUp) {
            0
        } else {
            ever.terms
        };
        self.term = Term(self.term.0.max(known.0).max(highest) + 1);
        self.numbers.terms = self.term.0;
        self.term_process = self.process;
        self.feed(Fed::Fenced { kept });
        self.term
    }

    pub(crate) fn numbers(&self) -> Numbers {
        self.numbers
    }
}
