//! The views of the panel: the query that selects one, and how its content is read from the broker.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use channelstream_actors::broker::Broker;
use channelstream_actors::error::Refused;
use channelstream_actors::name::{ChannelName, UserName};
use channelstream_actors::view::{Selection, Sort};
use serde::Serialize;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter as Description, ParameterIn};

use crate::error::ApiError;
use crate::event_source::{LAST_EVENT_ID, LAST_EVENT_ID_HEADER};
use crate::validation::parameters::{Parameter, one_of, read_whole_number, text, whole_number};
use crate::validation::query;

/// The largest number of names on a page.
const LARGEST_LIMIT: usize = 1000;

/// The number of names on a page if `limit` is absent.
const DEFAULT_LIMIT: usize = 100;

const SEARCH: Parameter<String> = text(
    "search",
    "The text that a name must contain to be shown. Upper and lower case are treated as equal.",
);

const OFFSET: Parameter<usize> = Parameter {
    name: "offset",
    about: "The number of names to skip at the beginning of the list.",
    read: read_whole_number,
    wrong: "offset must be a whole number from 0 to 9223372036854775807",
    schema: || whole_number(0),
};

const LIMIT: Parameter<usize> = Parameter {
    name: "limit",
    about: "The largest number of names to show. More than 1,000 counts as 1,000.",
    read: read_whole_number,
    wrong: "limit must be a whole number from 0 to 9223372036854775807",
    schema: || whole_number(DEFAULT_LIMIT),
};

const SORTS: [(&str, Sort); 5] = [
    ("name", Sort::Name),
    ("users", Sort::Users),
    ("connections", Sort::Connections),
    ("events", Sort::Events),
    ("last_active", Sort::LastActive),
];

const SORT: Parameter<Sort> = Parameter {
    name: "sort",
    about: "The order of the list: names ascend, and all other values descend.",
    read: |text| {
        SORTS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, sort)| *sort)
    },
    wrong: "sort must be one of name, users, connections, events, last_active",
    schema: || one_of(SORTS.iter().map(|(name, _)| *name)),
};

const VIEWS: [(&str, ViewKind); 5] = [
    ("numbers", ViewKind::Numbers),
    ("channels", ViewKind::Channels),
    ("channel", ViewKind::Channel),
    ("users", ViewKind::Users),
    ("user", ViewKind::User),
];

const VIEW: Parameter<ViewKind> = Parameter {
    name: "view",
    about: "The view to show besides the numbers. If it is absent, it is `numbers`: the nodes, if \
            several share a Redis.",
    read: |text| {
        VIEWS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, kind)| *kind)
    },
    wrong: "view must be one of numbers, channels, channel, users, user",
    schema: || one_of(VIEWS.iter().map(|(name, _)| *name)),
};

const NAME: Parameter<String> = text("name", "The name of the channel or user to show.");

const KNOWN_NUMBERS: &str = "The `id` of the last event `numbers` that the caller received.";

/// The query parameters that select a part of a list.
pub(crate) struct ListParameters;

impl IntoParams for ListParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![
            SEARCH.optional(),
            OFFSET.optional(),
            LIMIT.optional(),
            SORT.optional(),
        ]
    }
}

/// The query parameters that select the view of a panel.
pub(crate) struct ViewParameters;

impl IntoParams for ViewParameters {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Description> {
        vec![
            VIEW.optional(),
            NAME.optional(),
            LAST_EVENT_ID.about(KNOWN_NUMBERS).optional(),
            LAST_EVENT_ID_HEADER.header(),
        ]
    }
}

/// The kinds of views.
#[derive(Clone, Copy, Debug)]
enum ViewKind {
    Numbers,
    Channels,
    Channel,
    Users,
    User,
}

/// The content that a panel shows besides the numbers.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// The nodes, besides the numbers.
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
    /// Reads the view from the parameters `view` and `name`, and from those that [`read_selection`]
    /// reads.
    fn parse(request: &HttpRequest) -> Result<Self, ApiError> {
        let mut query = query(request);
        let name = NAME.take(&mut query)?.unwrap_or_default();
        match VIEW.take(&mut query)? {
            None | Some(ViewKind::Numbers) => Ok(Self::Numbers),
            Some(ViewKind::Channels) => {
                Ok(Self::Channels(read_selection(request)?.unwrap_or(DEFAULT)))
            }
            Some(ViewKind::Channel) => Ok(Self::Channel(ChannelName::new(name))),
            Some(ViewKind::Users) => Ok(Self::Users(read_selection(request)?.unwrap_or(DEFAULT))),
            Some(ViewKind::User) => Ok(Self::User(UserName::new(name))),
        }
    }

    /// Returns the content of the view as JSON, or `null` if the channel or user does not exist.
    /// Besides the numbers this is the list of nodes; the text is empty if this server is alone.
    ///
    /// # Errors
    /// Fails when Redis decides and cannot be reached.
    pub(crate) async fn read(&self, broker: &Broker) -> Result<String, Refused> {
        Ok(match self.clone() {
            Self::Numbers => broker.nodes().as_ref().map(encode).unwrap_or_default(),
            Self::Channels(selection) => encode(&broker.channel_page(selection).await?),
            Self::Channel(name) => encode(&broker.inspect_channel(name).await?),
            Self::Users(selection) => encode(&broker.user_page(selection).await?),
            Self::User(name) => encode(&broker.inspect_user(name).await?),
        })
    }
}

impl FromRequest for View {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request))
    }
}

/// The part of a list that a request selects; `None` if it does not select one.
pub struct ListQuery(pub(crate) Option<Selection>);

impl FromRequest for ListQuery {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(read_selection(request).map(Self))
    }
}

fn encode(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        log::error!("the view of a panel could not be encoded: {error}");
        "null".to_owned()
    })
}

const DEFAULT: Selection = Selection {
    search: String::new(),
    sort: Sort::Name,
    offset: 0,
    limit: DEFAULT_LIMIT,
};

/// Reads the part of a list that a request selects by `search`, `sort`, `offset` and `limit`.
/// Returns `None` if the query has none of these parameters.
fn read_selection(request: &HttpRequest) -> Result<Option<Selection>, ApiError> {
    let mut query = query(request);
    let (search, sort) = (SEARCH.take(&mut query)?, SORT.take(&mut query)?);
    let (offset, limit) = (OFFSET.take(&mut query)?, LIMIT.take(&mut query)?);
    if search.is_none() && sort.is_none() && offset.is_none() && limit.is_none() {
        return Ok(None);
    }
    Ok(Some(Selection {
        search: search.unwrap_or_default(),
        sort: sort.unwrap_or_default(),
        offset: offset.unwrap_or_default(),
        limit: limit.unwrap_or(DEFAULT_LIMIT).min(LARGEST_LIMIT),
    }))
}
