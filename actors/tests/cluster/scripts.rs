//! The scripts about connections.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::core::cluster::call::{FeedId, NodeId, Read, Record, Turn};
use channelstream_actors::name::{ConnId, LogName, UserName};
use channelstream_actors::position::Continuity;
use channelstream_actors::position::Position;

use crate::mutation::Mutation;
use crate::redis::{Answer, Fed, Redis};

impl Redis {
    pub(crate) fn next_turn(&mut self, conn_id: ConnId) -> Turn {
        if self.is(Mutation::TurnOfRecord) {
            let record = self.records.get(&conn_id);
            return Turn(record.map_or(0, |record| record.turn.0) + 1);
        }
        self.numbers.turns += 1;
        Turn(self.numbers.turns)
    }

    pub(crate) fn connect(
        &mut self,
        node: NodeId,
        conn_id: ConnId,
        user: &UserName,
        logs: &BTreeSet<LogName>,
    ) -> Answer {
        if let Some(record) = self.records.get_mut(&conn_id) {
            if self.mutation == Some(Mutation::ConnectTakes) {
                record.node = node;
            }
            return Answer::Known(record.clone());
        }
        let turn = self.next_turn(conn_id);
        let place = |name: &LogName| (name.clone(), self.join(name));
        let record = Record {
            user: user.clone(),
            node,
            turn,
            born: turn,
            continuity: Continuity::from(turn.0),
            is_here: false,
            read: logs.iter().map(place).collect(),
            open: BTreeMap::new(),
        };
        self.records.insert(conn_id, record);
        self.watch(node);
        self.ended.remove(&conn_id);
        self.disconnected.remove(&conn_id);
        self.set_here(conn_id, true, false);
        Answer::Connected {
            record: self.records[&conn_id].clone(),
            fed: self.fed(),
        }
    }

    /// Gives a connection a place at the end of a log.
    fn join(&mut self, name: &LogName) -> Position {
        let place = self.end_of(name);
        self.logs.get_mut(name).unwrap().is_new = false;
        place
    }

    pub(crate) fn subscribe(&mut self, conn_id: ConnId, name: &LogName) -> Answer {
        let is_new = match self.records.get(&conn_id) {
            None => return Answer::Unknown,
            Some(record) => !record.read.contains_key(name),
        };
        if is_new {
            let place = self.join(name);
            let record = self.records.get_mut(&conn_id).unwrap();
            record.read.insert(name.clone(), place);
            let (user, is_here, turn) = (record.user.clone(), record.is_here, record.turn);
            if is_here {
                self.count(name, &user, true, false);
            }
            self.feed(Fed::Subscribed {
                conn_id,
                turn,
                log: name.clone(),
                place,
            });
            self.left.remove(&(conn_id, name.clone()));
            self.joined.insert((conn_id, name.clone()), self.fed());
        }
        Answer::Done
    }

    pub(crate) fn unsubscribe(&mut self, conn_id: ConnId, name: &LogName) -> Answer {
        let Some(record) = self.records.get_mut(&conn_id) else {
            return Answer::Unknown;
        };
        if record.read.remove(name).is_some() {
            let (user, is_here, turn) = (record.user.clone(), record.is_here, record.turn);
            self.feed(Fed::Unsubscribed {
                conn_id,
                turn,
                log: name.clone(),
            });
            self.joined.remove(&(conn_id, name.clone()));
            self.left.insert((conn_id, name.clone()), self.fed());
            if is_here {
                self.count(name, &user, false, false);
            }
        }
        Answer::Done
    }

    pub(crate) fn heard(&mut self, conn_id: ConnId) -> Answer {
        let Some(record) = self.records.get(&conn_id) else {
            return Answer::Unknown;
        };
        let turn = record.turn;
        self.set_here(conn_id, true, false);
        self.feed(Fed::Heard { conn_id, turn });
        self.heard.insert(conn_id, self.fed());
        Answer::Done
    }

    pub(crate) fn take(
        &mut self,
        node: NodeId,
        conn_id: ConnId,
        polls: bool,
        continuity: Option<Continuity>,
    ) -> Answer {
        if !self.records.contains_key(&conn_id) {
            return Answer::Unknown;
        }
        let turn = self.next_turn(conn_id);
        let dead = self.dead.clone();
        let record = self.records.get_mut(&conn_id).unwrap();
        let is_moved = record.node != node;
        (record.turn, record.node) = (turn, node);
        if continuity != Some(record.continuity) {
            record.continuity = Continuity::from(turn.0);
        }
        record.open.retain(|_, node| !dead.contains(node));
        record.open.insert(turn, node);
        self.forget_changes(conn_id);
        if is_moved {
            self.watch(node);
        }
        self.feed(Fed::Taken {
            conn_id,
            turn,
            node,
            polls,
        });
        let fed = self.fed();
        let read = self.records[&conn_id].read.clone();
        let end = |name: &LogName| (name.clone(), self.end_of(name).1);
        let ends: Vec<_> = read.keys().map(end).collect();
        self.set_here(conn_id, true, false);
        Answer::Taken {
            record: self.records[&conn_id].clone(),
            ends: ends.into_iter().collect(),
            // The model does not know which places are new.
            new: BTreeSet::new(),
            fed,
        }
    }

    pub(crate) fn report(
        &mut self,
        conn_id: ConnId,
        turn: Turn,
        read: &Read,
        has_ended: bool,
    ) -> Answer {
        let Some(record) = self.records.get_mut(&conn_id) else {
            return Answer::Unknown;
        };
        if turn < record.born {
            return Answer::Done;
        }
        for (name, position) in read {
            if let Some(known) = record.read.get_mut(name)
                && *position > *known
            {
                *known = *position;
            }
        }
        if !has_ended {
            return Answer::Done;
        }
        record.open.remove(&turn);
        let read = read.clone();
        self.feed(Fed::Reported {
            conn_id,
            turn,
            read,
        });
        Answer::Done
    }

    pub(crate) fn break_continuity(
        &mut self,
        conn_id: ConnId,
        turn: Turn,
        continuity: Continuity,
    ) -> Answer {
        if let Some(later) = self.later(conn_id, turn) {
            return Answer::Later(later);
        }
        let Some(record) = self.records.get_mut(&conn_id) else {
            return Answer::Unknown;
        };
        record.continuity = continuity;
        Answer::Done
    }

    /// Returns the latest turn of a connection if it is later than this one.
    pub(crate) fn later(&self, conn_id: ConnId, turn: Turn) -> Option<Turn> {
        let latest = self.records.get(&conn_id)?.turn;
        (latest > turn && !self.is(Mutation::AnyTurn)).then_some(latest)
    }

    /// Returns whether the application of a connection was heard from after this entry of the feed.
    fn was_heard(&self, conn_id: ConnId, after: FeedId) -> bool {
        self.heard.get(&conn_id).is_some_and(|id| *id > after)
    }

    pub(crate) fn leave(&mut self, conn_id: ConnId, turn: Turn, heard: Option<FeedId>) -> Answer {
        if let Some(later) = self.later(conn_id, turn) {
            return Answer::Later(later);
        }
        if !self.records.contains_key(&conn_id) {
            return Answer::Unknown;
        }
        let was_heard = heard.is_some_and(|heard| self.was_heard(conn_id, heard));
        if !was_heard {
            self.set_here(conn_id, false, false);
        }
        Answer::Done
    }

    pub(crate) fn end(&mut self, conn_id: ConnId, turn: Option<Turn>) -> Answer {
        let Some(record) = self.records.get(&conn_id) else {
            return Answer::Unknown;
        };
        let latest = record.turn;
        if let Some(later) = turn.and_then(|turn| self.later(conn_id, turn)) {
            return Answer::Later(later);
        }
        self.set_here(conn_id, false, false);
        self.records.remove(&conn_id);
        self.forget_changes(conn_id);
        self.ended.insert(conn_id);
        if turn.is_none() {
            self.disconnected.insert(conn_id);
        } else {
            self.disconnected.remove(&conn_id);
        }
        self.feed(Fed::Ended {
            conn_id,
            turn: latest,
        });
        Answer::Done
    }

    pub(crate) fn renew(
        &mut self,
        conn_id: ConnId,
        wanted: &Record,
        left: &BTreeMap<LogName, FeedId>,
        heard: FeedId,
    ) -> Answer {
        if let Some(later) = self.later(conn_id, wanted.turn) {
            return Answer::Later(later);
        }
        let forgets_ends = self.is(Mutation::ForgetEnds);
        let known = self.records.get(&conn_id);
        let is_moved = known.is_none_or(|record| record.node != wanted.node);
        if !self.records.contains_key(&conn_id) {
            if self.ended.contains(&conn_id) && !forgets_ends {
                return Answer::Unknown;
            }
            let record = Record {
                is_here: false,
                read: Read::new(),
                ..wanted.clone()
            };
            self.records.insert(conn_id, record);
        }
        if is_moved {
            self.watch(wanted.node);
        }
        for name in wanted.read.keys() {
            self.touch(name);
        }
        let (rosters, former) = (self.rosters.clone(), self.records[&conn_id].user.clone());
        let is_quiet = !self.is(Mutation::RenewTells);
        self.set_here(conn_id, false, is_quiet);
        for (name, id) in left {
            let joined = self.joined.get(&(conn_id, name.clone()));
            if joined.is_none_or(|joined| joined <= id) {
                // Redis may have lost that the connection has left the channel.
                let record = self.records.get_mut(&conn_id).unwrap();
                record.read.remove(name);
            }
        }
        let record = self.records.get_mut(&conn_id).unwrap();
        if record.born < wanted.born {
            // It is the record of a connection with the same id that had ended.
            record.read.clear();
            record.user = wanted.user.clone();
        }
        (record.node, record.turn, record.born) = (wanted.node, wanted.turn, wanted.born);
        record.continuity = wanted.continuity;
        record.open.clone_from(&wanted.open);
        for (name, position) in &wanted.read {
            let left = self.left.get(&(conn_id, name.clone()));
            let is_left = left.is_some_and(|id| *id > heard);
            let is_new = !record.read.contains_key(name);
            if is_new && is_left && self.mutation != Some(Mutation::RenewRejoins) {
                continue;
            }
            self.logs.get_mut(name).unwrap().is_new = false;
            let known = record.read.entry(name.clone()).or_insert(*position);
            *known = *position.max(known);
        }
        let (user, read) = (record.user.clone(), record.read.clone());
        let was_heard = self.was_heard(conn_id, heard);
        let is_here = wanted.is_here || was_heard || self.is(Mutation::RenewPresent);
        self.set_here(conn_id, is_here, is_quiet);
        self.tell(&former, &rosters);
        if user != former {
            self.tell(&user, &rosters);
        }
        Answer::Renewed {
            read,
            fed: self.fed(),
        }
    }

    /// Notes that a record names a node, whose beats are watched from then on.
    fn watch(&mut self, node: NodeId) {
        if !self.is(Mutation::UnwatchedNode) {
            self.beats.entry(node).or_default();
        }
    }

    /// Forgets what a connection has left and joined. The record says it.
    fn forget_changes(&mut self, conn_id: ConnId) {
        self.left.retain(|(id, _), _| *id != conn_id);
        self.joined.retain(|(id, _), _| *id != conn_id);
        self.heard.remove(&conn_id);
    }
}
