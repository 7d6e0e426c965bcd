//! `POST /unsubscribe`: unsubscribes a connection from channels.

use actix_web::post;
use actix_web::web::Data;
use channelstream_actors::name::ChannelName;
use channelstream_actors::protocol::info::Info;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::LargeJson;
use crate::api::subscribe::{SubscribeQuery, SubscribeRequest, describe};
use crate::error::ApiError;
use crate::extractors::body::Body;
use crate::extractors::signed::Signed;
use crate::openapi::answers::{CommonErrors, HttpsOnly, InvalidBody, SignedErrors};
use crate::services::Services;

/// The channels of a connection after it left some of them.
#[derive(Debug, Serialize, ToSchema)]
pub struct UnsubscribeAnswer {
    /// The channels that the connection still listens to, sorted.
    channels: Vec<ChannelName>,
    /// The remaining channels, in the detail that `info` asks for.
    channels_info: Info,
    /// The channels that the connection left, sorted.
    unsubscribed_from: Vec<ChannelName>,
}

/// Unsubscribes a connection from channels.
///
/// Channels that the connection is not subscribed to are ignored.
#[utoipa::path(
    tag = "users",
    operation_id = "unsubscribe",
    params(SubscribeQuery),
    request_body(content = SubscribeRequest,
        description = "The connection, and the channels to leave."),
    responses(
        (status = 200, body = UnsubscribeAnswer,
            description = "The remaining channels of the connection, and the channels that it \
                           left."),
        CommonErrors, HttpsOnly, InvalidBody, SignedErrors,
    ),
    security(("signature" = [])),
)]
#[post("/unsubscribe")]
pub(crate) async fn unsubscribe(
    _: Signed,
    services: Data<Services>,
    Body(request): Body<SubscribeRequest>,
) -> Result<LargeJson<UnsubscribeAnswer>, ApiError> {
    let unsubscribed = services
        .broker
        .unsubscribe(request.conn_id, request.channels);
    let (subscriptions, channels_info) =
        describe(&services.broker, unsubscribed, &request.info).await?;
    Ok(LargeJson(UnsubscribeAnswer {
        channels: subscriptions.channels,
        channels_info,
        unsubscribed_from: subscriptions.changed,
    }))
}
