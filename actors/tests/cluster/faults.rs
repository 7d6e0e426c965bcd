//! The faults of nodes, of connections and of Redis.

use std::collections::VecDeque;

use channelstream_actors::core::cluster::call::{FeedId, NodeId};

use crate::node::{Purpose, Sent};
use crate::redis::Redis;
use crate::world::World;

impl World {
    pub(crate) fn end_all_transports(&mut self, node: usize) {
        for client in &mut self.clients {
            client.is_open &= client.node != node;
        }
        self.nodes[node].outlets.clear();
    }

    pub(crate) fn crash(&mut self, node: usize) {
        self.end_all_transports(node);
        let state = &mut self.nodes[node];
        let mut dead = state.successor(state.id);
        dead.is_up = false;
        let crashed = std::mem::replace(state, dead);
        self.keep_late(crashed.id, crashed.wire);
        self.forget_unknown();
    }

    /// Forgets that messages are owed which no living node knows of. If Redis loses them too,
    /// nobody can tell.
    fn forget_unknown(&mut self) {
        let nodes = &self.nodes;
        let knows = |fed: &FeedId| nodes.iter().any(|node| node.is_up && node.seen.knows(*fed));
        self.accepted.retain(|_, fed| knows(fed));
        for client in &mut self.clients {
            let accepted = &self.accepted;
            client
                .owed
                .retain(|(_, message)| accepted.contains_key(message));
        }
    }

    /// Notes that a message was accepted, for the clients that are owed it.
    pub(crate) fn accepted(&mut self, message: u64, fed: FeedId) {
        self.accepted.insert(message, fed);
        for (name, log) in &self.redis.logs {
            let mut entries = log.entries.iter();
            let Some(item) = entries.find(|item| item.content == message) else {
                continue;
            };
            for client in &mut self.clients {
                client.is_owed(name, message, item.offset, &self.redis);
            }
        }
    }

    pub(crate) fn keep_late(&mut self, id: NodeId, mut wire: VecDeque<Sent>) {
        wire.retain(|sent| sent.answer.is_none());
        if !wire.is_empty() && self.budget.late_bytes > 0 {
            self.late.push((id, wire));
        }
    }

    pub(crate) fn start(&mut self, node: usize) {
        let id = NodeId(self.ids.len() as u64);
        self.ids.push(id);
        let state = &mut self.nodes[node];
        let mut fresh = state.successor(id);
        (fresh.witness, fresh.loss) = (state.witness.clone(), state.loss.again());
        fresh.seen = state.seen.clone();
        fresh.process = self.redis.process;
        fresh.term = self.redis.fence(fresh.term, self.ever);
        fresh.read_to = self.redis.fed();
        *state = fresh;
    }

    pub(crate) fn cut(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        state.lane.broke();
        let (id, wire) = (state.id, std::mem::take(&mut state.wire));
        self.keep_late(id, wire);
    }

    /// The node gives up all calls that clients and callers wait for.
    pub(crate) fn give_up(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        let given_up = state.lane.give_up(|job| {
            matches!(
                job.purpose,
                Purpose::Open { .. } | Purpose::Post(_) | Purpose::Connect { .. }
            )
        });
        for (job, is_in_doubt) in (given_up.unsent.into_iter().map(|job| (job, false)))
            .chain(given_up.in_doubt.into_iter().map(|job| (job, true)))
        {
            match job.purpose {
                Purpose::Open { client, attempt } => {
                    let conn_id = self.clients[client].conn_id;
                    state.read_meanwhile.remove(&(conn_id, attempt));
                    self.clients[client].lose(attempt);
                }
                Purpose::Connect { client } => {
                    let conn_id = self.clients[client].conn_id;
                    state.read_meanwhile.remove(&(conn_id, 0));
                }
                Purpose::Post(message) if !is_in_doubt => drop(self.refused.insert(message)),
                _ => {}
            }
        }
    }

    pub(crate) fn break_all(&mut self) {
        self.late.clear();
        for node in &mut self.nodes {
            if node.is_up {
                node.lane.broke();
                node.wire.clear();
            }
        }
    }

    pub(crate) fn restart(&mut self) {
        self.redis.process += 1;
        self.break_all();
    }

    /// Redis comes back with older data, or without any.
    pub(crate) fn lose_data(&mut self, saved: Option<&Redis>) {
        self.redis = self.redis.replaced_by(saved);
        self.has_lost_data = true;
        self.checked = self.redis.feed.len();
        for client in &mut self.clients {
            client.loses_data(&self.redis);
        }
        self.break_all();
    }

    pub(crate) fn reopen(&mut self, node: usize) {
        let state = &mut self.nodes[node];
        if state.process != self.redis.process {
            state.process = self.redis.process;
            state.term = self.redis.fence(state.term, self.ever);
        }
        for call in state.lane.opened() {
            state.wire.push_back(Sent { call, answer: None });
        }
    }
}
