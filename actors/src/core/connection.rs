//! What a connection decides: which channels it is in, and whether it counts as present. It is the
//! only one who keeps this; users and channels know what it told them.

use std::collections::BTreeSet;

use crate::name::{ChannelName, UserName};

/// The channels of a connection, and whether its client counts as present.
#[derive(Debug)]
pub struct ConnectionCore {
    user: UserName,
    channels: BTreeSet<ChannelName>,
    is_present: bool,
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
        }
    }

    /// Returns the user whose connection it is.
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// Returns its channels.
    pub fn channels(&self) -> &BTreeSet<ChannelName> {
        &self.channels
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
