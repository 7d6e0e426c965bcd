//! The scripts about connections.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::core::cluster::call::{FeedId, NodeId, Read, Record, Turn};
use channelstream_actors::name::{ChannelName, ConnId, UserName};

use crate::mutation::Mutation;
use crate::redis::{Answer, EVENTS, Fed, Redis};

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
        channels: &BTreeSet<ChannelName>,
    ) -> Answer {
        if let Some(record) = self.records.get_mut(&conn_id) {
            if self.mutation == Some(Mutation::ConnectTakes) {
                record.node = node;
            }
            return Answer::Known;
        }
        let turn = self.next_turn(conn_id);
        let place = |channel: &ChannelName| (channel.clone(), self.end_of(channel));
        let record = Record {
            user: user.clone(),
            node,
            turn,
            born: turn,
            is_here: false,
            read: channels
                .iter()
                .map(place)
                .collect::<Vec<_>>()
                .into_iter()
                .collect(),
            open: BTreeMap::new(),
        };
        self.records.insert(conn_id, record);
        self.ended.remove(&conn_id);
        self.set_here(conn_id, true, false);
        Answer::Connected {
            record: self.records[&conn_id].clone(),
            fed: self.fed(),
        }
    }

    pub(crate) fn subscribe(&mut self, conn_id: ConnId, channel: &ChannelName) -> Answer {
        let is_new = match self.records.get(&conn_id) {
            None => return Answer::Unknown,
            Some(record) => !record.read.contains_key(channel),
        };
        if is_new {
            let place = self.end_of(channel);
            let record = self.records.get_mut(&conn_id).unwrap();
            record.read.insert(channel.clone(), place);
            let (user, is_here, turn) = (record.user.clone(), record.is_here, record.turn);
            if is_here {
                self.count(channel, &user, true, false);
            }
            let channel = channel.clone();
            self.feed(Fed::Subscribed {
                conn_id,
                turn,
                channel: channel.clone(),
                place,
            });
            self.left.remove(&(conn_id, channel.clone()));
            self.joined.insert((conn_id, channel), self.fed());
        }
        Answer::Done
    }

    pub(crate) fn unsubscribe(&mut self, conn_id: ConnId, channel: &ChannelName) -> Answer {
        let Some(record) = self.records.get_mut(&conn_id) else {
            return Answer::Unknown;
        };
        if record.read.remove(channel).is_some() {
            let (user, is_here, turn) = (record.user.clone(), record.is_here, record.turn);
            self.feed(Fed::Unsubscribed {
                conn_id,
                turn,
                channel: channel.clone(),
            });
            self.joined.remove(&(conn_id, channel.clone()));
            self.left.insert((conn_id, channel.clone()), self.fed());
            if is_here {
                self.count(channel, &user, false, false);
            }
        }
        Answer::Done
    }

    pub(crate) fn take(&mut self, node: NodeId, conn_id: ConnId) -> Answer {
        if !self.records.contains_key(&conn_id) {
            return Answer::Unknown;
        }
        let turn = self.next_turn(conn_id);
        let dead = self.dead.clone();
        let record = self.records.get_mut(&conn_id).unwrap();
        (record.turn, record.node) = (turn, node);
        record.open.retain(|_, node| !dead.contains(node));
        record.open.insert(turn, node);
        self.forget_changes(conn_id);
        self.feed(Fed::Taken {
            conn_id,
            turn,
            node,
        });
        let fed = self.fed();
        let read = self.records[&conn_id].read.clone();
        let end = |channel: &ChannelName| (channel.clone(), self.end_of(channel).1);
        let ends: Vec<_> = read.keys().map(end).collect();
        self.set_here(conn_id, true, false);
        Answer::Taken {
            record: self.records[&conn_id].clone(),
            ends: ends.into_iter().collect(),
            fed,
        }
    }

    pub(crate) fn report(&mut self, conn_id: ConnId, turn: Turn, read: &Read) -> Answer {
        let Some(record) = self.records.get_mut(&conn_id) else {
            return Answer::Unknown;
        };
        if turn < record.born {
            return Answer::Done;
        }
        record.open.remove(&turn);
        for (channel, position) in read {
            if let Some(known) = record.read.get_mut(channel)
                && *position > *known
            {
                *known = *position;
            }
        }
        let read = read.clone();
        self.feed(Fed::Reported {
            conn_id,
            turn,
            read,
        });
        Answer::Done
    }

    /// Returns the latest turn of a connection if it is later than this one.
    pub(crate) fn later(&self, conn_id: ConnId, turn: Turn) -> Option<Turn> {
        let latest = self.records.get(&conn_id)?.turn;
        (latest > turn && !self.is(Mutation::AnyTurn)).then_some(latest)
    }

    pub(crate) fn leave(&mut self, conn_id: ConnId, turn: Turn) -> Answer {
        if let Some(later) = self.later(conn_id, turn) {
            return Answer::Later(later);
        }
        if !self.records.contains_key(&conn_id) {
            return Answer::Unknown;
        }
        self.set_here(conn_id, false, false);
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
        left: &BTreeMap<ChannelName, FeedId>,
        heard: FeedId,
    ) -> Answer {
        if let Some(later) = self.later(conn_id, wanted.turn) {
            return Answer::Later(later);
        }
        let forgets_ends = self.is(Mutation::ForgetEnds);
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
        for channel in wanted.read.keys() {
            self.touch(channel);
        }
        let is_quiet = !self.is(Mutation::RenewTells);
        self.set_here(conn_id, false, is_quiet);
        for (channel, id) in left {
            let joined = self.joined.get(&(conn_id, channel.clone()));
            if joined.is_none_or(|joined| joined <= id) {
                // Redis may have lost that the connection has left the channel.
                let record = self.records.get_mut(&conn_id).unwrap();
                record.read.remove(channel);
            }
        }
        let record = self.records.get_mut(&conn_id).unwrap();
        if record.born < wanted.born {
            // It is the record of a connection with the same id that had ended.
            record.read.clear();
        }
        (record.node, record.turn, record.born) = (wanted.node, wanted.turn, wanted.born);
        record.open.clone_from(&wanted.open);
        for (channel, position) in &wanted.read {
            let left = self.left.get(&(conn_id, channel.clone()));
            let is_left = left.is_some_and(|id| *id > heard);
            let is_new = !record.read.contains_key(channel);
            if is_new && is_left && self.mutation != Some(Mutation::RenewRejoins) {
                continue;
            }
            let known = record.read.entry(channel.clone()).or_insert(*position);
            *known = *position.max(known);
        }
        let read = record.read.clone();
        self.set_here(conn_id, wanted.is_here, is_quiet);
        Answer::Renewed {
            read,
            fed: self.fed(),
        }
    }

    /// Forgets what a connection has left and joined. The record says it.
    fn forget_changes(&mut self, conn_id: ConnId) {
        self.left.retain(|(id, _), _| *id != conn_id);
        self.joined.retain(|(id, _), _| *id != conn_id);
    }

    /// Makes a connection present or absent in all its channels.
    pub(crate) fn set_here(&mut self, conn_id: ConnId, is_here: bool, is_quiet: bool) {
        let record = self.records.get_mut(&conn_id).unwrap();
        if record.is_here == is_here {
            return;
        }
        record.is_here = is_here;
        let (user, read) = (record.user.clone(), record.read.clone());
        for channel in read.keys() {
            self.count(channel, &user, is_here, is_quiet);
        }
    }

    /// Counts a connection that has come or gone, and tells the channel if it is the user's first
    /// or last one.
    pub(crate) fn count(
        &mut self,
        channel: &ChannelName,
        user: &UserName,
        is_here: bool,
        is_quiet: bool,
    ) {
        let key = (channel.clone(), user.clone());
        let was = self.rosters.get(&key).copied().unwrap_or_default();
        let now = if is_here {
            was + 1
        } else {
            was.saturating_sub(1)
        };
        if now == 0 {
            self.rosters.remove(&key);
        } else {
            self.rosters.insert(key, now);
        }
        let log = self.logs.get_mut(channel).unwrap();
        log.is_new = false;
        if (was == 0 || now == 0) && !is_quiet && log.config.notify_presence {
            let number = user.as_str().len() as u64 * 10 + u64::from(is_here);
            self.append(channel, EVENTS + number);
        }
    }
}
