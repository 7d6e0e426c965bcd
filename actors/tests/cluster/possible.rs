//! What can happen next in a world.

use channelstream_actors::core::cluster::call::NodeId;

use crate::action::{Action, Target};
use crate::mutation::Mutation;
use crate::outlet::Outlet;
use crate::world::{World, channel, other_channel};

impl World {
    /// Returns everything that can happen next.
    pub(crate) fn actions(&self) -> Vec<Action> {
        let mut actions = self.internal();
        actions.extend(self.external());
        actions
    }

    /// Returns what may happen from outside, as far as the budget allows it.
    pub(crate) fn external(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        let budget = &self.budget;
        let running = || (0..self.nodes.len()).filter(|node| self.takes_clients(*node));
        for client in 0..self.clients.len() {
            let state = &self.clients[client];
            for node in running() {
                if budget.connects > 0 {
                    actions.push(Action::Connect { client, node });
                }
                if budget.opens > 0 && state.is_known {
                    actions.push(Action::Open { client, node });
                }
                if budget.disconnects > 0 && state.is_known {
                    actions.push(Action::Disconnect { client, node });
                }
                if budget.subscribes > 0 && state.is_known {
                    actions.push(Action::Subscribe { client, node });
                }
            }
            if budget.unsubscribes > 0 && state.places.contains_key(&other_channel()) {
                actions.extend(running().map(|node| Action::Unsubscribe { client, node }));
            }
            if budget.resets > 0 && (state.is_open || state.returns_from.is_some()) {
                actions.push(Action::Reset { client });
            }
        }
        for node in running() {
            if budget.posts > 0 {
                for to in [Target::Channel, Target::OtherChannel, Target::Private] {
                    if to == Target::Channel || self.redis.logs.contains_key(&self.log(to)) {
                        actions.push(Action::Post { node, to });
                    }
                }
            }
            if budget.crashes > 0 {
                actions.push(Action::Crash { node });
            }
            if budget.stops > 0 {
                actions.push(Action::Stop { node });
            }
            if budget.pauses > 0 {
                actions.push(Action::Pause { node });
            }
            if budget.cuts > 0 && !self.nodes[node].wire.is_empty() {
                actions.push(Action::Cut { node });
            }
            if budget.give_ups > 0 && !self.nodes[node].lane.is_empty() {
                actions.push(Action::GiveUp { node });
            }
        }
        if budget.starts > 0 {
            let down = (0..self.nodes.len()).filter(|node| !self.nodes[*node].is_up);
            actions.extend(down.map(|node| Action::Start { node }));
        }
        if budget.restarts > 0 {
            actions.push(Action::Restart);
        }
        if budget.saves > 0 {
            actions.push(Action::Save);
        }
        if budget.rollbacks > 0 && self.saved.is_some() {
            actions.push(Action::Rollback);
        }
        if budget.empties > 0 {
            actions.push(Action::Empty);
        }
        if budget.late_bytes > 0 {
            let wires = 0..self.late.len();
            actions.extend(wires.map(|wire| Action::ExecuteLate { wire }));
        }
        actions
    }

    /// Returns what happens by itself, sooner or later. What takes long happens only after
    /// everything else, or early as often as the budget allows it.
    pub(crate) fn internal(&self) -> Vec<Action> {
        let mut actions = self.soon();
        if actions.is_empty() || self.budget.hasty > 0 {
            actions.extend(self.late());
        }
        actions
    }

    /// Returns what happens within milliseconds.
    pub(crate) fn soon(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (client, state) in self.clients.iter().enumerate() {
            let node = &self.nodes[state.node];
            let mut outlets = node.outlets.values();
            let mut is_for = |outlet: &Outlet| {
                outlet.client == client && state.is_on(outlet.attempt) && outlet.is_arriving()
            };
            if outlets.any(&mut is_for) {
                actions.push(Action::Receive { client });
            }
        }
        for (node, state) in self.nodes.iter().enumerate() {
            if !state.is_up {
                continue;
            }
            if state.wire.iter().any(|sent| sent.answer.is_none()) {
                actions.push(Action::Execute { node });
            }
            if state.is_paused {
                continue;
            }
            if state.wire.front().is_some_and(|sent| sent.answer.is_some()) {
                actions.push(Action::Answer { node });
            }
            if state.lane.is_broken() {
                actions.push(Action::Reopen { node });
            } else if state.unread(&self.redis.feed).is_some() {
                actions.push(Action::Read { node });
            }
        }
        actions
    }

    /// Returns what happens after a time-out.
    pub(crate) fn late(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (client, state) in self.clients.iter().enumerate() {
            if state.returns_from.is_some() {
                let running = (0..self.nodes.len()).filter(|node| self.takes_clients(*node));
                actions.extend(running.map(|node| Action::Return { client, node }));
            }
        }
        for (node, state) in self.nodes.iter().enumerate() {
            if state.is_up && state.is_paused {
                actions.push(Action::Resume { node });
            }
            if !state.is_running() || state.lane.is_broken() {
                continue;
            }
            for (session, (key, it)) in state.sessions.iter().enumerate() {
                if it.is_waiting() {
                    actions.push(Action::Waited { node, session });
                }
                if !state.is_stopping && state.timers.contains_key(key) && it.has_timers() {
                    actions.push(Action::TimeOut { node, session });
                }
            }
            if !state.lane.is_empty() {
                continue;
            }
            if self.redis.dead.contains(&state.id) {
                actions.push(Action::Beat { node });
            }
            for (of, id) in self.ids.iter().enumerate() {
                let is_dead = self.redis.dead.contains(id);
                if !self.is_beating(*id) && !is_dead && self.is_watched(*id) {
                    actions.push(Action::Declare { node, dead: of });
                }
                if self.needs_sweep(node, *id) {
                    actions.push(Action::Sweep { node, of });
                }
            }
        }
        if self.budget.forgets > 0
            && self.redis.logs.contains_key(&channel())
            && !self.redis.has_connections(&channel())
        {
            actions.push(Action::Forget);
        }
        actions
    }

    fn takes_clients(&self, node: usize) -> bool {
        self.nodes[node].is_running() && !self.nodes[node].is_stopping
    }

    /// Returns whether other nodes see that a node lives.
    pub(crate) fn is_beating(&self, id: NodeId) -> bool {
        let mut nodes = self.nodes.iter();
        nodes.any(|node| node.id == id && node.is_running())
    }

    /// Returns whether a node has stopped in order, and clients that it has told to come back are
    /// still away.
    fn waits_for_clients(&self, of: NodeId) -> bool {
        self.redis.away.contains_key(&of)
            && self.clients.iter().any(|it| it.returns_from == Some(of))
    }

    /// Returns whether other nodes notice that a node does not beat. It has beaten, but Redis may
    /// have lost this.
    fn is_watched(&self, id: NodeId) -> bool {
        !self.has_lost_data || self.redis.beats.contains_key(&id)
    }

    /// Returns whether connections name a dead node, or name this node although it does not know
    /// them.
    pub(crate) fn needs_sweep(&self, node: usize, of: NodeId) -> bool {
        let node = &self.nodes[node];
        if of == node.id && node.mutation == Some(Mutation::NoAudit) {
            return false;
        }
        if of != node.id && (!self.redis.dead.contains(&of) || self.waits_for_clients(of)) {
            return false;
        }
        self.redis.records.iter().any(|(conn_id, record)| {
            record.node == of && !node.sessions.contains_key(&(*conn_id, record.turn))
        })
    }
}
