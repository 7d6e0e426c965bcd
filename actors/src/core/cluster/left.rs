//! The channels that a connection has left lately.

use std::collections::BTreeMap;

use crate::core::cluster::call::FeedId;
use crate::name::LogName;

/// The most channels that are remembered. If Redis loses that the connection has left an older one,
/// the connection is in that channel again.
const REMEMBERED: usize = 100;

/// The channels that a connection has left lately, and the entries of the feed that say so.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct LeftChannels {
    channels: BTreeMap<LogName, FeedId>,
}

impl LeftChannels {
    /// Notes that the connection has left a channel.
    pub fn leave(&mut self, channel: &LogName, id: FeedId) {
        self.channels.insert(channel.clone(), id);
        if self.channels.len() > REMEMBERED {
            let oldest = self.channels.iter().min_by_key(|(_, id)| **id);
            let oldest = oldest.map(|(channel, _)| channel.clone());
            oldest.and_then(|channel| self.channels.remove(&channel));
        }
    }

    /// Notes that the connection is in a channel.
    pub fn join(&mut self, channel: &LogName) {
        self.channels.remove(channel);
    }

    /// Returns whether the connection has left a channel after this entry of the feed.
    pub fn has_left_after(&self, channel: &LogName, id: FeedId) -> bool {
        self.channels.get(channel).is_some_and(|left| *left > id)
    }

    /// Returns the channels and the entries.
    pub fn all(&self) -> &BTreeMap<LogName, FeedId> {
        &self.channels
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::cluster::call::Term;
    use crate::name::ChannelName;

    #[test]
    fn the_oldest_channels_are_forgotten() {
        let mut left = LeftChannels::default();
        let name = |number: u64| LogName::Channel(ChannelName::new(format!("{number}")));
        for number in 1..=150 {
            left.leave(&name(number), (Term(1), number));
        }
        left.join(&name(60));
        assert_eq!(left.all().len(), REMEMBERED - 1);
        assert!(!left.has_left_after(&name(50), (Term(0), 0)));
        assert!(!left.has_left_after(&name(60), (Term(0), 0)));
        assert!(left.has_left_after(&name(51), (Term(1), 50)));
        assert!(!left.has_left_after(&name(51), (Term(1), 51)));
    }
}
