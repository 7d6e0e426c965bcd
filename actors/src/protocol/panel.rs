//! What operators see in the admin panel: pages of lists, and everything about one channel or user.

use serde::Serialize;
use uuid::Uuid;

use crate::core::route::Route;
use crate::name::{ChannelName, ConnId, MessageId, UserName};
use crate::protocol::config::ChannelConfig;
use crate::protocol::state::{State, UserState};
use crate::protocol::timestamp::{Moment, Timestamp};
use crate::transport::Transport;

/// Of what may be long so much is shown.
pub const SHOWN: usize = 100;

const SHOWN_CHARACTERS: usize = 1000;

/// Which part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Only names that contain this, in whatever case.
    pub search: String,
    /// In which order.
    pub sort: Sort,
    /// So many are passed over.
    pub offset: usize,
    /// So many at most.
    pub limit: usize,
}

/// The order of a list. Names go up, all else down; what is equal goes by name.
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
    /// How many there are on all pages.
    pub matching: usize,
    /// Those of this page.
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
    /// The name.
    pub name: ChannelName,
    /// Users present.
    pub users: usize,
    /// Their connections.
    pub connections: usize,
    /// Events since the channel was born.
    pub events: u64,
    /// When something last happened.
    pub last_active: Moment,
}

/// A user as a line of a list.
#[derive(Clone, Debug, Serialize)]
pub struct UserSummary {
    /// The name.
    pub user: UserName,
    /// Connections; none of one who is remembered only.
    pub connections: usize,
    /// The public part of the state.
    pub state: State,
    /// When something last happened.
    pub last_active: Moment,
}

/// A channel with all that may be seen of it.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelDetail {
    /// The name.
    pub name: ChannelName,
    /// An id born with the channel.
    pub uuid: Uuid,
    /// The configuration.
    pub settings: ChannelConfig,
    /// When something last happened.
    pub last_active: Moment,
    /// Connections of those present.
    pub total_connections: usize,
    /// How many are present.
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

/// An entry of a log.
#[derive(Clone, Debug, Serialize)]
pub struct LogEntry {
    /// Its number.
    pub offset: u64,
    /// When it was appended.
    pub at: Moment,
    /// Whether one who was not listening is shown it later.
    pub kept: bool,
    /// Who may see it: `null` for everyone.
    pub route: Route,
    /// The beginning of what clients read; nothing once the message was deleted.
    pub event: Option<String>,
}

/// A message of a channel's history.
#[derive(Clone, Debug, Serialize)]
pub struct HistoryEntry {
    /// Its id.
    pub uuid: MessageId,
    /// When it was sent.
    pub timestamp: Timestamp,
    /// The sender.
    pub user: UserName,
    /// When it was last edited.
    pub edited: Option<Timestamp>,
    /// The beginning of the application's object, as JSON.
    pub message: Option<String>,
}

/// The beginning of a text: whoever reads on wants a message, not megabytes of them once a second.
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

/// A user with all that may be seen of it.
#[derive(Clone, Debug, Serialize)]
pub struct UserDetail {
    /// The name.
    pub user: UserName,
    /// An id born with the user.
    pub uuid: Uuid,
    /// The whole state.
    pub state: State,
    /// The keys of it that others may see.
    pub public_keys: Vec<String>,
    /// When something last happened.
    pub last_active: Moment,
    /// How many connections it has.
    pub total_connections: usize,
    /// The first [`SHOWN`] of them.
    pub connections: Vec<ConnectionDetail>,
}

/// A connection of a user.
#[derive(Clone, Debug, Serialize)]
pub struct ConnectionDetail {
    /// Its id.
    pub conn_id: ConnId,
    /// The channels it is in.
    pub channels: Vec<ChannelName>,
    /// False when its socket is lost and it does not count as here any more.
    pub is_present: bool,
    /// What it listens by; `None` while nothing listens.
    pub transport: Option<Transport>,
    /// Seconds since its last sign of life.
    pub silent_secs: u64,
}
