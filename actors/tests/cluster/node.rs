//! A node: its lane, its sessions, its copies of logs, and the transports of its clients.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use channelstream_actors::core::cluster::answer::Listed;
use channelstream_actors::core::cluster::call::{FeedId, NodeId, Term, Turn};
use channelstream_actors::core::cluster::effect::Effect;
use channelstream_actors::core::cluster::follower::Follower;
use channelstream_actors::core::cluster::lane::{Lane, Numbered};
use channelstream_actors::core::cluster::session::Session;
use channelstream_actors::core::cluster::witness::Witness;
use channelstream_actors::name::{ConnId, LogName};

use crate::client::Client;
use crate::mutation::Mutation;
use crate::outlet::{Outlet, OutletPlace};
use crate::redis::{Answer, Call, Fed};

/// A connection's turn.
pub(crate) type Key = (ConnId, Turn);

/// A call, and what its answer is for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Job {
    pub(crate) call: Call,
    pub(crate) purpose: Purpose,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Purpose {
    /// The answer to a client's `/connect`.
    Connect {
        client: usize,
    },
    /// A client's transport, which is the client's attempt of this number.
    Open {
        client: usize,
        attempt: u8,
    },
    Session(Key),
    Load(LogName),
    Post(u64),
    /// The node has stopped, and says that it is gone.
    Stop,
    /// The node tells of a loss in Redis.
    Lost,
    /// The listed connections leave, and those that are absent end, unless this node has sessions
    /// for them.
    Sweep,
    /// Nobody waits for the answer.
    Nobody,
}

/// A call on its way to Redis, or its answer on the way back.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Sent {
    pub(crate) call: Numbered<Job>,
    pub(crate) answer: Option<Answer>,
}

/// A loss in Redis that the node must tell of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Loss {
    None,
    Noticed,
    /// The call that tells of it is on its way.
    IsTold,
}

impl Loss {
    /// Returns what is left to do by a node whose calls are lost.
    pub(crate) fn again(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Noticed | Self::IsTold => Self::Noticed,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) is_up: bool,
    pub(crate) is_paused: bool,
    /// Whether the node is stopping in order.
    pub(crate) is_stopping: bool,
    pub(crate) term: Term,
    pub(crate) process: u64,
    pub(crate) lane: Lane<Job>,
    pub(crate) wire: VecDeque<Sent>,
    /// The last entry of the feed that was read.
    pub(crate) read_to: FeedId,
    pub(crate) sessions: BTreeMap<Key, Session>,
    /// The sessions of which a call is on its way.
    pub(crate) busy: BTreeSet<Key>,
    /// The timers that run, and how many of the two have gone off.
    pub(crate) timers: BTreeMap<Key, u8>,
    pub(crate) outlets: BTreeMap<Key, Outlet>,
    pub(crate) copies: BTreeMap<LogName, (Follower, Vec<u64>)>,
    pub(crate) loading: BTreeSet<LogName>,
    /// The entries of the feed that were read while a call that takes a turn was on its way, by the
    /// number of the client's transport.
    pub(crate) read_meanwhile: BTreeMap<(ConnId, u8), Vec<(FeedId, Fed)>>,
    pub(crate) witness: Witness,
    /// What the witness would know without a planted fault.
    pub(crate) seen: Witness,
    pub(crate) loss: Loss,
    pub(crate) mutation: Option<Mutation>,
    /// Whether what is sent to a client arrives at once.
    pub(crate) is_instant: bool,
}

impl Node {
    pub(crate) fn new(id: NodeId, mutation: Option<Mutation>, is_instant: bool) -> Self {
        Self {
            id,
            is_up: true,
            is_paused: false,
            is_stopping: false,
            term: Term::default(),
            process: 0,
            lane: Lane::new(100, 1),
            wire: VecDeque::new(),
            read_to: FeedId::default(),
            sessions: BTreeMap::new(),
            busy: BTreeSet::new(),
            timers: BTreeMap::new(),
            outlets: BTreeMap::new(),
            copies: BTreeMap::new(),
            loading: BTreeSet::new(),
            read_meanwhile: BTreeMap::new(),
            witness: Witness::default(),
            seen: Witness::default(),
            loss: Loss::None,
            mutation,
            is_instant,
        }
    }

    /// Returns the node that comes after this one in the same place.
    pub(crate) fn successor(&self, id: NodeId) -> Self {
        Self::new(id, self.mutation, self.is_instant)
    }

    pub(crate) fn is_running(&self) -> bool {
        self.is_up && !self.is_paused
    }

    pub(crate) fn push(&mut self, call: Call, purpose: Purpose) -> bool {
        self.lane.push(Job { call, purpose }).is_ok()
    }

    /// Returns whether the node has a call about a connection on its way.
    pub(crate) fn has_call_about(&self, conn_id: ConnId) -> bool {
        self.read_meanwhile.keys().any(|key| key.0 == conn_id)
    }

    /// Carries out what a session has decided.
    pub(crate) fn carry_out(&mut self, key: Key, effects: Vec<Effect>, clients: &mut [Client]) {
        for effect in effects {
            match effect {
                Effect::Attach {
                    log,
                    position,
                    missed_up_to,
                    ..
                } => {
                    let place = OutletPlace {
                        position,
                        missed_up_to,
                        seen_end: None,
                        sent: Vec::new(),
                    };
                    if let Some(outlet) = self.outlets.get_mut(&key) {
                        outlet.places.entry(log.clone()).or_insert(place);
                    }
                    let copy = || (Follower::new(), Vec::new());
                    self.copies.entry(log).or_insert_with(copy);
                }
                Effect::Detach { log } => {
                    if let Some(outlet) = self.outlets.get_mut(&key) {
                        outlet.places.remove(&log);
                    }
                }
                Effect::Shut => {
                    if let Some(outlet) = self.outlets.get(&key) {
                        clients[outlet.client].lose(outlet.attempt);
                    }
                    self.lose(key, clients);
                }
                Effect::StartTimers => {
                    self.timers.insert(key, 0);
                }
            }
        }
    }

    /// Does everything that the node does at once: it notices lost sockets, delivers, and sends
    /// calls.
    pub(crate) fn settle(&mut self, clients: &mut [Client]) -> Result<(), String> {
        if !self.is_running() {
            return Ok(());
        }
        self.notice_lost_sockets(clients);
        self.deliver(clients)?;
        let over = |key: &Key, session: &Session| session.is_over() && !self.busy.contains(key);
        self.sessions.retain(|key, session| !over(key, session));
        self.timers.retain(|key, _| self.sessions.contains_key(key));
        if self.lane.is_broken() {
            return Ok(());
        }
        if self.loss == Loss::Noticed && self.push(Call::Lost, Purpose::Lost) {
            self.loss = Loss::IsTold;
        }
        for (key, session) in &mut self.sessions {
            if !self.busy.contains(key)
                && let Some(call) = session.next_call()
            {
                let purpose = Purpose::Session(*key);
                if self.lane.push(Job { call, purpose }).is_ok() {
                    self.busy.insert(*key);
                }
            }
        }
        for (log, (follower, _)) in &self.copies {
            if follower.must_load() && !self.loading.contains(log) {
                let call = Call::Load { log: log.clone() };
                let purpose = Purpose::Load(log.clone());
                if self.lane.push(Job { call, purpose }).is_ok() {
                    self.loading.insert(log.clone());
                }
            }
        }
        if self.is_stopping && self.lane.is_empty() {
            // Everything is reported.
            let call = Call::Declare {
                node: self.id,
                away: Duration::from_secs(16),
            };
            self.push(call, Purpose::Stop);
        }
        for call in self.lane.send() {
            self.wire.push_back(Sent { call, answer: None });
        }
        Ok(())
    }

    /// Begins to stop in order. The other nodes wait for its clients, unless they have declared it
    /// dead before.
    pub(crate) fn stop(&mut self, clients: &mut [Client], are_awaited: bool) {
        self.is_stopping = true;
        let keys: Vec<Key> = self.outlets.keys().copied().collect();
        for key in keys {
            if let Some(outlet) = self.outlets.get(&key) {
                let client = &mut clients[outlet.client];
                client.is_told_to_return(outlet.attempt, outlet.born, self.id, are_awaited);
            }
            self.carry_out(key, vec![Effect::Shut], clients);
        }
    }

    /// Begins a session, which then reads what the feed had meanwhile.
    pub(crate) fn begin(
        &mut self,
        key: Key,
        session: Session,
        outlet: Option<Outlet>,
        clients: &mut [Client],
    ) {
        self.sessions.insert(key, session);
        let attempt = outlet.as_ref().map_or(0, |outlet| outlet.attempt);
        match outlet {
            Some(outlet) => drop(self.outlets.insert(key, outlet)),
            None => drop(self.timers.insert(key, 0)),
        }
        let meanwhile = self.read_meanwhile.remove(&(key.0, attempt));
        if self.mutation != Some(Mutation::ForgetMeanwhile) {
            for (id, fed) in meanwhile.unwrap_or_default() {
                self.session_reads(key, id, &fed, clients);
            }
        }
        if let Some(session) = self.sessions.get_mut(&key) {
            let effects = session.begin();
            self.carry_out(key, effects, clients);
        }
    }

    /// Lets a session wait no longer for the reports of others.
    pub(crate) fn waited(&mut self, key: Key, clients: &mut [Client]) {
        if let Some(session) = self.sessions.get_mut(&key) {
            let effects = session.waited();
            self.carry_out(key, effects, clients);
        }
    }

    /// Lets the next timer of a session go off.
    pub(crate) fn time_out(&mut self, key: Key) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        if self.timers.get(&key) == Some(&0) {
            session.absent();
            self.timers.insert(key, 1);
        } else {
            session.expired();
            self.timers.remove(&key);
        }
    }

    /// Makes connections leave that name a node and for which nobody answers, and ends those that
    /// are absent already.
    pub(crate) fn sweep(&mut self, listed: Vec<Listed>) {
        for it in listed {
            let Listed {
                conn_id,
                turn,
                is_here,
            } = it;
            if self.sessions.contains_key(&(conn_id, turn)) || self.has_call_about(conn_id) {
                continue;
            }
            let call = if is_here {
                Call::Leave {
                    conn_id,
                    turn,
                    heard: None,
                }
            } else {
                Call::End {
                    conn_id,
                    turn: Some(turn),
                }
            };
            self.push(call, Purpose::Nobody);
        }
    }
}
