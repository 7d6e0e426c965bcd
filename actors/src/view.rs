//! The data that operators see in the admin panel: pages of lists, and the details of one channel
//! or user.

pub(crate) mod channel;
pub mod node;
pub(crate) mod user;

use serde::Serialize;
use uuid::Uuid;

use crate::core::route::Route;
use crate::name::{ChannelName, ConnId, MessageId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::state::{State, UserState};
use crate::protocol::timestamp::{Moment, Timestamp};
use crate::transport::Transport;

/// The number of items of a long list that the details show.
pub const SHOWN: usize = 100;

const SHOWN_CHARACTERS: usize = 1000;

/// The part of a list that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Only items whose name contains this text are shown; case does not matter.
    pub search: String,
    /// The order of the list.
    pub sort: Sort,
    /// The number of items that are skipped.
    pub offset: usize,
    /// The largest number of items that are shown.
    pub limit: usize,
}

/// The order of a list. Names are in ascending order, and everything else is in descending order.
/// Equal items are in the order of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// The names in ascending order.
    #[default]
    Name,
    /// The most users first; in a list of users, the most connections first.
    Users,
    /// The most connections first.
    Connections,
    /// The most events first; in a list of users, the most connections first.
    Events,
    /// The latest activity first.
    LastActive,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// The number of items on all pages.
    pub matching: usize,
    /// The items of this page.
    pub items: Vec<T>,
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self {
            matching: 0,
            items: Vec::new(),
        }
    }
}

/// A channel as one line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelSummary {
    /// The name of the channel.
    pub name: ChannelName,
    /// The number of users that are present.
    pub users: usize,
    /// The number of connections that these users have in the channel.
    pub connections: usize,
    /// The number of events since the channel was created.
    pub events: u64,
    /// The time of the last activity.
    pub last_active: Moment,
}

/// A user as one line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct UserSummary {
    /// The name of the user.
    pub user: UserName,
    /// The number of connections of the user; zero for a user who is only remembered.
    pub connections: usize,
    /// The public part of the state.
    pub state: State,
    /// The time of the last activity.
    pub last_active: Moment,
}

/// A channel with everything that an operator may see.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelDetail {
    /// The name of the channel.
    pub name: ChannelName,
    /// The id that was created with the channel.
    pub uuid: Uuid,
    /// The configuration.
    pub settings: ChannelConfig,
    /// The time of the last activity.
    pub last_active: Moment,
    /// The number of connections that the present users have in the channel.
    pub total_connections: usize,
    /// The number of users that are present.
    pub total_users: usize,
    /// The first [`SHOWN`] present users by name.
    pub users: Vec<UserState>,
    /// The number of messages that the history keeps.
    pub total_history: usize,
    /// The last [`SHOWN`] messages of the history, oldest first.
    pub history: Vec<HistoryEntry>,
    /// The number of entries that the log keeps.
    pub total_log: usize,
    /// The last [`SHOWN`] entries of the log, oldest first.
    pub log: Vec<LogEntry>,
}

/// An entry of a log, as an operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// The offset of the entry.
    pub offset: u64,
    /// The time at which the entry was appended.
    pub at: Moment,
    /// Whether the entry is sent later to clients that were not listening.
    pub kept: bool,
    /// The users who may see the entry; `null` for everyone.
    pub route: Route,
    /// The beginning of the event that clients read; `None` once the message was deleted.
    pub event: Option<String>,
}

/// A message of a channel's history, as an operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// The id of the message.
    pub uuid: MessageId,
    /// The time at which the message was sent.
    pub timestamp: Timestamp,
    /// The user who sent it.
    pub user: UserName,
    /// The time of the last edit; `None` if the message was never edited.
    pub edited: Option<Timestamp>,
    /// The beginning of the application's object, as JSON.
    pub message: Option<String>,
}

/// Returns the beginning of a text. An operator reads only some of a message, and the panel should
/// not be sent megabytes in a second.
pub fn beginning(text: &str) -> String {
    match text
        .char_indices()
        .nth(SHOWN_CHARACTERS)
        .and_then(|(end, _)| text.get(..end))
    {
        Some(beginning) => format!("{beginning} …"),
        None => text.to_owned(),
    }
}

/// A user with everything that an operator may see.
#[derive(Clone, Debug, Serialize)]
pub struct UserDetail {
    /// The name of the user.
    pub user: UserName,
    /// The id that was created with the user.
    pub uuid: Uuid,
    /// The whole state.
    pub state: State,
    /// The keys of the state that others may see.
    pub public_keys: Vec<String>,
    /// The time of the last activity.
    pub last_active: Moment,
    /// The number of connections of the user.
    pub total_connections: usize,
    /// The first [`SHOWN`] connections.
    pub connections: Vec<ConnectionDetail>,
}

/// A connection of a user.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionDetail {
    /// The id of the connection.
    pub conn_id: ConnId,
    /// The channels that the connection is in.
    pub channels: Vec<ChannelName>,
    /// Whether the connection counts as present. False once its socket has been lost for too long.
    pub is_present: bool,
    /// The transport that listens for the connection; `None` if no transport listens.
    pub transport: Option<Transport>,
    /// The number of seconds since the client was last heard from.
    pub silent_secs: u64,
}
