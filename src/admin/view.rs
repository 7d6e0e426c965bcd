//! What an open panel shows: the part of the server it looks at.

use actix_web::HttpRequest;
use channelstream_actors::broker::Broker;
use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::protocol::panel::{Selection, Sort};
use serde::Serialize;
use utoipa::IntoParams;

use crate::error::ApiError;
use crate::validation::query;

/// The longest page.
const MOST: usize = 1000;

/// How long a page is where nothing is said.
const USUAL: usize = 100;

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "says what a query looks like; it is read into a `Selection`")]
pub(super) struct Listing {
    /// A part of the names, in whatever case.
    search: Option<String>,
    /// So many are passed over.
    offset: Option<usize>,
    /// So many at most: 100 where nothing is said, 1,000 at most.
    limit: Option<usize>,
}

/// What a panel looks at.
#[derive(Clone, Debug)]
pub(super) enum View {
    /// The numbers only.
    Numbers,
    /// A page of all channels.
    Channels(Selection),
    /// One channel.
    Channel(ChannelName),
    /// A page of all users.
    Users(Selection),
    /// One user.
    User(UserName),
}

impl View {
    /// By `view`, `name`, and what [`selection`] takes.
    pub(super) fn of(request: &HttpRequest) -> Result<Self, ApiError> {
        let mut query = query(request);
        let name = query.remove("name").unwrap_or_default();
        match query.remove("view").as_deref() {
            None | Some("numbers") => Ok(Self::Numbers),
            Some("channels") => Ok(Self::Channels(selection(request)?.unwrap_or(DEFAULT))),
            Some("channel") => Ok(Self::Channel(ChannelName::new(name))),
            Some("users") => Ok(Self::Users(selection(request)?.unwrap_or(DEFAULT))),
            Some("user") => Ok(Self::User(UserName::new(name))),
            Some(_) => Err(ApiError::BadQuery("view is one of numbers, channels, channel, users, user".to_owned())),
        }
    }

    /// As JSON; `null` where what it looks at does not exist.
    pub(super) async fn look(&self, broker: &Broker) -> String {
        match self.clone() {
            Self::Numbers => String::new(),
            Self::Channels(selection) => json(&broker.channel_page(selection).await),
            Self::Channel(name) => json(&broker.inspect_channel(name).await),
            Self::Users(selection) => json(&broker.user_page(selection).await),
            Self::User(name) => json(&broker.inspect_user(name).await),
        }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        log::error!("the panel could not be told what it looks at: {error}");
        "null".to_owned()
    })
}

const DEFAULT: Selection = Selection { search: String::new(), sort: Sort::Name, offset: 0, limit: USUAL };

/// Which part of a list a request asks for: `search`, `sort`, `offset`, `limit`. `None` where it says nothing.
pub(super) fn selection(request: &HttpRequest) -> Result<Option<Selection>, ApiError> {
    let mut query = query(request);
    let asked = ["search", "sort", "offset", "limit"].map(|key| query.remove(key));
    if asked.iter().all(Option::is_none) {
        return Ok(None);
    }
    let [search, sort, offset, limit] = asked;
    let number = |text: Option<String>, usual: usize, name: &str| match text {
        Some(text) => text.parse().map_err(|_| ApiError::BadQuery(format!("{name} is a whole number, 0 or more"))),
        None => Ok(usual),
    };
    let sort = match sort.as_deref() {
        None | Some("name") => Sort::Name,
        Some("users") => Sort::Users,
        Some("connections") => Sort::Connections,
        Some("events") => Sort::Events,
        Some("last_active") => Sort::LastActive,
        Some(_) => {
            return Err(ApiError::BadQuery("sort is one of name, users, connections, events, last_active".to_owned()));
        }
    };
    let (offset, limit) = (number(offset, 0, "offset")?, number(limit, USUAL, "limit")?.min(MOST));
    Ok(Some(Selection { search: search.unwrap_or_default(), sort, offset, limit }))
}
