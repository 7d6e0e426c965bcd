//! What operators do from the panel. Each call does what the one of the API does, with a session in place of a signature.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse};
use channelstream_actors::broker::Broker;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::config::ChannelConfig;
use channelstream_actors::protocol::info::Info;
use channelstream_actors::protocol::message::Message;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::admin::session::Admin;
use crate::api::channel_config::{self, ConfigRequest};
use crate::api::disconnect::{self, DisconnectRequest};
use crate::api::message::{self, MessageDraft};
use crate::error::ApiError;
use crate::openapi::answers::AdminErrors;
use crate::validation::body::{Body, Checked, Facts, FromBody};
use crate::validation::rules::text;

/// What `POST /message` does.
#[utoipa::path(post, path = "/admin/message", operation_id = "admin_message", tag = "operating", request_body = Vec<MessageDraft>,
    responses((status = 200, description = "The messages as accepted", body = Vec<Message>), AdminErrors),
    security(("session" = []), ("signature" = [])))]
pub async fn publish(admin: Admin, request: HttpRequest, broker: Data<Broker>, payload: Payload) -> Result<HttpResponse, ApiError> {
    message::publish(admin.into(), request, broker, payload).await
}

/// What `POST /channel_config` does.
#[utoipa::path(post, path = "/admin/channel_config", operation_id = "admin_channel_config", tag = "operating",
    request_body = BTreeMap<String, ChannelConfig>, responses((status = 200, description = "The channels", body = Info), AdminErrors),
    security(("session" = []), ("signature" = [])))]
pub async fn configure(admin: Admin, broker: Data<Broker>, body: Body<ConfigRequest>) -> Result<Json<Info>, ApiError> {
    channel_config::configure(admin.into(), broker, body).await
}

/// What `POST /disconnect` does.
#[utoipa::path(post, path = "/admin/disconnect", operation_id = "admin_disconnect", tag = "operating", request_body = DisconnectRequest,
    responses((status = 200, description = "Whether there was one", body = bool), AdminErrors),
    security(("session" = []), ("signature" = [])))]
pub async fn disconnect(_: Admin, broker: Data<Broker>, body: Body<DisconnectRequest>) -> Json<bool> {
    disconnect::by_body(broker, body).await
}

/// Which channel.
#[derive(Debug, ToSchema)]
pub struct ForgetRequest {
    #[schema(example = "news")]
    channel: ChannelName,
}

impl FromBody for ForgetRequest {
    fn from_body(body: &RawValue, _: &Facts) -> Checked<Self> {
        Checked::object(body, |fields| fields.required("channel", text).map(|channel| Self { channel: ChannelName::new(channel) }))
    }
}

/// Takes all connections out of a channel and forgets it with its settings, history and log. Answers whether there was one.
#[utoipa::path(post, path = "/admin/forget_channel", operation_id = "forget_channel", tag = "operating", request_body = ForgetRequest,
    responses((status = 200, description = "Whether there was one", body = bool), AdminErrors),
    security(("session" = []), ("signature" = [])))]
pub async fn forget(_: Admin, broker: Data<Broker>, Body(request): Body<ForgetRequest>) -> Result<Json<bool>, ApiError> {
    let ForgetRequest { channel } = request;
    let is_forgotten = broker.forget_channel(channel.clone()).await?;
    if is_forgotten {
        log::info!("the channel {:?} was forgotten, as an operator asked", channel.as_str());
    }
    Ok(Json(is_forgotten))
}
