//! What operators do from the panel. Each call does what the one of the API does, with a session in place of a signature.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::Info;
use serde_json::value::RawValue;

use crate::admin::session::Admin;
use crate::api::channel_config::{self, ConfigRequest};
use crate::api::disconnect::{self, DisconnectRequest};
use crate::api::message;
use crate::error::ApiError;
use crate::validation::body::{Body, Checked, FromBody};
use crate::validation::rules::text;

/// `POST /admin/message`.
pub async fn publish(admin: Admin, request: HttpRequest, broker: Data<Broker>, payload: Payload) -> Result<HttpResponse, ApiError> {
    message::publish(admin.into(), request, broker, payload).await
}

/// `POST /admin/channel_config`.
pub async fn configure(admin: Admin, broker: Data<Broker>, body: Body<ConfigRequest>) -> Result<Json<Info>, ApiError> {
    channel_config::configure(admin.into(), broker, body).await
}

/// `POST /admin/disconnect`.
pub async fn disconnect(_: Admin, broker: Data<Broker>, body: Body<DisconnectRequest>) -> Json<bool> {
    disconnect::by_body(broker, body).await
}

/// Which channel.
#[derive(Debug)]
pub struct ForgetRequest(ChannelName);

impl FromBody for ForgetRequest {
    fn from_body(body: &RawValue, _: &HttpRequest) -> Checked<Self> {
        Checked::object(body, |fields| fields.required("channel", text).map(ChannelName::new).map(Self))
    }
}

/// `POST /admin/forget_channel`: takes all connections out of the channel `channel` and forgets it with all it keeps. Answers whether there
/// was one.
pub async fn forget(
    _: Admin,
    broker: Data<Broker>,
    Body(ForgetRequest(channel)): Body<ForgetRequest>,
) -> Result<Json<bool>, ApiError> {
    let is_forgotten = broker.forget_channel(channel.clone()).await?;
    if is_forgotten {
        log::info!("the channel {:?} was forgotten, as an operator asked", channel.as_str());
    }
    Ok(Json(is_forgotten))
}
