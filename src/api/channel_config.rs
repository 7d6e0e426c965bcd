//! `POST /channel_config`: configures channels.

use std::collections::BTreeMap;

use actix_web::web::{Data, Json};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::{Info, InfoOptions};
use serde_json::value::RawValue;

use crate::error::ApiError;
use crate::openapi::answers::SignedErrors;
use crate::signature::Signed;
use crate::validation::body::{Body, Checked, Facts, FromBody};
use crate::validation::errors::Errors;
use crate::validation::fields::{entries, not_null};
use crate::validation::rules::channel_config;

/// What the caller asks for: configurations by channel, whose names are not looked at.
#[derive(Debug)]
pub struct ConfigRequest(BTreeMap<ChannelName, ChannelConfig>);

impl FromBody for ConfigRequest {
    /// The error is that of the first wrong channel and stands alone (`protocol.md` §3).
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        let Some(entries) = entries(body) else {
            return Checked::by(Err(Errors::schema("Invalid input type.")));
        };
        let config = |(channel, value)| match not_null(value, channel_config) {
            Ok(config) => Ok((ChannelName::new(channel), config)),
            Err(errors @ Errors::Parts(_)) => Err(errors),
            Err(errors) => Err(Errors::part("_schema", errors)),
        };
        Checked::by(entries.into_iter().map(config).collect::<Result<_, _>>().map(Self))
    }
}

/// Sets the configuration of channels, which are made where they do not exist. Answers what they are like, without history and users.
#[utoipa::path(post, path = "/channel_config", tag = "channels", request_body = BTreeMap<String, ChannelConfig>,
    responses((status = 200, description = "The channels", body = Info), SignedErrors), security(("signature" = [])))]
pub async fn configure(
    _: Signed,
    broker: Data<Broker>,
    Body(ConfigRequest(configs)): Body<ConfigRequest>,
) -> Result<Json<Info>, ApiError> {
    let channels = configs.keys().cloned().collect();
    broker.configure(configs).await?;
    let options = InfoOptions { include_history: false, include_users: false, ..InfoOptions::default() };
    Ok(Json(broker.info(Some(channels), &options).await))
}
