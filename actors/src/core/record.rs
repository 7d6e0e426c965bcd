//! The records of channels, users, connections and logs that a store keeps, as plain values.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::core::entry::Entry;
use crate::name::{ChannelName, UserName};
use crate::position::{Continuity, Epoch, Position};
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;
use crate::protocol::state::State;
use crate::protocol::timestamp::Moment;

/// A channel without its entries and its users.
#[derive(Clone, Debug)]
pub struct ChannelRecord {
    /// The name of the channel.
    pub name: ChannelName,
    /// The id that the channel got when it was created.
    pub uuid: Uuid,
    /// The six settings.
    pub config: ChannelConfig,
    /// The time of the last activity in the channel.
    pub last_active: Moment,
    /// The numbering of the log.
    pub log: LogState,
    /// The offset before the oldest message of the history. The store keeps the entries after it
    /// that are [in the history](Entry::is_in_history), even if the log has dropped them.
    pub history_start: u64,
}

/// A user without its connections and private entries.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The name of the user.
    pub name: UserName,
    /// The id that the user got when it was created.
    pub uuid: Uuid,
    /// The whole state.
    pub state: State,
    /// The keys that others may see.
    pub public_keys: Vec<String>,
    /// The channels that the user's clients may join by themselves.
    pub given: BTreeSet<ChannelName>,
    /// The time of the user's last activity.
    pub last_active: Moment,
    /// The numbering of the private log.
    pub log: LogState,
}

/// The changes of a log.
#[derive(Clone, Debug, Default)]
pub struct LogChanges {
    /// True if `appended` has all entries of the log. They then replace the entries that the store
    /// was given before.
    pub is_whole: bool,
    /// The entries that were appended, oldest first.
    pub appended: Vec<Entry>,
    /// The entries that were edited or emptied. The store applies them after `appended`.
    pub rewritten: Vec<Rewrite>,
}

/// An entry that was edited or emptied.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The offset of the entry.
    pub offset: u64,
    /// The edited message; `None` if it was deleted.
    pub message: Option<Arc<Message>>,
}

/// A connection, its channels and the positions of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// The user who owns the connection.
    pub user: UserName,
    /// The channels of the connection, each with the position up to which the client is known to
    /// have read; `None` if the position is not known yet.
    pub channels: Vec<(ChannelName, Option<Position>)>,
    /// The position up to which the client is known to have read the user's private log.
    pub private: Option<Position>,
    /// The positions up to which the client has read if its next transport is a long-poll again.
    pub presumed: Vec<Position>,
    /// The epochs of the logs where the client must still be told that entries may be lost.
    pub owed_gaps: BTreeSet<Epoch>,
    /// The epochs of the logs where no transport has begun since the connection took its place
    /// there.
    pub new_places: BTreeSet<Epoch>,
    /// Whether the client counts as present.
    pub is_present: bool,
    /// Whether a transport has listened.
    pub has_listened: bool,
    /// The continuity of the latest transport.
    pub continuity: Continuity,
    /// The time at which the client was last heard from.
    pub last_heard: Moment,
    /// The time until which a client that was told to wait may come back.
    pub returns_by: Option<Moment>,
}

/// The numbering of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogState {
    /// The epoch of the log.
    pub epoch: Epoch,
    /// The epochs that the log had before, oldest first.
    pub former: Vec<FormerEpochs>,
    /// The offset before the oldest entry.
    pub start: u64,
    /// The offset of the latest entry.
    pub end: u64,
}

/// The number of runs of former epochs that a log remembers.
const REMEMBERED_EPOCHS: usize = 8;

impl LogState {
    /// Returns the epoch in which the entry at this offset was appended, if it is not so old that
    /// the log has forgotten the epoch. Then it is the oldest one that the log remembers.
    pub fn epoch_of(&self, offset: u64) -> Epoch {
        let former = self.former.iter().find(|former| offset <= former.end);
        former.map_or(self.epoch, |former| former.first)
    }

    /// Begins `count` epochs, one after the other. This is needed because entries that were sent to
    /// clients after the present end of the log may be lost.
    pub fn begin_epochs(&mut self, count: u64) {
        if count == 0 {
            return;
        }
        let ended = FormerEpochs {
            first: self.epoch,
            count,
            end: self.end,
        };
        self.former.push(ended);
        let forgotten = self.former.len().saturating_sub(REMEMBERED_EPOCHS);
        self.former.drain(..forgotten);
        self.epoch = self.epoch.plus(count);
    }
}

/// A run of former epochs of a log, one after the other, that all ended at the same offset. Entries
/// with a higher offset may have been sent to clients in these epochs, but they are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FormerEpochs {
    /// The first of the epochs.
    pub first: Epoch,
    /// The number of epochs in the run.
    pub count: u64,
    /// The offset at which the epochs ended.
    pub end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_the_epoch_in_which_it_was_appended() {
        let former = |first: u64, end| FormerEpochs {
            first: first.into(),
            count: 1,
            end,
        };
        // Entries 9 and 10 of the first epoch were lost, and nothing was appended in the second.
        let log = LogState {
            epoch: 7.into(),
            former: vec![former(2, 8), former(4, 8), former(5, 12)],
            start: 0,
            end: 20,
        };
        let epochs = [1, 8, 9, 12, 13, 20].map(|offset| u64::from(log.epoch_of(offset)));
        assert_eq!(epochs, [2, 2, 5, 5, 7, 7]);
    }
}
