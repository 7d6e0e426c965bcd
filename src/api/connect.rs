//! `POST /connect`: opens a connection for a user.

use std::collections::HashMap;

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::broker::Broker;
use channelstream_actors::core::user::ConnectState;
use channelstream_actors::core::visible_state::Values;
use channelstream_actors::error::Refused;
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use channelstream_actors::protocol::state::{State, StateValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::LargeJson;
use crate::api::channel_config::channel_configs;
use crate::api::info::info_options;
use crate::error::ApiError;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;
use crate::validation::describer::describe_table;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::rules::{CHANNEL, USER, bounded, list, name, state, uuid};

/// The request of `/connect`.
#[derive(Debug)]
pub struct ConnectRequest {
    username: UserName,
    conn_id: Option<ConnId>,
    channels: Vec<ChannelName>,
    state_public_keys: Vec<String>,
    fresh_user_state: Values,
    user_state: Values,
    channel_configs: HashMap<ChannelName, ChannelConfig>,
    info: InfoOptions,
}

impl Table for ConnectRequest {
    type Value = Self;
    const ABOUT: &'static str = "A connection to open for a user.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        const USERNAME: &str = "The name of the user. A user who does not exist yet is created.";
        const USER_FIELD: &str =
            "The name of the user, under the key that was used before version 0.7.";
        const CONN_ID: &str = "An id for the connection, in any usual spelling of a UUID. If it is \
                               absent, the server makes one. If the same user already has a \
                               connection with this id, that connection is kept.";
        const CHANNELS: &str = "The channels that the connection listens to. Channels that do not \
                                exist are created.";
        const PUBLIC_KEYS: &str =
            "The keys of the user's state that others may see. This list replaces the earlier one.";
        const FRESH_STATE: &str =
            "The values to set in the user's state if this call creates the user.";
        const STATE: &str = "The values to set in the user's state on every call, after those of \
                             `fresh_user_state`. No event is sent.";
        let limits = fields.facts().limits;
        // Before 0.7 the key was `user` (`protocol.md` §11).
        let username = fields.either(
            field("username", USERNAME).example(r#""alice""#),
            field("user", USER_FIELD).example(r#""alice""#),
            name(USER),
        );
        let conn_id = fields.optional(field("conn_id", CONN_ID), uuid());
        let channels = fields.or_empty(
            field("channels", CHANNELS).example(r#"["news"]"#),
            bounded(list(name(CHANNEL)), limits.channels, Vec::len),
        );
        let state_public_keys = fields.or_empty(
            field("state_public_keys", PUBLIC_KEYS).example(r#"["color"]"#),
            bounded(list(name(CHANNEL)), limits.public_keys, Vec::len),
        );
        let fresh_user_state = fields.or_empty(
            field("fresh_user_state", FRESH_STATE).example(r#"{"color": "red"}"#),
            state(),
        );
        let user_state = fields.or_empty(field("user_state", STATE), state());
        let channel_configs = channel_configs(fields);
        let info = info_options(fields);
        Some(Self {
            username: username?,
            conn_id,
            channels: channels?,
            state_public_keys: state_public_keys?,
            fresh_user_state: fresh_user_state?,
            user_state: user_state?,
            channel_configs: channel_configs?,
            info: info?,
        })
    }
}

describe_table!(ConnectRequest);

/// A connection that was opened, its user and its channels.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectAnswer {
    /// The id of the opened connection. A page listens with this id.
    conn_id: ConnId,
    /// The whole state of the user.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    state: State,
    /// The name of the connected user.
    username: UserName,
    /// The part of the user's state that others may see.
    #[schema(value_type = BTreeMap<String, StateValue>)]
    public_state: State,
    /// The channels that the call named, sorted.
    channels: Vec<ChannelName>,
    /// These channels, in the detail that `info` asks for.
    channels_info: Info,
}

/// Opens a connection for a user.
///
/// The user and the channels are created if they do not exist. If the `conn_id` belongs to another
/// user, the answer is 422.
#[utoipa::path(
    tag = "users",
    operation_id = "connect",
    request_body(content = ConnectRequest,
        description = "The user who connects, and the channels of the connection."),
    responses(
        (status = 200, body = ConnectAnswer,
            description = "The connection is open, and a page can listen with its `conn_id`."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/connect")]
pub(crate) async fn connect(
    _: Signed,
    services: Data<Services>,
    Body(request): Body<ConnectRequest>,
) -> Result<LargeJson<ConnectAnswer>, ApiError> {
    connect_user(&services.broker, request).await.map(LargeJson)
}

/// Opens the connection, and describes its channels.
async fn connect_user(broker: &Broker, request: ConnectRequest) -> Result<ConnectAnswer, ApiError> {
    let ConnectRequest {
        username,
        mut channels,
        info,
        ..
    } = request;
    channels.sort_unstable();
    let conn_id = request.conn_id.unwrap_or_else(ConnId::random);
    let set = ConnectState {
        fresh_state: request.fresh_user_state,
        state: request.user_state,
        public_keys: Some(request.state_public_keys),
    };
    let connected = broker
        .connect(
            username.clone(),
            conn_id,
            set,
            channels.clone(),
            request.channel_configs,
        )
        .await?;
    let channels_info = broker.info(Some(channels.clone()), &info).await;
    let channels_info = channels_info.map_err(Refused::after_change)?;
    Ok(ConnectAnswer {
        conn_id,
        state: connected.state,
        username,
        public_state: connected.public_state,
        channels,
        channels_info,
    })
}
