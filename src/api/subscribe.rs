//! `POST /subscribe`: puts a connection into channels.

use std::collections::HashMap;

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::{ChannelName, ConnId};
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::api::connect::configs;
use crate::api::info::{InfoQuery, info_options};
use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody, UNKNOWN_CONNECTION};
use crate::validation::fields::{Fields, Mention};
use crate::validation::rules::{CHANNEL, filled_list, name, nested, parse_uuid, uuid};

/// What the caller asks for; the same for `/unsubscribe`.
#[derive(Debug, ToSchema)]
pub struct SubscribeRequest {
    /// A connection that there is; may come in the query instead.
    #[schema(value_type = String, format = "uuid")]
    pub(super) conn_id: ConnId,
    /// At least one, 1 to 256 characters each.
    #[schema(value_type = Vec<String>, min_items = 1, example = json!(["news"]))]
    pub(super) channels: Vec<ChannelName>,
    /// Of channels that this call creates.
    #[schema(value_type = BTreeMap<String, ChannelConfig>, required = false)]
    pub(super) channel_configs: HashMap<ChannelName, ChannelConfig>,
    /// How much to tell of the channels.
    #[schema(value_type = InfoQuery, required = false)]
    pub(super) info: InfoOptions,
}

impl FromBody for SubscribeRequest {
    fn from_body(body: &RawValue, facts: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| {
            let conn_id = known_connection(fields, facts);
            let channels = fields.required("channels", filled_list(name(CHANNEL)));
            let channel_configs = configs(fields);
            let info = fields.or("info", InfoOptions::default, nested(info_options));
            Some(Self { conn_id: conn_id?, channels: channels?, channel_configs: channel_configs?, info: info? })
        })
    }
}

/// A `conn_id` in the body counts before one in the query; absent from both it is null.
fn known_connection(fields: &mut Fields<'_>, facts: &Facts) -> Option<ConnId> {
    let conn_id: ConnId = if fields.has("conn_id") {
        fields.required("conn_id", uuid)?
    } else {
        match &facts.conn_id {
            None => fields.fail("conn_id", "Field may not be null.")?,
            Some(text) => match parse_uuid(text) {
                None => fields.fail("conn_id", "Not a valid UUID.")?,
                Some(uuid) => uuid.into(),
            },
        }
    };
    fields.mention("conn_id", Mention::Connection(conn_id));
    Some(conn_id)
}

/// All channels of the connection, and those it was added to.
#[derive(Debug, Serialize, ToSchema)]
pub struct SubscribeAnswer {
    channels: Vec<ChannelName>,
    channels_info: Info,
    subscribed_to: Vec<ChannelName>,
}

/// Puts a connection into channels, which are made where they do not exist.
#[utoipa::path(post, path = "/subscribe", tag = "users", request_body = SubscribeRequest,
    responses((status = 200, description = "All channels of the connection, and those it was added to", body = SubscribeAnswer), SignedErrors), security(("signature" = [])))]
pub async fn subscribe(
    _: Signed,
    broker: Data<Broker>,
    Body(request): Body<SubscribeRequest>,
) -> Result<Json<SubscribeAnswer>, ApiError> {
    let SubscribeRequest { conn_id, channels, channel_configs, info } = request;
    let subscriptions = broker.subscribe(conn_id, channels, channel_configs).await;
    let subscriptions = subscriptions.map_err(|error| ApiError::not_done(error, "conn_id", UNKNOWN_CONNECTION))?;
    let channels_info = broker.info(Some(subscriptions.channels.clone()), &info).await;
    Ok(Json(SubscribeAnswer { channels: subscriptions.channels, channels_info, subscribed_to: subscriptions.changed }))
}
