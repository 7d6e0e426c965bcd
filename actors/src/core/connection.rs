//! What a connection decides: which channels it is in, and whether it counts as present. It is the
//! only one who keeps this; users and channels know what it told them.

use std::collections::{BTreeMap, BTreeSet};

use crate::core::record::ConnectionRecord;
use crate::limits::{Bound, LimitReached};
use crate::name::{ChannelName, UserName};
use crate::position::{Epoch, Position, Report};
use crate::protocol::timestamp::Moment;

/// The channels of a connection, and whether its client counts as present.
#[derive(Debug)]
pub struct ConnectionCore {
    user: UserName,
    channels: BTreeSet<ChannelName>,
    is_present: bool,
    /// Whether a transport has listened.
    has_listened: bool,
    /// How far the client is known to have read, for the store. Empty where nothing is kept.
    read: Positions,
}

/// How far a client is known to have read in logs where its connection has a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    /// In channels.
    pub channels: BTreeMap<ChannelName, Position>,
    /// In the private log of the user.
    pub private: Option<Position>,
    /// The epochs of the logs where the client is still to be told that entries may be gone.
    pub owed_gaps: BTreeSet<Epoch>,
    /// The epochs of the logs where no transport has begun since the connection took its place.
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
    pub fn new(user: UserName) -> Self {
        Self {
            user,
            channels: BTreeSet::new(),
            is_present: true,
            has_listened: false,
            read: Positions::default(),
        }
    }

    /// Creates a connection again from what was kept of it, and how far its client has read as the
    /// logs say it now.
    pub fn restore(record: ConnectionRecord, read: Positions) -> Self {
        Self {
            user: record.user,
            channels: record.channels.into_iter().map(|(name, _)| name).collect(),
            is_present: record.is_present,
            has_listened: record.has_listened,
            read,
        }
    }

    /// Returns what is to be kept of the connection. Its client was last heard from at
    /// `last_heard`; `presumed` is what it has read if its next transport is a long-poll again.
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
            last_heard,
            returns_by,
        }
    }

    /// Notes that a transport listens.
    pub fn listen(&mut self) {
        self.has_listened = true;
    }

    /// Notes where logs say that its client stands.
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

    /// Notes where logs say that its client stands, and where it is to be told of gaps, once no
    /// transport listens any more.
    pub fn set_last_positions(&mut self, positions: Positions) {
        self.read.owed_gaps.clone_from(&positions.owed_gaps);
        self.set_positions(positions);
    }

    /// Notes what its client is known to have read. It never goes back, so reports may come late.
    /// Returns whether this is news.
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
            // The gap comes before the position, so it was read too.
            is_news |= confirmed >= offset && self.read.owed_gaps.remove(epoch);
            if confirmed > offset {
                *offset = *confirmed;
                is_news = true;
            }
        }
        is_news
    }

    /// Returns the user whose connection it is.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Returns its channels.
    pub fn channels(&self) -> &BTreeSet<ChannelName> {
        &self.channels
    }

    /// Returns how many channels it is in.
    pub fn place_count(&self) -> usize {
        self.channels.len()
    }

    /// Returns its channels as a list, in the order of their names.
    pub fn channel_list(&self) -> Vec<ChannelName> {
        self.channels.iter().cloned().collect()
    }

    /// Adds channels, and returns those that are new to it in the order given.
    pub fn subscribe(&mut self, mut channels: Vec<ChannelName>) -> Vec<ChannelName> {
        channels.retain(|channel| self.channels.insert(channel.clone()));
        channels
    }

    /// Removes channels, and returns those that it was in, in the order given.
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

    /// Returns its channels after these were added or removed.
    pub fn subscriptions(&self, mut changed: Vec<ChannelName>) -> Subscriptions {
        changed.sort_unstable();
        Subscriptions {
            channels: self.channel_list(),
            changed,
        }
    }

    /// Notes whether the client counts as present. Returns whether this is a change.
    pub fn set_present(&mut self, is_present: bool) -> bool {
        std::mem::replace(&mut self.is_present, is_present) != is_present
    }
}

/// Checks how many channels a connection would be in that is in those `present` and is to be in
/// `more`.
///
/// # Errors
/// Fails when channels are new to it and it would be in more than the limit allows.
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
