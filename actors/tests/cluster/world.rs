//! Redis, nodes and clients.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use channelstream_actors::core::cluster::call::{FeedId, NodeId};
use channelstream_actors::name::{ChannelName, ConnId, LogName, UserName};
use uuid::Uuid;

use crate::action::{Action, Target};
use crate::client::Client;
use crate::mutation::Mutation;
use crate::node::{Key, Node, Purpose, Sent};
use crate::redis::{Call, Numbers, Redis};
use crate::setups::{Budget, Setup};

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct World {
    pub(crate) redis: Redis,
    pub(crate) saved: Option<Box<Redis>>,
    pub(crate) ever: Numbers,
    pub(crate) nodes: Vec<Node>,
    /// The ids of all nodes that ever were.
    pub(crate) ids: Vec<NodeId>,
    pub(crate) clients: Vec<Client>,
    /// The calls on connections that were cut and that Redis may still execute.
    pub(crate) late: Vec<(NodeId, VecDeque<Sent>)>,
    pub(crate) budget: Budget,
    pub(crate) posted: u64,
    pub(crate) refused: BTreeSet<u64>,
    /// The messages that were accepted, and the last entry of the feed then.
    pub(crate) accepted: BTreeMap<u64, FeedId>,
    /// Whether each user was last told to be present in each channel.
    pub(crate) told: BTreeMap<(LogName, u64), bool>,
    /// The number of feed entries that were checked.
    pub(crate) checked: usize,
    pub(crate) has_lost_data: bool,
    /// Whether the clients listen by long-polls.
    pub(crate) polls: bool,
    /// Whether connections have a place in the private log of their user.
    pub(crate) has_private: bool,
}

/// Returns the log of the channel of all clients.
pub(crate) fn channel() -> LogName {
    ChannelName::new("c").into()
}

/// Returns the log of the channel to which clients may be subscribed.
pub(crate) fn other_channel() -> LogName {
    ChannelName::new("d").into()
}

impl World {
    pub(crate) fn new(setup: &Setup, mutation: Option<Mutation>) -> Self {
        let redis = Redis::new(mutation, true);
        let nodes: Vec<_> = (0..setup.nodes)
            .map(|index| Node::new(NodeId(index as u64), mutation, setup.is_instant))
            .collect();
        let client = |(index, user): (usize, &&str)| {
            let conn_id = ConnId::from(Uuid::from_u128(index as u128 + 1));
            Client::new(conn_id, UserName::new(*user))
        };
        let mut world = Self {
            redis,
            saved: None,
            ever: Numbers::default(),
            ids: nodes.iter().map(|node| node.id).collect(),
            nodes,
            clients: setup.clients.iter().enumerate().map(client).collect(),
            late: Vec::new(),
            budget: Budget::default(),
            posted: 0,
            refused: BTreeSet::new(),
            accepted: BTreeMap::new(),
            told: BTreeMap::new(),
            checked: 0,
            has_lost_data: false,
            polls: setup.polls,
            has_private: setup.has_private,
        };
        if setup.are_connected {
            for client in 0..world.clients.len() {
                world.connect(client, 0);
                while let Some(action) = world.calm_action() {
                    world.apply(action).unwrap();
                }
            }
        }
        world.budget = setup.budget.clone();
        world
    }

    /// Returns an action that lets a new world come to rest without letting any timer go off.
    pub(crate) fn calm_action(&self) -> Option<Action> {
        let is_calm = |action: &Action| {
            matches!(
                action,
                Action::Execute { .. } | Action::Answer { .. } | Action::Read { .. }
            )
        };
        self.internal().into_iter().find(is_calm)
    }

    /// Returns the logs in which a new connection has a place.
    fn logs_of(&self, user: &UserName) -> BTreeSet<LogName> {
        let private = self.has_private.then(|| user.clone().into());
        private.into_iter().chain([channel()]).collect()
    }

    /// Returns the log that is named.
    pub(crate) fn log(&self, name: Target) -> LogName {
        match name {
            Target::Channel => channel(),
            Target::OtherChannel => other_channel(),
            Target::Private => self.clients[0].user.clone().into(),
        }
    }

    pub(crate) fn connect(&mut self, client: usize, node: usize) {
        let Client { conn_id, user, .. } = self.clients[client].clone();
        let call = Call::Connect {
            conn_id,
            logs: self.logs_of(&user),
            user,
        };
        let node = &mut self.nodes[node];
        if node.push(call, Purpose::Connect { client }) {
            node.read_meanwhile.entry((conn_id, 0)).or_default();
        }
        self.settle().unwrap();
    }

    pub(crate) fn apply(&mut self, action: Action) -> Result<(), String> {
        let spend = |budget: &mut u8| *budget = budget.saturating_sub(1);
        if action.takes_long() && !self.soon().is_empty() {
            spend(&mut self.budget.hasty);
        }
        let budget = &mut self.budget;
        match action {
            Action::Connect { client, node } => {
                spend(&mut budget.connects);
                self.connect(client, node);
            }
            Action::Open { client, node } => {
                spend(&mut budget.opens);
                self.open(client, node);
            }
            Action::Return { client, node } => self.open(client, node),
            Action::Reset { client } => {
                spend(&mut budget.resets);
                self.clients[client].leave();
            }
            Action::Post { node, to } => {
                spend(&mut budget.posts);
                self.posted += 1;
                let call = Call::Post {
                    log: self.log(to),
                    message: self.posted,
                    is_for_history: false,
                    once: None,
                };
                if !self.nodes[node].push(call, Purpose::Post(self.posted)) {
                    self.refused.insert(self.posted);
                }
            }
            Action::Subscribe { client, node } => {
                spend(&mut budget.subscribes);
                let call = Call::Subscribe {
                    conn_id: self.clients[client].conn_id,
                    log: other_channel(),
                };
                self.nodes[node].push(call, Purpose::Nobody);
            }
            Action::Unsubscribe { client, node } => {
                spend(&mut budget.unsubscribes);
                let call = Call::Unsubscribe {
                    conn_id: self.clients[client].conn_id,
                    log: other_channel(),
                };
                self.nodes[node].push(call, Purpose::Nobody);
            }
            Action::Disconnect { client, node } => {
                spend(&mut budget.disconnects);
                let call = Call::End {
                    conn_id: self.clients[client].conn_id,
                    turn: None,
                };
                self.nodes[node].push(call, Purpose::Nobody);
            }
            Action::Crash { node } => {
                spend(&mut budget.crashes);
                self.crash(node);
            }
            Action::Stop { node } => {
                spend(&mut budget.stops);
                let is_dead = self.redis.dead.contains(&self.nodes[node].id);
                self.nodes[node].stop(&mut self.clients, !is_dead);
            }
            Action::Pause { node } => {
                spend(&mut budget.pauses);
                self.nodes[node].is_paused = true;
            }
            Action::Start { node } => {
                spend(&mut budget.starts);
                self.start(node);
            }
            Action::Cut { node } => {
                spend(&mut budget.cuts);
                self.cut(node);
            }
            Action::GiveUp { node } => {
                spend(&mut budget.give_ups);
                self.give_up(node);
            }
            Action::Restart => {
                spend(&mut budget.restarts);
                self.restart();
            }
            Action::Save => {
                spend(&mut budget.saves);
                self.saved = Some(Box::new(self.redis.clone()));
            }
            Action::Rollback => {
                spend(&mut budget.rollbacks);
                let saved = self.saved.clone();
                self.lose_data(saved.as_deref());
            }
            Action::Execute { node } => self.execute(node)?,
            Action::ExecuteLate { wire } => {
                spend(&mut budget.late_bytes);
                self.execute_late(wire)?;
            }
            Action::Answer { node } => self.answer(node)?,
            Action::Receive { client } => self.receive(client)?,
            Action::Reopen { node } => self.reopen(node),
            Action::Read { node } => {
                let node = &mut self.nodes[node];
                if let Some(fed) = node.unread(&self.redis.feed) {
                    node.read(fed, &mut self.clients);
                }
            }
            Action::Waited { node, session } => {
                let key = self.session_of(node, session);
                self.nodes[node].waited(key, &mut self.clients);
            }
            Action::TimeOut { node, session } => {
                let key = self.session_of(node, session);
                self.nodes[node].time_out(key);
            }
            Action::Resume { node } => self.nodes[node].is_paused = false,
            Action::Declare { node, dead } => {
                let call = Call::Declare {
                    node: self.ids[dead],
                    away: Duration::ZERO,
                };
                self.nodes[node].push(call, Purpose::Nobody);
            }
            Action::Beat { node } => {
                self.nodes[node].push(Call::Beat { about: 0 }, Purpose::Nobody);
            }
            Action::Sweep { node, of } => {
                let call = Call::List { node: self.ids[of] };
                self.nodes[node].push(call, Purpose::Sweep);
            }
            Action::Forget => {
                spend(&mut self.budget.forgets);
                self.redis.forget(&channel());
            }
            Action::Empty => {
                spend(&mut self.budget.empties);
                self.lose_data(None);
            }
        }
        self.ever.raise(self.redis.numbers());
        self.settle()
    }

    pub(crate) fn receive(&mut self, client: usize) -> Result<(), String> {
        let state = &mut self.clients[client];
        for outlet in self.nodes[state.node].outlets.values_mut() {
            if outlet.client == client && state.is_on(outlet.attempt) {
                outlet.arrive(state)?;
            }
        }
        Ok(())
    }

    pub(crate) fn session_of(&self, node: usize, session: usize) -> Key {
        *self.nodes[node].sessions.keys().nth(session).unwrap()
    }

    pub(crate) fn settle(&mut self) -> Result<(), String> {
        for node in &mut self.nodes {
            if node.is_running() && !node.lane.is_broken() {
                node.pass_over(&self.redis.feed);
            }
            node.settle(&mut self.clients)?;
        }
        Ok(())
    }

    pub(crate) fn open(&mut self, client: usize, node: usize) {
        let conn_id = self.clients[client].conn_id;
        let attempt = self.clients[client].open(node);
        let purpose = Purpose::Open { client, attempt };
        let node = &mut self.nodes[node];
        if node.push(
            Call::Take {
                conn_id,
                polls: false,
                continuity: None,
                session: None,
            },
            purpose,
        ) {
            node.read_meanwhile.entry((conn_id, attempt)).or_default();
        } else {
            self.clients[client].lose(attempt);
        }
    }
}
