//! Redis with its scripts, as a plain value. Each call is one step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use channelstream_actors::core::cluster::answer::{self, Listed, Pulse};
use channelstream_actors::core::cluster::call::{self, FeedId, NodeId, Record, SessionName, Term};
use channelstream_actors::core::cluster::fed;
use channelstream_actors::core::record::FormerEpochs;
use channelstream_actors::name::{ConnId, LogName, MessageId, UserName};
use channelstream_actors::position::Epoch;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::store::redis::encoding::Limits;

use crate::mutation::Mutation;
use crate::sessions::PollSession;
use crate::users::KeptUser;

/// What is said to the scripts and by them, where messages, states and events are numbers.
pub(crate) type Call = call::Call<u64>;
pub(crate) type Answer = answer::Answer<u64>;
pub(crate) type Loaded = answer::Loaded<u64>;
pub(crate) type Item = answer::Item<u64>;
pub(crate) type Fed = fed::Fed<u64>;

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
    pub(crate) logs: BTreeMap<LogName, Log>,
    pub(crate) records: BTreeMap<ConnId, Record>,
    /// The channels that connections have left or were subscribed to since their latest turn was
    /// taken, and the entries of the feed that say so.
    pub(crate) left: BTreeMap<(ConnId, LogName), FeedId>,
    pub(crate) joined: BTreeMap<(ConnId, LogName), FeedId>,
    /// The entries of the feed that say that the applications of connections were heard from since
    /// their latest turns were taken.
    pub(crate) heard: BTreeMap<ConnId, FeedId>,
    /// The connections that have ended lately.
    pub(crate) ended: BTreeSet<ConnId>,
    /// Those of them that the application has ended.
    pub(crate) disconnected: BTreeSet<ConnId>,
    pub(crate) rosters: BTreeMap<(LogName, UserName), u32>,
    /// The version of the state of each user, and the state.
    pub(crate) users: BTreeMap<UserName, KeptUser>,
    pub(crate) seen: BTreeMap<NodeId, u64>,
    /// The calls that were refused because something had changed.
    pub(crate) refused: BTreeSet<(NodeId, u64)>,
    pub(crate) dead: BTreeSet<NodeId>,
    pub(crate) beats: BTreeMap<NodeId, u64>,
    /// How long the clients of nodes may stay away that have stopped in order.
    pub(crate) away: BTreeMap<NodeId, Duration>,
    pub(crate) about: BTreeMap<NodeId, u64>,
    pub(crate) claims: BTreeMap<String, u64>,
    /// The sessions of Socket.IO clients that poll, and the packets that wait for them.
    pub(crate) sessions: BTreeMap<SessionName, PollSession>,
    pub(crate) packets: BTreeMap<SessionName, Vec<u64>>,
    /// The messages that must not be appended again.
    pub(crate) once: BTreeSet<(MessageId, LogName)>,
    /// The feed. The numbers begin with 1 in each term.
    pub(crate) feed: Vec<(FeedId, Fed)>,
    /// Whether channels that were never configured send presence events.
    pub(crate) tells_presence: bool,
    /// `None` if logs keep everything.
    pub(crate) limits: Option<Limits>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Log {
    pub(crate) epoch: Epoch,
    pub(crate) former: Vec<FormerEpochs>,
    pub(crate) whole_since: Epoch,
    pub(crate) origin: Epoch,
    pub(crate) revision: u64,
    pub(crate) start: u64,
    pub(crate) entries: Vec<Item>,
    pub(crate) config: ChannelConfig,
    pub(crate) history: Vec<Item>,
    /// Whether it was never configured, and no connection has ever had a place in it.
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
    pub(crate) versions: u64,
}

impl Numbers {
    pub(crate) fn raise(&mut self, now: Self) {
        self.turns = self.turns.max(now.turns);
        self.lives = self.lives.max(now.lives);
        self.terms = self.terms.max(now.terms);
        self.versions = self.versions.max(now.versions);
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
                _ if self.refused.contains(&(node, number)) => Answer::Changed,
                Call::Post { .. } | Call::Rewrite { .. } => Answer::Posted { fed: self.fed() },
                _ => Answer::Done,
            };
        }
        *seen = number.max(*seen);
        let answer = self.run(node, call);
        if answer == Answer::Changed {
            self.refused.insert((node, number));
        }
        answer
    }

    /// Runs the script of a call.
    fn run(&mut self, node: NodeId, call: &Call) -> Answer {
        match call {
            Call::Connect {
                conn_id,
                user,
                logs,
            } => self.connect(node, *conn_id, user, logs),
            Call::Subscribe { conn_id, log } => self.subscribe(*conn_id, log),
            Call::Unsubscribe { conn_id, log } => self.unsubscribe(*conn_id, log),
            Call::Heard { conn_id } => self.heard(*conn_id),
            Call::LookUp { conn_id } => match self.records.get(conn_id) {
                Some(record) => Answer::Known(record.clone()),
                None => Answer::Unknown,
            },
            Call::LookUpUser { user } => self.look_up(user).map_or(Answer::Unknown, Answer::User),
            Call::SetUser {
                user,
                seen,
                state,
                changed,
            } => self.set_user(user, *seen, *state, *changed),
            Call::Take {
                conn_id,
                polls,
                continuity,
                session,
            } => match self.goes_on(*conn_id, session.as_ref()) {
                Some(refusal) => refusal,
                None => {
                    let taken = self.take(node, *conn_id, *polls, *continuity);
                    self.note_turn(*conn_id, session.as_ref());
                    taken
                }
            },
            Call::Break {
                conn_id,
                turn,
                continuity,
            } => self.break_continuity(*conn_id, *turn, *continuity),
            Call::Report {
                conn_id,
                turn,
                read,
                has_ended,
            } => self.report(*conn_id, *turn, read, *has_ended),
            Call::Leave {
                conn_id,
                turn,
                heard,
            } => self.leave(*conn_id, *turn, *heard),
            Call::End { conn_id, turn } => self.end(*conn_id, *turn),
            Call::Renew {
                conn_id,
                record,
                left,
                heard,
            } => self.renew(*conn_id, record, left, *heard),
            Call::List { node } => self.list(*node),
            Call::Configure {
                log,
                config,
                is_for_new,
            } => self.configure(log, config, *is_for_new),
            Call::Post {
                log,
                message,
                is_for_history,
                once,
            } => self.post(log, *message, *is_for_history, *once),
            Call::Claim { key, claim } => {
                Answer::Claimed(*self.claims.entry(key.clone()).or_insert(*claim))
            }
            Call::Settle { key, claim } => {
                match claim {
                    Some(claim) => drop(self.claims.insert(key.clone(), *claim)),
                    None => drop(self.claims.remove(key)),
                }
                Answer::Done
            }
            Call::Hold { session, .. } => self.hold(session),
            Call::Tell {
                session, packets, ..
            } => self.tell_session(session, packets),
            Call::Keep {
                session,
                change,
                packets,
                ..
            } => self.keep(session, change, packets),
            Call::Rewrite {
                log,
                offset,
                seen,
                message,
                event,
            } => self.rewrite(log, *offset, *seen, *message, *event),
            Call::Load { log } => self.load(log),
            Call::Forget { log } => self.forget(log),
            Call::Names { .. } => Answer::Names {
                cursor: 0,
                names: self.logs.keys().cloned().collect(),
            },
            Call::Exist { logs } => Answer::Names {
                cursor: 0,
                names: logs
                    .iter()
                    .filter(|log| self.logs.contains_key(log))
                    .cloned()
                    .collect(),
            },
            Call::Reach => Answer::Reached(self.fed()),
            Call::Lost => {
                if self.lost_in != self.term {
                    self.lost_in = self.term;
                    self.feed(Fed::Lost);
                }
                Answer::Done
            }
            Call::Beat { about } => {
                *self.beats.entry(node).or_default() += 1;
                self.about.insert(node, *about);
                self.forget_dead();
                Answer::Beats(self.pulses())
            }
            Call::Declare { node, away } => {
                self.declare(*node, *away);
                Answer::Done
            }
        }
    }

    fn list(&self, node: NodeId) -> Answer {
        let records = self.records.iter();
        let names = records.filter(|(_, record)| record.node == node);
        let only_here = self.is(Mutation::ListOnlyPresent);
        let listed = names.filter(|(_, record)| record.is_here || !only_here);
        let listed = listed.map(|(conn_id, record)| Listed {
            conn_id: *conn_id,
            turn: record.turn,
            is_here: record.is_here,
        });
        Answer::Listed(listed.collect())
    }

    /// Forgets the dead nodes that no record names.
    fn forget_dead(&mut self) {
        let records = &self.records;
        let is_named = |node: &NodeId| records.values().any(|record| record.node == *node);
        let gone: Vec<_> = self.dead.iter().filter(|node| !is_named(node)).collect();
        for node in gone {
            if self.beats.remove(node).is_some() {
                self.away.remove(node);
                self.about.remove(node);
            }
        }
    }

    fn declare(&mut self, node: NodeId, away: Duration) {
        self.dead.insert(node);
        if !away.is_zero() && !self.is(Mutation::StopIsDeath) {
            self.away.insert(node, away);
        }
    }

    fn pulses(&self) -> BTreeMap<NodeId, Pulse<u64>> {
        let pulse = |(node, beats): (&NodeId, &u64)| {
            let away = self.away.get(node).copied().unwrap_or_default();
            let about = self.about.get(node).copied();
            let beats = *beats;
            (*node, Pulse { beats, away, about })
        };
        self.beats.iter().map(pulse).collect()
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

    /// Begins a new term for a node that has connected to a new process, unless another node has
    /// done so. `ever` has the highest numbers that were ever given: the script uses the time of
    /// Redis, which is higher. Returns the term.
    pub(crate) fn fence(&mut self, known: Term, ever: Numbers) -> Term {
        if self.term_process == self.process || self.is(Mutation::NoFence) {
            return self.term;
        }
        if self.is(Mutation::FenceIfEqual) && self.term != known {
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
