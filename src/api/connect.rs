//! `POST /connect`: makes a connection for a user.

use std::collections::{BTreeMap, HashMap};

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::core::user::{Connect, Values};
use channelstream_actors::name::{ChannelName, ConnId, UserName};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use channelstream_actors::protocol::state::{State, StateValue};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::info::{InfoQuery, info_options};
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody};
use crate::validation::fields::Fields;
use crate::validation::rules::{CHANNEL, USER, channel_configs, list, name, nested, state, uuid};

/// What the caller asks for.
#[derive(Debug, ToSchema)]
pub struct ConnectRequest {
    /// Who it is.
    #[schema(value_type = String, min_length = 1, max_length = 512, example = "alice")]
    username: UserName,
    /// An id for the connection; a new one where nothing is said. One that is the same user's already stays.
    #[schema(value_type = String, format = "uuid", required = false)]
    conn_id: Option<ConnId>,
    /// Channels it listens to, 1 to 256 characters each.
    #[schema(value_type = Vec<String>, required = false, example = json!(["news"]))]
    channels: Vec<ChannelName>,
    /// State keys that others may see; replaces those of before.
    #[schema(required = false, example = json!(["color"]))]
    state_public_keys: Vec<String>,
    /// State of a user who is not known yet.
    #[schema(value_type = BTreeMap<String, StateValue>, required = false, example = json!({"color": "red"}))]
    fresh_user_state: Values,
    /// State that is set on every connect, after the fresh one; makes no event.
    #[schema(value_type = BTreeMap<String, StateValue>, required = false)]
    user_state: Values,
    /// Of channels that this call creates.
    #[schema(value_type = BTreeMap<String, ChannelConfig>, required = false)]
    channel_configs: HashMap<ChannelName, ChannelConfig>,
    /// How much to tell of the channels.
    #[schema(value_type = InfoQuery, required = false)]
    info: InfoOptions,
}

impl FromBody for ConnectRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| {
            // Before 0.7 the field was `user` (`protocol.md` §11).
            let username = if fields.has("username") || !fields.has("user") { "username" } else { "user" };
            let username = fields.required(username, name(USER));
            let conn_id = fields.optional("conn_id", uuid);
            let channels = fields.or("channels", Vec::new, list(name(CHANNEL)));
            let state_public_keys = fields.or("state_public_keys", Vec::new, list(name(CHANNEL)));
            let fresh_user_state = fields.or("fresh_user_state", Values::default, state);
            let user_state = fields.or("user_state", Values::default, state);
            let channel_configs = configs(fields);
            let info = fields.or("info", InfoOptions::default, nested(info_options));
            Some(Self {
                username: username?,
                conn_id: conn_id?,
                channels: channels?,
                state_public_keys: state_public_keys?,
                fresh_user_state: fresh_user_state?,
                user_state: user_state?,
                channel_configs: channel_configs?,
                info: info?,
            })
        })
    }
}

/// The field `channel_configs`, by channel.
pub(super) fn configs(fields: &mut Fields<'_>) -> Option<HashMap<ChannelName, ChannelConfig>> {
    let configs = fields.or("channel_configs", BTreeMap::new, channel_configs)?;
    Some(configs.into_iter().map(|(channel, config)| (ChannelName::new(channel), config)).collect())
}

/// The new connection, its user and its channels.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConnectAnswer {
    conn_id: ConnId,
    #[schema(value_type = BTreeMap<String, StateValue>)]
    state: State,
    username: UserName,
    #[schema(value_type = BTreeMap<String, StateValue>)]
    public_state: State,
    channels: Vec<ChannelName>,
    channels_info: Info,
}

/// Makes a connection, the user if new, and the channels. Answers 422 when the id is another user's.
#[utoipa::path(post, path = "/connect", tag = "users", request_body = ConnectRequest,
    responses((status = 200, description = "The connection; a page listens with its `conn_id`", body = ConnectAnswer), SignedErrors), security(("signature" = [])))]
pub async fn connect(
    _: Signed,
    broker: Data<Broker>,
    Body(request): Body<ConnectRequest>,
) -> Result<Json<ConnectAnswer>, ApiError> {
    let ConnectRequest { username, mut channels, info, .. } = request;
    channels.sort_unstable();
    let conn_id = request.conn_id.unwrap_or_else(ConnId::random);
    let connect = Connect {
        fresh_state: request.fresh_user_state,
        state: request.user_state,
        public_keys: request.state_public_keys,
        channels: channels.clone(),
    };
    let connected = broker.connect(username.clone(), conn_id, connect, request.channel_configs).await?;
    let channels_info = broker.info(Some(channels.clone()), &info).await;
    let (state, public_state) = (connected.state, connected.public_state);
    Ok(Json(ConnectAnswer { conn_id, state, username, public_state, channels, channels_info }))
}
