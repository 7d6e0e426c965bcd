//! What operators see in the admin panel: pages of lists, and the details of one channel or user.

pub(crate) mod channel;
pub(crate) mod user;

use serde::Serialize;
use uuid::Uuid;

use crate::core::route::Route;
use crate::name::{ChannelName, ConnId, MessageId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::state::{State, UserState};
use crate::protocol::timestamp::{Moment, Timestamp};
use crate::transport::Transport;

/// How many items of a long list the details show.
pub const SHOWN: usize = 100;

const SHOWN_CHARACTERS: usize = 1000;

/// The part of a list that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Only items whose name contains this text are shown; case does not matter.
    pub search: String,
    /// The order of the list.
    pub sort: Sort,
    /// How many items are passed over.
    pub offset: usize,
    /// How many items are shown at most.
    pub limit: usize,
}

/// The order of a list. Names ascend and all else descends; items that are equal go by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By name.
    #[default]
    Name,
    /// Most users first; of a list of users: most connections.
    Users,
    /// Most connections first.
    Connections,
    /// Most events first; of a list of users: most connections.
    Events,
    /// The latest first.
    LastActive,
}

/// A part of a list.
#[derive(Clone, Debug, Serialize)]
pub struct Page<T> {
    /// How many items there are on all pages.
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

/// A channel as a line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelSummary {
    /// The name of the channel.
    pub name: ChannelName,
    /// How many users are present.
    pub users: usize,
    /// How many connections they have here.
    pub connections: usize,
    /// How many events there were since the channel was made.
    pub events: u64,
    /// When something last happened.
    pub last_active: Moment,
}

/// A user as a line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct UserSummary {
    /// The name of the user.
    pub user: UserName,
    /// How many connections the user has; zero for a user who is only remembered.
    pub connections: usize,
    /// The public part of the state.
    pub state: State,
    /// When something last happened.
    pub last_active: Moment,
}

/// A channel with everything that an operator may see.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelDetail {
    /// The name of the channel.
    pub name: ChannelName,
    /// An id that is made with the channel.
    pub uuid: Uuid,
    /// The configuration.
    pub settings: ChannelConfig,
    /// When something last happened.
    pub last_active: Moment,
    /// How many connections the present users have.
    pub total_connections: usize,
    /// How many users are present.
    pub total_users: usize,
    /// The first [`SHOWN`] of them by name.
    pub users: Vec<UserState>,
    /// How many messages history keeps.
    pub total_history: usize,
    /// The last [`SHOWN`] of them, oldest first.
    pub history: Vec<HistoryEntry>,
    /// How many entries the log keeps.
    pub total_log: usize,
    /// The last [`SHOWN`] of them, oldest first.
    pub log: Vec<LogEntry>,
}

/// An entry of a log, as an operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// The number of the entry.
    pub offset: u64,
    /// When the entry was appended.
    pub at: Moment,
    /// Whether a client that was not listening is shown the entry later.
    pub kept: bool,
    /// Who may see the entry: `null` for everyone.
    pub route: Route,
    /// The beginning of what clients read; `None` once the message was deleted.
    pub event: Option<String>,
}

/// A message of a channel's history, as an operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// The id of the message.
    pub uuid: MessageId,
    /// When the message was sent.
    pub timestamp: Timestamp,
    /// The user who sent it.
    pub user: UserName,
    /// When it was last edited; `None` if it never was.
    pub edited: Option<Timestamp>,
    /// The beginning of the application's object, as JSON.
    pub message: Option<String>,
}

/// Returns the beginning of a text: an operator reads some of a message, not megabytes a second.
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
    /// An id that is made with the user.
    pub uuid: Uuid,
    /// The whole state.
    pub state: State,
    /// The keys of the state that others may see.
    pub public_keys: Vec<String>,
    /// When something last happened.
    pub last_active: Moment,
    /// How many connections the user has.
    pub total_connections: usize,
    /// The first [`SHOWN`] of them.
    pub connections: Vec<ConnectionDetail>,
}

/// A connection of a user.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionDetail {
    /// The id of the connection.
    pub conn_id: ConnId,
    /// The channels that it is in.
    pub channels: Vec<ChannelName>,
    /// False if its socket was lost so long ago that it does not count as present.
    pub is_present: bool,
    /// The transport that listens for it; `None` if none does.
    pub transport: Option<Transport>,
    /// How many seconds ago the client was last heard from.
    pub silent_secs: u64,
}
