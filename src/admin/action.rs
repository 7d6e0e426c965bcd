//! The calls that operators make from the panel. Most of them do the same as a call of the API. A
//! session can replace the signature.

use actix_web::post;
use actix_web::web::{Data, Json};
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::Info;
use channelstream_actors::protocol::message::Message;

use crate::answer::JsonText;
use crate::api::channel_config::{self, ChannelSettings, ConfigRequest};
use crate::api::disconnect::DisconnectRequest;
use crate::api::idempotency::IdempotentBody;
use crate::api::message::{self, MessageDraft, MessageRequest};
use crate::error::ApiError;
use crate::extractors::body::Body;
use crate::extractors::operator::Operator;
use crate::openapi::answers::{AdminErrors, CommonErrors, HttpsOnly, InvalidBody};
use crate::services::Services;
use crate::validation::describer::describe_table;
use crate::validation::fields::{Fields, Table, field};
use crate::validation::rules::any_text;

/// Publishes messages, as `POST /message` does.
///
/// An operator's session can replace the signature.
#[utoipa::path(
    tag = "operating",
    operation_id = "admin_message",
    request_body(content = Vec<MessageDraft>, description = "The messages to publish, as a list."),
    responses(
        (status = 200, description = "The messages as they were accepted.", body = Vec<Message>),
        CommonErrors, HttpsOnly, InvalidBody, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[post("/admin/message")]
pub(crate) async fn publish_messages(
    _: Operator,
    services: Data<Services>,
    call: IdempotentBody<MessageRequest>,
) -> Result<JsonText, ApiError> {
    message::publish(&services.broker, call).await
}

/// Sets the settings of channels, as `POST /channel_config` does.
///
/// The call is for operators, whose session can replace the signature.
#[utoipa::path(
    tag = "operating",
    operation_id = "admin_channel_config",
    request_body(
        content = BTreeMap<String, ChannelSettings>,
        description = "The settings to set, by channel name."
    ),
    responses(
        (
            status = 200,
            description = "The channels that were configured, with all their settings.",
            body = Info
        ),
        CommonErrors, HttpsOnly, InvalidBody, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[post("/admin/channel_config")]
pub(crate) async fn configure_channels(
    _: Operator,
    services: Data<Services>,
    Body(request): Body<ConfigRequest>,
) -> Result<Json<Info>, ApiError> {
    channel_config::configure(&services.broker, request)
        .await
        .map(Json)
}

/// Ends a connection, as `POST /disconnect` does.
///
/// The call is for operators, who need a session or a signature.
#[utoipa::path(
    tag = "operating",
    operation_id = "admin_disconnect",
    request_body(content = DisconnectRequest, description = "The connection to end."),
    responses(
        (
            status = 200,
            description = "True if the connection was ended, false if there was none.",
            body = bool,
            content_type = "application/json"
        ),
        CommonErrors, HttpsOnly, InvalidBody, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[post("/admin/disconnect")]
pub(crate) async fn end_connection(
    _: Operator,
    services: Data<Services>,
    Body(request): Body<DisconnectRequest>,
) -> Result<Json<bool>, ApiError> {
    Ok(Json(services.broker.disconnect(request.conn_id).await?))
}

/// The request of `/admin/forget_channel`.
#[derive(Debug)]
pub struct ForgetRequest {
    channel: ChannelName,
}

impl Table for ForgetRequest {
    type Value = Self;
    const ABOUT: &'static str = "A channel to forget, with everything that is stored for it.";

    fn visit_fields(fields: &mut impl Fields) -> Option<Self> {
        let channel = field("channel", "The name of the channel to forget.").example(r#""news""#);
        fields.required(channel, any_text()).map(|channel| Self {
            channel: ChannelName::new(channel),
        })
    }
}

describe_table!(ForgetRequest);

/// Forgets a channel and everything that is stored for it.
///
/// All connections leave the channel, and its settings, history and log are deleted. The answer
/// says whether there was such a channel.
#[utoipa::path(
    tag = "operating",
    operation_id = "forget_channel",
    request_body(content = ForgetRequest, description = "The channel to forget."),
    responses(
        (
            status = 200,
            description = "True if the channel was forgotten, false if there was none.",
            body = bool,
            content_type = "application/json"
        ),
        CommonErrors, HttpsOnly, InvalidBody, AdminErrors,
    ),
    security(("session" = []), ("signature" = [])),
)]
#[post("/admin/forget_channel")]
pub(crate) async fn forget_channel(
    _: Operator,
    services: Data<Services>,
    Body(request): Body<ForgetRequest>,
) -> Result<Json<bool>, ApiError> {
    let ForgetRequest { channel } = request;
    let is_forgotten = services.broker.forget_channel(channel.clone()).await?;
    if is_forgotten {
        log::info!(
            "the channel {:?} was forgotten at the request of an operator",
            channel.as_str()
        );
    }
    Ok(Json(is_forgotten))
}
