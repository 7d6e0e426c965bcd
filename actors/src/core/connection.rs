//! The decisions of a connection: which channels it is in, and whether its client counts as
//! present. The connection is the owner of these facts; users and channels know only what the
//! connection told them.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::record::ConnectionRecord;
use crate::limits::{Bound, LimitReached};
use crate::name::{ChannelName, UserName};
use crate::position::{Continuity, Epoch, Position, Report};
use crate::protocol::timestamp::Moment;

/// The channels of a connection, and whether its client counts as present.
#[derive(Debug)]
pub struct ConnectionCore {
    user: UserName,
    channels: BTreeSet<ChannelName>,
    is_present: bool,
    /// Whether a transport has listened.
    has_listened: bool,
    continuity: Continuity,
    /// The positions up to which the client is known to have read, for the store. Empty if the
    /// server has no store.
    read: Positions,
}

/// The positions up to which a client is known to have read, in the logs where its connection has a
/// place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// The positions in the logs of channels.
    pub channels: BTreeMap<ChannelName, Position>,
    /// The position in the private log of the user.
    pub private: Option<Position>,
    /// The epochs of the logs where the client must still be told that entries may be lost.
    pub owed_gaps: BTreeSet<Epoch>,
    /// The epochs of the logs where no transport has begun since the connection took its place
    /// there.
    pub new_places: BTreeSet<Epoch>,
}

/// The channels of a connection after a change, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriptions {
    /// All channels of the connection.
    pub channels: Vec<ChannelName>,
    /// The channels that were added or removed.
    pub changed: Vec<ChannelName>,
}

impl ConnectionCore {
    /// Creates a connection of a user. It is in no channel, and its client counts as present.
    /// `continuity` is random.
    pub fn new(user: UserName, continuity: Continuity) -> Self {
        Self {
            user,
            channels: BTreeSet::new(),
            is_present: true,
            has_listened: false,
            continuity,
            read: Positions::default(),
        }
    }

    /// Restores a connection from the store. `read` has the positions of its client, expressed in
    /// the present epochs of the logs.
    pub fn restore(record: ConnectionRecord, read: Positions) -> Self {
        Self {
            user: record.user,
            channels: record.channels.into_iter().map(|(name, _)| name).collect(),
            is_present: record.is_present,
            has_listened: record.has_listened,
            continuity: record.continuity,
            read,
        }
    }

    /// Returns the values that the store keeps of the connection. The client was last heard from at
    /// `last_heard`. `presumed` has the positions up to which it has read if its next transport is
    /// a long-poll again. `returns_by` is the time by which a client that was told to wait must be
    /// back.
    pub fn record(
        &self,
        last_heard: Moment,
        presumed: Vec<Position>,
        returns_by: Option<Moment>,
    ) -> ConnectionRecord {
        let place = |name: &ChannelName| (name.clone(), self.read.channels.get(name).copied());
        ConnectionRecord {
            user: self.user.clone(),
            channels: self.channels.iter().map(place).collect(),
            private: self.read.private,
            presumed,
            owed_gaps: self.read.owed_gaps.clone(),
            new_places: self.read.new_places.clone(),
            is_present: self.is_present,
            has_listened: self.has_listened,
            continuity: self.continuity,
            last_heard,
            returns_by,
        }
    }

    /// Notes that a transport has begun to listen.
    pub fn listen(&mut self) {
        self.has_listened = true;
    }

    /// Notes that a transport was attached. Its client has brought a continuity, or none, and has
    /// missed something if it `has_gap`. Returns the continuity of the transport, which is a new
    /// one unless this client was the last to listen and has missed nothing.
    pub fn go_on(&mut self, brought: Option<Continuity>, has_gap: bool) -> Continuity {
        if has_gap || brought != Some(self.continuity) {
            self.continuity = self.continuity.next();
        }
        self.continuity
    }

    /// Notes the positions of the client that the logs report.
    pub fn set_positions(&mut self, positions: Positions) {
        let begun = positions.channels.values().chain(&positions.private);
        for (epoch, _) in begun {
            self.read.new_places.remove(epoch);
        }
        self.read.new_places.extend(positions.new_places);
        for (name, position) in positions.channels {
            if self.channels.contains(&name) {
                self.read.channels.insert(name, position);
            }
        }
        self.read.private = positions.private.or(self.read.private);
    }

    /// Notes the positions of the client and the gaps that it must still be told of, as the logs
    /// report them after the last transport has ended.
    pub fn set_last_positions(&mut self, positions: Positions) {
        self.read.owed_gaps.clone_from(&positions.owed_gaps);
        self.set_positions(positions);
    }

    /// Notes that the client has read up to the offsets in `report`. Positions never move back, so
    /// reports may arrive late. Returns whether anything changed.
    pub fn confirm(&mut self, report: &Report) -> bool {
        let report: BTreeMap<_, _> = report.iter().copied().collect();
        let mut is_news = false;
        for (epoch, offset) in self
            .read
            .channels
            .values_mut()
            .chain(&mut self.read.private)
        {
            let Some(confirmed) = report.get(epoch) else {
                continue;
            };
            // The gap lies before the confirmed offset, so the client has read the gap too.
            is_news |= confirmed >= offset && self.read.owed_gaps.remove(epoch);
            if confirmed > offset {
                *offset = *confirmed;
                is_news = true;
            }
        }
        is_news
    }

    /// Returns the user who owns the connection.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Returns the channels of the connection.
    pub fn channels(&self) -> &BTreeSet<ChannelName> {
        &self.channels
    }

    /// Returns the number of channels that the connection is in.
    pub fn place_count(&self) -> usize {
        self.channels.len()
    }

    /// Returns the channels of the connection as a list, in the order of their names.
    pub fn channel_list(&self) -> Vec<ChannelName> {
        self.channels.iter().cloned().collect()
    }

    /// Adds channels, and returns those that are new to the connection, in the order given.
    pub fn subscribe(&mut self, mut channels: Vec<ChannelName>) -> Vec<ChannelName> {
        channels.retain(|channel| self.channels.insert(channel.clone()));
        channels
    }

    /// Removes channels, and returns those that the connection was in, in the order given.
    pub fn unsubscribe(&mut self, mut channels: Vec<ChannelName>) -> Vec<ChannelName> {
        channels.retain(|channel| self.channels.remove(channel));
        for channel in &channels {
            if let Some((epoch, _)) = self.read.channels.remove(channel) {
                self.read.owed_gaps.remove(&epoch);
                self.read.new_places.remove(&epoch);
            }
        }
        channels
    }

    /// Returns all channels of the connection, together with the `changed` ones, which were added
    /// or removed.
    pub fn subscriptions(&self, mut changed: Vec<ChannelName>) -> Subscriptions {
        changed.sort_unstable();
        Subscriptions {
            channels: self.channel_list(),
            changed,
        }
    }

    /// Sets whether the client counts as present. Returns whether this is a change.
    pub fn set_present(&mut self, is_present: bool) -> bool {
        std::mem::replace(&mut self.is_present, is_present) != is_present
    }
}

/// Checks whether a connection may join the channels in `more`. `present` has the channels that the
/// connection is already in; `None` if the connection does not exist yet.
///
/// # Errors
/// Fails when some of the channels are new to the connection, and it would then be in more channels
/// than the limit allows.
pub fn check_channels(
    present: Option<&BTreeSet<ChannelName>>,
    more: &[ChannelName],
    bound: Bound,
) -> Result<(), LimitReached> {
    let count = present.map_or(0, BTreeSet::len);
    if count + more.len() <= bound.most() {
        return Ok(());
    }
    let is_new = |channel: &&ChannelName| present.is_none_or(|all| !all.contains(*channel));
    let new: BTreeSet<_> = more.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    bound.check(count + new.len())
}
