//! What is kept of the cores, as plain values.

use std::collections::BTreeSet;
use std::sync::Arc;

use uuid::Uuid;

use crate::core::entry::Entry;
use crate::name::{ChannelName, UserName};
use crate::position::{Epoch, Position};
use crate::protocol::config::ChannelConfig;
use crate::protocol::message::Message;
use crate::protocol::state::State;
use crate::protocol::timestamp::Moment;

/// A channel without its entries and its users.
#[derive(Clone, Debug)]
pub struct ChannelRecord {
    /// The name of the channel.
    pub name: ChannelName,
    /// The id that was made with the channel.
    pub uuid: Uuid,
    /// The six settings.
    pub config: ChannelConfig,
    /// When something last happened in the channel.
    pub last_active: Moment,
    /// The numbering of the log.
    pub log: LogState,
    /// The offset before the oldest message of the history. Entries that are [in the
    /// history](Entry::is_in_history) and come after it are kept for it, even where the log has
    /// dropped them.
    pub history_start: u64,
}

/// A user without its connections and private entries.
#[derive(Clone, Debug)]
pub struct UserRecord {
    /// The name of the user.
    pub name: UserName,
    /// The id that was made with the user.
    pub uuid: Uuid,
    /// The whole state.
    pub state: State,
    /// The keys that others may see.
    pub public_keys: Vec<String>,
    /// When something last happened to the user.
    pub last_active: Moment,
    /// The numbering of the private log.
    pub log: LogState,
}

/// What has changed in a log.
#[derive(Clone, Debug, Default)]
pub struct LogChanges {
    /// True where these are all entries, and those that were noted before do not count any more.
    pub is_whole: bool,
    /// The entries that were appended, oldest first.
    pub appended: Vec<Entry>,
    /// The entries that were edited or emptied, and are not among those that were appended.
    pub rewritten: Vec<Rewrite>,
}

/// An entry that was edited or emptied.
#[derive(Clone, Debug)]
pub struct Rewrite {
    /// The offset of the entry.
    pub offset: u64,
    /// The edited message; `None` where it was deleted.
    pub message: Option<Arc<Message>>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionRecord {
    /// The user whose connection it is.
    pub user: UserName,
    /// Its channels, each with how far the client is known to have read there; `None` where its
    /// place is not known yet.
    pub channels: Vec<(ChannelName, Option<Position>)>,
    /// How far the client is known to have read the user's private log.
    pub private: Option<Position>,
    /// How far the client has read if its next transport is a long-poll again.
    pub presumed: Vec<Position>,
    /// The epochs of the logs where the client is still to be told that entries may be gone.
    pub owed_gaps: BTreeSet<Epoch>,
    /// The epochs of the logs where no transport has begun since the connection took its place.
    pub new_places: BTreeSet<Epoch>,
    /// Whether the client counts as present.
    pub is_present: bool,
    /// Whether a transport has listened.
    pub has_listened: bool,
    /// When the client was last heard from.
    pub last_heard: Moment,
    /// Until when the client may come back after it was told to wait.
    pub returns_by: Option<Moment>,
}

/// The numbering of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// How many runs of former epochs a log remembers.
const REMEMBERED_EPOCHS: usize = 8;

impl LogState {
    /// Begins `count` epochs, one after the other: since the present one ended, entries may have
    /// been handed on that are lost.
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

/// Epochs that a log had before, one after the other, and that ended at the same offset: entries
/// with a higher offset were handed on in them, but are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerEpochs {
    /// The first of the epochs.
    pub first: Epoch,
    /// How many epochs they are.
    pub count: u64,
    /// The offset at which they ended.
    pub end: u64,
}
