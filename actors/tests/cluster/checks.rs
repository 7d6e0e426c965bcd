//! The promises that a world must keep.

use std::collections::{BTreeMap, BTreeSet};

use channelstream_actors::name::LogName;

use crate::client::Client;
use crate::content::{EVENTS, Event};
use crate::node::Node;
use crate::redis::Item;
use crate::world::World;

impl World {
    pub(crate) fn check_event(&mut self, channel: &LogName, content: u64) -> Result<(), String> {
        let Some(Event::Presence { user, is_here, .. }) = Event::from_number(content) else {
            return Ok(());
        };
        let before = self.told.insert((channel.clone(), user), is_here);
        if before.unwrap_or(false) == is_here && !self.has_lost_data {
            return Err(format!("user {user} was told to be here={is_here} twice"));
        }
        if !is_here && !self.has_lost_data {
            for client in &self.clients {
                if client.user.as_str().len() as u64 != user {
                    continue;
                }
                if self.is_served(client, channel) {
                    return Err(format!("{} parted, but is served", client.name()));
                }
                if client.places.contains_key(channel) && self.is_awaited(client) {
                    return Err(format!("{} parted, but was told to return", client.name()));
                }
            }
        }
        Ok(())
    }

    /// Returns whether the node that answers for the client has stopped, and has told the client
    /// to come back, so that the other nodes wait for it.
    fn is_awaited(&self, client: &Client) -> bool {
        let record = self.redis.records.get(&client.conn_id);
        let returns_from = client.returns_from.filter(|_| client.is_awaited);
        record.is_some_and(|record| returns_from == Some(record.node))
    }

    /// Returns whether a node that lives serves the client under the turn of its seat.
    pub(crate) fn is_served(&self, client: &Client, channel: &LogName) -> bool {
        let Some(record) = self.redis.records.get(&client.conn_id) else {
            return false;
        };
        if !record.read.contains_key(channel) {
            return false;
        }
        self.nodes.iter().any(|node| {
            let outlet = node.outlets.get(&(client.conn_id, record.turn));
            node.is_running()
                && !self.redis.dead.contains(&node.id)
                && outlet.is_some_and(|it| {
                    let is_listening = it.is_open() && client.is_on(it.attempt);
                    is_listening && it.places.contains_key(channel)
                })
        })
    }

    /// Checks a world in which nothing happens any more by itself. Returns whether it is one.
    pub(crate) fn check_rest(&self) -> Result<bool, String> {
        if !self.internal().is_empty() {
            return Ok(false);
        }
        self.check_posts()?;
        if !self.nodes.iter().any(Node::is_running) {
            return Ok(true);
        }
        for client in &self.clients {
            if client.is_open {
                self.check_listener(client)?;
            } else {
                self.check_absent(client)?;
            }
        }
        self.check_rosters()?;
        Ok(true)
    }

    pub(crate) fn check_posts(&self) -> Result<(), String> {
        for log in self.redis.logs.values() {
            let contents = log.entries.iter().map(|item| item.content);
            let messages = contents.filter(|content| *content < EVENTS);
            let mut once = BTreeSet::new();
            for message in messages {
                if !once.insert(message) {
                    return Err(format!("message {message} was posted twice"));
                }
                if self.refused.contains(&message) {
                    return Err(format!("message {message} was refused, but is in the log"));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn check_absent(&self, client: &Client) -> Result<(), String> {
        let name = client.name();
        if let Some(record) = self.redis.records.get(&client.conn_id) {
            return Err(format!("{name} has gone, but has a record: {record:?}"));
        }
        let mut sessions = self.nodes.iter().flat_map(|node| &node.sessions);
        if let Some((_, session)) = sessions.find(|(key, _)| key.0 == client.conn_id) {
            return Err(format!("{name} has gone, but has a session: {session:?}"));
        }
        Ok(())
    }

    pub(crate) fn check_listener(&self, client: &Client) -> Result<(), String> {
        let (name, conn_id) = (client.name(), client.conn_id);
        let Some(record) = self.redis.records.get(&conn_id) else {
            return Err(format!("{name} listens without a record"));
        };
        let mut outlets = self.nodes.iter().filter_map(|node| {
            let outlet = node.outlets.get(&(conn_id, record.turn))?;
            client.is_on(outlet.attempt).then_some(outlet)
        });
        let Some(outlet) = outlets.next() else {
            return Err(format!("{name} listens, but nobody serves it"));
        };
        if !record.is_here {
            return Err(format!("{name} listens, but counts as absent"));
        }
        for (channel, message) in &client.owed {
            // A connection that had ended, and whose end was lost, is as it was before.
            let is_member = record.read.contains_key(channel);
            let log = self.redis.logs.get(channel);
            if is_member && !log.is_some_and(|log| log.has(*message)) {
                return Err(format!(
                    "{name} was not told that message {message} is lost"
                ));
            }
        }
        if let Some(channel) = outlet
            .places
            .keys()
            .find(|it| !record.read.contains_key(*it))
        {
            return Err(format!("{name} is attached to {channel}"));
        }
        for channel in record.read.keys() {
            if !outlet.places.contains_key(channel) {
                return Err(format!("{name} is not attached to {channel}"));
            }
            let place = client.places.get(channel).copied().unwrap_or_default();
            let excused = client.excused.get(channel).copied().unwrap_or_default();
            let log = &self.redis.logs[channel];
            for Item {
                offset, content, ..
            } in &log.entries
            {
                let is_owed = *offset > place.max(excused) && *content < EVENTS;
                if is_owed && !client.got.contains(content) {
                    return Err(format!("{name} did not get message {content} at {offset}"));
                }
            }
        }
        Ok(())
    }

    pub(crate) fn check_rosters(&self) -> Result<(), String> {
        let mut truth = BTreeMap::new();
        for client in self.clients.iter().filter(|client| client.is_open) {
            let logs = self.redis.records[&client.conn_id].read.keys();
            for channel in logs.filter(|name| name.channel().is_some()) {
                *truth
                    .entry((channel.clone(), client.user.clone()))
                    .or_insert(0) += 1;
            }
        }
        if truth != self.redis.rosters {
            return Err(format!("the rosters are {:?}", self.redis.rosters));
        }
        Ok(())
    }
}
